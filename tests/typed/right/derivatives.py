"""Derivatives have the structure of the arguments."""

from typing import TYPE_CHECKING, Any, assert_type

import numpy as np
from numpy.typing import NDArray

from autograd_mini import Value, grad, hessian, hvp, jacobian, softmax, value_and_grad

if TYPE_CHECKING:
    from autograd_mini.signatures import Number


def cube(x: Value) -> Value:
    return x**3


def product(x: "Number", y: "Number") -> "Number":
    return x * y


def pair(xs: list[Value]) -> list[Value]:
    return [xs[0] * xs[1], xs[0]]


assert_type(grad(cube)(2.0), float)
assert_type(grad(cube)(2), float)
assert_type(grad(grad(lambda x: x**3))(2.0), float)
assert_type(grad(cube)(Value(2.0)), Value)
assert_type(grad(lambda v: v[0] * v[1])([2.0, 5.0]), list[float])
assert_type(grad(lambda p: p["k"] * p["x"] ** 2)({"k": 3.0, "x": 2.0}), dict[str, float])
assert_type(grad(product)(2.0, 5.0), tuple[float, float])
assert_type(grad(product)(2, 5), tuple[float, float])
assert_type(grad(product, 0)(2.0, 5.0), float)
assert_type(grad(lambda w, b, c: w * b * c)(1.0, 2.0, 3.0), tuple[float, float, float])
array: NDArray[np.float64] = np.ones(3)
assert_type(grad(lambda a: (a**2).sum())(array), NDArray[np.float64])
assert_type(grad(lambda a, s: s * a.sum(), 1)(array, 2.0), float)
assert_type(value_and_grad(cube)(2.0), tuple[float, float])
assert_type(value_and_grad(lambda v: v[0] * v[1])([2.0, 5.0]), tuple[float, list[float]])
assert_type(value_and_grad(product)(2.0, 5.0), tuple[float, tuple[float, float]])
assert_type(jacobian(pair)([2.0, 5.0]), list[list[float]])
assert_type(jacobian(softmax)([0.0, 0.0]), list[list[float]])
assert_type(jacobian(cube)(2.0), float)
assert_type(hessian(lambda v: v[0] ** 2 * v[1])([3.0, 5.0]), list[list[float]])
assert_type(hessian(cube)(2.0), float)
assert_type(hvp(lambda v: v[0] ** 2 * v[1])([3.0, 5.0], [1.0, 0.0]), list[float])


def loss(weights: Any, bias: Any) -> Value:
    model: Value = weights[0] * bias
    slope = grad(lambda t: t * t * model)(1.0)
    return model * slope


value, (to_weights, to_bias) = value_and_grad(loss)([1.0, 2.0], 0.5)
assert_type(to_weights, list[float])
assert_type(to_bias, float)
