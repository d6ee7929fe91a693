"""Complex numbers: every rule that is declared to hold for them, and programs, against differences in the real and the
imaginary part; the gradient is the direction of steepest ascent."""

from __future__ import annotations

import cmath
import copy
import itertools
import threading
import types
import warnings

import numpy as np
import pytest

from srcad import grad, hessian, hvp, jacfwd, jacobian, jacrev, jvp, vjp
from srcad.errors import GradientMismatch, KindError, MissingRule, SrcadError
from srcad.rules import registry
from srcad.rules.registry import A, Example, Refused, apply_jvp, apply_vjp
from srcad.testing import check_grads
from tests.test_rules import (
    ALL, Call, adjoint_of, examples, inner, is_kink, label, moved, random_like, structure,
)  # fmt: skip
from tests.test_tangent import as_listed, program_of

ComplexWarning = getattr(np, "exceptions", np).ComplexWarning
DECLARED = [rule for rule in ALL if rule.fn in registry.HOLOMORPHIC | registry.CONJUGATED and examples(rule)]


def with_complex(example: Example, chosen) -> Example:
    """An example with complex arrays in place of those real ones whose numbers are `chosen`."""
    count = itertools.count()

    def changed(value):
        if isinstance(value, A):
            is_complex = chosen(next(count)) or value.complex
            return A(*value.shape, low=value.low, high=value.high, spd=value.spd, complex=is_complex)
        if isinstance(value, (list, tuple)):
            return type(value)(changed(v) for v in value)
        return value

    return Example(tuple(map(changed, example.args)), {k: changed(v) for k, v in example.kwargs.items()})


def fitting(value, dot):
    """A tangent as `jvp` takes it: None for what is no float."""
    if isinstance(value, (list, tuple)):
        return type(value)(fitting(v, d) for v, d in zip(value, dot))
    return dot if isinstance(value, (float, complex)) or getattr(value, "dtype", np.dtype(int)).kind in "fc" else None


CHOSEN = {"all": lambda k: True, "first": lambda k: k == 0, "others": lambda k: k > 0}


def calls(rule):
    """The calls of a rule's examples with complex arguments, those left out for which the function is not defined."""
    for example in examples(rule):
        for chosen in CHOSEN.values():
            changed = with_complex(example, chosen)
            if changed != with_complex(example, lambda k: False) or "complex" in repr(changed):
                call = Call.of(rule, changed)
                try:
                    with warnings.catch_warnings():
                        warnings.simplefilter("error", ComplexWarning)
                        y = call.run()
                except (TypeError, ValueError, ComplexWarning):
                    continue
                yield call, y


MAY_REFUSE = {"np.linalg.svd", ".astype", "np.astype", "np.array", "np.asarray", "np.asanyarray", "np.linspace"}
"""Rules that refuse some calls with complex numbers: singular vectors, conversions to real ones, retstep."""

HELPERS = {label(rule) for rule in DECLARED if (getattr(rule.fn, "__module__", "") or "").startswith("srcad.")}
"""The helpers of generated code: compiled only in derivatives of derivatives."""

VECTORS = {"np.linalg.eigh"}
"""The phases of eigenvectors are arbitrary: tested on what does not depend on them."""


@pytest.mark.parametrize("rule", [pytest.param(r, id=label(r)) for r in DECLARED if label(r) not in VECTORS])
def test_the_adjoint_of_complex_arguments_is_what_differences_say(rule):
    tested, refused, rng = 0, 0, np.random.default_rng(1)
    for call, y in calls(rule):
        y_bar = random_like(y, rng)
        for name in call.active:
            x = call.bound.arguments[name]
            x_dot = random_like(x, rng)
            try:
                x_bar = adjoint_of(call, name, y_bar, y)
            except Refused:
                refused += 1
                continue
            assert structure(x_bar) == structure(x)
            ours = inner(x_bar, x_dot)
            if not is_kink(call):
                ahead, behind = (call.run(**{name: moved(x, x_dot, h)}) for h in (1e-6, -1e-6))
                slope = (inner(y_bar, ahead) - inner(y_bar, behind)) / 2e-6
                np.testing.assert_allclose(ours, slope, rtol=5e-6, atol=5e-7, err_msg=f"{call.bound} by {name}")
            if not isinstance(rule.fn, str):
                dots = tuple(x_dot if n == name else None for n in rule.data)
                with np.errstate(all="ignore"):
                    y_dot = apply_jvp(rule.fn, dots, y, *call.bound.args, **call.bound.kwargs)
                np.testing.assert_allclose(inner(y_bar, y_dot), ours, rtol=1e-8, atol=1e-10, err_msg=f"tangent by {name}")
            tested += 1
    assert tested > 0 and (refused == 0 or label(rule) in MAY_REFUSE)


