"""The cases for autograd, JAX and PyTorch, written as an expert of each would; none is required to be installed.

JAX: `jit(grad(...))` in double precision, loops as `lax.scan`, called with NumPy arrays, result awaited. PyTorch: eager,
`torch.autograd.grad` on tensors made beforehand. autograd: the function as it is, over `autograd.numpy`.
"""

from __future__ import annotations

import importlib.util
import types
from collections.abc import Callable

import numpy as np

from tests.benchmarks import cases
from tests.benchmarks.cases import Case


def installed(name: str) -> bool:
    return importlib.util.find_spec(name) is not None


def autograd_gradient(case: Case) -> Callable:
    import autograd
    import autograd.numpy

    mathematics = types.SimpleNamespace(exp=autograd.numpy.exp, log=autograd.numpy.log, sin=autograd.numpy.sin)
    names = {**case.fun.__globals__, "np": autograd.numpy, "math": mathematics}
    gradient = autograd.grad(types.FunctionType(case.fun.__code__, names), case.argnums)
    return lambda: gradient(*case.args)


def jax_gradient(case: Case) -> Callable:
    import jax

    jax.config.update("jax_enable_x64", True)
    mathematics = types.SimpleNamespace(exp=jax.numpy.exp, log=jax.numpy.log, sin=jax.numpy.sin)

    def scanned(step):
        def fun(r, x):
            return jax.lax.scan(lambda x, k: (step(r, x, k), None), x, jax.numpy.arange(100.0))[0]

        return fun

    fun = types.FunctionType(case.fun.__code__, {**case.fun.__globals__, "np": jax.numpy, "math": mathematics})
    if case.fun is cases.loop:
        fun = scanned(lambda r, x, k: r * x * (1 - x))
    elif case.fun is cases.sine_loop:
        last = scanned(lambda a, x, k: x + 0.01 * jax.numpy.sin(a * x + k))

        def fun(a, x):
            return last(a, x) ** 2

    gradient = jax.jit(jax.grad(fun, case.argnums))
    return lambda: jax.block_until_ready(gradient(*case.args))


def torch_gradient(case: Case) -> Callable:
    import torch

    torch.set_num_threads(1)
    numpy = types.SimpleNamespace(exp=torch.exp, log=torch.log, tanh=torch.tanh, mean=torch.mean)
    mathematics = types.SimpleNamespace(exp=torch.exp, log=torch.log, sin=torch.sin)
    fun = types.FunctionType(case.fun.__code__, {**case.fun.__globals__, "np": numpy, "math": mathematics})
    single = isinstance(case.argnums, int)
    chosen = (case.argnums,) if single else case.argnums
    args = [torch.tensor(arg, dtype=torch.float64, requires_grad=k in chosen) for k, arg in enumerate(case.args)]

    def gradient():
        found = torch.autograd.grad(fun(*args), [args[k] for k in chosen])
        return found[0] if single else found

    return gradient


PEERS = {"autograd": autograd_gradient, "jax": jax_gradient, "torch": torch_gradient}
LABELS = {"autograd": "autograd", "jax": "JAX", "torch": "PyTorch"}


def as_numbers(gradient) -> list[np.ndarray]:
    parts = gradient if isinstance(gradient, (tuple, list)) else [gradient]
    return [np.asarray(part) for part in parts]
