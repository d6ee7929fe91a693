"""match statements."""

import math
from dataclasses import dataclass

from tests.programs import program


@dataclass
class Circle:
    radius: float


@dataclass
class Box:
    width: float
    height: float


@program((1.5, "square"), (1.5, "sine"), (1.5, "none"), wrt=(0,))
def match_on_strings(x, kind):
    match kind:
        case "square":
            return x * x
        case "sine" | "sin":
            return math.sin(x)
        case _:
            return x


@program((1.5, 0), (1.5, 1), (1.5, 7), (1.5, -3), wrt=(0,))
def match_on_integers(x, n):
    match n:
        case 0:
            y = x
        case 1 | 2 | 3:
            y = x**2
        case k if k > 3:
            y = x * k
        case _:
            y = -x
    return y * x


@program(((1.5, 0.5),), ((1.5,),), ((),), ((1.5, 0.5, 2.0, 3.0),))
def match_on_sequences(items):
    match items:
        case ():
            return 1.0
        case (x,):
            return x * x
        case (x, y):
            return x * y
        case (first, *rest, last):
            return first * last + sum(rest)


@program((("add", 1.5, 0.5),), (("mul", 1.5, 0.5),), (("neg", 1.5),))
def match_on_tagged_tuples(node):
    match node:
        case ("add", a, b):
            return a + b * b
        case ("mul", a, b):
            return a * b
        case ("neg", a):
            return -a * a


@program(({"kind": "line", "slope": 2.0},), ({"kind": "parabola", "curvature": 0.5, "shift": 1.0},))
def match_on_dicts(shape):
    match shape:
        case {"kind": "line", "slope": slope}:
            return 3 * slope
        case {"kind": "parabola", "curvature": c, **rest}:
            return c * (2 - rest["shift"]) ** 2


@program((Circle(1.5),), (Box(1.5, 0.5),))
def match_on_classes(shape):
    match shape:
        case Circle(radius=r):
            return math.pi * r * r
        case Box(width, height):
            return width * height**2


@program((1.5,), (0.5,), (-0.5,))
def match_with_guards(x):
    match x:
        case y if y > 1:
            z = y * y
        case y if y > 0:
            z = y + 1
        case y:
            z = -y
    return z * x


@program((1.5, (0, 1)), (1.5, (1, 0)), (1.5, (1, 2)), wrt=(0,))
def match_nested(x, where):
    match where:
        case (0, _ as j):
            return x * j
        case (i, 0):
            return x**2 * i
        case (i, (1 | 2) as j):
            return x**3 + i * j


@program((1.5, ["up", "up", "left", "down"]), wrt=(0,))
def match_in_a_loop(x, commands):
    s = x
    for command in commands:
        match command:
            case "up":
                s = s * x
            case "down":
                s = s / 2
            case _:
                continue
        if s > 3:
            break
    return s


@program((1.5, None), (1.5, True), wrt=(0,))
def match_on_singletons(x, flag):
    match flag:
        case None:
            x = x * 2
        case True:
            x = x * x
    return x * x


@program((("mul", ("add", 1.5, 0.5), ("neg", 2.0)),))
def evaluate_an_expression_tree(node):
    match node:
        case float(value):
            return value
        case ("add", a, b):
            return evaluate_an_expression_tree(a) + evaluate_an_expression_tree(b)
        case ("mul", a, b):
            return evaluate_an_expression_tree(a) * evaluate_an_expression_tree(b)
        case ("neg", a):
            return -evaluate_an_expression_tree(a)
