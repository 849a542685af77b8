"""Each marked line is an error, and no other is."""

import numpy as np

import autograd_mini
from autograd_mini import Value, mean, tanh
from autograd_mini import tahn  # error

x, w = Value(2.0), Value(3.0)
x.tahn()  # error
x.sigmiod()  # error
x.relu(at_nought=0.0)  # error
x.gelu("tan")  # error
x.tanh(1.0)  # error
x + "1"  # error
"1" * x  # error
x * None  # error
x + 1j  # error
x < "1"  # error
x ^ 2  # error
x @ w  # error
Value("2.0")  # error
Value(1j)  # error
Value([1.0, 2.0])  # error
x.data = "1"  # error
x.gradient  # error
x.backward("1")  # error
tanh("x")  # error
tanh(np.ones(3))  # error
tanh()  # error
mean(1.0)  # error
mean(["a"])  # error
number: int = x.tanh()  # error
text: str = tanh(0.5)  # error
autograd_mini.gard  # error
autograd_mini.nn.MPL  # error
