"""Operators and expressions on scalars."""

import math

from tests.programs import program


@program((2.0, 3.0), (-0.5, 1.25))
def arithmetic(x, y):
    return (x + y) * (x - y) / (1 + y * y) - -x + +y


@program((2.0,), (-1.5,))
def powers(x):
    return x**3 + x**2 - 2 * x**-1 + x**0 + 2.0**x + (x * x) ** 0.5


@program((2.0, 3.0), (0.7, -1.2))
def power_of_both(x, y):
    return x**y + y * x ** (y - 1)


@program((-2.0,), (-0.3,))
def negative_base(x):
    return x**3 + x**4 - x**-3 + x**2.0


@program((1.5, 2.0))
def power_tower(x, y):
    return x**y**x


@program((0.0,))
def powers_at_zero(x):
    return x**1 + x**2 + x**3.0 + (x + 1) ** 0


@program((7.3, 2.1), (-7.3, 2.1), (5.5, -1.7))
def floor_and_remainder(x, y):
    return x * (x // y) + (x % y) * y


@program((7.3, 2.1), (-4.4, 1.3))
def quotient_and_remainder(x, y):
    whole, rest = divmod(x, y)
    return whole * x + rest**2


@program((2.5, 0.5))
def many_uses(x, y):
    return x * x * x + x * y - x / y + (x - x) + x / x + y


@program((0.3, 0.8), (1.4, 0.2), (-1.0, 2.0))
def comparison_chain(x, y):
    inside = 0 < x < 1
    ordered = x < y <= 2 != x
    return x * y if inside and ordered else x + y**2


@program((0.3, 5.0), (-0.3, 5.0), (0.3, 0.5))
def conditional_expression(x, y):
    return x * y if x > 0 else y / x if y > 1 else x - y


@program((0.7,), (-0.7,), (2.5,))
def nested_conditionals(x):
    return (x**2 if x < 1 else 3 * x if x < 2 else math.sqrt(x)) if x > 0 else (-x if x > -1 else 1.0)


@program((4.0,), (-4.0,))
def conditional_guards_its_branch(x):
    return (math.sqrt(x) if x > 0 else 0.0) + x


@program((2.0, 3.0), (-2.0, 0.5))
def and_gives_a_value(x, y):
    return (x and 2 * y) + x * y


@program((2.0, 3.0))
def or_gives_a_value(x, y):
    return (x or y * y) + y


@program((0.0, 3.0), (2.0, 3.0), wrt=(1,))
def and_or_of_a_zero(x, y):
    return (x and 2 * y) + (x or y * y) * y


@program((2.0, None), (2.0, 3.0), wrt=(0,))
def or_gives_a_default(x, scale):
    scale = scale or x**2
    return x * scale


@program((2.0, 3.0, -1.0), (-2.0, 3.0, -1.0), (-2.0, -3.0, 1.5))
def mixed_and_or(x, y, z):
    return (x > 0 and x * y) or (y > 0 and y * z) or z**3


@program((3.0,), (-3.0,), (0.5,))
def short_circuit_guards(x):
    if x > 0 and math.log(x) > 0.5:
        return math.log(x)
    if x < 0 or math.sqrt(x) < 0.1:
        return -x
    return x * x


@program((0.5,), (2.5,))
def negation(x):
    large = not x < 1
    return x**3 if not large else -x


@program((2.0,), (0.4,))
def walrus_in_a_condition(x):
    if (y := x * x) > 1:
        return y * x
    return y + x


@program((2.0, 0.5))
def walrus_in_an_expression(x, y):
    total = (a := x * y) + (b := a**2) * a
    return total * b - a


@program((9.0,), (100.0,))
def walrus_in_a_while(x):
    total = 0.0
    while (x := x / 2) > 1:
        total += x * x
    return total + x


@program((2.0, 3.0))
def tuple_display(x, y):
    return (x, y * y, x * y)[1] + (x, y)[-2] * [x, x * x][1]


@program((2.0, 3.0))
def dict_display(x, y):
    return {"a": x * y, "b": y}["a"] + {1: x, 2: x * x}[2]


@program((2.0, 3.0))
def starred_displays(x, y):
    first = [x, y]
    both = [*first, x * y, *(y, y * y)]
    named = {**{"a": x, "b": y}, "b": x * x}
    return both[2] * both[4] + named["b"] * named["a"]


@program((2.0, "cos"), (2.0, "sin"), (2.0, "tan"), wrt=(0,))
def membership(x, kind):
    if kind in ("sin", "cos"):
        return math.sin(x) if kind == "sin" else math.cos(x)
    return math.tan(x) if kind not in {"exp", "log"} else math.exp(x)


@program((2.0, None), (2.0, 0.5), wrt=(0,))
def identity_test(x, offset):
    if offset is None:
        return x * x
    return x * offset if offset is not None else x


@program((1.3, 6), (1.3, 5), wrt=(0,))
def integer_bits(x, n):
    power = (n & 3) | (n >> 1) ^ 1
    return x**power + (~n) * x + (n << 2) / x


@program((2.0, 7), wrt=(0,))
def integer_arithmetic(x, n):
    half, odd = n // 2, n % 2
    return x**half * (1 + odd) + -n * x + n / 2 * x + 2**-half * x


@program((0.4,), (0.0,), (-2.2,))
def logistic_loss(x):
    return -math.log(1 / (1 + math.exp(-3.0 * x)))


@program((0.4, 3.0), (-1.2, 0.5))
def logistic_loss_of_two(x, a):
    return -math.log(1 / (1 + math.exp(-a * x)))


@program((0.6, 1.1))
def trigonometry(x, y):
    s = math.sin(x) * math.cos(y) + math.tan(x * y)
    return s + math.asin(x) * math.acos(x) + math.atan(y) + math.atan2(y, x) + math.hypot(x, y)


@program((0.6,))
def hyperbolic(x):
    return math.sinh(x) + math.cosh(x) * math.tanh(x) + math.asinh(x) + math.acosh(1 + x) + math.atanh(x)


@program((1.7,))
def exponentials(x):
    return math.exp(x) + math.expm1(x) + math.log(x) + math.log(x, 3) + math.log2(x) + math.log10(x) + math.log1p(x)


@program((1.7, 2.2))
def more_of_math(x, y):
    return (
        math.sqrt(x) + math.pow(x, y) + math.fabs(-x) + math.erf(x) + math.erfc(y) + math.degrees(x) + math.radians(y)
    )


@program((2.6, 3.4), (-2.6, -3.4))
def steps_of_math(x, y):
    return x * math.floor(y) + y * math.ceil(x) + math.trunc(x) * y + math.copysign(x, y) + math.fmod(x, y)


@program((2.5,))
def gamma_functions(x):
    return math.lgamma(x) + math.gamma(x)


@program((1.5, 2.5, 0.25))
def constants_of_math(x, y, z):
    return math.pi * x + math.e**y + math.tau * z + (x if x < math.inf else y) + (0.0 if math.isnan(z) else z)


@program((2.3, -1.2), (-2.3, 1.2))
def builtins_on_floats(x, y):
    return abs(x) * abs(y) + pow(x, 2) + pow(abs(x), y) + float(x) + round(x) * y


@program((2.0, 5.0, 3.0), (4.0, -1.0, 0.5))
def extremes_of_arguments(x, y, z):
    return max(x, y * z) * min(x, y, z) + max(x, 0.0) + min(1.0, z)


@program((2.0, 3.0, 0.5))
def sums_of_displays(x, y, z):
    return sum([x, y * z, z]) + sum((x * x, y), 1.0) + sum([]) + sum([x], y) + math.prod([x, y, z])


@program((3, 2.0), (2, 0.5), wrt=(0, 1))
def an_integer_where_a_float_is_meant(x, y):
    return x * x * y + y / x


@program((1.5, True), (1.5, False), wrt=(0,))
def boolean_in_arithmetic(x, flag):
    return x * flag + (x > 1) * x**2 - (not flag) * 3 * x


@program((1.5,))
def constant_result(x):
    return 3.0


@program((1.5, 2.5))
def one_unused_argument(x, y):
    return x * x


@program((1.5,))
def identity(x):
    return x


@program((2.0, 3.0))
def long_expression(x, y):
    return (
        (x * y + x / y) * (x - y) ** 2
        + (x + 1) * (y + 1) / (x * x + y * y + 1)
        - math.exp(-(x * x) / 2) * math.sin(y) / (2 + math.cos(x * y))
    )


@program((0.5, 3.0), (2.0, 3.0))
def a_lambda_called_where_it_stands(x, y):
    return (lambda t: t * t + y)(x) + (lambda a, b=2.0: a * b)(y)


@program((1.2, 0.7))
def names_that_clash_with_generated_ones(x, x_bar):
    y_bar = x * x_bar
    saved = y_bar + x
    result_bar = saved * y_bar
    np_bar = result_bar - x_bar
    x_tape = np_bar * x
    return x_tape + result_bar


@program((1.2, 0.7))
def names_that_are_builtins(list, range):
    sum = list * range
    len = sum + list
    return len * sum
