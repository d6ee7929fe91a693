"""Second derivatives of random programs: each way to them is right, or refused.

    python -m tests.random_programs --second --count 500        a long run; see there

Of a program `f`, a point and a random direction, five ways lead to the Hessian, or to its product with the direction:
`hvp` (forward over reverse), the same by `linearize` (values ahead), the gradient of the contracted gradient (reverse over
reverse), the gradient of a `jvp` (reverse over forward), the `jvp` of a `jvp`. The reference is the second derivative of
the plain program along the direction, by differences of differences, and for the product with a vector the differences of
its first-order gradient, which the reference has confirmed at the point.
"""

from __future__ import annotations

import functools
import linecache
import math
import traceback
from collections.abc import Iterator

import numpy as np

import srcad
from tests.programs import fresh
from tests.reference import Estimate, at, children, difference, floats, put, widen


def direction(value, rng):
    """A random tangent of an argument: a structure like it, None for what is no float."""
    if isinstance(value, np.ndarray):
        return rng.normal(size=value.shape).astype(value.dtype) if value.dtype.kind == "f" else None
    if isinstance(value, (float, np.floating)):
        return type(value)(rng.normal())
    if not children(value):
        return None
    for step, part in children(value):
        value = put(value, (step,), direction(part, rng))
    return value


def numbers(value, like) -> np.ndarray:
    """The derivatives by the floats of `like`, in order."""
    return np.array([float(at(value, path)) for path in floats(like)])


def parts(expression: str, value) -> Iterator[str]:
    """Expressions for the numbers and arrays of floats in a structure."""
    if isinstance(value, (float, np.floating)) or isinstance(value, np.ndarray) and value.dtype.kind == "f":
        yield expression
    for step, part in children(value):
        yield from parts(f"{expression}[{step!r}]", part)


def contracted(fun, args: tuple, argnums: tuple, dots: tuple):
    """Two programs for the derivative of `fun` along `dots`: the gradient's product with them, and a `jvp`."""
    names = [f"x{i}" for i in range(len(args))]
    bars = [f"g{i}" for i in argnums]
    terms = [
        f"np.sum({p} * {q})"
        for i in argnums
        for p, q in zip(parts(f"g{i}", args[i]), parts(f"dots[{i}]", args[i]))
    ]
    given = [f"dots[{i}]" if i in argnums else "None" for i in range(len(args))]
    text = (
        f"def by_gradient({', '.join(names)}):\n"
        f"    {', '.join(bars)}, = gradient({', '.join(names)})\n"
        f"    return {' + '.join(terms)}\n\n"
        f"def by_tangent({', '.join(names)}):\n"
        f"    return jvp(fun, ({', '.join(names)},), ({', '.join(given)},))[1]\n"
    )
    filename = f"<second {id(fun)} {hash(text):x}>"
    linecache.cache[filename] = (len(text), None, text.splitlines(True), filename)
    space = dict(gradient=srcad.grad(fun, argnums=argnums), jvp=srcad.jvp, fun=fun, dots=dots, np=np)
    exec(compile(text, filename, "exec"), space)
    return space["by_gradient"], space["by_tangent"]


def moved(args: tuple, dots: tuple, step: float) -> tuple:
    """The arguments, `step` times `dots` further on."""
    values = [widen(a) for a in args]
    for i, dot in enumerate(dots):
        for path in floats(values[i]) if dot is not None else ():
            values[i] = put(values[i], path, at(values[i], path) + step * at(dot, path))
    return tuple(values)


def second_difference(fun, args: tuple, dots: tuple) -> Estimate:
    """The second derivative of `fun` along `dots`, by differences of differences."""

    def slope(start: float) -> float:
        return difference(lambda step: fun(*moved(args, dots, start + step)), 0.3).value

    return difference(slope, 0.3, levels=8)


def ways(fun, args: tuple, argnums: tuple, dots: tuple) -> dict:
    """Each way to the product of the Hessian with `dots`, or (`jvp of jvp`) to the second derivative along them."""
    by_gradient, by_tangent = contracted(fun, args, argnums, dots)
    vectors = tuple(dots[i] for i in argnums)

    def by_linearization():
        _, pushforward = srcad.linearize(srcad.grad(fun, argnums=argnums), *fresh(args))
        pushforward(*moved(dots, dots, 1.0))  # it leaves all as it was
        return pushforward(*fresh(dots))

    return {
        "hvp": lambda: srcad.hvp(fun, argnums=argnums)(*fresh(args), vector=fresh(vectors)),
        "linearize of grad": by_linearization,
        "grad of grad": lambda: srcad.grad(by_gradient, argnums=argnums)(*fresh(args)),
        "grad of jvp": lambda: srcad.grad(by_tangent, argnums=argnums)(*fresh(args)),
        "jvp of jvp": lambda: srcad.jvp(by_tangent, fresh(args), fresh(dots))[1],
    }


def judge(fun, args: tuple, argnums: tuple, double=None) -> Iterator[tuple[str, str, str]]:
    """For each way: its name, its status (`right`, `refused`, `wrong`, `crash …`), and what is to be said of it.

    Nothing for a program that has no reference. `fun` has a gradient, which is right.
    """
    rng = np.random.default_rng(2)
    dots = tuple(direction(a, rng) if i in argnums else None for i, a in enumerate(args))
    along = second_difference(double or fun, args, dots)
    if math.isnan(along.value) or not along.error < 1e-5 * (1 + abs(along.value)):
        return
    gradient = srcad.grad(fun, argnums=argnums)
    like = [args[i] for i in argnums]
    steps = numbers([dots[i] for i in argnums], like)

    @functools.cache
    def first(step: float) -> np.ndarray:
        with np.errstate(all="ignore"):
            return numbers(gradient(*moved(args, dots, step)), like)

    try:
        rows = [difference(lambda step, k=k: first(step)[k]) for k in range(len(steps))]
    except Exception:  # noqa: BLE001 - a program that has a gradient here, but not nearby
        return
    values, errors = np.array([r.value for r in rows]), np.array([r.error for r in rows])
    if not np.all(errors < 1e-5 * (1 + abs(values))):
        return
    for name, way in ways(fun, args, argnums, dots).items():
        try:
            with np.errstate(all="ignore"):
                found = way()
        except srcad.SrcadError as error:
            yield name, "refused" if error.origin is not None else "refused without a line", str(error)
            continue
        except Exception as error:  # noqa: BLE001
            yield name, f"crash {type(error).__name__}", "".join(traceback.format_exception(error)[-8:])
            continue
        product = None if name == "jvp of jvp" else numbers(found, like)
        total = float(found) if product is None else float(product @ steps)
        size = 1 + float(np.abs(values) @ np.abs(steps))
        if not abs(total - along.value) <= 20 * along.error + 1e-6 * size:
            yield name, "wrong", f"along {dots}: {total}, expected {along.value} ± {along.error:.1e}"
        elif product is not None and not np.all(np.abs(product - values) <= 20 * errors + 1e-7 * size):
            yield name, "wrong", f"{product.tolist()}, expected {values.tolist()}"
        else:
            yield name, "right", ""
