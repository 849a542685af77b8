"""`print(program)`: the vector formulation that was found, in the notation of the lecture."""

from __future__ import annotations

from autograd_mini.compiler.notation.formulas import OTHERS
from autograd_mini.compiler.notation.reading import Reading
from autograd_mini.compiler.program import Pack, Program, Reduce, Vector

MOST_LINES = 200
LONGEST, WIDEST = 100, 64

COLUMNS = "of columns"
LEGEND = {
    ":": "v[2:5]: lanes 2, 3 and 4 of v, counted from 0; lanes that no line gives are 0",
    "⟨": "v⟨4 × 6⟩: numbers of v arranged like this, each as often as needed; Σ⟨6⟩: 6 sums of them",
    "Σₙ": "Σ sums over lanes, Σₙ over the N examples; so does a product u vᵀ of two factors with N columns",
    OTHERS: "Σ≠(v): for each number of v the sum of all others",
    COLUMNS: "softmax, max and the like of a matrix are those of each of its columns",
    "∇²": "dv: how v changes in the direction of the product; ∇²v: how ∇v does",
}


def text_of(program: Program, most_lines: int = MOST_LINES) -> str:
    """The program, forward and then backward, a line a pack.

    >>> import numpy
    >>> from autograd_mini import dot, relu
    >>> from autograd_mini.compiler import compile
    >>> f = compile(lambda W, x: [relu(dot(row, x)) for row in W], batch="x")
    >>> y = f(numpy.ones((2, 3)), numpy.ones((5, 3)))
    >>> print(f.program)
    z₁ = W x         2 × N
    y₁ = relu(z₁)    2 × N
    value = y₁       2 × N
    6 packs, 1 matrix product, 3 lines
    """
    reading = Reading(program, most_lines)
    lines = reading.lines
    shown = lines[:most_lines]
    texts = [(f"{line.target} {line.sign} {_cut(line.formula)}", line.shape) for line in shown]
    width = max((len(text) for text, _ in texts if len(text) <= WIDEST), default=0) + 4
    written = [f"{text:{width - 4}}    {shape}" for text, shape in texts]
    forward = sum(not line.is_backward for line in shown)
    if 0 < forward < len(shown):
        written.insert(forward, "")
    if not reading.is_whole:
        written.append("… and more")
    elif len(lines) > most_lines:
        written.append(f"… {len(lines) - most_lines} more lines")
    counts = [(len(program.packs), "pack"), (len(program.products), "matrix product")]
    counts += [(len(lines), "line")] * reading.is_whole
    written.append(", ".join(f"{count} {what}{'s' * (count != 1)}" for count, what in counts))
    written += program.remarks
    body = "\n".join(text for text, _ in texts) + COLUMNS * any(map(_has_columns, program.packs))
    return "\n".join(written + [meaning for sign, meaning in LEGEND.items() if sign in body])


def _has_columns(pack: Pack) -> bool:
    return isinstance(pack.operation, (Reduce, Vector)) and 1 not in pack.operation.arg.index.shape


def _cut(formula: str) -> str:
    return formula if len(formula) <= LONGEST else formula[: LONGEST - 2] + " …"
