"""The rules of operations on whole vectors at once, as `compiler.vector_rules` has them for packs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from autograd_mini.compiler.passes.normalising import ONE, Application, Terms
from autograd_mini.primitives import TABLE, Primitive

if TYPE_CHECKING:
    from autograd_mini.compiler.passes.scalar_adjoints import Tape

_ratio = TABLE.auxiliary["ratio"]


def _vector(name: str) -> Primitive:
    """A function of vectors to vectors that stands in programs only."""

    def never(*args: object) -> tuple[float, ...]:
        raise NotImplementedError(name)

    return Primitive(name, never, never, arity=None, is_selector=True)


SUM_OF_OTHERS, FIRST_MAX, FIRST_MIN = map(_vector, ("sum_of_others", "first_max", "first_min"))
SHARES = TABLE["softmax"].variant(empty=0.0)

_SELECTED = {TABLE["max"]: FIRST_MAX, TABLE["min"]: FIRST_MIN, TABLE["logsumexp"]: SHARES}
_LENGTHS = {TABLE["norm"], TABLE["hypot"]}


def give_reduction(tape: Tape, number: int, scalar: Application, adjoint: int, active: bytearray) -> bool:
    """Give what the adjoint of a reduction gives to its arguments, if it is one with a rule of its own."""
    vector = _SELECTED.get(scalar.primitive)
    if vector is not None:
        locals_ = tape.vector(vector, scalar.args)
    elif scalar.primitive in _LENGTHS:
        locals_ = [tape.add(Application(_ratio, (arg, number))) for arg in scalar.args]
    elif scalar.primitive is TABLE["fsum"]:
        locals_ = [ONE] * len(scalar.args)
    else:
        return False
    for arg, local in zip(scalar.args, locals_):
        if active[arg]:
            tape.give(arg, 1.0, adjoint, local)
    return True


def give_vector(
    tape: Tape, numbers: Sequence[int], vector: Application, adjoints: Sequence[int], active: bytearray
) -> None:
    """Give what the adjoints g of y = function(x) give to x."""
    rule = _RULES.get(vector.primitive.base)
    if rule is not None:
        for arg, terms in zip(vector.args, rule(tape, numbers, vector, adjoints)):
            if active[arg]:
                for c, x, y in zip(terms.cs, terms.xs, terms.ys):
                    tape.give(arg, c, x, y)


def _softmax(tape: Tape, ys: Sequence[int], vector: Application, gs: Sequence[int]) -> list[Terms]:
    """yⱼ·(gⱼ·Σ_{i≠j} yᵢ - Σ_{i≠j} gᵢ·yᵢ)."""
    weighted = [tape.add(Terms([1.0], [g], [y])) for g, y in zip(gs, ys)]
    rest, others = tape.vector(SUM_OF_OTHERS, ys), tape.vector(SUM_OF_OTHERS, weighted)
    changes = [tape.add(Terms([1.0, -1.0], [g, o], [r, ONE])) for g, r, o in zip(gs, rest, others)]
    return [Terms([1.0], [change], [y]) for change, y in zip(changes, ys)]


def _log_softmax(tape: Tape, ys: Sequence[int], vector: Application, gs: Sequence[int]) -> list[Terms]:
    """gⱼ·Σ_{i≠j} sᵢ - sⱼ·Σ_{i≠j} gᵢ with the softmax s."""
    options = vector.primitive.options
    shares = tape.vector(TABLE["softmax"].variant(**options) if options else TABLE["softmax"], vector.args)
    rest, others = tape.vector(SUM_OF_OTHERS, shares), tape.vector(SUM_OF_OTHERS, gs)
    return [Terms([1.0, -1.0], [g, o], [r, s]) for g, r, o, s in zip(gs, rest, others, shares)]


def _sum_of_others(tape: Tape, ys: Sequence[int], vector: Application, gs: Sequence[int]) -> list[Terms]:
    return [Terms([1.0], [other], [ONE]) for other in tape.vector(SUM_OF_OTHERS, gs)]


_RULES: dict[Primitive, Callable[[Tape, Sequence[int], Application, Sequence[int]], list[Terms]]] = {
    TABLE["softmax"]: _softmax,
    TABLE["log_softmax"]: _log_softmax,
    SUM_OF_OTHERS: _sum_of_others,
}
"""By the function; a choice gives nothing back."""
