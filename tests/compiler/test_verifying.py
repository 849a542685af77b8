"""A program that is not well-formed is recognised, whatever is wrong with it."""

import numpy
import pytest

from autograd_mini.compiler.ir.program import ABSENT, Apply, Block, Leaf, Pack, Program, Reference, Segment, Sum
from autograd_mini.primitives import TABLE
from tests.compiler.verifying import verified

w, x = Pack(6, False, Leaf("input", 0, "w")), Pack(3, True, Leaf("input", 1, "x"))


def places(*shape):
    return numpy.arange(numpy.prod(shape)).reshape(shape)


def product(lanes=2, *, lane=None, a=None, b=None, factor=x, sign=1.0, batched=True):
    """The pack of w x, where w has two rows and three columns."""
    index = (places(1, lanes, 1), places(1, 2, 3), places(1, 3, 1))
    lane, a, b = (own if given is None else given for own, given in zip(index, (lane, a, b)))
    return Pack(lanes, batched, Sum([Segment(w, factor, [Block(lane, a, b, sign)])]))


def applied(*index):
    return Pack(2, True, Apply(TABLE["exp"], (Reference(x, numpy.array(index)),)))


def verify(*packs, results=None):
    results = {} if results is None else results
    return verified(Program([*packs], {str(pack): Reference(pack, numpy.array(at)) for pack, at in results.items()}))


@pytest.mark.parametrize("pack", [applied(0, 2), product(), product(a=numpy.where(places(1, 2, 3) == 1, ABSENT, 0))])
def test_what_is_well_formed_passes(pack):
    program = verify(w, x, pack, results={pack: [0, 1]})
    assert program.packs[-1] is pack


@pytest.mark.parametrize(
    ("pack", "sentence"),
    [
        (applied(0, 3), "an index leaves"),
        (applied(-1, 0), "an index leaves"),
        (product(lane=places(1, 2, 1) + 1), "an index leaves"),
        (product(a=places(1, 2, 3) + 1), "an index leaves"),
        (product(b=places(1, 3, 1) + 1), "an index leaves"),
        (product(b=places(1, 3, 1) - 2), "an index leaves"),
        (product(a=places(1, 3, 2)), "has factors of"),
        (product(b=places(1, 2, 1)), "has factors of"),
        (product(factor=None), "a factor is missing"),
        (product(sign=0.5), "has the sign 0.5"),
        (Pack(2, False, Apply(TABLE["exp"], (Reference(x, numpy.array([0, 1])),))), "loses the batch of"),
    ],
)
def test_what_is_not_is_found(pack, sentence):
    with pytest.raises(AssertionError, match=sentence):
        verify(w, x, pack)


def test_a_sum_over_the_batch_rightly_loses_it():
    verify(w, x, product(batched=False))


def test_what_comes_too_late_is_found():
    pack = applied(0, 1)
    with pytest.raises(AssertionError, match="before it is computed"):
        verify(w, pack, x)
    with pytest.raises(AssertionError, match="is not in the program"):
        verify(w, x, results={pack: [0]})
    with pytest.raises(AssertionError, match="an index leaves"):
        verify(w, x, pack, results={pack: [2]})
