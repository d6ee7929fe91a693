"""The helpers that generated code calls for functions of SciPy."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np

from srcad.runtime_arrays import pad_adjoint

# ---------------------------------------------------------------------------------------------------------------
# Matrices


def frechet(function, a, e):
    """The derivative of a function of a matrix at `a`, in the direction `e`, by the block matrix [[a, e], [0, a]]."""
    n = a.shape[-1]
    block = np.zeros((*a.shape[:-2], 2 * n, 2 * n), np.result_type(a, e))
    block[..., :n, :n] = block[..., n:, n:] = a
    block[..., :n, n:] = e
    result = function(block)[..., :n, n:]
    if np.iscomplexobj(result) and not np.iscomplexobj(block):
        if np.abs(result.imag).max() > 1e-8 * np.abs(result.real).max():
            raise ValueError(f"{function.__name__} of this matrix is complex: its derivative is not supported yet")
        result = result.real
    return result


def lu_factors(low, up):
    """The factors of `scipy.linalg.lu` as square matrices, completed by parts of the identity."""
    (m, k), n = low.shape[-2:], up.shape[-1]
    left, right = (np.broadcast_to(np.eye(r, dtype=low.dtype), (*low.shape[:-2], r, r)).copy() for r in (m, n))
    left[..., :, :k], right[..., :k, :] = low, up
    return left, right


def lu_adjoint(low_bar, up_bar, turn, low, up):
    """The adjoint of a in `turn, low, up = scipy.linalg.lu(a)` (de Hoog, Anderssen & Lukas, "Differentiation of matrix
    functionals using triangular factorization", Mathematics of Computation 80, 2011)."""
    left, right = lu_factors(low, up)
    m, n, k = left.shape[-1], right.shape[-1], low.shape[-1]
    bars = np.zeros((2, *low.shape[:-2], m, n), low.dtype)
    bars[0][..., :, :k], bars[1][..., :k, :] = low_bar, up_bar
    inner = np.tril(left.swapaxes(-1, -2) @ bars[0], -1) + np.triu(bars[1] @ right.swapaxes(-1, -2))
    outer = np.linalg.solve(left.swapaxes(-1, -2), inner)
    return turn @ np.linalg.solve(right, outer.swapaxes(-1, -2)).swapaxes(-1, -2)


def lu_tangent(a_dot, turn, low, up):
    """The tangents of `turn, low, up = scipy.linalg.lu(a)`."""
    left, right = lu_factors(low, up)
    k = low.shape[-1]
    inner = np.linalg.solve(left, turn.swapaxes(-1, -2) @ a_dot)
    inner = np.linalg.solve(right.swapaxes(-1, -2), inner.swapaxes(-1, -2)).swapaxes(-1, -2)
    return np.zeros_like(turn), (left @ np.tril(inner, -1))[..., :, :k], (np.triu(inner) @ right)[..., :k, :]


def toeplitz_adjoint(y_bar, k, symmetric):
    """The adjoint of the first column (k = 0) or row (1) of `scipy.linalg.toeplitz`: the sums of the diagonals."""
    n, m = y_bar.shape
    column = np.array([np.trace(y_bar, -i) for i in range(n)], y_bar.dtype)
    row = np.array([np.trace(y_bar, i) for i in range(m)], y_bar.dtype)
    row[0] = 0
    if symmetric:
        return column + row
    return row if k else column


def circulant_adjoint(y_bar):
    """The adjoint of the column of `scipy.linalg.circulant`."""
    n = len(y_bar)
    j = np.arange(n)
    return np.array([y_bar[(i + j) % n, j].sum() for i in range(n)], y_bar.dtype)


# ---------------------------------------------------------------------------------------------------------------
# Convolutions of several axes


def in_full_of(y_bar, first, second, mode):
    """`y_bar`, of the shape that a convolution of arrays of these shapes has in `mode`, in that of the full one.

    In the mode "later", that of `correlate2d`, the middle of an even number of items is the later one.
    """
    if mode == "full":
        return y_bar
    full = np.zeros([n + m - 1 for n, m in zip(first, second)], y_bar.dtype)
    if mode in ("same", "later"):
        starts = [(m - 1 + (mode == "later")) // 2 for m in second]
    else:
        starts = [min(n, m) - 1 for n, m in zip(first, second)]
    full[tuple(slice(s, s + n) for s, n in zip(starts, y_bar.shape))] = y_bar
    return full


def turned(x):
    """`x` with all axes reversed."""
    return x[(slice(None, None, -1),) * x.ndim]


# ---------------------------------------------------------------------------------------------------------------
# Filters


def lfilter_adjoint(y_bar, y, b, a, x, axis, k):
    """The adjoint of b (k = 0), a (1) or x (2) in `y = scipy.signal.lfilter(b, a, x, axis)`."""
    from scipy.signal import lfilter

    back = np.flip(lfilter([1.0], a, np.flip(y_bar, axis), axis), axis).astype(y_bar.dtype)
    if k == 2:
        return np.flip(lfilter(b, a, np.flip(y_bar, axis), axis), axis)
    source, sign, count = (x, 1, len(b)) if k == 0 else (y, -1, len(a))
    back, source = np.moveaxis(back, axis, 0), np.moveaxis(source, axis, 0)
    n = len(source)
    return np.array([sign * np.sum(back[i:] * source[: max(n - i, 0)]) for i in range(count)], y_bar.dtype)


def lfilter_tangent(dots, y, b, a, x, axis):
    """The tangent of `y = scipy.signal.lfilter(b, a, x, axis)`."""
    from scipy.signal import lfilter

    b_dot, a_dot, x_dot = dots
    change = np.zeros_like(y)
    if b_dot is not None:
        change = change + lfilter(b_dot, [1.0], x, axis)
    if a_dot is not None:
        change = change - lfilter(a_dot, [1.0], y, axis)
    y_dot = lfilter([1.0], a, change, axis)
    return y_dot if x_dot is None else y_dot + lfilter(b, a, x_dot, axis)


PADDING = {"reflect": "symmetric", "mirror": "reflect", "nearest": "edge", "constant": "constant", "wrap": "wrap"}
PADDING |= {"grid-mirror": "symmetric", "grid-constant": "constant", "grid-wrap": "wrap"}
"""The modes of `scipy.ndimage` by the names that `np.pad` has for them."""


def filter_adjoint(y_bar, transposed, radii, mode):
    """The adjoint of a linear filter that reads `radii` items beyond an array, which `mode` tells how to continue.

    `transposed(x)` is the transposed filter of an array that zeros continue.
    """
    if mode not in PADDING:
        raise ValueError(f"a filter with different modes for different axes, {mode!r}, has no adjoint here")
    widths = [(int(r), int(r)) for r in radii]
    return pad_adjoint(transposed(np.pad(y_bar, widths)), y_bar.shape, widths, PADDING[mode])


def kernel_adjoint(y_bar, weights, mode, is_turned):
    """The adjoint of x in `scipy.ndimage.correlate(x, weights, mode=mode)`, or in `convolve`."""
    from scipy.ndimage import convolve, correlate

    if not np.all(np.array(weights.shape) % 2):
        raise ValueError("the adjoint of a filter needs odd extents of the weights")
    opposite = correlate if is_turned else convolve
    radii = np.array(weights.shape) // 2
    return filter_adjoint(y_bar, lambda x: opposite(x, weights, mode="constant"), radii, mode)


def weights_adjoint(y_bar, x, weights, mode, cval, is_turned):
    """The adjoint of the weights in `scipy.ndimage.correlate(x, weights, mode=mode)`, or in `convolve`."""
    from scipy.signal import correlate

    widths = [(int(n) // 2, int(n) // 2) for n in weights.shape]
    options = {"constant_values": cval} if PADDING[mode] == "constant" else {}
    w_bar = correlate(np.pad(x, widths, PADDING[mode], **options), y_bar, mode="valid", method="direct")
    return turned(w_bar) if is_turned else w_bar


def gaussian_adjoint(y_bar, sigma, order, mode, truncate):
    """The adjoint of `scipy.ndimage.gaussian_filter`; one of odd order changes its sign."""
    from scipy.ndimage import gaussian_filter

    sigmas, orders = np.broadcast_to(sigma, (y_bar.ndim,)), np.broadcast_to(order, (y_bar.ndim,))
    radii = [int(truncate * s + 0.5) for s in sigmas]
    sign = (-1) ** int(np.sum(orders))

    def transposed(x):
        return sign * gaussian_filter(x, tuple(sigmas), tuple(orders), mode="constant", truncate=truncate)

    return filter_adjoint(y_bar, transposed, radii, mode)


def uniform_adjoint(y_bar, size, mode):
    """The adjoint of `scipy.ndimage.uniform_filter`."""
    from scipy.ndimage import uniform_filter

    sizes = np.broadcast_to(size, (y_bar.ndim,))
    if not np.all(sizes % 2):
        raise ValueError("the adjoint of a filter needs odd sizes")
    return filter_adjoint(y_bar, lambda x: uniform_filter(x, tuple(sizes), mode="constant"), sizes // 2, mode)


# ---------------------------------------------------------------------------------------------------------------
# Solvers


class Details:
    """What SciPy says of how a solver has come to its result."""

    def __init__(self, found):
        self.found = found


def solved(solver, *args, **kwargs):
    """What a function of SciPy returns: for programs in which a call of it would be differentiated."""
    return solver(*args, **kwargs)


def no_solution(x, far: bool) -> None:
    if far:
        raise ValueError(
            f"{x} is no solution: an exact one is too far away for the derivative of that to hold here; let the solver go on"
        )


def zero_at(error, slopes, x):
    """`error`, which is F(x) where `slopes` is the Jacobian of F. Raises ValueError where x is not near to a zero of F, as
    far as the next step of Newton's method tells: what is no solution has not the derivative of one."""
    step = np.linalg.solve(slopes, error) if np.ndim(slopes) == 2 else error / slopes
    no_solution(x, not np.all(np.abs(step) <= 1e-3 * (1.0 + np.max(np.abs(x), initial=0.0))))
    return error


def tupled(args) -> tuple:
    """The arguments of a function, as SciPy takes them; where they are kept they may have become a list."""
    return tuple(args)


def between_bounds(found, bounds):
    """The minimum that was found. Raises ValueError where it is at an end of the interval `bounds`, as far as can be
    told: the slope is not zero there."""
    if bounds is not None:
        low, high = bounds
        if min(found.x - low, high - found.x) < 1e-4 * (high - low):
            raise ValueError(f"the minimum at {found.x} is at a bound, {bounds}: its derivative is not that of a minimum")
    return found


def each_by_itself(slopes, along, direction):
    """`slopes`, if they are the derivatives of a function of each item by itself: if its derivative along `direction` is
    `slopes * direction`. Raises ValueError."""
    if not np.allclose(along, slopes * direction, rtol=1e-6, atol=1e-9 * np.max(np.abs(slopes), initial=0.0)):
        raise ValueError("an equation whose items depend on each other was solved item by item; use scipy.optimize.root")
    return slopes


def uneven(x):
    """A direction in the space of x, of which no two items are the same."""
    return np.linspace(1.0, 2.0, np.size(x)).reshape(np.shape(x))[()]


# ---------------------------------------------------------------------------------------------------------------
# Initial value problems


MULTISTEP = ("BDF", "LSODA")


@dataclass(frozen=True)
class Steps:
    """The steps of `scipy.integrate.solve_ivp`, and what it has `found`: where each starts and how long it is, as shares of
    the interval, and the places of events; the `stages` of an implicit formula, or None. `shares_of_t` are those of
    `found.t`. It `stops` where it was an event that ended it."""

    found: object
    method: str
    shares: np.ndarray
    parts: np.ndarray
    stages: np.ndarray | None
    shares_of_t: np.ndarray
    places: np.ndarray
    stops: bool

    @property
    def numbers(self) -> np.ndarray:
        """The numbers of the times in `found.t`."""
        return np.arange(len(self.found.t))


def steps_taken(fun, t_span, y0, method, t_eval, events, args, options) -> Steps:
    """The steps that are differentiated: those of `scipy.integrate.solve_ivp`, or of Radau for multistep methods.

    Raises ValueError where it gives up.
    """
    from scipy import integrate
    from scipy.integrate import solve_ivp

    args = None if args is None else tuple(args)
    if not isinstance(method, str) and getattr(integrate, method.__name__, None) is not method:
        raise ValueError(f"the method {method!r} has no derivative; there are those of scipy.integrate")
    found = solve_ivp(fun, t_span, y0, method, t_eval, dense_output=True, events=events, args=args, **options)
    steps, name = found, method if isinstance(method, str) else method.__name__
    if name in MULTISTEP:
        name = "Radau"
        chosen = {k: v for k, v in options.items() if k in ("rtol", "atol", "max_step", "jac")}
        steps = solve_ivp(fun, t_span, y0, name, dense_output=True, events=events, args=args, **chosen)
    for one in (found, steps):
        if not one.success:
            raise ValueError(f"solve_ivp has not reached the end, and its solution has no derivative: {one.message}")
    first, last = (float(t) for t in t_span)
    if first == last:
        raise ValueError("solve_ivp over an interval of no length has no derivative; let t_span begin before it ends")
    curves = steps.sol.interpolants
    stages = np.array([polynomial.Q @ radau_powers() for polynomial in curves]).swapaxes(1, 2) if name == "Radau" else None
    places = np.zeros(0)
    if events is not None:
        places = steps.t_events[0]
        if len(steps.t_events) != 1 or len(places) != len(found.t_events[0]):
            raise ValueError("events of solve_ivp have a derivative for one function, with as many zeros by Radau")
    return Steps(
        found, name, np.array([(c.t_old - first) / (last - first) for c in curves]),
        np.array([(c.t - c.t_old) / (last - first) for c in curves]),
        None if stages is None else stages.reshape(len(stages), -1), (found.t - first) / (last - first), places,
        found.status == 1,
    )  # fmt: skip


def cell_of(starts, t):
    """The number of the step that each time is in, one at the end of a step in that."""
    direction = 1.0 if len(starts) < 2 or starts[1] > starts[0] else -1.0
    return np.clip(np.searchsorted(direction * starts, direction * t, side="left") - 1, 0, len(starts) - 1)


@dataclass(frozen=True)
class Formula:
    """An explicit Runge-Kutta formula of n = len(b) stages: y + h * slopes[:n].T @ b ends a step, slopes[n] is that there,
    and y + h * slopes.T @ p @ [x, x^2, …] is the share x of the way. Later rows of `a` are only for that."""

    a: np.ndarray
    b: np.ndarray
    c: np.ndarray
    p: np.ndarray


def radau_nodes():
    """The three nodes of the Radau IIA formula (Hairer & Wanner, Solving Ordinary Differential Equations II, sect. IV.5)."""
    return np.array([(4 - 6**0.5) / 10, (4 + 6**0.5) / 10, 1.0])


def radau_powers():
    """The powers 1, 2, 3 of the nodes, one a row."""
    return radau_nodes() ** np.arange(1.0, 4.0)[:, None]


@functools.cache
def formula(method) -> Formula:
    """The Runge-Kutta formula of a method of `scipy.integrate.solve_ivp`. Raises ValueError for one that has none."""
    from scipy import integrate

    if method == "Radau":
        c = radau_nodes()
        k = np.arange(1.0, 4.0)
        integrals = c[:, None] ** k / k @ np.linalg.inv(c[:, None] ** (k - 1))
        return Formula(integrals, integrals[-1], c, np.linalg.inv(radau_powers()))
    found = getattr(integrate, method, None)
    if found not in (integrate.RK45, integrate.RK23, integrate.DOP853):
        raise ValueError(f"method={method!r} has no derivative; there is RK45, RK23, DOP853, Radau, BDF and LSODA")
    n = found.n_stages
    if found is not integrate.DOP853:
        a = np.pad(found.A, ((0, 1), (0, n + 1 - found.A.shape[1])))
        return Formula(a, found.B, np.append(found.C, 1.0), found.P)
    a = np.zeros((n + 4, n + 4))
    a[:n, :n], a[n + 1 :] = found.A, found.A_EXTRA
    b = np.append(found.B, np.zeros(4))
    first, last = np.eye(n + 4)[[0, n]]
    parts = [b, first - b, 2 * b - last - first, *found.D]
    p = np.zeros((n + 4, len(parts)))
    for i, part in enumerate(parts):  # x, x (1 - x), x^2 (1 - x), x^2 (1 - x)^2, …
        basis = np.poly1d([1.0, 0.0]) ** (i // 2 + 1) * np.poly1d([-1.0, 1.0]) ** ((i + 1) // 2)
        p += np.outer(part, np.pad(basis.coeffs[::-1][1:], (0, len(parts) - basis.order)))
    return Formula(a, found.B, np.concatenate([found.C, [1.0], found.C_EXTRA]), p)


# ---------------------------------------------------------------------------------------------------------------
# Integrals


@dataclass(frozen=True)
class Quadrature:
    """What `scipy.integrate.quad` has found, and places and weights by which a sum of values of the integrand is that."""

    value: float
    error: float
    places: np.ndarray
    weights: np.ndarray


def quadrature(func, a, b, args, epsabs, epsrel, limit, points) -> Quadrature:
    """The integral by `scipy.integrate.quad`, and a Gauss formula on the halves of the intervals that it ended with.

    Raises ValueError where the two do not agree, since the derivative is that of the sum.
    """
    from scipy.integrate import quad

    options = {"epsabs": epsabs, "epsrel": epsrel, "limit": limit, "points": points}
    value, error, info, *message = quad(func, a, b, args=tuple(args), full_output=1, **options)
    if message:
        raise ValueError(f"quad is not sure of this integral, which has no derivative then: {message[0]}")
    low, high, sign = (a, b, 1.0) if a <= b else (b, a, -1.0)
    lows, highs = info["alist"][: info["last"]], info["blist"][: info["last"]]
    middles = (lows + highs) / 2
    lows, highs = np.append(lows, middles), np.append(middles, highs)
    nodes, shares = np.polynomial.legendre.leggauss(20)
    half = (highs - lows)[:, None] / 2
    places, weights = (lows[:, None] + half + half * nodes).ravel(), sign * (half * shares).ravel()
    if np.isinf(low) or np.isinf(high):  # QUADPACK's substitution
        weights, places = weights / places**2, (1 - places) / places
        if np.isinf(low) and np.isinf(high):
            weights, places = np.append(weights, weights), np.append(places, -places)
        else:
            places = low + places if np.isinf(high) else high - places
    total = sum(weight * func(x, *args) for x, weight in zip(places.tolist(), weights.tolist()))
    if not abs(total - value) <= 10 * max(error, abs(epsabs), abs(epsrel * value)):
        raise ValueError(
            f"quad gives {value}, and a sum on its intervals, whose derivative would be taken, {total}: the integrand has a"
            " singularity there; substitute a variable that removes it"
        )
    return Quadrature(value, error, places, weights)


# ---------------------------------------------------------------------------------------------------------------
# Sparse matrices


def real(matrix):
    """A sparse matrix. Raises ValueError for a complex one."""
    if matrix.dtype.kind == "c":
        raise ValueError("a product with a complex sparse matrix has no derivative here")
    return matrix


def transposed_times(matrix, x):
    """`matrix.T @ x` as an array. Of some matrices, SciPy has a product with one row as a number."""
    rows, columns = matrix.shape
    more = np.shape(x)[1:]
    return np.reshape(real(matrix).T @ np.reshape(x, (rows, *more)), (columns, *more))


def times_transposed(x, matrix):
    """`x @ matrix.T` as an array."""
    rows, columns = matrix.shape
    more = np.shape(x)[:-1]
    return np.reshape(np.reshape(x, (*more, columns)) @ real(matrix).T, (*more, rows))


def sparse_solve(matrix, x):
    """The adjoint of b in `scipy.sparse.linalg.spsolve(matrix, b)`."""
    from scipy.sparse.linalg import spsolve

    return spsolve(real(matrix).T.tocsc(), x)


# ---------------------------------------------------------------------------------------------------------------
# Interpolation


def slope_at(spline, x, nu, extrapolate):
    """The derivative of a spline at places x, and the first of the axes that these have in it."""
    slope = np.asarray(spline(x, nu + 1) if extrapolate is None else spline(x, nu + 1, extrapolate))
    return slope, getattr(spline, "axis", 0)


def interpolant_adjoint(y_bar, spline, x, nu, extrapolate):
    """The adjoint of the places at which a spline was evaluated."""
    slope, axis = slope_at(spline, x, nu, extrapolate)
    own = range(axis, axis + np.ndim(x))
    return np.sum(y_bar * slope, tuple(k for k in range(slope.ndim) if k not in own))


def interpolant_tangent(x_dot, spline, x, nu, extrapolate):
    """The tangent of what a spline is at places with the tangent `x_dot`."""
    slope, axis = slope_at(spline, x, nu, extrapolate)
    return slope * np.reshape(x_dot, np.shape(x) + (1,) * (slope.ndim - axis - np.ndim(x)))


@dataclass(frozen=True)
class Cells:
    """The cells of a grid that places are in, by the `left` end and the `width` in each direction; for each of their
    corners, the flat `numbers` in the grid, and in which directions it is the `upper` one. `offset` is what is added to
    the share of the way to that. `shape` is that of the places, some of which may be `outside`."""

    numbers: np.ndarray
    upper: np.ndarray
    left: np.ndarray
    width: np.ndarray
    offset: np.ndarray
    outside: np.ndarray
    shape: tuple[int, ...]

    def outside_of(self, ndim: int) -> np.ndarray:
        """`outside`, to be broadcast against an array of `ndim` axes."""
        return self.outside.reshape(self.shape + (1,) * (ndim - len(self.shape)))


def cell_corners(grid, xi, is_tuple, method, bounds_error) -> Cells:
    """Where places are in the grid of `scipy.interpolate.RegularGridInterpolator`, given as an array or as a tuple of their
    coordinates. Raises ValueError, as that does."""
    grid = [np.asarray(p, float) for p in grid]
    count = len(grid)
    if method not in ("linear", "nearest"):
        raise ValueError(f"method={method!r} has no derivative; there is method='linear' and 'nearest'")
    if any(p.size < 2 or np.any(np.diff(p) <= 0) for p in grid):
        raise ValueError("the points of a grid have to increase, and to be two or more in each direction")
    xi = np.asarray(xi, float)
    if xi.ndim == 1 and not is_tuple:
        xi = xi.reshape(-1, 1) if count == 1 else xi.reshape(1, -1)
    places = xi.reshape(-1, count)
    outside = np.any([(x < p[0]) | (x > p[-1]) for x, p in zip(places.T, grid)], axis=0)
    if bounds_error and np.any(outside):
        raise ValueError("one of the requested places is out of bounds")
    cells = [np.clip(np.searchsorted(p, x, "right") - 1, 0, p.size - 2) for x, p in zip(places.T, grid)]
    left = np.stack([p[i] for p, i in zip(grid, cells)], -1)
    width = np.stack([p[i + 1] - p[i] for p, i in zip(grid, cells)], -1)
    offset = np.zeros_like(left)
    if method == "nearest":
        offset, width = ((places - left) / width > 0.5) * 1.0, np.full_like(width, np.inf)
    upper = np.array(list(np.ndindex(*[2] * count)), bool)
    sizes = [p.size for p in grid]
    numbers = np.stack([np.ravel_multi_index([i + b for i, b in zip(cells, bits)], sizes) for bits in upper])
    return Cells(numbers, upper, left, width, offset, outside, xi.shape[:-1])
