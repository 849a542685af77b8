"""Hypothesis strategies for points, random programs, networks, and programs at points exactly on kinks.

This is the only module of the package that needs hypothesis (pip install hypothesis).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from math import floor, isfinite
from typing import Any, TypeAlias

try:
    from hypothesis import strategies as st
except ModuleNotFoundError:
    raise ModuleNotFoundError(
        "autograd_mini.testing.strategies needs hypothesis; install it with: pip install hypothesis"
    ) from None

from autograd_mini.nn import MLP
from autograd_mini.primitives import TABLE, Primitive, brief
from autograd_mini.suggesting import did_you_mean
from autograd_mini.testing.programs import Builder, Program, Step

Draw: TypeAlias = Callable[..., Any]

ACTIVATIONS = ("tanh", "sigmoid", "softplus", "relu", "silu", "gelu")


def values(*, low: float = -4.0, high: float = 4.0) -> st.SearchStrategy[float]:
    """Floats in [low, high], with halves and whole numbers more often; they shrink towards 0 or towards `low`.

    If 0 lies within the bounds, floats within 1e-9 of it are replaced by 0 itself: so close to a kink, differences
    could not tell the two sides apart.

    Raises:
        ValueError: the bounds are not finite numbers in ascending order.

    >>> from hypothesis import find, settings
    >>> find(values(low=0.5, high=1.0), lambda x: True, settings=settings(database=None))
    0.5
    """
    are_numbers = all(isinstance(bound, (int, float)) and isfinite(bound) for bound in (low, high))
    _require(are_numbers and low < high, f"values needs finite low < high, got {low}, {high}")
    nearest = 1e-9 if low <= 0.0 <= high else 0.0
    floats = st.floats(low, high, allow_subnormal=False).map(lambda x: x if abs(x) > nearest else 0.0)
    first, last = -floor(-2.0 * low), floor(2.0 * high)
    if first > last:
        return floats
    return st.integers(first, last).map(lambda n: n / 2.0) | floats


def points(n: int, *, low: float = -4.0, high: float = 4.0) -> st.SearchStrategy[list[float]]:
    """Lists of n floats in [low, high].

    Raises:
        ValueError: n is not an integer ≥ 1, or as for `values`.

    >>> from hypothesis import find, settings
    >>> find(points(2), lambda x: True, settings=settings(database=None))
    [0.0, 0.0]
    """
    _require(isinstance(n, int) and n >= 1, f"points needs an integer n ≥ 1, got {brief(n)}")
    return st.lists(values(low=low, high=high), min_size=n, max_size=n)


def expressions(
    n_inputs: int,
    *,
    primitives: Iterable[str | Primitive] | None = None,
    max_size: int = 10,
    low: float = -4.0,
    high: float = 4.0,
) -> st.SearchStrategy[Program]:
    """Random programs over the table of primitives, each with a point at which it is defined.

    At that point every operand lies within the domain of its operation: operands are chosen accordingly, or brought
    into the domain by a sine if none fits. Results may be used several times, even by one operation.
    `program(*program.point)` evaluates a program; programs shrink to few operations and print as Python.

    Args:
        n_inputs: how many numbers the program takes, 1 or more.
        primitives: names or rows to choose from; by default the whole table, with your own primitives.
        max_size: the most operations, not counting those that bring operands into domains.
        low, high: the bounds of the point's coordinates.

    Raises:
        ValueError: an argument is out of range, or a primitive does not exist.

    >>> from hypothesis import find, settings
    >>> programs = expressions(1, primitives=["sin", "mul"])
    >>> find(programs, lambda program: True, settings=settings(database=None))
    lambda x0: ag.sin(x0)
    """
    _require(isinstance(n_inputs, int) and n_inputs >= 1, f"n_inputs must be an integer ≥ 1, got {brief(n_inputs)}")
    _require(isinstance(max_size, int) and max_size >= 1, f"max_size must be an integer ≥ 1, got {brief(max_size)}")
    rows = _rows(primitives)
    start = points(n_inputs, low=low, high=high)

    @st.composite
    def programs(draw: Draw) -> Program:
        builder = Builder(
            lambda first, last: draw(st.integers(first, last)),
            lambda bottom, top: draw(values(low=bottom, high=top)),
            draw(start),
        )
        for _ in range(draw(st.integers(1, max_size))):
            builder.add(draw(st.sampled_from(rows)))
        return builder.program(draw(st.booleans()))

    return programs()


def kinks(*, primitives: Iterable[str | Primitive] | None = None) -> st.SearchStrategy[Program]:
    """Programs of one or two operations whose point lies exactly on a kink or a tie of a primitive.

    Args:
        primitives: names or rows to choose from; by default those of the table that declare kinks, and `max`
            and `min` with ties.

    Raises:
        ValueError: a primitive does not exist, or none of those given has a kink.

    >>> from hypothesis import find, settings
    >>> find(kinks(primitives=["relu"]), lambda program: True, settings=settings(database=None))
    lambda x0: ag.relu(x0)
    """
    rows = [row for row in _rows(primitives) if row.kinks or row.name in ("max", "min")]
    _require(bool(rows), "kinks needs a primitive that declares kinks, and none of those given does")

    @st.composite
    def programs(draw: Draw) -> Program:
        row = draw(st.sampled_from(rows))
        if row.kinks:
            point = list(draw(st.sampled_from(row.kinks)))
        else:
            point = [draw(values())] * draw(st.integers(2, 4))
        operands = tuple(range(len(point)))
        shift = draw(values())
        steps = [Step(row, operands)]
        if shift:
            moved = Step(TABLE["sub"], (0, shift))
            steps = [moved, Step(row, (len(point), *operands[1:]))]
            shifted = point[0] + shift
            if shifted - shift != point[0]:
                return Program(len(point), [Step(row, operands)], point)
            point[0] = shifted
        factor = draw(st.sampled_from([1.0, -1.0, 3.0, 0.25]))
        if factor != 1.0:
            steps.append(Step(TABLE["mul"], (len(point) + len(steps) - 1, factor)))
        return Program(len(point), steps, point)

    return programs()


def mlps(
    *,
    max_inputs: int = 3,
    max_layers: int = 3,
    max_width: int = 4,
    activations: Sequence[str | Callable[..., Any]] = ACTIVATIONS,
) -> st.SearchStrategy[MLP]:
    """Multi-layer perceptrons with random weights; `model.layers[0].n_inputs` is the number of inputs of one.

    Args:
        max_inputs, max_layers, max_width: the largest sizes, each 1 or more.
        activations: the ones to choose from, for all layers but the last.

    Raises:
        ValueError: a size is not an integer ≥ 1, or `activations` is empty.

    >>> from hypothesis import find, settings
    >>> find(mlps(), lambda model: True, settings=settings(database=None))
    MLP(
      layers.0: Layer(1, 1, 'identity')
    )
    """
    for name, size in (("max_inputs", max_inputs), ("max_layers", max_layers), ("max_width", max_width)):
        _require(isinstance(size, int) and size >= 1, f"{name} must be an integer ≥ 1, got {brief(size)}")
    _require(len(activations) > 0, "mlps needs at least one activation")
    return st.builds(
        lambda n_inputs, widths, activation, seed: MLP(n_inputs, widths, activation=activation, random=seed),
        st.integers(1, max_inputs),
        st.lists(st.integers(1, max_width), min_size=1, max_size=max_layers),
        st.sampled_from(list(activations)),
        st.integers(0, 2**16),
    )


def _rows(primitives: Iterable[str | Primitive] | None) -> list[Primitive]:
    if primitives is None:
        return list(TABLE.values())
    rows = []
    for each in [primitives] if isinstance(primitives, (str, Primitive)) else primitives:
        row = TABLE.get(each) if isinstance(each, str) else each
        _require(isinstance(row, Primitive), f"there is no primitive {brief(each)}{did_you_mean(each, TABLE)}")
        rows.append(row)
    _require(bool(rows), "there must be at least one primitive to choose from")
    return rows  # type: ignore[return-value]


def _require(holds: bool, sentence: str) -> None:
    if not holds:
        raise ValueError(sentence)
