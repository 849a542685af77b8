"""Names for Values: their labels, or the variables of the program that hold them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping

from autograd_mini.primitives import brief
from autograd_mini.value import Value

NESTING = 3
NOT_THE_USERS = ("In", "Out")  # a notebook's own records


def label_locals() -> None:
    """Label the Values in the caller's local variables by the variables' names.

    Lists, tuples, dicts and NumPy arrays are looked into: `w[0]`. Labels that are there stay; of several
    variables the first gives the name; those that begin with an underscore give none.

    >>> from autograd_mini import Value
    >>> def neuron():
    ...     w, x = [Value(2.0), Value(3.0)], Value(4.0)
    ...     label_locals()
    ...     return w[1] * x
    >>> neuron().parents[0].label
    'w[1]'
    """
    for value, name in _names(sys._getframe(1).f_locals).items():
        if not value.label:
            value.label = name


def naming(names: Mapping[str, object] | None) -> Callable[[Value], str]:
    """The function that gives a Value's name: its label, else that of the variable among `names` that holds it."""
    if names is not None and not isinstance(names, Mapping):
        raise TypeError(f"names must map names to Values, as locals() does, got {brief(names)}")
    known = _names({str(name): thing for name, thing in (names or {}).items()})
    return lambda value: str(value.label) or known.get(value, "")


def _names(variables: Mapping[str, object]) -> dict[Value, str]:
    names: dict[Value, str] = {}
    visible = {name: thing for name, thing in variables.items() if name[:1] not in "_@" and name not in NOT_THE_USERS}
    plain = ((thing, name) for name, thing in visible.items() if isinstance(thing, Value))
    nested = (found for name, thing in visible.items() for found in _within(thing, name, NESTING))
    for generator in (plain, nested):
        for value, name in generator:
            names.setdefault(value, name)
    return names


def _within(thing: object, name: str, nesting: int) -> Iterator[tuple[Value, str]]:
    """The Values in a container, with their places."""
    if isinstance(thing, Value):
        yield thing, name
        return
    if hasattr(thing, "tolist") and getattr(thing, "dtype", None) == "O":
        thing = thing.tolist()  # a NumPy array of objects
    if nesting == 0:
        return
    if isinstance(thing, (list, tuple)):
        for index, item in enumerate(thing):
            yield from _within(item, f"{name}[{index}]", nesting - 1)
    elif isinstance(thing, dict):
        for key, item in thing.items():
            yield from _within(item, f"{name}[{key!r}]", nesting - 1)
