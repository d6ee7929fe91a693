"""Structures of numbers: maps, sums and copies over tuples, lists, dicts, namedtuples and dataclasses."""

import doctest
import math
from collections import OrderedDict, defaultdict
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import numpy as np
import pytest

import srcad.structure
from srcad.errors import KindError
from srcad.structure import (
    cast,
    copied,
    dot,
    leaves,
    named_leaves,
    norm,
    random_like,
    ravel,
    tree_map,
    with_leaves,
    zeros_like,
)


class Line(NamedTuple):
    slope: float
    offset: float
    label: str = "line"


@dataclass(frozen=True)
class Layer:
    weights: np.ndarray
    activation: str = "relu"


@dataclass
class Positive:
    sigma: float

    def __post_init__(self):
        if not self.sigma > 0:
            raise ValueError("sigma must be positive")


def doubled(structure):
    return tree_map(lambda leaf: 2 * leaf, structure)


def test_the_examples_in_the_docstrings_hold():
    assert doctest.testmod(srcad.structure).failed == 0


@pytest.mark.parametrize(
    "structure, expected",
    [
        (1.5, 3.0),
        ((1.0, [2.0, (3.0,)]), (2.0, [4.0, (6.0,)])),
        ({"b": 1.0, "a": {"c": 2.0}}, {"b": 2.0, "a": {"c": 4.0}}),
        (Line(1.0, 2.0), Line(2.0, 4.0, "line")),
        (((), [], {}), ((), [], {})),
    ],
)
def test_a_map_keeps_the_structure(structure, expected):
    result = doubled(structure)
    assert result == expected
    assert type(result) is type(structure)


def test_a_map_reaches_into_a_frozen_dataclass():
    layer = Layer(np.ones((2, 3)))
    result = doubled({"layers": [layer]})["layers"][0]
    assert type(result) is Layer
    assert result.activation == "relu"
    np.testing.assert_array_equal(result.weights, np.full((2, 3), 2.0))
    np.testing.assert_array_equal(layer.weights, np.ones((2, 3)))


def test_a_map_reaches_into_a_frozen_dataclass_with_slots():
    @dataclass(frozen=True, slots=True)
    class Point:
        x: float
        y: float

    assert doubled(Point(1.0, 2.0)) == Point(2.0, 4.0)


def test_a_dataclass_is_rebuilt_without_its_checks():
    assert tree_map(lambda x: -x, Positive(1.0)).sigma == -1.0
    assert zeros_like(Positive(1.0)).sigma == 0.0


def test_a_dataclass_keeps_attributes_that_are_no_fields_but_no_cached_results():
    @dataclass
    class Model:
        w: float
        scale: float = field(init=False, default=3.0)

        def __post_init__(self):
            self.origin = "a file"

        @cached_property
        def square(self):
            return self.w * self.w

    model = Model(1.0)
    assert model.square == 1.0
    result = doubled(model)
    assert (result.w, result.scale, result.origin, result.square) == (2.0, 6.0, "a file", 4.0)


@pytest.mark.parametrize("kind", [OrderedDict, lambda d: defaultdict(list, d)])
def test_a_dict_keeps_its_type_and_the_order_of_its_keys(kind):
    result = doubled(kind({"b": 1.0, "a": 2.0}))
    assert type(result) is type(kind({}))
    assert list(result.items()) == [("b", 2.0), ("a", 4.0)]
    assert getattr(result, "default_factory", list) is list


def test_items_of_several_dicts_meet_by_their_key():
    assert tree_map(lambda x, g: x - g, {"a": 5.0, "b": 7.0}, {"b": 1.0, "a": 2.0}) == {"a": 3.0, "b": 6.0}


@pytest.mark.parametrize("constant", ["relu", None, True, 3, np.arange(3), np.array([True]), print, b"x", {1.0}])
def test_what_is_no_float_is_left_as_it_is(constant):
    assert doubled([1.0, constant])[1] is constant
    assert zeros_like([1.0, constant]) == [0.0, None]


def test_a_none_in_the_gradient_leaves_a_parameter_as_it_is():
    assert tree_map(lambda x, g: x - g, [1.0, 2.0], [None, 0.5]) == [1.0, 1.5]


def test_a_none_may_stand_for_a_container_of_constants():
    assert tree_map(lambda x, g: x - g, {"w": 1.0, "tags": ["a", "b"]}, {"w": 0.5, "tags": None}) == {
        "w": 0.5,
        "tags": ["a", "b"],
    }


@pytest.mark.parametrize(
    "other, said",
    [
        ((1.0,), r"a tuple of 1 items \(0\) where a list of 2 items \(0, 1\) is expected"),
        ({"a": 1.0, "b": 2.0}, r"a dict of 2 items \(a, b\) where a list of 2 items"),
        (3.0, "a float where a list of 2 items"),
    ],
)
def test_structures_that_do_not_match_are_refused(other, said):
    with pytest.raises(KindError, match=said):
        tree_map(lambda x, g: x - g, [1.0, 2.0], other)


