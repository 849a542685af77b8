import math
from collections import namedtuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import autograd_mini as am
from autograd_mini import Value, grad, gradients, hessian, hvp, jacobian, topological_order, value_and_grad
from autograd_mini.products import Differential
from tests.graphs import STEPS, run, variables

scipy_optimize = pytest.importorskip("scipy.optimize")

POINTS = st.lists(st.floats(-3, 3), min_size=2, max_size=5)


def rosenbrock(x):
    return am.sum([100 * (b - a * a) ** 2 + (1 - a) ** 2 for a, b in zip(x[:-1], x[1:])])


def flat(nest):
    """The numbers of lists and dicts, in order."""
    if isinstance(nest, dict):
        nest = list(nest.values())
    return [number for part in nest for number in flat(part)] if isinstance(nest, list) else [nest]


class TestGradients:
    @given(STEPS)
    def test_agree_with_backward_and_write_nothing(self, steps):
        inputs = variables([2.0, -1.0])
        y = run(steps, inputs)[-1]
        found = gradients(y, inputs)
        assert all(x.grad == 0.0 for x in inputs)
        y.backward()
        assert found == [x.grad for x in inputs]

    @given(STEPS)
    def test_a_differentiable_graph_has_the_same_numbers(self, steps):
        inputs = variables([2.0, -1.0])
        y = run(steps, inputs)[-1]
        graph = gradients(y, inputs, create_graph=True)
        assert [g.data for g in graph] == gradients(y, inputs)

    def test_towards_nodes_in_between(self):
        x = Value(3.0)
        inner = x * x
        assert gradients(inner * 5, [inner, x, Value(1.0)]) == [5.0, 30.0, 0.0]

    def test_takes_values_only(self):
        with pytest.raises(TypeError, match=r"gradients takes Values, got 3.0 \(float\)"):
            gradients(3.0, [Value(1.0)])
        with pytest.raises(TypeError, match=r"gradients takes Values, got 3.0 \(float\)"):
            gradients(Value(1.0), [3.0])


