"""The functions in C that compute values and derivatives, each a loop of sweeps through the body of a program."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy

from autograd_mini.compiler.export.bodies_in_c import Body, Place, from_place, function, indented, nested, repeated
from autograd_mini.compiler.export.constants import Constants
from autograd_mini.compiler.export.functions_in_c import Pattern
from autograd_mini.compiler.ir.names import TIED
from autograd_mini.compiler.ir.program import Index
from autograd_mini.limits import TOLERANCE

Results = Mapping[str, Place]
"""Where the numbers of results are."""


@dataclass(frozen=True)
class Block:
    """One block of a matrix of derivatives.

    Attributes:
        pattern: its nonzeros.
        source: the name of the result of the body that holds a row or a column of it.
        place: for each nonzero, which number of that result it is.
        sweep: for each nonzero, the sweep that computes it; None if there is only one.
    """

    pattern: Pattern
    source: str
    place: Index
    sweep: Index | None = None


def sweeping(
    name: str,
    sweep: str,
    results: Results,
    seeds: Sequence[tuple[int, Index]],
    n_sweeps: int,
    blocks: Sequence[Block],
    constants: Constants,
) -> list[str]:
    """A function that writes the nonzeros of each block to where `to` points, if anywhere, and returns a status.

    Args:
        sweep: the function that is called for each sweep, and returns a status, too.
        results: where that leaves its results.
        seeds: for each array of seeds, where it is in memory, and in which sweep each number is 1.
    """
    turn: list[str] = []
    for start, sweep_of in seeds:
        test = f"{constants.index(sweep_of, ['k'])} == c" if n_sweeps > 1 else "1.0"
        turn += repeated(sweep_of.size, f"w[{start} + k] = {test};")
    turn.append(f"if (!status) status = {sweep}(w);")
    for number, block in enumerate(blocks):
        count = block.pattern.rows.size
        if count:
            turn += [f"if (to[{number}]) {{", *indented(_copied(number, results, block, n_sweeps, constants)), "}"]
    lines = nested(["c"], [n_sweeps], turn)
    lines = ["int status = 0;", "(void)to;", *lines, "return status;"]
    return function(f"static int {name}(casadi_real *w, casadi_real **to)", lines)


def checked(name: str, body: Body, n_guards: int, decides: Body | None = None) -> list[str]:
    """A function that carries out a body, and returns 0; 1 if the path is another one; or 2 if something is tied.

    Args:
        decides: a body that is run first and tells the path; None if the body itself tells it.
    """
    lines = [f"{body.name}(w);"]
    if n_guards:
        other = f"if ({another_path(decides or body, n_guards)}) return 1;"
        lines = [*lines, other] if decides is None else [f"{decides.name}(w);", other, *lines]
    lines.append(f"return {is_tied(body)} ? 2 : 0;" if TIED in body.results else "return 0;")
    return function(f"static int {name}(casadi_real *w)", lines)


def settling(
    name: str, body: Body, sources: Sequence[tuple[str, int, int]], room: int, sides: Sequence[Body], n_guards: int
) -> tuple[list[str], Results]:
    """As `checked`, for a gradient that is chosen among limits from both sides where something is tied.

    Args:
        sources: for each part of it, its name, how many numbers it has, and where its variables are in memory.
        room: where in memory there is room for three gradients.
        sides: a body that tells whether anything tied changes in different ways, and gradients a little way off.

    Returns:
        The function, and where it leaves the gradient.
    """
    starts = numpy.cumsum([0, *(size for _, size, _ in sources)]).tolist()
    n = starts[-1]

    def kept(found: Body, place: int) -> list[str]:
        """Lines that copy a gradient to a place, with 0 for variables on which nothing depends."""
        lines = []
        for (source, size, _), start in zip(sources, starts):
            number = found.results[source]("k") if source in found.results else "0.0"
            lines += repeated(size, f"w[{place + start} + k] = {number};")
        return lines

    lines = [f"{body.name}(w);"]
    if n_guards:
        lines.append(f"if ({another_path(body, n_guards)}) return 1;")
    lines.append(f"const int is_settled = !{is_tied(body)};")
    if len(sides) > 1:
        lines.append(f"const int is_nan = isnan({body.results['value']('0')});")
    lines += [*kept(body, room), "if (is_settled) return 0;"]
    differing, *others = sides
    lines += [f"{differing.name}(w);", f"if ({differing.results['guards']('0')} == 0.0) return 0;"]
    lines.append("if (is_nan) return 2;" if others else "return 2;")
    for _, size, start in sources if others else ():
        lines += repeated(size, f"if (!isfinite(w[{start} + k])) return 2;")
    for number, side in enumerate(others, 1):
        lines += [f"{side.name}(w);", *kept(side, room + number * n)]
    if others:
        lines.append(f"return settle({n}, {TOLERANCE!r}, w + {room}, w + {room + n}, w + {room + 2 * n});")
    results = {
        source: from_place(room + start) for (source, _, _), start in zip(sources, starts) if source in body.results
    }
    return function(f"static int {name}(casadi_real *w)", lines), results


def is_tied(body: Body) -> str:
    """An expression in C for whether something is tied."""
    return f"!({body.results[TIED]('0')} == 0.0)"


def another_path(body: Body, n_guards: int) -> str:
    """An expression in C for whether any decision has come out otherwise."""
    return f"!({body.results['guards']('0')} == {float(n_guards)!r})" if n_guards else "0"


def _copied(number: int, results: Results, block: Block, n_sweeps: int, constants: Constants) -> list[str]:
    """The loop that copies what a sweep has computed of a block."""
    sweep = numpy.zeros_like(block.place) if block.sweep is None else block.sweep
    order, counts = numpy.argsort(sweep, kind="stable"), numpy.bincount(sweep, minlength=n_sweeps)
    place = results[block.source]
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
