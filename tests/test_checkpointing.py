"""Functions that are run again on the way back, and loops that stay within a given memory: the same gradients, for less."""

import gc
import itertools
import math
import pickle
import tracemalloc

import numpy as np
import pytest

import srcad
from srcad import checkpoint, grad, jvp, runtime_memory, value_and_grad, vjp
from srcad.analysis.specialise import invocations
from srcad.calls import forget_compiled
from tests.reference import gradient, mismatches
from tests.test_programs import CASES, is_single


@checkpoint
def step(u, dt):
    f = np.sin(u) * u
    return u + dt * f * f


@checkpoint
def smooth(u, c, n):
    for _ in range(n):
        u[1:-1] = u[1:-1] + c * u[2:] * u[:-2]


@checkpoint
def power(x, n):
    if n == 0:
        return 1.0
    return x * power(x, n - 1)


@checkpoint
def three_steps(u, dt):
    for _ in range(3):
        u = step(u, dt)
    return u


@checkpoint
def pair(u, v):
    return u * np.cos(v), {"sum": u + v}


@checkpoint
def rotate(u, v, angle):
    u[...], v[...] = u * math.cos(angle) - v * math.sin(angle), u * math.sin(angle) + v * math.cos(angle)


def in_a_loop(u, dt):
    for _ in range(4):
        u = step(u, dt)
    return np.sum(u**2)


def nested(u, dt):
    for _ in range(2):
        u = three_steps(u, dt)
    return np.sum(u**2)


def written_into(u, c):
    u = u.copy()
    for _ in range(4):
        smooth(u, c, 3)
    return np.sum(u**2)


def written_places(u, c):
    m = np.stack([u, 2 * u, u * u])
    for k in range(3):
        smooth(m[k], c, 2)
        m[k, 0] = c * m[k, 1]
    return np.sum(np.sin(m))


def two_written(u, c):
    u, v = u.copy(), np.cos(u)
    for k in range(3):
        rotate(u, v, c * k)
        u *= 1.1
    return np.sum(u * v * v)


def recursive(u, c):
    return power(np.sin(u[0]), 4) + math.cos(c)


def several_results(u, c):
    a, b = pair(u, c * u)
    return np.sum(a) * np.sum(b["sum"])


def closures(u, c):
    def inner(v, k):
        return np.exp(-v * c) + k * u[0]

    @checkpoint
    def other(v):
        return np.tanh(v) * c

    for k in range(3):
        u = checkpoint(inner)(u, k) + other(u)
    return np.sum(u)


def in_branches(u, c):
    for k in range(4):
        if k % 2:
            u = step(u, c)
        elif np.sum(u) > 0:
            u = step(step(u * c, 0.2), c)
    return np.sum(u)


def by_name(u, c):
    return np.sum(checkpoint(plain_step)(dt=c, u=np.cos(u)))


def plain_step(u, dt):
    return u * u * dt


class Model:
    def __init__(self, w):
        self.w = w

    @checkpoint
    def layer(self, x):
        return np.tanh(x * self.w)

    def loss(self, x, c):
        for _ in range(3):
            x = self.layer(x) * c
        return np.sum(x)


U = np.array([0.1, 0.4, -0.3, 0.8, 0.5])
PROGRAMS = [
    in_a_loop, nested, written_into, written_places, two_written, recursive, several_results, closures, in_branches,
    by_name, Model(1.5).loss,
]  # fmt: skip
each_program = pytest.mark.parametrize("fun", PROGRAMS, ids=lambda fun: fun.__name__)


@each_program
def test_the_gradient_is_right(fun):
    found = grad(fun, (0, 1))(U, 0.3)
    for k in range(2):
        assert not mismatches(gradient(fun, (U, 0.3), k), found[k])
    value, pullback = vjp(fun, U, 0.3)
    assert value == pytest.approx(fun(U, 0.3), rel=1e-14)
    for _ in range(2):
        assert not mismatches(gradient(fun, (U, 0.3), 0), pullback(1.0)[0])


@each_program
def test_forward_mode_takes_the_function_itself(fun):
    slope = jvp(fun, (U, 0.3), (np.ones(5), 0.0))[1]
    assert slope == pytest.approx(np.sum(gradient_array(fun, 0.3)), rel=1e-7)


def gradient_array(fun, c) -> np.ndarray:
    step = 1e-6
    return np.array([(fun(U + step * e, c) - fun(U - step * e, c)) / (2 * step) for e in np.eye(5)])


