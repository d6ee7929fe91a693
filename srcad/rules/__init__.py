"""The derivative rules. Importing the package declares all of them."""

from srcad.rules import (  # noqa: F401
    callbacks, constants, decompositions, elementwise, fourier, helpers, indexing, joining, linalg, mathematics, methods,
    operators, placing, reductions, refused, shaping, signals, statistics,
)  # fmt: skip
from srcad.rules import complexes  # noqa: F401, I001 - it names rules of all the others