@pytest.mark.parametrize(
    "value, leaf, kind",
    [
        (np.float64(2), 1.0, float),
        (2.0, np.float32(1), np.float32),
        (np.float64(2), np.array(1.0), np.ndarray),
        (np.full(2, 2.0), np.ones(2, np.float32), np.ndarray),
    ],
)
def test_a_value_is_cast_to_the_type_of_the_leaf_that_it_replaces(value, leaf, kind):
    result = cast(value, leaf)
    assert type(result) is kind
    assert np.asarray(result).dtype == np.asarray(leaf).dtype
    assert np.all(result == 2)


def test_leaves_come_in_order_without_constants():
    assert leaves({"w": (1.0, "name"), "n": 4, "b": [2.0, None, 3.0]}) == [1.0, 2.0, 3.0]


def test_leaves_of_a_gradient_are_those_of_the_parameters():
    assert leaves({"n": None, "w": 2.0}, like={"w": 1.0, "n": 3}) == [2.0]


def test_a_gradient_without_the_leaf_of_a_parameter_is_refused():
    with pytest.raises(KindError, match="where a float is expected"):
        leaves([None, 2.0], like=[1.0, 1.0])


def test_a_leaf_is_named_as_python_reads_it():
    x = {"lines": [Line(1.0, 2.0)], 3: (Layer(4.0),)}
    names = [name for name, _ in named_leaves(x)]
    assert names == ["x['lines'][0].slope", "x['lines'][0].offset", "x[3][0].weights"]
    assert [eval(name, {"x": x}) for name in names] == leaves(x)


def test_leaves_are_replaced_in_order():
    assert with_leaves([1.0, {"name": "a", "b": 2.0}], [3.0, 4.0]) == [3.0, {"name": "a", "b": 4.0}]


def test_zeros_have_shapes_and_types_of_the_leaves():
    zeros = zeros_like((np.float32(1), np.ones((0, 2)), np.array(1.0), 1j))
    assert type(zeros[0]) is np.float32
    assert zeros[1].shape == (0, 2)
    assert type(zeros[2]) is np.ndarray
    assert zeros[3] == 0j


def test_random_directions_are_reproducible_and_have_none_for_constants():
    x = {"w": np.ones((2, 2), np.float32), "name": "a", "z": 1j}
    a, b = (random_like(x, np.random.default_rng(1)) for _ in range(2))
    assert a["w"].dtype == np.float32
    assert a["name"] is None
    assert a["z"].imag != 0
    np.testing.assert_array_equal(a["w"], b["w"])


def test_a_copy_shares_no_array():
    x = {"w": np.ones(2), "inner": [np.ones(1)]}
    y = copied(x)
    y["w"][0] = y["inner"][0][0] = 5.0
    y["inner"].append(1.0)
    assert x["w"].tolist() == [1.0, 1.0]
    assert [a.tolist() for a in x["inner"]] == [[1.0]]


@pytest.mark.parametrize("x", [2, np.int64(2), np.array([2, 2])])
def test_a_lone_integer_becomes_a_float(x):
    assert np.asarray(copied(x)).dtype == float
    assert np.all(copied(x) == 2.0)


def test_the_inner_product_runs_over_all_leaves():
    assert dot({"a": np.array([1.0, 2.0]), "b": (3.0, "s")}, {"b": (5.0, None), "a": np.array([10.0, 100.0])}) == 225.0


def test_the_inner_product_of_complex_leaves_is_real():
    assert dot([1 + 2j], [3 + 4j]) == 11.0


def test_the_norm_is_euclidean_over_all_leaves():
    assert norm([np.array([3.0]), {"a": 4.0}, "s"]) == 5.0
    assert norm([]) == 0.0


@pytest.mark.parametrize("big", [1e200, np.float32(1e30)])
def test_the_norm_of_large_numbers_does_not_overflow(big):
    assert norm([3 * big * np.ones(1, type(big)), 4 * big]) == pytest.approx(5 * float(big), rel=1e-6)


def test_the_norm_shows_nan_and_infinity():
    assert math.isnan(norm([1.0, math.nan, 2.0]))
    assert math.isnan(norm([math.nan, 1.0]))
    assert norm([1.0, np.array([-math.inf, 0.0])]) == math.inf


def test_a_vector_of_all_leaves_gives_the_structure_back():
    x = {"w": np.arange(6.0).reshape(2, 3), "n": 2, "b": (7.0, np.array(8.0, np.float32))}
    vector, unravel = ravel(x)
    assert vector.tolist() == [0, 1, 2, 3, 4, 5, 7, 8]
    y = unravel(vector + 1)
    np.testing.assert_array_equal(y["w"], x["w"] + 1)
    assert y["n"] == 2
    assert y["b"] == (8.0, np.array(9.0))
    assert y["b"][1].dtype == np.float32


def test_the_structure_of_a_vector_shares_no_memory_with_it():
    vector, unravel = ravel(np.zeros(3))
    x = unravel(vector)
    vector[0] = 1.0
    assert x.tolist() == [0.0, 0.0, 0.0]


def test_the_vector_of_no_leaves_is_empty():
    vector, unravel = ravel({"n": 3})
    assert vector.shape == (0,)
    assert unravel(vector) == {"n": 3}