class TestGrad:
    @given(POINTS)
    def test_against_the_known_gradient(self, point):
        expected = scipy_optimize.rosen_der(np.array(point))
        assert grad(rosenbrock)(point) == pytest.approx(list(expected), rel=1e-10, abs=1e-9)

    def test_results_come_in_the_structure_of_the_arguments(self):
        Pair = namedtuple("Pair", "left right")

        def f(p):
            return p["w"][0] * p["w"][1] + p["b"][0] * 3 + p["pair"].left * p["pair"].right + p["array"].sum()

        point = {"w": [2, 5], "b": (1.0,), "pair": Pair(3.0, 4.0), "array": np.ones((2, 2))}
        found = grad(f)(point)
        assert found["w"] == [5.0, 2.0]
        assert found["b"] == (3.0,)
        assert found["pair"] == Pair(4.0, 3.0)
        assert found["array"].dtype == float
        assert found["array"].tolist() == [[1.0, 1.0], [1.0, 1.0]]

    def test_several_arguments_and_argnums(self):
        def f(x, y, z):
            return x * y + z

        assert grad(f)(2.0, 3.0, 4.0) == (3.0, 2.0, 1.0)
        assert grad(f, argnums=1)(2.0, 3.0, 4.0) == 2.0
        assert grad(f, argnums=(2, 0))(2.0, 3.0, 4.0) == (1.0, 3.0)
        assert grad(f, argnums=-1)(2.0, 3.0, 4.0) == 1.0
        assert grad(f, argnums=(0,))(2.0, 3.0, z="not differentiated" and 4.0) == (3.0,)

    def test_texts_none_and_functions_are_left_alone(self):
        def f(x, options, activation, nothing=None):
            return activation(x["w"]) ** (2 if options["kind"] == "squared" else 1)

        args = {"w": 3.0, "name": "w"}, {"kind": "squared"}, am.exp, None
        slope = 2.0 * math.exp(6.0)
        assert grad(f)(*args) == ({"w": pytest.approx(slope), "name": None}, {"kind": None}, None, None)
        assert grad(f, argnums=0)(*args)["w"] == pytest.approx(slope)
        assert hessian(f)(*args)[0]["w"][0] == {"w": pytest.approx(2.0 * slope), "name": None}
        assert hvp(f)(*args, ({"w": 1.0, "name": "w"}, {"kind": None}, None, None))[0]["w"] == pytest.approx(
            2.0 * slope
        )
        assert jacobian(lambda x, kind: [x * x, x])(3.0, "any") == [(6.0, None), (1.0, None)]

    def test_an_array_without_an_axis_is_the_number_it_holds(self):
        for f in (lambda x: x.exp(), am.exp, lambda x: am.exp(x) * np.ones(()), lambda x: np.exp(x)):
            found = grad(f)(np.array(2.0))
            assert (type(found), found.shape) == (np.ndarray, ())
            assert found == math.exp(2.0)
        assert grad(grad(lambda x: x**3))(np.array(2.0)) == 12.0
        assert grad(lambda p: p["a"] * p["b"])({"a": np.array(2.0), "b": 3.0}) == {"a": np.array(3.0), "b": 2.0}
        assert isinstance(grad(lambda x: x * x)(np.array(Value(2.0))), Value)
        assert jacobian(lambda x: np.array(x * x))(np.array(2.0)) == np.array(4.0)

    def test_third_derivatives_by_nesting(self):
        f = grad(grad(grad(lambda x: am.sin(x) * x)))
        assert f(0.7) == pytest.approx(-3 * math.sin(0.7) - 0.7 * math.cos(0.7), rel=1e-12)

    def test_nested_functions_do_not_mix_up_their_variables(self):
        assert grad(lambda x: x * grad(lambda y: x * y)(1.0))(3.0) == 6.0
        assert grad(lambda x: x * grad(lambda y: x + y)(1.0))(3.0) == 1.0
        assert grad(lambda x: grad(lambda y: x * y)(x))(3.0) == 1.0

    def test_values_in_values_out(self):
        x = Value(3.0)
        slope = grad(lambda v: v**3)(x)
        assert isinstance(slope, Value)
        slope.backward()
        assert x.grad == 18.0

    def test_captured_parameters_are_left_alone(self):
        w = Value(5.0)
        assert grad(lambda x: w * x)(2.0) == 5.0
        assert w.grad == 0.0

    def test_constant_functions(self):
        assert grad(lambda x: 3.0)([1.0, 2.0]) == [0.0, 0.0]
        assert grad(lambda x, y: y)(1.0, 2.0) == (0.0, 1.0)
        assert value_and_grad(lambda x: np.float64(3))(1.0) == (3.0, 0.0)

    @pytest.mark.parametrize(
        ("f", "args", "error", "message"),
        [
            (lambda x: [x, x], (1.0,), TypeError, "needs one number as the result of <lambda>, got .*use jacobian"),
            (
                lambda x: None,
                (1.0,),
                TypeError,
                r"result of <lambda>, got None \(NoneType\); let it return",
            ),
            (
                lambda x: x,
                ("1",),
                TypeError,
                "<lambda> was called with '1', which holds no number to differentiate; it",
            ),
            (lambda x, y: x, (None, ["a"]), TypeError, r"called with \(None, \['a'\]\), which holds no number"),
            (
                lambda x, y: x,
                (1.0, {2.0}),
                TypeError,
                r"argument 1 of <lambda> holds \{2.0\} \(set\); it may hold numb",
            ),
            (lambda x: x, (1j,), TypeError, "holds 1j"),
            (lambda: 1.0, (), TypeError, "needs a positional argument"),
        ],
    )
    def test_bad_functions_and_arguments(self, f, args, error, message):
        with pytest.raises(error, match=message):
            grad(f)(*args)

    @pytest.mark.parametrize("argnums", [(0, 0), (0, -1)])
    def test_an_argument_named_twice_is_refused(self, argnums):
        with pytest.raises(IndexError, match="argnums names an argument of <lambda> twice"):
            grad(lambda x: x, argnums=argnums)(2.0)
        with pytest.raises(IndexError, match=r"names argument 1\.5"):
            grad(lambda x: x, argnums=1.5)(2.0)

    def test_bad_argnums_and_no_function(self):
        with pytest.raises(IndexError, match=r"names argument 2 of <lambda>, which was called with 1"):
            grad(lambda x: x, argnums=2)(1.0)
        for operator in (grad, value_and_grad, jacobian, hessian, hvp):
            with pytest.raises(TypeError, match=rf"{operator.__name__} takes a function, got 3"):
                operator(3)

    def test_scipy_minimises_with_it(self):
        result = scipy_optimize.minimize(value_and_grad(rosenbrock), np.zeros(10), jac=True)
        assert result.success
        assert result.x == pytest.approx(np.ones(10), abs=1e-5)

    def test_an_error_inside_leaves_no_state_behind(self):
        def fails(x):
            raise RuntimeError("inside")

        with pytest.raises(RuntimeError, match="inside"):
            grad(fails)(1.0)
        assert isinstance(grad(lambda x: x * x)(1.0), float)


