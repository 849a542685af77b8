import re
from math import inf, isfinite, log, nan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd_mini import Value, compile, grad, sigmoid, softmax
from autograd_mini.nn import Divergence, kl_sigmoid, kl_softmax, squared_error
from autograd_mini.observing import Observer
from tests.nn.gradients import check_gradients, check_hessian, few, points

probabilities = st.floats(0.05, 0.95)
logits = st.floats(-1000, 1000)


@st.composite
def distributions(draw, n):
    weights = draw(st.lists(st.integers(0, 8), min_size=n, max_size=n).filter(any))
    return [weight / sum(weights) for weight in weights]


@st.composite
def softmax_cases(draw):
    """Logits with a desired distribution or class."""
    n = draw(st.integers(1, 5))
    return draw(points(n)), draw(st.integers(0, n - 1) | distributions(n))


def kl(d, y):
    return sum(p * log(p / q) for p, q in zip(d, y) if p > 0)


def spread(d, n):
    return [float(i == d) for i in range(n)] if isinstance(d, int) else d


class TestSquaredError:
    @few
    @given(st.integers(1, 4).flatmap(lambda n: st.tuples(points(n), points(n))))
    def test_values_and_derivatives(self, case):
        y, d = case
        assert squared_error(y, d) == pytest.approx(0.5 * np.sum((np.array(y) - d) ** 2), rel=1e-13, abs=1e-15)
        assert np.allclose(grad(lambda y: squared_error(y, d))(y), np.array(y) - d, rtol=1e-15, atol=0)
        variables = [Value(number) for number in y]
        check_gradients(lambda: squared_error(variables, d), variables)
        check_hessian(lambda y: squared_error(y, d), y)

    def test_of_one_number(self):
        assert squared_error(3.0, 1.0) == 2.0
        assert squared_error(Value(3.0), 1).data == 2.0

    def test_refuses(self):
        with pytest.raises(ValueError, match="as many numbers as the output, 2, got 1"):
            squared_error([1.0, 2.0], [1.0])
        with pytest.raises(TypeError, match="a desired output takes a real number"):
            squared_error([1.0], ["1"])


class TestSigmoidKL:
    @few
    @given(probabilities, st.sampled_from([0, 1, 0.0, 1.0]) | probabilities)
    def test_values_and_derivatives(self, y, d):
        assert kl_sigmoid(y, d) == pytest.approx(kl([d, 1 - d], [y, 1 - y]), rel=1e-12, abs=1e-14)
        x = Value(y)
        check_gradients(lambda: kl_sigmoid(x, d), [x], step=1e-3)

    @few
    @given(st.floats(-3, 3), st.sampled_from([0, 1]) | probabilities)
    def test_from_logits_is_the_same(self, z, d):
        assert kl_sigmoid.from_logits(z, d) == pytest.approx(kl_sigmoid(sigmoid(z), d), rel=1e-12, abs=1e-14)
        assert grad(lambda z: kl_sigmoid.from_logits(z, d))(z) == pytest.approx(sigmoid(z) - d, rel=1e-12, abs=1e-15)
        x = Value(z)
        check_gradients(lambda: kl_sigmoid.from_logits(x, d), [x])

    @few
    @given(logits, st.sampled_from([0, 1]))
    def test_stable_at_any_logit(self, z, d):
        found, slope = kl_sigmoid.from_logits(z, d), grad(lambda z: kl_sigmoid.from_logits(z, d))(z)
        assert found == pytest.approx(np.logaddexp(0.0, -z if d else z), rel=1e-14)
        assert -1.0 <= slope <= 1.0

    @pytest.mark.parametrize(("z", "d", "div", "slope"), [(-1000.0, 1, 1000.0, -1.0), (1000.0, 0, 1000.0, 1.0)])
    def test_far_out(self, z, d, div, slope):
        assert kl_sigmoid.from_logits(z, d) == div
        assert grad(lambda z: kl_sigmoid.from_logits(z, d))(z) == slope
        assert kl_sigmoid.from_logits(z, 1 - d) == 0.0

    def test_an_output_exactly_right_has_no_divergence(self):
        assert kl_sigmoid(1.0, 1) == kl_sigmoid(0.0, 0) == kl_sigmoid(0.25, 0.25) == 0.0
        assert kl_sigmoid(0.0, 1) == inf

    @pytest.mark.parametrize("d", [-0.1, 1.1, 2, nan])
    def test_refuses_what_no_sigmoid_can_give(self, d):
        for divergence in (kl_sigmoid, kl_sigmoid.from_logits):
            with pytest.raises(ValueError, match=r"must be in \[0, 1\]"):
                divergence(0.5, d)

    def test_refuses_what_is_no_number(self):
        with pytest.raises(TypeError, match="the desired output takes a real number"):
            kl_sigmoid(0.5, "1")


