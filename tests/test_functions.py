import inspect
import itertools
import math
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import autograd_mini
from autograd_mini import TABLE, Value, functions, grad, hessian, register_primitive
from autograd_mini.primitives import Primitive
from tests.interrupting import interrupt_everywhere

NUMBERS = st.lists(st.floats(-10, 10), min_size=1, max_size=5)
OUTSIDE = Value(3.0)
REDUCTIONS = ["sum", "fsum", "mean", "prod", "max", "min", "norm", "hypot", "logsumexp"]


@pytest.fixture
def table():
    """The table of primitives, from which rows that a test registers are removed afterwards."""
    before = set(TABLE)
    yield TABLE
    for name in set(TABLE) - before:
        del TABLE[name]
        delattr(Value, name)


def test_every_primitive_is_a_public_function():
    assert [name for name in TABLE if not callable(getattr(autograd_mini, name, None))] == []


def test_every_primitive_of_one_argument_is_a_method():
    for name, primitive in TABLE.items():
        if primitive.arity == 1 and name != "polygamma":
            for method in (name, *primitive.aliases):
                assert getattr(Value, method) is getattr(functions, name)


def test_every_function_is_documented_with_an_example():
    for name in TABLE:
        assert ">>>" in inspect.getdoc(getattr(functions, name))


def test_a_star_import_hides_no_builtin():
    assert not {"abs", "max", "min", "pow", "sum"} & set(autograd_mini.__all__)
    assert all(hasattr(autograd_mini, name) for name in autograd_mini.__all__)


@pytest.mark.parametrize("name", [name for name, primitive in TABLE.items() if primitive.arity == 1])
def test_numbers_give_floats_and_values_give_values(name):
    function = functions._unary(name) if name != "polygamma" else lambda x: functions.polygamma(1, x)
    assert type(function(0.5)) is float
    assert type(function(1)) is float
    assert type(function(np.float32(0.5))) is float
    assert type(function(Value(0.5))) is Value
    assert type(function(Value(0.5).detach())) is Value
    with pytest.raises(TypeError, match=rf"{name} takes a real number, got '1' \(str\)"):
        function("1")
    with pytest.raises(TypeError, match=rf"{name} takes a real number, got array.*each number, as numpy.vectorize"):
        function(np.ones(2))


def test_what_is_advised_for_arrays():
    xs = np.array([Value(0.5), Value(-2.0)])
    signs = np.vectorize(functions.copysign, otypes=[object])(3.0, xs)
    assert [x.data for x in signs] == [3.0, -3.0]
    np.vectorize(functions.softplus, otypes=[object])(xs).sum().backward()
    assert [x.grad for x in xs] == [functions.sigmoid(0.5), functions.sigmoid(-2.0)]


@pytest.mark.parametrize("name", REDUCTIONS)
@given(numbers=NUMBERS)
def test_reductions_take_lists_generators_and_arrays(name, numbers):
    reduce = getattr(functions, name)
    expected = reduce(numbers)
    assert type(expected) is float
    assert reduce(x for x in numbers) == expected
    assert reduce(np.array(numbers)) == expected
    result = reduce([Value(x) for x in numbers])
    assert result.data == expected
    assert len(result.parents) == len(numbers)
    mixed = [Value(numbers[0]), *numbers[1:]]
    assert reduce(mixed).data == expected


@pytest.mark.parametrize("name", ["max", "min", "hypot"])
def test_some_take_several_arguments_too(name):
    function = getattr(functions, name)
    assert function(3.0, Value(4.0)).data == function([3.0, 4.0])


@pytest.mark.parametrize("name", ["max", "min", "mean", "softmax", "log_softmax", "logsumexp"])
def test_nothing_has_no_maximum(name):
    with pytest.raises(ValueError, match=f"{name} needs at least one number, got none"):
        getattr(functions, name)([])


@pytest.mark.parametrize(("name", "neutral"), [("sum", 0.0), ("fsum", 0.0), ("prod", 1.0), ("norm", 0.0)])
def test_nothing_has_a_sum(name, neutral):
    assert getattr(functions, name)([]) == neutral


@pytest.mark.parametrize("name", ["sum", "mean", "softmax", "prod"])
@pytest.mark.parametrize("thing", [3.0, Value(3.0), None])
def test_vectors_must_be_iterable(name, thing):
    with pytest.raises(TypeError, match=f"{name} takes an iterable of numbers, got .*put the numbers into a list"):
        getattr(functions, name)(thing)


