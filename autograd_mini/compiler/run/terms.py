"""Sums of what is the same for all examples, term by term: for ragged sums, and many small matrix products."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy

from autograd_mini.compiler.code.engine import addresses
from autograd_mini.compiler.code.loops import Function
from autograd_mini.compiler.code.lower import terms_of
from autograd_mini.compiler.ir.program import Pack, Sum, parents
from autograd_mini.compiler.partition import MOST_TERMS
from autograd_mini.compiler.run import memory
from autograd_mini.compiler.run.numpy_executor import Values

if TYPE_CHECKING:
    from autograd_mini.compiler.run.machine import MachineExecutor


def _text() -> str:
    """The text of Σ ±x·y for each lane, from a zero of one sign, 0.0 for a lane without terms; the places of a term are
    the array and the row of x, and those of y."""
    function = Function()

    def lane(number: str) -> Sequence[str]:
        start = function.load("i64", "%starts", number)
        stop = function.load("i64", "%starts", function.let(f"add i64 {number}, 1"))
        is_empty = function.let(f"icmp eq i64 {start}, {stop}")
        first = function.let(f"select i1 {is_empty}, double 0.0, double %zero")
        (total,) = function.loop(start, stop, term, [("double", first)])
        function.store("double", total, "%out", number)
        return ()

    def term(number: str, total: str) -> Sequence[str]:
        places = function.at("i64", "%places", function.let(f"mul i64 {number}, 4"))
        product = function.load("double", "%signs", number)
        factors = []
        for place in (0, 2):
            array = function.load("ptr", "%arrays", function.load("i64", places, place))
            factors.append(function.load("double", array, function.load("i64", places, place + 1)))
        xy = function.let(f"fmul double {factors[0]}, {factors[1]}")
        return [function.let(f"fadd double {total}, {function.let(f'fmul double {product}, {xy}')}")]

    function.loop(0, "%lanes", lane)
    head = "void @BODY(ptr %out, ptr %starts, ptr %signs, ptr %places, ptr %arrays, i64 %lanes, double %zero)"
    return function.text(head, "ret void")


TERMS = _text()

_call = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 5, ctypes.c_int64, ctypes.c_double)


class TermsStep:
    """A sum of single numbers, by a loop over its terms."""

    writes: Sequence[int] = ()

    def __init__(self, executor: MachineExecutor, pack: Pack) -> None:
        assert isinstance(pack.operation, Sum)
        self.packs, self.lanes, self.number = [pack], pack.lanes, executor.place[pack]
        sources = dict.fromkeys(parents(pack))
        self.sources = [(executor.place[source], (source.lanes, 1)) for source in sources]
        array_of = {source: number for number, source in enumerate(sources, 1)}  # the first one holds a 1
        lanes, places, signs = [], [], []
        for segment, sign, lane, a, b in terms_of(pack.operation):
            arrays = [numpy.full_like(a, 0 if each is None else array_of[each]) for each in (segment.a, segment.b)]
            lanes.append(lane)
            places.append(numpy.stack([arrays[0], a, arrays[1], b], axis=1))
            signs.append(numpy.full(lane.size, sign))
        lane = numpy.concatenate(lanes)
        order = numpy.argsort(lane, kind="stable")
        self.zero = 0.0 if pack.operation.from_zero else -0.0
        self.one = memory.copied([1.0])
        self.held = (
            memory.copied(numpy.searchsorted(lane[order], numpy.arange(self.lanes + 1)), numpy.int64),
            memory.copied(numpy.concatenate(signs)[order]),
            memory.copied(numpy.concatenate(places)[order], numpy.int64),
        )
        self.tables = [memory.address(table, table.shape) for table in self.held]
        self.call = _call(addresses([TERMS], keep=True, cache=executor.cache)[0])

    def prepare(self, values: Values, n: int) -> None:
        return None

    def run(self, values: Values, state: None) -> None:
        held = [memory.without_gaps(values[place]) for place, _ in self.sources]
        at = [memory.address(array, shape) for array, (_, shape) in zip(held, self.sources)]
        arrays = (ctypes.c_void_p * (1 + len(held)))(memory.address(self.one, (1,)), *at)
        out = values[self.number] = memory.empty(self.lanes, 1)
        self.call(memory.address(out, (self.lanes, 1)), *self.tables, arrays, self.lanes, self.zero)


def terms_step(executor: MachineExecutor, pack: Pack) -> TermsStep | None:
    """The step of a pack that is the same for all examples and made of what is, if it is a sum."""
    if not isinstance(pack.operation, Sum) or not pack.lanes or pack.batched:
        return None
    if any(parent.batched for parent in parents(pack)):
        return None
    n_terms = sum(block.n_terms for segment in pack.operation.segments for block in segment.blocks)
    return TermsStep(executor, pack) if n_terms <= MOST_TERMS else None
