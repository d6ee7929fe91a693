"""Functions that the programs of other modules call; this module's globals are its own."""

import math

import numpy as np

SCALE = 3.0


def square(x):
    return x * x


def scaled(x):
    return SCALE * x


def softplus(x):
    return np.log1p(np.exp(-np.abs(x))) + np.maximum(x, 0.0)


def polar(x, y):
    return math.hypot(x, y), math.atan2(y, x)


def horner(coefficients, x):
    s = 0.0
    for c in coefficients:
        s = s * x + c
    return s


def apply_twice(f, x):
    return f(f(x))


def through_another(x):
    return square(scaled(x)) + SCALE


class Normal:
    """Names in a class that is used as a namespace."""

    @staticmethod
    def logpdf(x, mean, std):
        return -0.5 * ((x - mean) / std) ** 2 - math.log(std) - 0.5 * math.log(2 * math.pi)
