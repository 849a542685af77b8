"""Arrays of Values."""

from typing import Any, assert_type

import numpy as np
from numpy.typing import NDArray

from autograd_mini import Value, dot, sum

x = Value(2.0)
numbers: NDArray[np.float64] = np.ones(3)
values: NDArray[np.object_] = np.array([Value(1.0), Value(2.0), Value(3.0)], dtype=object)
assert_type(x * numbers, NDArray[np.object_])
assert_type(x + values, NDArray[np.object_])
assert_type(sum(values), Value)
assert_type(sum(numbers), float)
assert_type(dot(values, numbers), Value)
assert_type(dot(numbers, numbers), float)
print(np.exp(values), values @ values, x < numbers)
result: Any = np.std(values)