class TestSoftmaxKL:
    @few
    @given(softmax_cases())
    def test_from_logits(self, case):
        """The derivative with respect to the logits is y - d."""
        z, d = case
        y, target = softmax(z), spread(d, len(z))
        assert kl_softmax.from_logits(z, d) == pytest.approx(kl(target, y), rel=1e-12, abs=1e-14)
        assert np.allclose(grad(lambda z: kl_softmax.from_logits(z, d))(z), np.array(y) - target, rtol=0, atol=1e-14)
        variables = [Value(number) for number in z]
        check_gradients(lambda: kl_softmax.from_logits(variables, d), variables)

    @few
    @given(softmax_cases())
    def test_from_probabilities(self, case):
        z, d = case
        y, target = softmax(z), spread(d, len(z))
        assert kl_softmax(y, d) == pytest.approx(kl(target, y), rel=1e-12, abs=1e-14)
        found = grad(lambda y: kl_softmax(y, d))(y)
        assert np.allclose(found, [-p / q if p else 0.0 for p, q in zip(target, y)], rtol=1e-14, atol=0)

    @few
    @given(softmax_cases())
    def test_second_derivatives(self, case):
        z, d = case
        check_hessian(lambda z: kl_softmax.from_logits(z, d), z)

    @few
    @given(st.lists(logits, min_size=2, max_size=5), st.data())
    def test_stable_at_any_logit(self, z, data):
        label = data.draw(st.integers(0, len(z) - 1))
        top = max(z)
        expected = top - z[label] + log(sum(np.exp(np.array(z) - top)))
        assert kl_softmax.from_logits(z, label) == pytest.approx(expected, rel=1e-13, abs=1e-13)
        slopes = grad(lambda z: kl_softmax.from_logits(z, label))(z)
        assert all(map(isfinite, slopes))
        assert abs(sum(slopes)) < 1e-14

    def test_far_out(self):
        assert kl_softmax.from_logits([1000.0, -1000.0], 1) == 2000.0
        assert kl_softmax.from_logits([1000.0, -1000.0], 0) == 0.0
        assert grad(lambda z: kl_softmax.from_logits(z, 1))([1000.0, -1000.0]) == [1.0, -1.0]

    def test_ten_and_eleven_classes(self):
        for n in (10, 11):
            assert kl_softmax.from_logits([0.0] * n, n - 1) == pytest.approx(log(n), rel=1e-15)

    def test_labels_as_class_or_distribution(self):
        y = [0.25, 0.75]
        assert kl_softmax(y, 1) == kl_softmax(y, np.int64(1)) == kl_softmax(y, [0, 1]) == kl_softmax(y, (0.0, 1.0))

    def test_a_distribution_may_be_an_array(self):
        assert kl_softmax([0.25, 0.75], np.array([0.0, 1.0])) == kl_softmax([0.25, 0.75], 1)

    def test_terms_without_weight_do_not_count(self):
        assert kl_softmax([0.0, 1.0], 1) == 0.0
        y = [Value(0.0), Value(1.0)]
        kl_softmax(y, [0.0, 1.0]).backward()
        assert [number.grad for number in y] == [0.0, -1.0]

    @pytest.mark.parametrize(
        ("d", "error", "message"),
        [
            (2, ValueError, "a label must be a class from 0 to 1, got 2"),
            (-1, ValueError, "a label must be a class from 0 to 1"),
            (0.5, TypeError, "a label is a class"),
            (None, TypeError, "a label is a class"),
            ([1.0], ValueError, "as many numbers as the output, 2, got 1"),
            ([0.5, 0.6], ValueError, "with sum 1"),
            ([1.5, -0.5], ValueError, r"entries in \[0, 1\]"),
            ([nan, 1.0], ValueError, r"entries in \[0, 1\]"),
            (["a", "b"], TypeError, "a distribution takes a real number"),
        ],
    )
    def test_refuses(self, d, error, message):
        for divergence in (kl_softmax, kl_softmax.from_logits):
            with pytest.raises(error, match=message):
                divergence([0.5, 0.5], d)

    def test_refuses_outputs_of_no_class(self):
        for divergence in (kl_softmax, kl_softmax.from_logits):
            with pytest.raises(ValueError, match="takes the outputs of one class or more, got none"):
                divergence([], 0)


