"""Isolate the large matrix products: each becomes a pack of its own, and what is left of its sum fits a kernel."""

from __future__ import annotations

import numpy

from autograd_mini.compiler.ir.building import Builder, elementwise, whole
from autograd_mini.compiler.ir.program import ABSENT, Block, Leaf, Operation, Pack, Program, Segment, Sum, is_product
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
    ) and not any(len(getattr(pack.operation, "segments", ())) > MOST_SEGMENTS for pack in program.packs):
        return program
    builder = _Isolated()
    return builder.so_far(builder.go_on(program))


class _Isolated(Builder):
    """Copies a program, with its large products isolated."""

    def taken(self, pack: Pack, operation: Operation) -> Pack:
        if isinstance(operation, Leaf):
            return self.new(pack)
        if isinstance(operation, Sum):
            segments = self._apart_over_batch(pack, self._split(pack, operation))
            operation = Sum(self._shortened(pack.lanes, pack.batched, segments), operation.from_zero)
        return self.new(Pack(pack.lanes, pack.batched, operation))

    def _split(self, pack: Pack, operation: Sum) -> list[Segment]:
        """The segments of a sum with a pack in place of each large product."""
        segments: list[Segment] = []
        is_alone = len(operation.segments) == len(operation.segments[0].blocks) == 1
        for segment in operation.segments:
            kept = []
            for block in segment.blocks:
                lanes = numpy.arange(block.lane.size).reshape(block.lane.shape)
                if not is_large(pack, segment, block) or (is_alone and (block.lane == lanes).all()):
                    kept.append(block)
                    continue
                alone = Segment(segment.a, segment.b, [Block(lanes, block.a, block.b, block.sign)])
                product = self.sum(block.lane.size, pack.batched, [alone])
                present = numpy.flatnonzero(block.lane.ravel() != ABSENT)
                segments.append(Segment(product, None, [elementwise(block.lane.ravel()[present], present, None)]))
            if kept:
                segments.append(Segment(segment.a, segment.b, kept))
        return segments

    def _apart_over_batch(self, pack: Pack, segments: list[Segment]) -> list[Segment]:
        """Separate what is summed over the batch from what is not, so that a batch can be summed piece by piece."""
        over = [segment for segment in segments if segment.batched]
        if pack.batched or not over or len(over) == len(segments):
            return segments
        rest = [segment for segment in segments if segment not in over]
        every = numpy.concatenate([block.lane.ravel() for each in over for block in each.blocks])
        lanes = numpy.flatnonzero(numpy.bincount(every[every != ABSENT]))
        place = numpy.full(pack.lanes + 1, ABSENT)  # ABSENT, which is the last one, stays itself
        place[lanes] = numpy.arange(lanes.size)
        moved = [
            Segment(each.a, each.b, [Block(place[block.lane], block.a, block.b, block.sign) for block in each.blocks])
            for each in over
        ]
        summed = self.sum(lanes.size, False, self._shortened(lanes.size, False, moved))
        return [*rest, Segment(summed, None, [elementwise(lanes, numpy.arange(lanes.size), None)])]

    def _shortened(self, n_lanes: int, batched: bool, segments: list[Segment]) -> list[Segment]:
        """At most `MOST_SEGMENTS` segments: if there are more, groups of them become packs of their own."""
        while len(segments) > MOST_SEGMENTS:
            parts = [segments[start : start + MOST_SEGMENTS] for start in range(0, len(segments), MOST_SEGMENTS)]
            segments = [whole(self.sum(n_lanes, batched, part)) for part in parts]
        return segments
