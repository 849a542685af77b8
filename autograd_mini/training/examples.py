"""Training sets: pairs (Xᵢ, dᵢ) of an input and its desired output."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import isfinite
from typing import Any

from autograd_mini.primitives import brief
from autograd_mini.structures import is_array

Example = tuple[Any, Any]


def pairs(inputs: Iterable[Any], desired: Iterable[Any]) -> list[Example]:
    """The training set (X₁, d₁) … (X_N, d_N) from all inputs and all desired outputs. Rows of arrays and of
    pandas' frames become lists of floats, with which everything is faster.

    Raises:
        ValueError: there are more inputs than desired outputs, or fewer.
        TypeError: one of the arguments cannot be listed.

    >>> pairs([[0.0, 1.0], [1.0, 1.0]], [1, 0])
    [([0.0, 1.0], 1), ([1.0, 1.0], 0)]
    """
    xs, ds = _listed(inputs, "inputs"), _listed(desired, "desired outputs")
    if len(xs) != len(ds):
        raise ValueError(f"each input needs one desired output, but there are {len(xs)} inputs and {len(ds)} outputs")
    return list(zip(xs, ds))


def as_examples(data: Any, name: str) -> list[Example]:
    """`data` as a list of pairs of finite numbers.

    Raises:
        ValueError: `data` is empty, an item is not a pair, or a number is nan or infinite.
        TypeError: `data` cannot be listed.
    """
    items = _listed(data, name)
    if not items:
        raise ValueError(f"{name} holds no examples; give a list of pairs (X, d)")
    examples = []
    for index, item in enumerate(items):
        if not isinstance(item, Sequence) or isinstance(item, str) or len(item) != 2:
            raise ValueError(
                f"{name} must be a list of pairs (X, d), but item {index} is {brief(item)}; pairs(X, d) makes one "
                "from all inputs and all desired outputs"
            )
        x, d = item
        for part, role in ((x, "input"), (d, "desired output")):
            if not _is_finite(part):
                raise ValueError(
                    f"the {role} of example {index} of {name} holds nan or inf, {brief(part)}; repair or drop it"
                )
        examples.append((x, d))
    return examples


def _listed(things: Any, name: str) -> list[Any]:
    if hasattr(things, "to_numpy"):  # of pandas
        things = things.to_numpy()
    if is_array(things):
        return list(things.tolist())
    try:
        return list(things)
    except TypeError:
        raise TypeError(f"{name} must be a list, got {brief(things)} ({type(things).__name__})") from None


def _is_finite(nest: Any) -> bool:
    """Whether all numbers in a nest are finite; what is not a number counts as finite."""
    if isinstance(nest, (int, str, bytes)):
        return True
    if isinstance(nest, dict):
        return all(map(_is_finite, nest.values()))
    if isinstance(nest, (list, tuple)):
        return all(map(isfinite if set(map(type, nest)) == {float} else _is_finite, nest))
    if is_array(nest):
        return _is_finite(nest.tolist())
    return isfinite(nest) if hasattr(nest, "__float__") else True