@pytest.mark.parametrize("rule", [pytest.param(r, id=label(r)) for r in ALL if r not in DECLARED and examples(r)])
def test_a_rule_that_is_not_declared_for_complex_numbers_refuses_them(rule):
    for example in examples(rule)[:1]:
        with pytest.raises(Refused, match="complex numbers"):
            apply_vjp(rule.fn, 0, 1.0, 1j, *example.args, **example.kwargs)
        with pytest.raises(Refused, match="complex numbers"):
            apply_jvp(rule.fn, (1.0,), 1j, *example.args, **example.kwargs)


@pytest.mark.parametrize("rule", [pytest.param(r, id=label(r)) for r in DECLARED if label(r) not in VECTORS | HELPERS])
def test_through_the_compiler_the_rules_give_the_same(rule):
    tested, refused, rng = 0, 0, np.random.default_rng(1)
    for call, y in itertools.islice(calls(rule), 12):
        y_bar = random_like(y, rng)
        for name in call.active:
            x = call.bound.arguments[name]
            x_dot = random_like(x, rng)
            try:
                expected = inner(adjoint_of(call, name, y_bar, y), x_dot)
            except Refused:
                continue
            program, params = program_of(call, [name])
            dots = [x_dot] if name in params else list(x_dot)
            with np.errstate(all="ignore"):
                try:
                    bars = vjp(program, *params.values())[1](y_bar)
                    value, y_dot = jvp(program, tuple(params.values()), tuple(map(fitting, params.values(), dots)))
                except MissingRule as error:
                    refused += 1
                    assert "complex" in str(error)
                    continue
            found = sum(inner(as_listed(bar, x), dot) for x, bar, dot in zip(params.values(), bars, dots))
            np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-11, err_msg=f"{call.bound} by {name}")
            found = inner(y_bar, as_listed(y_dot, y))
            np.testing.assert_allclose(found, expected, rtol=1e-8, atol=1e-10, err_msg=f"{call.bound} along {name}")
            tested += 1
    assert tested > 0 and (refused == 0 or label(rule) in MAY_REFUSE)


# ---------------------------------------------------------------------------------------------------------------
# Programs


RNG = np.random.default_rng(0)


def normal(*shape):
    return RNG.normal(size=shape) + 1j * RNG.normal(size=shape)


def steepest(fun, args, k):
    """The direction of steepest ascent by argument k: extrapolated differences in the real and the imaginary part."""
    x = np.array(args[k])
    found = np.zeros_like(x)

    def value(point):
        given = point.item() if np.ndim(args[k]) == 0 else point
        return fun(*args[:k], given, *args[k + 1 :])

    for index in np.ndindex(x.shape):
        for unit in (1, 1j) if np.iscomplexobj(x) else (1,):
            step = np.zeros_like(x)
            step[index] = unit
            slopes = [(value(x + h * step) - value(x - h * step)) / (2 * h) for h in (1e-3, 5e-4)]
            found[index] += unit * (4 * slopes[1] - slopes[0]) / 3
    return found


def residual(z, A, b):
    r = A @ z - b
    return np.sum(np.abs(r) ** 2)


def residual_by_vdot(z, A, b):
    r = A.dot(z) - b
    return np.vdot(r, r).real


def residual_by_parts(z, A, b):
    r = np.einsum("ij,j->i", A, z) - b
    return np.sum(r.real**2 + r.imag**2)