@pytest.mark.parametrize(
    "fun", [in_a_loop, nested, written_into, written_places, several_results, closures, in_branches, by_name],
    ids=lambda fun: fun.__name__,
)  # fmt: skip
def test_the_second_derivative_is_right(fun):
    first = grad(fun)

    def along(u, w):
        return np.sum(first(u, 0.3) * w)

    w = np.array([1.0, -0.5, 0.3, 0.2, -1.0])
    assert not mismatches(gradient(along, (U, w), 0), grad(along)(U, w))


@pytest.mark.parametrize("fun", [in_a_loop, nested, several_results, closures, in_branches, by_name])
def test_forward_over_reverse_is_right(fun):
    w = np.array([1.0, -0.5, 0.3, 0.2, -1.0])
    first, step = grad(fun), 1e-6
    along = (first(U + step * w, 0.3) - first(U - step * w, 0.3)) / (2 * step)
    np.testing.assert_allclose(srcad.hvp(fun)(U, 0.3, w), along, rtol=1e-6, atol=1e-7)


def test_only_the_arguments_are_kept():
    keeping, again = grad(in_a_loop_kept), grad(in_a_loop)
    assert "kept_step_saved_tape.append" in keeping.source_for(U, 0.3)
    text = again.source_for(U, 0.3)
    assert "step_again(u, dt" in text and "u_tape.append(u)" in text and "step_adjoint" not in text
    kept = text[text.index("def in_a_loop_grad") :]
    assert "sin" not in kept


def in_a_loop_kept(u, dt):
    for _ in range(4):
        u = kept_step(u, dt)
    return np.sum(u**2)


def kept_step(u, dt):
    f = np.sin(u) * u
    return u + dt * f * f


def test_outside_of_srcad_it_is_the_function():
    assert step.__name__ == "step" and step.__wrapped__ is step.primal and checkpoint(step) is step
    np.testing.assert_array_equal(step(U, 0.3), step.primal(U, 0.3))
    assert pickle.loads(pickle.dumps(step)) is step
    assert pickle.loads(pickle.dumps(checkpoint(plain_step))).primal is plain_step
    assert Model(2.0).layer(0.5) == math.tanh(1.0)
    assert grad(checkpoint(lambda x: x * x))(3.0) == 6.0


def test_what_is_no_function_is_not_checkpointed():
    with pytest.raises(srcad.SrcadError, match="cannot be checkpointed: it is not a plain Python function"):
        checkpoint(np.sin)


# ---------------------------------------------------------------------------------------------------------------
# What has effects is not run twice


COUNT, LOG, GENERATOR = [0], [], np.random.default_rng(0)


def pure(k):
    return 2.0 * k


def logged(k):
    LOG.append(k)
    return k


def draws(x):
    return x * np.random.normal()  # noqa: NPY002


def draws_in_a_helper(x):
    return x * drawn(3)


def drawn(k):
    return np.random.normal()  # noqa: NPY002


def draws_from_a_generator(x):
    return x * GENERATOR.normal()


def prints(x):
    print(x)
    return x * x


def counts(x):
    LOG.append(1)
    return x * x


def counts_in_a_comprehension(x):
    return x * sum([logged(k) for k in range(2)])


def calls_constants(x):
    table = np.linspace(0, 1, 3)
    table[1] = 5.0
    weights = [pure(k) for k in range(3)]
    weights.append(pure(4))
    assert table[0] == 0, "no"
    with np.errstate(all="ignore"):
        return x * table.sum() * sum(weights) + sorted([x, 2 * x], key=lambda v: -v)[0]


EFFECTS = {
    draws: "of the call `np.random.normal()` it is not known that it gives the same again",
    draws_in_a_helper: "of the call `np.random.normal()` it is not known that it gives the same again",
    draws_from_a_generator: "of the call `GENERATOR.normal()` it is not known that it gives the same again",
    prints: "of the call `print(x)` it is not known that it gives the same again",
    counts: "it changes `LOG`",
    counts_in_a_comprehension: "it changes `LOG`",
}


@pytest.mark.parametrize("fun", EFFECTS, ids=lambda fun: fun.__name__)
def test_what_may_not_give_the_same_again_is_refused(fun):
    again = checkpoint(fun)

    def outer(x):
        return again(np.sin(x)) * 2

    with pytest.raises(srcad.Unsupported) as refused:
        grad(outer)(0.7)
    message = str(refused.value)
    assert f"{fun.__name__}() is checkpointed, which means that it is run again on the way back, and " in message
    assert EFFECTS[fun] in message
    assert "test_checkpointing.py:" in message and "pass the value as an argument" in message


