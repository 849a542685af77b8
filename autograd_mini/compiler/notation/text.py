"""`print(program)`: the vector formulation that was found, in the notation of the lecture."""

from __future__ import annotations

from autograd_mini.compiler.ir.program import Program, Reduce, Vector
from autograd_mini.compiler.notation.equations import OTHERS
from autograd_mini.compiler.notation.reading import Reading
from autograd_mini.mathematics import cut

MOST_LINES = 200  # what a reader scrolls through
MARGIN = 4  # lines of the gradient may move up; of packs beyond so many times the most, none come among them
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
    operations = [pack.operation for pack in program.packs if isinstance(pack.operation, Reduce | Vector)]
    has_columns = any(1 not in operation.arg.index.shape for operation in operations)
    body = "\n".join(texts) + COLUMNS * has_columns
    return "\n".join([*written, *program.remarks, *(meaning for sign, meaning in LEGEND.items() if sign in body)])
