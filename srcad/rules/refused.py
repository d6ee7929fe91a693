"""What is neither differentiated nor constant: the functions of NumPy that have no derivative rule, and why."""

from __future__ import annotations

import numpy as np

from srcad.rules.registry import available, refused

IN_PLACE = "it writes into its argument, which has no derivative; write `x[index] = value`"
REASONS = {
    IN_PLACE: "copyto fill_diagonal place put put_along_axis putmask",
    "it calls a function of yours; write the loop, or a comprehension": """
        apply_over_axes fromfunction frompyfunc fromiter
    """,
    "how many values are distinct may change; sort, and compare neighbours, or index with its result": """
        intersect1d setdiff1d setxor1d union1d unique unique_all unique_counts unique_inverse unique_values
    """,
    "counts are constant, edges are not; use np.bincount with weights": """
        histogram histogram2d histogram_bin_edges histogramdd
    """,
    "the roots of a polynomial may be complex; use np.linalg.eigvals of its companion matrix": "roots",
    "it returns a quotient and a remainder whose lengths depend on values": "polydiv",
    "its objects are no arrays; use np.array and the functions of NumPy": """
        asmatrix bmat broadcast char chararray flatiter matrix memmap ndenumerate ndindex nditer nested_iters poly1d
        recarray record rec
    """,
    "complex numbers have no order; sort their real parts, or by np.argsort(np.abs(z))": "sort_complex",
    "it makes an array of memory or of a buffer that is not seen to depend on anything": "from_dlpack frombuffer ndarray",
    "its type is not one that derivatives are taken in": """
        clongdouble complex192 complex256 complexfloating float128 float96 longdouble
        generic number inexact floating flexible
    """,
    "use np.sort(a, axis=0)": "msort",
    "an array of Python objects has no derivative": "object_ void",
}
for reason, names in REASONS.items():
    refused(reason, *available(np, *names.split()))
