"""Checks whether a program is well-formed."""

from __future__ import annotations

from itertools import chain
from typing import Any

from autograd_mini.compiler.ir.program import ABSENT, Pack, Program, Reference, Segment, Sum


def verified(program: Program) -> Program:
    """The program itself, if it is well-formed.

    Raises:
        AssertionError: an operand comes after its use, an index lies outside its pack, or the shapes of a block do not
            fit together.
    """
    seen: set[Pack] = set()
    for pack in program.packs:
        for parent in pack.parents:
            assert parent in seen, f"{pack} uses {parent} before it is computed"
            carries_batch = pack.batched or isinstance(pack.operation, Sum)
            assert carries_batch or not parent.batched, f"{pack} loses the batch of {parent}"
        seen.add(pack)
    given = [argument for pack in program.packs for argument in pack.operation.arguments()]
    for each in chain(given, program.results.values()):
        if isinstance(each, Reference):
            assert each.pack in seen, f"{each.pack} is not in the program"
            _require_within(each.index, each.pack, 0)
    for pack, segment in program.segments():
        _verify_segment(pack, segment)
    return program


def _verify_segment(pack: Pack, segment: Segment) -> None:
    for block in segment.blocks:
        (g, h, s), k = block.lane.shape, block.a.shape[2]
        assert (block.b is None) == (segment.b is None), f"{pack}: a factor is missing"
        shapes = [block.a.shape] if block.b is None else [block.a.shape, block.b.shape]
        assert [(g, h, k), (g, k, s)][: len(shapes)] == shapes, f"{pack}: {block.lane.shape} has factors of {shapes}"
        for index, factor in ((block.lane, pack), (block.a, segment.a), (block.b, segment.b)):
            if index is not None and factor is not None:
                _require_within(index, factor, ABSENT)
        assert abs(block.sign) == 1.0, f"{pack}: a block has the sign {block.sign}"


def _require_within(index: Any, pack: Pack, least: int) -> None:
    if index.size:
        assert least <= index.min() <= index.max() < pack.lanes, f"an index leaves {pack}"
