"""srcad: gradients of plain Python and NumPy code, as Python code."""

from srcad import rules  # noqa: F401 - declares the rules
from srcad.api import grad, value_and_grad, vjp
from srcad.checkpointing import checkpoint
from srcad.errors import (
    GradientMismatch,
    KindError,
    MissingRule,
    OpaqueWarning,
    SourceUnavailable,
    SrcadError,
    Unsupported,
)
from srcad.forward_mode import jvp
from srcad.operators import hessian, hvp, jacfwd, jacobian, jacrev, linearize
from srcad.runtime import stop_gradient
from srcad.testing import check_grads
from srcad.user_rules import check_rule, elementwise, jvp_rule, opaque, vjp_rule

__all__ = [
    "GradientMismatch",
    "KindError",
    "MissingRule",
    "OpaqueWarning",
    "SourceUnavailable",
    "SrcadError",
    "Unsupported",
    "check_grads",
    "check_rule",
    "checkpoint",
    "elementwise",
    "grad",
    "hessian",
    "hvp",
    "jacfwd",
    "jacobian",
    "jacrev",
    "jvp",
    "jvp_rule",
    "linearize",
    "opaque",
    "stop_gradient",
    "value_and_grad",
    "vjp",
    "vjp_rule",
]
__version__ = "0.1.0"