def as_values(d):
    return [Value(p) for p in d] if hasattr(d, "__len__") else Value(d)


def both_ways(divergence, y, d):
    """The value and the derivatives with respect to y, with d as numbers and as Values."""
    results = []
    for desired in (d, as_values(d)):
        inputs = as_values(y)
        result = divergence(inputs, desired)
        result.backward()
        variables = inputs if isinstance(inputs, list) else [inputs]
        results.append([result.data, *(x.grad for x in variables)])
    return results


class Recorder(Observer):
    """Records comparisons; fails if anything is decided by a number, or a number is read."""

    def compared(self, primitive, x, y):
        return primitive(x, y)

    def truth_asked(self, node):
        raise AssertionError("a branch was taken on data")

    def number_read(self, node, how):
        raise AssertionError(f"a number was read by {how}")


class TestDesiredOutputsOfValues:
    @few
    @given(softmax_cases())
    def test_softmax_gives_the_same(self, case):
        z, label = case
        d = spread(label, len(z))
        numbers, values = both_ways(kl_softmax.from_logits, z, d)
        assert values == pytest.approx(numbers, rel=1e-12, abs=1e-14)
        numbers, values = both_ways(kl_softmax, softmax(z), d)
        assert values == pytest.approx(numbers, rel=1e-12, abs=1e-14)

    @few
    @given(st.floats(-3, 3), st.sampled_from([0.0, 1.0]) | probabilities)
    def test_sigmoid_gives_the_same(self, z, d):
        numbers, values = both_ways(kl_sigmoid.from_logits, z, d)
        assert values == pytest.approx(numbers, rel=1e-12, abs=1e-14)
        numbers, values = both_ways(kl_sigmoid, sigmoid(z), d)
        assert values == pytest.approx(numbers, rel=1e-12, abs=1e-14)

    @few
    @given(st.integers(1, 4).flatmap(lambda n: st.tuples(points(n), points(n))))
    def test_squared_error_gives_the_same(self, case):
        numbers, values = both_ways(squared_error, *case)
        assert values == numbers

    def test_exact_where_d_is_0_or_1(self):
        assert both_ways(kl_softmax, [0.0, 1.0], [0.0, 1.0]) == [[0.0, 0.0, -1.0]] * 2
        assert both_ways(kl_softmax.from_logits, [-inf, 3.0], [0.0, 1.0]) == [[0.0, 0.0, 0.0]] * 2
        assert both_ways(kl_softmax.from_logits, [1000.0, -1000.0], [0.0, 1.0]) == [[2000.0, 1.0, -1.0]] * 2
        for y, d, slope in ((0.0, 0.0, 1.0), (1.0, 1.0, -1.0)):
            assert both_ways(kl_sigmoid, y, d) == [[0.0, slope]] * 2
        assert both_ways(kl_sigmoid.from_logits, -1000.0, 1.0) == [[1000.0, -1.0]] * 2

    def test_derivatives_towards_them(self):
        y, d = [0.25, 0.0, 0.75], [Value(0.5), Value(0.0), Value(0.5)]
        kl_softmax(y, d).backward()
        assert [p.grad for p in d] == pytest.approx([1 + log(2), 0.0, 1 + log(2 / 3)], rel=1e-15)
        d = Value(0.25)
        kl_sigmoid(0.5, d).backward()
        assert d.grad == pytest.approx(-log(3), rel=1e-15)
        d = Value(1.0)
        squared_error(3.0, d).backward()
        assert d.grad == -2.0

    def test_second_derivatives(self):
        check_hessian(lambda zd: kl_softmax.from_logits(zd[:3], zd[3:]), [0.5, -1.0, 2.0, 0.25, 0.25, 0.5])
        check_hessian(lambda zd: kl_sigmoid.from_logits(zd[0], zd[1]), [0.5, 0.25])

    @pytest.mark.parametrize("d", [[0.0, 1.0, 0.0], [0.25, 0.75, 0.0]])
    @pytest.mark.parametrize("as_array", [list, lambda d: np.array(d, dtype=object)])
    def test_nothing_is_decided_from_the_data(self, d, as_array):
        with Recorder():
            results = [
                kl_softmax.from_logits(as_values([1.0, 2.0, -1.0]), as_array(as_values(d))),
                kl_softmax(as_values([0.25, 0.5, 0.25]), as_array(as_values(d))),
                kl_sigmoid.from_logits(Value(1.0), Value(d[1])),
                kl_sigmoid(Value(0.25), Value(d[1])),
                squared_error(as_values([1.0, 2.0, -1.0]), as_array(as_values(d))),
            ]
        expected = [
            kl_softmax.from_logits([1.0, 2.0, -1.0], d),
            kl_softmax([0.25, 0.5, 0.25], d),
            kl_sigmoid.from_logits(1.0, d[1]),
            kl_sigmoid(0.25, d[1]),
            squared_error([1.0, 2.0, -1.0], d),
        ]
        assert [result.data for result in results] == pytest.approx(expected, rel=1e-14)

    def test_counts_are_checked(self):
        with pytest.raises(ValueError, match="as many numbers as the output, 2, got 1"):
            kl_softmax([0.5, 0.5], [Value(1.0)])
        with pytest.raises(TypeError, match="a label is a class"):
            kl_softmax([0.5, 0.5], Value(1.0))


