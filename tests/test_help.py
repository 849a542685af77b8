"""`help()` of every public name: a meaning, and an example."""

import importlib
import inspect

import pytest

import autograd_mini
from autograd_mini import functions
from autograd_mini.observing import Observer
from autograd_mini.optim import Schedule

ROOMS = "compiler draw executors explain micrograd neighbours nn optim primitives testing training".split()
STRATEGIES = "expressions kinks mlps points values".split()
CALLED_BY_THE_PACKAGE = """
Draws.load Drawing.of Dual.apply_primitive Program.leaves Program.products Program.segments Program.without_dead
Scopes.here Scopes.is_open_here Scopes.naming Tiled.compare Tiled.hold Tiled.parcel Tiled.share Value.apply_primitive
Value.as_integer_ratio Value.as_operand Value.conjugate Value.imag Value.real
""".split()
"""Methods that are public for other rooms, or for libraries that ask numbers for them."""


def public_names():
    """Every public name with the object it stands for."""
    yield from [(name, getattr(autograd_mini, name)) for name in (*autograd_mini.__all__, *autograd_mini._BESIDE)]
    for room in ROOMS:
        module = importlib.import_module(f"autograd_mini.{room}")
        for name in module.__all__ if hasattr(module, "__all__") else own_classes(module):
            try:
                yield f"{room}.{name}", getattr(module, name)
            except ModuleNotFoundError:  # a neighbour that is not installed
                continue
    strategies = pytest.importorskip("autograd_mini.testing.strategies")
    yield from [(f"strategies.{name}", getattr(strategies, name)) for name in STRATEGIES]


def own_classes(module):
    classes = {name: each for name, each in vars(module).items() if isinstance(each, type) and name[0] != "_"}
    return [name for name, each in classes.items() if each.__module__ == module.__name__]


def methods(kind):
    """The public methods and properties of the package's classes, by the name of the class that has them."""
    for owner in kind.__mro__:
        if not owner.__module__.startswith("autograd_mini") or owner is Observer:
            continue
        for name, thing in vars(owner).items():
            if name[0] != "_" and not (issubclass(owner, Observer) and hasattr(Observer, name)):
                method = getattr(thing, "__func__", thing)
                if inspect.isfunction(method) or isinstance(method, property):
                    yield name, method


def explained(thing):
    return inspect.getdoc(thing) or ""


def has_example(thing):
    return ">>>" in explained(thing)


def shown(kind):
    """The code in the examples of a class and of its base classes."""
    lines = [line for each in kind.__mro__ for line in explained(each).splitlines()]
    return "\n".join(line for line in lines if line.startswith((">>>", "...")))


def public_classes():
    return [(name, thing) for name, thing in public_names() if isinstance(thing, type)]


def test_every_public_name_says_what_it_is():
    named = [(name, thing) for name, thing in public_names() if callable(thing) and thing is not Schedule]
    assert len(named) > 150
    assert [name for name, thing in named if not explained(thing)] == []
    inherited = {
        f"{name}.{each}"
        for name, kind in public_classes()
        for each, method in methods(kind)
        if not any(explained(vars(owner)[each]) for owner in kind.__mro__ if each in vars(owner))
    }
    assert inherited == set()


def test_every_public_name_has_an_example():
    """Methods one of their own, or a line in that of their class; exceptions are told of where they are raised."""
    named = {name: thing for name, thing in public_names() if callable(thing) and thing is not Schedule}
    raised = {name for name, kind in public_classes() if issubclass(kind, Exception)}
    assert [name for name, thing in named.items() if name not in raised and not has_example(thing)] == []
    missing = {
        f"{name.rpartition('.')[2]}.{each}"
        for name, kind in public_classes()
        for each, method in methods(kind)
        if not has_example(method) and f".{each}" not in shown(kind) and f"def {each}(" not in shown(kind)
    }
    constants = {each.replace("Value", "Constant") for each in CALLED_BY_THE_PACKAGE}
    assert missing - {*CALLED_BY_THE_PACKAGE} - constants == set()


def test_every_function_of_numbers_says_what_it_raises():
    functions_of_numbers = [getattr(functions, name) for name in (*autograd_mini.TABLE, "modf")]
    assert [each.__name__ for each in functions_of_numbers if "\nRaises:\n    " not in explained(each)] == []
