"""Optimisation loops: what they reach, when they stop, what they show, and what they keep when they diverge."""

import math
import os
import pickle
import struct
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from srcad import grad, optim
from srcad.errors import SrcadError


def parabola(x):
    return 1.5 * (x - 2.0) ** 2


def bowl(x):
    return np.sum(np.array([1.0, 4.0]) * x * x)


def squared_error(w, inputs, targets):
    r = inputs @ w - targets
    return np.mean(r * r)


@dataclass(frozen=True)
class Line:
    slope: float
    offset: np.ndarray
    name: str = "line"


def line_error(line, x, y):
    r = line.slope * x + line.offset - y
    return np.mean(r * r)


@pytest.fixture
def regression():
    """Inputs, targets, and the weights that explain them exactly."""
    rng = np.random.default_rng(3)
    inputs, w = rng.standard_normal((100, 3)), np.array([1.0, -2.0, 0.5])
    return inputs, inputs @ w, w


# ---------------------------------------------------------------------------------------------------------------
# Descent


def test_descent_on_a_parabola_follows_the_closed_form():
    seen = []
    optim.descend(parabola, 0.0, eta=0.1, iterations=5, callback=lambda at: seen.append(at.x))
    assert seen == pytest.approx([2 - 2 * (1 - 0.1 * 3) ** k for k in range(6)], rel=1e-12)


def test_descent_finds_the_minimum():
    result = optim.descend(bowl, np.array([3.0, -2.0]))
    np.testing.assert_allclose(result.x, 0.0, atol=1e-6)
    assert result.value == bowl(result.x)
    assert result.reason == "gradient norm"


def test_the_starting_point_is_not_modified():
    x0 = {"w": np.array([3.0, -2.0]), "inner": [np.ones(1)]}
    optim.descend(lambda x: np.sum(x["w"] ** 2) + x["inner"][0][0] ** 2, x0, iterations=3)
    assert x0["w"].tolist() == [3.0, -2.0]
    assert x0["inner"][0].tolist() == [1.0]


def test_a_whole_number_as_the_start_counts_as_a_float():
    result = optim.descend(parabola, 5)
    assert result.x == pytest.approx(2.0, abs=1e-6)
    assert type(result.x) is float


def test_single_precision_stays_single_precision():
    result = optim.descend(bowl, np.array([3.0, -2.0], np.float32), step=optim.Adam(0.1), iterations=3)
    assert result.x.dtype == np.float32


def test_a_0d_array_stays_a_0d_array():
    result = optim.descend(parabola, np.array(0.0), iterations=3)
    assert type(result.x) is np.ndarray
    assert result.x.shape == ()


def test_parameters_may_be_a_dataclass_with_constants(regression):
    x = np.linspace(0.0, 1.0, 20)
    result = optim.descend(line_error, Line(0.0, np.zeros(1)), eta=0.5, args=(x, 3.0 * x + 1.0))
    assert type(result.x) is Line
    assert result.x.name == "line"
    assert result.x.slope == pytest.approx(3.0, abs=1e-5)
    np.testing.assert_allclose(result.x.offset, [1.0], atol=1e-5)


def test_data_is_passed_to_the_function(regression):
    inputs, targets, w = regression
    result = optim.descend(squared_error, np.zeros(3), args=(inputs, targets))
    np.testing.assert_allclose(result.x, w, atol=1e-5)


def test_what_grad_returns_is_taken_too():
    assert optim.descend(grad(parabola), 0.0).x == pytest.approx(2.0, abs=1e-6)


def test_a_gradient_written_by_hand_is_taken_too():
    class ByHand:
        def value_and_grad(self, x, target):
            return (x - target) ** 2, 2 * (x - target)

    assert optim.descend(ByHand(), 0.0, args=(3.0,)).x == pytest.approx(3.0, abs=1e-6)


