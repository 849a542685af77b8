"""Reading a program: one line after the other, every name defined before it is used; and `print(program)`, the vector
formulation that was found, in the notation of the lecture."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import numpy

from autograd_mini.compiler.ir import program as ir
from autograd_mini.compiler.ir.names import is_adjoint
from autograd_mini.compiler.notation.equations import OTHERS, in_order, is_layer, operation_text, sum_text
from autograd_mini.compiler.notation.naming import Naming
from autograd_mini.compiler.notation.plain import Plain, Term
from autograd_mini.mathematics import Text, cut, joined, operation_name, subscripted
from autograd_mini.primitives import Primitive

LONGEST_INLINED = 40  # letters of a formula that may stand within another one


@dataclass
class Line:
    """One line of a program: `target = formula`, or `+=` if it adds to lanes of an earlier line.

    Attributes:
        names: what is defined, without lanes.
        uses: the names in the formula.
        is_product: whether there is a matrix product in it.
        is_backward: whether the value does not need it.
        is_last: whether only the caller needs it.
    """

    names: list[str]
    target: str
    sign: str
    formula: str
    shape: str
    uses: list[str]
    is_product: bool
    is_backward: bool
    is_last: bool


class Reading:
    """A program, or its first `most` packs, as lines, every name defined before it is used.

    Attributes:
        lines: the lines, those of the value first.
        names: the names of the packs.
        is_whole: whether reading came to the end.
    """

    def __init__(self, program: ir.Program, most: int | None = None) -> None:
        self.plain: Plain = Plain(program)
        self.lines: list[Line] = []
        self._results = program.results
        values = [reference.pack for name, reference in self._results.items() if not is_adjoint(name)]
        self._forward = ir.made_of(values)
        self._finals = {ref.pack for name, ref in self._results.items() if is_adjoint(name)} - self._forward
        self._slopes = dict(self._found_slopes(program))
        self.names: Naming = Naming(program, self.plain, self._forward)
        starts = [self.plain.resolved(reference).pack for reference in self._results.values()] + list(self._finals)
        needed = ir.made_of(starts, lambda pack: [operand.pack for operand in self._operands(pack)])
        self._uses = Counter(operand.pack for pack in needed for operand in self._operands(pack))
        self._layers: dict[ir.Pack, str] = {}
        packs = [pack for pack in program.packs if pack in needed and not pack.role]
        packs.sort(key=lambda pack: pack not in self._forward)
        self.is_whole: bool = len(packs[:most]) == len(packs)
        for pack in packs[:most]:
            self._read(pack)
        self._read_value()

    def _operands(self, pack: ir.Pack) -> list[ir.Reference]:
        """The references with which the formula of a pack is written."""
        return [self._slopes[pack][1]] if pack in self._slopes else self.plain.operands(pack)

    def _found_slopes(self, program: ir.Program) -> Iterator[tuple[ir.Pack, tuple[Primitive, ir.Reference]]]:
        """The packs of local derivatives f′(z) of functions of one argument."""
        for _, segment in program.segments():
            made, slope = segment.a.adjoint_of, segment.b
            if made and slope and isinstance(made.operation, ir.Apply) and made.lanes == slope.lanes:
                primitive, (arg, *others) = made.operation.primitive, made.operation.args
                is_named = primitive.symbol.isidentifier() and primitive.name != "square"
                is_local = slope not in self._forward and slope.adjoint_of is None and not slope.role
                if is_named and is_local and isinstance(arg, ir.Reference) and not others:
                    yield slope, (primitive, self.plain.resolved(arg))

    def _read(self, pack: ir.Pack) -> None:
        """Make the lines of a pack, or note how it is written where it is used."""
        names, plain = self.names, self.plain
        names.used = []
        if pack in self._slopes:
            primitive, arg = self._slopes[pack]
            argument = names.written(in_order(names, pack, arg)).text
            names.inlined[pack] = Text(f"{operation_name(primitive, '′')}({argument})"), names.used
        elif pack in plain.origins and pack not in self._finals:
            parts = plain.parts(pack, names.view(ir.lanes_of(pack)).natural)
            names.inlined[pack] = joined([names.written(part) for part in parts]), names.used
        elif not self._is_inlined(pack):
            self._name(pack)
            given: set[int] = set()
            for lanes, formula, is_product in self._formulas(pack):
                sign = "=" if given.isdisjoint(lanes.tolist()) else "+="
                self._add(ir.Reference(pack, lanes), sign, formula, is_product)
                given.update(lanes.tolist())

    def _is_inlined(self, pack: ir.Pack) -> bool:
        """Whether a pack is a short local derivative, or part of one, and is written in the only place that uses it."""
        if pack in self._forward or pack in self._finals or pack.adjoint_of is not None or self._uses[pack] != 1:
            return False
        (lanes, formula, _), *others = self._formulas(pack)
        if others or lanes.size < pack.lanes or len(formula.text) > LONGEST_INLINED:
            return False
        self.names.inlined[pack] = formula, self.names.used
        return True

    def _formulas(self, pack: ir.Pack) -> Iterator[tuple[ir.Index, Text, bool]]:
        """The lanes that are added to, the formula of what is added, and whether there is a matrix product in it."""
        groups: dict[bytes, list[Term]] = {}
        for term in self.plain.terms.get(pack, []):
            if term.lanes.size:
                groups.setdefault(term.lanes.tobytes(), []).append(term)
        for group in groups.values():
            self.names.used = []
            yield group[0].lanes, sum_text(self.names, pack, group), any(term.is_product for term in group)
        if not groups:
            self.names.used = []
            formula = Text("0") if pack in self.plain.terms else operation_text(self.names, self.plain, pack)
            yield numpy.arange(pack.lanes), formula, False

    def _name(self, pack: ir.Pack) -> None:
        wanted, operands = "", self.plain.operands(pack)
        if pack in self._forward:
            value, first = self._results.get("value"), operands[0] if operands else ir.lanes_of(pack)
            is_activation = isinstance(pack.operation, ir.Apply | ir.Vector) and len(operands) == 1
            is_whole = numpy.unique(first.index).size == first.index.size == first.pack.lanes
            if is_layer(self.plain.terms.get(pack, [])):
                self.names.n_layers += 1
                wanted = self._layers[pack] = subscripted("z", self.names.n_layers)
            elif is_activation and is_whole and first.pack in self._layers:
                wanted = self._layers.pop(first.pack).replace("z", "y")
            elif value is not None and self.plain.resolved(value).pack is pack and value.index.size == pack.lanes:
                wanted = self.names.value
        self.names.name(pack, wanted, pack in self._layers)
        for operand in operands if not isinstance(pack.operation, ir.Sum | ir.Loop) else ():
            self.names.lay_out_like(ir.lanes_of(pack), operand)

    def _read_value(self) -> None:
        """Add a line for the value, unless an earlier line has defined it."""
        value, name = self._results.get("value"), self.names.value
        if self.is_whole and value is not None and value.index.size and name not in self.names.names.values():
            self.names.used, value = [], self.plain.resolved(value)
            self._add(value, "=", self.names.written(value), False, name)

    def _add(self, target: ir.Reference, sign: str, formula: Text, is_product: bool, name: str = "") -> None:
        names, pack = self.names, target.pack
        used, names.used = list(dict.fromkeys(names.used)), [name] if name else []
        lanes = target.index[numpy.argsort(names.view(target).ranks)]
        written = name or names.written(ir.Reference(pack, lanes)).text
        is_backward, is_last = pack not in self._forward, pack in self._finals and not self._uses[pack]
        line = Line(
            names.used, written, sign, formula.text, names.shape(target), used, is_product, is_backward, is_last
        )
        self.lines.insert(self._place_of(line), line)

    def _place_of(self, line: Line) -> int:
        """Where a line goes: after all of its kind; one that only the caller needs, where it can first be computed."""
        if line.is_backward and not line.is_last:
            return len(self.lines)
        needed = {*line.names, *line.uses}
        place = max(
            [n for n, each in enumerate(self.lines, 1) if not each.is_backward or needed & {*each.names}] or [0]
        )
        for each in self.lines[place:] if line.is_last else ():
            if not each.is_last or (line.is_product and not each.is_product):
                break
            place += 1
        return place


MOST_LINES = 200  # what a reader scrolls through
MARGIN = 4  # so many times the lines shown are read, as lines of the gradient may move up
LONGEST, WIDEST = 100, 64  # letters of a formula; and of lines that push the shapes of all to the right

COLUMNS = "of columns"
LEGEND = {
    ":": "v[2:5]: lanes 2, 3 and 4 of v, counted from 0; lanes that no line gives are 0",
    "⟨": "v⟨4 × 6⟩: numbers of v arranged like this, each as often as needed; Σ⟨6⟩: 6 sums of them",
    "Σₙ": "Σ sums over lanes, Σₙ over the N examples; so does a product u vᵀ of two factors with N columns",
    OTHERS: "Σ≠(v): for each number of v the sum of all others",
    COLUMNS: "softmax, max and the like of a matrix are those of each of its columns",
    "∇²": "dv: how v changes in the direction of the product; ∇²v: how ∇v does",
}


def text_of(program: ir.Program, most_lines: int = MOST_LINES) -> str:
    """The program as text, forward and then backward, a line for each pack.

    >>> import numpy
    >>> from autograd_mini import dot, relu
    >>> from autograd_mini.compiler import compile
    >>> f = compile(lambda W, x: [relu(dot(row, x)) for row in W], batch="x")
    >>> y = f(numpy.ones((2, 3)), numpy.ones((5, 3)))
    >>> print(f.program)
    z₁ = W x         2 × N
    y₁ = relu(z₁)    2 × N
    value = y₁       2 × N
    vector formulation of the value: 6 packs, 1 matrix product, 3 lines
    """
    reading = Reading(program, MARGIN * most_lines)
    lines, shown = reading.lines, reading.lines[:most_lines]
    texts = [f"{line.target} {line.sign} {cut(line.formula, LONGEST)}" for line in shown]
    width = max((len(text) for text in texts if len(text) <= WIDEST), default=0)
    written = [f"{text:{width}}    {line.shape}" for text, line in zip(texts, shown)]
    forward = sum(not line.is_backward for line in shown)
    if 0 < forward < len(shown):
        written.insert(forward, "")
    if not reading.is_whole or len(lines) > most_lines:
        written.append(f"… {len(lines) - most_lines} more lines" if reading.is_whole else "… and more")
    counts = [(len(program.packs), "pack"), (len(program.products), "matrix product")]
    counts += [(len(lines), "line")] * reading.is_whole
    run = f"vector formulation of {program.run}: " if program.run else ""
    written.append(run + ", ".join(f"{count} {what}{'s' * (count != 1)}" for count, what in counts))
    operations = [pack.operation for pack in program.packs if isinstance(pack.operation, ir.Reduce | ir.Vector)]
    has_columns = any(1 not in operation.arg.index.shape for operation in operations)
    body = "\n".join(texts) + COLUMNS * has_columns
    return "\n".join([*written, *program.remarks, *(meaning for sign, meaning in LEGEND.items() if sign in body)])
