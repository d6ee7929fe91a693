"""The functions that the methods and attributes of arrays stand for."""

from __future__ import annotations

import numpy as np

from srcad.rules.registry import ATTRIBUTES, METHODS, VARIADIC_METHODS, available

FUNCTIONS = """
    all any argmax argmin argpartition argsort clip copy cumprod cumsum diagonal dot max mean min nonzero prod ptp ravel
    repeat reshape round searchsorted squeeze std sum swapaxes take trace transpose var
"""
"""Methods that have the name, and after the array the parameters, of a function."""

METHODS.update({name: getattr(np, name) for name in FUNCTIONS.split() if hasattr(np.ndarray, name)})
METHODS.update({name: getattr(np.ndarray, name) for name in ("astype", "flatten", "item", "tolist")})
METHODS.update({name: np.conjugate for name in ("conj", "conjugate")})
VARIADIC_METHODS.update({"reshape", "transpose"})

ATTRIBUTES.update({"T": np.transpose, "real": np.real, "imag": np.imag})
ATTRIBUTES.update(zip(["mT"], available(np, "matrix_transpose")))