@pytest.mark.parametrize("options", [{"argnums": 1}, {"argnums": "y"}, {"argnums": (0,)}, {"has_aux": True}], ids=str)
def test_a_gradient_by_anything_but_the_first_argument_is_refused(options):
    with pytest.raises(SrcadError, match="by the first argument, and nothing beside it"):
        optim.descend(grad(lambda x, y: x * y, **options), 0.0, args=(1.0,))


def test_the_step_size_may_depend_on_the_iteration():
    seen = []
    optim.descend(lambda x: -x, 0.0, eta=lambda k: 1 / (k + 1), iterations=4, callback=lambda at: seen.append(at.x))
    assert seen == pytest.approx([0, 1, 1 + 1 / 2, 1 + 1 / 2 + 1 / 3, 1 + 1 / 2 + 1 / 3 + 1 / 4])


def test_a_step_size_beside_a_rule_is_refused():
    with pytest.raises(SrcadError, match=r"eta and step are both given\n.*step=Adam\(0.5\)"):
        optim.descend(parabola, 0.0, eta=0.5, step=optim.Adam())


def test_parameters_without_a_float_are_refused():
    with pytest.raises(SrcadError, match="no parameters to optimise"):
        optim.descend(lambda x: len(x["name"]) * 1.0, {"name": "line"})


def test_complex_parameters_are_refused():
    with pytest.raises(SrcadError, match="complex parameters"):
        optim.descend(lambda z: abs(z) ** 2, 1j)


def test_an_integer_among_the_parameters_is_told_and_kept():
    with pytest.warns(UserWarning, match=r"x0\['b'\] is an integer \(0\), so it stays as it is") as told:
        result = optim.descend(lambda p: (p["w"] + p["b"] - 1.0) ** 2, {"w": 0.0, "b": 0})
    assert told[0].filename == __file__
    assert result.x["b"] == 0
    assert result.x["w"] == pytest.approx(1.0, abs=1e-6)


# ---------------------------------------------------------------------------------------------------------------
# Step rules


def test_momentum_is_the_heavy_ball_of_polyak():
    eta, beta, seen = 0.05, 0.8, []
    optim.descend(parabola, 0.0, step=optim.Momentum(eta, beta), iterations=10, callback=lambda at: seen.append(at.x))
    x = [0.0, 0.0]
    for _ in range(10):
        x.append(x[-1] - eta * 3 * (x[-1] - 2) + beta * (x[-1] - x[-2]))
    assert seen == pytest.approx(x[1:], rel=1e-12)


def test_nesterov_takes_its_gradient_ahead():
    eta, beta, seen = 0.05, 0.8, []
    rule = optim.Momentum(eta, beta, nesterov=True)
    optim.descend(parabola, 0.0, step=rule, iterations=10, callback=lambda at: seen.append(at.x))
    y, ahead = 0.0, [0.0]
    for _ in range(10):
        next_y = ahead[-1] - eta * 3 * (ahead[-1] - 2)
        ahead.append(next_y + beta * (next_y - y))
        y = next_y
    assert seen == pytest.approx(ahead, rel=1e-12)


def test_adam_goes_its_step_size_whatever_the_slope():
    x = optim.descend(lambda x: np.sum(np.array([1e-3, -5.0]) * x), np.zeros(2), step=optim.Adam(0.01), iterations=7).x
    np.testing.assert_allclose(x, [-0.07, 0.07], rtol=2e-5)


def test_adam_is_algorithm_1_of_its_paper():
    seen = []
    optim.descend(parabola, 0.0, step=optim.Adam(0.3, 0.8, 0.95), iterations=20, callback=lambda at: seen.append(at.x))
    theta, m, v, expected = 0.0, 0.0, 0.0, [0.0]
    for t in range(1, 21):
        g = 3 * (theta - 2)
        m = 0.8 * m + 0.2 * g
        v = 0.95 * v + 0.05 * g**2
        theta -= 0.3 * (m / (1 - 0.8**t)) / (math.sqrt(v / (1 - 0.95**t)) + 1e-8)
        expected.append(theta)
    assert seen == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("step", [optim.Momentum(0.02), optim.Momentum(0.02, nesterov=True), optim.Adam(0.05)], ids=str)
