"""What a run of a function records: the order of its nodes, and whether a second run did the same."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd_mini import Value, compile, dot, exp, log_softmax, topological_order
from autograd_mini.compiler.passes.recording import Recording
from autograd_mini.compiler.passes.tracing import trace


def run(f, *numbers, first=None):
    values = [Value(number) for number in numbers]
    return trace(f, "f", [values], values, first=first)


WEIGHT = Value(3.0)


def branching(x, y):
    return x * y if x > y else x - 2.0 * y


def repeating(x, y):
    return [exp(x) * exp(x) + 2.0, y, 2.0]


def of_vectors(x, y):
    return dot([x, y, 1.0], log_softmax([y, x, WEIGHT]))


@pytest.mark.parametrize("f", [branching, repeating, of_vectors, lambda x, y: (x + y, WEIGHT * Value(2.0) * x, x)])
def test_what_repeats_is_the_first_run(f):
    first = run(f, 2.0, 1.0)
    assert run(f, 5.0, -1.0, first=first) is first


def test_another_path_is_another_run():
    first = run(branching, 2.0, 1.0)
    second = run(branching, 1.0, 2.0, first=first)
    assert second is not first
    assert second.path == [False]


def changing(kind):
    """A function that computes something else from its second run on."""
    n, kept, others = [0], [], [Value(2.0) for _ in range(4)]

    def f(x, y):
        n[0] += 1
        later = n[0] > 1
        kept.append({"input": x, "node": x * y, "leaf": Value(2.0)}.get(kind, 0.0))
        if kind == "number":
            return x * (2.0 + later) + y
        if kind == "operation":
            return x + y if later else x * y
        if kind == "operands":
            return y - x if later else x - y
        if kind == "operand":
            return x * (y if later else x) + y
        if kind == "results":
            return [y, x] if later else [x, y]
        if kind == "one more":
            return [x, y, x][: 2 + later]
        if kind == "number of operands":
            return dot([x, y], [y, x]) if later else dot([x], [y])
        if kind == "variable":
            return x * others[n[0]] + y
        if kind == "number or input":
            return x * (y if later else 2.0) + y
        return x * kept[0] - y

    return f


KINDS = [
    "number", "operation", "operands", "operand", "results", "one more", "number of operands", "variable",
    "number or input",
]  # fmt: skip


@pytest.mark.parametrize("kind", [*KINDS, "leaf", "input", "node"])
def test_what_changes_is_another_run(kind):
    f = changing(kind)
    first = run(f, 3.0, 2.0)
    assert run(f, 3.0, 2.0, first=first) is not first


@pytest.mark.parametrize("kind", KINDS)
def test_what_changes_is_not_compiled(kind):
    with pytest.raises(ValueError, match="computed two different things when run twice"):
        compile(changing(kind))(3.0, 2.0)


def test_what_is_made_for_nothing_may_change():
    n = [0]

    def f(x):
        n[0] += 1
        for _ in range(n[0]):
            x * 3.0
        return x * 2.0

    assert compile(f).value_and_grad(3.0) == (6.0, 2.0)


@st.composite
def recordings(draw):
    """Random recordings of sums and products, some unused, of inputs, constants, and an existing graph."""
    inputs = [Value(float(number)) for number in range(draw(st.integers(1, 3)))]
    before = [Value(7.0), Value(8.0)]
    before += [before[0] * before[1], before[0] + before[1]]
    made = []
    for _ in range(draw(st.integers(1, 12))):
        operands = [draw(st.sampled_from([*inputs, *before, *made, 2.0])) for _ in range(2)]
        made.append(operands[0] * operands[1] if isinstance(operands[0], Value) else operands[1] + Value(2.0))
    made = [node for node in made if isinstance(node, Value)]
    roots = draw(st.lists(st.sampled_from([*made, *inputs, *before]), min_size=1, max_size=3))
    return Recording(made, inputs, roots, lambda leaf: leaf in before)


@given(recordings())
def test_nodes_come_as_they_were_made_and_others_where_they_are_used_first(recording):
    order = recording.order(recording.roots)
    assert len(order) == len({*order})
    assert {*order} == {*topological_order(*recording.roots)}
    place = {node: number for number, node in enumerate(order)}
    assert all(place[parent] < place[node] for node in order for parent in node.parents)
    everything = {*recording.made}
    made = [node for node in order if node in everything]
    assert [*map(id, made)] == [id(node) for node in recording.made if node in place]
    for node in order:
        following = next((each for each in made if place[each] > place[node]), None)
        comes_first = following is None or following is made[0]
        assert node in everything or comes_first or node in {*topological_order(following)}
