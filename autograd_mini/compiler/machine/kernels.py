"""Kernels: a run of packs as one function over the columns of a batch, in assembly.

A kernel is a row of bodies, which run one after the other on a block of columns, so that what one writes is still
in the cache where the next reads it. Packs of few lanes become straight-line code in registers; packs of many lanes
a loop over the lanes. Bodies of the same form, such as the steps of a recurrence, are one function.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from autograd_mini.compiler.machine.bodies import COLUMNS, bodies, first_lanes, form_of
from autograd_mini.compiler.machine.cells import Assembly
from autograd_mini.compiler.machine.writing import Writer
from autograd_mini.compiler.program import Floats, Pack, parents


@dataclass(eq=False)
class Kernel:
    """Bodies in the order in which they run on each block of columns.

    Attributes:
        texts: the function of each body, named `BODY`; bodies of one text are one function.
        slots: of each body the packs whose arrays it takes, in the order of its table of pointers, and the lane at
            which each pointer points: so the steps of a recurrence have the same text.
        outputs: packs that something else needs.
        scratch: packs that only this kernel uses: their arrays are [lanes, columns].
    """

    texts: list[str]
    slots: list[list[tuple[Pack, int]]]
    outputs: list[Pack]
    scratch: list[Pack]


def write_kernel(
    packs: Sequence[Pack],
    outputs: set[Pack],
    varying: set[Pack],
    numbers: Mapping[Pack, Floats],
    width: int,
    columns: int = COLUMNS,
) -> Kernel:
    """The kernel of these packs.

    Args:
        packs: in program order.
        outputs: those of them that something else needs.
        varying: packs of the program whose numbers are [lanes, columns]; others are [lanes, 1].
        numbers: what constant packs hold.
        width: doubles in a register; 1 for a kernel that is run on fewer columns.
        columns: how many there are in a block; 1 for a program without a batch.
    """
    parts = bodies(packs)
    home = {pack: number for number, part in enumerate(parts) for pack in part.packs}
    shared = {parent for pack in packs for parent in parents(pack) if home.get(parent, home[pack]) != home[pack]}
    scratch = [pack for pack in packs if pack in shared and pack not in outputs]
    written: dict[Any, tuple[str, list[int]]] = {}
    texts, slots = [], []
    for part in parts:
        first = first_lanes(part.packs)
        form, members = form_of(part, first, set(scratch), outputs, varying, numbers)
        if form not in written:
            writer = Writer(Assembly(width), first, set(scratch), outputs, varying, numbers, columns)
            text = writer.function(part)
            written[form] = text, [members[pack] for pack in writer.slots]
        text, used = written[form]
        by_number = list(members)
        texts.append(text)
        slots.append([(by_number[number], first.get(by_number[number], 0)) for number in used])
    return Kernel(texts, slots, [pack for pack in packs if pack in outputs], scratch)
