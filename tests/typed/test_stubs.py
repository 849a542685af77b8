"""The stubs of the primitives agree with the code."""

import ast
import inspect

import pytest

import autograd_mini
from autograd_mini import Value, functions
from autograd_mini.graph import Node
from autograd_mini.primitives import TABLE
from tests.typed.generating import PACKAGE, STUBS


def stub(name):
    return ast.parse((PACKAGE / name).read_text(encoding="utf-8"))


def defined(body):
    return {node.name: node for node in body if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("name", STUBS)
def test_the_files_are_what_the_table_gives(name):
    assert (PACKAGE / name).read_text(encoding="utf-8") == STUBS[name](), "run python -m tests.typed.generating"


def test_every_primitive_is_a_function():
    assert defined(stub("functions.pyi").body).keys() >= {*TABLE, "fabs", "modf"}
    assert {name for name, each in vars(functions).items() if inspect.isfunction(each) and name[0] != "_"} - {
        "unary", "brief", "to_float"
    } == defined(stub("functions.pyi").body).keys()  # fmt: skip


def test_every_attribute_of_values_is_declared():
    """All except those of every object."""
    (operators,) = [node for node in stub("methods.pyi").body if isinstance(node, ast.ClassDef)]
    declared = defined(operators.body).keys()
    written = {name for kind in (Value, *Value.__bases__, Node) for name in kind.__dict__ if name in source_of(kind)}
    there = {name for name in dir(Value) if not name.startswith("_") or name in DUNDERS}
    assert there - written - declared == {"as_integer_ratio"}  # which is for the module statistics alone
    assert declared - set(dir(Value)) == set()


DUNDERS = {name for name in dir(float) if name.startswith("__")} & set(dir(Value)) - set(dir(object))


def source_of(kind):
    """The names that the text of a class defines."""
    (node,) = [
        each
        for each in ast.walk(
            ast.parse(inspect.getsource(inspect.getmodule(kind)) if kind is not Node else graph_text())
        )
        if isinstance(each, ast.ClassDef) and each.name == kind.__name__
    ]
    found = {each.name for each in node.body if isinstance(each, ast.FunctionDef)}
    targets = [target for each in node.body if isinstance(each, ast.Assign) for target in each.targets]
    targets += [each.target for each in node.body if isinstance(each, ast.AnnAssign)]
    return found | {target.id for target in targets if isinstance(target, ast.Name)}


def graph_text():
    return (PACKAGE / "graph.py").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", [*TABLE])
def test_parameters_are_those_of_the_function(name):
    there = [*inspect.signature(getattr(functions, name)).parameters]
    assert [each.arg for each in arguments(defined(stub("functions.pyi").body)[name])] == there
    (operators,) = [node for node in stub("methods.pyi").body if isinstance(node, ast.ClassDef)]
    method = defined(operators.body).get(name)
    assert (method is not None) == hasattr(Value, name)
    if method is not None and name != "hypot":
        assert [each.arg for each in arguments(method)][1:] == there[1:]


def arguments(node):
    given = node.args
    return [*given.posonlyargs, *given.args, *filter(None, [given.vararg]), *given.kwonlyargs]


def test_the_front_door_names_what_is_public_and_nothing_else():
    names = dir(autograd_mini)
    assert sorted(names) == names
    assert {"compile", "nn", "optim", "draw", "training", "testing", "explain", "executors", "sum"} <= {*names}
    assert {*autograd_mini.__all__} <= {*names}
    assert not {name for name in names if name.startswith("_")} - {"__version__"}
    assert all(hasattr(autograd_mini, name) for name in names)
    assert not hasattr(autograd_mini, "functionz")
    with pytest.raises(AttributeError, match="has no attribute 'sigmiod'; did you mean 'sigmoid'"):
        autograd_mini.sigmiod  # noqa: B018
