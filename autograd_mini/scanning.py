"""`scan`: a loop that carries something from step to step, written as one step."""

from __future__ import annotations

from autograd_mini import observing
from autograd_mini.calls import name_of, require_callable
from autograd_mini.primitives import brief, is_real
from autograd_mini.structures import NUMBER, OTHER, Structure, flatten, is_array
from autograd_mini.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


def scan(
    f: Callable[[Any, Any], tuple[Any, Any]],
    init: Any,
    xs: Any = None,
    length: int | None = None,
    *,
    checkpoint: int | str = "auto",
) -> tuple[Any, Any]:
    """Carry something through a loop, step by step, as `jax.lax.scan`:

        carry, rows = init, []
        for x in xs:
            carry, y = f(carry, x)
            rows.append(y)

    This is what runs, and what is differentiated. In a compiled function f is recorded once, whatever the length, and
    the loop runs in machine code; its derivatives store some of the states on the way and compute the others again.

    Args:
        f: the step: `f(carry, x)` returns the next carry, in the structure of `init`, and what to keep of this step, in
            the same structure at every step, or None. It may use Values from outside, such as weights: derivatives
            with respect to them are summed over the steps.
        init: the first carry: a number, or several nested in lists, tuples, dicts, dataclasses and arrays; None for
            nothing.
        xs: the inputs of the steps: a list with one x for each step, or an array, along its first axis; or a tuple or
            dict of these, of equal lengths, so that each x is a tuple or dict; or None, so that each x is None.
        length: the number of steps; it may be left out if xs tells.
        checkpoint: in a compiled function, the number of steps from one stored state to the next: for n steps,
            derivatives hold n/checkpoint + checkpoint states. "auto" stores all states if they need at most 64 MiB,
            else every √n-th.

    Returns:
        The last carry, and what was kept: the structure of y with an array, with the axis of the steps first, in place
        of each number and array. Without any steps, `init` and an empty array.

    Raises:
        TypeError: xs or a result of f is none of these, or f changes the structure of the carry or of y.
        ValueError: lengths disagree, are negative or missing; `checkpoint` is neither "auto" nor 1 or more.

    >>> scan(lambda total, x: (total + x, total * x), 0.0, [1.0, 2.0, 3.0])
    (6.0, array([0., 2., 9.]))
    >>> from autograd_mini import grad
    >>> grad(lambda rate: scan(lambda money, _: (money * rate, None), 1.0, length=3)[0])(2.0)
    12.0
    """
    require_callable(f, "scan")
    if checkpoint != "auto" and (type(checkpoint) is not int or checkpoint < 1):
        raise ValueError(f"scan's checkpoint must be 'auto' or an int of 1 or more, got {brief(checkpoint)}")
    loop = Loop(f, init, xs, length, checkpoint)
    answer = observing.ask("looped", loop) if observing.active else None
    return loop.unrolled() if answer is None else answer


class Loop:
    """A call of `scan`.

    Attributes:
        init: the numbers of the first carry; `structure` is how they are nested.
        xs: the inputs of the steps, as `scan` was given them.
        length: the number of steps.
        x: the function that returns the input of a step.
    """

    init: list[Any]
    structure: Structure
    length: int
    x: Callable[[int], Any]

    def __init__(self, f: Callable[[Any, Any], Any], init: Any, xs: Any, length: Any, checkpoint: int | str) -> None:
        self.f = f
        self.name: str = name_of(f)
        self.checkpoint = checkpoint
        self.init, self.structure = flatten(init, "the first carry of scan", takes_others=True)
        if any(part.like is not None for _, part in self.structure.paths("") if part.kind == OTHER):
            raise TypeError(f"scan carries numbers and None from step to step, got {brief(init)}")
        self._first = init
        self.xs = xs
        self.length, self.x = _steps(xs, length)
        self.y_structure: Structure | None = None

    def step(self, carry: Any, x: Any) -> tuple[Any, list[Any], list[Any]]:
        """Run one step: the next carry, its numbers, and the numbers that are kept of the step."""
        result = self.f(carry, x)
        if not isinstance(result, (tuple, list)) or len(result) != 2:
            raise TypeError(f"scan takes a function that gives (carry, y), but {self.name} gave {brief(result)}")
        carry, y = result
        leaves, structure = flatten(carry, f"the carry that {self.name} gives", takes_others=True)
        if structure != self.structure:
            raise TypeError(
                f"{self.name} gave a carry {structure} where it was given {self.structure}; scan needs the same "
                "structure at every step"
            )
        kept, found = flatten(y, f"the y that {self.name} gives", takes_others=True)
        if self.y_structure is None:
            self.y_structure = found
        elif found != self.y_structure:
            raise TypeError(
                f"{self.name} gave a y {found} after {self.y_structure}; scan needs the same structure at every step"
            )
        return carry, leaves, kept

    def unrolled(self) -> tuple[Any, Any]:
        """The results of the loop, run step by step in Python."""
        carry, rows = self._first, []
        for number in range(self.length):
            carry, _, kept = self.step(carry, self.x(number))
            rows.append(kept)
        return carry, self.stacked(rows)

    def stacked(self, rows: list[list[Any]]) -> Any:
        """What is kept of all steps, as arrays in the structure of y."""
        return (self.y_structure or NUMBER).spread(rows, (self.length,))


def _steps(xs: Any, length: Any) -> tuple[int, Callable[[int], Any]]:
    """The number of steps, and the function that returns the x of each."""
    if length is not None and (not hasattr(length, "__index__") or isinstance(length, (bool, Value))):
        raise TypeError(f"scan's length must be an int, got {brief(length)} ({type(length).__name__})")
    if length is not None and length < 0:
        raise ValueError(f"scan's length must be 0 or more, got {brief(length)}")
    found: list[tuple[str, int]] = []
    x = _rows(xs, "xs", found)
    lengths = [("length", int(length)), *found] if length is not None else found
    if not lengths:
        raise ValueError("scan needs xs or a length, to know how many steps there are; got neither")
    (first, n), *others = lengths
    for name, other in others:
        if other != n:
            raise ValueError(f"scan takes one x for each step, but {first} is for {n} step(s) and {name} for {other}")
    return n, x


def _rows(xs: Any, name: str, found: list[tuple[str, int]]) -> Callable[[int], Any]:
    """The function that returns the x of a step; the names and lengths of lists and arrays are added to `found`."""
    if xs is None:
        return lambda number: None
    if isinstance(xs, dict):
        entries = {key: _rows(part, f"{name}[{key!r}]", found) for key, part in xs.items()}
        return lambda number: {key: part(number) for key, part in entries.items()}
    if isinstance(xs, tuple):
        kind: Any = getattr(xs, "_make", tuple)
        parts = [_rows(part, f"{name}[{place}]", found) for place, part in enumerate(xs)]
        return lambda number: kind([part(number) for part in parts])
    if hasattr(xs, "to_numpy"):  # a column of pandas, whose labels are not positions
        xs = xs.to_numpy()
    if is_array(xs) and not xs.shape:
        xs = xs.item()
    if isinstance(xs, Value) or is_real(type(xs)) or isinstance(xs, (str, bytes)) or not hasattr(xs, "__iter__"):
        raise TypeError(
            f"{name} of scan must be a list or an array with one x for each step, or a tuple or dict of such, got "
            f"{brief(xs)} ({type(xs).__name__})"
        )
    rows = xs if is_array(xs) or isinstance(xs, (list, range)) else [*xs]
    found.append((name, len(rows)))
    return rows.__getitem__
