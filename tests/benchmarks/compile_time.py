"""The time to read, transform and compile a function of 50 lines, and the time of `import srcad`."""

from __future__ import annotations

import importlib.util
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
from time import perf_counter

FIFTY_LINES = """\
import math
import numpy as np


def activation(z, slope):
    positive = np.maximum(z, 0.0)
    negative = np.minimum(z, 0.0)
    return positive + slope * negative


def fifty(w, v, b, x, y, n):
    scale = math.exp(-b) + 1.0
    slope = 0.1 * scale
    total = 0.0
    penalty = 0.0
    h = x
    for k in range(n):
        z = h @ w
        if k % 2 == 0:
            h = np.tanh(z + b)
        elif k > 5:
            h = np.sin(z) * scale
        else:
            h = activation(z, slope)
        norm = np.sum(h**2)
        if norm > 100.0:
            h = h / np.sqrt(norm)
        total += norm / (k + 1)
    out = h @ v
    residual = out - y
    weight = 1 / (1 + residual**2)
    huber = np.where(np.abs(residual) < 1, residual**2 / 2, np.abs(residual) - 0.5)
    loss = np.mean(weight * huber)
    for row in w:
        size = np.sqrt(np.sum(row**2) + 1e-9)
        penalty += size
        if size > 10.0:
            penalty = penalty * 2
    spread = np.var(v)
    center = np.mean(v)
    state, speed = b, scale
    steps = 0
    while steps < 10:
        force = -math.sin(state) - 0.1 * speed
        speed = speed + 0.1 * force
        state = state + 0.1 * speed
        steps += 1
    energy = 0.5 * speed * speed + 1 - math.cos(state)
    logits = np.stack([v, 2 * v])
    shifted = logits - np.max(logits, axis=1, keepdims=True)
    log_z = np.log(np.sum(np.exp(shifted), axis=1))
    entropy = np.sum(log_z)
    result = loss + 0.01 * penalty
    result += 0.1 * spread + center**2
    result += energy * 0.5 + entropy
    return result + 1e-3 * total
"""


def first_gradients(repeats: int = 11) -> list[float]:
    """Seconds of `grad(fifty)(...)` when it is called first, over those of the second call, for fresh copies."""
    import numpy as np

    import srcad

    rng = np.random.default_rng(0)
    args = rng.normal(size=(5, 5)) / 3, rng.normal(size=5), 0.3, rng.normal(size=(7, 5)), rng.normal(size=7), 4
    found = []
    with tempfile.TemporaryDirectory() as folder:
        for number in range(repeats):
            path = pathlib.Path(folder, f"fifty_{number}.py")
            path.write_text(FIFTY_LINES)
            spec = importlib.util.spec_from_file_location(path.stem, path)
            module = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
            times = []
            gradient = srcad.grad(module.fifty, argnums=(0, 1, 2))
            for _ in range(2):
                start = perf_counter()
                gradient(*args)
                times.append(perf_counter() - start)
            found.append(times[0] - times[1])
    return found


def import_times(repeats: int = 9) -> tuple[float, float]:
    """The median seconds of `import srcad` after `import numpy`, and of `import numpy`, in new processes that find the
    packages' bytecode, as those of an installed package do."""
    code = "from time import perf_counter as now; t = now(); import numpy; u = now(); import srcad; print(u - t, now() - u)"
    with tempfile.TemporaryDirectory() as folder:
        variables = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
        variables["PYTHONPYCACHEPREFIX"] = folder
        runs = [
            subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=variables)
            for _ in range(repeats + 1)
        ]
    numpy_times, srcad_times = zip(*(map(float, run.stdout.split()) for run in runs[1:]))
    return statistics.median(srcad_times), statistics.median(numpy_times)
