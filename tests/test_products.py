"""J v and wᵀ J against the Jacobian itself."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import autograd_mini as am
from autograd_mini import Value, compile, exp, grad, jacobian, jvp, sin, vjp
from autograd_mini.testing import check_gradients

NUMBERS = st.lists(st.floats(-2, 2), min_size=3, max_size=3)


def spiral(v):
    x, y, z = v
    return [x * exp(y), sin(x * y) + z, z * z * x, y]


@given(NUMBERS, NUMBERS)
def test_jvp_is_the_jacobian_times_the_vector(point, vector):
    expected = np.array(jacobian(spiral, mode="reverse")(point)) @ np.array(vector)
    assert np.allclose(jvp(spiral)(point, vector), expected, rtol=1e-12, atol=1e-12)


@given(NUMBERS, st.lists(st.floats(-2, 2), min_size=4, max_size=4))
def test_vjp_is_the_vector_times_the_jacobian(point, vector):
    expected = np.array(vector) @ np.array(jacobian(spiral, mode="forward")(point))
    assert np.allclose(vjp(spiral)(point, vector), expected, rtol=1e-12, atol=1e-12)


def test_structures_of_several_arguments():
    def f(p, x, kind):
        return {"a": p["w"] * x.sum(), "b": [p["w"] ** 2, 1.0], "kind": 2.0 if kind == "double" else 1.0}

    args = {"w": 3.0}, np.array([1.0, 2.0]), "double"
    assert jvp(f)(*args, ({"w": 1.0}, np.array([0.0, 1.0]), None)) == {"a": 6.0, "b": [6.0, 0.0], "kind": 0.0}
    p, x, kind = vjp(f)(*args, {"a": 1.0, "b": [1.0, 5.0], "kind": 1.0})
    assert (p, x.tolist(), kind) == ({"w": 9.0}, [3.0, 3.0], None)
    assert jvp(f, argnums=0)(*args, {"w": 1.0})["b"] == [6.0, 0.0]
    assert jvp(lambda x: x * np.array([1.0, 2.0]))(3.0, 1.0).tolist() == [1.0, 2.0]


def test_they_are_differentiated_again():
    check_gradients(
        lambda x: jvp(lambda v: spiral(v)[0] * spiral(v)[1])(x, [1.0, -2.0, 0.5]), [0.3, -0.7, 1.1], order=2
    )
    check_gradients(lambda x: vjp(spiral)(x, [1.0, -2.0, 0.5, 1.0])[0], [0.3, -0.7, 1.1], order=2)
    check_gradients(lambda v: jvp(lambda x: am.sum(spiral(x)))([0.3, -0.7, 1.1], v), [1.0, 2.0, 3.0])
    check_gradients(lambda w: vjp(spiral)([0.3, -0.7, 1.1], w)[0], [1.0, 2.0, 3.0, 4.0])


def test_values_in_values_out_and_numbers_in_numbers_out():
    x = Value(2.0)
    (slope,) = [jvp(lambda v: v**3)(x, 1.0)]
    slope.backward()
    assert (slope.data, x.grad) == (12.0, 12.0)
    assert type(jvp(lambda v: v**3)(2.0, 1.0)) is type(vjp(lambda v: v**3)(2.0, 1.0)) is float


def test_within_a_compiled_function():
    def f(x, v):
        return jvp(lambda x: sin(x) * x)(x, v) + vjp(lambda x: [x * x, exp(x)])(x, [v, 1.0])

    compiled = compile(f, batch=True)
    points = np.linspace(-1.0, 1.0, 5)
    expected = [grad(f)(x, 0.5) for x in points]
    assert np.allclose(np.transpose(compiled.grad(points, np.full(5, 0.5))), expected, rtol=1e-13)


def test_a_direction_costs_no_more_for_more_results():
    counted = []
    operation = am.register_primitive("counted_", math.exp, lambda out, x: (counted.append(0) or out,))
    try:
        counted.clear()
        jvp(lambda x: [operation(x) * k for k in range(100)])(0.5, 1.0)
        assert len(counted) == 100  # each local derivative once, as it was recorded
    finally:
        del am.TABLE["counted_"], Value.counted_


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: jvp(3), "jvp takes a function, got 3"),
        (lambda: vjp(spiral)([1.0, 2.0, 3.0]), r"vjp of spiral takes its arguments and then the vector, got 1 arg"),
        (
            lambda: jvp(spiral)([1.0, 2.0, 3.0], [1.0]),
            r"jvp's vector must have the structure of the arguments, \[·, ·, ·\], but has \[·\]",
        ),
        (
            lambda: vjp(spiral)([1.0, 2.0, 3.0], [1.0]),
            r"vjp's vector must have the structure of the result, \[·, ·, ·, ·\], but has \[·\]",
        ),
        (lambda: jvp(lambda x: "no")(1.0, 1.0), "the result of <lambda> holds 'no'"),
        (lambda: jvp(lambda x: x)(1.0, 1j), "the vector holds 1j"),
    ],
)
def test_bad_calls(call, message):
    with pytest.raises(TypeError, match=message):
        call()


def test_what_does_not_move_carries_nothing_even_where_it_meets_inf():
    f = lambda x: [am.sqrt(x[0]) + 3.0 * x[1]]
    assert jvp(f)([0.0, 2.0], [0.0, 1.0]) == [3.0]
    assert jvp(f)([0.0, 2.0], [1.0, 1.0]) == [math.inf]
