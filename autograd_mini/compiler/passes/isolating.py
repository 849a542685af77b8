"""Isolate the large matrix products: each becomes a pack of its own, and what is left of its sum fits a kernel."""

from __future__ import annotations

import numpy

from autograd_mini.compiler.ir.building import elementwise
from autograd_mini.compiler.ir.program import (
    ABSENT,
    Block,
    Leaf,
    Operation,
    Pack,
    Program,
    Segment,
    Sum,
    is_product,
)
from autograd_mini.compiler.partition import MOST_SEGMENTS, suits_blas


def is_large(pack: Pack, segment: Segment, block: Block) -> bool:
    """Whether a block is for BLAS: a matrix product that is large, or runs over the batch."""
    if not is_product(pack, segment, block):
        return False
    g, h, s = block.lane.shape
    varies, sums_batch = pack.batched or segment.a.batched, segment.a.batched and not pack.batched
    return suits_blas(g, h * s * block.a.shape[2], varies=varies, sums_batch=sums_batch)


def isolate(program: Program) -> Program:
    """The same program, in which a large product shares its sum with nothing else. Leaves stay the same objects."""
    if not any(
        is_large(pack, segment, block) for pack, segment in program.segments() for block in segment.blocks
    ) and not any(_is_long(pack) for pack in program.packs):
        return program
    packs: list[Pack] = []

    def copy(pack: Pack, operation: Operation) -> Pack:
        if isinstance(operation, Leaf):
            packs.append(pack)
            return pack
        if isinstance(operation, Sum):
            segments, products = _split(pack, operation)
            packs.extend(products)
            segments = _apart_over_batch(pack, segments, packs)
            operation = Sum(_shortened(pack, segments, packs), operation.from_zero)
        packs.append(Pack(pack.lanes, pack.batched, operation, pack.number))
        return packs[-1]

    results = program.rebuilt(copy)
    return Program(packs, results)


def _apart_over_batch(pack: Pack, segments: list[Segment], packs: list[Pack]) -> list[Segment]:
    """What is summed over the batch apart from what is not, so that a batch can be summed piece by piece."""
    over = [segment for segment in segments if segment.a.batched or (segment.b is not None and segment.b.batched)]
    if pack.batched or not over or len(over) == len(segments):
        return segments
    packs.append(Pack(pack.lanes, False, Sum(_shortened(pack, over, packs))))
    whole = numpy.arange(pack.lanes)
    rest = [segment for segment in segments if segment not in over]
    return [*rest, Segment(packs[-1], None, [elementwise(whole, whole, None)])]


def _is_long(pack: Pack) -> bool:
    return isinstance(pack.operation, Sum) and len(pack.operation.segments) > MOST_SEGMENTS


def _shortened(pack: Pack, segments: list[Segment], packs: list[Pack]) -> list[Segment]:
    """Few segments: of many, some at a time become packs of their own."""
    whole = numpy.arange(pack.lanes)
    while len(segments) > MOST_SEGMENTS:
        parts = [segments[start : start + MOST_SEGMENTS] for start in range(0, len(segments), MOST_SEGMENTS)]
        subtotals = [Pack(pack.lanes, pack.batched, Sum(part)) for part in parts]
        packs += subtotals
        segments = [Segment(subtotal, None, [elementwise(whole, whole, None)]) for subtotal in subtotals]
    return segments


def _split(pack: Pack, operation: Sum) -> tuple[list[Segment], list[Pack]]:
    """The segments of a sum with a pack in place of each large product, and these packs."""
    segments: list[Segment] = []
    products: list[Pack] = []
    is_alone = len(operation.segments) == len(operation.segments[0].blocks) == 1
    for segment in operation.segments:
        kept = []
        for block in segment.blocks:
            whole = numpy.arange(block.lane.size).reshape(block.lane.shape)
            if not is_large(pack, segment, block) or (is_alone and (block.lane == whole).all()):
                kept.append(block)
                continue
            alone = Segment(segment.a, segment.b, [Block(whole, block.a, block.b, block.sign)])
            products.append(Pack(block.lane.size, pack.batched, Sum([alone])))
            present = numpy.flatnonzero(block.lane.ravel() != ABSENT)
            copied = elementwise(block.lane.ravel()[present], present, None)
            segments.append(Segment(products[-1], None, [copied]))
        if kept:
            segments.append(Segment(segment.a, segment.b, kept))
    return segments, products