def test_what_only_computes_is_run_again():
    again = checkpoint(calls_constants)

    def outer(x):
        return again(x * x)

    assert not mismatches(gradient(outer, (0.7,), 0), grad(outer)(0.7))


def test_a_list_that_is_changed_is_refused():
    @checkpoint
    def grow(xs, x):
        xs.append(x * x)

    def outer(x):
        xs = [x]
        grow(xs, x)
        return xs[0] * xs[1]

    with pytest.raises(srcad.Unsupported, match="is checkpointed, and it changes its argument `xs`, which is no array"):
        grad(outer)(0.7)


# ---------------------------------------------------------------------------------------------------------------
# Loops within a given memory


def new_arrays(u, dt, n):
    for k in range(n):
        f = np.sin(u) * u
        u = u + dt * f * f / (k + 1)
    return np.sum(u**2)


def in_place(u, c, n):
    u = u.copy()
    total = 0
    for k in range(1, 2 * n, 2):
        u[1:-1] = u[1:-1] + c * u[2:] * u[:-2] / k
        total += u[2] * k
    return np.sum(u**2) + total


def leapfrog(u, dt, n):
    u, v = u.copy(), np.zeros_like(u)
    for _ in range(n):
        v[1:-1] += dt * (u[2:] * u[:-2] - u[1:-1] ** 2)
        u += dt * v
    return np.sum(u**2)


def exchanged(u, dt, n):
    u = u.copy()
    w = np.empty_like(u)
    for _ in range(n):
        w[1:-1] = u[1:-1] + dt * u[2:] * u[:-2]
        w[0], w[-1] = 0.1, w[-2]
        u, w = w, u
    return np.sum(u**2)


def lorenz(u, dt, n):
    x, y, z = u[0], u[1], u[2]
    for _ in range(n):
        x, y, z = x + dt * 10 * (y - x), y + dt * (x * (28 - z) - y), z + dt * (x * y - 8 / 3 * z)
    return x * y + z


def over_values(u, dt, n):
    best = 0.0
    for i, c in enumerate(np.linspace(0, 1, n)):
        u = u * (1 - 0.01 * c) + dt * u[::-1] ** 2
        if i % 7 == 3:
            best = u[0] ** 2
        t = u * best
        for _ in range(3):
            t = t * u
    return np.sum(u**2) + best + np.sum(u) * i


def over_items(u, dt, n):
    forces = [0.1 * u * k for k in range(n)]
    v = np.ones_like(u)
    for f in forces:
        v = v + dt * np.sin(v) * f
    return np.sum(v)


def backwards(u, dt, n):
    for k in reversed(range(3, n)):
        u = u + dt * np.cos(u * k)
    return np.sum(u)


def container(u, dt, n):
    state = {"x": u, "v": u * 2}
    for _ in range(n):
        state = {"x": state["x"] + dt * state["v"], "v": state["v"] - dt * np.sin(state["x"])}
    return np.sum(state["x"] ** 2)


def in_a_helper(u, dt, n):
    return new_arrays(u, dt, n) + 2.0 * leapfrog(u, dt, n)


