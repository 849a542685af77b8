"""Pictures of programs: a box for every name, arrows between them, and never more than can be read."""

import re
from pathlib import Path

import numpy
import pytest

import autograd_mini
from autograd_mini import dot, log_softmax, relu, tanh
from autograd_mini.compiler.notation.reading import Reading
from autograd_mini.draw import GraphTooLargeError
from autograd_mini.nn import MLP, squared_error

random = numpy.random.default_rng(5)


@pytest.fixture(scope="module")
def program():
    model = MLP(6, [4, 3], activation="tanh")
    loss = autograd_mini.compile(lambda x, d: squared_error(model(x), d), batch=True, reduce="mean", backend="numpy")
    loss.value_and_parameter_grads(random.normal(size=(5, 6)), random.normal(size=(5, 3)))
    return loss.program


def boxes(source):
    """The statements of boxes, by key."""
    return dict(re.findall(r"^\s*([pv]\d+) \[(.*)\]$", source, re.M))


def test_every_name_is_a_box_with_its_formula_and_shape(program):
    reading, found = Reading(program), boxes(program.draw().source)
    used = {name for line in reading.lines for name in line.uses}
    assert len(found) == len(used | {name for line in reading.lines for name in line.names})
    for line in reading.lines:
        (box,) = (box for box in found.values() if f"<B>{line.target}</B>" in box)
        assert f"= {line.formula}" in box
        assert line.shape in box


def test_arrows_lead_from_what_a_formula_uses(program):
    source = program.draw().source
    names = {key: re.search("<B>(.*?)</B>", box)[1] for key, box in boxes(source).items()}
    arrows = {(names[tail], names[head]) for tail, head in re.findall(r"^\s*(\w+) -> (\w+)", source, re.M)}
    assert arrows == {(name, line.names[0]) for line in Reading(program).lines for name in line.uses}


def test_forward_and_backward_are_apart_and_products_stand_out(program):
    source = program.draw().source
    forward, backward = source.index(">forward<"), source.index(">backward<")
    assert forward < source.index("<B>z₁</B>") < backward < source.index("<B>∇W₁</B>")
    colour = re.search("<B>z₁</B>.*?fillcolor=(\\S+)", source)[1]
    assert re.search("<B>∇W₂</B>.*?fillcolor=(\\S+)", source)[1] == colour
    assert not re.search("<B>y₁</B>.*fillcolor", source)


def test_leaves_are_drawn_as_in_graphs(program):
    found = boxes(program.draw().source)
    (weights,) = (box for box in found.values() if "<B>W₁</B>" in box)
    (x,) = (box for box in found.values() if "<B>x</B>" in box)
    assert re.search("4 × 6.*penwidth=3", weights)
    assert re.search("6 × N.*rounded", x)


def test_a_large_program_is_refused_with_a_sentence(program):
    size = len(boxes(program.draw().source))
    with pytest.raises(GraphTooLargeError, match=f"has {size} vectors, .* at most {size - 1}; .*raise max_boxes"):
        program.draw(max_boxes=size - 1)
    program.draw(max_boxes=size)


def test_options_are_checked(program):
    with pytest.raises(ValueError, match="direction must be 'LR' .* got 'RL'"):
        program.draw(direction="RL")
    with pytest.raises(ValueError, match="max_boxes must be an integer ≥ 1, got 0"):
        program.draw(max_boxes=0)


def test_several_lines_of_one_name_are_one_box():
    def gates(x):
        z = [dot([0.5, -0.5, 0.25], x) * each for each in x]
        return tanh(z[0]) * relu(z[1]) * log_softmax(z)[2]

    compiled = autograd_mini.compile(gates, backend="numpy")
    compiled.grad(random.normal(size=3))
    targets = [line.names[0] for line in Reading(compiled.program).lines]
    assert len(set(targets)) < len(targets)
    titles = re.findall("<B>(.*?)</B>", compiled.program.draw().source)
    assert len(titles) == len(set(titles))


def test_it_can_be_saved(program, tmp_path):
    path = program.draw(direction="LR").save(tmp_path / "program.svg")
    assert "∇z₁" in Path(path).read_text(encoding="utf-8")
