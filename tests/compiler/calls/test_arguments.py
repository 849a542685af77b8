"""Dataclasses and pandas columns as arguments and results of compiled functions."""

import enum
from dataclasses import dataclass, field, replace

import numpy
import pytest

from autograd_mini import Value, compile, grad, hessian, jacobian, sin
from tests.compiler.comparing import BACKENDS


class Kind(enum.Enum):
    CALL = 1
    PUT = 2


@dataclass(frozen=True)
class Option:
    spot: object
    strike: object
    kind: Kind = Kind.CALL
    tags: tuple = ("a", None)


@dataclass
class Box:
    width: float
    height: float
    area: float = field(init=False)

    def __post_init__(self):
        self.area = self.width * self.height


def paid(option):
    gain = option.spot - option.strike
    return gain * option.spot if option.kind is Kind.CALL else sin(gain) * option.strike


@pytest.mark.parametrize("backend", BACKENDS)
def test_dataclasses_at_one_point(backend):
    compiled = compile(paid, backend=backend)
    for option in (Option(2.0, 3.0), Option(2.0, 3.0, Kind.PUT), Option(1.0, 3.0), Option(2.0, 3.0, tags=())):
        assert compiled(option) == paid(option)
        assert repr(compiled.grad(option)) == repr(grad(paid)(option))
        assert compiled.hessian(option) == hessian(paid)(option)
        assert compiled.hvp(option, replace(option, spot=1.0, strike=0.0)).spot == hessian(paid)(option).spot.spot
    with pytest.raises(TypeError, match="hvp's vector must have the structure of the gradient of paid"):
        compiled.hvp(Option(2.0, 3.0), (1.0, 0.0))


@pytest.mark.parametrize("backend", BACKENDS)
def test_dataclasses_of_batches(backend):
    spots, strikes = numpy.array([1.0, 2.0, 4.0]), numpy.array([3.0, 1.5, 2.5])
    compiled = compile(lambda option, x: Option(paid(option) * x, option.strike), batch="option", backend=backend)
    batch = Option(spots, strikes)
    found = compiled(batch, 2.0)
    assert (type(found), found.kind, found.tags) == (Option, Kind.CALL, ("a", None))
    assert found.spot.tolist() == [2.0 * paid(Option(*pair)) for pair in zip(spots.tolist(), strikes.tolist())]
    (of_spot, of_x), _ = compiled.jacobian(batch, 2.0).spot, None
    assert of_spot.strike.tolist() == (-2.0 * spots).tolist()
    assert of_x.tolist() == (found.spot / 2.0).tolist()
    values = replace(batch, spot=numpy.array([*map(Value, spots)]))
    assert [each.data for each in compiled(values, 2.0).spot] == found.spot.tolist()
    with pytest.raises(ValueError, match=r"option\.spot of <lambda> has 3 examples .*, but option\.strike has 2"):
        compiled(Option(spots, strikes[:2]), 2.0)
    with pytest.raises(ValueError, match=r"option\.strike of <lambda> should carry a batch axis, but is a number"):
        compiled(Option(spots, 1.0), 2.0)


def test_what_a_dataclass_computes_follows_its_fields():
    f = lambda box: box.area * box.width
    compiled = compile(f)
    for box in (Box(2.0, 3.0), Box(-1.0, 5.0)):
        assert compiled(box) == f(box)
        assert repr(compiled.grad(box)) == repr(grad(f)(box))


def test_results_in_a_dataclass():
    f = lambda x: Option(x * x, [x, 2.0 * x])
    assert compile(f)(3.0) == Option(9.0, [3.0, 6.0])
    assert compile(f).jacobian(3.0) == jacobian(f)(3.0) == Option(6.0, [1.0, 2.0])
    found = compile(f, batch=True)(numpy.array([1.0, 3.0]))
    assert found.strike.tolist() == [[1.0, 2.0], [3.0, 6.0]]


def test_fields_that_hide_numbers():
    with pytest.raises(TypeError, match=r"option\.strike of paid is \{1\.0\} \(set\); it may hold numbers"):
        compile(paid)(Option(2.0, {1.0}))


def test_columns():
    pandas = pytest.importorskip("pandas")
    column = pandas.Series([1.0, 2.0, 3.0], index=list("abc"), name="w")
    f = lambda s: s["a"] * s["b"] + (s * s).sum()
    compiled = compile(f)
    assert compiled(column) == f(column)
    assert compiled.grad(column).equals(grad(f)(column))
    assert compiled.hvp(column, column).tolist() == [4.0, 5.0, 6.0]
    other = pandas.Series([1.0, 2.0, 5.0], index=list("bca"))
    assert compiled(other) == f(other)  # by label, not by place
    frame = pandas.DataFrame({"x": [1.0, 2.0], "y": [3.0, 4.0]})
    compiled = compile(lambda x, y: x * y * y, batch=True)
    of_x, of_y = compiled.grad(frame["x"], frame["y"])
    assert (of_x.tolist(), of_x.name, of_y.tolist()) == ([9.0, 16.0], "x", [6.0, 16.0])
    assert compiled(frame["x"], frame["y"]).tolist() == [9.0, 32.0]
    assert len(compiled._plans._by_layout) == 1
    compiled(frame["x"][:1], frame["y"][:1])
    assert len(compiled._plans._by_layout) == 1


def test_frames():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"x": [1.0, 2.0], "y": [3.0, 4.0]}, index=["a", "b"])
    f = lambda table: (table["x"] * table["y"] ** 2).sum()
    compiled = compile(f)
    assert compiled(frame) == f(frame) == 41.0
    assert compiled.grad(frame).equals(grad(f)(frame))
    assert compiled(frame[["y", "x"]]) == 41.0  # by label, not by place
    assert compiled(frame.rename(columns={"x": "y", "y": "x"})) == 3.0 + 16.0
    rows = compile(lambda row, z: row[0] * row[1] + z, batch=True)
    assert rows(frame, frame["x"]).tolist() == [4.0, 10.0]
    of_rows, of_z = rows.grad(frame, frame["x"])
    assert of_rows.equals(pandas.DataFrame({"x": [3.0, 4.0], "y": [1.0, 2.0]}, index=["a", "b"]))
    assert of_z.tolist() == [1.0, 1.0]
    assert rows(frame[:1], frame["x"][:1]).tolist() == [4.0]
    texts = pandas.DataFrame({"x": ["one", "two"]})
    with pytest.raises(TypeError, match="row of <lambda> is an array of object; it must hold real numbers"):
        rows(texts, texts["x"])
