"""What depends on a Value is a Value, and numbers give numbers."""

import copy
import math
import pickle
import threading
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import autograd_mini as am
from autograd_mini import (
    TABLE,
    Value,
    compile,
    grad,
    gradients,
    hessian,
    hvp,
    jacobian,
    jvp,
    register_primitive,
    tanh,
    value_and_grad,
)
from autograd_mini.observing import Differentiation, active
from autograd_mini.testing import check_gradients

HERE = __file__


class TestResults:
    def test_numbers_in_numbers_out(self):
        assert type(grad(lambda x: x * x)(3.0)) is float
        assert all(type(part) is float for part in value_and_grad(lambda x: x * Value(2.0))(3.0))
        assert type(jacobian(lambda x: [x * x])(3.0)[0]) is float
        Value(5.0) * 2  # what is not used does not count
        assert type(hessian(lambda x: x**3)(1.0)) is float

    def test_values_made_within_the_call_are_its_own(self):
        def f(x):
            total = Value(0.0)
            for _ in range(3):
                total = total + x * x
            return total

        assert grad(f)(2.0) == 12.0
        assert type(grad(f)(2.0)) is float
        assert type(grad(grad(f))(2.0)) is float

    @pytest.mark.parametrize(
        "copied",
        [
            copy.copy,
            copy.deepcopy,
            lambda x: x.copy(),
            lambda x: copy.copy([x])[0],
            lambda x: copy.deepcopy({"x": [x]})["x"][0],
            lambda x: copy.deepcopy(np.array([x]))[0],
            lambda x: copy.deepcopy(2.0 * x) / 2.0,
            lambda x: copy.copy(x + 0.0),
            lambda x: copy.deepcopy([x, x * x])[1] / x,
        ],
    )
    def test_copies_are_the_same_functions_of_the_variables(self, copied):
        f = lambda x: copied(x) * x
        assert grad(f)(3.0) == compile(f).grad(3.0) == 6.0
        assert hessian(f)(3.0) == grad(lambda x: grad(f)(x))(3.0) == compile(f).hessian(3.0) == 2.0
        assert jvp(f)(3.0, 1.0) == 6.0

    def test_copied_parameters_are_values_of_their_own(self):
        w = Value(2.0)
        assert grad(lambda x: x * copy.deepcopy(w))(3.0) == 2.0
        assert type(grad(lambda x: x * copy.deepcopy(w))(3.0)) is float
        assert type(grad(lambda x: x * w.copy())(3.0)) is float
        assert type(grad(lambda x: x * w)(3.0)) is Value

    @pytest.mark.parametrize(
        "f", [lambda x: pickle.loads(pickle.dumps(x * x)), lambda x: pickle.loads(pickle.dumps(x))]
    )
    def test_pickles_are_refused(self, f):
        for derivative in (grad(f), hessian(f), compile(f).grad):
            with pytest.raises(TypeError, match=f"reads the number of a Value by pickle at {HERE}, line "):
                derivative(3.0)
        assert f(Value(3.0)).data in (3.0, 9.0)
        assert grad(lambda x: x * pickle.loads(pickle.dumps(Value(2.0))))(3.0) == 2.0

    def test_a_value_among_the_other_arguments(self):
        s = Value(3.0)
        slope = grad(lambda x, s: x * x * s, 0)(2.0, s)
        assert slope.data == 12.0
        slope.backward()
        assert s.grad == 4.0

    def test_a_captured_value(self):
        x = Value(1.0)
        (x * grad(lambda y: x * y)(2.0)).backward()
        assert x.grad == 2.0

    def test_a_value_in_a_container_that_is_captured(self):
        model = {"w": [Value(2.0)]}
        value, slope = value_and_grad(lambda x: model["w"][0] * x * x)(3.0)
        assert (value.data, slope.data) == (18.0, 12.0)
        (value + slope).backward()
        assert model["w"][0].grad == 9.0 + 6.0

    def test_another_thread_within_a_derivative(self):
        def f(x):
            found = []
            thread = threading.Thread(target=lambda: found.append(grad(lambda y: x * y * y)(2.0)))
            thread.start()
            thread.join()
            return found[0] * x

        assert grad(f)(3.0) == 2 * 2.0 * 2 * 3.0

    def test_rules_that_call_grad(self):
        cube = register_primitive("cube_by_grad", lambda x: x**3, lambda out, x: (grad(lambda t: t * t * t)(x),))
        assert grad(cube)(2.0) == 12.0
        assert grad(grad(cube))(2.0) == 12.0
        assert grad(grad(grad(cube)))(2.0) == 6.0
        assert Value(2.0).cube_by_grad().local_grads == (12.0,)
        del TABLE["cube_by_grad"], Value.cube_by_grad

    def test_nested_derivatives_with_numbers_of_their_own(self):
        assert grad(lambda x: x * grad(lambda y: y * y)(2.0))(3.0) == 4.0
        assert type(grad(lambda x: x * grad(lambda y: y * y)(2.0))(3.0)) is float

    def test_an_error_leaves_nothing_open(self):
        with pytest.raises(ZeroDivisionError):
            grad(lambda x: 1 // 0)(1.0)
        assert Differentiation.here() == []
        assert not active


# Uses that stand on it


def network(parameters, x):
    w, b, v = parameters
    return sum(c * tanh(a * x + d) for a, d, c in zip(w, b, v))


def test_a_physics_informed_loss():
    """u' = -u and u(0) = 1: the loss of a network contains its derivative with respect to x."""

    def loss(parameters):
        u = lambda x: network(parameters, x)
        residuals = [grad(u)(x) + u(x) for x in (0.0, 0.5, 1.0)]
        return sum(r * r for r in residuals) + (u(0.0) - 1.0) ** 2

    point = [[0.5, -1.0], [0.1, 0.3], [1.0, -0.7]]
    check_gradients(loss, point, order=2)
    model = [[Value(number) for number in row] for row in point]
    y = loss(model)
    y.backward()
    expected = grad(loss)(point)
    assert [[w.grad for w in row] for row in model] == [pytest.approx(row, rel=1e-13) for row in expected]


def test_a_gradient_penalty():
    """(|∂D/∂x| - 1)² as in Gulrajani et al. 2017, with respect to the weights."""
    weights = [0.3, -0.8, 0.5]

    def penalty(w):
        critic = lambda x: tanh(w[0] * x[0] + w[1] * x[1]) * w[2]
        return (am.norm(grad(critic)([0.7, -0.2])) - 1.0) ** 2

    check_gradients(penalty, weights, order=2)
    values = [Value(w) for w in weights]
    penalty(values).backward()
    assert [v.grad for v in values] == pytest.approx(grad(penalty)(weights), rel=1e-13)


def test_newton_within_a_loss():
    """Newton steps for √a: their derivative with respect to a is that of the root."""

    def root(a):
        x = 1.5
        for _ in range(6):
            f = lambda x: x * x - a
            x = x - f(x) / grad(f)(x)
        return x

    assert grad(root)(2.0) == pytest.approx(0.5 / math.sqrt(2.0), rel=1e-14)
    assert grad(grad(root))(2.0) == pytest.approx(-0.25 * 2.0**-1.5, rel=1e-13)
    a = Value(2.0)
    root(a).backward()
    assert a.grad == pytest.approx(0.5 / math.sqrt(2.0), rel=1e-14)


def test_meta_gradients():
    """A learning rate is learnt by differentiating through steps of gradient descent."""

    def after_descent(rate):
        w = [0.5, -1.0]
        loss = lambda w: (w[0] * w[1] - 1.0) ** 2 + w[0] ** 2
        for _ in range(3):
            w = [each - rate * slope for each, slope in zip(w, grad(loss)(w))]
        return loss(w)

    check_gradients(after_descent, 0.1, order=2)
    rate = Value(0.1)
    after_descent(rate).backward()
    assert rate.grad == pytest.approx(grad(after_descent)(0.1), rel=1e-13)


@given(st.floats(-2.0, 2.0), st.floats(-2.0, 2.0))
def test_mixed_derivatives_agree_whichever_is_captured(a, b):
    f = lambda x, y: am.sin(x * y) + x * x * y
    first = lambda x: grad(lambda y: f(x, y))(b)
    x, y = Value(a), Value(b)
    mixed = gradients(gradients(f(x, y), [y], create_graph=True)[0], [x])[0]
    assert grad(first)(a) == pytest.approx(mixed, rel=1e-12, abs=1e-12)
    assert hvp(f)(a, b, (0.0, 1.0))[0] == pytest.approx(mixed, rel=1e-12, abs=1e-12)


# Numbers that leave the graph


def by_math(x):
    return math.exp(x) * x


def by_float(x):
    return x * float(x)


def by_store(x):
    out = np.zeros(3)
    out[0] = 2 * x
    return out.sum()


def by_array(x):
    return np.array([x, 2 * x], dtype=float).sum()


def by_astype(x):
    return np.array([x]).astype(float)[0]


def by_interpolation(x):
    return np.interp(x, [0.0, 4.0], [0.0, 1.0])


def by_question(x):
    return x if math.isfinite(x) else 0.0


def by_quadrature(x):
    from scipy.integrate import quad

    return quad(lambda t: x * t, 0.0, 1.0)[0]


LEAVING = {
    by_math: "use autograd_mini.exp in place of math.exp",
    by_float: "compute with the Value itself",
    by_store: "a float array keeps plain numbers: use a list, or an array with dtype=object",
    by_array: "a float array keeps plain numbers: use a list, or an array with dtype=object",
    by_astype: "a float array keeps plain numbers: use a list, or an array with dtype=object",
    by_interpolation: "np.interp takes plain numbers only: .*autograd_mini.register_primitive",
    by_question: r"ask it about the plain number, math.isfinite\(x\.data\)",
    by_quadrature: "quad takes plain numbers only: .*autograd_mini.root",
}


@pytest.mark.parametrize("operator", [grad, value_and_grad, jacobian, hessian])
@pytest.mark.parametrize("f", LEAVING)
def test_numbers_that_leave_unheard_are_refused(f, operator):
    pytest.importorskip("scipy.integrate")
    line = f.__code__.co_firstlineno
    with pytest.raises(TypeError, match=LEAVING[f]) as error:
        operator(f)(2.0)
    message = str(error.value)
    assert message.startswith(f"{f.__name__} reads the number of a Value by float() at {HERE}, line ")
    assert line < int(message.split("line ")[1].split(":")[0]) <= line + 4
    assert "x.data" in message
    assert Differentiation.here() == []


def test_functions_of_math_themselves():
    with pytest.raises(TypeError, match=r"exp reads .*use autograd_mini\.exp in place of exp"):
        grad(math.exp)(1.0)


def test_captured_variables_and_those_of_outer_derivatives():
    w = Value(2.0)
    with pytest.raises(TypeError, match=r"by float\(\)"):
        grad(lambda x: x * math.exp(w))(1.0)
    with pytest.raises(TypeError, match=r"by float\(\)"):
        grad(lambda x: grad(lambda y: y * math.exp(x))(1.0))(1.0)


def test_another_thread_of_a_derivative():
    errors = []

    def f(x):
        def work():
            try:
                float(x * 2)
            except TypeError as error:
                errors.append(str(error))

        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        return x

    grad(f)(1.0)
    assert "reads the number of a Value by float()" in errors[0]


def test_an_unrelated_thread_is_left_alone():
    found = []

    def f(x):
        thread = threading.Thread(target=lambda: found.append(float(Value(2.0) * 3)))
        thread.start()
        thread.join()
        return x

    grad(f)(1.0)
    assert found == [6.0]


def test_the_ways_out_and_what_has_no_derivative():
    def f(x):
        assert float(Value(1.0) * 2) == 2.0  # made here, and depends on nothing
        assert float(x.detach()) == 2.5
        assert (int(x), round(x), math.floor(x), f"{x:.1f}", bool(x), x > 1) == (2, 2, 2, "2.5", True, True)
        return x * x.data

    assert grad(f)(2.5) == 2.5
    assert float(Value(2.5) * 2) == 5.0


class Holder:
    kept = staticmethod(math.tanh)
    asked = 0

    @property
    def computed(self):
        type(self).asked += 1
        return float


def warned(calls):
    """What is said where functions are called in this order, each in one and the same line."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for function in calls:
            function(Value(0.5))
    return [str(each.message).split()[0] + str(each.message).partition("use ")[2].split(",")[0] for each in caught]


@given(st.lists(st.sampled_from([float, math.exp, math.sqrt, math.isnan, abs]), max_size=6))
def test_warnings_do_not_depend_on_what_was_called_before(calls):
    expected = [f"functionautograd_mini.{each.__name__}" for each in calls if each in (math.exp, math.sqrt)]
    assert warned(calls) == expected


def test_warnings_find_functions_in_objects_and_run_no_property():
    holder, x = Holder(), Value(0.5)
    holder.own = math.cos
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for _ in range(2):
            assert holder.computed(x) == 0.5
            assert holder.kept(x) == math.tanh(0.5)
            assert holder.own(x) == math.cos(0.5)
        holder.own = float
        assert holder.own(x) == 0.5
    assert [str(each.message).split()[0] for each in caught] == ["holder.kept", "holder.own"] * 2
    assert Holder.asked == 2


def test_mathematics_outside_derivatives_warns_once_a_line():
    x, own = Value(0.5), math
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        for _ in range(3):
            assert own.exp(2 * x) == math.e
    (warning,) = caught
    assert "own.exp turns a Value into a plain number" in str(warning.message)
    assert "use autograd_mini.exp, or pass x.data" in str(warning.message)
    assert warning.filename == __file__
    with pytest.warns(RuntimeWarning, match="use autograd_mini.sqrt"):
        (lambda: math.sqrt(x))()


def test_what_loses_no_derivative_does_not_warn():
    x = Value(0.5)
    assert (math.exp(x.data), math.exp(x.detach()), float(x), abs(math.floor(x))) == (math.e**0.5, math.e**0.5, 0.5, 0)
    assert not any([math.isnan(x), math.isclose(x, 2.0)])
    assert [float(v) for v in (x, 2 * x)] == sorted([1.0, 0.5])


def safe_log(x, y):
    try:
        return x + math.log(y)
    except (TypeError, ValueError):
        return 100.0 * x


def inner_that_fails(x, y):
    try:
        return x * grad(math.log)(y)
    except TypeError:
        return x


WAYS = {
    "grad": (grad, 1.0),
    "jvp": (lambda f: lambda x, y: jvp(f)(x, y, (1.0, 1.0)), 1.0),
    "compile": (compile, 1.0),
    "a compiled gradient": (lambda f: compile(f).grad, 1.0),
    "a batch": (lambda f: compile(f, batch="x"), [1.0, 2.0]),
}


@pytest.mark.parametrize("f", [safe_log, inner_that_fails])
@pytest.mark.parametrize("way", WAYS)
def test_errors_that_the_function_catches_are_told(f, way):
    """The function goes on with something else, as if the number were invalid."""
    operator, x = WAYS[way]
    with pytest.warns(
        RuntimeWarning, match=r"reads the number of a Value by float\(\) .*The function caught this"
    ) as caught:
        operator(f)(x, 2.0)
    assert {each.filename for each in caught} == {HERE}


def test_errors_that_nobody_catches_are_told_once():
    with pytest.raises(TypeError, match="reads the number of a Value"):
        grad(lambda x: math.log(x))(2.0)
