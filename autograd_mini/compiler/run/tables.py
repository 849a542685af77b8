"""What kernels are given: tables of pointers, and the memory that these point to."""

from __future__ import annotations

from dataclasses import dataclass, field

from autograd_mini.compiler.ir.program import Floats, Index
from autograd_mini.compiler.run import memory


@dataclass
class Table:
    """What one thread is given: pointers, the memory of a block, and what the sums need to know.

    Attributes:
        arrays: where arrays are that are others in every call, and the bytes from row to row.
        taking: the table of `take`, to which the last pointer points.
        blocks: memory for blocks of arrays that lie in memory in another way than machine code reads them.
    """

    pointers: Index
    scratch: Floats
    sizes: Index
    arrays: Index
    taking: Index
    blocks: dict[int, Floats] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.at: int
        self.at, self.sizes_at, self.arrays_at, taking_at = (
            memory.address(each, each.shape) for each in (self.pointers, self.sizes, self.arrays, self.taking)
        )
        self.pointers[-1] = taking_at


@dataclass
class State:
    """What a kernel is given for a batch of n columns, by all its threads.

    Attributes:
        uniform: numbers that are the same for all columns.
        padded: stands in for the arrays of a batch that does not fill a register, by their places.
        moving: places of arrays that are others in every call; `rows` says which pointers point to which of their
            rows.
        step, group, tile: so many columns are a block, have sums of their own, and have these added up.
        in_turn: whether tiles have the same memory for their sums, one after the other.
        sums: for each group of columns, [sums, places in a register].
        totals: these added up, for each tile.
    """

    n: int
    step: int
    group: int
    tile: int
    in_turn: bool
    tables: list[Table]
    uniform: Floats
    padded: dict[int, Floats]
    moving: list[int]
    rows: Index
    sums: Floats
    totals: Floats

    def __post_init__(self) -> None:
        self.uniform_at, self.rows_at, self.sums_at, self.totals_at = (
            memory.address(each, each.shape) for each in (self.uniform, self.rows, self.sums, self.totals)
        )
