"""Scalars as columns: which are needed, and how often each is read."""

from collections import Counter
from itertools import chain

from hypothesis import given
from hypothesis import strategies as st

from autograd_mini.compiler.code.listing import Columns
from autograd_mini.compiler.ir.scalars import ONE, Application, Component, Input, Number, Terms, alive, operands
from autograd_mini.primitives import TABLE


@st.composite
def lists_of_scalars(draw):
    scalars = [Number(1.0), Input(0, 1), Input(0, 1), Number(2.5)]
    for _ in range(draw(st.integers(0, 30))):
        some = draw(st.lists(st.integers(ONE, len(scalars) - 1), min_size=2, max_size=4))
        kind = draw(st.sampled_from([Application, Terms, Component]))
        if kind is Terms:
            scalars.append(Terms.of([(draw(st.sampled_from([1.0, -1.0])), x, some[0]) for x in some]))
        elif kind is Application:
            scalars.append(Application(TABLE["mul"], (*some[:2],)))
        else:
            vector = Application(TABLE["softmax"], (*some,))
            scalars += [Component(vector, index) for index in range(len(some))]
    return scalars


@given(lists_of_scalars(), st.data())
def test_uses_are_those_by_scalars_that_are_needed(scalars, data):
    wanted = data.draw(st.lists(st.integers(0, len(scalars) - 1), max_size=3))
    needed = [scalar for scalar, is_alive in zip(scalars, alive(scalars, wanted)) if is_alive]
    expected = Counter(chain(wanted, chain.from_iterable(map(operands, needed))))
    columns = Columns(scalars)
    uses = columns.uses(wanted)
    assert uses.tolist() == [expected[number] for number in range(len(scalars))]
    chosen = columns.those(uses > 0)
    assert chosen.of_kind(Application) == [each for each in needed if type(each) is Application]
    assert [*chosen.args.tuples()] == [each.args for each in needed if type(each) is Application]
    assert [*chosen.terms.tuples()] == [tuple(each.flat) for each in needed if type(each) is Terms]
