"""The derivative rules. Importing the package declares all of them."""

from srcad.rules import (  # noqa: F401
    constants, decompositions, elementwise, helpers, indexing, joining, linalg, mathematics, methods, operators, placing,
    reductions, shaping, signals, statistics,
)  # fmt: skip
