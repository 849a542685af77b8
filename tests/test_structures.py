from collections import OrderedDict, defaultdict
from dataclasses import InitVar, dataclass, field
from enum import Enum

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd_mini import Constant, Value, compile, grad, hessian, hvp, jacobian, jvp, vjp
from autograd_mini.structures import flatten

NESTS = st.recursive(
    st.floats(allow_nan=False),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3) | st.tuples(inner, inner)
    ),
    max_leaves=10,
)


@given(NESTS)
def test_taken_apart_and_put_together_is_the_same(nest):
    leaves, structure = flatten(nest, "it")
    assert structure.size == len(leaves)
    assert structure.rebuild(leaves) == nest
    assert flatten(nest, "it")[1] == structure


@given(NESTS, NESTS)
def test_structures_are_equal_if_the_same_numbers_fit(one, other):
    (leaves, structure), (_, other_structure) = flatten(one, "it"), flatten(other, "it")
    if structure == other_structure:
        assert other_structure.rebuild(leaves) == one


def test_dicts_keep_their_kind():
    ordered, default = OrderedDict(b=1.0, a=2.0), defaultdict(list, w=3.0)
    found = flatten([ordered, default], "it")[1].rebuild([1.0, 2.0, 3.0])
    assert found == [ordered, default]
    assert list(map(type, found)) == [OrderedDict, defaultdict]
    assert found[1].default_factory is list
    assert grad(lambda p: p["b"] * p["a"])(ordered) == OrderedDict(b=2.0, a=1.0)


def test_arrays_keep_shape_and_become_float():
    leaves, structure = flatten([np.arange(6).reshape(2, 3), np.zeros((0, 2))], "it")
    array, empty = structure.rebuild([float(leaf) for leaf in leaves])
    assert (array.shape, array.dtype) == ((2, 3), np.dtype(float))
    assert empty.shape == (0, 2)
    assert repr(structure) == "[array(2, 3), array(0, 2)]"


@pytest.mark.parametrize("thing", ["text", None, 1j, {1.0}, np.array(["a"])])
def test_other_things_are_named(thing):
    with pytest.raises(
        TypeError, match="the point holds .*it may hold numbers, in lists, tuples, dicts, dataclasses and NumPy arrays"
    ):
        flatten([1.0, thing], "the point")


class Colour(Enum):
    RED = 1


@pytest.mark.parametrize("thing", ["text", b"bytes", None, len, float, Colour.RED])
def test_things_without_numbers_are_left_alone_where_they_may_be(thing):
    leaves, structure = flatten([1.0, (thing, 2.0)], "it", takes_others=True)
    assert leaves == [1.0, 2.0]
    assert structure.rebuild(leaves) == [1.0, (thing, 2.0)]
    assert structure.rebuild(leaves, keeps_others=False) == [1.0, (None, 2.0)]
    assert structure == flatten([0.0, (None, 0.0)], "it", takes_others=True)[1]
    assert structure.has_others
    assert not flatten([1.0], "it", takes_others=True)[1].has_others


@pytest.mark.parametrize("thing", [1j, {1.0}, range(3), iter([1.0]), np.complex128(1j)])
def test_things_that_may_hide_numbers_are_refused(thing):
    with pytest.raises(TypeError, match="it holds .*it may hold numbers, in lists"):
        flatten([1.0, thing], "it", takes_others=True)


class Metres(np.ndarray):
    def __array_ufunc__(self, *args, **keywords):
        raise NotImplementedError


@pytest.mark.parametrize(
    "array", [np.ones((1, 1)).view(np.matrix), np.ma.masked_array([1.0], [True]), np.zeros(1).view(Metres)]
)
def test_arrays_that_compute_otherwise_are_refused(array):
    """Their results would be arrays of another kind."""
    kind = type(array).__name__
    with pytest.raises(TypeError, match=rf"^argument 0 of <lambda> holds a {kind}, whose own arithmetic would be lost"):
        grad(lambda x: (x * x).sum())(array)


def test_arrays_that_compute_as_all_do():
    assert grad(lambda x: (x * x).sum())(np.ones(1).view(np.recarray)).tolist() == [2.0]


def test_floats_next_to_values_become_constants():
    array = flatten(np.zeros(3), "it")[1].rebuild([Value(1.0), 2.0, 3])
    assert [type(each) for each in array] == [Value, Constant, Constant]
    assert [each.data for each in np.exp(array)] == pytest.approx(np.exp([1.0, 2.0, 3.0]))


