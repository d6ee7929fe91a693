"""srcad: gradients of plain Python and NumPy code, as Python code."""

from srcad import rules  # noqa: F401 - declares the rules
from srcad.api import grad, value_and_grad, vjp
from srcad.errors import GradientMismatch, KindError, MissingRule, SourceUnavailable, SrcadError, Unsupported
from srcad.forward_mode import jvp
from srcad.operators import hessian, hvp, jacfwd, jacobian, jacrev, linearize
from srcad.runtime import stop_gradient
from srcad.testing import check_grads

__all__ = [
    "GradientMismatch",
    "KindError",
    "MissingRule",
    "SourceUnavailable",
    "SrcadError",
    "Unsupported",
    "check_grads",
    "grad",
    "hessian",
    "hvp",
    "jacfwd",
    "jacobian",
    "jacrev",
    "jvp",
    "linearize",
    "stop_gradient",
    "value_and_grad",
    "vjp",
]
__version__ = "0.1.0"
