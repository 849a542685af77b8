"""Programs with memory of their own, for calls that one call of machine code can serve."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy

from autograd_mini.compiler.code.taking import HEAD, RECORD
from autograd_mini.compiler.ir.program import Floats, Index, Pack
from autograd_mini.compiler.partition import MOST_ALONE, columns_at_once
from autograd_mini.compiler.run import memory
from autograd_mini.compiler.run.arena import ArenaExecutor
from autograd_mini.compiler.run.gather import Gather
from autograd_mini.compiler.run.machine import Runner
from autograd_mini.compiler.run.numpy_executor import Values
from autograd_mini.compiler.run.running import KernelStep


@dataclass
class Prepared:
    """A program with memory of its own.

    Attributes:
        numbers: all numbers of leaves and constants without columns.
        first: where the numbers of each leaf begin or, for a leaf with columns, its words in the table of arrays.
        lanes: where the numbers of each result are, counted from the first of `numbers`.
        words: the words of a frame, as far as they are known; counts that are left out are 0.
        held: all objects that these point to.
        blocks: for each leaf with columns, where blocks of them go, and the bytes from row to row there.
        rows: the results whose lanes are rows of columns.
    """

    numbers: Floats
    first: Mapping[Pack, int]
    lanes: Mapping[str, Index]
    words: dict[str, int]
    held: list[Any]
    blocks: Mapping[Pack, tuple[int, int]] = field(default_factory=dict)
    rows: frozenset[str] = frozenset()


def most_columns(executor: Any) -> int:
    """The most columns that a program computes on the short way; 0 if none. On the long way several threads share more
    columns, and long results are not copied."""
    step = _only_kernel(executor)
    if step is None:
        return 0
    n_rows = sum(executor.lanes[number] for number in executor.fresh)
    most = columns_at_once(n_rows, step.threads, step.work)
    return most if most >= memory.LINE else 0


def room_for(n: int) -> int:
    """How many columns to make room for if n are given: a power of two that fills a register at least."""
    return max(memory.LINE, 1 << (n - 1).bit_length())


def prepared_for(executor: Any, most: int) -> Prepared | None:
    """A program with memory of its own if machine code can run it alone; else None.

    Args:
        most: how many columns there may be, at least as many as fill a register; 1 if there is no batch.
    """
    if isinstance(executor, ArenaExecutor):
        return _of_arena(executor)
    step = _only_kernel(executor)
    return None if step is None else _of_kernel(executor, step, most)


def _only_kernel(executor: Any) -> KernelStep | None:
    """The kernel of a program that consists of a single one; else None."""
    steps = executor.steps if isinstance(executor, Runner) else ()
    return steps[0] if len(steps) == 1 and isinstance(steps[0], KernelStep) else None


def _of_arena(executor: ArenaExecutor) -> Prepared:
    ready = executor.ready()
    unused = memory.empty(HEAD, of=numpy.int64)
    words = dict.fromkeys(("arrays", "rows", "taking", "sizes"), memory.address(unused, unused.shape))
    words |= dict.fromkeys(("sums", "totals", "order", "inputs", "uniform"), 0)
    words |= {"width": 1, "step": 1, "group": 1, "alone": MOST_ALONE // max(1, executor.work)}
    words |= zip(("bodies", "starts", "count", "p"), ready.called)
    return Prepared(ready.numbers, executor.first, executor.results, words, [ready, unused])


def _of_kernel(executor: Runner, step: KernelStep, most: int) -> Prepared | None:
    """What the executor runs on so many columns, with numbers where machine code reads arguments and builds results."""
    lanes, summed, leaves = executor.lanes, dict(step.summed), executor.leaves.items()
    moving = {place: pack for pack, place in leaves if pack.batched} if most > 1 else {}
    first, end = {}, most  # the first numbers are zeros
    for place in [each for each in (*executor.leaves.values(), *executor.constants) if each not in moving]:
        first[place], end = end, end + lanes[place]
    known = {*executor.fresh, *summed, *(first if most == 1 else ())}
    if not all(gather.absent is None and place in known for place, gather in executor.results.values()):
        return None
    numbers = memory.copied(numpy.zeros(end))
    values: Values = [None] * len(lanes)
    for place, start in first.items():
        values[place] = numbers[start:][: lanes[place], None]
        values[place][:, 0] = executor.constants.get(place, 0.0)
    values_of_results = {place: memory.rows_of(lanes[place], most) for place in executor.fresh}
    for place, array in values_of_results.items():
        values[place] = array
    state = step.prepare(values, most)
    (table,) = state.tables
    base = memory.address(numbers, numbers.shape)
    blocks = {place: memory.lines_of(lanes[place], step.columns) for place in moving}
    at = {place: memory.rows(array, *array.shape) for place, array in (values_of_results | blocks).items()}
    at |= {place: (base + 8 * start, 1) for place, start in first.items()}
    at |= {place: (state.totals_at + 8 * part.start, 1) for place, part in summed.items()}

    def places(place: int, gather: Gather) -> Index:
        """The places of a result's numbers, or of the first number of each row, counted from the first of `numbers`."""
        start, stride = at[place]
        found: Index = (start - base) // 8 + stride * numpy.arange(lanes[place])[gather.rows]
        return found

    arrays = [*state.moving, *(moving.keys() - state.moving)]
    width: int = state.sums.shape[2]
    functions = step.functions(width)
    bodies, starts, count = step.taking(width) if most > 1 else functions
    arrays_at, held_arrays = memory.table([(at[each][0], 8 * at[each][1]) for each in arrays], 2)
    taking = [table.at, state.rows_at, len(state.rows), arrays_at, 0, 0, *[0] * (RECORD * len(moving))]
    table.pointers[-1], held_taking = memory.table([taking], len(taking))
    inputs_at, held_inputs = memory.table([[first[place] + lane for place, lane in step.kernel.uniform]], 1)
    words = {
        "bodies": ctypes.addressof(bodies), "starts": ctypes.addressof(starts), "count": count, "takes": most > 1,
        "p": table.at, "rows": state.rows_at, "n_rows": len(state.rows), "arrays": arrays_at,
        "taking": int(table.pointers[-1]), "inputs": inputs_at, "n_inputs": len(step.kernel.uniform),
        "uniform": state.uniform_at + 8 * len(step.kernel.constants), "sizes": table.sizes_at, "width": width,
        "step": step.columns, "group": step.group, "alone": MOST_ALONE * width // max(1, step.work),
        "sums": state.sums_at, "in_group": state.sums[:1].size, "totals": state.totals_at,
        "n_totals": len(state.totals), "order": step.order_at,
    }  # fmt: skip
    return Prepared(
        numbers,
        {pack: 2 * arrays.index(place) if place in moving else first[place] for pack, place in leaves},
        {name: places(*each) for name, each in executor.results.items()},
        words,
        [values, state, blocks, bodies, starts, held_arrays, held_taking, held_inputs],
        {pack: (at[place][0], 8 * at[place][1]) for place, pack in moving.items()},
        frozenset([name for name, (place, _) in executor.results.items() if most > 1 and place not in summed]),
    )