class TestJacobian:
    @given(POINTS)
    def test_softmax(self, point):
        y = np.array(am.softmax(point))
        expected = np.diag(y) - np.outer(y, y)
        assert np.allclose(jacobian(am.softmax)(point), expected, rtol=1e-12, atol=1e-15)

    def test_the_outer_function_comes_first_in_the_chain_rule(self):
        def inner(x):
            return [x[0] * x[1], x[0] + x[1], x[1] * 2]

        def outer(z):
            return [z[0] * z[2], z[1]]

        x = [2.0, 3.0]
        whole = np.array(jacobian(lambda x: outer(inner(x)))(x))
        product = np.array(jacobian(outer)(inner(x))) @ np.array(jacobian(inner)(x))
        assert whole.shape == (2, 2)
        assert np.allclose(whole, product, rtol=1e-15)

    def test_an_affine_map_has_its_matrix(self):
        w = np.arange(6.0).reshape(2, 3)
        assert jacobian(lambda y: w @ y + 1.0)(np.ones(3)).tolist() == w.tolist()

    def test_structures(self):
        found = jacobian(lambda x, y: {"sum": x + y, "constant": 3.0})(1.0, 2.0)
        assert found == {"sum": (1.0, 1.0), "constant": (0.0, 0.0)}
        with pytest.raises(TypeError, match="the result of <lambda> holds 'no'"):
            jacobian(lambda x: [x, "no"])(1.0)

    def test_arrays_of_any_shape(self):
        x = np.arange(4.0).reshape(2, 2)
        found = jacobian(lambda x: x**2)(x)
        assert found.shape == (2, 2, 2, 2)
        assert found[1, 0, 1, 0] == 4.0
        assert found.sum() == 2 * x.sum()

    @pytest.mark.parametrize("mode", ["auto", "forward", "reverse"])
    def test_of_an_array_towards_several_arguments_is_a_tuple_of_arrays(self, mode):
        def f(x, w, b):
            return w["w"] @ x + b

        w = np.arange(6.0).reshape(2, 3)
        by_x, by_w, by_b = jacobian(f, mode=mode)(np.ones(3), {"w": w, "name": "layer"}, 1.0)
        assert by_x.tolist() == w.tolist()
        assert by_w["w"].tolist() == [[[1.0] * 3, [0.0] * 3], [[0.0] * 3, [1.0] * 3]]
        assert by_w["name"] is None
        assert by_b.tolist() == [1.0, 1.0]
        lists = jacobian(lambda x: np.array([x[0] * x[1], x[1]]), mode=mode)([2.0, 5.0])
        assert [each.tolist() for each in lists] == [[5.0, 0.0], [2.0, 1.0]]
        empty = jacobian(lambda x: x[:0], mode=mode)(np.ones(3))
        assert (empty.shape, empty.dtype) == ((0, 3), np.dtype(float))

    def test_scipy_fits_curves_with_it(self):
        def model(x, scale, rate, offset):
            return scale * np.exp(-rate * x) + offset

        x = np.linspace(0.0, 4.0, 30)
        y = model(x, 2.5, 1.3, 0.5)
        jac = jacobian(model, (1, 2, 3))
        assert [part.shape for part in jac(x, 1.0, 1.0, 1.0)] == [(30,)] * 3
        calls = {
            "stacked": {"jac": lambda *args: np.stack(jac(*args), axis=-1)},
            "by column": {"jac": jac, "col_deriv": True},
        }
        for name, options in calls.items():
            found, _ = scipy_optimize.curve_fit(model, x, y, **options)
            assert found == pytest.approx([2.5, 1.3, 0.5], rel=1e-9), name

    @given(POINTS)
    def test_modes_agree(self, point):
        def f(x):
            return [rosenbrock(x), am.softmax(x), {"product": am.prod(x), "constant": 1.0}]

        forward, reverse = (flat(jacobian(f, mode=mode)(point)) for mode in ("forward", "reverse"))
        assert np.allclose(forward, reverse, rtol=1e-12, atol=1e-12)

    def test_the_cheaper_direction_by_itself(self, monkeypatch):
        taken = []
        whole = Differential.rows
        monkeypatch.setattr(
            Differential, "rows", lambda it, *, forward: taken.append(forward) or whole(it, forward=forward)
        )
        assert jacobian(lambda x: [x * k for k in range(5)])(2.0) == [0.0, 1.0, 2.0, 3.0, 4.0]
        assert jacobian(lambda x: [am.sum(x)])([2.0, 3.0]) == [[1.0, 1.0]]
        assert jacobian(lambda x: [x[0] * x[1], x[1]])([2.0, 3.0]) == [[3.0, 2.0], [0.0, 1.0]]
        assert taken == [True, False, False]

    def test_an_unknown_mode_is_refused(self):
        with pytest.raises(ValueError, match="jacobian's mode must be 'auto', 'forward' or 'reverse', got 'backward'"):
            jacobian(lambda x: x, mode="backward")

    def test_debug_listens_whatever_the_direction(self):
        with am.debug(), pytest.raises(FloatingPointError, match="backward through sqrt"):
            jacobian(lambda x: [am.sqrt(x), x])(0.0)

    def test_keeps_its_shape_within_another_derivative(self):
        x = np.array([1.0, 2.0])
        assert grad(lambda x: jacobian(lambda u: u * u)(x).sum())(x).tolist() == [2.0, 2.0]
        assert grad(lambda x: hessian(lambda u: (u**3).sum())(x).sum())(x).tolist() == [6.0, 6.0]
        wide = grad(lambda x: jacobian(lambda u: np.array([u**2, u**3, u]))(x).sum())(2.0)
        assert wide == 2.0 + 12.0