@pytest.mark.parametrize("name", ["dot", "sumprod", "dist"])
def test_pairs_must_match(name):
    with pytest.raises(ValueError, match=f"{name} takes two vectors of equal length, got lengths 2 and 1"):
        getattr(functions, name)([1.0, 2.0], [Value(1.0)])


@given(st.integers(1, 6), st.data())
def test_dot_is_one_node_with_the_other_vector_as_derivative(length, data):
    vector = st.lists(st.floats(-10, 10), min_size=length, max_size=length)
    xs, ys = data.draw(vector), data.draw(vector)
    y = functions.dot([Value(x) for x in xs], [Value(y) for y in ys])
    assert y.local_grads == (*ys, *xs)
    assert y.data == pytest.approx(np.dot(xs, ys), abs=1e-12)


def test_exact_sums():
    assert functions.fsum([0.1] * 10) == 1.0
    assert functions.sumprod([1e200, 1.0, -1e200], [1e200, 1.0, 1e200]) == 1.0
    assert functions.fma(0.1, 10.0, -1.0) == 2.0**-54
    assert functions.fma(1e308, 10.0, -math.inf) == -math.inf
    assert functions.sumprod([1e308, 1.0], [10.0, -math.inf]) == -math.inf


def test_arguments_are_validated():
    with pytest.raises(ValueError, match=r"relu's at_zero must be a subgradient in \[0, 1\], got 2"):
        functions.relu(1.0, at_zero=2)
    with pytest.raises(ValueError, match="gelu's approximate must be 'none' or 'tanh', got 'exact'"):
        functions.gelu(1.0, approximate="exact")
    with pytest.raises(TypeError, match="ldexp takes an int as exponent, got 0.5"):
        functions.ldexp(1.0, 0.5)
    with pytest.raises(TypeError, match="ldexp takes an int as exponent, got Value"):
        functions.ldexp(1.0, Value(2.0))
    with pytest.raises(ValueError, match="polygamma takes an integer order from 0 to 100, got -1"):
        functions.polygamma(-1, 2.0)


def test_logarithms_to_a_base_differentiate_towards_the_base():
    x, base = Value(8.0), Value(2.0)
    y = x.log(base)
    y.backward()
    assert y.data == 3.0
    assert base.grad == pytest.approx(-math.log(8) / (2 * math.log(2) ** 2))


