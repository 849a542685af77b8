"""Each marked line is an error, and no other is."""

from autograd_mini import Value, compile, grad, hessian, jacobian, value_and_grad
from autograd_mini.nn import MLP, Module


def pair(x: Value) -> list[Value]:
    return [x, x]


def named(x: Value) -> str:
    return str(x)


def cube(x: Value) -> Value:
    return x**3


grad(pair)  # error
grad(named)  # error
hessian(pair)  # error
grad(3.0)  # error
grad(cube, "x")  # error
grad(cube, argnum=0)  # error
grad(cube)()  # error
jacobian(cube, modus="forward")  # error
text: str = grad(cube)(2.0)  # error
numbers: list[float] = value_and_grad(cube)(2.0)  # error
one, two, three = value_and_grad(cube)(2.0)  # error
grad(cube)(2.0).tanh()  # error
grad(lambda v: v[0])([1.0]).append("a")  # error
compile(cube, batched=True)  # error
compile(cube, reduce="max", batch=True)  # error
compile(cube, threads="many")  # error
compile(cube).gradient(2.0)  # error
compile(cube).grad(2.0).tanh()  # error
compile(cube, batch=True).grad(2.0).shap  # error
compile(pair, batch=True, reduce="sum")  # error
model = MLP(2, [4, 1], activaton="tanh")  # error
model.paramters()  # error
MLP(2)  # error
Module().training.on  # error
