import copy
import gc
import math
import operator
import pickle
import statistics
import subprocess
import sys
import threading
import weakref
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import autograd_mini as am
from autograd_mini import Constant, Value, compile, exp, fsum, hessian, softmax, tanh, topological_order
from autograd_mini.testing import check_gradients
from tests.graphs import STEPS, run, variables
from tests.interrupting import interrupt_everywhere

NASTY = [0.0, -0.0, 1.0, -1.0, 2.0, -8.0, 1 / 3, 5e-324, -5e-324, 1e300, -1e300, math.inf, -math.inf, math.nan]
OPERATORS = [operator.add, operator.sub, operator.mul, operator.truediv, operator.floordiv, operator.mod, operator.pow]
UFUNCS = sorted(  # those of NumPy that it has both for floats and for objects
    {
        each
        for each in vars(np).values()
        if isinstance(each, np.ufunc) and not each.signature and {"d", "O"} <= set("".join(each.types))
    }
    - {np.logical_and, np.logical_or, np.logical_xor, np.logical_not},  # Python's `and` of objects gives one of them
    key=lambda each: each.__name__,
)
COMPARISONS = [operator.lt, operator.le, operator.gt, operator.ge, operator.eq, operator.ne]


def same(x, y):
    """Equal bit for bit, except for the payload of nan."""
    return (math.isnan(x) and math.isnan(y)) or (x == y and math.copysign(1, x) == math.copysign(1, y))


class TestData:
    @pytest.mark.parametrize(
        "number", [3, True, 2.5, np.float32(0.1), np.int64(7), np.bool_(True), Fraction(1, 3), Decimal("0.1")]
    )
    def test_real_numbers_convert(self, number):
        value = Value(number)
        assert type(value.data) is float
        assert value.data == float(number)

    def test_too_large_an_int_is_infinite(self):
        assert Value(10**400).data == math.inf
        assert (Value(1.0) * -(10**400)).data == -math.inf

    @pytest.mark.parametrize(
        "thing",
        [
            1j,
            np.complex64(1j),
            np.complex128(1j),
            np.datetime64("2020"),
            "1",
            None,
            [1.0],
            np.array([1.0, 2.0]),
            Value(1.0),
            b"1",
            object(),
        ],
    )
    def test_other_things_are_refused(self, thing):
        with pytest.raises(TypeError, match=f"takes a real number, got .*{type(thing).__name__}"):
            Value(thing)

    def test_assignment_is_checked_and_converted(self):
        p = Value(1.0)
        p.data = 2
        p.grad = np.float64(3.0)
        assert (p.data, type(p.data), p.grad, type(p.grad)) == (2.0, float, 3.0, float)
        with pytest.raises(TypeError, match=r"Value.data takes a real number, got Value.*\.data for the plain number"):
            p.data = p - 0.1
        with pytest.raises(TypeError, match=r"Value.grad takes a real number, got '3'"):
            p.grad = "3"
        assert (p.data, p.grad) == (2.0, 3.0)

    def test_the_message_for_arrays_says_what_to_do(self):
        with pytest.raises(TypeError, match="dtype=object"):
            Value(np.ones(3))