def phase_retrieval(z, A, measured):
    """Wirtinger flow: only the magnitudes are known."""
    return np.mean((np.abs(A @ z) ** 2 - measured) ** 2)


def rotation(angle):
    c, s = np.cos(angle / 2), np.sin(angle / 2)
    return np.array([[c, -1j * s], [-1j * s, c]])


def expectation(angles, phase):
    """A circuit of two qubits: rotations, a controlled phase, and the energy of a Hermitian matrix."""
    state = np.zeros(4, complex)
    state[0] = 1.0
    for a, b in angles:
        state = np.kron(rotation(a), rotation(b)) @ state
        state[3] *= np.exp(1j * phase)
    energy = np.array([[1, 0, 0, 0.5j], [0, -1, 2, 0], [0, 2, -1, 0], [-0.5j, 0, 0, 1]])
    return np.real(state.conj() @ energy @ state)


def impedance_misfit(elements, omega, measured):
    """A resistor beside a capacitor, in series with a coil."""
    resistance, inductance, capacitance = elements
    z = 1j * omega * inductance + 1 / (1 / resistance + 1j * omega * capacitance)
    gap = np.log(z) - np.log(measured)
    return np.sum(np.abs(gap) ** 2)


def filter_misfit(taps, wanted):
    response = np.fft.rfft(taps, 16)
    ripple = np.abs(response) - wanted
    smooth = np.fft.irfft(response * np.exp(-0.1 * np.arange(9)))
    return ripple @ ripple + 0.1 * np.sum(smooth**2) + np.sum(np.unwrap(np.angle(response)) ** 2)


def escape(c, n):
    z = 0j
    for _ in range(n):
        z = z * z + c
        if abs(z) > 2:
            break
    return np.log(abs(z))


def escape_by_cmath(c, n):
    z, total = c, 0.0
    for k in range(n):
        z = cmath.exp(z) / (k + 1) - cmath.sqrt(c) + z**2 / 3
        total += cmath.phase(z) * z.imag
    radius, angle = cmath.polar(z)
    return total + radius * angle + (z * z.conjugate()).real + pow(z, 3).imag


def split_step(psi, potential, steps, dt):
    """A Schrödinger equation, with the state written in place: the distance of the mean position from a place."""
    psi = psi.copy()
    n = len(psi)
    k = 2 * np.pi * np.fft.fftfreq(n)
    half = np.empty(n, complex)
    for _ in range(steps):
        half[:] = np.exp(-0.5j * dt * potential)
        psi *= half
        spectrum = np.fft.fft(psi)
        spectrum[1:-1] *= np.exp(-0.5j * dt * k[1:-1] ** 2)
        psi[:] = np.fft.ifft(spectrum)
        psi *= half
    density = np.abs(psi) ** 2
    return (np.sum(density * np.arange(n)) / np.sum(density) - 1.0) ** 2 + psi[0].imag


def real_and_complex(x, z):
    """Real places among complex ones, and the other way round."""
    a = np.zeros(4, dtype=complex)
    a[0], a[1:] = x[0], z * x
    a[2] += 1j * x[1]
    a[1:3] *= z[0]
    b = np.where(x > 0, z, x)
    c = np.stack([x, z]).sum(axis=0)
    w = complex(x[0], x[1]) * b[0]
    m = np.array([[x[0], z[1]], [1j, w]])
    real = x.copy()
    real[1:] = (z * c)[1:].real
    return np.sum(np.abs(a) ** 2) + np.linalg.inv(m)[0, 1].imag + real @ x + b.var() + abs(c.mean())


def mixed_structures(model):
    total, hidden = 0.0, []
    for w in model["layers"]:
        hidden.append(w @ model["start"] + model["shift"])
    for h in hidden:
        total += np.linalg.norm(h) * h.real.sum()
    u, v = hidden[0], hidden[-1]
    return total + np.vdot(u, v).imag


