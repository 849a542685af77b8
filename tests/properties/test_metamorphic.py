"""The same graph, built in another way, has the same numbers to the last bit."""

import copy
import pickle

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

import autograd_mini as ag
from autograd_mini import Value, gradients
from autograd_mini.primitives import TABLE
from autograd_mini.testing import Program, Step, strategies
from tests.properties.conditions import fewer

PROGRAMS = strategies.expressions(3, max_size=12)
ELEMENTWISE = ["add", "sub", "mul", "neg", "exp", "sin", "cos", "tanh", "sqrt", "log", "abs", "square", "atan"]
UFUNCS = {
    "add": np.add, "sub": np.subtract, "mul": np.multiply, "neg": np.negative, "abs": np.abs, "exp": np.exp,
    "sin": np.sin, "cos": np.cos, "tanh": np.tanh, "sqrt": np.sqrt, "log": np.log, "atan": np.arctan,
}  # fmt: skip
FEW = fewer(50)


def results(program):
    xs = [Value(x) for x in program.point]
    y = program(*xs)
    return bits(y, xs)


def bits(y, xs):
    """Result and gradient as bits: nan equals nan, and 0.0 differs from -0.0."""
    return [repr(y.data), *map(repr, gradients(y, xs))]


@given(PROGRAMS)
def test_pasted_back(program):
    """The text of a program is the program."""
    pasted = eval(repr(program), {"ag": ag})
    xs = [Value(x) for x in program.point]
    assert bits(pasted(*xs), xs) == results(program)


@given(PROGRAMS)
def test_through_pickle_and_deepcopy(program):
    xs = [Value(x) for x in program.point]
    y = program(*xs)
    expected = bits(y, xs)
    for copied_y, copied_xs in (pickle.loads(pickle.dumps((y, xs))), copy.deepcopy((y, xs))):
        assert bits(copied_y, copied_xs) == expected
    again = pickle.loads(pickle.dumps(program))
    assert results(again) == expected
    assert repr(again) == repr(program)


@given(PROGRAMS, st.randoms(use_true_random=False))
def test_steps_recorded_in_another_order(program, random):
    """Steps in any order in which every operand comes before its use."""
    assert results(shuffled(program, random)) == results(program)


def shuffled(program, random):
    ready, order, waiting = set(range(program.n_inputs)), [], list(enumerate(program.steps, program.n_inputs))
    last = waiting.pop()
    while waiting:
        index, step = random.choice(
            [(i, s) for i, s in waiting if all(o in ready for o in s.operands if isinstance(o, int))]
        )
        waiting.remove((index, step))
        ready.add(index)
        order.append((index, step))
    order.append(last)
    numbers = {index: place for place, (index, _) in enumerate(order, program.n_inputs)}
    steps = [
        Step(step.primitive, tuple(numbers.get(o, o) if isinstance(o, int) else o for o in step.operands))
        for _, step in order
    ]
    return Program(program.n_inputs, steps, program.point)


@given(strategies.expressions(2, primitives=ELEMENTWISE, max_size=8))
def test_through_object_arrays(program):
    """A call on arrays of Values, where NumPy finds `exp` and others as methods, equals a call for each element."""
    columns = [np.array([Value(x), Value(x)], dtype=object) for x in program.point]
    results_ = list(columns)
    for primitive, operands in program.steps:
        args = [results_[each] if isinstance(each, int) else each for each in operands]
        results_.append(in_numpy(primitive.name, args))
    expected = results(program)
    for row in range(2):
        assert bits(results_[-1][row], [column[row] for column in columns]) == expected


def in_numpy(name, args):
    """NumPy's function of that name if there is one, otherwise the primitive for each element."""
    ufunc = UFUNCS.get(name)
    return ufunc(*args) if ufunc else np.frompyfunc(lambda *xs: TABLE[name](*xs), len(args), 1)(*args)


@FEW
@given(PROGRAMS)
def test_again_and_again(program):
    assert results(program) == results(program)


@given(PROGRAMS)
def test_on_plain_numbers(program):
    """Floats give the float that Values hold."""
    assert repr(program(*program.point)) == results(program)[0]
