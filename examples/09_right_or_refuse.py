"""Right or refuse: what srcad cannot differentiate it says, with the line, before anything is computed.

Never a wrong number, never a silent zero. The message names the construct and what to do: here a function without a
derivative rule, an integer used as an index, and a result that is no single number.
"""

import numpy as np

from srcad import SrcadError, grad, stop_gradient


def distinct(w, x):
    r = np.abs(x * w - 1.0)
    return np.sum(np.unique(r))


def pick(k, x):
    return x[k] ** 2


def squares(x):
    return x * x


x = np.array([0.5, 1.0, 2.0, 4.0])
attempts = {
    "np.unique has no rule": (distinct, (np.ones(4), x)),
    "an index has no slope": (pick, (2, x)),
    "a vector is no number": (squares, (x,)),
}
for title, (f, args) in attempts.items():
    print(f"--- {title}")
    try:
        print(grad(f)(*args))
    except SrcadError as error:
        print(f"{type(error).__name__}: {error}\n")


def distinct_by_place(w, x):
    """The same with the choice held constant: which entries are kept has no derivative, what they are has."""
    r = np.abs(x * w - 1.0)
    _, first = np.unique(stop_gradient(r), return_index=True)
    return np.sum(r[first])


print("--- with the choice held constant")
print(grad(distinct_by_place)(np.ones(4), x))
