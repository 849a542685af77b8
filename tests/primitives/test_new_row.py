"""A new row in the table, and its export, is all that an operation needs to work in every mode."""

import copy
import pickle
from math import exp as exp_of_float
from math import sqrt as sqrt_of_float

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograd_mini import TABLE, Value, compile, functions, grad, gradients, hessian, jvp, square
from autograd_mini import sum as total
from autograd_mini.debugging import debug
from autograd_mini.draw import draw, formula
from autograd_mini.primitives.arithmetic import div, ratio
from autograd_mini.primitives.exponential import exp, sqrt
from autograd_mini.primitives.primitive import row
from autograd_mini.testing import check_gradients, strategies
from tests.compiler.comparing import BACKENDS, disagreement

both_backends = pytest.mark.parametrize("backend", BACKENDS)


@pytest.fixture(scope="module")
def bell():
    yield row(
        "bell", lambda x: exp(-(x * x)), lambda out, x: (-2.0 * x * out,), doc="exp(-x²).", example="bell(0) == 1"
    )
    del TABLE["bell"]


@pytest.fixture(scope="module")
def rms():
    rms = row(
        "rms",
        lambda *xs: sqrt(div(TABLE["dot"](*xs, *xs), float(len(xs)))),
        lambda out, *xs: tuple([ratio(x, float(len(xs)) * out) for x in xs]),
        arity=None,
        policy="0 towards every argument at the origin",
        doc="The root of the mean of squares.",
    )
    functions.rms = functions._reduction("rms")
    yield rms
    del TABLE["rms"], functions.rms


def test_numbers_and_values_of_any_order(bell, rms):
    assert bell(0.5) == exp_of_float(-0.25) == bell(Value(0.5)).data
    assert grad(bell)(0.5) == -exp_of_float(-0.25)
    assert hessian(bell)(0.0) == -2.0
    assert grad(grad(grad(bell)))(0.5) == pytest.approx(5.0 * exp_of_float(-0.25))
    assert rms(3.0, 4.0, 5.0) == sqrt_of_float(50.0 / 3.0)
    x, y = Value(3.0), Value(4.0)
    assert gradients(rms(x, y), [x, y]) == pytest.approx([3.0 / 50.0**0.5, 4.0 / 50.0**0.5])
    assert jvp(bell)(0.5, 2.0) == pytest.approx(-2.0 * exp_of_float(-0.25))
    check_gradients(bell, 0.7, order=3)
    check_gradients(lambda x, y, z: rms(x, bell(y), z), 0.7, -1.5, 2.0, order=2)


@both_backends
def test_compiled_over_a_batch(bell, rms, backend):
    f = lambda x: rms(x, bell(x), 2.0) * bell(x + 1.0)
    points = numpy.linspace(-2.0, 2.0, 33)
    compiled = compile(f, batch=True, backend=backend)
    values, slopes = compiled.value_and_grad(points)
    assert not disagreement(values, [f(x) for x in points.tolist()])
    assert not disagreement(slopes, [grad(f)(x) for x in points.tolist()])
    assert not disagreement(compiled.hessian(points).ravel(), [hessian(f)(x) for x in points.tolist()])


@both_backends
def test_compiled_in_lanes_and_scalar_by_scalar(bell, rms, backend):
    weights = [[0.1 * i - 0.3 * j for i in range(4)] for j in range(6)]

    def layer(v):
        return total([bell(total([w * x for w, x in zip(row, v)])) for row in weights]) + rms(*v)

    def chain(v):
        y = v[0]
        for x in v[1:]:
            y = bell(y * x) + 0.5 * rms(x, y)
        return y

    for f, point in ((layer, [0.5, -1.0, 2.0, 0.25]), (chain, [0.3 + 0.01 * i for i in range(60)])):
        compiled = compile(f, backend=backend)
        assert not disagreement(compiled(point), f([Value(x) for x in point]).data)
        assert not disagreement(compiled.grad(point), grad(f)(point))


def test_printed_and_drawn(bell, rms):
    x, y = Value(2.0, label="x"), Value(1.0, label="y")
    assert formula(square(bell(x)) + rms(x, y)) == "bell(x)² + rms(x, y)"
    assert "bell" in draw(bell(x)).source
    printed = compile(lambda x: bell(x) * 3.0, batch=True)
    printed.grad(numpy.ones(3))
    assert "bell(x)" in str(printed.program)
    assert repr(bell) == "<primitive bell>"


def test_copied_and_watched(bell):
    x = Value(0.5)
    for same in (pickle.loads(pickle.dumps(bell(x))), copy.deepcopy(bell(x))):
        assert same.data == bell(0.5)
        assert gradients(same, [same.parents[0]]) == [grad(bell)(0.5)]
    with debug(), pytest.raises(FloatingPointError, match=r"bell\(nan\)|nan"):
        bell(Value(float("inf")) * 0.0)


@settings(max_examples=25)
@given(data=st.data())
def test_drawn_in_random_programs(bell, rms, data):
    program = data.draw(strategies.expressions(2, primitives=["bell", "rms", "mul"]))
    written = repr(program)
    again = eval(written, {"ag": functions})
    assert again(*program.point) == program(*program.point)
    check_gradients(program, *program.point)
