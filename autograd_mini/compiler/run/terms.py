"""Sums of what is the same for all examples, term by term: for ragged sums, and many small matrix products."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import numpy

from autograd_mini.compiler.code.engine import addresses
from autograd_mini.compiler.code.gathering import terms
from autograd_mini.compiler.code.sum_tables import KNOWN, UNIT, Listed, bits, gathered, together
from autograd_mini.compiler.ir.program import Floats, Index, Pack, Sum
from autograd_mini.compiler.partition import MOST_TERMS
from autograd_mini.compiler.run import memory
from autograd_mini.compiler.run.numpy_executor import Values

if TYPE_CHECKING:
    from autograd_mini.compiler.run.machine import MachineExecutor

_call = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)


class TermsStep:
    """A sum of single numbers, by a loop over its terms."""

    writes: Sequence[int] = ()
    packs: list[Pack]
    lanes: int
    number: int
    count: int

    def __init__(self, executor: MachineExecutor, pack: Pack, operation: Sum) -> None:
        self.packs, self.lanes, self.number = [pack], pack.lanes, executor.place[pack]
        sources = dict.fromkeys(pack.parents)
        self.sources: list[int] = [executor.place[source] for source in sources]
        *firsts, self.count = accumulate((source.lanes for source in sources), initial=len(KNOWN))
        first: dict[Pack | None, int] = {None: UNIT, **dict(zip(sources, firsts))}
        parts = [
            Listed(lane, numpy.full(lane.size, sign), first[segment.a] + a, first[segment.b] + b)
            for segment, sign, lane, a, b in operation.terms()
        ]
        listed = together(parts)
        self.tables: list[Index] = [memory.copied(each, numpy.int64) for each in gathered(listed, pack.lanes, 1)]
        self.at: list[int] = [memory.address(table, table.shape) for table in self.tables]
        self.words: list[int] = [pack.lanes, bits(0.0 if operation.from_zero else -0.0)]
        text = terms(1, 1 if listed.is_single else 2)  # lane by lane, as one may have many more terms than others
        self.call: Callable[..., Any] = _call(addresses([text], keep=True, cache=executor.cache)[0])

    def prepare(self, values: Values, n: int) -> Floats:
        return memory.empty(self.count)

    def run(self, values: Values, numbers: Floats) -> None:
        numpy.concatenate([KNOWN, *[values[place][:, 0] for place in self.sources]], out=numbers)
        out = values[self.number] = memory.empty(self.lanes, 1)
        to, given = memory.address(out, out.shape), memory.address(numbers, (self.count,))
        at, words = memory.table([[to, given, *self.at, *self.words]], 6)
        self.call(at, 0, len(words))


def terms_step(executor: MachineExecutor, pack: Pack) -> TermsStep | None:
    """The step of a pack that is the same for all examples and made of what is, if it is a sum."""
    if not isinstance(pack.operation, Sum) or not pack.lanes or pack.batched:
        return None
    if any(parent.batched for parent in pack.parents) or pack.operation.n_terms > MOST_TERMS:
        return None
    return TermsStep(executor, pack, pack.operation)