class TestRegister:
    def test_a_primitive_of_ones_own_works_in_every_mode(self, table):
        def partials(out, x):
            saturation = functions.tanh(functions.softplus(x))
            return (saturation + x * functions.sigmoid(x) * (1 - functions.square(saturation)),)

        mish = register_primitive("mish", lambda x: x * math.tanh(math.log1p(math.exp(x))), partials)
        assert mish(1.0) == pytest.approx(0.8650983882673103)
        step = 1e-5
        slope = (mish(1.0 + step) - mish(1.0 - step)) / (2 * step)
        assert grad(mish)(1.0) == pytest.approx(slope, rel=1e-8)
        curvature = (grad(mish)(1.0 + step) - grad(mish)(1.0 - step)) / (2 * step)
        assert hessian(mish)(1.0) == pytest.approx(curvature, rel=1e-8)
        y = Value(1.0).mish()
        assert y.operation is table["mish"]
        assert pickle.loads(pickle.dumps(y)).operation is table["mish"]
        assert pickle.loads(pickle.dumps(mish)) is mish
        (z,) = np.frompyfunc(mish, 1, 1)(np.array([Value(1.0)], dtype=object))
        assert z.data == y.data

    def test_a_cell_that_runs_again_registers_nothing_new(self, table):
        cell = (
            "{}from autograd_mini import register_primitive, sigmoid\n"
            "swish = register_primitive('swish_', lambda x: x * sigmoid(x), lambda out, x: ({}1 + 0 * x,), doc='x')"
        )
        names = {}
        exec(cell.format("", ""), names)
        first = names["swish"]
        exec(cell.format("# a comment\n", ""), names)
        assert names["swish"] is first is Value.swish_
        for other in (cell.format("", "2 * "), cell.format("", "").replace("doc='x'", "doc='y'")):
            with pytest.raises(ValueError, match="has an attribute named 'swish_' already"):
                exec(other, names)
        with pytest.raises(ValueError, match="has an attribute named 'swish_' already"):
            exec(cell.format("", ""), {})  # which may read other globals

    def test_several_arguments(self, table):
        weighted = register_primitive(
            "weighted_", lambda x, y, w: w * x + (1 - w) * y, lambda out, x, y, w: (w, 1 - w, x - y), arity=3
        )
        assert grad(weighted)(2.0, 3.0, 0.25) == (0.25, 0.75, -1.0)

    @pytest.mark.parametrize(
        ("arguments", "options", "message"),
        [
            (("tanh", math.tanh, lambda out, x: (1.0,)), {}, "has an attribute named 'tanh' already"),
            (("data", math.tanh, lambda out, x: (1.0,)), {}, "has an attribute named 'data' already"),
            (("a b", math.tanh, lambda out, x: (1.0,)), {}, "must be an identifier, got 'a b'"),
            (("one_", math.tanh, lambda out, x: 1.0), {}, "must give a tuple with 1 derivative"),
            (("two_", math.hypot, lambda out, x, y: (1.0,)), {"arity": 2}, "must give a tuple with 2 derivative"),
            (("zero_", math.tanh, lambda out: ()), {"arity": 0}, "arity must be an integer ≥ 1, got 0"),
            (("lost_", math.sin, lambda out, x: (math.cos(x),)), {}, "higher derivatives would be lost"),
            (("lambda", math.sin, lambda out, x: (1.0,)), {}, "must be an identifier, got 'lambda'"),
            (("alias_", math.sin, lambda out, x: (1.0,)), {"aliases": ("backward",)}, "an attribute named 'backward'"),
            (("domains_", math.hypot, lambda out, *xs: xs), {"arity": 2, "domain": ((0, 1),)}, "2 arguments but 1"),
        ],
    )
    def test_mistakes_are_named_and_leave_no_trace(self, table, arguments, options, message):
        with pytest.raises(ValueError, match=message):
            register_primitive(*arguments, **options)
        assert arguments[0] not in set(table) - {"tanh"}

    @pytest.mark.parametrize(
        ("forward", "partials", "message"),
        [
            (lambda x, y: x * y, lambda out, x, y: (y, x), "forward of own_ must take 1 number.*arity=1 says.*'y'"),
            (lambda x: [x], lambda out, x: (1.0,), "forward of own_ must take 1 number.*, and give one, but: .*list"),
            (
                lambda x: OUTSIDE * x,
                lambda out, x: (3.0,),
                "the rule of own_ gives a Value .*so it uses one from outside",
            ),
            (lambda x: 3.0 * x, lambda out, x: (OUTSIDE,), "the rule of own_ gives a Value for plain numbers"),
            (lambda x: x, lambda out, x: (0.0 * OUTSIDE + 1.0,), "make it an argument of the primitive"),
            (lambda x: x, lambda x: (1.0,), "partials of own_ must take the result and then 1 number.*2 were given"),
        ],
    )
    def test_functions_that_do_not_fit_their_row_are_named(self, table, forward, partials, message):
        with pytest.raises(TypeError, match=message):
            register_primitive("own_", forward, partials)
        assert "own_" not in table

    def test_a_missing_primitive_is_named_when_loading(self, table):
        register_primitive("fleeting_", lambda x: x, lambda out, x: (1.0,))
        frozen = pickle.dumps(Value(1.0).fleeting_())
        del table["fleeting_"]
        delattr(Value, "fleeting_")
        with pytest.raises(LookupError, match="no primitive named 'fleeting_' is known here; register it before"):
            pickle.loads(frozen)


def test_variants_are_made_once():
    relu = TABLE["relu"]
    assert isinstance(relu, Primitive)
    assert relu.variant(at_zero=0.0) is relu.variant(at_zero=0.0)
    assert repr(relu.variant(at_zero=0.0)) == "<primitive relu, at_zero=0.0>"


@pytest.mark.usefixtures("table")
def test_ctrl_c_while_registering_leaves_the_name_free():
    numbers = itertools.count()

    def register(name):
        return register_primitive(name, lambda x: x * x * x, lambda out, x: (3 * x * x,))

    def check(name):
        assert (name in TABLE) == hasattr(Value, name)
        cube = getattr(Value, name, None) or register(name)
        assert grad(cube)(2.0) == 12.0
        delattr(Value, name)
        del TABLE[name]

    interrupt_everywhere(lambda: f"cube_{next(numbers)}", register, check)
