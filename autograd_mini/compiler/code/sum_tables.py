"""Tables for sums that are computed term by term: which numbers each register of lanes reads, turn by turn."""

from __future__ import annotations

from itertools import pairwise, product
from struct import pack
from sys import byteorder
from typing import Any, NamedTuple

import numpy

from autograd_mini.compiler.code.gathering import ALL_ALIKE, REGISTERS, SECOND, SIDE_BY_SIDE, SIGN
from autograd_mini.compiler.ir.program import Index
from autograd_mini.compiler.partition import FEWEST_REGULAR

ZERO, MINUS_ZERO, UNIT = range(3)
"""The places in every memory of 0.0, which is the value of sums without terms, of -0.0 and of 1.0."""

KNOWN = [0.0, -0.0, 1.0]


def bits(number: float) -> int:
    """The bits of a number, as an integer."""
    return int.from_bytes(pack("d", number), byteorder, signed=True)


class Listed(NamedTuple):
    """Terms: their lanes, signs, and the places of their two factors, of which the second may be 1.0."""

    lane: Index
    sign: Any
    a: Index
    b: Index

    def part(self, chosen: Any) -> Listed:
        return Listed(*(each[chosen] for each in self))

    @property
    def is_single(self) -> bool:
        return bool((self.b == UNIT).all())

    def in_order(self) -> Listed:
        return self.part(numpy.argsort(self.lane, kind="stable"))


def together(parts: list[Listed]) -> Listed:
    return Listed(*map(numpy.concatenate, zip(*parts))).in_order()


def gathered(terms: Listed, lanes: int, width: int) -> tuple[Index, Index]:
    """The terms of each register, a word for each lane of it, and where those of each register begin."""
    counts = numpy.bincount(terms.lane, minlength=-(-lanes // width) * width)
    starts = numpy.cumsum([0, *numpy.maximum(counts.reshape(-1, width).max(axis=1), 1)])
    turn = numpy.arange(terms.lane.size) - numpy.repeat(numpy.cumsum(counts) - counts, counts)
    nothing = MINUS_ZERO | UNIT << SECOND
    words = numpy.full((int(starts[-1]), width), nothing, numpy.int64)
    words[starts[:-1]] = numpy.where(counts.reshape(-1, width) > 0, nothing, ZERO | UNIT << SECOND)
    found = terms.a | terms.b << SECOND
    found = numpy.where(terms.sign < 0.0, found | SIGN, found)
    words[starts[terms.lane // width] + turn, terms.lane % width] = found
    return words, starts


class Regular(NamedTuple):
    """Terms whose factors are side by side, or all alike, in each register.

    Attributes:
        steps: how far apart each factor's numbers are in a register.
        across: whether registers hold terms of one lane each.
        words: the terms of each register, [registers, terms].
        lanes: the first lane of each register, or its only one.
        left: the terms that are not in the table.
    """

    steps: tuple[int, ...]
    across: bool
    words: Index
    lanes: Index
    left: Any

    def table(self) -> tuple[Index, Index]:
        """The terms, interleaved for `REGISTERS` registers at a time, and the lanes."""
        more = -len(self.words) % REGISTERS
        words = numpy.concatenate([self.words, *[self.words[-1:]] * more])
        table = words.reshape(-1, REGISTERS, words.shape[1]).swapaxes(1, 2)
        return table, numpy.concatenate([self.lanes, *[self.lanes[-1:]] * more])


def regular(terms: Listed, width: int) -> Regular | None:
    """Terms of one sign as registers, if they are regular; else None."""
    lanes, counts = numpy.unique(terms.lane, return_counts=True)
    if terms.lane.size < FEWEST_REGULAR or (counts != counts[0]).any():
        return None
    factors = [terms.a.reshape(lanes.size, -1)] + ([] if terms.is_single else [terms.b.reshape(lanes.size, -1)])
    n_terms = int(counts[0])
    for way in product((SIDE_BY_SIDE, ALL_ALIKE), repeat=len(factors)):
        if SIDE_BY_SIDE not in way:
            continue
        goes_on = numpy.diff(lanes) == 1
        for factor, step in zip(factors, way):
            goes_on &= (numpy.diff(factor, axis=0) == step).all(axis=1)
        bounds = [0, *(numpy.flatnonzero(~goes_on) + 1).tolist(), lanes.size]
        if numpy.diff(bounds).min() >= width:
            firsts = [
                min(first, stop - width) for start, stop in pairwise(bounds) for first in range(start, stop, width)
            ]
            return Regular(way, False, _words([each[firsts] for each in factors]), lanes[firsts], slice(0))
        if n_terms >= width and all((numpy.diff(each, axis=1) == step).all() for each, step in zip(factors, way)):
            whole = n_terms // width * width
            words = _words([each[:, :whole:width] for each in factors])
            return Regular(way, True, words, lanes, numpy.arange(terms.lane.size) % n_terms >= whole)
    return None


def _words(factors: list[Index]) -> Index:
    """The words of terms, one for each, from the places of their factors."""
    return factors[0] | factors[1] << SECOND if len(factors) == 2 else factors[0]
