"""Compiled functions: one point, batches, sums over batches."""

from typing import Any, assert_type

import numpy as np
from numpy.typing import NDArray

from autograd_mini import Value, compile, relu

Floats = NDArray[np.float64]
xs = np.linspace(0.0, 1.0, 5)


@compile
def cube(x: Value) -> Value:
    return x**3


assert_type(cube(2.0), float)
assert_type(cube.grad(2.0), float)
assert_type(cube.value_and_grad(2.0), tuple[float, float])
assert_type(cube.hessian(2.0), float)
assert cube.hessian(2.0, sparse=True).nnz == 1
assert_type(compile(lambda x, y: x * y).grad(2.0, 3.0), tuple[float, float])
assert_type(compile(lambda v: v[0] * v[1]).grad([2.0, 3.0]), list[float])


@compile(threads=1)
def scaled(x: Value, y: Value) -> list[Value]:
    return [x * y, relu(x)]


assert_type(scaled(1.0, 2.0), list[float])

batched = compile(lambda x, y: x * y, batch="x")
assert_type(batched.grad(xs, 2.0), tuple[Floats, Floats])
assert_type(batched.value_and_grad(xs, 2.0), tuple[Floats, tuple[Floats, Floats]])


@compile(batch=True)
def each(x: Value) -> Value:
    return x * x


assert_type(each(xs), Floats)


@compile(batch=["x"], wrt=["w"], reduce="mean")
def loss(w: Any, x: Any) -> Any:
    return (w[0] * x + w[1]) ** 2


value, slopes = loss.value_and_grad([2.0, 1.0], xs)
assert_type(value, float)
assert_type(loss([2.0, 1.0], xs), float)
print(loss.program, loss.parameters, cube.function)
