"""What operations share: functions of the same operands, and flags of which only one need be set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import compress
from typing import Any

from autograd_mini.compiler.code.machine_rows import COMPARISONS, WHERE, has_emission, is_exact
from autograd_mini.compiler.ir.scalars import ONE, Application, Component, Number, Scalar, Terms
from autograd_mini.primitives import Part, Primitive


def sharing(scalars: Sequence[Scalar], is_alive: bytearray) -> dict[tuple[tuple[int, ...], bool], dict[int, Primitive]]:
    """Functions that take some time, by their operands and whether they are of vectors: those of the same operands may
    share some of it. They are given by their first results."""
    is_cheap: dict[tuple[Primitive, int], bool] = {}
    found: dict[tuple[tuple[int, ...], bool], dict[int, Primitive]] = {}
    for number in compress(range(len(scalars)), is_alive):
        scalar = scalars[number]
        if type(scalar) is Component:
            found.setdefault((scalar.vector.args, True), {})[number - scalar.index] = scalar.vector.primitive
        elif type(scalar) is Application:
            key = primitive, n_args = scalar.primitive, len(scalar.args)
            if key not in is_cheap:
                is_left = isinstance(primitive, Part) or not has_emission(primitive, n_args)
                is_cheap[key] = is_left or is_exact(primitive, n_args)
            if not is_cheap[key]:
                found.setdefault((scalar.args, False), {})[number] = primitive
    return found


def choices_by_sums(scalars: Sequence[Scalar], is_alive: bytearray) -> list[int]:
    """Choices by whether a sum is 0."""
    return [
        number
        for number in compress(range(len(scalars)), is_alive)
        if type(scalar := scalars[number]) is Application
        and scalar.primitive is WHERE
        and type(scalars[scalar.args[0]]) is Terms
    ]


def any_of(scalars: Sequence[Any], choices: Sequence[int], uses: Mapping[int, int]) -> dict[int, list[int]]:
    """Of choices by whether a sum is 0 those where it counts comparisons: the sum, and those of no other use."""
    found: dict[int, list[int]] = {}
    for number in choices:
        place = scalars[number].args[0]
        terms = scalars[place]
        if uses[place] != 1 or {*terms.cs} != {1.0} or {*terms.ys} != {ONE}:
            continue
        parts = [(x, scalars[x]) for x in terms.xs]
        own = [x for x, each in parts if type(each) is Application and uses[x] == 1 and each.primitive in COMPARISONS]
        if own and all(type(each) is not Number for _, each in parts):
            found[number] = [place, *own]
    return found
