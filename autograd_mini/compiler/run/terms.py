"""Sums of what is the same for all examples, term by term: for ragged sums, and many small matrix products."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import numpy

from autograd_mini.compiler.code.engine import addresses
from autograd_mini.compiler.code.loops import Function
from autograd_mini.compiler.code.lower import terms_of
from autograd_mini.compiler.ir.program import Floats, Index, Pack, Sum
from autograd_mini.compiler.partition import MOST_TERMS
from autograd_mini.compiler.run import memory
from autograd_mini.compiler.run.numpy_executor import Values

if TYPE_CHECKING:
    from autograd_mini.compiler.run.machine import MachineExecutor


def _text() -> str:
    """The text of Σ ±x·y for each lane, from a zero of one sign, 0.0 for a lane without terms; of each term there are
    the places of x and y among all numbers."""
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
        places = function.at("i64", "%places", function.let(f"mul i64 {number}, 2"))
        x, y = (function.load("double", "%numbers", function.load("i64", places, each)) for each in range(2))
        product = function.let(f"fmul double {x}, {y}")
        product = function.let(f"fmul double {function.load('double', '%signs', number)}, {product}")
        return [function.let(f"fadd double {total}, {product}")]

    function.loop(0, "%lanes", lane)
    head = "void @BODY(ptr %out, ptr %starts, ptr %signs, ptr %places, ptr %numbers, i64 %lanes, double %zero)"
    return function.text(head, "ret void")


TERMS = _text()

_call = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 5, ctypes.c_int64, ctypes.c_double)


class TermsStep:
    """A sum of single numbers, by a loop over its terms."""

    writes: Sequence[int] = ()
    packs: list[Pack]
    lanes: int
    number: int
    count: int

    def __init__(self, executor: MachineExecutor, pack: Pack) -> None:
        assert isinstance(pack.operation, Sum)
        self.packs, self.lanes, self.number = [pack], pack.lanes, executor.place[pack]
        sources = dict.fromkeys(pack.parents)
        self.sources: list[int] = [executor.place[source] for source in sources]
        *firsts, self.count = accumulate((source.lanes for source in sources), initial=1)
        first: dict[Pack | None, int] = {None: 0}  # the place of a 1, which comes before all numbers
        first.update(zip(sources, firsts))
        parts = [
            (lane, numpy.full(lane.size, sign), first[segment.a] + a, first[segment.b] + b)
            for segment, sign, lane, a, b in terms_of(pack.operation)
        ]
        lane, signs, *places = map(numpy.concatenate, zip(*parts))
        order = numpy.argsort(lane, kind="stable")
        self.zero: float = 0.0 if pack.operation.from_zero else -0.0
        self.tables: tuple[Index, Index, Index] = (
            memory.copied(numpy.searchsorted(lane[order], numpy.arange(self.lanes + 1)), numpy.int64),
            memory.copied(signs[order]),
            memory.copied(numpy.stack(places, axis=1)[order], numpy.int64),
        )
        self.at: list[int] = [memory.address(table, table.shape) for table in self.tables]
        self.call: Callable[..., Any] = _call(addresses([TERMS], keep=True, cache=executor.cache)[0])

    def prepare(self, values: Values, n: int) -> Floats:
        return memory.empty(self.count)

    def run(self, values: Values, numbers: Floats) -> None:
        numpy.concatenate([[1.0], *[values[place][:, 0] for place in self.sources]], out=numbers)
        out = values[self.number] = memory.empty(self.lanes, 1)
        at = memory.address(out, (self.lanes, 1)), *self.at, memory.address(numbers, (self.count,))
        self.call(*at, self.lanes, self.zero)


def terms_step(executor: MachineExecutor, pack: Pack) -> TermsStep | None:
    """The step of a pack that is the same for all examples and made of what is, if it is a sum."""
    if not isinstance(pack.operation, Sum) or not pack.lanes or pack.batched:
        return None
    if any(parent.batched for parent in pack.parents):
        return None
    return TermsStep(executor, pack) if pack.operation.n_terms <= MOST_TERMS else None
