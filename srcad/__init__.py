"""srcad: gradients of plain Python and NumPy code, as Python code."""

from srcad import rules  # noqa: F401 - declares the rules
from srcad.api import grad, stop_gradient, value_and_grad, vjp
from srcad.errors import GradientMismatch, KindError, MissingRule, SourceUnavailable, SrcadError, Unsupported
from srcad.forward_mode import jvp

__all__ = [
    "GradientMismatch", "KindError", "MissingRule", "SourceUnavailable", "SrcadError", "Unsupported", "grad",
    "jvp", "stop_gradient", "value_and_grad", "vjp",
]
__version__ = "0.1.0"