def test_names():
    assert [(repr(div), div.output) for div in (squared_error, kl_sigmoid, kl_softmax)] == [
        ("squared_error", ""),
        ("kl_sigmoid", "sigmoid"),
        ("kl_softmax", "softmax"),
    ]


def test_a_divergence_is_made_by_its_two_methods():
    with pytest.raises(NotImplementedError):
        Divergence()([1.0], [1.0])
    with pytest.raises(NotImplementedError):
        Divergence().from_logits([1.0], [1.0])


@pytest.mark.parametrize(
    ("divergence", "y", "d", "message"),
    [
        (kl_softmax, [2.0, -1.0, 0.5], 0, "kl_softmax takes what a softmax gives, in [0, 1], got 2.0"),
        (kl_softmax, [0.0, 0.5, -0.5], [0, 0.5, 0.5], "in [0, 1], got -0.5; for the z before the softmax"),
        (kl_softmax, [inf, 0.0], 0, "use kl_softmax.from_logits(z, d)"),
        (kl_sigmoid, 3.0, 1, "kl_sigmoid takes what a sigmoid gives, in [0, 1], got 3.0"),
        (kl_sigmoid, [-1e-3], 0, "use kl_sigmoid.from_logits(z, d)"),
    ],
)
def test_logits_are_not_taken_for_probabilities(divergence, y, d, message):
    """Of logits -log Y is a number, too, and a wrong one; kl_softmax([2, -1, ½], 0) would be -0.69."""
    for number in (float, Value):
        ys = [number(each) for each in y] if isinstance(y, list) else number(y)
        with pytest.raises(ValueError, match=re.escape(message)):
            divergence(ys, d)
    if isinstance(y, list):
        with pytest.raises(ValueError, match=re.escape(message)):
            compile(lambda y: divergence(y, d), batch=True)(np.array([y, y]))


def test_rounded_and_missing_probabilities_are_taken():
    assert kl_softmax([1.0 + 2.0**-50, -(2.0**-60)], 0) == -log(1.0 + 2.0**-50)
    assert kl_sigmoid(Value(nan), 1).data != kl_sigmoid(Value(nan), 1).data


def test_a_sigmoid_is_one_output():
    assert kl_sigmoid([0.5], 1) == kl_sigmoid(0.5, 1)
    for divergence in (kl_sigmoid, kl_sigmoid.from_logits):
        with pytest.raises(ValueError, match="kl_sigmoid takes one output, got 2; for several classes use kl_softmax"):
            divergence([0.5, 0.5], 1)