def test_every_rule_finds_the_minimum_of_a_structure(step):
    def f(p):
        return bowl(p["w"]) + (p["pair"][0] - 1.0) ** 2 + (p["pair"][1] + 1.0) ** 2

    result = optim.descend(f, {"w": np.array([1.0, -1.0]), "pair": (0.0, 0.0)}, step=step, iterations=3000)
    assert result.value < 1e-9
    assert result.x["pair"] == pytest.approx((1.0, -1.0), abs=1e-4)


def test_a_rule_of_ones_own_is_a_class_with_two_methods():
    class Signs:
        eta = 0.25

        def start(self, x):
            return 0

        def change(self, gradient, count, eta, iteration):
            assert count == iteration
            return -eta * np.sign(gradient), count + 1

    assert optim.descend(parabola, 0.0, step=Signs(), iterations=8).x == 2.0


# ---------------------------------------------------------------------------------------------------------------
# When it stops


def test_it_stops_after_the_given_iterations():
    result = optim.descend(parabola, 0.0, iterations=7)
    assert (result.iterations, result.reason) == (7, "iterations")
    assert len(result.history.value) == 8


def test_no_iterations_give_the_start():
    result = optim.descend(parabola, 0.0, iterations=0)
    assert (result.x, result.value, result.iterations) == (0.0, 6.0, 0)


def test_it_stops_where_the_gradient_is_small():
    result = optim.descend(parabola, 0.0, gtol=0.5)
    assert abs(3 * (result.x - 2)) <= 0.5
    assert result.history.gradient_norm[-2] > 0.5
    assert result.reason == "gradient norm"


def test_it_stops_where_f_no_longer_changes():
    result = optim.descend(parabola, 0.0, gtol=0.0, ftol=1e-3)
    values = result.history.value
    assert abs(values[-1] - values[-2]) <= 1e-3 < abs(values[-2] - values[-3])
    assert result.reason == "change of f"


def test_it_stops_where_the_callback_says_so():
    result = optim.descend(parabola, 0.0, callback=lambda at: at.value < 1.0)
    assert result.reason == "callback"
    assert result.history.value[-1] < 1.0 <= result.history.value[-2]


def test_a_callback_sees_the_whole_iterate():
    seen = []
    optim.descend(parabola, 0.0, iterations=2, validation=lambda x: -x, callback=seen.append)
    assert [at.iteration for at in seen] == [0, 1, 2]
    assert (seen[0].x, seen[0].value, seen[0].gradient_norm, seen[0].validation) == (0.0, 6.0, 6.0, 0.0)


def test_an_improving_validation_loss_keeps_it_going_and_a_rising_one_ends_it():
    result = optim.descend(parabola, 0.0, eta=0.1, validation=lambda x: (x - 1.2) ** 2, patience=3)
    path = [2 - 2 * 0.7**k for k in range(20)]
    best = min(range(20), key=lambda k: (path[k] - 1.2) ** 2)
    assert result.reason == "validation"
    assert result.x == pytest.approx(path[best], rel=1e-12)
    assert result.value == pytest.approx(parabola(path[best]))
    assert result.validation == pytest.approx((path[best] - 1.2) ** 2)
    assert result.iterations == best + 3


def test_validation_data_go_to_the_function_itself(regression):
    inputs, targets, _ = regression
    result = optim.descend(squared_error, np.zeros(3), args=(inputs, targets), validation=(inputs[:9], targets[:9]))
    assert result.validation == pytest.approx(squared_error(result.x, inputs[:9], targets[:9]))


def test_validation_does_not_enter_the_gradient():
    plain, watched = (optim.descend(parabola, 0.0, iterations=20, validation=v) for v in (None, lambda x: -1e6 * x))
    np.testing.assert_array_equal(plain.history.value, watched.history.value)


