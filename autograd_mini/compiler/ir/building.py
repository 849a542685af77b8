"""Building programs: new packs, shared where they are the same, and symbols that let rules build them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy

from autograd_mini.compiler.ir.program import (
    Apply,
    Argument,
    Block,
    Floats,
    Index,
    Leaf,
    Pack,
    Program,
    Reduce,
    Reference,
    Segment,
    Sum,
    Vector,
    lanes_of,
    moved,
)
from autograd_mini.compiler.passes.opaque import opaque_derivatives
from autograd_mini.compiler.passes.tracing import trace
from autograd_mini.graph import leaf
from autograd_mini.primitives import Part, Primitive, parts_of, symbols, to_float
from autograd_mini.value import Value


class Builder:
    """A program that grows. The same operation on the same lanes is made once.

    Args:
        leaves: those of its inputs.
    """

    def __init__(self, leaves: Iterable[Pack] = ()) -> None:
        self._memo: dict[Any, Pack] = {}
        self._constants: dict[str, int] = {}
        self.constants = Pack(0, False, Leaf("constant", 0, "constants"))
        self.packs: list[Pack] = [self.constants, *leaves]

    @staticmethod
    def of(program: Program) -> tuple[Builder, dict[str, list[Reference]]]:
        """A builder that goes on from a program, and the program's results in it. All but its inputs is copied."""
        builder = Builder()
        builder.packs.clear()
        copies: dict[Pack, Pack] = {}
        for pack in program.packs:
            operation = pack.operation
            if isinstance(operation, Leaf) and operation.constants is not None:
                copy = builder.constants
                builder.constant(operation.constants)
            elif isinstance(operation, Leaf):
                copy = pack
            else:
                copy = Pack(pack.lanes, pack.batched, moved(operation, copies))
                builder._memo[_memo_key(copy)] = copy
            copies[pack] = copy
            builder.packs.append(copy)
        for pack, copy in copies.items():
            copy.adjoint_of = None if pack.adjoint_of is None else copies[pack.adjoint_of]
        return builder, {
            name: [Reference(copies[each.pack], each.index) for each in references]
            for name, references in program.results.items()
        }

    def leaf(self, role: str, position: int, name: str, lanes: int, batched: bool) -> Pack:
        return self._new(Pack(lanes, batched, Leaf(role, position, name)))

    def constant(self, numbers: Floats) -> Index:
        """The lanes of `constants` that hold these numbers."""
        lanes = [self._constants.setdefault(number.hex(), len(self._constants)) for number in numbers.tolist()]
        self.constants.lanes = len(self._constants)
        return numpy.array(lanes, dtype=numpy.int64)

    def constant_at(self, lane: int) -> float:
        return float.fromhex(list(self._constants)[lane])

    def numbers(self, lanes: Index) -> Floats:
        """What `constants` holds there."""
        held: Floats = numpy.array([float.fromhex(text) for text in self._constants])
        return held[lanes]

    def apply(self, primitive: Primitive, args: Sequence[Argument], lanes: int, part: int | None = None) -> Pack:
        batched = any(isinstance(arg, Reference) and arg.pack.batched for arg in args)
        return self.shared(Pack(lanes, batched, Apply(primitive, tuple(args), part)))

    def reduce(self, primitive: Primitive, arg: Reference) -> Pack:
        return self.shared(Pack(arg.index.shape[1], arg.pack.batched, Reduce(primitive, arg)))

    def vector(self, function: str, arg: Reference, empty: float = float("nan")) -> Pack:
        return self.shared(Pack(arg.index.size, arg.pack.batched, Vector(function, arg, empty)))

    def sum(self, lanes: int, batched: bool, segments: list[Segment], *, from_zero: bool = False) -> Pack:
        return self._new(Pack(lanes, batched, Sum(segments, from_zero)))

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

    def so_far(self, results: Mapping[str, Sequence[Reference]]) -> Program:
        """All packs there are, as a program with these results."""
        assert isinstance(self.constants.operation, Leaf)
        self.constants.operation.constants = self.numbers(numpy.arange(self.constants.lanes))
        return Program(list(self.packs), results)

    def program(self, results: Mapping[str, Sequence[Reference]]) -> Program:
        """The program with these results, without what they do not need."""
        return self.so_far(results).without_dead().verify()

    def shared(self, pack: Pack) -> Pack:
        """The pack that was made before for the same operation, or this one."""
        key = _memo_key(pack)
        found = self._memo.get(key)
        if found is None:
            found = self._memo[key] = self._new(pack)
        return found

    def _new(self, pack: Pack) -> Pack:
        self.packs.append(pack)
        return pack