def resonance(A, b, omega):
    """The answer of a damped system to a harmonic force, by a complex linear system."""
    system = A + 1j * omega * np.eye(3) - omega**2 * np.diag([1.0, 2.0, 3.0])
    x = np.linalg.solve(system, b)
    sign, log = np.linalg.slogdet(system)
    return np.abs(x).max() if omega < 0 else np.sum(np.abs(x) ** 2) + 0.1 * log + sign.real


def hermitian_matrix(A):
    H = A @ A.conj().T + np.eye(3)
    values = np.linalg.eigvalsh(H)
    factor = np.linalg.cholesky(H)
    vectors = np.linalg.eigh(H)[1]
    projector = np.outer(vectors[:, 0], vectors[:, 0].conj())
    q, r = np.linalg.qr(A)
    return np.sum(values**1.5) + np.sum(factor).real + np.sum(projector * H.T).real + (q.sum() * r.sum()).imag


def in_a_helper(z, n):
    def turned(w, k):
        return w * np.exp(2j * np.pi * k / n)

    def fill(out, w):
        for k in range(n):
            out[k] = turned(w[k % len(w)], k) ** 2

    out = np.zeros(n, complex)
    fill(out, z)
    return np.sum(np.abs(np.cumsum(out))) + out[::2].prod().real


PROGRAMS = [
    (residual, (normal(3), normal(4, 3), normal(4))),
    (residual_by_vdot, (normal(3), normal(4, 3), normal(4))),
    (residual_by_parts, (normal(3), normal(4, 3), normal(4))),
    (phase_retrieval, (normal(3), normal(8, 3), RNG.uniform(1, 2, 8))),
    (expectation, (RNG.normal(size=(2, 2)), 0.7)),
    (impedance_misfit, (np.array([2.0, 0.3, 0.5]), np.array([0.5, 1.0, 3.0]), normal(3))),
    (filter_misfit, (RNG.normal(size=6), np.linspace(1, 0, 9))),
    (escape, (0.3 + 0.5j, 5)),
    (escape, (1.3 + 0.5j, 5)),
    (escape_by_cmath, (0.4 + 0.3j, 4)),
    (split_step, (normal(6), RNG.normal(size=6), 3, 0.2)),
    (real_and_complex, (RNG.normal(size=3), normal(3))),
    (resonance, (RNG.normal(size=(3, 3)), normal(3), 0.8)),
    (resonance, (normal(3, 3), RNG.normal(size=3), 0.8)),
    (hermitian_matrix, (normal(3, 3),)),
    (in_a_helper, (normal(3), 5)),
]
"""Each with its arguments; the gradient is taken by each of those that is no integer."""

def becomes_complex(x, n):
    u = np.zeros(3) + x
    for _ in range(n):
        u = u * (1 + 0.5j) + x
    return np.sum(np.abs(u) ** 2) + u[0].imag


def complex_on_one_path(z, flag):
    y = z.real if flag > 0 else z * 2j
    return np.sum(np.abs(y) ** 2 + (y * z).real)


def starts_as_an_integer(c):
    z = 0
    for _ in range(4):
        z = z * z + c
    return abs(z)


def in_one_list(x, z):
    xs = [x[0], z[0]]
    xs.append(x[1])
    xs.append(z[1] * x[2])
    total = 0
    for k in range(len(xs)):
        total = total + xs[k] * xs[-1 - k]
    return total.imag + abs(total) + sum((v * 1j).real for v in z)


def written_parts(z, x):
    z = z.copy()
    z.real[1:] = x[1:]
    z.imag[0] = x[0] * 2
    return np.sum(np.abs(z) ** 2) + (z[0] * z[1] * z[2]).imag


def powers(z, x):
    return np.sum(z**-1 + z**0.5 + 2**z + np.abs(x) ** z + z**x + z**z + (-2.0) ** z).imag


def written_in_place(z, x):
    a = np.zeros(4, complex)
    np.add.at(a, [0, 1, 1], z)
    a.flat[2] = x[0]
    a[[0, 0, 3]] = z * x
    np.multiply(a, 2j, out=a)
    return np.sum(np.abs(a) ** 2) + np.sum(a).real


