"""Values: arithmetic with numbers on either side, methods, conversions."""

import math
from decimal import Decimal
from fractions import Fraction
from typing import Any, assert_type

import numpy as np

import autograd_mini
from autograd_mini import Value, exp, hypot, log, max, mean, softmax, sum, tanh, where

x, w = Value(2.0, label="x"), Value(3, "w")
assert_type(x * w + 1, Value)
assert_type(1 / x - 2**w, Value)
assert_type(np.float32(2.0) * x.tanh() ** 2, Value)
assert_type(x + Fraction(1, 2) + Decimal(1), Value)
assert_type(-abs(x) // 2 % 3, Value)
assert_type(x < 3, bool)
assert_type(x == w, bool)
assert_type(x.data, float)
assert_type(x.grad, float)
x.grad = None
x.data = np.float64(1.0)
assert_type(float(x), float)
assert_type(int(x), int)
assert_type(round(x), int)
assert_type(round(x, 2), float)
assert_type(math.exp(x) + math.floor(x), float)
assert_type(x.exp().relu(at_zero=0.0).gelu("tanh").clip(low=0.0).hypot(w, 1), Value)
assert_type(x.arctan2(w), Value)
assert_type(x.detach(), Value)
print(sorted([x, w])[0].data, {x: 1}, f"{x:.3f}", bool(x), divmod(x, 2))

assert_type(tanh(0.5), float)
assert_type(tanh(x), Value)
assert_type(exp(np.float64(0.5)), float)
assert_type(log(x, 2), Value)
assert_type(hypot(3, 4), float)
assert_type(hypot(x, 4), Value)
assert_type(mean([1.0, 2.0]), float)
assert_type(mean([x, 2.0]), Value)
assert_type(max([x, w]), Value)
assert_type(max(1, 2.5), float)
assert_type(softmax([x, w]), list[Value])
assert_type(softmax([0.0, 1.0]), list[float])
assert_type(where(x > 0, x, 0.0), Value)
assert_type(autograd_mini.abs(x), Value)
sum(row[0] for row in [[x], [w]]).backward()
(x * w).backward(seed=2)


def either(number: float | Value) -> float | Value:
    return tanh(number) * 2


def unknown(ys: Any, ds: Any) -> None:
    mean([(y - d) ** 2 for y, d in zip(ys, ds)]).backward()
