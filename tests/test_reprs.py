"""Every public object has a readable repr, and a formula has one that notebooks typeset."""

import inspect
from importlib import import_module

import pytest

from autograd_mini import Value, dot, relu
from autograd_mini.compiler import compile
from autograd_mini.draw import draw, draw_steps, record_scopes
from autograd_mini.nn import MLP, VectorActivation
from autograd_mini.optim import SGD, Adam, StepDecay
from autograd_mini.testing import check_gradients
from autograd_mini.training import History

ROOMS = ["autograd_mini", *(f"autograd_mini.{room}" for room in ("nn", "optim", "training", "testing", "draw"))]


@pytest.mark.parametrize("room", ROOMS)
def test_no_public_class_shows_addresses(room):
    module = import_module(room)
    things = {name: getattr(module, name) for name in module.__all__}
    classes = [thing for thing in things.values() if inspect.isclass(thing)]
    assert [each for each in classes if each.__repr__ is object.__repr__ and not issubclass(each, Exception)] == []


def test_what_they_say():
    w, x = Value(2.0, label="w"), Value(3.0)
    assert repr(SGD([w], 0.1, momentum=0.9)) == (
        "<SGD of 1 parameter, learning_rate=0.1, momentum=0.9, weight_decay=0.0, nesterov=False; 0 steps>"
    )
    optimizer = Adam([w, x], StepDecay(0.5, every=2, factor=0.1))
    optimizer.step()
    assert repr(optimizer).startswith("<Adam of 2 parameters, learning_rate=0.5 by a schedule, betas=(0.9, 0.999), ")
    assert repr(optimizer).endswith("; 1 step>")
    report = check_gradients(lambda x: x * x, 2.0)
    assert repr(report) == str(report)
    assert repr(VectorActivation(sum)) == "VectorActivation(sum)"
    assert repr(draw(w * x)) == '<Drawing of 9 statements; save("graph.svg") writes it>'
    assert repr(draw_steps(w * x)) == "<Animation of 2 drawings; save it as .svg or .gif, or in a folder>"
    with record_scopes(MLP(2, [1])) as scopes:
        assert repr(scopes) == "<Scopes of MLP 2→1: 3 Values in 3 modules>"
    assert repr(History()) == "<History: 0 epochs>"


def test_programs_are_mathematics_in_notebooks():
    f = compile(lambda W, x: [relu(dot(row, x)) for row in W])
    f([[1.0, 2.0], [3.0, 4.0]], [1.0, 1.0])
    lines = f.program._repr_latex_().splitlines()
    assert lines[0] == r"$\displaystyle\begin{aligned}"
    assert lines[1:4] == [
        r"z_{1} &= W\;x & 2\\",
        r"y_{1} &= \mathrm{relu}(z_{1}) & 2\\",
        r"\mathrm{value} &= y_{1} & 2\\",
    ]
    assert lines[-1] == r"\end{aligned}$"
