"""Watch where derivatives by the rules alone may differ from those of eager mode, by one number for each example.

Choices that are made at kinks row by row do not compose (`autograd_mini.limits`). So programs of derivatives also tell
whether anything that varies was at a kink: `watched` appends one scalar to a list of scalars, 0 if nothing was and else
inf. It is checked together with the derivatives, in which a zero that meets inf gives nan.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import compress
from math import inf, nan
from typing import Any

from autograd_mini.compiler.ir.scalars import (
    Application,
    Input,
    Looped,
    Number,
    Picked,
    Scalar,
    Scalars,
    alive,
    depending,
    first_computed,
    leading,
)
from autograd_mini.compiler.passes.growing import Growing, Operand
from autograd_mini.compiler.passes.rules import local_derivatives
from autograd_mini.primitives import FLAT, TABLE, Primitive

_equal, _not_equal, _greater_equal, _stopped, _scale = (
    TABLE.auxiliary[name] for name in ("equal", "not_equal", "greater_equal", "stopped", "scale")
)

_BOUNDED = {TABLE[name] for name in ("tanh", "sigmoid", "sin", "cos", "atan", "erf", "erfc", "sign")} | {
    TABLE.auxiliary[name] for name in ("sech", "sigmoid_slope")
}
"""Functions that are never infinite."""

_KEEPING = {TABLE["square"], TABLE["neg"], TABLE["mul"], TABLE["add"], TABLE["sub"]}
"""Functions that give bounded numbers for bounded numbers."""


def variable(scalars: Scalars, arrays: Iterable[int], *, jumps: bool = False) -> bytearray:
    """Which scalars vary with some arrays among the arguments; if only by jumping, they count if `jumps`."""
    varying, found = {*arrays}, bytearray(len(scalars.scalars))
    for array, lanes in leading(scalars.scalars):
        if array in varying:
            found[lanes.start : lanes.stop] = bytes([1]) * len(lanes)
    return depending(scalars.scalars, found, lambda each: not _is_flat(each) or (jumps and each is not _stopped))


def _is_flat(primitive: Primitive) -> bool:
    return primitive is _stopped or (primitive.policy == FLAT and primitive.tied is None)


def watched(scalars: Scalars, arrays: Sequence[int], *, twice: bool = False, inner: bool = False) -> Scalars:
    """The scalars with one more: 0, or inf where something that varies with these arrays is at a kink. The scalars
    themselves if nothing ever is.

    Args:
        twice: whether to watch the operations of first derivatives as well, for second derivatives.
        inner: whether there are derivatives among the scalars, in which zeros that meet inf are watched, too.
    """
    may_be_tied = any(each.tied is not None or (twice and _has_kinks(each, n)) for each, n in scalars.primitives)
    if not (inner or scalars.loops or may_be_tied):
        return scalars
    varies, needed = variable(scalars, arrays), alive(scalars.scalars, scalars.outputs)
    growing = Growing(scalars.scalars)
    computed = range(first_computed(scalars.scalars), len(needed))
    places = [number for number in compress(computed, needed[computed.start :]) if varies[number]]
    if twice:
        places += _made_of(growing, places)
        varies = variable(replace(scalars, scalars=growing.scalars), arrays)
    flags = []
    for number in places:
        scalar = growing.scalars[number]
        if type(scalar) is Looped and varies[number] and scalar.scan.tied is not None:
            flags.append(growing.add(Picked(number, scalar.scan.tied)))
        if type(scalar) is not Application or not varies[number]:
            continue
        flag = None if scalar.primitive.tied is None else _flag(growing, number, scalar, varies)
        if flag is not None:
            flags.append(flag)
        if inner and scalar.primitive is _scale and not _is_bounded(growing.scalars, scalar.args[1]):
            zero, other = map(growing.operand, scalar.args)
            flags.append(growing.number_of(_equal(zero, 0.0) * _not_equal(other - other, 0.0)))
    if not flags:
        return scalars
    if any(type(growing.scalars[flag]) is Number for flag in flags):  # tied whatever the variables are
        tied = growing.number(inf)
    else:
        tied = growing.apply(TABLE["where"], growing.sum(flags), growing.number(inf), growing.number(0.0))
    return replace(scalars, scalars=growing.scalars, tied=tied)


def _is_bounded(scalars: Sequence[Scalar], number: int, depth: int = 8) -> bool:
    """Whether a scalar is finite wherever the variables are, by its form."""
    scalar = scalars[number]
    if type(scalar) is Application and scalar.primitive in _KEEPING and depth:
        return all(_is_bounded(scalars, arg, depth - 1) for arg in scalar.args)
    return isinstance(scalar, Input | Number) or (type(scalar) is Application and scalar.primitive in _BOUNDED)


def _made_of(growing: Growing, places: Iterable[int]) -> list[int]:
    """Add the operations of these scalars' local derivatives, of rules where some may be at a kink; choices are not
    added, which the scalars make themselves. Return the numbers of what was added."""
    first = len(growing.scalars)
    for number in places:
        scalar = growing.scalars[number]
        if type(scalar) is Application and _has_kinks(scalar.primitive, len(scalar.args)):
            local_derivatives(scalar.primitive, Operand(growing, number), [*map(growing.operand, scalar.args)])
    return list(range(first, len(growing.scalars)))


@lru_cache(maxsize=1024)
def _has_kinks(primitive: Primitive, n_args: int) -> bool:
    """Whether the rule of a primitive has operations that may be at a kink, apart from choices."""
    if primitive.selects or primitive.is_selector:
        return False
    growing = Growing([Number(nan)] + [Input(0, 1)] * (1 + n_args))
    try:
        local_derivatives(primitive, Operand(growing, 1), [Operand(growing, 2 + place) for place in range(n_args)])
    except TypeError:  # the rule does not work on symbols
        return False
    made = [scalar.primitive for scalar in growing.scalars if type(scalar) is Application]
    return any(each.tied is not None and not each.is_selector for each in made)


def is_tied(primitive: Primitive, out: Any, args: Sequence[Any]) -> Any:
    """Whether an operation is at a kink, as a number that tells; False if it never is, and True if its row cannot tell
    by symbols."""
    try:
        return primitive.tied is not None and primitive.tied(out, *args)
    except TypeError:
        return True


def _flag(growing: Growing, number: int, scalar: Application, varies: bytearray) -> int | None:
    """A scalar that is not 0 where an operation is at a kink; None if it never is."""
    primitive, args = scalar.primitive, scalar.args
    out = Operand(growing, number)
    tied = is_tied(primitive, out, [*map(growing.operand, args)])
    if not isinstance(tied, Operand):
        return growing.number(1.0) if tied else None
    life = [_life(growing, arg) for arg in args if varies[arg]]
    is_sure = [type(each) is float for each in life]
    is_choice_of_many = primitive.selects and primitive.arity is None
    if any(is_sure) if not is_choice_of_many else all(is_sure) and len(life) == len(args):
        return tied.place
    if is_choice_of_many:
        chosen = [growing.operand(arg) == out for arg in args if varies[arg]]
        life = [one * each for one, each in zip(chosen, life)]
    return growing.number_of(tied * TABLE["sum"](*life))


def _life(growing: Growing, number: int) -> Any:
    """A number that is not 0 where a scalar passes changes on: the 0 that a dead unit gives is no tie."""
    scalar = growing.scalars[number]
    if type(scalar) is Application and scalar.primitive.base is TABLE["relu"]:
        return _greater_equal(growing.operand(scalar.args[0]), 0.0)
    return 1.0
