"""The results of a compiled function, and the program it shows, do not depend on earlier calls."""

from functools import lru_cache
from itertools import permutations

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograd_mini import Value, compile, dot, exp, logsumexp, softmax, sqrt, tanh
from autograd_mini.compiler.deriving import Plan
from autograd_mini.compiler.ir.building import Builder
from autograd_mini.compiler.ir.program import Vector
from tests.compiler.comparing import BACKENDS

w = [Value(0.5), Value(-1.25)]


def network(v):
    hidden = [tanh(0.5 * v[0] - v[1] + b) for b in (0.1, 0.2, 0.3)]
    return softmax(hidden)[0] * exp(-dot(hidden, hidden)) + logsumexp([v[0], v[1], hidden[1]])


def branching(v):
    return sqrt(v[0] * v[0] + 1.0) * v[1] if v[0] * v[1] > 0.1 else v[0] / (2.0 + v[1] * v[1])


def with_parameters(v):
    return tanh(w[0] * v[0] + w[1]) * v[1] + v[0] * v[0] * 3.0


def recurrent(v):
    y = v[0]
    for i in range(46):
        y = y * 0.9 + v[1] / (1.0 + i + y * y)
    return y


FUNCTIONS = [network, branching, with_parameters, recurrent]

WAYS = {
    "value": lambda c, x: c(x),
    "value_and_grad": lambda c, x: c.value_and_grad(x),
    "jacobian": lambda c, x: c.jacobian(x),
    "hessian": lambda c, x: c.hessian(x),
    "hvp": lambda c, x: c.hvp(x, x),
}


def shown(result):
    """A nest as text that shows all bits."""
    if isinstance(result, list | tuple):
        return [shown(part) for part in result]
    return numpy.asarray(result).tobytes()


def outcome(compiled, name, x):
    result = shown(WAYS[name](compiled, x))
    return result, str(compiled.program), repr(compiled.program)


def point(batch):
    return numpy.array([[0.3, 0.7], [-0.4, 1.1], [2.0, -0.2]]) if batch else [0.3, 0.7]


@lru_cache
def alone(f, batch, backend, name):
    """The result of a fresh function."""
    return outcome(compile(f, batch=batch, backend=backend), name, point(batch))


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("batch", [False, True])
@pytest.mark.parametrize("f", FUNCTIONS)
@settings(max_examples=3, deadline=None)
@given(order=st.permutations([*WAYS]), again=st.permutations([*WAYS]))
def test_orders_of_calls(f, batch, backend, order, again):
    compiled = compile(f, batch=batch, backend=backend)
    for name in (*order, *again):
        assert outcome(compiled, name, point(batch)) == alone(f, batch, backend, name), (order, again)


def test_all_orders_of_calls():
    def f(v):
        return exp(v[0] * v[1]) * (v[0] - tanh(v[1])) if v[0] < 1.0 else v[0]

    x = [0.3, 0.7]
    fresh = {name: shown(way(compile(f, backend="numpy"), x)) for name, way in WAYS.items()}
    for order in permutations(WAYS):
        compiled = compile(f, backend="numpy")
        for name in order:
            assert shown(WAYS[name](compiled, x)) == fresh[name], order


def test_the_program_is_that_of_the_last_call():
    compiled = compile(lambda x, y: x * x * y)
    for _ in range(3):
        compiled.value_and_grad(2.0, 3.0)
        compiled.value_and_grad(2.0, 3.0)
        assert repr(compiled.program).startswith("<program of value and gradient: ")
        compiled.hessian(2.0, 3.0)
        assert repr(compiled.program).startswith("<program of products with the Hessian: ")
        assert "∇²" in str(compiled.program)
        compiled(2.0, 3.0)
        assert repr(compiled.program).startswith("<program of the value: ")
        assert "∇" not in str(compiled.program)
        compiled.jacobian(2.0, 3.0)
        assert repr(compiled.program).startswith("<program of the Jacobian: ")


@pytest.mark.skipif(len(BACKENDS[1].marks) > 0 and BACKENDS[1].marks[0].args[0], reason="needs llvmlite")
def test_scalars_are_shown_as_what_they_are():
    compiled = compile(recurrent)
    compiled.value_and_grad([0.3, 0.7])
    assert "run scalar by scalar, not pack by pack" in str(compiled.program)
    compiled = compile(network, backend="numpy")
    compiled.value_and_grad([0.3, 0.7])
    assert "scalar by scalar" not in str(compiled.program)


def test_paths_of_a_batch():
    compiled = compile(branching, batch=True)
    compiled(numpy.array([[1.0, 1.0], [1.0, -1.0], [2.0, 1.0]]))
    assert str(compiled.program).endswith("one of 2 paths")
    assert "sqrt" in str(compiled.program) or "√" in str(compiled.program)
    compiled(numpy.array([[1.0, -1.0]]))
    assert "paths" not in str(compiled.program)


def test_programs_do_not_change():
    compiled = compile(network)
    compiled([0.3, 0.7])
    program = compiled.program
    text, numbers = str(program), [pack.number for pack in program.packs]
    for name in WAYS:
        outcome(compiled, name, [0.3, 0.7])
    assert (str(program), [pack.number for pack in program.packs]) == (text, numbers)
    assert numbers == [*range(len(numbers))]
    with pytest.raises(AttributeError):
        program.packs = ()


def test_a_builder_goes_on_from_copies():
    compiled = compile(network)
    compiled([0.3, 0.7])
    plan: Plan = compiled._latest.parts[0].plan
    builder = Builder()
    found = builder.go_on(plan.source.packed)
    before = len(plan.source.packed.packs)
    assert [type(pack.operation) for pack in builder.packs] == [
        type(pack.operation) for pack in plan.source.packed.packs
    ]
    assert {pack for pack in builder.packs if pack in plan.source.packed.packs} == {*plan.inputs}
    for pack in plan.source.packed.packs:  # the same again is not made anew
        operation = pack.operation
        if isinstance(operation, Vector):
            arg = found["outputs"]
            first, second = builder.vector(operation.function, arg), builder.vector(operation.function, arg)
            assert first.pack is second.pack
    builder.constant(numpy.array([17.5, 18.5]))
    assert len(plan.source.packed.packs) == before
    assert 17.5 not in plan.source.packed.packs[0].operation.constants
