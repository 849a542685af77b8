"""Programs of packs in C: a loop for every pack, or one for several that are computed lane by lane."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import isnan
from typing import NamedTuple

import numpy

from autograd_mini.compiler.code.cells import Cell
from autograd_mini.compiler.code.emit import total
from autograd_mini.compiler.code.machine_rows import has_emission
from autograd_mini.compiler.export.bodies_in_c import Body, Place, Room, Setting, indented, nested, pieces, repeated
from autograd_mini.compiler.export.loops_in_c import Loops
from autograd_mini.compiler.export.statements import FUSED, Statements, literal
from autograd_mini.compiler.ir import program as ir
from autograd_mini.compiler.run.scheduling import constants_of

MOST_PACKS = 64
"""How many packs may share one loop, whose body a C compiler still optimises quickly. Not tuned."""

REDUCTIONS = {name: f"{name}_of" for name in ("max", "min", "prod", "norm", "logsumexp")} | {"hypot": "norm_of"}
VECTORS = {
    "softmax": "softmax_in({n}, {x}, {empty})",
    "log_softmax": "log_softmax_in({n}, {x})",
    "sum_of_others": "sum_of_others_in({n}, {x}, {x} + {n})",
    "first_max": "first_max_in({n}, {x})",
    "first_min": "first_min_in({n}, {x})",
}


class Term(NamedTuple):
    """±x·y of whole packs, lane by lane; y is None for 1."""

    sign: float
    x: ir.Reference
    y: ir.Reference | None


def body_of(name: str, program: ir.Program, setting: Setting) -> Body:
    """A program of packs in C, as a function of that name."""
    return _Packs(name, program, setting).body()


class _Packs:
    def __init__(self, name: str, program: ir.Program, setting: Setting) -> None:
        self._program, self._constants, self._room = program, setting.constants, Room(setting.room)
        self._held = {**constants_of(program), **setting.held}
        self._offsets = {**setting.offsets}
        self._name, self._loops = name, Loops(name, setting.constants)
        self._kept = {reference.pack for reference in program.results.values()}
        self._users: dict[ir.Pack, set[ir.Pack]] = {}
        for pack in program.packs:
            for parent in pack.parents:
                self._users.setdefault(parent, set()).add(pack)

    def body(self) -> Body:
        lines = [line for group in self._groups() for line in self._written(group)]
        results = {name: self._place(each.pack, each.index) for name, each in self._program.results.items()}
        return Body(self._name, self._loops.functions, pieces(lines), results, self._room.size)

    def _place(self, pack: ir.Pack, index: ir.Index) -> Place:
        return lambda variable: self._at(pack, index, [variable if variable.isalnum() else f"({variable})"])

    def _groups(self) -> Iterator[list[ir.Pack]]:
        """Packs in program order, grouped so that one loop can compute a group."""
        group: list[ir.Pack] = []
        for pack in self._program.packs:
            if isinstance(pack.operation, ir.Leaf) or pack in self._held or not pack.lanes:
                continue
            if group and not (len(group) < MOST_PACKS and self._joins(pack, group)):
                yield group
                group = []
            group.append(pack)
        if group:
            yield group

    def _joins(self, pack: ir.Pack, group: Sequence[ir.Pack]) -> bool:
        """Whether a pack is computed lane by lane, and each lane reads only its own lane of packs in the group."""
        inside = set(group)
        if pack.lanes != group[0].lanes or not (_is_by_lane(pack) and _is_by_lane(group[0])):
            return False
        return all(each.is_whole for each in _references(pack) if each.pack in inside)

    def _written(self, group: list[ir.Pack]) -> list[str]:
        """The loop of a group; what only its own packs read stays in registers."""
        inside = set(group)
        stored = [pack for pack in group if pack in self._kept or not self._users.get(pack, set()) <= inside]
        for pack in stored:
            self._offsets[pack] = self._room.take(pack.lanes)
        lines = self._by_lane(group, stored) if _is_by_lane(group[0]) else self._alone(group[0])
        for pack in dict.fromkeys([*(parent for each in group for parent in each.parents), *stored]):
            self._users[pack] = self._users.get(pack, set()) - inside
            is_own = not isinstance(pack.operation, ir.Leaf) and pack in self._offsets
            if is_own and not self._users[pack] and pack not in self._kept:
                self._room.give(self._offsets[pack], pack.lanes)
        return lines

    def _by_lane(self, group: list[ir.Pack], stored: list[ir.Pack]) -> list[str]:
        statements = Statements()
        cells: dict[ir.Pack, Cell] = {}

        def operand(argument: ir.Argument) -> Cell:
            if not isinstance(argument, ir.Reference):
                return statements.number(argument)
            if argument.pack in cells:
                return cells[argument.pack]
            text, number = self._at(argument.pack, argument.index, ["i"]), self._number(argument)
            return statements.read(text) if number is None else statements.number(number)

        for pack in group:
            operation = pack.operation
            if isinstance(operation, ir.Apply):
                if not has_emission(operation.primitive, len(operation.args)):
                    raise NotImplementedError(operation.primitive.name)
                cells[pack] = statements.cell(operation.primitive(*map(operand, operation.args)))
            else:
                products = [
                    (sign, [operand(each) for each in (x, y) if each is not None]) for sign, x, y in _terms(pack) or []
                ]
                cells[pack] = total(statements, products, operation.from_zero)  # type: ignore[union-attr]
        for pack in stored:
            statements.write(self._at(pack, numpy.arange(pack.lanes), ["i"]), cells[pack])
        lines = [*statements.written()]
        return nested(["i"], [group[0].lanes], lines) if group[0].lanes > 1 else ["{", *indented(lines), "}"]

    def _number(self, reference: ir.Reference) -> float | None:
        """The number that all lanes hold, if they are one constant; else None."""
        held = self._held.get(reference.pack)
        if held is None or not reference.index.size:
            return None
        found = {number.hex() for number in held[reference.index.ravel()].tolist()}
        return float.fromhex(found.pop()) if len(found) == 1 else None

    def _at(self, pack: ir.Pack, index: ir.Index, variables: Sequence[str]) -> str:
        """An expression for the place of a lane, in memory or in a table of constants."""
        number = self._number(ir.Reference(pack, index))
        if number is not None:
            return literal(number)
        used = [(variable, size) for variable, size in zip(variables, index.shape) if size > 1]
        index = index.reshape([size for _, size in used])
        names = [variable for variable, _ in used]
        held = self._held.get(pack)
        if held is not None:
            return f"{self._constants.numbers(held)}[{self._constants.index(index, names)}]"
        return f"w[{self._constants.index(index, names, self._offsets[pack])}]"

    def _alone(self, pack: ir.Pack) -> list[str]:
        """Lines for a pack that is not computed lane by lane."""
        operation = pack.operation
        if isinstance(operation, ir.Sum):
            return self._sum(pack, operation)
        if pack not in self._offsets:  # nothing reads it
            return []
        if isinstance(operation, ir.Loop):
            return self._loop(pack, operation)
        assert isinstance(operation, ir.Reduce | ir.Vector)
        n, lanes = operation.arg.index.shape
        buffer = self._room.take(2 * n)
        x = f"w + {buffer}"
        gathered = f"w[{buffer} + k] = {self._at(operation.arg.pack, operation.arg.index, ['k', 'i'])};"
        lines = nested(["k"], [n], [gathered if n > 1 else gathered.replace("+ k]", "+ 0]")])
        every = numpy.arange(pack.lanes)
        if isinstance(operation, ir.Reduce):
            function = REDUCTIONS.get(operation.primitive.name)
            if function is None:
                raise NotImplementedError(operation.primitive.name)
            lines.append(f"{self._at(pack, every, ['i'])} = {function}({n}, {x});")
        else:
            empty = "NAN" if isnan(operation.empty) else literal(operation.empty)
            lines.append(VECTORS[operation.function].format(n=n, x=x, empty=empty) + ";")
            target = self._at(pack, every.reshape(n, lanes), ["k", "i"])
            lines += nested(["k"], [n], [f"{target} = w[{buffer}{' + k' if n > 1 else ''}];"])
        self._room.give(buffer, 2 * n)
        return nested(["i"], [lanes], lines) if lanes > 1 else lines

    def _loop(self, pack: ir.Pack, operation: ir.Loop) -> list[str]:
        """Lines for a loop, after those that copy all its inputs to one place."""
        scan, taken = operation.scan, list[tuple[int, int]]()

        def take(size: int) -> int:
            taken.append((self._room.take(size), size))
            return taken[-1][0]

        given = take(scan.n_in)
        lines = repeated(scan.n_in, f"w[{given} + k] = 0.0;")
        for arg, places in zip(operation.args, operation.places):
            if places.size:
                to = self._constants.index(places, ["i"], given) if places.size > 1 else str(given + int(places[0]))
                text = f"w[{to}] = {self._at(arg.pack, arg.index, ['i'])};"
                lines += nested(["i"], [places.size], [text])
        lines += self._loops.lines(scan, given, self._offsets[pack], take)
        for start, size in taken:
            self._room.give(start, size)
        return lines

    def _sum(self, pack: ir.Pack, operation: ir.Sum) -> list[str]:
        """Lines for a sum: each block is added to those before."""
        if pack not in self._offsets:
            return []
        blocks = [(segment, block) for segment in operation.segments for block in segment.blocks]
        lines: list[str] = []
        blocks.sort(key=lambda each: not _covers(each[1], pack.lanes))
        is_begun = not operation.from_zero and bool(blocks) and _covers(blocks[0][1], pack.lanes)
        if not is_begun:  # -0.0 changes nothing that is added to it
            start = literal(0.0 if operation.from_zero else -0.0)
            lines += nested(["i"], [pack.lanes], [f"{self._at(pack, numpy.arange(pack.lanes), ['i'])} = {start};"])
        for segment, block in blocks:
            lines += self._block(pack, segment, block, "=" if is_begun else "+=")
            is_begun = False
        return lines

    def _block(self, pack: ir.Pack, segment: ir.Segment, block: ir.Block, into: str) -> list[str]:
        if block.has_gaps:
            return self._scattered(pack, segment, block)
        (g, h, s), k = block.lane.shape, block.a.shape[2]
        sizes, names = [g, h, s], ["g", "h", "s"]
        _, of_a, of_b = block.aligned()
        a, lane = self._at(segment.a, of_a, [*names, "k"]), self._at(pack, block.lane, names)
        b = None if segment.b is None or of_b is None else self._at(segment.b, of_b, [*names, "k"])
        sign = ("= -" if into == "=" else "-= ") if block.sign < 0.0 else f"{into} "
        if k == 1:
            return nested(names, sizes, [f"{lane} {sign}{a if b is None else f'{a} * {b}'};"])
        step = f"t = t + {a};" if b is None else f"t = {FUSED}({a}, {b}, t);"
        end = f"{lane} {sign}t;"
        lines = nested(names, sizes, ["double t = -0.0;", *nested(["k"], [k], [step]), end])
        return lines if g * h * s > 1 else ["{", *indented(lines), "}"]

    def _scattered(self, pack: ir.Pack, segment: ir.Segment, block: ir.Block) -> list[str]:
        """Lines for a block term by term, without those that are absent."""
        lines = []
        for _, sign, lane, a, b in ir.Sum([ir.Segment(segment.a, segment.b, [block])]).terms():
            product = self._at(segment.a, a, ["i"])
            if segment.b is not None:
                product += f" * {self._at(segment.b, b, ['i'])}"
            text = f"{self._at(pack, lane, ['i'])} {'-=' if sign < 0.0 else '+='} {product};"
            lines += nested(["i"], [lane.size], [text]) if lane.size else []
        return lines


def _covers(block: ir.Block, lanes: int) -> bool:
    """Whether a block has each lane once, and no factor is absent."""
    return not block.has_gaps and numpy.array_equal(numpy.sort(block.lane, axis=None), numpy.arange(lanes))


def _is_by_lane(pack: ir.Pack) -> bool:
    return isinstance(pack.operation, ir.Apply) or (isinstance(pack.operation, ir.Sum) and _terms(pack) is not None)


def _terms(pack: ir.Pack) -> list[Term] | None:
    """The terms of a sum that is computed lane by lane; None for any other."""
    found = []
    assert isinstance(pack.operation, ir.Sum)
    every = numpy.arange(pack.lanes)
    for segment in pack.operation.segments:
        for block in segment.blocks:
            lane = block.lane.ravel()
            if not block.is_elementwise or block.has_gaps or lane.size != pack.lanes or (lane != every).any():
                return None
            x = ir.Reference(segment.a, block.a.ravel())
            y = None if segment.b is None or block.b is None else ir.Reference(segment.b, block.b.ravel())
            found.append(Term(block.sign, x, y))
    return found


def _references(pack: ir.Pack) -> list[ir.Reference]:
    operation = pack.operation
    if isinstance(operation, ir.Sum):
        return [each for term in _terms(pack) or [] for each in (term.x, term.y) if each is not None]
    return [each for each in operation.arguments() if isinstance(each, ir.Reference)]