# ---------------------------------------------------------------------------------------------------------------
# Mini-batches


def test_sgd_learns_from_mini_batches(regression):
    inputs, targets, w = regression
    result = optim.sgd(squared_error, np.zeros(3), (inputs, targets), batch=8, epochs=30)
    np.testing.assert_allclose(result.x, w, atol=1e-6)
    assert (result.iterations, result.reason) == (30 * 13, "epochs")
    assert len(result.history.value) == 30 * 13


def test_an_epoch_uses_every_sample_once():
    class Watched:
        def __init__(self):
            self.batches = []

        def value_and_grad(self, x, rows):
            self.batches.append(rows)
            return 0.0, 0.0

    f = Watched()
    optim.sgd(f, 1.0, np.arange(10), batch=4, epochs=2)
    assert [len(rows) for rows in f.batches] == [4, 4, 2] * 2
    epochs = np.concatenate(f.batches[:3]), np.concatenate(f.batches[3:])
    assert [sorted(rows) for rows in epochs] == [list(range(10))] * 2
    assert list(epochs[0]) != list(epochs[1])


def test_a_seed_gives_the_same_run_again(regression):
    inputs, targets, _ = regression
    first, same, other = (
        optim.sgd(squared_error, np.zeros(3), (inputs, targets), epochs=2, seed=seed) for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first.history.value, same.history.value)
    np.testing.assert_array_equal(first.x, same.x)
    assert not np.array_equal(first.x, other.x)


def test_all_samples_at_once_are_gradient_descent(regression):
    inputs, targets, _ = regression
    whole = optim.sgd(squared_error, np.zeros(3), (inputs, targets), eta=0.2, batch=None, epochs=5)
    plain = optim.descend(squared_error, np.zeros(3), eta=0.2, args=(inputs, targets), iterations=5)
    np.testing.assert_allclose(whole.x, plain.x, rtol=1e-12)


def test_the_value_after_an_epoch_is_the_mean_over_its_samples(regression):
    inputs, targets, _ = regression
    result = optim.sgd(squared_error, np.zeros(3), (inputs, targets), batch=64, epochs=1, eta=0.0)
    assert result.value == pytest.approx(squared_error(np.zeros(3), inputs, targets))


def test_sgd_returns_the_best_parameters_on_the_validation_set(regression):
    inputs, targets, _ = regression
    noisy = targets + 3.0 * np.random.default_rng(0).standard_normal(100)
    few, rest = (inputs[:6], noisy[:6]), (inputs[50:], noisy[50:])
    epochs = []

    def watch(at):
        epochs.append(at.epoch)

    result = optim.sgd(
        squared_error, np.zeros(3), few, eta=0.1, batch=2, epochs=500, validation=rest, patience=5, callback=watch
    )
    history = result.history
    assert result.reason == "validation"
    assert result.validation == history.validation.min() == squared_error(result.x, *rest)
    assert len(history.validation) - 1 - history.validation.argmin() == 5
    assert history.validated.tolist() == [3 * k for k in range(len(history.validated))]
    assert epochs == list(range(1, len(history.validated)))


def test_a_callback_ends_sgd_after_an_epoch(regression):
    inputs, targets, _ = regression
    result = optim.sgd(squared_error, np.zeros(3), (inputs, targets), batch=50, callback=lambda at: at.epoch == 2)
    assert (result.iterations, result.reason) == (4, "callback")


@pytest.mark.parametrize("data", [(np.ones((3, 2)), np.ones(4)), (np.ones((0, 2)), np.ones(0))])
def test_data_of_unequal_lengths_or_without_samples_are_refused(data):
    with pytest.raises(SrcadError, match="one row a sample"):
        optim.sgd(squared_error, np.zeros(2), data)


# ---------------------------------------------------------------------------------------------------------------
# Divergence


def quartic(x):
    return np.sum(x * x * x * x)


