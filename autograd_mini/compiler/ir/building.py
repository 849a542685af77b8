"""Building programs: new packs, shared where they are the same."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from math import nan
from typing import TYPE_CHECKING, Any

import numpy

from autograd_mini.compiler.ir.program import (
    Apply,
    Argument,
    Block,
    Floats,
    Index,
    Leaf,
    Loop,
    Operation,
    Pack,
    Program,
    Reduce,
    Reference,
    Segment,
    Sum,
    Vector,
)
from autograd_mini.primitives import Primitive

if TYPE_CHECKING:
    from autograd_mini.compiler.scans.transforming import Scan


class Builder:
    """A program that grows. The same operation on the same lanes is made once.

    Args:
        leaves: the leaves of its inputs.
    """

    def __init__(self, leaves: Iterable[Pack] = ()) -> None:
        self._memo: dict[Any, Pack] = {}
        self._constants: dict[str, int] = {}
        self.constants: Pack = Pack(0, False, Leaf("constant", 0, "constants"))
        self.packs: list[Pack] = [self.constants, *leaves]

    def go_on(self, program: Program) -> Mapping[str, Reference]:
        """Continue a program, copying all of it but its inputs; return its results as references to the copies."""
        self.packs.clear()
        copies: dict[Pack, Pack] = {}
        for pack in program.packs:
            copies[pack] = self.taken(pack, _moved(pack.operation, copies))
            if pack.adjoint_of is not None:  # its primal may have been dropped
                copies[pack].adjoint_of = copies.get(pack.adjoint_of)
        return {name: Reference(copies[each.pack], each.index) for name, each in program.results.items()}

    def taken(self, pack: Pack, operation: Operation) -> Pack:
        """What a pack of another program becomes here, given its operation on packs that are here."""
        if not isinstance(operation, Leaf):
            return self.shared(Pack(pack.lanes, pack.batched, operation))
        if operation.constants is None:
            return self.new(pack)
        self.constant(operation.constants)
        return self.new(self.constants)

    def leaf(self, role: str, position: int, name: str, lanes: int, batched: bool) -> Pack:
        return self.new(Pack(lanes, batched, Leaf(role, position, name)))

    def constant(self, numbers: Floats) -> Index:
        """The lanes of `constants` that hold these numbers."""
        lanes = [self._constants.setdefault(number.hex(), len(self._constants)) for number in numbers.tolist()]
        self.constants.lanes = len(self._constants)
        return numpy.array(lanes, dtype=numpy.int64)

    def repeated(self, number: float, lanes: int) -> Reference:
        """A reference to one constant, repeated for so many lanes."""
        return Reference(self.constants, numpy.repeat(self.constant(numpy.array([number])), lanes))

    @property
    def known_constants(self) -> Floats:
        """The numbers in the lanes of `constants`."""
        return numpy.array([float.fromhex(text) for text in self._constants])

    def constant_at(self, lane: int) -> float:
        return float.fromhex(next(islice(self._constants, lane, None)))

    def apply(self, primitive: Primitive, args: Sequence[Argument], lanes: int) -> Pack:
        batched = any(isinstance(arg, Reference) and arg.pack.batched for arg in args)
        return self.shared(Pack(lanes, batched, Apply(primitive, tuple(args))))

    def reduce(self, primitive: Primitive, arg: Reference) -> Pack:
        return self.shared(Pack(arg.index.shape[1], arg.pack.batched, Reduce(primitive, arg)))

    def vector(self, function: str, x: Reference, empty: float = nan) -> Reference:
        """A function of vectors to vectors, on every column of a matrix."""
        pack = self.shared(Pack(x.index.size, x.pack.batched, Vector(function, x, empty)))
        return _like(pack, x)

    def each(self, primitive: Primitive, x: Reference, y: Reference) -> Reference:
        """A primitive applied to the numbers of two matrices, pair by pair."""
        args = [Reference(each.pack, each.index.ravel()) for each in (x, y)]
        return _like(self.apply(primitive, args, x.index.size), x)

    def combined(self, terms: Sequence[tuple[float, Reference, Reference | None]]) -> Reference:
        """Σ c·x·y of the numbers of matrices, where x may be an adjoint."""
        lanes, x = numpy.arange(terms[0][1].index.size), terms[0][1]
        return _like(self.sum(lanes.size, x.pack.batched, [segment(lanes, *term) for term in terms]), x)

    def sum(self, lanes: int, batched: bool, segments: list[Segment], *, from_zero: bool = False) -> Pack:
        return self.new(Pack(lanes, batched, Sum(segments, from_zero)))

    def loop(self, scan: Scan, parts: Sequence[tuple[Reference, Index]], forward: Reference | None = None) -> Pack:
        """A loop, given the lanes that go in, and the places where they go."""
        args, places = zip(*parts)
        return self.new(Pack(scan.n_out, any(arg.pack.batched for arg in args), Loop(scan, args, places, forward)))

    def gathered(self, parts: list[list[Reference]]) -> Reference:
        """References of one pack or several, [n][lanes of each], as one [n, lanes] reference to one pack."""
        packs = {part.pack for row in parts for part in row}
        if len(packs) == 1:
            index = numpy.array([numpy.concatenate([part.index for part in row]) for row in parts])
            return Reference(packs.pop(), index)
        segments: dict[Pack, list[tuple[int, Index]]] = {}
        lane = 0
        for row in parts:
            for part in row:
                segments.setdefault(part.pack, []).append((lane, part.index))
                lane += part.index.size
        joined = self.sum(lane, any(pack.batched for pack in packs), [_copied(*item) for item in segments.items()])
        return Reference(joined, numpy.arange(lane).reshape(len(parts), -1))

    def so_far(self, results: Mapping[str, Reference]) -> Program:
        """All packs so far, as a program with these results."""
        assert isinstance(self.constants.operation, Leaf)
        self.constants.operation.constants = self.known_constants
        return Program(list(self.packs), results)

    def program(self, results: Mapping[str, Reference]) -> Program:
        """The program with these results, without what they do not need."""
        return self.so_far(results).without_dead()

    def shared(self, pack: Pack) -> Pack:
        """The pack that was made before for the same operation, or this one."""
        key = _memo_key(pack)
        found = self._memo.get(key)
        if found is None:
            found = self._memo[key] = self.new(pack)
        return found

    def new(self, pack: Pack) -> Pack:
        self.packs.append(pack)
        return pack


def _like(pack: Pack, x: Reference) -> Reference:
    """All lanes of a pack, in the shape of a matrix."""
    return Reference(pack, numpy.arange(pack.lanes).reshape(x.index.shape))


def segment(lane: Index, c: float, x: Reference, y: Reference | None, *, selects: bool = False) -> Segment:
    """The segment out[lane] += c·x·y, number by number, where x is an adjoint, and y may be a choice."""
    block = elementwise(lane, x.index, None if y is None else y.index, c)
    return Segment(x.pack, None if y is None else y.pack, [block], adjoint=0, selects=selects)


def whole(pack: Pack) -> Segment:
    """All lanes of a pack as terms of a sum."""
    lanes = numpy.arange(pack.lanes)
    return Segment(pack, None, [elementwise(lanes, lanes, None)])


def elementwise(lane: Index, a: Index, b: Index | None, sign: float = 1.0) -> Block:
    """The block out[lane] += sign · a · b, term by term."""
    shape = (-1, 1, 1)
    return Block(lane.reshape(shape), a.reshape(shape), None if b is None else b.reshape(shape), sign)


def _copied(pack: Pack, places: list[tuple[int, Index]]) -> Segment:
    lane = numpy.concatenate([start + numpy.arange(index.size) for start, index in places])
    return Segment(pack, None, [elementwise(lane, numpy.concatenate([index for _, index in places]), None)])


def _moved(operation: Operation, copies: Mapping[Pack, Pack]) -> Operation:
    """The same operation on copies of the packs that it reads; a leaf stays itself."""

    def reference(argument: Argument) -> Any:
        return Reference(copies[argument.pack], argument.index) if isinstance(argument, Reference) else argument

    if isinstance(operation, Apply):
        return replace(operation, args=tuple(map(reference, operation.args)))
    if isinstance(operation, Loop):
        args, forward = tuple(map(reference, operation.args)), operation.forward
        return replace(operation, args=args, forward=None if forward is None else reference(forward))
    if isinstance(operation, Reduce | Vector):
        return replace(operation, arg=reference(operation.arg))
    if isinstance(operation, Sum):
        moved = [
            replace(each, a=copies[each.a], b=None if each.b is None else copies[each.b]) for each in operation.segments
        ]
        return replace(operation, segments=moved)
    return operation


def _memo_key(pack: Pack) -> Any:
    operation = pack.operation
    if isinstance(operation, Apply):
        return (operation.primitive, pack.lanes, *map(_key, operation.args))
    if isinstance(operation, Reduce):
        return operation.primitive, "reduce", _key(operation.arg)
    if isinstance(operation, Vector):
        return operation.function, operation.empty == 0.0, _key(operation.arg)
    return pack  # each sum and each loop is a pack of its own


def _key(arg: Argument) -> Any:
    return (arg.pack, arg.index.shape, arg.index.tobytes()) if isinstance(arg, Reference) else float(arg).hex()
