"""Which plan serves a call: traces are kept by the layout of the arguments, by what the function reads from outside
them, and by the branches taken."""

from __future__ import annotations

import threading
import warnings
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy

from autograd_mini.compiler.binding import Bound, nest_of_values
from autograd_mini.compiler.captured import Captured
from autograd_mini.compiler.deriving import Plan
from autograd_mini.compiler.executing import Target
from autograd_mini.compiler.merging import merged
from autograd_mini.compiler.numpy_rows import errors_kept
from autograd_mini.compiler.tracing import Trace, difference, place, trace, without_collector
from autograd_mini.observing import user_line
from autograd_mini.value import Value, leaf

MOST_LAYOUTS = 64
"""So many layouts of arguments and states of what is captured are kept; of more, the least recently used is evicted."""

MOST_PATHS = 64
"""So many ways through the branches of a function are kept for one layout of its arguments."""


class Plans:
    """The plans of one function, made when they are first needed."""

    def __init__(self, function: Callable[..., Any], name: str, *, reduces: bool, target: Target) -> None:
        self.function = function
        self.name = name
        self.reduces = reduces
        self.target = target
        self._by_layout: OrderedDict[Any, list[Plan]] = OrderedDict()
        self._together: dict[Any, tuple[tuple[Plan, ...], Plan | Literal[False] | None]] = {}
        self.captured = Captured(function)
        self._lock = threading.RLock()
        self._warned = False

    def known(self, bound: Bound) -> list[Plan]:
        """The plans for such arguments, the latest first."""
        with self._lock:
            key = bound.key, self.captured.state()
            plans = self._by_layout.get(key)
            if plans is None and self.captured.look():
                key = bound.key, self.captured.state()
                plans = self._by_layout.get(key)
            if plans is None:
                return []
            self._by_layout.move_to_end(key)
            return [*plans]

    def together(self, bound: Bound, plans: Sequence[Plan]) -> Plan | None:
        """One plan in place of these, if they can be put together, and were the same at the call before."""
        with self._lock:
            before, whole = self._together.get(bound.key, ((), None))
            if before != tuple(plans):
                self._together[bound.key] = tuple(plans), None
                return None
            if whole is None:
                joined = without_collector(lambda: merged(plans))
                whole = joined is not None and Plan(joined, bound.slots, reduces=self.reduces, target=self.target)
                self._together[bound.key] = before, whole
            return whole or None

    def traced(self, bound: Bound, row: int) -> Plan:
        """The plan of the path that the function itself takes at an example; a new one if it was not taken yet.

        Raises:
            ValueError: there are too many paths.
        """
        with self._lock:
            return without_collector(lambda: errors_kept(lambda: self._traced(bound, row)))

    def _traced(self, bound: Bound, row: int) -> Plan:
        self.captured.look()
        state = self.captured.state()
        first = self._trace(bound, row, 0.0)
        plans = self._by_layout.get((bound.key, state), [])
        for plan in plans:
            if plan.trace.path == first.path:
                return plan
        if len(plans) >= MOST_PATHS:
            raise ValueError(
                f"{self.name} took more than {MOST_PATHS} different ways through its branches, last at "
                f"{place(first.guards[-1].line)}; use where() or maximum() in place of branches on numbers"
            )
        plan = self._new(bound, row, first)
        self._keep(plan, (bound.key, state))
        self.captured.exempt_changed(state)
        return plan

    def _keep(self, plan: Plan, key: Any) -> None:
        if key not in self._by_layout and len(self._by_layout) >= MOST_LAYOUTS:
            self._warn()
            (layout, _), _ = self._by_layout.popitem(last=False)
            self._together.pop(layout, None)
        self._by_layout.setdefault(key, []).insert(0, plan)

    def _new(self, bound: Bound, row: int, first: Trace) -> Plan:
        """A plan from a trace.

        The function is run once more elsewhere, to find out what it computes by other means than Values; at the
        same point if other branches are taken there.
        """
        second = self._elsewhere(bound, row, first)
        if [*map(id, first.parameters)] != [*map(id, second.parameters)]:  # the first run made a parameter that stays
            first = self._trace(bound, row, 0.0)
        what = difference(first, second)
        if what:
            raise ValueError(
                f"{self.name} computed two different things when run twice: {what}; what it computes may depend on "
                "its arguments only by operations on Values, not on random numbers, counters or other state"
            )
        with numpy.errstate(all="ignore"):
            return Plan(first, bound.slots, reduces=self.reduces, target=self.target)

    def _elsewhere(self, bound: Bound, row: int, first: Trace) -> Trace:
        """A trace at another point; at the same one if near it other branches are taken, or there is an error."""
        middle = (bound.n_examples or 1) // 2
        for other, shift in ((middle, 1e-3), (row, 1e-3), (row, -1e-3)):
            try:
                second = self._trace(bound, other, shift)
            except Exception:
                continue
            if second.path == first.path:
                return second
        return self._trace(bound, row, 0.0)

    def _trace(self, bound: Bound, row: int, shift: float) -> Trace:
        """A trace at an example of the batch, with its numbers shifted."""
        with numpy.errstate(all="ignore"):
            numbers = [array * (1.0 + shift) + shift * abs(shift) for array in bound.example(row)]
        values = [[leaf(number, Value) for number in array.tolist()] for array in numbers]
        try:
            return trace(self.function, self.name, values, nest_of_values(bound.templates, values))
        except TypeError as error:
            if not bound.fixed or _is_own(error):
                raise
            raise TypeError(f"{' and '.join(bound.fixed)}, and it fails with that: {error}") from error

    def _warn(self) -> None:
        if not self._warned:
            self._warned = True
            warnings.warn_explicit(
                f"{self.name} was called with arguments of more than {MOST_LAYOUTS} different shapes, or with as many "
                "different numbers outside them, and is compiled anew for each; pad the arguments to a few shapes, "
                "pass arrays with batch=…, and make numbers that change arguments or Values",
                RuntimeWarning,
                *user_line(),
            )


def _is_own(error: Exception) -> bool:
    """Whether an error was raised by this package, which says what is wrong in words of its own."""
    at = error.__traceback__
    while at is not None and at.tb_next is not None:
        at = at.tb_next
    return at is not None and at.tb_frame.f_globals.get("__name__", "").startswith("autograd_mini.")