class TestHessian:
    @given(POINTS)
    def test_against_the_known_hessian(self, point):
        expected = scipy_optimize.rosen_hess(np.array(point))
        assert np.allclose(hessian(rosenbrock)(point), expected, rtol=1e-10, atol=1e-8)

    @given(POINTS, st.data())
    def test_times_a_vector(self, point, data):
        vector = data.draw(st.lists(st.floats(-3, 3), min_size=len(point), max_size=len(point)))
        product = np.array(hessian(rosenbrock)(point)) @ np.array(vector)
        assert np.allclose(hvp(rosenbrock)(point, vector), product, rtol=1e-10, atol=1e-8)

    def test_of_several_arguments(self):
        found = hessian(lambda x, y: x * x * y)(3.0, 5.0)
        assert found == ((10.0, 6.0), (6.0, 0.0))
        assert hvp(lambda x, y: x * x * y)(3.0, 5.0, (1.0, 0.0)) == (10.0, 6.0)

    def test_of_several_arrays(self):
        (xx, xy), (yx, yy) = hessian(lambda x, y: (x * x).sum() * y.sum())(np.ones(2), np.ones(3))
        assert (xx.shape, xy.shape, yx.shape, yy.shape) == ((2, 2), (2, 3), (3, 2), (3, 3))
        assert (xx == 6.0 * np.eye(2)).all()
        assert (xy == 2.0).all()
        assert (yx == 2.0).all()
        assert (yy == 0.0).all()

    def test_a_vector_of_another_structure_is_refused(self):
        with pytest.raises(TypeError, match=r"hvp's vector must have the structure of the gradient, \[·, ·\], but has"):
            hvp(rosenbrock)([1.0, 2.0], [1.0, 0.0, 0.0])

    def test_of_a_product_with_zeros_anywhere(self):
        assert hessian(am.prod)([0.0, 0.0, 3.0]) == [[0.0, 3.0, 0.0], [3.0, 0.0, 0.0], [0.0, 0.0, 0.0]]


def test_misplaced_arguments_are_named():
    x = Value(1.0)
    with pytest.raises(TypeError, match=r"gradients takes a list of Values, got .*; write gradients\(y, \[x\]\)"):
        gradients(x * x, x)
    with pytest.raises(TypeError, match=r"hvp of rosenbrock takes its arguments and then the vector, got 1 argument"):
        hvp(rosenbrock)([1.0, 2.0])


@pytest.mark.parametrize(("roots", "known"), [((2.0,), ()), ((Value(1.0), "x"), ()), ((Value(1.0),), (1.0,))])
def test_an_order_is_of_values(roots, known):
    with pytest.raises(TypeError, match="^topological_order takes Values, got"):
        topological_order(*roots, known=known)


def test_numbers_that_are_not_doubles():
    """They are treated as in compiled functions, and as a Value takes them."""
    assert grad(lambda x: 2.0 * x)(10**400) == 2.0
    with pytest.raises(TypeError, match=r"^a derivative takes a real number, got np.datetime64\('2020'\)"):
        grad(lambda x: 2.0 * x)(np.datetime64("2020"))
