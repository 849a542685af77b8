"""The options of `compile`, and what they say of the arguments of a call."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from autograd_mini.compiler.run.executing import Target
from autograd_mini.primitives import brief
from autograd_mini.suggesting import did_you_mean

Chosen = bool | int | str | Collection[int | str] | None


@dataclass(frozen=True)
class Options:
    """The options of `compile`.

    Raises:
        TypeError: an option has the wrong type.
        ValueError: `reduce` is not one of its values, or there is no batch to reduce.
    """

    wrt: Chosen
    batch: Chosen
    static: Chosen
    reduce: str | None
    as_lists: bool
    target: Target

    def __post_init__(self) -> None:
        if self.reduce not in (None, "sum", "mean"):
            raise ValueError(f"reduce must be None, 'sum' or 'mean', got {brief(self.reduce)}")
        if not (self.wrt is None or _names_arguments(self.wrt)):
            raise TypeError(f"wrt takes positions or names of arguments, or None for all, got {brief(self.wrt)}")
        if not (isinstance(self.batch, bool) or _names_arguments(self.batch)):
            raise TypeError(f"batch takes positions or names of arguments, True or False, got {brief(self.batch)}")
        if not _names_arguments(self.static):
            raise TypeError(f"static takes positions or names of arguments, got {brief(self.static)}")
        if self.reduce is not None and self.batch is False:
            raise ValueError(f"reduce={self.reduce!r} needs a batch; name the arguments that carry it in batch=…")
        if not isinstance(self.as_lists, bool):
            raise TypeError(f"as_lists must be True or False, got {brief(self.as_lists)}")
        for name in ("wrt", "batch", "static"):
            chosen = getattr(self, name)
            if isinstance(chosen, (list, set)):  # which are mutable, and cannot be keys
                object.__setattr__(self, name, tuple(chosen))


def _names_arguments(chosen: Any) -> bool:
    each_of = chosen if isinstance(chosen, (list, tuple, set, frozenset)) else (chosen,)
    return all(isinstance(each, (int, str)) and not isinstance(each, bool) for each in each_of)


@dataclass(frozen=True)
class Roles:
    """What the arguments of a call are for.

    Attributes:
        names: the names of all arguments.
        static: positions of the arguments that are kept whole, as part of the key.
        batched: for each argument, whether it carries a batch.
        wrt: positions of those to differentiate with respect to; whether it is one whose gradient is no tuple.
        floats: positions of the arguments whose integers are numbers like all others.
    """

    options: Options
    function: str
    names: tuple[str, ...]
    static: tuple[int, ...]
    batched: tuple[bool, ...]
    wrt: tuple[tuple[int, ...], bool]
    floats: tuple[int, ...]


def roles(options: Options, function: str, names: tuple[str, ...], count: int) -> Roles:
    """The roles of `count` arguments under some options.

    Args:
        names: the names of those that have one.

    Raises:
        ValueError: an option names an argument that does not exist, or one twice, or one that is static.
    """
    names = (*names, *(f"argument {n}" for n in range(len(names), count)))[:count]
    static = _positions(options.static, "static", names, function, ())
    batched = _positions(options.batch, "batch", names, function, static)
    wrt = _positions(options.wrt, "wrt", names, function, static)
    is_single = isinstance(options.wrt, (int, str)) or (options.wrt is None and len(wrt) == 1)
    carries = tuple([place in batched for place in range(count)])
    return Roles(options, function, names, static, carries, (wrt, is_single), () if options.wrt is None else wrt)


def _positions(
    chosen: Chosen, option: str, names: tuple[str, ...], function: str, static: tuple[int, ...]
) -> tuple[int, ...]:
    """The positions of the arguments that an option names; if it names all, of those that are not static."""
    if chosen is True or chosen is None:
        return tuple([position for position in range(len(names)) if position not in static])
    found: list[int] = []
    for each in _each(chosen):
        position = names.index(each) if each in names else each
        if not isinstance(position, int) or not -len(names) <= position < len(names):
            has = f", which has {', '.join(names) or 'none'}"
            raise ValueError(f"{option} names argument {each!r} of {function}{has}{did_you_mean(each, names)}")
        position %= len(names)
        if position in found:
            raise ValueError(f"{option} names argument {names[position]} of {function} twice")
        if position in static:
            raise ValueError(f"{option} names argument {names[position]} of {function}, which static also names")
        found.append(position)
    return tuple(found)


def positional(
    function: Callable[..., Any], name: str, args: tuple[Any, ...], keywords: dict[str, Any]
) -> tuple[Any, ...]:
    """All arguments of a call, those given by name put in their positions.

    Raises:
        TypeError: the function does not take these arguments, or not by position.
    """
    if not keywords:
        return args
    try:
        arguments = inspect.signature(function).bind(*args, **keywords)
    except TypeError as error:
        raise TypeError(f"{name}(): {error}") from None
    except ValueError:
        raise TypeError(f"{name} does not tell the names of its arguments; give them by position") from None
    if arguments.kwargs:
        raise TypeError(
            f"{name} was given {', '.join(arguments.kwargs)} by name, which it cannot take by position with the "
            "others; a compiled function takes positional arguments"
        )
    return arguments.args


def with_defaults(
    function: Callable[..., Any], options: Options, names: tuple[str, ...], args: tuple[Any, ...]
) -> tuple[Any, ...]:
    """The arguments, and the defaults of those left out up to the last one that `wrt` or `static` names."""
    chosen = [each for option in (options.wrt, options.static) for each in _each(option)]
    places = [names.index(each) if each in names else each for each in chosen]
    last = max([each for each in places if isinstance(each, int) and each < len(names)], default=0)
    parameters = [*inspect.signature(function).parameters.values()] if last >= len(args) else []
    return (*args, *[each.default for each in parameters[len(args) : last + 1]])


def _each(chosen: Chosen) -> Collection[int | str]:
    """The arguments that an option names."""
    if chosen is None or isinstance(chosen, bool):
        return ()
    return [chosen] if isinstance(chosen, (int, str)) else chosen


def argument_names(function: Callable[..., Any]) -> tuple[tuple[str, ...], int, bool]:
    """The names of a function's positional arguments, how many of them are required, and whether it takes no more than
    these; ((), 0, False) if it has no signature."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return (), 0, False
    kinds = inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD
    named = [parameter for parameter in parameters if parameter.kind in kinds]
    takes_more = any(parameter.kind is parameter.VAR_POSITIONAL for parameter in parameters)
    return tuple(each.name for each in named), sum(each.default is each.empty for each in named), not takes_more
