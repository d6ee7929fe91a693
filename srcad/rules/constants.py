"""Functions whose derivative is zero by nature: what they return is discrete, or does not depend on the values."""

from __future__ import annotations

import operator

import numpy as np

from srcad import runtime
from srcad.rules.registry import available, constant

ROUNDINGS = "around ceil fix floor floor_divide rint round sign signbit spacing trunc"
POSITIONS = """
    argmax argmin argpartition argsort argwhere count_nonzero diag_indices diag_indices_from digitize flatnonzero
    indices ix_ lexsort mask_indices nanargmax nanargmin nonzero ravel_multi_index searchsorted tril_indices
    tril_indices_from triu_indices triu_indices_from unravel_index
"""
TESTS = """
    all allclose any array_equal array_equiv equal greater greater_equal in1d iscomplex iscomplexobj isclose isfinite
    isin isinf isnan isnat isneginf isposinf isreal isrealobj isscalar less less_equal logical_and logical_not
    logical_or logical_xor may_share_memory not_equal shares_memory
"""
INTEGERS = """
    bitwise_and bitwise_count bitwise_invert bitwise_left_shift bitwise_not bitwise_or bitwise_right_shift bitwise_xor
    bool_ gcd int16 int32 int64 int8 intp invert lcm left_shift packbits right_shift uint16 uint32 uint64 uint8
    unpackbits
"""
SHAPES = """
    broadcast_shapes can_cast dtype finfo iinfo issubdtype iterable min_scalar_type ndim promote_types result_type shape
    size
"""
CREATIONS = "empty empty_like eye identity ones ones_like tri zeros zeros_like"

for names in (ROUNDINGS, POSITIONS, TESTS, INTEGERS, SHAPES, CREATIONS):
    constant(*available(np, *names.split()))
constant(np.linalg.matrix_rank, np.errstate)
constant(operator.eq, operator.ge, operator.gt, operator.le, operator.lt, operator.ne, operator.not_, operator.truth)
constant(runtime.may_repeat, runtime.share, runtime.still, runtime.wins)