def of_a_gradient(z, A, b):
    g = grad(residual)(z, A, b)
    return np.sum(np.abs(g) ** 2) + np.sum(g).imag


def until_it_is_large(z):
    n = 0
    while abs(z) < 4 and n < 10:
        z, n = z * z + 1.1, n + 1
    return z.real


def power_by_recursion(z, n):
    return z if n == 0 else power_by_recursion(z * z + 0.1j, n - 1)


def recursive(z):
    return abs(power_by_recursion(z, 3))


def signals(z, x):
    return np.sum(np.convolve(z, x).real) + np.sum(np.correlate(z, x * 1j).imag) + abs(np.prod(z))


X, Z = RNG.normal(size=3), normal(3)
EDGES = [
    (becomes_complex, (X, 3)), (complex_on_one_path, (Z, 1.0)), (complex_on_one_path, (Z, -1.0)),
    (complex_on_one_path, (0.3 + 1j, 1.0)), (complex_on_one_path, (0.3 + 1j, -1.0)), (starts_as_an_integer, (0.2 + 0.1j,)),
    (in_one_list, (X, Z)), (written_parts, (Z, X)), (powers, (Z, X)), (written_in_place, (Z, X)),
    (of_a_gradient, (Z, normal(4, 3), normal(4))), (until_it_is_large, (0.3 + 0.6j,)), (recursive, (0.3 + 0.2j,)),
    (signals, (Z, X)),
]  # fmt: skip
"""What is real on one path and complex on another, or held in one place with the other."""


def by_argument(programs):
    """Each program with each of its arguments that is no integer."""
    return [
        pytest.param(fun, args, k, id=f"{fun.__name__}-{number}-{k}")
        for number, (fun, args) in enumerate(programs)
        for k, x in enumerate(args)
        if not isinstance(x, int)
    ]


BY_ARGUMENT = by_argument(PROGRAMS)


@pytest.mark.parametrize("fun, args, k", BY_ARGUMENT + by_argument(EDGES))
def test_the_gradient_is_the_direction_of_steepest_ascent(fun, args, k):
    kept = copy.deepcopy(args)
    found = grad(fun, k)(*args)
    assert np.asarray(found).dtype == np.asarray(args[k]).dtype and np.shape(found) == np.shape(args[k])
    assert isinstance(found, type(args[k]))
    np.testing.assert_allclose(found, steepest(fun, args, k), rtol=1e-6, atol=1e-7)
    assert all(np.array_equal(a, b) for a, b in zip(args, kept))


@pytest.mark.parametrize("fun, args, k", BY_ARGUMENT + by_argument(EDGES))
def test_the_tangent_is_the_inner_product_with_the_gradient(fun, args, k):
    x = args[k]
    dot = type(x)(0.3 - 0.7j if isinstance(x, complex) else 0.3) if np.ndim(x) == 0 else x[..., ::-1] * (0.5 + 0.0)
    dots = tuple(dot if n == k else None for n in range(len(args)))
    value, slope = jvp(fun, args, dots)
    assert isinstance(slope, float) and value == pytest.approx(fun(*args))
    np.testing.assert_allclose(slope, np.vdot(steepest(fun, args, k), dot).real, rtol=1e-6, atol=1e-7)


ONCE = {("expectation", 1), ("hermitian_matrix", 0), ("in_a_helper", 0), ("real_and_complex", 1)}
"""Programs whose second derivative is refused, with real numbers as with complex ones: eigenvectors and products of items
have no rule for it, and a place in a tape, or extents that differ, are not known well enough to be written into."""


@pytest.mark.parametrize("fun, args, k", [p for p in BY_ARGUMENT if (p.values[0].__name__, p.values[2]) not in ONCE])
def test_second_derivatives(fun, args, k):
    """The derivative of the gradient along a direction, by both modes, against differences of the gradient."""
    x = args[k]
    dot = 0.3 * x if np.ndim(x) == 0 else x[..., ::-1] * 0.5
    gradient = grad(fun, k)
    ahead, behind = (gradient(*args[:k], x + h * dot, *args[k + 1 :]) for h in (1e-5, -1e-5))
    expected = (np.asarray(ahead) - behind) / 2e-5
    found = hvp(fun, k)(*args, dot)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(vjp(gradient, *args)[1](dot)[k], expected, rtol=1e-5, atol=1e-5)


