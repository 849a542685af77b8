"""The short way: how machine code reads the arguments of a layout, and builds the results."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import chain

from autograd_mini.compiler.deriving import Plan
from autograd_mini.compiler.ir.names import ENTRIES, adjoint
from autograd_mini.compiler.ir.program import Pack
from autograd_mini.compiler.ir.request import PARAMETERS, Kind, Request
from autograd_mini.compiler.ir.slots import Arguments, Slot
from autograd_mini.compiler.run.short_way import Layout
from autograd_mini.structures import OTHER, Structure

Leaves = Iterator[tuple[int, range]]
Source = tuple[str, Sequence[int], tuple[int, ...], bool]
"""Where a number or an array comes from: a result's name, its lanes there, its shape, whether each example has one."""

LASTING = (type(None), str)
"""Things of these types hold no numbers and never change."""


class Unknown(Exception):
    """Machine code cannot read arguments, or build results, of this layout."""


def layout_of(
    arguments: Arguments,
    plan: Plan,
    request: Request,
    towards: tuple[Sequence[int], bool],
    value: Structure,
    *,
    is_given: bool,
) -> Layout:
    """How machine code reads the arguments, and builds value and gradient.

    Args:
        towards: positions of the arguments to differentiate by; whether it is one whose gradient is no tuple.
        value: the structure of the value.
        is_given: whether an array of the numbers of the parameters comes after the arguments.

    Raises:
        Unknown: machine code cannot do that.
    """
    layout = _read(arguments, plan, is_given=is_given)
    lanes = iter(range(value.size))

    def of_value(structure: Structure) -> Source:
        return "value", [next(lanes) for _ in range(structure.size)], structure.shape or (), plan.per_example

    _make(layout, value, of_value, per_example=plan.per_example)
    if request.kind == Kind.VALUE:
        return layout
    if request.wrt == PARAMETERS:
        n = plan.inputs[-1].lanes
        kind, shape = layout.array((n,), plan.per_example)
        layout.make(kind, picks=[(adjoint(-1), lane) for lane in range(n)], what=shape)
    else:
        positions, is_single = towards
        leaves = chain.from_iterable(map(arguments.leaves, positions))

        def of_slope(structure: Structure) -> Source:
            number, lanes = next(leaves)
            slot = arguments.slots[number]
            shape = slot.shape if slot.is_array else ()
            return adjoint(number), lanes, shape, plan.per_example or (slot.is_array and slot.batched)

        for position in positions:
            _make(layout, arguments.structures[position], of_slope, per_example=plan.per_example)
        if not is_single:
            layout.make("nest", len(positions), what=tuple)
    layout.make("nest", 2, what=tuple)
    return layout


def layout_of_entries(arguments: Arguments, plan: Plan, order: Sequence[int]) -> Layout:
    """How machine code reads the arguments, and builds the array of a sparse matrix's entries in this order.

    Raises:
        Unknown: machine code cannot do that.
    """
    layout = _read(arguments, plan)
    layout.make("array", picks=[(ENTRIES, place) for place in order], what=(len(order),))
    return layout


def _read(arguments: Arguments, plan: Plan, *, is_given: bool = False) -> Layout:
    n_args, parameters = len(arguments.structures), plan.inputs[-1]
    layout = Layout(n_args + is_given, has_columns=arguments.n_examples not in (None, 1))
    for position, structure in enumerate(arguments.structures):
        _read_nest(layout, structure, (0, position), arguments, plan, arguments.leaves(position))
    if is_given:
        layout.read("array", (0, n_args), (parameters, 0), parameters.lanes, (parameters.lanes,))
    for lane, parameter in enumerate(() if is_given else plan.trace.parameters):
        layout.read("attribute", (0, 0), (parameters, lane), what=(parameter, "_number"))
    return layout


def _read_nest(
    layout: Layout, structure: Structure, at: tuple[int, int], arguments: Arguments, plan: Plan, leaves: Leaves
) -> None:
    """Describe how an argument, or a part of it, is read; `leaves` yields its numbers and arrays in order."""

    def leaf() -> tuple[tuple[Pack, int], Slot]:
        slot, lanes = next(leaves)
        return (plan.inputs[slot], lanes.start), arguments.slots[slot]

    if structure.kind is None:
        layout.read("number", at, leaf()[0])
    elif structure.kind_name == "array":
        to, slot = leaf()
        kind, shape = layout.array(slot.shape, slot.batched)
        layout.read(kind, at, to, slot.lanes, shape)
    elif structure.kind == OTHER and type(structure.like) in LASTING:
        layout.read("itself", at, what=structure.like)
    elif _is_list_of_numbers(structure):
        (to, _), *_ = [leaf() for _ in structure.children]
        layout.read("numbers", at, to, structure.size, structure.kind)
    elif structure.kind in (list, tuple):
        number = layout.read("nest", at, size=len(structure.children), what=structure.kind)
        for place, child in enumerate(structure.children):
            _read_nest(layout, child, (number, place), arguments, plan, leaves)
    else:
        raise Unknown


def _make(layout: Layout, structure: Structure, source: Callable[[Structure], Source], *, per_example: bool) -> None:
    """Describe how a nest is built, given the source of each of its numbers and arrays. As on the long way, numbers
    become floats, unless each example has one."""
    if structure.kind is None or structure.kind_name == "array":
        name, lanes, shape, is_batched = source(structure)
        kind, shape = layout.array(shape, is_batched)
        kind = "number" if structure.kind is None and not is_batched else kind
        layout.make(kind, picks=[(name, lane) for lane in lanes], what=shape)
    elif structure.kind == OTHER:
        layout.make("nothing")
    elif _is_list_of_numbers(structure) and not per_example:
        found = map(source, structure.children)
        layout.make("numbers", picks=[(name, lane) for name, (lane,), *_ in found], what=structure.kind)
    elif structure.kind in (list, tuple):
        for child in structure.children:
            _make(layout, child, source, per_example=per_example)
        layout.make("nest", len(structure.children), what=structure.kind)
    else:
        raise Unknown


def _is_list_of_numbers(structure: Structure) -> bool:
    is_list = structure.kind in (list, tuple) and len(structure.children) > 0
    return is_list and all(child.kind is None for child in structure.children)
