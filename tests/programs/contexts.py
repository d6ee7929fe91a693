"""with, try, raise, assert, print, f-strings: what passes through faithfully."""

import contextlib
import io
import math
import sys
import warnings

import numpy as np

from tests.programs import normal, program


class Scaled:
    """A context manager that gives a number and counts its uses."""

    entered = 0

    def __init__(self, factor):
        self.factor = factor

    def __enter__(self):
        Scaled.entered += 1
        return self.factor

    def __exit__(self, *exception):
        return False


@contextlib.contextmanager
def quiet():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@program((normal(4),))
def errstate(v):
    with np.errstate(divide="ignore", invalid="ignore"):
        y = np.sqrt(np.abs(v)) / v
        s = np.sum(y * y * v**2)
    return s * v[0]


@program((1.5,))
def with_block_overwrites(x):
    y = x
    with np.errstate(all="ignore"):
        y = y * x
        x = y + 1
    return x * y


@program((1.5, 0.5))
def user_context_manager(x, y):
    with Scaled(3.0) as factor:
        z = factor * x * y
    with quiet():
        z = z * x
    return z * y


@program((1.5,))
def two_contexts(x):
    with quiet(), Scaled(2.0) as a:
        with contextlib.nullcontext(4.0) as b:
            x = x * a + b
    return x * x


@program((1.5,))
def return_inside_a_with(x):
    with np.errstate(all="ignore"):
        y = x * x
        return y * x


@program((1.5,), (0.2,))
def with_in_a_loop(x):
    s = x
    for k in range(4):
        with quiet():
            s = s * x + k
            if s > 5:
                break
    return s


@program((1.5,), (-1.5,))
def try_except(x):
    try:
        y = math.sqrt(x)
    except ValueError:
        y = x * x
    return y * x


@program((1.5, "a"), (1.5, "b"), wrt=(0,))
def try_except_else_finally(x, key):
    table = {"a": 2.0}
    y = x
    try:
        scale = table[key]
    except KeyError:
        y = y * x
    else:
        y = y * scale
    finally:
        z = y + x
    return y * z


@program((1.5, 0), (1.5, 2), wrt=(0,))
def try_around_active_code(x, n):
    try:
        y = x * x
        z = y / n
    except ZeroDivisionError as error:
        z = x + len(str(error)) * 0
    return z * x


@program((2.0,), (-2.0,))
def return_inside_a_try(x):
    try:
        return math.log(x)
    except (ValueError, TypeError):
        return x * x


@program((2.0,))
def finally_runs_after(x):
    y = x
    try:
        y = y * x
    finally:
        y = y + x
    return y * y


@program((2.0, [1.0, "bad", 3.0]), wrt=(0,))
def try_in_a_loop(x, items):
    s = x
    for item in items:
        try:
            s = s * float(item)
        except ValueError:
            s = s + x
            continue
        s = s + 1
    return s


@program((2.0,))
def raise_that_does_not_happen(x):
    if x < 0:
        raise ValueError(f"x must be positive, not {x}")
    if not isinstance(x, float):
        raise TypeError
    return math.sqrt(x) * x


@program((2.0,), (0.5,), marks="refusable")
def raise_and_catch(x):
    class TooSmall(Exception):
        pass

    def checked(t):
        if t < 1:
            raise TooSmall(t)
        return t * t

    try:
        y = checked(x)
    except TooSmall:
        y = 3 * x
    return y * x


@program((2.0,))
def asserts(x):
    assert x > 0
    y = x * x
    assert y > 0, f"{y} is not positive"
    return y * x


@program((2.0,))
def prints(x):
    out = io.StringIO()
    y = x * x
    print("y is", y, file=out)
    print(f"{y:.3f} {x!r}", end="", file=out)
    return y * len(out.getvalue()) / len(out.getvalue())


@program((2.0,))
def prints_to_stdout(x):
    if x > 100:
        print("large", x)
    print(end="", file=sys.stdout)
    return x * x


@program((2.0, 3), wrt=(0,))
def f_strings(x, n):
    name = f"p{n}"
    width = 8
    table = {"p3": 0.5, f"{n:0{width}d}": 2.0}
    label = f"{x=} {x:>{width}.2f} {name!r:>10}"
    return x * table[name] + x**2 * table["00000003"] + 0 * len(label)


@program((2.0, "3.5,1.25"), wrt=(0,))
def strings(x, text):
    numbers = [float(part) for part in text.split(",")]
    return x * numbers[0] + x**2 * numbers[1] * len(text.strip().upper()) + x * text.count("5")


@program((normal(3),))
def warnings_are_kept(v):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warnings.warn("a warning", stacklevel=1)
        y = v * v
    return np.sum(y) * len(caught)


@program((2.0,))
def isinstance_and_type(x):
    y = x * x if isinstance(x, float) else 0.0
    return y if type(y) is float or isinstance(y, (int, np.floating)) else -y


@program((2.0,))
def local_class_and_import(x):
    import math as mathematics
    from math import sqrt as root

    return mathematics.sin(x) * root(x)


@program((2.0, 1.0), (0.3, 1.0))
def try_finally_in_a_loop_with_break(x, y):
    k = 0
    while True:
        try:
            y = y * x + 1
            if y > 10 or k > 3:
                break
        finally:
            k += 1
            y = y + k
    return y


@program((2.0,))
def suppressed_exception(x):
    y = x
    with contextlib.suppress(ZeroDivisionError):
        y = y * x
        y = y / (len("ab") - 2)
    return y * x
