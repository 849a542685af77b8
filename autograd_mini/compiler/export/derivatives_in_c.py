"""The functions in C that compute values and derivatives, each a loop of sweeps through the body of a program."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy

from autograd_mini.compiler.export.bodies import Body, indented, nested
from autograd_mini.compiler.export.constants import Constants
from autograd_mini.compiler.export.patterns import Pattern
from autograd_mini.compiler.ir.program import TIED, Index


@dataclass(frozen=True)
class Block:
    """One block of a matrix of derivatives.

    Attributes:
        pattern: its nonzeros.
        source: the name of the result of the body that holds a row or a column of it.
        place: for each nonzero, which number of that result it is.
        sweep: and in which sweep it is there.
    """

    pattern: Pattern
    source: str
    place: Index
    sweep: Index


def sweeping(
    name: str,
    body: Body,
    seeds: Sequence[tuple[int, Index]],
    n_sweeps: int,
    blocks: Sequence[Block],
    constants: Constants,
    n_guards: int,
) -> list[str]:
    """A function that computes the nonzeros of blocks, each where `to` points if it does; it gives 0, 1 where the path
    is another, or 2 where something is tied.

    Args:
        seeds: for each array of seeds where it is in memory, and in which sweep each number is 1.
    """
    turn: list[str] = []
    for start, sweep_of in seeds:
        test = f"{constants.index(sweep_of, ['k'])} == c" if n_sweeps > 1 else "1.0"
        turn.append(f"for (int k = 0; k < {sweep_of.size}; ++k)")
        turn.append(f"    w[{start} + k] = {test};")
    turn.append(f"{body.name}(w);")
    if n_guards:
        turn.append(f"if ({another_path(body, n_guards)}) return 1;")
    if TIED in body.results:
        turn.append(f"is_tied = is_tied || !({body.results[TIED][1]('0')} == 0.0);")
    for number, block in enumerate(blocks):
        count = block.pattern.rows.size
        if count:
            turn += [f"if (to[{number}]) {{", *indented(_copied(number, body, block, n_sweeps, constants)), "}"]
    lines = nested(["c"], [n_sweeps], turn)
    return [
        f"static int {name}(casadi_real *w, casadi_real **to)",
        "{",
        *indented(["int is_tied = 0;", "(void)to;", *lines, "return is_tied ? 2 : 0;"]),
        "}",
        "",
    ]


def another_path(body: Body, n_guards: int) -> str:
    """What tells in C whether decisions have come out in another way."""
    return f"!({body.results['guards'][1]('0')} == {float(n_guards)!r})" if n_guards else "0"


def _copied(number: int, body: Body, block: Block, n_sweeps: int, constants: Constants) -> list[str]:
    """The loop that takes what a sweep has found of a block."""
    order = numpy.argsort(block.sweep, kind="stable")
    counts = numpy.bincount(block.sweep, minlength=n_sweeps)
    _, place = body.results[block.source]
    if (counts == counts[0]).all():
        shape = n_sweeps, int(counts[0])
        here = [(variable, size) for variable, size in zip(["c", "k"], shape) if size > 1]
        names, sizes = [variable for variable, _ in here], [size for _, size in here]
        to = constants.index(order.reshape(sizes), names)
        source = constants.index(block.place[order].reshape(sizes), names)
        return nested(["k"], [shape[1]], [f"to[{number}][{to}] = {place(source)};"])
    starts = constants.integers(numpy.concatenate([[0], numpy.cumsum(counts)]))
    to, source = constants.index(order, ["k"]), constants.index(block.place[order], ["k"])
    loop = f"for (int k = {starts}[c]; k < {starts}[c + 1]; ++k)"
    return [loop, *indented([f"to[{number}][{to}] = {place(source)};"])]
