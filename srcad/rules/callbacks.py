"""Functions of NumPy that call a function of the user's: said in plain Python, which is differentiated like a helper."""

from __future__ import annotations

import numpy as np

from srcad import prelude
from srcad.rules.registry import TAKEN_APART, says

says(np.apply_along_axis, "func1d", "arr", "args", "kwargs")(prelude.apply_along_axis)
TAKEN_APART[np.vectorize] = ("what pyfunc is called with",)
TAKEN_APART[np.piecewise] = ("x", "funclist")