def two_loops(u, dt, n):
    for _ in range(n):
        u = u + dt * u * u
    for _ in range(n // 2):
        u = np.sin(u) + dt
        u = step(u, dt)
    return np.sum(u)


LOOPS = [
    new_arrays, in_place, leapfrog, exchanged, lorenz, over_values, over_items, backwards, container, in_a_helper, two_loops
]  # fmt: skip
each_loop = pytest.mark.parametrize("fun", LOOPS, ids=lambda fun: fun.__name__)


@each_loop
@pytest.mark.parametrize("n", [3, 4, 7, 60])
def test_a_loop_in_parts_has_the_same_gradient(fun, n):
    args = (U, 0.02, n)
    found = grad(fun, (0, 1), memory=4000)(*args)
    for k in range(2):
        assert not mismatches(gradient(fun, args, k), found[k])
    value, bars = value_and_grad(fun, (0, 1), memory="4 kB")(*args)
    assert value == pytest.approx(fun(*args), rel=1e-14)
    np.testing.assert_array_equal(bars[0], found[0])
    pullback = vjp(fun, *args, memory=4000)[1]
    for _ in range(2):
        np.testing.assert_allclose(pullback(2.0)[0], 2 * found[0], rtol=1e-12)


@pytest.mark.parametrize("fun", [new_arrays, in_place, exchanged], ids=lambda fun: fun.__name__)
@pytest.mark.parametrize("n", [0, 1, 2])
def test_a_short_loop_runs_as_it_is(fun, n):
    assert not mismatches(gradient(fun, (U, 0.02, n), 0), grad(fun, memory=1)(U, 0.02, n))


def test_the_parts_are_used():
    parts = []

    def counted(first, last, length, slots):
        parts.append((first, last))
        return cut(first, last, length, slots)

    cut = runtime_memory.parts
    derivative = grad(new_arrays, memory=3000)
    derivative(U, 0.02, 60)
    cells = derivative._latest.gradient.__closure__
    (cell,) = [c for c in cells if c.cell_contents is cut]
    cell.cell_contents = counted
    derivative(U, 0.02, 60)
    assert parts[0] == (0, 60)


def test_the_derivative_of_such_a_derivative_is_right():
    bounded = grad(new_arrays, memory=3000)

    def size(u, dt):
        return np.sum(bounded(u, dt, 30) ** 2)

    assert not mismatches(gradient(size, (U, 0.02), 0), grad(size)(U, 0.02))


def test_auxiliary_results_and_checks_go_with_memory():
    def with_aux(u, dt, n):
        for _ in range(n):
            u = u + dt * np.sin(u)
        return np.sum(u), n

    bars, n = grad(with_aux, has_aux=True, memory=3000)(U, 0.1, 40)
    assert n == 40
    np.testing.assert_allclose(bars, grad(lambda u: with_aux(u, 0.1, 40)[0])(U), rtol=1e-12)
    grad(new_arrays, memory=3000, check=True)(U, 0.02, 40)


def peak(call) -> float:
    """The most memory that a call takes, in bytes."""
    call()
    gc.collect()
    tracemalloc.start()
    call()
    found = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return found


@pytest.mark.parametrize("fun", [new_arrays, in_place, leapfrog, exchanged], ids=lambda fun: fun.__name__)
def test_memory_stays_within_the_limit(fun):
    u = np.linspace(0.1, 0.2, 20_000)  # 160 kB
    needed = peak(lambda: grad(fun)(u, 0.001, 200))
    assert needed > 30e6
    for limit in (10e6, 4e6):
        bounded = grad(fun, memory=int(limit))
        assert peak(lambda: bounded(u, 0.001, 200)) < limit + 30 * u.nbytes  # noqa: B023
        np.testing.assert_allclose(bounded(u, 0.001, 200), grad(fun)(u, 0.001, 200), rtol=1e-12)


def grows(u, n):
    kept = []
    for _ in range(n):
        u = u * u
        kept.append(u)
    return np.sum(u) + len(kept)


def until(u, n):
    k = 0
    while k < n:
        u, k = u * u, k + 1
    return np.sum(u)


def ends_early(u, n):
    for _ in range(n):
        u = u * u
        if np.sum(u) < 1e-3:
            break
    return np.sum(u)


def noisy(u, n):
    for _ in range(n):
        u = u + np.random.normal(size=5) * u  # noqa: NPY002
    return np.sum(u)


def captured(u, n):
    rate = u[0]

    def grown(v):
        return v * rate

    for _ in range(n):
        u = grown(u)
        rate = rate * 0.9
    return np.sum(u)


REFUSED = {
    grows: "a loop that is to stay within a given memory, and that changes `kept`, which is no array",
    until: "a loop that is to stay within a given memory, and of which it is not known how often it runs",
    ends_early: "a loop that is to stay within a given memory, and of which it is not known how often it runs",
    noisy: "the loop is to stay within a given memory, which means that it is run again on the way back, and of the call "
    "`np.random.normal(size=5)` it is not known that it gives the same again",
    captured: "a nested function captures `rate`, which a loop changes that is to stay within a given memory",
}


@pytest.mark.parametrize("fun", REFUSED, ids=lambda fun: fun.__name__)
def test_a_loop_that_cannot_be_run_in_parts_is_refused(fun):
    with pytest.raises(srcad.Unsupported) as refused:
        grad(fun, memory="1 MB")(U, 4)
    assert REFUSED[fun] in str(refused.value)
    assert "test_checkpointing.py:" in str(refused.value)
    grad(fun)(U, 4)


def test_too_little_memory_is_an_error():
    with pytest.raises(srcad.SrcadError, match=r"test_checkpointing.py:\d+ cannot be run within 0.001 MB: one pass keeps"):
        grad(new_arrays, memory="1 kB")(np.ones(1000), 0.1, 100)


@pytest.mark.parametrize("memory", ["", "3", "x MB", -1, 0, True, "1.5.2 MB", [1], "5 apples", float("nan")])
def test_what_is_no_size_is_an_error(memory):
    with pytest.raises(srcad.KindError, match='It is a number of bytes, or a text such as "80 MB"'):
        grad(new_arrays, memory=memory)


@pytest.mark.parametrize(
    ("memory", "size"),
    [(None, None), (100, 100), (1e6, 10**6), ("80 MB", 80 * 10**6), ("1.5GiB", 3 * 2**29), (" 3 kb ", 3000), ("7 B", 7)],
)
def test_sizes(memory, size):
    assert runtime_memory.bytes_of(memory) == size


def test_the_package_with_the_schedules_is_asked_for(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(srcad.SrcadError, match=r"pip install \"srcad\[checkpointing\]\""):
        grad(new_arrays, memory="1 MB")


def test_a_derivative_is_pickled_with_its_memory():
    assert pickle.loads(pickle.dumps(grad(new_arrays, memory="4 kB"))).memory == "4 kB"


# ---------------------------------------------------------------------------------------------------------------
# Schedules


def walked(first: int, last: int, length: int, slots: int) -> tuple[list[int], int, int]:
    """The passes in the order in which the way back comes to them, how many others are run before, and how many states
    are kept at most, when parts are run as generated code does."""
    ends = runtime_memory.parts(first, last, length, slots)
    order, run, most = list(range(ends[-2], ends[-1]))[::-1], ends[-2] - first, len(ends) - 2
    for part in reversed(range(len(ends) - 2)):
        inner, more, states = walked(ends[part], ends[part + 1], length, slots - part)
        order, run, most = order + inner, run + more, max(most, part + states)
    return order, run, most


@pytest.mark.parametrize(("steps", "slots"), list(itertools.product((2, 3, 5, 10, 33), (1, 2, 3, 8, 40))))
def test_a_schedule_takes_each_pass_once_within_its_slots(steps, slots):
    order, run, most = walked(0, steps, 1, slots)
    assert order == list(range(steps))[::-1]
    assert most <= slots
    assert run == runtime_memory.advances(steps, min(slots, steps - 1))


@pytest.mark.parametrize("length", [1, 3, 7, 100])
def test_parts_of_several_passes(length):
    assert walked(5, 50, length, 3)[0] == list(range(5, 50))[::-1]
    assert runtime_memory.parts(4, 2, length, 3) == [4, 4]


def test_what_a_structure_holds():
    a = np.zeros(1000)
    assert 8000 <= runtime_memory.kept((a, a[1:], [a.reshape(10, 100)])) < 8400
    assert 16000 <= runtime_memory.kept({"a": a, "b": a.copy()}) < 17000
    assert runtime_memory.kept([0.5 * k for k in range(100)]) > 2400


# ---------------------------------------------------------------------------------------------------------------
# The corpus


@pytest.fixture
def fresh_compilations():
    forget_compiled()
    yield
    forget_compiled()


FIRST = [case for case in CASES if case.is_first and case.wrt and not case.has("vector")]


def compare(case, **options) -> None:
    """Compares the gradient of a program by its first argument with the reference, or sees it refused."""
    wrt = case.wrt[0]
    try:
        found = case.call(grad(case.fun, argnums=wrt, has_aux=case.has("aux"), **options))
    except srcad.SrcadError as refusal:
        pytest.skip(f"refused: {str(refusal).splitlines()[0]}")
    single = is_single((case.point.args, case.point.kwargs))
    assert not mismatches(case.references[wrt], found[0] if case.has("aux") else found, single=single)


@pytest.mark.parametrize("case", FIRST, ids=lambda case: case.name)
def test_a_program_with_every_call_checkpointed_is_right_or_refused(case, monkeypatch, fresh_compilations):
    monkeypatch.setattr(invocations, "is_checkpointed", lambda target: True)
    compare(case)


@pytest.mark.parametrize("case", FIRST, ids=lambda case: case.name)
def test_a_program_with_every_loop_in_parts_is_right_or_refused(case, monkeypatch, fresh_compilations):
    def schedule(n, memory, forward, args, state, where):
        forward(0, min(max(n, 0), 2), *(x.copy() if isinstance(x, np.ndarray) else x for x in args))
        return min(max(n, 0), 2), 2

    schedule.__module__ = runtime_memory.__name__
    monkeypatch.setattr(runtime_memory, "schedule", schedule)
    compare(case, memory=1)