def elementwise(lane: Index, a: Index, b: Index | None, sign: float = 1.0) -> Block:
    """The block out[lane] += sign · a · b, term by term."""
    shape = (-1, 1, 1)
    return Block(lane.reshape(shape), a.reshape(shape), None if b is None else b.reshape(shape), sign)


def _copied(pack: Pack, places: list[tuple[int, Index]]) -> Segment:
    lane = numpy.concatenate([start + numpy.arange(index.size) for start, index in places])
    return Segment(pack, None, [elementwise(lane, numpy.concatenate([index for _, index in places]), None)])


def _memo_key(pack: Pack) -> Any:
    operation = pack.operation
    if isinstance(operation, Apply):
        return (operation.primitive, operation.part, pack.lanes, *map(_key, operation.args))
    if isinstance(operation, Reduce):
        return operation.primitive, "reduce", _key(operation.arg)
    if isinstance(operation, Vector):
        return operation.function, operation.empty == 0.0, _key(operation.arg)
    return pack  # sums are all different


def _key(arg: Argument) -> Any:
    return (arg.pack, arg.index.shape, arg.index.tobytes()) if isinstance(arg, Reference) else float(arg).hex()


def local_derivatives(primitive: Primitive, out: Any, operands: Sequence[Any]) -> tuple[Any, ...]:
    """The rule of the table, run on symbols; one that differentiates functions itself is recorded first, on Values, and
    one that branches on numbers is left to run on numbers."""
    try:
        return primitive.partials(out, *operands)
    except (TypeError, AttributeError):
        try:
            return _recorded_derivatives(primitive, out, operands)
        except (TypeError, ValueError, AttributeError):
            return opaque_derivatives(primitive, out, operands)


def _recorded_derivatives(primitive: Primitive, out: Any, operands: Sequence[Any]) -> tuple[Any, ...]:
    """What the rule records on Values, run again on symbols."""
    numbers = [low + 0.4 if high == math.inf else high - 0.4 for low, high in primitive.domain]
    numbers = [0.4 if math.isinf(number) else number for number in numbers]
    values = [leaf(number, Value) for number in (primitive.forward(*numbers), *numbers)]
    recorded = trace(lambda *args: [*primitive.partials(*args)], primitive.name, [values], values)
    if recorded.guards or recorded.parameters:
        raise TypeError("it branches on a number, or uses a Value from outside")
    found: dict[Value, Any] = dict(zip(values, (out, *operands)))
    for node in recorded.order:
        if node.operation is None:
            found.setdefault(node, node._data)
            continue
        args = [found[parent] for parent in node.parents]
        part = node.operation
        found[node] = part.whole(*args)[part.part] if isinstance(part, Part) else part(*args)
    return tuple([found.get(output, output._data) for output in recorded.outputs])


class Symbol(symbols.Symbol):
    """Lanes of a pack as a number of a rule: what the rule calculates with it becomes packs.

    So the one rule of the table differentiates programs too.
    """

    __slots__ = ("builder", "reference")

    def __init__(self, builder: Builder, reference: Reference) -> None:
        self.builder = builder
        self.reference = reference

    @staticmethod
    def apply_primitive(primitive: Primitive, args: tuple[Any, ...]) -> Any:
        first = next(arg for arg in args if isinstance(arg, Symbol))
        lanes, builder = first.reference.index.size, first.builder
        operands = [arg.reference if isinstance(arg, Symbol) else to_float(arg, primitive.name) for arg in args]
        parts = parts_of(primitive, len(args))
        if parts is not None:
            packs = [builder.apply(primitive, operands, lanes, part) for part in parts]
            return tuple(Symbol(builder, lanes_of(pack)) for pack in packs)
        return Symbol(builder, lanes_of(builder.apply(primitive, operands, lanes)))
