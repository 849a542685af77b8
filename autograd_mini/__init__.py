"""autograd_mini: exact gradients of scalar Python code by reverse-mode automatic differentiation."""

from autograd_mini import loading  # noqa: F401  (must come first: it decides which form of graph is imported)

# isort: split
from autograd_mini import functions
from autograd_mini.debugging import debug
from autograd_mini.derivatives import grad, gradients, hessian, hvp, jacobian, topological_order, value_and_grad
from autograd_mini.functions import *  # noqa: F403  (all except those that would shadow Python's built-ins)
from autograd_mini.functions import abs as abs
from autograd_mini.functions import max as max
from autograd_mini.functions import min as min
from autograd_mini.functions import pow as pow
from autograd_mini.functions import sum as sum
from autograd_mini.graph import compiled as compiled_core
from autograd_mini.primitives import TABLE, Primitive
from autograd_mini.products import jvp, vjp
from autograd_mini.registering import register_primitive
from autograd_mini.roots import root
from autograd_mini.scanning import scan
from autograd_mini.series import taylor
from autograd_mini.suggesting import did_you_mean
from autograd_mini.value import Constant, Value

__all__ = [
    "TABLE", "Constant", "Primitive", "Value", "compiled_core", "debug", "grad", "gradients", "hessian", "hvp",
    "jacobian", "jvp", "register_primitive", "root", "scan", "taylor", "topological_order", "value_and_grad", "vjp",
]  # fmt: skip
__all__ += functions.__all__

_BESIDE = ("abs", "compile", "max", "min", "pow", "sum")
_ROOMS = ("compiler", "draw", "executors", "explain", "micrograd", "neighbours", "nn", "optim", "testing", "training")
_HERE = {
    "jit": "compile", "vmap": "compile(f, batch=True)", "jacfwd": "jacobian", "jacrev": "jacobian", "tensor": "Value",
    "stop_gradient": "x.detach()", "cond": "where", "gradcheck": "autograd_mini.testing.check_gradients",
}  # fmt: skip
"""Names in JAX and PyTorch, and what they are called here."""

__version__ = "0.1.0"

TYPE_CHECKING = False
if TYPE_CHECKING:
    from autograd_mini import compiler, executors, micrograd, neighbours, nn, optim, testing, training  # noqa: F401
    from autograd_mini.compiler import compile as compile
    from autograd_mini.draw import draw as draw
    from autograd_mini.explain import explain as explain
else:

    def __getattr__(name: str) -> object:  # what needs NumPy, or takes time to load, is loaded on first use
        if name == "compile":
            from autograd_mini.compiler import compile

            return compile
        if name in _ROOMS:
            from importlib import import_module

            return import_module(f"{__name__}.{name}")
        here = f"; here it is {_HERE[name]}" if name in _HERE else did_you_mean(name, __dir__())
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}{here}")


def __dir__() -> list[str]:
    return sorted([*__all__, *_BESIDE, *_ROOMS, "__version__"])
