"""The right-hand sides of a program's lines: sums of products, and operations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy

from autograd_mini.compiler.ir.program import ABSENT, Apply, Index, Loop, Pack, Reduce, Reference, Vector, lanes_of
from autograd_mini.compiler.notation.naming import Naming
from autograd_mini.compiler.notation.plain import Plain, Term, constants_of
from autograd_mini.mathematics import ATOM, PRODUCT, SIGN, Text, applied, joined, number, operation_name, times, total
from autograd_mini.primitives import Part

OTHERS = "Σ≠"


def operation_text(names: Naming, plain: Plain, pack: Pack) -> Text:
    """The formula of a pack that is not a sum."""
    operation = pack.operation
    if isinstance(operation, Loop):
        parts = joined([names.written(plain.resolved(arg)) for arg in operation.args])
        return Text(f"{operation.scan.sign}⟨{operation.scan.length}⟩{parts.within(ATOM)}")
    args = [
        names.written(plain.resolved(in_order(names, pack, arg))) if isinstance(arg, Reference) else number(arg)
        for arg in operation.arguments()
    ]
    if isinstance(operation, Apply):
        primitive = operation.primitive
        text = times(args[0], args[1], " ∘ ") if primitive.name in ("mul", "scale") else applied(primitive, args)
        return Text(f"{text.text}[{primitive.part}]") if isinstance(primitive, Part) else text
    arg = args[0].text
    listed = arg[1:-1] if arg.startswith("(") and arg.find(")") == len(arg) - 1 else arg
    if isinstance(operation, Reduce):
        return Text(f"{operation_name(operation.primitive)}({listed})")
    assert isinstance(operation, Vector)
    return Text(f"{OTHERS if operation.function == 'sum_of_others' else operation.function}({listed})")


def in_order(names: Naming, pack: Pack, arg: Reference) -> Reference:
    """An operand in the order in which the lanes of a pack are read."""
    columns = arg.index if arg.index.ndim == 1 or isinstance(pack.operation, Reduce) else arg.index[:, 0]
    if columns.shape[-1] != pack.lanes:  # several vectors
        grid = names.grid(arg)
        rows, columns = numpy.argsort(grid[:, 0], kind="stable"), numpy.argsort(grid[0], kind="stable")
        names.lay_out(Reference(pack, numpy.arange(pack.lanes).reshape(arg.index.shape)[rows][:, columns]))
        return Reference(arg.pack, arg.index[rows][:, columns])
    return Reference(arg.pack, columns[..., names.view(lanes_of(pack)).natural])


def sum_text(names: Naming, pack: Pack, terms: Sequence[Term]) -> Text:
    """The formula of terms that add to the same lanes."""
    coefficients: dict[Text, float] = {}
    for term in sorted(terms, key=lambda term: term.b is None):
        body, coefficient = _term_text(names, pack, _tidied(names, pack, term))
        coefficients[body] = coefficients.get(body, 0.0) + coefficient
    return total([times(number(each), body) for body, each in coefficients.items() if body.text])


def is_layer(terms: Sequence[Term]) -> bool:
    """Whether a sum is z = W y + b: it has a product with weights, arguments or parameters without a batch."""
    factors = [factor.pack for term in terms if term.is_contraction and term.is_product for factor in term.factors]
    return any(pack.role in ("input", "parameter") and not pack.batched for pack in factors)


def _tidied(names: Naming, pack: Pack, term: Term) -> Term:
    """A matrix product, transposed if that fits its target, with its vectors in the order in which they are read."""
    if term.is_flat:
        return term
    term = term.turned() if term.lane.shape[1] == 1 else term
    lane, (a, b) = term.lane, term.factors
    if len(lane) == 1:
        grid, grid_b = names.grid(Reference(pack, lane))[0], names.grid(b)[0]
        rows, inner, columns = (numpy.argsort(each, kind="stable") for each in (grid[:, 0], grid_b[:, 0], grid_b[0]))
        lane = lane[:, rows][:, :, columns]
        a, b = Reference(a.pack, a.index[:, rows][:, :, inner]), Reference(b.pack, b.index[:, inner][:, :, columns])
        term = replace(term, lane=lane, a=a, b=b)
    if min(lane.shape[1:]) > 1:
        term = term.turned() if names.turn(Reference(pack, lane)) else term
        names.lay_out(Reference(pack, term.lane))
    return term


def _term_text(names: Naming, pack: Pack, term: Term) -> tuple[Text, float]:
    """A term without its coefficient, and that; a number has the body 1, nothing an empty one."""
    if term.is_flat:
        return _flat_text(names, pack, term)
    product = " ".join(names.written(factor).within(SIGN) for factor in term.factors)
    sums = term.lanes.size
    if term.lane.size > sums or (term.lane.shape[2] > 1 and names.turn(Reference(pack, term.lane)) != ""):
        product = f"Σ⟨{sums}⟩ {product}"
    runs_over_columns = not term.is_contraction and all(factor.pack.batched for factor in term.factors)
    batch = "Σₙ " if term.over_batch and not runs_over_columns else ""
    return Text(batch + product + ("" if term.is_contraction else "ᵀ"), PRODUCT), term.coefficient


def _flat_text(names: Naming, pack: Pack, term: Term) -> tuple[Text, float]:
    lane, factors = _flat(names, pack, term)
    if not lane.size:
        return Text(""), 0.0
    if term.is_row and not term.over_batch:
        factors.sort(key=lambda factor: factor.pack.role != "parameter")
        return Text(" ".join(names.written(factor).within(SIGN) for factor in factors), PRODUCT), term.coefficient
    sums = numpy.unique(lane).size
    prefix = "Σₙ " * term.over_batch
    if sums < lane.size:
        prefix += "Σ " if sums == 1 else f"Σ⟨{sums}⟩ "
    numbers = constants_of(factors[0]) if term.b is None else None
    if numbers is not None and not prefix and (numbers == numbers.flat[0]).all():
        return Text("1"), term.coefficient * float(numbers.flat[0])
    body = names.written(factors[0]) if term.b is None else _elementwise(names, factors)
    return Text(prefix + body.within(PRODUCT, leads=True), PRODUCT) if prefix else body, term.coefficient


def _elementwise(names: Naming, factors: Sequence[Reference]) -> Text:
    """A product, number by number: numbers before vectors, derivatives before the adjoints that they multiply."""

    def rank(factor: Reference) -> tuple[bool, bool, int, int]:
        first = int(factor.index.flat[0])
        return bool((factor.index != first).any()), factor.pack.adjoint_of is not None, factor.pack.number, first

    a, b = sorted(factors, key=rank)
    return times(names.written(a), names.written(b), " ∘ " if rank(a)[0] else " · ")


def _flat(names: Naming, pack: Pack, term: Term) -> tuple[Index, list[Reference]]:
    """All products in the order of their lanes: lanes, and factors, as a row if each lane is a sum of several."""
    (g, h, s), k = term.lane.shape, term.a.index.shape[2]
    aligned = [term.lane[..., None], term.a.index[:, :, None, :]]
    aligned += [] if term.b is None else [term.b.index.swapaxes(1, 2)[:, None]]
    lane, *indices = (numpy.broadcast_to(index, (g, h, s, k)).ravel() for index in aligned)
    order = numpy.argsort(names.view(Reference(pack, lane)).ranks, kind="stable")
    order = order[(numpy.stack([lane, *indices])[:, order] != ABSENT).all(axis=0)]
    chosen = order[None] if term.is_contraction else order
    return lane[order], [Reference(each.pack, index[chosen]) for each, index in zip(term.factors, indices)]
