"""Parameters in a tuple of a number and a dictionary."""

import math


def structured_parameters(model, x):
    scale, shape = model
    return scale * math.exp(-((x - shape["mean"]) ** 2) / shape["width"])


ARGNUMS = 0
ARGUMENTS = ((2.0, {"mean": 0.3, "width": 1.5}), 0.9)


# What srcad makes of it; `python -m tests.golden` writes all that follows.

def structured_parameters_forward(model, x):
    """Forward sweep of structured_parameters (structured_parameters.py:6); returns its result and what structured_parameters_adjoint needs."""
    scale = model[0]
    shape = model[1]
    quotient = -(x - shape['mean']) ** 2 / shape['width']
    exp = math.exp(quotient)
    return scale * exp, (x, scale, shape, quotient, exp)


def structured_parameters_adjoint(saved, result_bar):
    """Reverse sweep of structured_parameters: the adjoint of model from that of its result."""
    x, scale, shape, quotient, exp = saved
    # 8: return scale * math.exp(-((x - shape["mean"]) ** 2) / shape["width"])
    scale_bar = result_bar * exp
    quotient_bar = result_bar * scale * exp
    difference_bar = -quotient_bar / shape['width'] * 2 * (x - shape['mean'])
    shape_mean_bar = -difference_bar
    shape_width_bar = -quotient_bar * quotient / shape['width']
    # 7: scale, shape = model
    model_1_mean_bar = shape_mean_bar
    model_1_width_bar = shape_width_bar
    model_0_bar = scale_bar
    return model_0_bar, {'mean': model_1_mean_bar, 'width': model_1_width_bar}


def structured_parameters_value_and_grad(model, x):
    """The value and the gradient of structured_parameters (structured_parameters.py:6)."""
    scale = model[0]
    shape = model[1]
    quotient = -(x - shape['mean']) ** 2 / shape['width']
    exp = math.exp(quotient)
    result = scale * exp
    # 8: return scale * math.exp(-((x - shape["mean"]) ** 2) / shape["width"])
    scale_bar = exp
    quotient_bar = scale * exp
    difference_bar = -quotient_bar / shape['width'] * 2 * (x - shape['mean'])
    shape_mean_bar = -difference_bar
    shape_width_bar = -quotient_bar * quotient / shape['width']
    # 7: scale, shape = model
    model_1_mean_bar = shape_mean_bar
    model_1_width_bar = shape_width_bar
    model_0_bar = scale_bar
    return result, (model_0_bar, {'mean': model_1_mean_bar, 'width': model_1_width_bar})


def structured_parameters_grad(model, x):
    """The gradient of structured_parameters (structured_parameters.py:6): both sweeps in one."""
    scale = model[0]
    shape = model[1]
    quotient = -(x - shape['mean']) ** 2 / shape['width']
    exp = math.exp(quotient)
    # 8: return scale * math.exp(-((x - shape["mean"]) ** 2) / shape["width"])
    scale_bar = exp
    quotient_bar = scale * exp
    difference_bar = -quotient_bar / shape['width'] * 2 * (x - shape['mean'])
    shape_mean_bar = -difference_bar
    shape_width_bar = -quotient_bar * quotient / shape['width']
    # 7: scale, shape = model
    model_1_mean_bar = shape_mean_bar
    model_1_width_bar = shape_width_bar
    model_0_bar = scale_bar
    return model_0_bar, {'mean': model_1_mean_bar, 'width': model_1_width_bar}