@pytest.mark.filterwarnings("ignore:overflow")
def test_divergence_names_the_iteration_and_keeps_the_last_good_parameters():
    with pytest.raises(optim.Diverged) as caught:
        optim.descend(quartic, np.array([10.0]), eta=1.0)
    x = [10.0]
    while abs(x[-1]) < 1e77:
        x.append(x[-1] - 4 * x[-1] ** 3)
    error = caught.value
    last_good = len(error.result.history.value) - 1
    assert error.iteration == last_good + 1
    assert math.isfinite(error.result.value)
    assert error.result.x[0] == pytest.approx(x[last_good], rel=1e-12)
    assert error.result.reason == "diverged"
    assert f"in iteration {error.iteration}" in str(error)
    assert "the step before it had the size 1" in str(error).lower()


def test_an_overflow_in_plain_python_is_divergence_too():
    with pytest.raises(optim.Diverged, match="f raised OverflowError") as caught:
        optim.descend(lambda x: math.exp(x) - 2 * x, 0.0, eta=lambda k: 2000.0 * k)
    assert isinstance(caught.value.__cause__, OverflowError)
    assert math.isfinite(caught.value.result.x)


def test_an_error_at_the_very_start_is_the_users_own():
    with pytest.raises(ValueError, match="domain error|positive"):
        optim.descend(lambda x: math.log(x), -1.0)


@pytest.mark.filterwarnings("ignore:invalid value")
def test_nan_at_the_start_is_told():
    with pytest.raises(optim.Diverged, match="f became nan at the start") as caught:
        optim.descend(lambda x: np.sum(np.sqrt(x)), np.array([-1.0]))
    assert caught.value.iteration == 0
    assert caught.value.result.x.tolist() == [-1.0]


@pytest.mark.filterwarnings("ignore:divide by zero")
def test_a_gradient_that_is_infinite_is_named():
    with pytest.raises(optim.Diverged, match=r"its gradient\['b'\] became infinite or NaN at the start"):
        optim.descend(lambda p: np.sum(p["a"] + np.sqrt(p["b"])), {"a": np.ones(1), "b": np.array([0.0, 1.0])})


def test_divergence_keeps_the_best_parameters_on_the_validation_set(regression):
    inputs, targets, _ = regression
    with pytest.raises(optim.Diverged) as caught, np.errstate(all="ignore"):
        optim.sgd(
            squared_error,
            np.zeros(3),
            (inputs, targets),
            eta=lambda k: 0.1 if k < 8 else 100.0,
            epochs=200,
            validation=(inputs, targets),
            patience=1000,
        )
    result = caught.value.result
    assert result.validation == result.history.validation.min() == squared_error(result.x, inputs, targets)
    assert result.validation < 0.5


def test_parameters_that_are_infinite_after_the_last_step_are_told():
    with pytest.raises(optim.Diverged, match="x became infinite or NaN in iteration 1") as caught:
        optim.sgd(lambda x, rows: x + 0.0 * np.sum(rows), 0.0, np.ones(1), eta=math.inf, epochs=1)
    assert caught.value.result.x == 0.0


def test_a_validation_loss_of_nan_is_divergence():
    with pytest.raises(optim.Diverged, match="the validation loss became nan in iteration 1"):
        optim.descend(parabola, 0.0, validation=lambda x: math.nan if x else 0.0)


def test_the_error_and_its_result_can_be_pickled():
    with pytest.raises(optim.Diverged) as caught:
        optim.descend(parabola, 0.0, validation=lambda x: math.nan if x else 0.0)
    again = pickle.loads(pickle.dumps(caught.value))
    assert str(again) == str(caught.value)
    assert again.result.x == caught.value.result.x


# ---------------------------------------------------------------------------------------------------------------
# What it shows


def test_a_result_says_in_a_line_what_was_reached():
    result = optim.descend(parabola, 0.0, eta=1 / 3, validation=lambda x: x)
    assert str(result) == "f = 6, validation = 0 after 1 iterations (ended by: gradient norm)"


