"""The way past all this: how machine code reads arguments of a layout, and makes the results."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from autograd_mini.compiler.deriving import Plan
from autograd_mini.compiler.ir.names import ENTRIES
from autograd_mini.compiler.ir.program import Pack
from autograd_mini.compiler.ir.request import PARAMETERS, Kind, Request
from autograd_mini.compiler.ir.slots import Arguments
from autograd_mini.compiler.run.short_way import Layout
from autograd_mini.structures import OTHER, Structure

LASTING = (type(None), str)
"""Things of these types hold no numbers and never change."""


class Unknown(Exception):
    """There is no such way for a layout."""


def layout_of(
    arguments: Arguments,
    plan: Plan,
    request: Request,
    towards: tuple[Sequence[int], bool],
    value: Structure,
    *,
    is_given: bool,
) -> Layout:
    """How arguments are read, and value and gradient are made.

    Args:
        towards: positions of the arguments to differentiate by, and whether the gradient is that of one.
        value: the structure of the value.
        is_given: whether an array of the numbers of the parameters comes after the arguments.

    Raises:
        Unknown: machine code does not know how.
    """
    layout = _read(arguments, plan, is_given=is_given)
    _make_value(layout, value, iter(range(value.size)), plan.per_example)
    if request.kind == Kind.VALUE:
        return layout
    if request.wrt == PARAMETERS:
        lanes = plan.leaf(-1).lanes
        kind, shape = layout.array((lanes,), plan.per_example)
        layout.make(kind, picks=[("adjoint -1", lane) for lane in range(lanes)], what=shape)
    else:
        positions, is_single = towards
        for position in positions:
            _Argument(layout, arguments, plan, position).make(arguments.structures[position])
        if not is_single:
            layout.make("nest", len(positions), what=tuple)
    layout.make("nest", 2, what=tuple)
    return layout


def layout_of_entries(arguments: Arguments, plan: Plan, order: Sequence[int]) -> Layout:
    """How arguments are read, and the entries of a sparse matrix are made, in this order.

    Raises:
        Unknown: machine code does not know how.
    """
    layout = _read(arguments, plan)
    layout.make("array", picks=[(ENTRIES, place) for place in order], what=(len(order),))
    return layout


def _read(arguments: Arguments, plan: Plan, *, is_given: bool = False) -> Layout:
    n_args, parameters = len(arguments.structures), plan.leaf(-1)
    layout = Layout(n_args + is_given, has_columns=arguments.n_examples not in (None, 1))
    for position, structure in enumerate(arguments.structures):
        _Argument(layout, arguments, plan, position).read(structure, (0, position))
    if is_given:
        layout.read("array", (0, n_args), (parameters, 0), parameters.lanes, (parameters.lanes,))
    for lane, parameter in enumerate(() if is_given else plan.trace.parameters):
        layout.read("attribute", (0, 0), (parameters, lane), what=(parameter, "_number"))
    return layout


class _Argument:
    """One argument on its way in, or its derivative on the way out; its numbers and arrays come in order."""

    def __init__(self, layout: Layout, arguments: Arguments, plan: Plan, position: int) -> None:
        self.layout, self.slots, self.plan = layout, arguments.slots, plan
        numbers = [slot for slot in arguments.ranges[position] if not self.slots[slot].is_array]
        self.arrays = iter([slot for slot in arguments.ranges[position] if self.slots[slot].is_array])
        self.numbers = iter([(slot, lane) for slot in numbers for lane in range(self.slots[slot].lanes)])

    def read(self, structure: Structure, at: tuple[int, int]) -> None:
        if structure.kind is None:
            self.layout.read("number", at, self._leaf(*next(self.numbers)))
        elif structure.kind_name == "array":
            slot = next(self.arrays)
            kind, shape = self.layout.array(self.slots[slot].shape, self.slots[slot].batched)
            self.layout.read(kind, at, self._leaf(slot, 0), self.slots[slot].lanes, shape)
        elif structure.kind == OTHER and type(structure.like) in LASTING:
            self.layout.read("itself", at, what=structure.like)
        elif _is_list_of_numbers(structure):
            first, *_ = [next(self.numbers) for _ in structure.children]
            self.layout.read("numbers", at, self._leaf(*first), structure.size, structure.kind)
        elif structure.kind in (list, tuple):
            number = self.layout.read("nest", at, size=len(structure.children), what=structure.kind)
            for place, child in enumerate(structure.children):
                self.read(child, (number, place))
        else:
            raise Unknown

    def make(self, structure: Structure) -> None:
        if structure.kind is None:
            self._make_number()
        elif structure.kind_name == "array":
            slot = next(self.arrays)
            picks = [(f"adjoint {slot}", lane) for lane in range(self.slots[slot].lanes)]
            kind, shape = self.layout.array(self.slots[slot].shape, self.plan.per_example or self.slots[slot].batched)
            self.layout.make(kind, picks=picks, what=shape)
        elif structure.kind == OTHER:
            self.layout.make("nothing")
        elif _is_list_of_numbers(structure) and not self.plan.per_example:
            picks = [(f"adjoint {slot}", lane) for slot, lane in [next(self.numbers) for _ in structure.children]]
            self.layout.make("numbers", picks=picks, what=structure.kind)
        else:
            for child in structure.children:
                self.make(child)
            self.layout.make("nest", len(structure.children), what=structure.kind)

    def _make_number(self) -> None:
        slot, lane = next(self.numbers)
        kind, shape = self.layout.array((), True) if self.plan.per_example else ("number", ())
        self.layout.make(kind, picks=[(f"adjoint {slot}", lane)], what=shape)

    def _leaf(self, slot: int, lane: int) -> tuple[Pack, int]:
        return self.plan.leaf(slot), lane


def _make_value(layout: Layout, structure: Structure, lanes: Iterator[int], has_batch: bool) -> None:
    """As the long way gives it: one number as a float, unless there is a batch."""
    if structure.kind is None or structure.shape is not None:
        kind, shape = layout.array(structure.shape or (), has_batch)
        picks = [("value", next(lanes)) for _ in range(structure.size)]
        is_number = structure.kind is None and not shape and kind == "array"
        layout.make("number" if is_number else kind, picks=picks, what=shape)
    elif structure.kind in (list, tuple):
        for child in structure.children:
            _make_value(layout, child, lanes, has_batch)
        layout.make("nest", len(structure.children), what=structure.kind)
    else:
        raise Unknown


def _is_list_of_numbers(structure: Structure) -> bool:
    is_list = structure.kind in (list, tuple) and len(structure.children) > 0
    return is_list and all(child.kind is None for child in structure.children)
