"""Execute a program with NumPy: the oracle of faster executors, which runs where these are missing.

The numbers of a pack are an array [lanes, width]; the width is the length of the batch, or 1 where every example
has the same.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping
from math import isfinite
from typing import Any, NamedTuple

import numpy

from autograd_mini.compiler.code import numpy_rows
from autograd_mini.compiler.ir import program as ir
from autograd_mini.compiler.ir.names import is_checked
from autograd_mini.compiler.partition import FEWEST_PLACED, MOST_TURNS
from autograd_mini.compiler.run.gather import Gather

Values = list[Any]
Step = Callable[[Values, int], ir.Floats]


class Results(NamedTuple):
    """What a program computed.

    Attributes:
        rows: the results by name, each [lanes, width] and the caller's to keep; derivatives that are missing are 0.
        is_finite: whether all derivatives among them are finite.
    """

    rows: dict[str, ir.Floats]
    is_finite: bool


def sums_are_finite(arrays: Iterable[ir.Floats]) -> bool:
    """Whether the sum of each array is finite, and so all its numbers are."""
    return all(isfinite(numpy.add.reduce(array, axis=None)) for array in arrays)


class NumpyExecutor:
    """A program ready to run on arrays. It keeps nothing between runs, so threads may share it."""

    def __init__(self, program: ir.Program, *, in_machine_code: bool = False) -> None:
        self.program = program
        self.seeds: list[ir.Pack] = program.leaves("seed")
        place = {pack: number for number, pack in enumerate(program.packs)}
        last_use = {parent: pack for pack in program.packs for parent in pack.parents}
        kept = {reference.pack for reference in program.results.values()}
        self.steps: list[tuple[int, Step, list[int]]] = []
        self.leaves: dict[ir.Pack, int] = {}
        for pack in program.packs:
            if isinstance(pack.operation, ir.Leaf):
                self.leaves[pack] = place[pack]
            else:
                over = [place[parent] for parent in set(pack.parents) if last_use[parent] is pack]
                free = [number for number in over if program.packs[number] not in kept]
                self.steps.append((place[pack], step_of(pack, place, in_machine_code=in_machine_code), free))
        self.results: dict[str, tuple[int, Gather]] = {
            name: (place[each.pack], Gather(each.index)) for name, each in program.results.items()
        }

    def __call__(self, leaves: Mapping[ir.Pack, ir.Floats], n_examples: int) -> Results:
        values: Values = [None] * len(self.program.packs)
        for pack, number in self.leaves.items():
            constants = pack.operation.constants if isinstance(pack.operation, ir.Leaf) else None
            values[number] = leaves[pack] if constants is None else constants[:, None]
        held = {id(_owner(values[number])) for number in self.leaves.values()}
        with numpy.errstate(all="ignore"):
            for number, step, free in self.steps:
                values[number] = step(values, n_examples)
                for dead in free:
                    values[dead] = None
            rows = {name: _own(gather(values[number]), held) for name, (number, gather) in self.results.items()}
            return Results(rows, sums_are_finite(rows[name] for name in rows if is_checked(name)))


def _own(array: ir.Floats, held: set[int]) -> ir.Floats:
    """The array, or a copy if a leaf or another result owns its memory, or if its own rows share it."""
    if id(_owner(array)) in held or not array.flags.writeable:
        return array.copy()
    held.add(id(_owner(array)))
    return array


def _owner(array: ir.Floats) -> Any:
    """The object that owns the memory of an array."""
    owner: Any = array
    while getattr(owner, "base", None) is not None:
        owner = owner.base
    return owner


def step_of(pack: ir.Pack, place: Mapping[ir.Pack, int], *, in_machine_code: bool = False) -> Step:
    """A function that computes a pack by NumPy; the steps of a loop are machine code if `in_machine_code`."""
    operation = pack.operation
    if isinstance(operation, ir.Sum):
        return _sum(pack, operation, place)
    if isinstance(operation, ir.Apply):
        function = numpy_rows.elementwise(operation.primitive)
        takers = [_taker(arg, place) for arg in operation.args]
        return lambda values, n: function(*[take(values) for take in takers])
    if isinstance(operation, ir.Loop):
        return loop_step(operation, place, in_machine_code=in_machine_code)
    assert isinstance(operation, ir.Reduce | ir.Vector)
    number, gather = place[operation.arg.pack], Gather(operation.arg.index)
    if isinstance(operation, ir.Reduce):
        reduce = numpy_rows.reduction(operation.primitive)
        return lambda values, n: reduce(gather(values[number]))
    vector, empty = numpy_rows.VECTORS[operation.function], operation.empty
    return lambda values, n: vector(gather(values[number]), empty).reshape(pack.lanes, -1)


def loop_step(operation: ir.Loop, place: Mapping[ir.Pack, int], *, in_machine_code: bool) -> Step:
    """A function that runs a loop, for as many columns as its inputs have."""
    scan = operation.scan
    takers = [(place[arg.pack], arg.index, where) for arg, where in zip(operation.args, operation.places)]
    forward = None if operation.forward is None else place[operation.forward.pack]

    def step(values: Values, n: int) -> ir.Floats:
        widths = [values[number].shape[1] for number, _, _ in takers]
        width = min(widths) and max(widths)  # 0 of an empty batch, even where inputs without a batch have 1
        given = numpy.zeros((scan.n_in, width))
        for number, index, where in takers:
            given[where] = values[number][index]
        forth = None
        if forward is not None:
            forth, values[forward] = values[forward], values[forward].copy()  # its states go when they were used
        return scan.run(given, in_machine_code=in_machine_code, keeps=operation.keeps, forth=forth)

    return step


def _taker(arg: ir.Argument, place: Mapping[ir.Pack, int]) -> Callable[[Values], Any]:
    if not isinstance(arg, ir.Reference):
        return lambda values: arg
    number = place[arg.pack]
    if arg.is_whole:
        return lambda values: values[number]
    gather = Gather(arg.index)
    return lambda values: gather(values[number])


def is_placing(pack: ir.Pack) -> bool:
    """Whether a pack without a batch is a long sum that only moves numbers to their places, one to each lane."""
    operation = pack.operation
    if pack.batched or any(parent.batched for parent in pack.parents):
        return False
    if not isinstance(operation, ir.Sum) or operation.from_zero or pack.lanes < FEWEST_PLACED:
        return False
    blocks = [block for segment in operation.segments for block in segment.blocks]
    if not all(block.is_elementwise and block.sign > 0.0 for block in blocks):
        return False
    lanes = numpy.concatenate([block.lane.ravel() for block in blocks])
    return all(segment.b is None for segment in operation.segments) and bool(
        lanes.size == pack.lanes and (numpy.bincount(lanes + 1, minlength=pack.lanes + 1)[1:] == 1).all()
    )


def _placed(pack: ir.Pack, operation: ir.Sum, place: Mapping[ir.Pack, int]) -> Step:
    """A function that computes a sum which only moves numbers to their places; its result is new memory."""
    parts = [
        (Gather(block.lane.ravel()), place[segment.a], Gather(block.a.ravel()))
        for segment in operation.segments
        for block in segment.blocks
    ]

    def step(values: Values, n: int) -> ir.Floats:
        out = numpy.empty((pack.lanes, 1))
        for to, number, gather in parts:
            to.put(out, gather(values[number]))
        return out

    return step


def _sum(pack: ir.Pack, operation: ir.Sum, place: Mapping[ir.Pack, int]) -> Step:
    if is_placing(pack):
        return _placed(pack, operation, place)
    by_lanes: dict[tuple[Any, bytes], tuple[Scatter, list[Step]]] = {}
    for segment in operation.segments:
        for block in segment.blocks:
            key = block.lane.shape, block.lane.tobytes()
            if key not in by_lanes:
                by_lanes[key] = Scatter(block.lane, pack.lanes), []
            by_lanes[key][1].append(_block(segment, block, pack.batched, place))
    parts = sorted(by_lanes.values(), key=lambda part: not part[0].is_whole)
    sources = [place[parent] for parent in pack.parents]
    empty = numpy.full((pack.lanes, 1), 0.0)
    for scatter, _ in parts:
        empty[scatter.lanes] = -0.0  # which leaves what is added to it unchanged

    def step(values: Values, n: int) -> ir.Floats:
        total: Any = None
        is_own = False
        for scatter, blocks in parts:
            result = functools.reduce(numpy.add, (compute(values, n) for compute in blocks))
            if scatter.is_whole:
                total = result if total is None else total + result
                continue
            if not is_own:
                shapes = [values[source].shape[1:] for source in sources] if pack.batched else [(1,)]
                shape = pack.lanes, *numpy.broadcast_shapes(*shapes)
                total, is_own = numpy.array(numpy.broadcast_to(empty if total is None else total, shape)), True
            scatter.add(total, result)
        return total + 0.0 if operation.from_zero else total  # type: ignore[no-any-return]

    return step


class Scatter:
    """Adds rows to lanes of an array; a lane that occurs several times gets the sum of its rows."""

    def __init__(self, lane: ir.Index, lanes: int) -> None:
        flat = lane.ravel()
        present = numpy.flatnonzero(flat != ir.ABSENT)
        self.is_whole: bool = flat.size == lanes and bool((flat == numpy.arange(lanes)).all())
        order = present[numpy.argsort(flat[present], kind="stable")]
        _, starts, counts = numpy.unique(flat[order], return_index=True, return_counts=True)
        self.turns: list[Any] = []  # in each of them, no lane occurs twice
        self.order: ir.Index = order
        self.starts: ir.Index = starts
        self.lanes: ir.Index = flat[order[starts]] if order.size else flat[:0]
        if counts.max(initial=0) <= MOST_TURNS:
            turn = numpy.arange(order.size) - numpy.repeat(starts, counts)
            for number in range(int(counts.max(initial=0))):
                rows = numpy.sort(order[turn == number])
                self.turns.append((Gather(flat[rows]).rows, Gather(rows).rows))

    def add(self, total: ir.Floats, result: ir.Floats) -> None:
        for lanes, rows in self.turns:
            total[lanes] += result[rows]
        if not self.turns and self.order.size:
            total[self.lanes] += numpy.add.reduceat(result[self.order], self.starts, axis=0)


def _block(segment: ir.Segment, block: ir.Block, batched: bool, place: Mapping[ir.Pack, int]) -> Step:
    """A function for the products of a block, [lane.size, width]; summed over the batch if the pack is unbatched."""
    sums_batch = not batched and segment.batched
    compute = (_one_factor if segment.b is None else _two_factors)(segment, block, sums_batch, place)
    size, is_negative = block.lane.size, block.sign < 0.0

    def step(values: Values, n: int) -> ir.Floats:
        result = compute(values, n).reshape(size, -1)
        return -result if is_negative else result

    return step


def _one_factor(segment: ir.Segment, block: ir.Block, sums_batch: bool, place: Mapping[ir.Pack, int]) -> Step:
    number, gather = place[segment.a], Gather(block.a)
    columns = block.lane.shape[2]

    def step(values: Values, n: int) -> ir.Floats:
        a = _over_batch(values[number], n) if sums_batch else values[number]
        rows = numpy_rows.total(gather(a).transpose(2, 0, 1, 3))
        return rows if columns == 1 else numpy.repeat(rows[:, :, None], columns, axis=2)

    return step


def _two_factors(segment: ir.Segment, block: ir.Block, sums_batch: bool, place: Mapping[ir.Pack, int]) -> Step:
    assert segment.b is not None
    assert block.b is not None
    first, second = place[segment.a], place[segment.b]
    gather_a, gather_b = Gather(block.a), Gather(block.b)
    is_there = None
    if gather_a.absent is not None or gather_b.absent is not None:
        is_there = (block.a != ir.ABSENT)[:, :, None] & (block.b != ir.ABSENT).swapaxes(1, 2)[:, None]

    def step(values: Values, n: int) -> Any:
        a, b = values[first], values[second]
        if sums_batch and 1 in (a.shape[1], b.shape[1]):  # one factor, at least, is the same for all
            times = n if a.shape[1] == b.shape[1] else 1
            return times * _product(gather_a(_over_batch(a, 1)), gather_b(_over_batch(b, 1)), False, is_there)
        return _product(gather_a(a), gather_b(b), sums_batch, is_there)

    return step


def _over_batch(a: ir.Floats, n: int) -> ir.Floats:
    """The sum over the batch: n times the numbers if they are the same for all examples."""
    return a.sum(axis=1, keepdims=True) if a.shape[1] != 1 else n * a


def _product(a: ir.Floats, b: ir.Floats, sums_batch: bool, is_there: Any) -> Any:
    """Σ_k a[g,h,k,·]·b[g,k,s,·]: [g, h, s, width], or summed over the batch, too.

    Where factors are absent, `is_there` says which products exist. Zeros stand for absent factors, unless any number is
    inf or nan: then products that do not exist are left out one by one.
    """
    (g, h, k, wide_a), (s, wide_b) = a.shape, b.shape[2:]
    if is_there is not None and not (numpy.isfinite(a).all() and numpy.isfinite(b).all()):
        products: Any = _term_by_term(a, b, is_there)
        return products.sum(axis=-1) if sums_batch else products
    if sums_batch:
        a, b = a.reshape(g, h, k * wide_a), b.swapaxes(1, 2).reshape(g, s, k * wide_b)
        return numpy.matmul(a, b.swapaxes(1, 2))
    if h == s == 1 or k == 1:  # one order of addition for any width; a single product keeps its sign
        return numpy_rows.total((a[:, :, None] * b.swapaxes(1, 2)[:, None]).transpose(3, 0, 1, 2, 4))
    if wide_a == 1:
        return numpy.matmul(a[..., 0], b.reshape(g, k, s * wide_b))
    if wide_b == 1:
        turned = numpy.matmul(b[..., 0].swapaxes(1, 2), a.swapaxes(1, 2).reshape(g, k, h * wide_a))
        return turned.reshape(g, s, h, wide_a).swapaxes(1, 2)
    return _term_by_term(a, b, None)


def _term_by_term(a: ir.Floats, b: ir.Floats, is_there: Any) -> Any:
    """The same sums term by term, where products that do not exist are 0 even if a factor is inf or nan."""

    def product(step: int) -> Any:
        found = a[:, :, step, None] * b[:, None, step]
        return found if is_there is None else numpy.where(is_there[..., step, None], found, 0.0)

    total = product(0)
    for step in range(1, a.shape[2]):
        total += product(step)
    return total