def test_the_gradient_descends():
    A, b, z = normal(5, 3), normal(5), np.zeros(3, complex)
    size = 0.5 / np.linalg.norm(A, 2) ** 2
    gradient = grad(residual)
    for _ in range(2000):
        z -= size * gradient(z, A, b)
    np.testing.assert_allclose(z, np.linalg.lstsq(A, b, rcond=None)[0], rtol=1e-6)


def test_closed_forms():
    z = 0.3 - 0.4j
    assert grad(lambda z: abs(z) ** 2)(z) == pytest.approx(2 * z)
    assert grad(lambda z: z.real)(z) == 1 and grad(lambda z: z.imag)(z) == 1j
    assert grad(lambda z: abs(z))(z) == pytest.approx(z / abs(z))
    assert grad(lambda z: (z * z).real)(z) == pytest.approx(np.conj(2 * z))
    assert grad(lambda z: cmath.phase(z))(z) == pytest.approx(1j * z / abs(z) ** 2)
    assert grad(lambda z: abs(z))(0j) == 0
    A, w = normal(3, 2), normal(3)
    value, pullback = vjp(lambda z: A @ z, normal(2))
    np.testing.assert_allclose(pullback(w)[0], A.conj().T @ w)
    value, pullback = vjp(cmath.exp, z)
    assert pullback(1j)[0] == pytest.approx(1j * np.conj(value))
    assert jvp(lambda z: z**3, (z,), (1j,))[1] == pytest.approx(3j * z**2)
    assert vjp(lambda x: x * 1j, 2.0)[1](3 + 4j) == (4.0,)


JAX_PROGRAMS = [p for p in BY_ARGUMENT if p.values[0] in (residual, residual_by_vdot, phase_retrieval, impedance_misfit)]


@pytest.mark.parametrize("fun, args, k", JAX_PROGRAMS)
def test_jax_has_the_conjugate(fun, args, k):
    jax = pytest.importorskip("jax")
    jax.config.update("jax_enable_x64", True)
    namespace = types.FunctionType(fun.__code__, {**fun.__globals__, "np": jax.numpy})
    theirs = jax.grad(namespace, k)(*map(jax.numpy.asarray, args))
    np.testing.assert_allclose(grad(fun, k)(*args), np.conj(theirs), rtol=1e-9, atol=1e-12)


# ---------------------------------------------------------------------------------------------------------------
# Types, seeds, refusals


def test_a_gradient_has_the_type_of_its_argument():
    z = normal(3)
    assert type(grad(abs)(1j)) is complex and type(grad(abs)(np.complex64(1j))) is np.complex64
    assert grad(lambda z: np.sum(z.real))(z.astype(np.complex64)).dtype == np.complex64
    assert grad(lambda z: np.sum(z.real))(z).dtype == complex
    np.testing.assert_array_equal(grad(lambda z: 1.0)(z), np.zeros(3, complex))
    found = grad(mixed_structures)({"layers": [normal(2, 2), np.eye(2)], "start": normal(2), "shift": 0.5})
    assert [w.dtype for w in found["layers"]] == [complex, float]
    assert found["start"].dtype == complex and type(found["shift"]) is float