class TestArithmetic:
    @pytest.mark.parametrize("operate", OPERATORS)
    @pytest.mark.parametrize("x", NASTY)
    @pytest.mark.parametrize("y", NASTY)
    def test_follows_ieee_754_and_never_raises(self, operate, x, y):
        with np.errstate(all="ignore"):
            expected = float(operate(np.float64(x), np.float64(y)))
        for result in (operate(Value(x), Value(y)), operate(Value(x), y), operate(x, Value(y))):
            assert type(result) is Value
            if operate in (operator.floordiv, operator.mod) and not (y and math.isfinite(x) and math.isfinite(y)):
                expected = result.data  # Python and NumPy differ here; the next test states these cases
            assert same(result.data, expected) or math.isclose(result.data, expected, rel_tol=1e-15)
            result.backward()

    @pytest.mark.parametrize(
        ("x", "y", "quotient", "remainder"),
        [
            (1.0, 0.0, math.inf, math.nan),
            (-1.0, 0.0, -math.inf, math.nan),
            (0.0, 0.0, math.nan, math.nan),
            (5.0, math.inf, 0.0, 5.0),
            (math.inf, 2.0, math.nan, math.nan),
        ],
    )
    def test_floor_division_at_the_edges(self, x, y, quotient, remainder):
        assert same((Value(x) // y).data, quotient)
        assert same((Value(x) % y).data, remainder)

    def test_named_results(self):
        assert exp(Value(1000.0)).data == math.inf
        assert Value(0.0).log().data == -math.inf
        assert (1 / Value(0.0)).data == math.inf
        assert math.isnan(Value(-1.0).sqrt().data)
        assert math.isnan((Value(-8.0) ** (1 / 3)).data)
        assert isinstance((Value(-8.0) ** (1 / 3)).data, float)

    @given(st.integers(-100, 100), st.integers(-100, 100).filter(bool))
    def test_quotients_are_true_quotients(self, x, y):
        assert (Value(x) / Value(y)).data == x / y

    @given(st.floats(-1e3, 1e3), st.floats(-1e3, 1e3))
    def test_unary_operators(self, x, y):
        assert (-Value(x)).data == -x
        assert (+Value(x)).data == x
        assert abs(Value(x)).data == abs(x)
        if y:
            assert tuple(part.data for part in divmod(Value(x), y)) == divmod(x, y)
            assert tuple(part.data for part in divmod(x, Value(y))) == divmod(x, y)

    @pytest.mark.parametrize("operate", OPERATORS)
    @pytest.mark.parametrize("other", [1j, None, object(), {1}])
    def test_other_types_are_refused_by_operator_and_type(self, operate, other):
        kind = type(other).__name__
        with pytest.raises(TypeError, match=rf"(?=.*'Value')(?=.*'{kind}').*[-+*/%]"):
            operate(Value(1.0), other)
        with pytest.raises(TypeError, match=rf"(?=.*'Value')(?=.*'{kind}').*[-+*/%]"):
            operate(other, Value(1.0))

    def test_strings_are_refused(self):
        with pytest.raises(TypeError, match=r"\+.*'Value' and 'str'"):
            Value(1.0) + "1"
        with pytest.raises(TypeError, match="'Value'"):
            "1" * Value(1.0)

    def test_numpy_scalars_on_either_side(self):
        x = Value(3.0)
        for two in (np.float64(2), np.float32(2), np.int64(2)):
            for y in (two * x, x * two):
                assert isinstance(y, Value)
                assert y.data == 6.0
            assert (two < x) is True or (two < x) == np.True_


class TestComparisons:
    @pytest.mark.parametrize("compare", COMPARISONS)
    @given(x=st.floats(), y=st.floats())
    def test_compare_data(self, compare, x, y):
        for result in (compare(Value(x), Value(y)), compare(Value(x), y), compare(x, Value(y))):
            assert result is compare(x, y)

    def test_with_what_is_no_number(self):
        assert Value(1.0) != "1"
        assert (Value(1.0) == None) is False  # noqa: E711
        with pytest.raises(TypeError, match="'<' not supported between instances of 'Value' and 'str'"):
            Value(1.0) < "1"  # noqa: B015

    def test_hash_is_by_identity(self):
        x, y = Value(1.0), Value(1.0)
        assert x == y
        assert len({x, y}) == 2
        assert x in {x: 1}

    def test_conversions_follow_data(self):
        x = Value(2.75)
        assert (float(x), int(x), round(x), round(x, 1), bool(x), bool(Value(0.0))) == (2.75, 2, 3, 2.8, True, False)
        assert (math.floor(x), math.ceil(x), math.trunc(x)) == (2, 3, 2)
        assert f"{x:.1f} {x}" == "2.8 Value(data=2.75, grad=0.0)"
        assert repr(Value(1.0, label="w")) == "Value(data=1.0, grad=0.0, label='w')"


class TestBackward:
    def test_repeated_operands_have_an_edge_each(self):
        x = Value(3.0)
        y = x * x
        assert y.parents == (x, x)
        assert y.local_grads == (3.0, 3.0)
        y.backward()
        assert x.grad == 6.0

    @given(STEPS, st.lists(st.integers(-3, 3), min_size=1, max_size=3))
    def test_integer_polynomials_are_exact(self, steps, point):
        """Against forward mode on dual numbers (value, slope), written from the definition."""
        inputs = variables(point)
        run(steps, inputs)[-1].backward()
        for index, variable in enumerate(inputs):
            duals = [Dual(number, int(index == position)) for position, number in enumerate(point)]
            slope = run(steps, duals)[-1].slope
            if abs(slope) < 2**53:
                assert math.isclose(variable.grad, slope, rel_tol=1e-12, abs_tol=1e-9)

    @given(STEPS)
    def test_leaves_accumulate_and_the_rest_does_not(self, steps):
        inputs = variables([2.0, -1.0])
        results = run(steps, inputs)
        results[-1].backward()
        once = [node.grad for node in topological_order(results[-1])]
        results[-1].backward()
        for node, grad in zip(topological_order(results[-1]), once):
            assert node.grad == (grad if node.parents else 2 * grad)

    def test_nodes_in_between_hold_no_stale_sum(self):
        x = Value(3.0)
        inner = x * x
        (inner * 5).backward()
        (inner * 2).backward()
        assert inner.grad == 2.0
        assert x.grad == 6.0 * 7.0

    def test_seed_scales(self):
        x = Value(3.0)
        (x * x).backward(0.5)
        assert x.grad == 3.0
        with pytest.raises(TypeError, match="seed"):
            (x * x).backward("1")
        assert x.grad == 3.0

    def test_an_adjoint_of_zero_carries_nothing(self):
        x = Value(0.0)
        (0.0 * x.log()).backward()
        assert x.grad == 0.0

    def test_needs_a_variable(self):
        x = Value(2.0)
        for constant in (x.detach(), (x * 3.0).parents[1], x.detach() * 2.0):
            with pytest.raises(ValueError, match="depends on a variable"):
                constant.backward()

    def test_constants_get_no_grad(self):
        x = Value(2.0)
        y = x * 3.0 + x.detach()
        y.backward()
        constants = [node for node in topological_order(y) if isinstance(node, Constant)]
        assert len(constants) == 2
        assert all(node.grad == 0.0 for node in constants)
        assert x.grad == 3.0

    def test_a_leaf_can_be_the_root(self):
        x = Value(2.0)
        x.backward()
        assert x.grad == 1.0

    def test_n_ary_operations_are_one_node(self):
        xs = variables([1.0, 2.0, 3.0])
        ys = softmax(xs)
        assert len(topological_order(*ys)) == 6
        assert all(y.parents == tuple(xs) and len(y.local_grads) == 3 for y in ys)


class Dual:
    def __init__(self, value, slope):
        self.value, self.slope = value, slope

    def __add__(self, other):
        return Dual(self.value + other.value, self.slope + other.slope)

    def __sub__(self, other):
        return Dual(self.value - other.value, self.slope - other.slope)

    def __mul__(self, other):
        return Dual(self.value * other.value, self.slope * other.value + self.value * other.slope)


def chain(length):
    x = y = Value(1.0, label="x")
    for _ in range(length):
        y = y * x
    return x, y


class TestLargeGraphs:
    LENGTH = 200_000

    def test_a_long_chain_lives_and_dies_without_recursion(self):
        x, y = chain(self.LENGTH)
        y.backward()
        assert x.grad == self.LENGTH + 1
        twin = copy.deepcopy(y)
        thawed = pickle.loads(pickle.dumps(y))
        del y
        for other in (twin, thawed):
            assert len(topological_order(other)) == self.LENGTH + 1
            other.backward()
            assert topological_order(other)[0].grad == 2 * (self.LENGTH + 1)

    def test_no_reference_cycles(self):
        gc.disable()
        try:
            x = Value(2.0)
            dead = []
            for _ in range(50):
                y = (x * 3.0 + x.tanh()) / (1.0 + x * x)
                y = sum(softmax([y, x, 1.0])) * y
                y.backward()
                dead += [weakref.ref(node) for node in topological_order(y)]
            assert all(seen() is not None for seen in dead[-10:])
            del x, y
            assert all(seen() is None for seen in dead)
        finally:
            gc.enable()


class TestCopies:
    @given(STEPS)
    def test_copies_are_identical_and_apart(self, steps):
        y = run(steps, variables([2.0, -1.0]))[-1]
        y.backward()
        for twin in (*(pickle.loads(pickle.dumps(y, protocol)) for protocol in range(2, 6)), copy.deepcopy(y)):
            order, other = topological_order(y), topological_order(twin)
            assert len(order) == len(other)
            shared = {id(node) for node in order} & {id(node) for node in other}
            assert not any(id(node) in shared for node in order if node.parents)
            for a, b in zip(order, other):
                assert (a.data, a.grad, a.label, a.local_grads) == (b.data, b.grad, b.label, b.local_grads)
                assert a.operation is b.operation
                assert [order.index(p) for p in a.parents] == [other.index(p) for p in b.parents]
            twin.backward()

    @pytest.mark.parametrize("clone", [copy.deepcopy, lambda things: pickle.loads(pickle.dumps(things))])
    def test_what_is_shared_stays_shared(self, clone):
        x = Value(2.0)
        inner = x * x
        new_x, new_inner, new_outer = clone([x, inner, inner + x])
        assert new_inner.parents[0] is new_x
        assert new_outer.parents[0] is new_inner
        new_outer.backward()
        assert (new_x.grad, x.grad) == (5.0, 0.0)

    def test_a_shallow_copy_shares_the_parents(self):
        x = Value(2.0)
        y = x * x
        twin = copy.copy(y)
        assert twin is not y
        assert twin.parents[0] is x
        assert twin.data == 4.0

    def test_copies_are_the_same_functions_of_the_same_leaves(self):
        copies = (lambda x: copy.copy(x), lambda x: copy.copy(2 * x) / 2, lambda x: copy.deepcopy(x * 2) / 2)
        for copied in copies:
            x = Value(3.0)
            (copied(x) * x).backward()
            assert x.grad == am.grad(lambda x, copied=copied: copied(x) * x)(3.0) == 6.0

    def test_a_deep_copy_of_a_leaf_is_a_leaf_of_its_own(self):
        x = Value(3.0)
        twin = copy.deepcopy({"w": [x]})["w"][0]
        (twin * twin).backward()
        assert (twin.grad, x.grad) == (6.0, 0.0)

    @pytest.mark.parametrize("length", [998, 999, 1000, 1001, 1999, 2000])
    def test_lengths_around_the_batches_of_pickle(self, length):
        _, y = chain(length)
        assert pickle.loads(pickle.dumps(y)).data == 1.0

    def test_constants_and_options_survive(self):
        y = Value(0.0).relu(at_zero=0.5) * 2.0
        twin = pickle.loads(pickle.dumps(y))
        assert isinstance(twin.parents[1], Constant)
        assert twin.parents[0].operation is y.parents[0].operation


class TestDeterminism:
    PROGRAM = """
from autograd_mini import Value
xs = [Value(0.1 * i) for i in range(20)]
ys = [sum(xs[j] * (i + j) for j in range(20)).tanh() for i in range(20)]
total = sum(ys)
total.backward()
print([x.grad for x in xs])
"""

    def test_hash_seeds_do_not_matter(self):
        outputs = {
            subprocess.run(
                [sys.executable, "-c", self.PROGRAM], env={"PYTHONHASHSEED": str(seed)}, capture_output=True, check=True
            ).stdout
            for seed in (0, 1, 2)
        }
        assert len(outputs) == 1

    def test_threads_build_and_differentiate_side_by_side(self):
        found = []

        def work(slope):
            x, y = Value(0.5), Value(0.0)
            for _ in range(2000):
                y = y + (slope * x).sin()
            y.backward()
            found.append((slope, x.grad))

        threads = [threading.Thread(target=work, args=(slope,)) for slope in range(1, 5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(found) == 4
        for slope, grad in found:
            assert math.isclose(grad, 2000 * slope * math.cos(slope * 0.5), rel_tol=1e-12)


class TestNumPyObjectArrays:
    def test_matrix_products_and_ufuncs(self):
        w = np.array([[Value(1.0), Value(2.0)], [Value(3.0), Value(4.0)]])
        x, b = np.array([0.5, -1.0]), np.array([Value(0.1), Value(0.2)])
        z = w @ x + b
        assert [v.data for v in z] == [0.5 - 2.0 + 0.1, 1.5 - 4.0 + 0.2]
        np.exp(z).sum().backward()
        assert math.isclose(w[0, 1].grad, -math.exp(-1.4))

    FLAT = "floor ceil trunc sign equal not_equal less less_equal greater greater_equal".split()

    @pytest.mark.parametrize("ufunc", UFUNCS, ids=lambda each: each.__name__)
    def test_every_function_of_one_or_two_numbers(self, ufunc):
        tried = 0
        for point in ((0.3, 0.4), (1.75, 1.25), (-0.6, 2.5)):
            numbers = point[: ufunc.nin]
            with np.errstate(invalid="ignore"):
                expected = ufunc(*numbers)
            if not np.isnan(expected):
                (y,) = ufunc(*(np.array([Value(x)]) for x in numbers))
                assert float(y) == pytest.approx(float(expected), rel=1e-15)
                assert isinstance(y, Value) == (ufunc.__name__ not in self.FLAT)
                if isinstance(y, Value):
                    check_gradients(ufunc, *numbers)
                tried += 1
        assert tried

    @pytest.mark.parametrize(
        "statistic",
        [
            np.mean,
            np.std,
            np.var,
            np.linalg.norm,
            np.median,
            lambda a: np.vdot(a, a[::-1]),
            lambda a: np.linalg.norm(a.reshape(2, 2), axis=1)[1],
            lambda a: (np.real(a) * np.conj(a)).sum(),
            lambda a: np.average(a, weights=[1.0, 2.0, 3.0, 4.0]),
            lambda a: np.cumprod(a)[2] + np.cumsum(a)[1],
            lambda a: np.quantile(a, 0.3) * np.ptp(a),
            lambda a: np.nanmean(a) * np.nanstd(a),
            lambda a: (np.clip(a, -1.0, 2.0) * np.where(a > 0.0, a, a * a)).sum(),
            lambda a: np.einsum("i,j,ij", a, a, np.outer(a, a), optimize=True)[()],
            lambda a: np.convolve(a, a)[3] + np.correlate(a, a)[0],
            lambda a: np.trapezoid(a * a, a) + np.diff(a)[1] * np.kron(a, a)[7],
            lambda a: np.linalg.multi_dot([a, np.linalg.matrix_power(np.outer(a, a), 2), a]),
            lambda a: np.polyval(a, a[0]) + np.sinc(a)[3] + np.linspace(a[0], a[1], 3)[1],
            lambda a: np.sort(a)[1] * a[np.argmax(a)] * np.maximum.accumulate(a)[1],
        ],
    )
    def test_statistics_and_products(self, statistic):
        numbers = [0.5, -2.0, 3.0, 1.25]
        check_gradients(lambda *xs: statistic(np.array(xs)), *numbers)
        assert math.isclose(statistic(np.array(list(map(Value, numbers)))).data, statistic(np.array(numbers)))

    def test_parts_are_those_of_a_real_number(self):
        x = Value(2.0)
        assert x.real is x
        assert x.conjugate() is x
        assert x.imag == 0.0
        assert not np.imag(np.array([x])).any()

    def test_next_to_floats(self):
        """NumPy's functions ask each element for a method, which floats lack."""
        x = Value(2.0)
        mixed = np.array([x, 1.0], dtype=object)
        with pytest.raises(TypeError, match="float.* no callable exp method"):
            np.exp(mixed)
        found = np.frompyfunc(exp, 1, 1)(mixed)
        found.sum().backward()
        assert (found[0].data, found[1], x.grad) == (math.exp(2.0), math.e, math.exp(2.0))

    def test_a_value_times_an_array_goes_elementwise(self):
        x = Value(2.0)
        for result in (x * np.array([1.0, 3.0]), np.array([1.0, 3.0]) * x):
            assert [v.data for v in result] == [2.0, 6.0]


class TestStatistics:
    """Functions of the standard library's `statistics` keep the derivative, or raise an error."""

    def test_what_calculates_with_values_keeps_it(self):
        xs = [Value(3.0), Value(1.0), Value(2.0), Value(5.0)]
        statistics.median(xs).backward()
        assert [x.grad for x in xs] == [0.5, 0.0, 0.5, 0.0]

    def test_statistics_mean(self):
        xs = [Value(1.0), Value(2.0), Value(6.0)]
        y = statistics.mean(xs)
        y.backward()
        assert y.data == 3.0
        assert [x.grad for x in xs] == [1.0 / 3.0] * 3
        assert hessian(lambda v: statistics.mean(v) ** 2)([1.0, 3.0]) == [[0.5, 0.5], [0.5, 0.5]]
        assert compile(lambda v: statistics.mean(v) ** 2).grad([1.0, 3.0]) == [2.0, 2.0]
        assert statistics.mean(x for x in [Value(5.0)]).data == 5.0
        with pytest.raises(TypeError, match=r"got 2 Value\(s\) among 3; use autograd_mini.mean, which takes both"):
            statistics.mean([Value(1.0), 2, Value(3.0)])
        with pytest.raises(TypeError, match="coerce"):
            statistics.mean([Value(1.0), 2.5])

    @pytest.mark.parametrize(
        "function", [statistics.variance, statistics.stdev, statistics.pvariance, statistics.harmonic_mean]
    )
    def test_what_calculates_with_fractions_is_refused(self, function):
        with pytest.raises(TypeError, match="an exact ratio of integers would cut a Value off .* autograd_mini's mean"):
            function([Value(1.0), Value(2.0)])


class TestBorrowedScripts:
    """Scripts written for other scalar engines run with their Value replaced by this one."""

    def test_the_demonstration_of_micrograd(self):
        def script(value_class):
            a, b = value_class(-4.0), value_class(2.0)
            c = a + b
            d = a * b + b**3
            c += c + 1
            c += 1 + c + (-a)
            d += d * 2 + (b + a).relu()
            d += 3 * d + (b - a).relu()
            e = c - d
            f = e**2
            g = f / 2.0
            g += 10.0 / f
            g.backward()
            return g.data, a.grad, b.grad

        engine = pytest.importorskip("micrograd.engine")
        assert script(Value) == pytest.approx(script(engine.Value), rel=1e-14)
        assert script(Value) == pytest.approx((24.70408163265306, 138.83381924198252, 645.5772594752186), rel=1e-14)

    def test_a_small_language_model_in_the_style_of_microgpt(self):
        def matrix(rows, columns, start):
            return [[Value(math.sin(start + 7 * i + 3 * j)) for j in range(columns)] for i in range(rows)]

        def linear(x, w):
            return [sum(wi * xi for wi, xi in zip(row, x)) for row in w]

        def attention_weights(logits):
            largest = max(value.data for value in logits)
            exponentials = [(value - largest).exp() for value in logits]
            total = sum(exponentials)
            return [e / total for e in exponentials]

        def normalised(x):
            mean_square = sum(xi * xi for xi in x) / len(x)
            scale = (mean_square + 1e-5) ** -0.5
            return [xi * scale for xi in x]

        embedding, query, key, out = (matrix(4, 4, start) for start in range(4))
        parameters = [p for w in (embedding, query, key, out) for row in w for p in row]

        def loss():
            keys, losses = [], []
            for token, target in ((0, 2), (2, 1), (1, 3)):
                x = normalised(embedding[token])
                keys.append(linear(x, key))
                scores = [sum(a * b for a, b in zip(linear(x, query), k)) / 2**0.5 for k in keys]
                weights = attention_weights(scores)
                mixed = [sum(w * k[j] for w, k in zip(weights, keys)) for j in range(4)]
                probabilities = attention_weights(linear([m.relu() for m in mixed], out))
                losses.append(-probabilities[target].log())
            return (1 / len(losses)) * sum(losses)

        loss().backward()
        analytic = [p.grad for p in parameters]
        step = 1e-6
        for p, gradient in zip(parameters, analytic):
            p.data += step
            above = loss().data
            p.data -= 2 * step
            below = loss().data
            p.data += step
            assert (above - below) / (2 * step) == pytest.approx(gradient, rel=1e-6, abs=1e-8)
        first = loss().data
        for p in parameters:
            p.data -= 0.01 * p.grad
            p.grad = 0
        assert loss().data < first


def test_ctrl_c_in_backward_leaves_all_grads_or_none():
    def make():
        xs = [Value(0.5), Value(2.0), Value(-1.0)]
        y = fsum([tanh(x) * x for x in xs])
        y.backward()
        return y, xs

    once = [x.grad for x in make()[1]]

    def check(subject):
        assert [x.grad for x in subject[1]] in (once, [2.0 * grad for grad in once])

    interrupt_everywhere(make, lambda subject: subject[0].backward(), check)


def test_arithmetic_with_masked_arrays_keeps_the_graph():
    """numpy.ma takes an attribute `_data` for the numbers of an array."""
    numpy = pytest.importorskip("numpy")
    masked = numpy.ma.masked_array([1.0, 2.0, 3.0], [False, True, False])
    x = Value(2.0)
    for f, slope in (
        (lambda: (x * masked).sum(), 4.0),
        (lambda: (masked * x).sum(), 4.0),
        (lambda: numpy.ma.where(masked > 2, x, 0.0).sum(), 1.0),
    ):
        x.grad = None
        f().backward()
        assert x.grad == slope
