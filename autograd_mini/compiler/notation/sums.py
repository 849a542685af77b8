"""The formulas of sums of products, as they are read: matrix products, and sums of elementwise products."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy

from autograd_mini.compiler.notation.formulas import times
from autograd_mini.compiler.notation.naming import Naming, number
from autograd_mini.compiler.notation.plain import Term, constants_of
from autograd_mini.compiler.program import ABSENT, Index, Pack, Reference
from autograd_mini.draw.notation import PRODUCT, SIGN, SUM, Text

MOST_TERMS = 8


def sum_text(names: Naming, pack: Pack, terms: Sequence[Term]) -> Text:
    """The formula of terms that add to the same lanes."""
    coefficients: dict[str, float] = {}
    for term in sorted(terms, key=lambda term: term.b is None):
        body, coefficient = _term_text(names, pack, _tidied(names, pack, term))
        if body:
            coefficients[body] = coefficients.get(body, 0.0) + coefficient
    texts = [_scaled(body, coefficient) for body, coefficient in coefficients.items()]
    if not texts:
        return Text("0")
    if len(texts) == 1:
        return texts[0]
    written = texts[0].text
    for text in texts[1:MOST_TERMS]:
        written += f" - {text.text[1:]}" if text.text.startswith("-") else f" + {text.text}"
    rest = len(texts) - MOST_TERMS
    return Text(written + (f" + … {rest} more terms" if rest > 0 else ""), SUM)


def _scaled(body: str, coefficient: float) -> Text:
    if body == "1":
        return number(coefficient)
    if abs(coefficient) == 1.0:
        return Text("-" * (coefficient < 0.0) + body, PRODUCT)
    return Text(f"{number(coefficient).text} {body}", PRODUCT)


def _tidied(names: Naming, pack: Pack, term: Term) -> Term:
    """A matrix product turned so that it fits what it is assigned to, the weights to the left."""
    (g, h, s), k = term.lane.shape, term.a.index.shape[2]
    if is_flat(term):
        return term
    if h > 1 and s > 1:
        term = _sorted(names, pack, term) if g == 1 else term
        turned = names.is_turned(pack, term.lane)
        prefers = k > 1 and names.is_weight(term.b.pack) and not names.is_weight(term.a.pack)  # type: ignore[union-attr]
        term = term.turned() if turned or (turned is None and prefers) else term
        names.lay_out(pack, term.lane)
        return term
    term = term.turned() if h == 1 else term
    return _sorted(names, pack, term) if g == 1 else term


def _sorted(names: Naming, pack: Pack, term: Term) -> Term:
    """The vectors of a product in the order in which they are read."""
    assert term.b is not None
    lane, a, b = term.lane, term.a.index, term.b.index
    grid_a, grid_b = names.grid(term.a)[0], names.grid(term.b)[0]
    is_vector = lane.shape[2] == 1
    rows = numpy.argsort(names.places(pack, lane[0, :, 0]) if is_vector else grid_a[:, 0], kind="stable")
    inner = numpy.argsort(grid_b[:, 0] if is_vector else grid_a[0], kind="stable")
    columns = numpy.argsort(grid_b[0], kind="stable")
    a, b = a[:, rows][:, :, inner], b[:, inner][:, :, columns]
    return replace(term, lane=lane[:, rows][:, :, columns], a=Reference(term.a.pack, a), b=Reference(term.b.pack, b))


def is_flat(term: Term) -> bool:
    """Whether it is sums of elementwise products rather than a matrix product."""
    (_, h, s), k = term.lane.shape, term.a.index.shape[2]
    return term.b is None or (h == 1 and s == 1) or (k == 1 and (h == 1 or s == 1))


def is_layer(names: Naming, terms: Sequence[Term]) -> bool:
    """Whether a sum is z = W y + b: weights times what is no weights."""
    return any(term.a.index.shape[2] > 1 and _has_weights(names, term) for term in terms)


def is_matrix_product(names: Naming, term: Term) -> bool:
    """Whether it is written as one, a row of weights times a vector among them."""
    return not is_flat(term) or _is_row(names, term)


def _is_row(names: Naming, term: Term) -> bool:
    is_inner = term.lane.size == 1 and term.a.index.shape[2] > 1 and term.b is not None
    return is_inner and names.is_parameter(term.a.pack) != names.is_parameter(term.b.pack)  # type: ignore[union-attr]


def _has_weights(names: Naming, term: Term) -> bool:
    weights = term.b is not None and (names.is_weight(term.a.pack) or names.is_weight(term.b.pack))
    return weights and (not is_flat(term) or _is_row(names, term))


def _term_text(names: Naming, pack: Pack, term: Term) -> tuple[str, float]:
    """A term without its coefficient; a number has the body 1."""
    if is_flat(term):
        return _flat_text(names, pack, term)
    assert term.b is not None
    s, k = term.lane.shape[2], term.a.index.shape[2]
    left, right = names.written(term.a).within(SIGN), names.written(term.b).within(SIGN)
    product = f"{left} {right}" if k > 1 else f"{left} {right}ᵀ"
    sums = term.lanes.size
    fits = term.lane.size == sums and (s == 1 or names.is_turned(pack, term.lane) is False)
    runs_over_columns = k == 1 and term.a.pack.batched and term.b.pack.batched
    batch = "Σₙ " if term.over_batch and not runs_over_columns else ""
    return batch + ("" if fits else f"Σ⟨{sums}⟩ ") + product, term.coefficient


def _flat_text(names: Naming, pack: Pack, term: Term) -> tuple[str, float]:
    lane, a, b = _flat(names, pack, term)
    c = term.coefficient
    if not lane.size:
        return "", 0.0
    if b is not None and not term.over_batch and _is_row(names, term):
        row, column = (a, b) if names.is_parameter(a.pack) else (b, a)
        names.lay_out(row.pack, row.index[None])
        return f"{names.written(row).within(SIGN)} {names.written(column).within(SIGN)}", c
    sums = numpy.unique(lane).size
    prefix = "Σₙ " * term.over_batch
    if sums < lane.size:
        prefix += "Σ " if sums == 1 else f"Σ⟨{sums}⟩ "
    numbers = constants_of(a) if b is None else None
    if numbers is not None and not prefix and (numbers == numbers[0]).all():
        return "1", c * float(numbers[0])
    body = names.written(a) if b is None else _product_text(names, a, b)
    return prefix + body.within(PRODUCT), c


def _product_text(names: Naming, a: Reference, b: Reference) -> Text:
    """Elementwise; numbers before vectors, derivatives before the adjoints they are multiplied with."""

    def rank(factor: Reference) -> tuple[bool, bool, int, int]:
        return is_vector(factor), factor.pack.adjoint_of is not None, factor.pack.number, int(factor.index[0])

    def is_vector(factor: Reference) -> bool:
        return bool((factor.index != factor.index[0]).any())

    first, second = sorted((a, b), key=rank)
    sign = " ∘ " if is_vector(first) else " · "
    return times(names.written(first), names.written(second), sign)


def _flat(names: Naming, pack: Pack, term: Term) -> tuple[Index, Reference, Reference | None]:
    """All products in order of their lanes: lane, factors."""
    (g, h, s), k = term.lane.shape, term.a.index.shape[2]
    shape = (g, h, s, k)
    lane = numpy.broadcast_to(term.lane[..., None], shape).ravel()
    a = numpy.broadcast_to(term.a.index[:, :, None, :], shape).ravel()
    b = a if term.b is None else numpy.broadcast_to(term.b.index.swapaxes(1, 2)[:, None], shape).ravel()
    order = numpy.argsort(names.places(pack, lane), kind="stable")
    if numpy.unique(lane).size < lane.size and not names.is_parameter(term.a.pack):
        order = numpy.lexsort((names.places(term.a.pack, a), names.places(pack, lane)))
    order = order[(lane[order] != ABSENT) & (a[order] != ABSENT) & (b[order] != ABSENT)]
    return lane[order], Reference(term.a.pack, a[order]), term.b and Reference(term.b.pack, b[order])
