"""Laws of gradients that hold for every function."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd_mini import Value, grad, gradients, log_softmax, logsumexp, max, softmax, sum, value_and_grad
from autograd_mini.testing import strategies

SMOOTH = ["add", "sub", "mul", "sin", "cos", "tanh", "sigmoid", "square", "softplus", "atan", "expm1", "fma"]
FUNCTIONS = strategies.expressions(2, primitives=SMOOTH, max_size=6, low=-2.0, high=2.0)
POINTS = strategies.points(2, low=-2.0, high=2.0)
FACTORS = strategies.values()


def close(a, b):
    return a == pytest.approx(b, rel=1e-9, abs=1e-9)


def sized(*gradients_):
    """Only what cannot cancel below the tolerance."""
    from hypothesis import assume

    assume(all(abs(g) < 1e4 for each in gradients_ for g in each))


@given(FUNCTIONS, FUNCTIONS, FACTORS, FACTORS, POINTS)
def test_linearity(f, g, a, b, x):
    df, dg = grad(f)(*x), grad(g)(*x)
    sized(df, dg)
    combined = grad(lambda *x: a * f(*x) + b * g(*x))(*x)
    assert close(combined, tuple(a * p + b * q for p, q in zip(df, dg)))


@given(FUNCTIONS, FUNCTIONS, POINTS)
def test_product_and_quotient_rules(f, g, x):
    (fx, df), (gx, dg) = value_and_grad(f)(*x), value_and_grad(g)(*x)
    sized(df, dg, (fx, gx))
    assert close(grad(lambda *x: f(*x) * g(*x))(*x), tuple(p * gx + fx * q for p, q in zip(df, dg)))
    h = 1.0 + gx * gx
    quotient = grad(lambda *x: f(*x) / (1.0 + g(*x) * g(*x)))(*x)
    assert close(quotient, tuple(p / h - fx * 2.0 * gx * q / h**2 for p, q in zip(df, dg)))


@given(FUNCTIONS, FUNCTIONS, FUNCTIONS, POINTS)
def test_chain_rule(outer, f, g, x):
    (fx, df), (gx, dg) = value_and_grad(f)(*x), value_and_grad(g)(*x)
    sized(df, dg, (fx, gx))
    d0, d1 = grad(outer)(fx, gx)
    sized((d0, d1))
    composed = grad(lambda *x: outer(f(*x), g(*x)))(*x)
    expected = tuple(d0 * p + d1 * q for p, q in zip(df, dg))
    assert composed == pytest.approx(expected, rel=1e-9, abs=1e-7)


@given(st.lists(strategies.values(low=-50.0, high=50.0), min_size=1, max_size=5), FACTORS)
def test_softmax_sums_to_one_whatever_the_shift(xs, shift):
    """So its derivatives sum to 0 over the outputs (the sum is constant) and over the inputs (a shift changes
    nothing)."""
    values = [Value(x) for x in xs]
    ys = softmax(values)
    rows = [gradients(y, values) for y in ys]
    assert all(abs(sum(row)) <= 1e-15 for row in rows)
    assert all(abs(g) <= 1e-15 for g in gradients(sum(ys), values))
    moved = [gradients(y, values) for y in softmax([x + shift for x in values])]
    assert all(close(a, b) for a, b in zip(rows, moved))
    for y in log_softmax(values):
        assert abs(sum(gradients(y, values))) <= 1e-14


@given(st.lists(strategies.values(), min_size=1, max_size=5), FACTORS)
def test_shifts_of_logsumexp_and_max(xs, shift):
    """f(x + s·1) = f(x) + s: their derivatives sum to 1."""
    assert sum(grad(logsumexp)(xs)) == pytest.approx(1.0, rel=1e-14)
    assert sum(grad(max)(xs)) == 1.0
    assert close(grad(logsumexp)([x + shift for x in xs]), grad(logsumexp)(xs))


@given(FUNCTIONS, FUNCTIONS, POINTS)
def test_the_gradient_of_a_sum_over_shared_nodes_is_the_sum_of_gradients(f, g, x):
    xs = [Value(each) for each in x]
    shared = f(*xs)
    first, second = g(shared, xs[0]), g(xs[1], shared)
    parts = gradients(first, xs), gradients(second, xs)
    sized(*parts)
    assert close(gradients(first + second, xs), [p + q for p, q in zip(*parts)])


@given(FUNCTIONS, POINTS)
def test_the_gradient_at_permuted_inputs_is_permuted(f, x):
    assert grad(lambda y, x: f(x, y))(x[1], x[0]) == grad(f)(*x)[::-1]


@given(FUNCTIONS, POINTS)
def test_backward_agrees_with_gradients_and_accumulates(f, x):
    xs = [Value(each) for each in x]
    y = f(*xs)
    y.backward()
    assert [v.grad for v in xs] == gradients(y, xs)
    y.backward()
    assert [v.grad for v in xs] == [2.0 * g for g in gradients(y, xs)]
