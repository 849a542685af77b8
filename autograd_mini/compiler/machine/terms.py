"""Sums of what is the same for all examples, term by term: for ragged sums, and many small matrix products."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy

from autograd_mini.compiler.machine import memory
from autograd_mini.compiler.machine.engine import addresses
from autograd_mini.compiler.numpy_executor import Values
from autograd_mini.compiler.program import ABSENT, Index, Pack, Sum, parents

if TYPE_CHECKING:
    from autograd_mini.compiler.machine.executor import MachineExecutor

MOST_TERMS = 2**18
"""The table of more terms would not fit the cache."""

TERMS = """
define void @BODY(ptr %out, ptr %starts, ptr %signs, ptr %places, ptr %arrays, i64 %lanes, double %zero) {
entry:
  br label %lane
lane:
  %l = phi i64 [ 0, %entry ], [ %l1, %done ]
  %l1 = add i64 %l, 1
  %start_at = getelementptr i64, ptr %starts, i64 %l
  %start = load i64, ptr %start_at
  %stop_at = getelementptr i64, ptr %starts, i64 %l1
  %stop = load i64, ptr %stop_at
  %is_empty = icmp eq i64 %start, %stop
  %first = select i1 %is_empty, double 0.0, double %zero
  br label %more
more:
  %t = phi i64 [ %start, %lane ], [ %t1, %term ]
  %sum = phi double [ %first, %lane ], [ %sum1, %term ]
  %is_in = icmp slt i64 %t, %stop
  br i1 %is_in, label %term, label %done
term:
  %four = mul i64 %t, 4
  %p = getelementptr i64, ptr %places, i64 %four
  %array_a = load i64, ptr %p
  %p1 = getelementptr i64, ptr %p, i64 1
  %row_a = load i64, ptr %p1
  %p2 = getelementptr i64, ptr %p, i64 2
  %array_b = load i64, ptr %p2
  %p3 = getelementptr i64, ptr %p, i64 3
  %row_b = load i64, ptr %p3
  %at_a = getelementptr ptr, ptr %arrays, i64 %array_a
  %base_a = load ptr, ptr %at_a
  %x_at = getelementptr double, ptr %base_a, i64 %row_a
  %x = load double, ptr %x_at
  %at_b = getelementptr ptr, ptr %arrays, i64 %array_b
  %base_b = load ptr, ptr %at_b
  %y_at = getelementptr double, ptr %base_b, i64 %row_b
  %y = load double, ptr %y_at
  %c_at = getelementptr double, ptr %signs, i64 %t
  %c = load double, ptr %c_at
  %xy = fmul double %x, %y
  %cxy = fmul double %c, %xy
  %sum1 = fadd double %sum, %cxy
  %t1 = add i64 %t, 1
  br label %more
done:
  %out_at = getelementptr double, ptr %out, i64 %l
  store double %sum, ptr %out_at
  %on = icmp slt i64 %l1, %lanes
  br i1 %on, label %lane, label %end
end:
  ret void
}
"""
"""Σ ±x·y for each lane, from a zero of one sign; the places of a term are the array and the row of x and of y."""

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
        for segment in pack.operation.segments:
            for block in segment.blocks:
                (g, h, s), k = block.lane.shape, block.a.shape[2]
                shape = g, h, s, k
                a = _spread(block.a[:, :, None, :], shape)
                b = numpy.zeros_like(a) if block.b is None else _spread(block.b.swapaxes(1, 2)[:, None], shape)
                lane = _spread(block.lane[..., None], shape)
                kept = (lane != ABSENT) & (a != ABSENT) & (b != ABSENT)
                arrays = [numpy.full_like(a, 0 if each is None else array_of[each]) for each in (segment.a, segment.b)]
                lanes.append(lane[kept])
                places.append(numpy.stack([arrays[0], a, arrays[1], b], axis=1)[kept])
                signs.append(numpy.full(lanes[-1].size, block.sign))
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


def _spread(index: Index, shape: tuple[int, ...]) -> Index:
    return numpy.broadcast_to(index, shape).ravel()
