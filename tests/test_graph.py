from hypothesis import given
from hypothesis import strategies as st

from autograd_mini import Value, topological_order
from autograd_mini.adjoints import descendants_of
from tests.graphs import STEPS, run, variables


@given(STEPS)
def test_every_node_comes_once_and_after_its_parents(steps):
    results = run(steps, variables([1.0, 2.0, 3.0]))
    order = topological_order(results[-1])
    position = {id(node): index for index, node in enumerate(order)}
    assert len(position) == len(order)
    assert order[-1] is results[-1]
    for node in order:
        assert all(position[id(parent)] < position[id(node)] for parent in node.parents)


@given(STEPS, st.integers(0, 99))
def test_several_roots_share_one_order(steps, pick):
    results = run(steps, variables([1.0, 2.0]))
    roots = results[-1], results[pick % len(results)]
    together = topological_order(*roots)
    alone = {id(node) for root in roots for node in topological_order(root)}
    assert sorted(map(id, together)) == sorted(alone)


@given(STEPS)
def test_the_order_depends_on_the_graph_alone(steps):
    def shape():
        order = topological_order(run(steps, variables([1.0, 2.0]))[-1])
        position = {id(node): index for index, node in enumerate(order)}
        return [[position[id(parent)] for parent in node.parents] for node in order]

    assert shape() == shape()


@given(STEPS)
def test_descendants_are_what_the_input_can_reach(steps):
    inputs = variables([1.0, 2.0])
    order = topological_order(run(steps, inputs)[-1])
    reached = {id(inputs[0])}
    for node in order:
        if any(id(parent) in reached for parent in node.parents):
            reached.add(id(node))
    assert {id(node) for node in descendants_of(inputs[:1], order)} == reached


def test_depth_is_no_limit():
    x = y = Value(1.0)
    for _ in range(100_000):
        y = y + x
    assert len(topological_order(y)) == 100_001


def test_what_is_known_and_what_lies_behind_it_is_left_out():
    x = Value(2.0)
    inner = x * x
    y = inner * 3.0 + x
    order = topological_order(y, known=[inner, x])
    assert inner not in {*order}
    assert x not in {*order}
    assert order[-1] is y
    assert len(order) == 3
