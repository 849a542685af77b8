"""Results of a compiled function belong to the caller: writing to them changes no argument, no other result and no
later call."""

import copy
from itertools import combinations

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograd_mini import Value, compile, sin
from tests.compiler.comparing import BACKENDS, arrays_of

OUTPUTS = {
    "x": lambda x, y: x,
    "y": lambda x, y: y,
    "a constant": lambda x, y: 5.0,
    "a product": lambda x, y: x * y,
    "a function": lambda x, y: sin(x),
    "a slope of 1": lambda x, y: x + 2.0,
    "an array": lambda x, y: numpy.array([x, y, x]),
    "a row": lambda x, y: [y, y],
    "detached": lambda x, y: x.detach(),
}

KINDS = {
    "value": lambda c, args: c(*args),
    "jacobian": lambda c, args: c.jacobian(*args),
    "gradient": lambda c, args: c.value_and_grad(*args),
    "hessian": lambda c, args: c.hessian(*args),
    "product": lambda c, args: c.hvp(*args, args),
}


@pytest.mark.parametrize("backend", BACKENDS)
@settings(max_examples=40)
@given(
    st.lists(st.sampled_from(sorted(OUTPUTS)), min_size=1, max_size=4),
    st.sampled_from(sorted(KINDS)),
    st.sampled_from([True, 0, 1, False]),
    st.integers(1, 3),
    st.booleans(),
)
def test_results_share_no_memory(backend, chosen, kind, batch, n, is_frozen):
    def f(x, y):
        found = [OUTPUTS[name](x, y) for name in chosen]
        if kind in ("value", "jacobian"):
            return found[0] if len(found) == 1 and chosen != ["a constant"] else (*found, x * 1.0)
        return sum(numpy.sum(part) for part in found) + 0.0 * x

    numbers = numpy.arange(1.0, n + 1.0)
    args = [
        numbers * scale if batch is True or (batch is not False and batch == position) else numpy.array(scale)
        for position, scale in enumerate((1.0, 0.5))
    ]
    for arg in args if is_frozen else ():
        arg.flags.writeable = False
    compiled = compile(f, batch=batch, backend=backend)
    first = KINDS[kind](compiled, tuple(args))
    kept, given_ = copy.deepcopy(first), copy.deepcopy(args)
    found = list(arrays_of(first))
    for one, other in combinations([*found, *args], 2):
        assert not numpy.shares_memory(one, other)
    for array in found:
        array[...] = -7.0
    assert repr(args) == repr(given_)
    assert repr(KINDS[kind](compiled, tuple(args))) == repr(kept)


@pytest.mark.parametrize("backend", BACKENDS)
def test_slopes_of_parameters_share_no_memory(backend):
    w = Value(3.0)
    compiled, x = compile(lambda x: w * x, batch=True, backend=backend), numpy.arange(3.0)
    value, slopes = compiled.value_and_parameter_grads(x)
    assert not any(numpy.shares_memory(*pair) for pair in combinations((value, slopes, x), 2))
    slopes[...] = value[...] = -7.0
    assert x.tolist() == [0.0, 1.0, 2.0]
    assert compiled.value_and_parameter_grads(x)[1].tolist() == [[0.0], [1.0], [2.0]]
