"""The derivative rules. Importing the package declares all of them."""

from srcad.rules import (  # noqa: F401
    constants, elementwise, helpers, indexing, joining, linalg, mathematics, methods, operators, reductions, shaping,
    placing, signals, statistics,
)  # fmt: skip