def test_a_structure_of_real_and_complex_numbers():
    model = {"layers": [normal(2, 2), RNG.normal(size=(2, 2))], "start": normal(2), "shift": 0.5}
    found = grad(mixed_structures)(model)
    parts = [(model["layers"], 0, found["layers"][0]), (model["layers"], 1, found["layers"][1])]
    for holder, key, bar in [*parts, (model, "start", found["start"]), (model, "shift", found["shift"])]:
        kept = holder[key]

        def value(x, holder=holder, key=key, kept=kept):
            holder[key] = x
            try:
                return mixed_structures(model)
            finally:
                holder[key] = kept

        np.testing.assert_allclose(bar, steepest(value, (kept,), 0), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("fun, args, k", [p for p in BY_ARGUMENT if p.values[2] == 0])
def test_gradients_of_complex_programs_are_checked(fun, args, k):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        grad(fun, k, check=True)(*args)
    check_grads(fun, args, argnums=k)


def test_a_wrong_part_is_found(monkeypatch):
    monkeypatch.setattr(registry, "HOLOMORPHIC", registry.HOLOMORPHIC | {np.imag})  # conjugated once too often
    with pytest.raises(GradientMismatch) as error:
        grad(lambda z: np.sum(z.imag * np.arange(3.0)), check=True)(normal(3))
    assert "z[2].imag: -2 by srcad, 2 by differences" in str(error.value)
    with pytest.raises(GradientMismatch, match=r"it is off most at z\[2\].imag"):
        check_grads(lambda z: np.sum(z.imag * np.arange(3.0)), (normal(3),))


REFUSED = [
    (lambda z: z * z, "returns a complex one"),
    (lambda z: np.sum(np.maximum(z, 0).real), "np.maximum has no derivative rule for complex numbers"),
    (lambda z: np.sum(np.sort(z).real), "np.sort has no derivative rule for complex numbers"),
    (lambda z: np.sum(np.sign(z).real), "np.sign of a complex number"),
    (lambda z: np.sum(z.astype(float)), "a complex number made real"),
    (lambda z: np.linalg.svd(z[:2, None])[0].real.sum(), "singular vectors of a complex matrix"),
    (lambda z: np.sum(written(np.zeros(3), z)), "loses its imaginary part"),
]


def written(a, z):
    a[0] = z[0]
    return a


@pytest.mark.parametrize("fun, message", REFUSED, ids=[m for _, m in REFUSED])
def test_what_has_no_rule_for_complex_numbers_is_refused(fun, message):
    with pytest.raises(SrcadError, match=message):
        grad(fun)(normal(3))


def total_of_jacobian(z):
    return np.sum(abs(jacfwd(np.abs)(z)))


def test_matrices_by_complex_numbers_that_are_not_supported():
    with pytest.raises(KindError, match="the hessian of <lambda> by complex numbers is not supported"):
        hessian(lambda z: np.sum(abs(z) ** 2))(normal(3))
    with pytest.raises(KindError, match="the jacfwd of absolute by complex numbers is not supported"):
        grad(total_of_jacobian)(normal(3))


def test_seeds_have_to_be_in_the_field():
    with pytest.raises(KindError, match="the adjoint is complex"):
        vjp(lambda z: abs(z), 1j)[1](1j)
    with pytest.raises(KindError, match="it must be real numbers"):
        jvp(lambda x: x * 1j, (1.0,), (1j,))
    pullback = vjp(lambda z: z * 2, normal(3))[1]
    np.testing.assert_array_equal(pullback(np.ones(3))[0], np.full(3, 2 + 0j))


def test_the_sign_of_what_may_be_complex():
    """It is not constant for complex numbers: also refused where they are seen at run time only."""

    def fun(x, held):
        return np.sum(np.real(np.sign(x * held.value) * held.value))

    held = threading.local()
    held.value = 2.0
    assert grad(fun)(np.array([1.0, -2.0]), held).tolist() == [0, 0]
    held.value = 1 + 1j
    with pytest.raises(KindError, match=r"`np.sign` of a complex number"):
        grad(fun)(np.array([1.0, -2.0]), held)


# ---------------------------------------------------------------------------------------------------------------
# Jacobians

MATRIX = normal(3, 4)


def waves(x):
    return np.exp(1j * x)[:3] * (MATRIX @ x)


def entire(z):
    return np.sin(MATRIX @ z) * z[:3]


def intensities(z):
    return np.abs(MATRIX @ z) ** 2 + z.real[:3] * z.imag[1:]


def columns(fun, x, one=1.0, step=1e-6):
    """The derivatives of a function along `one` times each number of x, by central differences."""
    units = np.eye(x.size) * one * step
    return np.stack([(fun(x + e) - fun(x - e)) / (2 * step) for e in units], -1)


OPERATORS = pytest.mark.parametrize("operator", [jacobian, jacfwd, jacrev])


@OPERATORS
def test_a_complex_function_of_real_numbers_has_a_complex_jacobian(operator):
    x = RNG.normal(size=4)
    found = operator(waves)(x)
    assert found.dtype == complex and operator(waves)(x.astype(np.float32)).dtype == np.complex64
    np.testing.assert_allclose(found, columns(waves, x), rtol=1e-7, atol=1e-8)
    found = operator(lambda t: np.exp(1j * t))(0.5)
    assert type(found) is complex and found == pytest.approx(1j * np.exp(0.5j))


@OPERATORS
def test_a_real_function_of_complex_numbers_has_the_directions_of_steepest_ascent(operator):
    z = normal(4)
    expected = columns(intensities, z) + 1j * columns(intensities, z, 1j)
    np.testing.assert_allclose(operator(intensities)(z), expected, rtol=1e-7, atol=1e-8)
    assert operator(lambda t: abs(t) ** 2)(0.5 + 1j) == pytest.approx(1 + 2j)


@OPERATORS
def test_a_holomorphic_function_has_its_complex_derivative(operator):
    z = normal(4)
    found = operator(entire, holomorphic=True)(z)
    np.testing.assert_allclose(found, columns(entire, z), rtol=1e-7, atol=1e-8)
    assert operator(lambda t: t**3, holomorphic=True)(0.5 + 1j) == pytest.approx(3 * (0.5 + 1j) ** 2)


@OPERATORS
def test_jacobians_by_real_and_complex_arguments_and_of_structures(operator):
    z, x = normal(3), RNG.normal(size=3)
    by_z, by_x = operator(lambda z, x: z * x, (0, 1), holomorphic=True)(z, x)
    np.testing.assert_allclose(by_z, np.diag(x), atol=1e-15)
    np.testing.assert_allclose(by_x, np.diag(z), atol=1e-15)
    by_z, by_x = operator(lambda z, x: np.abs(z) * x, (0, 1))(z, x)
    np.testing.assert_allclose(by_z, np.diag(z / np.abs(z) * x), rtol=1e-12, atol=1e-15)
    assert by_x.dtype == float
    np.testing.assert_allclose(by_x, np.diag(np.abs(z)), rtol=1e-12, atol=1e-15)
    found = operator(lambda p: {"y": p["w"] * p["s"], "n": np.sum(p["w"]) * 1j})({"w": x, "s": 2.0})
    np.testing.assert_allclose(found["n"]["w"], 1j * np.ones(3))
    np.testing.assert_allclose(found["y"]["s"], x)
    assert found["n"]["s"] == 0


@OPERATORS
@pytest.mark.parametrize(
    "fun, holomorphic, message",
    [
        (lambda z: np.conj(z) * z[0], True, "not holomorphic: its derivative along 1j"),
        (lambda z: np.conj(z) * z[0], False, "is not said to be holomorphic"),
        (intensities, True, "returns real numbers"),
    ],
)
def test_jacobians_of_what_is_not_holomorphic_are_refused(operator, fun, holomorphic, message):
    with pytest.raises(KindError, match=message):
        operator(fun, holomorphic=holomorphic)(normal(4))


def test_hessians_of_real_functions_with_complex_numbers_inside():
    x = RNG.normal(size=5)

    def energy(x):
        return np.sum(np.abs(np.fft.fft(x**2)) ** 2)

    np.testing.assert_allclose(hessian(energy)(x), columns(grad(energy), x), rtol=1e-6, atol=1e-6)
    with pytest.raises(KindError, match="the hessian of intensities by complex numbers is not supported"):
        hessian(intensities)(normal(4))


def test_a_complex_jacobian_inside_of_a_function():
    x = RNG.normal(size=4)

    def size(x):
        return np.sum(np.abs(jacobian(waves)(x)) ** 2)

    np.testing.assert_allclose(grad(size)(x), columns(size, x), rtol=1e-6, atol=1e-6)
