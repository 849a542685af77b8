"""Reading a program: one line after the other, every name defined before it is used."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy

from autograd_mini.compiler.notation.formulas import in_order, operation_text, slope_of
from autograd_mini.compiler.notation.naming import Naming, joined
from autograd_mini.compiler.notation.plain import Plain, Term
from autograd_mini.compiler.notation.sums import is_layer, is_matrix_product, sum_text
from autograd_mini.compiler.program import (
    Apply,
    Leaf,
    Pack,
    Program,
    Reference,
    Sum,
    Vector,
    is_adjoint,
    lanes_of,
    parents,
)
from autograd_mini.draw.notation import Text
from autograd_mini.primitives import Primitive

LONGEST_INLINED = 40
MOST_PARTS = 4

MARGIN = 4
"""Lines of the gradient may move up; those beyond so many times the most would not come among them."""


@dataclass
class Line:
    """One line of a program: `target = formula`, or `+=` if it adds to lanes of an earlier line.

    Attributes:
        names: what is defined, without lanes.
        uses: the names in the formula.
        is_product: whether there is a matrix product in it.
        is_backward: whether the value does not need it.
    """

    names: list[str]
    target: str
    formula: str
    shape: str = ""
    uses: list[str] = field(default_factory=list)
    sign: str = "="
    is_product: bool = False
    is_backward: bool = False


class Reading:
    """A program as lines, every name defined before it is used.

    Args:
        most_lines: reading ends when there are more of the value, or many times more in all.

    Attributes:
        lines: those of the value first.
        names: what the packs are called.
        is_whole: whether reading came to the end.
    """

    def __init__(self, program: Program, most_lines: int | None = None) -> None:
        self.plain = Plain(program)
        self.lines: list[Line] = []
        self._program = program
        self._results = {name: references[0] for name, references in program.results.items() if references}
        self._forward = _ancestors(ref.pack for name, ref in self._results.items() if not is_adjoint(name))
        self._finals = {ref.pack for name, ref in self._results.items() if is_adjoint(name)} - self._forward
        self._slopes = dict(self._found_slopes())
        place = {pack: number for number, pack in enumerate(program.packs)}
        # Only packs that come later are read like others: sine and cosine are each other's derivative.
        alike = {pack: made for pack, (_, _, made) in self._slopes.items() if place.get(made, len(place)) < place[pack]}
        self.names = Naming(program, self.plain, self._forward, alike)
        self._uses = self._counted()
        self._activated = self._found_activations()
        self._layers: dict[Pack, str] = {}
        self._last: list[Line] = []
        packs = [pack for pack in program.packs if pack in self._uses and not isinstance(pack.operation, Leaf)]
        self.is_whole = self._read_all([pack for pack in packs if pack in self._forward], most_lines)
        if self.is_whole:
            self._read_value()
            backward = [pack for pack in packs if pack not in self._forward]
            self.is_whole = self._read_all(backward, None if most_lines is None else MARGIN * most_lines)
            self._place_last()

    def _read_all(self, packs: Sequence[Pack], most_lines: int | None) -> bool:
        """Read packs as long as there are not too many lines; whether it came to the end."""
        for pack in packs:
            if most_lines is not None and len(self.lines) > most_lines:
                return False
            self._read(pack)
        return True

    def _found_slopes(self) -> Iterator[tuple[Pack, tuple[Primitive, Reference, Pack]]]:
        """The packs of local derivatives f′(z) of functions of one argument."""
        for _, segment in self._program.segments():
            made = segment.a.adjoint_of
            if made is None or segment.b is None or segment.b in self._forward or segment.b.adjoint_of is not None:
                continue
            if isinstance(made.operation, Apply) and len(made.operation.args) == 1 and made.lanes == segment.b.lanes:
                primitive, (arg,) = made.operation.primitive, made.operation.args
                is_named = primitive.symbol.isidentifier() and primitive.name != "square"
                if is_named and isinstance(arg, Reference) and not isinstance(segment.b.operation, Leaf):
                    yield segment.b, (primitive, self.plain.resolved(arg), made)

    def _counted(self) -> Counter[Pack]:
        """How often each pack is used by what is to be read; those absent are not needed at all."""
        stack = [self.plain.resolved(reference).pack for reference in self._results.values()] + list(self._finals)
        uses = Counter(dict.fromkeys(stack, 0))
        seen: set[Pack] = set()
        while stack:
            pack = stack.pop()
            if pack not in seen:
                seen.add(pack)
                used = [self._slopes[pack][1]] if pack in self._slopes else self.plain.operands(pack)
                uses.update(reference.pack for reference in used)
                stack += [reference.pack for reference in used]
        return uses

    def _found_activations(self) -> dict[Pack, Pack]:
        """The packs that are the one activation of another, and which."""
        found: dict[Pack, list[Pack]] = {}
        for pack in self._program.packs:
            args = self.plain.operands(pack)
            if pack not in self._forward or not isinstance(pack.operation, (Apply, Vector)) or len(args) != 1:
                continue
            if numpy.unique(args[0].index).size == args[0].index.size == args[0].pack.lanes:
                found.setdefault(args[0].pack, []).append(pack)
        return {packs[0]: pack for pack, packs in found.items() if len(packs) == 1}

    def _read(self, pack: Pack) -> None:
        """Make the lines of a pack, or note what it is written as where it is used."""
        names, plain = self.names, self.plain
        names.used = []
        if pack in self._slopes:
            primitive, arg, _ = self._slopes[pack]
            names.inlined[pack] = slope_of(primitive, names.written(in_order(names, pack, arg))), names.used
        elif pack in plain.origins and pack not in self._finals:
            parts = plain.parts(pack, names.order(pack))
            formula = joined([names.written(part) for part in parts])
            if len(parts) <= MOST_PARTS:
                names.inlined[pack] = formula, names.used
            else:
                names.name(pack)
                self._add(lanes_of(pack), formula)
        elif isinstance(pack.operation, Sum):
            self._read_sum(pack)
        else:
            formula = operation_text(names, plain, pack)
            if not self._is_inlined(pack, formula):
                self._name(pack)
                for arg in plain.operands(pack):
                    names.lay_out_like(pack, arg)
                self._add(lanes_of(pack), formula)

    def _read_sum(self, pack: Pack) -> None:
        groups: dict[bytes, list[Term]] = {}
        for term in self.plain.terms[pack]:
            if term.lanes.size:
                groups.setdefault(term.lanes.tobytes(), []).append(term)
        terms = [term for group in groups.values() for term in group]
        is_whole = len(groups) == 1 and terms[0].lanes.size == pack.lanes
        if is_whole and self._is_local(pack) and self._is_inlined(pack, sum_text(self.names, pack, terms)):
            return
        self._name(pack)
        given: set[int] = set()
        for group in groups.values():
            self.names.used = []
            lanes = group[0].lanes
            formula = sum_text(self.names, pack, group)
            sign = "=" if given.isdisjoint(lanes.tolist()) else "+="
            given.update(lanes.tolist())
            self._add(Reference(pack, lanes), formula, sign, any(is_matrix_product(self.names, term) for term in group))
        if not groups:
            self._add(lanes_of(pack), Text("0"))

    def _is_local(self, pack: Pack) -> bool:
        """Whether it may be a local derivative, or part of one, that is used in one place."""
        is_backward = pack not in self._forward and pack not in self._finals
        return is_backward and pack.adjoint_of is None and self._uses[pack] == 1

    def _is_inlined(self, pack: Pack, formula: Text) -> bool:
        """Whether a formula stands where it is used; if so it is noted."""
        if not self._is_local(pack) or len(formula.text) > LONGEST_INLINED:
            return False
        self.names.inlined[pack] = formula, self.names.used
        return True

    def _name(self, pack: Pack) -> None:
        wanted = ""
        if pack in self._forward:
            value = self._results.get("value")
            layer = self._layers.get(self._activated.get(pack, pack))
            if is_layer(self.names, self.plain.terms.get(pack, [])):
                wanted = self._layers[pack] = self.names.name_layer(self.plain.terms[pack])
            elif layer is not None:
                wanted = layer.replace("z", "y")
            elif value is not None and self.plain.resolved(value).pack is pack and value.index.size == pack.lanes:
                wanted = self.names.value
        self.names.name(pack, wanted)

    def _read_value(self) -> None:
        """A line for the value, if it is not what a line before has defined."""
        value = self._results.get("value")
        if value is not None and value.index.size and self.names.value not in self.names.names.values():
            self.names.used = []
            reference = self.plain.resolved(value)
            text, shape = self.names.written(reference).text, self.names.shape(reference)
            self.lines.append(Line([self.names.value], self.names.value, text, shape, self.names.used))

    def _add(self, target: Reference, formula: Text, sign: str = "=", is_product: bool = False) -> None:
        names, pack = self.names, target.pack
        used, names.used = list(dict.fromkeys(names.used)), []
        lanes = target.index[numpy.argsort(names.places(pack, target.index))]
        written = names.written(Reference(pack, lanes)).text
        line = Line(names.used, written, formula.text, names.shape(target), used, sign, is_product)
        line.is_backward = pack not in self._forward
        is_last = pack in self._finals and not self._uses[pack]
        (self._last if is_last else self.lines).append(line)

    def _place_last(self) -> None:
        """Move what only the caller wants to where it can first be computed, matrices before offsets."""
        place = {name: number for number, line in enumerate(self.lines) for name in line.names}
        first = next((n for n, line in enumerate(self.lines) if line.is_backward), len(self.lines)) - 1
        found: dict[int, list[Line]] = {}
        for line in sorted(self._last, key=lambda line: (line.sign != "=", not line.is_product)):
            number = max([first, *(place.get(name, -1) for name in [*line.names, *line.uses])])
            place.update({name: max(number, place.get(name, -1)) for name in line.names})
            found.setdefault(number, []).append(line)
        lines = found.get(-1, [])
        for number, line in enumerate(self.lines):
            lines += [line, *found.get(number, [])]
        self.lines = lines


def _ancestors(packs: Iterable[Pack]) -> set[Pack]:
    """The packs and all that they are made of."""
    stack, found = list(packs), set()
    while stack:
        pack = stack.pop()
        if pack not in found:
            found.add(pack)
            stack += parents(pack)
    return found
