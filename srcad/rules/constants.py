"""Functions whose derivative is zero by nature: what they return is discrete, or does not depend on the values."""

from __future__ import annotations

import operator

import numpy as np

from srcad import runtime
from srcad.rules.registry import available, constant

ROUNDINGS = "around ceil fix floor floor_divide rint round round_ sign signbit spacing trunc"
POSITIONS = """
    argmax argmin argpartition argsort argwhere count_nonzero diag_indices diag_indices_from digitize flatnonzero
    indices ix_ lexsort mask_indices nanargmax nanargmin nonzero ravel_multi_index searchsorted tril_indices
    tril_indices_from triu_indices triu_indices_from unravel_index
"""
TESTS = """
    all allclose alltrue any array_equal array_equiv equal greater greater_equal in1d iscomplex iscomplexobj isclose isfinite
    isin isinf isnan isnat isneginf isposinf isreal isrealobj isscalar less less_equal logical_and logical_not
    logical_or logical_xor may_share_memory not_equal shares_memory sometrue
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
CREATIONS = """
    bartlett blackman empty empty_like eye fromfile fromregex fromstring genfromtxt hamming hanning identity load loadtxt
    ones ones_like tri zeros zeros_like
"""
TEXTS = """
    array2string array_repr array_str base_repr binary_repr bytes_ character format_float_positional format_float_scientific
    info mintypecode str_ typename
"""
DATES = """
    busday_count busday_offset busdaycalendar datetime64 datetime_as_string datetime_data is_busday timedelta64
"""
TYPES = """
    byte common_type integer intc isdtype isfortran issubclass_ issctype longlong maximum_sctype obj2sctype sctype2char short
    signedinteger ubyte uintc uintp ulonglong unsignedinteger ushort
"""
SETTINGS = """
    einsum_path get_include get_printoptions getbufsize geterr geterrcall printoptions save savetxt savez savez_compressed
    set_printoptions setbufsize seterr seterrcall show_config show_runtime test ufunc add_newdoc add_newdoc_ufunc
    add_docstring deprecate deprecate_with_doc disp lookfor source who byte_bounds DataSource RankWarning safe_eval
    set_numeric_ops set_string_function compare_chararrays find_common_type tracemalloc_domain recfromcsv
    recfromtxt format_parser geterrobj seterrobj get_array_wrap issubsctype fastCopyAndTranspose asfarray
"""

for names in (ROUNDINGS, POSITIONS, TESTS, INTEGERS, SHAPES, CREATIONS, TEXTS, DATES, TYPES, SETTINGS):
    constant(*available(np, *names.split()))
constant(np.linalg.matrix_rank, np.linalg.LinAlgError, np.linalg.test, np.errstate, np.fft.test)
constant(np.fft.fftfreq, np.fft.rfftfreq)
constant(operator.eq, operator.ge, operator.gt, operator.le, operator.lt, operator.ne, operator.not_, operator.truth)
constant(runtime.plain_operand, runtime.real_operand)
constant(runtime.may_repeat, runtime.share, runtime.still, runtime.wins, runtime.within, runtime.zeros_like)