def test_without_an_axis_a_value_stands_for_itself():
    structure = flatten(np.array(2.0), "it")[1]
    x = Value(3.0)
    assert structure.rebuild([x]) is x
    array = structure.rebuild([3.0])
    assert (array.shape, array.dtype) == ((), np.dtype(float))


def test_spread_over_an_array():
    nest = {"w": np.zeros(2), "b": 0.0, "name": "it", "pair": (0.0, [0.0])}
    structure = flatten(nest, "it", takes_others=True)[1]
    rows = [[10.0 * row + column for column in range(5)] for row in range(6)]
    found = structure.spread(rows, (3, 2))
    assert found["w"].shape == (3, 2, 2)
    assert found["w"][1, 1].tolist() == [30.0, 31.0]
    assert found["b"].tolist() == [[2.0, 12.0], [22.0, 32.0], [42.0, 52.0]]
    assert found["name"] is None
    assert found["pair"][1][0][2, 1] == 54.0
    empty = structure.spread([], (0,))
    assert (empty["w"].shape, empty["b"].shape) == ((0, 2), (0,))


# Dataclasses


@dataclass
class Option:
    spot: float
    strikes: list
    kind: str = "call"
    weights: np.ndarray = field(default_factory=lambda: np.ones(2), kw_only=True)


@dataclass(frozen=True, slots=True)
class Pair:
    x: object
    y: object


@dataclass(frozen=True)
class Box:
    """A dataclass that computes one field from the others, of Values too."""

    width: float
    height: float
    area: float = field(init=False)

    def __post_init__(self):
        if not self.width > 0.0:
            raise ValueError("a box has a width")
        object.__setattr__(self, "area", self.width * self.height)


def price(option):
    assert option.kind == "call"
    return option.spot**2 * option.strikes[0] + option.weights[1] * option.strikes[1]


def test_gradients_towards_a_dataclass_are_such():
    found = grad(price)(Option(2.0, [3.0, 5.0]))
    assert (found.spot, found.strikes, found.kind, found.weights.tolist()) == (12.0, [4.0, 1.0], "call", [0.0, 5.0])
    nested = {"pair": Pair(1.0, Pair(2.0, (3.0, None)))}
    found = grad(lambda d: d["pair"].x * d["pair"].y.x * d["pair"].y.y[0])(nested)
    assert found == {"pair": Pair(6.0, Pair(3.0, (2.0, None)))}


@given(NESTS, NESTS)
def test_dataclasses_hold_any_nest(x, y):
    leaves, structure = flatten(Pair(x, y), "it")
    assert leaves == [*flatten(x, "it")[0], *flatten(y, "it")[0]]
    assert structure.rebuild(leaves) == Pair(x, y)
    assert structure == flatten(Pair(x, y), "it")[1]
    assert structure != flatten([x, y], "it")[1]


def test_dataclasses_in_every_derivative():
    f, point = lambda p: Pair(p.x * p.y, [p.x, p.y * p.y]), Pair(2.0, 3.0)
    assert jacobian(f)(point) == Pair(Pair(3.0, 2.0), [Pair(1.0, 0.0), Pair(0.0, 6.0)])
    assert jvp(f)(point, Pair(1.0, 0.5)) == Pair(4.0, [1.0, 3.0])
    assert vjp(f)(point, Pair(1.0, [1.0, 1.0])) == Pair(4.0, 8.0)
    g = lambda p: p.x * p.x * p.y
    assert hessian(g)(point) == Pair(Pair(6.0, 4.0), Pair(4.0, 0.0))
    assert hvp(g)(point, Pair(1.0, 0.0)) == Pair(6.0, 4.0)
    with pytest.raises(TypeError, match="vector must have the structure"):
        hvp(g)(point, (1.0, 0.0))
    assert repr(flatten(point, "it")[1]) == "Pair(x=·, y=·)"


def test_what_a_dataclass_computes_follows_its_fields():
    found = grad(lambda box: box.area * box.width)(Box(2.0, 3.0))
    assert (found.width, found.height, found.area) == (12.0, 4.0, 0.0)
    assert grad(lambda box: -box.area)(Box(2.0, 3.0)).width == -3.0  # of which no box could be made


def test_dataclasses_that_cannot_be_made_anew():
    @dataclass
    class Scaled:
        x: float
        scale: InitVar[float]

        def __post_init__(self, scale):
            self.x *= scale

    with pytest.raises(TypeError, match=r"of Scaled takes an argument that no field keeps; give .* in a dict"):
        grad(lambda scaled: scaled.x)(Scaled(1.0, 2.0))


