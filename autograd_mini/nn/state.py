"""Parameters converted to plain numbers by name, and set from them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from autograd_mini.observing import write_numbers
from autograd_mini.primitives import brief
from autograd_mini.value import Value


class StateError(ValueError):
    """Saved parameters, or a checkpoint, that cannot be loaded: damaged, or of another architecture."""


def numbers_of(tensors: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """The numbers of named parameters, single or nested in lists; raise ValueError if two have the same name."""
    state: dict[str, Any] = {}
    for name, tensor in tensors:
        if name in state:
            raise ValueError(f"two parameters are named {name!r}, so they cannot be told apart; rename one")
        state[name] = _numbers(tensor)
    return state


def assign(tensors: Iterable[tuple[str, Any]], state: Any) -> None:
    """Set named parameters to the numbers of a state, all of them or, if something does not fit or
    Ctrl-C comes, none.

    Raises:
        StateError: a name is missing or unknown, a shape differs, something is not a number, or two different
            numbers are given for one shared parameter.
    """
    if not isinstance(state, Mapping):
        raise StateError(f"a state maps names of parameters to numbers, got {brief(state)} ({type(state).__name__})")
    wanted = dict(tensors)
    _require_names(wanted, state)
    found: dict[Value, float] = {}
    for name, tensor in wanted.items():
        given = state[name]
        _match(tensor, given.tolist() if hasattr(given, "tolist") else given, name, found)
    write_numbers(list(found), "data", list(found.values()))


def shape_of(tensor: Any) -> tuple[int, ...]:
    """The shape of parameters or numbers nested in lists of equal lengths.

    >>> shape_of([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    (2, 3)
    """
    shape = []
    while isinstance(tensor, (list, tuple)):
        shape.append(len(tensor))
        tensor = tensor[0] if tensor else None
    return tuple(shape)


def _numbers(tensor: Any) -> Any:
    return tensor.data if isinstance(tensor, Value) else [_numbers(part) for part in tensor]


def _require_names(wanted: Mapping[str, Any], state: Mapping[Any, Any]) -> None:
    for names, what in (
        ([name for name in wanted if name not in state], "lacks"),
        ([name for name in state if name not in wanted], "has, unlike the model,"),
    ):
        if names:
            shown = ", ".join(map(brief, names[:3])) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
            raise StateError(f"the state belongs to another architecture: it {what} {shown}")


def _match(tensor: Any, given: Any, name: str, found: dict[Value, float]) -> None:
    """Pair parameters with numbers, place by place."""
    if isinstance(tensor, Value):
        if type(given) not in (float, int):
            raise StateError(f"{name} must be a number in the state, got {brief(given)} ({type(given).__name__})")
        try:
            number = float(given)
        except OverflowError:
            raise StateError(f"{name} is {brief(given)} in the state, too large for a float") from None
        if repr(found.setdefault(tensor, number)) != repr(number):
            raise StateError(
                f"the state gives two numbers, {found[tensor]} and {number}, for one shared parameter, {name}"
            )
    elif not isinstance(given, (list, tuple)) or len(given) != len(tensor):
        raise StateError(f"{name} must have shape {shape_of(tensor)} in the state, got {brief(given)}")
    else:
        for index, (part, numbers) in enumerate(zip(tensor, given)):
            _match(part, numbers, f"{name}.{index}", found)
