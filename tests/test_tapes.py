"""A tape runs again what was recorded, on floats and Values, and knows its derivatives."""

import pickle

from hypothesis import given

from autograd_mini import Value, exp, gradients, topological_order
from autograd_mini.tapes import tape_of
from tests.graphs import STEPS, run, variables


def recorded(outputs, unknowns):
    return tape_of(unknowns, outputs, topological_order(*[y for y in outputs if isinstance(y, Value)]))


@given(STEPS)
def test_runs_and_derivatives_are_those_of_the_graph(steps):
    inputs = variables([2.0, -1.0])
    y = run(steps, inputs)[-1]
    tape, outside = recorded([y], inputs[:1])
    given_numbers = [2.0, *[node.data for node in outside]]
    numbers = tape.run(given_numbers)
    assert numbers[tape.outputs[0]] == y.data
    found = tape.pull(tape.local_derivatives(numbers), {tape.outputs[0]: 1.0})
    assert found[0] == gradients(y, inputs)[0]
    assert tape.pull(tape.local_derivatives(numbers), {tape.outputs[0]: 1.0}, 1) == found[:1]
    assert sum(slope * gradients(node, inputs)[1] for slope, node in zip(found[1:], outside)) == gradients(y, inputs)[1]
    (again,) = [tape.run([Value(number) for number in given_numbers])[tape.outputs[0]]]
    assert again.data == y.data


def test_what_does_not_depend_on_the_unknowns_comes_from_outside():
    x, a = Value(3.0), Value(2.0)
    inner = exp(a) * a
    tape, outside = recorded([x * inner, inner, 5.0], [x])
    assert outside == [inner]
    numbers = tape.run([3.0, 4.0])
    assert [numbers[place] for place in tape.outputs] == [12.0, 4.0, 5.0]


def test_equal_computations_are_equal_but_for_signs_of_zero():
    def tape(constant):
        x = Value(1.0)
        return recorded([x * constant], [x])[0]

    assert tape(2.0) == tape(2.0) == pickle.loads(pickle.dumps(tape(2.0)))
    assert hash(tape(2.0)) == hash(tape(2.0))
    assert tape(0.0) != tape(-0.0)