# Columns and frames of pandas


def test_columns():
    pandas = pytest.importorskip("pandas")
    column = pandas.Series([1.0, 2.0, 3.0], index=list("abc"), name="w")
    f = lambda s: s["a"] * s["b"] + (s * s).sum()
    found = grad(f)(column)
    assert isinstance(found, pandas.Series)
    assert (found.to_dict(), found.name) == ({"a": 4.0, "b": 5.0, "c": 6.0}, "w")
    assert hvp(f)(column, column).tolist() == [4.0, 5.0, 6.0]
    assert hessian(f)(column).tolist() == [[2.0, 1.0, 0.0], [1.0, 2.0, 0.0], [0.0, 0.0, 2.0]]
    assert jvp(lambda s: s * 2.0)(column, column).to_dict() == {"a": 2.0, "b": 4.0, "c": 6.0}


def test_frames():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"x": [1.0, 2.0], "n": [3, 4]}, index=["a", "b"])
    f = lambda table: (table["x"] ** 2 * table["n"]).sum()
    assert grad(f)(frame).equals(pandas.DataFrame({"x": [6.0, 16.0], "n": [1.0, 4.0]}, index=["a", "b"]))
    assert jvp(lambda table: table * 2.0)(frame, frame).equals(frame * 2.0)
    with pytest.raises(TypeError, match="holds"):
        grad(f)(pandas.DataFrame({"x": ["a"], "n": ["b"]}))


@pytest.mark.parametrize("taken", [lambda f: f, compile], ids=["eager", "compiled"])
def test_vectors_with_labels_in_another_order_are_refused(taken):
    """pandas pairs numbers by label, and a vector of numbers alone has none that could be wrong."""
    pandas = pytest.importorskip("pandas")
    column = pandas.Series([1.0, 2.0, 3.0], index=[5, 3, 1])
    turned = pandas.Series([0.0, 0.0, 1.0], index=[1, 3, 5])
    frame = pandas.DataFrame({"x": [1.0, 2.0], "y": [3.0, 4.0]})
    cubes, squares = taken(lambda s: (s**3).sum()), taken(lambda s: s**2)
    product = taken(lambda table: (table["x"] ** 3 * table["y"]).sum())
    apply = {
        "hvp": getattr(cubes, "hvp", None) or hvp(cubes),
        "jvp": getattr(cubes, "jvp", None) or jvp(cubes),
        "vjp": getattr(squares, "vjp", None) or vjp(squares),
    }
    assert apply["hvp"](column, turned.reindex(column.index)).to_dict() == {5: 6.0, 3: 0.0, 1: 0.0}
    assert apply["jvp"](column, turned.reindex(column.index)) == 3.0
    assert apply["vjp"](column, turned.reindex(column.index)).to_dict() == {5: 2.0, 3: 0.0, 1: 0.0}
    for name, operator in apply.items():
        with pytest.raises(TypeError, match=rf"{name}'s vector must .* labelled \[5, 3, 1\], but has .* \[1, 3, 5\]$"):
            operator(column, turned)
    of_frame = getattr(product, "hvp", None) or hvp(product)
    assert (
        of_frame(frame, frame).to_numpy().tolist()
        == of_frame(frame, frame.rename(lambda row: float(row))).to_numpy().tolist()
    )
    with pytest.raises(TypeError, match="'x', 'y'.*'y', 'x'"):
        of_frame(frame, frame[["y", "x"]])


@pytest.mark.parametrize("taken", [grad, lambda f: compile(f).grad, hessian, lambda f: compile(f).hessian])
def test_nests_of_any_sensible_depth_are_taken(taken):
    """Deeper ones, and lists that contain themselves, ended in a RecursionError."""

    def innermost(nest):
        while not isinstance(nest, (float, Value)):
            nest = nest[0]
        return nest

    def nested(levels):
        nest = 3.0
        for level in range(levels):
            nest = [nest] if level % 2 else (nest,)
        return nest

    f = lambda x: innermost(x) ** 2
    slope = taken(f)(nested(100))
    assert innermost(slope) in (2.0, 6.0)
    endless = [1.0]
    endless.append(endless)
    for nest in (nested(500), nested(5000), endless, {"a": endless}):
        with pytest.raises(TypeError, match=r"may be nested \d+ levels deep, got more; a container must not contain"):
            taken(f)(nest)
