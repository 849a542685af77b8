"""The options of `compile`, and what they say of the arguments of a call."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import wraps
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
        by_name: the names of those at the end that the function is given by name.
        static: positions of the arguments that are kept whole, as part of the key.
        batched: for each argument, whether it carries a batch.
        wrt: positions of those to differentiate with respect to; whether it is one whose gradient is no tuple.
        floats: positions of the arguments whose integers are numbers like all others.
    """

    options: Options
    function: str
    names: tuple[str, ...]
    by_name: tuple[str, ...]
    static: tuple[int, ...]
    batched: tuple[bool, ...]
    wrt: tuple[tuple[int, ...], bool]
    floats: tuple[int, ...]


def roles(options: Options, function: str, names: tuple[str, ...], count: int, *by_name: str) -> Roles:
    """The roles under some options of `count` arguments given by position, and of others given by name.

    Args:
        names: the names of those that have one by which the function could be given them by position.

    Raises:
        ValueError: an option names an argument that does not exist, or one twice, or one that is static.
    """
    given = (*names, *(f"argument {n}" for n in range(len(names), count)))[:count] + by_name
    static = _positions(options.static, "static", names, given, function, ())
    batched = _positions(options.batch, "batch", names, given, function, static)
    wrt = _positions(options.wrt, "wrt", names, given, function, static)
    is_single = isinstance(options.wrt, (int, str)) or (options.wrt is None and len(wrt) == 1)
    carries = tuple([place in batched for place in range(len(given))])
    floats = () if options.wrt is None else wrt
    return Roles(options, function, given, by_name, static, carries, (wrt, is_single), floats)


def _positions(
    chosen: Chosen, option: str, names: tuple[str, ...], given: tuple[str, ...], function: str, static: tuple[int, ...]
) -> tuple[int, ...]:
    """The positions of the arguments that an option names among those given; if it names all, of those that are not
    static. A whole number is a position among the function's own `names`, as others may be left out before it."""
    if chosen is True or chosen is None:
        return tuple([position for position in range(len(given)) if position not in static])
    found: list[int] = []
    for each in _each(chosen):
        name = names[each] if isinstance(each, int) and 0 <= each < len(names) else each
        position = given.index(name) if name in given else name
        if not isinstance(position, int) or not -len(given) <= position < len(given):
            has = f", which has {', '.join(given) or 'none'}"
            raise ValueError(f"{option} names argument {each!r} of {function}{has}{did_you_mean(each, given)}")
        position %= len(given)
        if position in found:
            raise ValueError(f"{option} names argument {given[position]} of {function} twice")
        if position in static:
            raise ValueError(f"{option} names argument {given[position]} of {function}, which static also names")
        found.append(position)
    return tuple(found)


def bound(
    function: Callable[..., Any], name: str, chosen: Collection[str], args: tuple[Any, ...], keywords: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The arguments of a call as the function takes them: by position, and by name where it takes them by name alone or
    others before them are left out.

    Args:
        chosen: the names of arguments whose defaults count as given.

    Raises:
        TypeError: the function does not take these arguments.
    """
    try:
        found = inspect.signature(function).bind(*args, **keywords)
    except TypeError as error:
        raise TypeError(f"{name}(): {error}") from None
    except ValueError:
        raise TypeError(f"{name} does not tell the names of its arguments; give them by position") from None
    is_filled = False
    for each in reversed([*found.signature.parameters.values()]):
        is_filled = each.name in chosen or (is_filled and each.kind is each.POSITIONAL_ONLY)
        if is_filled and each.default is not each.empty:
            found.arguments.setdefault(each.name, each.default)
    return found.args, found.kwargs


def by_position(function: Callable[..., Any], by_name: Collection[str]) -> Callable[..., Any]:
    """The function, as one that takes its last arguments, which have these names, by position too."""
    if not by_name:
        return function

    @wraps(function)
    def taking_all(*args: Any) -> Any:
        n = len(args) - len(by_name)
        return function(*args[:n], **dict(zip(by_name, args[n:])))

    return taking_all


def chosen_names(options: Options, names: tuple[str, ...]) -> set[str]:
    """The names of the arguments that `wrt` and `static` name, by name or by position."""
    chosen = [*_each(options.wrt), *_each(options.static)]
    return {each if isinstance(each, str) else names[each] for each in chosen if each in (*names, *range(len(names)))}


def _each(chosen: Chosen) -> Collection[int | str]:
    """The arguments that an option names."""
    if chosen is None or isinstance(chosen, bool):
        return ()
    return [chosen] if isinstance(chosen, (int, str)) else chosen


def argument_names(function: Callable[..., Any]) -> tuple[tuple[str, ...], tuple[str, ...], int, bool]:
    """The names of a function's positional arguments, and of those that it takes by name alone; how many of them all
    are required, and whether it takes no more than these; ((), (), 0, False) if it has no signature."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return (), (), 0, False
    kinds = inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD
    named = [parameter for parameter in parameters if parameter.kind not in kinds]
    by_name = tuple([each.name for each in named if each.kind is each.KEYWORD_ONLY])
    names = tuple([each.name for each in named])[: len(named) - len(by_name)]
    return names, by_name, sum(each.default is each.empty for each in named), len(named) == len(parameters)