def test_a_history_can_be_plotted(regression):
    pytest.importorskip("matplotlib").use("agg")
    inputs, targets, _ = regression
    history = optim.sgd(squared_error, np.zeros(3), (inputs, targets), epochs=2, validation=(inputs, targets)).history
    axes = history.plot()
    value, validation = axes.get_lines()
    np.testing.assert_array_equal(value.get_ydata(), history.value)
    np.testing.assert_array_equal(validation.get_xdata(), history.validated)
    assert axes.get_yscale() == "log"
    assert history.plot(axes) is axes


def test_plotting_without_matplotlib_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(SrcadError, match="pip install matplotlib"):
        optim.descend(parabola, 0.0, iterations=1).history.plot()


SLOW_RUN = """
    import time
    from srcad import optim

    def parabola(x):
        return (x - 1.0) ** 2

    optim.descend(parabola, 0.0, eta=0.01, iterations=30, callback=lambda at: time.sleep(0.05))
"""


def started(tmp_path, text, **pipes):
    """A process that runs a program with srcad importable."""
    path = tmp_path / "run.py"
    path.write_text(textwrap.dedent(text))
    root = str(Path(__file__).parents[1])
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))}
    return subprocess.Popen([sys.executable, str(path)], env=env, **pipes)


def test_no_bar_is_shown_where_stderr_is_no_terminal(tmp_path):
    with started(tmp_path, SLOW_RUN, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        assert process.stdout.read() == b""
    assert process.returncode == 0


def terminal_output(tmp_path, text):
    """What a program writes to a terminal that is its stderr."""
    fcntl, pty, termios = map(pytest.importorskip, ("fcntl", "pty", "termios"))
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 25, 100, 0, 0))
    with started(tmp_path, text, stderr=theirs) as process:
        os.close(theirs)
        shown = b""
        while True:
            try:
                piece = os.read(ours, 4096)
            except OSError:  # how Linux says that the other end is closed
                piece = b""
            if not piece:
                break
            shown += piece
    os.close(ours)
    assert process.returncode == 0, shown.decode()
    return shown.decode()


def test_a_long_run_shows_a_bar_on_a_terminal(tmp_path):
    pytest.importorskip("tqdm")
    shown = terminal_output(tmp_path, SLOW_RUN)
    assert "30/30" in shown
    assert "f = 0." in shown


def test_a_short_run_shows_nothing_on_a_terminal(tmp_path):
    assert terminal_output(tmp_path, SLOW_RUN.replace("iterations=30", "iterations=3")) == ""


def test_a_terminal_without_tqdm_stays_silent(tmp_path):
    assert terminal_output(tmp_path, "\n    import sys\n    sys.modules['tqdm'] = None" + SLOW_RUN) == ""


def test_a_bar_can_be_asked_for(capsys):
    pytest.importorskip("tqdm")
    optim.descend(parabola, 0.0, iterations=3, progress=True)
    assert "3/3" in capsys.readouterr().err


# ---------------------------------------------------------------------------------------------------------------
# Other people's loops


def rosenbrock(x):
    return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


@pytest.mark.parametrize("method", ["BFGS", "L-BFGS-B", "CG", "TNC", "SLSQP"])
def test_scipy_takes_a_gradient_as_it_is(method):
    scipy_optimize = pytest.importorskip("scipy.optimize")
    found = scipy_optimize.minimize(rosenbrock, np.full(5, 0.5), jac=grad(rosenbrock), method=method)
    np.testing.assert_allclose(found.x, 1.0, atol=1e-3)
    assert found.nfev < 400


def test_scipy_takes_value_and_gradient_from_one_sweep(regression):
    scipy_optimize = pytest.importorskip("scipy.optimize")
    inputs, targets, w = regression
    found = scipy_optimize.minimize(
        grad(squared_error).value_and_grad, np.zeros(3), args=(inputs, targets), jac=True, method="BFGS"
    )
    np.testing.assert_allclose(found.x, w, atol=1e-5)
