import math
import struct
import sys
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd_mini import TABLE, Value, fsum, topological_order
from autograd_mini import adjoints as reverse
from autograd_mini.adjoints import adjoints, descendants_of
from autograd_mini.graph import adjoints_in, connect, leaf, record
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


WRITTEN_OUT = {"add": lambda x, y: x + y, "sub": lambda x, y: x - y, "mul": lambda x, y: x * y}


def bits(*numbers):
    return [struct.pack("d", number) if number == number else "nan" for number in numbers]


@pytest.mark.parametrize("name", WRITTEN_OUT)
@given(st.floats(), st.floats())
def test_what_is_written_out_here_is_what_the_table_says(name, x, y):
    operate, row = WRITTEN_OUT[name], TABLE[name]
    out = row.forward(x, y)
    for node in (operate(Value(x), Value(y)), operate(Value(x), y), operate(x, Value(y))):
        assert node.operation is row
        assert bits(node.data, *node.local_grads) == bits(out, *row.partials(out, x, y))
        assert bits(*[parent.data for parent in node.parents]) == bits(x, y)


@given(st.integers(0, 4), st.data())
def test_parents_and_derivatives_are_those_given(count, data):
    parents = tuple(variables(range(count)))
    slopes = tuple(data.draw(st.floats(allow_nan=False)) for _ in parents)
    for node in (record(1.5, parents, slopes, TABLE["sum"]), leaf(1.5, Value)):
        connect(node, parents, slopes, TABLE["sum"])
        assert (node.data, node.grad, node.parents, node.local_grads) == (1.5, 0.0, parents, slopes)
        assert all(one is other for one, other in zip(node.parents, parents))


@pytest.mark.parametrize("name", ["parents", "local_grads"])
def test_they_are_fixed(name):
    with pytest.raises(AttributeError):
        setattr(Value(1.0) + 1.0, name, ())


def program(steps, point):
    xs = variables(point)
    results = run(steps, xs)
    return xs, fsum([results[-1], *results[-3:], results[-1] * 0.5])


def slow(order, seeds, xs):
    """The adjoints computed while another sweep is under way."""
    turn = reverse._Turn()
    reverse._turns[reverse.ref(turn, reverse._turns.pop)] = None
    assert reverse._quick(order, seeds, xs, adjoints_in) is None
    return adjoints(order, seeds, xs)


@given(STEPS, st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=3), st.floats(-2.0, 2.0))
def test_adjoints_do_not_depend_on_whose_turn_it_is(steps, point, seed):
    xs, y = program(steps, point)
    elsewhere, order, seeds = Value(7.0), topological_order(y), [(y, seed), (xs[0], 1.0)]
    order = order if {xs[0]} & {*order} else [xs[0], *order]
    wanted = [*xs, elsewhere, *order]
    quick = adjoints(order, seeds, wanted)
    assert not reverse._turns
    assert bits(*quick) == bits(*slow(order, seeds, wanted))
    assert quick[len(xs)] == 0.0


def test_threads_that_share_nodes_find_the_same():
    w = [Value(0.1 * (i + 1)) for i in range(20)]
    shared = fsum([a * b for a in w for b in w])
    gradient = adjoints(topological_order(shared), [(shared, 1.0)], w)
    wrong = []

    def work(number):
        for _ in range(30):
            order = topological_order(y := shared * shared + shared * float(number))
            found = adjoints(order, [(y, 1.0)], w)
            slope = 2.0 * shared.data + number
            if not all(math.isclose(f, slope * g, rel_tol=1e-12) for f, g in zip(found, gradient)):
                wrong.append(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert not wrong


def test_an_int_too_large_for_a_float_is_infinite():
    x = Value(1.0)
    assert (x + 10**400).data == (10**400 + x).data == (10**400 * x).data == math.inf
    assert (x - 10**400).data == -math.inf
