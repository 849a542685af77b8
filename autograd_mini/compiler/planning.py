"""Which plan serves a call: traces are kept by the layout of the arguments, and by the branches taken."""

from __future__ import annotations

import threading
import warnings
from collections import OrderedDict
from collections.abc import Callable, Collection
from typing import Any

import numpy

from autograd_mini.compiler.binding import Bound, nest_of_values
from autograd_mini.compiler.deriving import Plan
from autograd_mini.compiler.executing import Target
from autograd_mini.compiler.numpy_rows import errors_kept
from autograd_mini.compiler.tracing import Trace, difference, trace, without_collector
from autograd_mini.observing import user_line
from autograd_mini.value import Value, leaf

MOST_LAYOUTS = 64
"""So many layouts of arguments are kept; with more, the one not used for longest goes."""


class Plans:
    """The plans of one function, made when they are first needed."""

    def __init__(self, function: Callable[..., Any], name: str, *, reduces: bool, target: Target) -> None:
        self.function = function
        self.name = name
        self.reduces = reduces
        self.target = target
        self._by_layout: OrderedDict[Any, list[Plan]] = OrderedDict()
        self._lock = threading.RLock()
        self._warned = False

    def __call__(self, bound: Bound, tried: Collection[Plan]) -> Plan:
        """A plan for these arguments that was not tried yet, the latest first; a new one where there are no more."""
        with self._lock:
            plans = self._by_layout.get(bound.key)
            if plans is None:
                if len(self._by_layout) >= MOST_LAYOUTS:
                    self._warn()
                    self._by_layout.popitem(last=False)
                plans = self._by_layout[bound.key] = []
            self._by_layout.move_to_end(bound.key)
            for plan in plans:
                if plan not in tried:
                    return plan
            plan = without_collector(lambda: errors_kept(lambda: self._new(bound)))
            plans.insert(0, plan)
            return plan

    def _new(self, bound: Bound) -> Plan:
        """A plan from a trace at the first example.

        The function is run once more elsewhere, to find out what it computes by other means than Values; at the
        same point if other branches are taken there.
        """
        first = self._trace(bound, 0.0, 0.0)
        what = difference(first, self._elsewhere(bound, first))
        if what:
            raise ValueError(
                f"{self.name} computed two different things when run twice: {what}; what it computes may depend on "
                "its arguments only by operations on Values, not on random numbers, counters or other state"
            )
        with numpy.errstate(all="ignore"):
            return Plan(first, bound.slots, reduces=self.reduces, target=self.target)

    def _elsewhere(self, bound: Bound, first: Trace) -> Trace:
        """A trace at another point; at the same one if near it other branches are taken, or there is an error."""
        for where, shift in ((0.5, 1e-3), (0.0, 1e-3), (0.0, -1e-3)):
            try:
                second = self._trace(bound, where, shift)
            except Exception:
                continue
            if [guard.outcome for guard in first.guards] == [guard.outcome for guard in second.guards]:
                return second
        return self._trace(bound, 0.0, 0.0)

    def _trace(self, bound: Bound, where: float, shift: float) -> Trace:
        """A trace at an example of the batch, `where` of the way through it, with its numbers shifted."""
        with numpy.errstate(all="ignore"):
            numbers = [array * (1.0 + shift) + shift * abs(shift) for array in bound.example(where)]
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
                f"{self.name} was called with arguments of more than {MOST_LAYOUTS} different shapes, and is compiled "
                "anew for each; pad them to a few shapes, or pass arrays with batch=…",
                RuntimeWarning,
                *user_line(),
            )


def _is_own(error: Exception) -> bool:
    """Whether an error was raised by this package, which says what is wrong in words of its own."""
    at = error.__traceback__
    while at is not None and at.tb_next is not None:
        at = at.tb_next
    return at is not None and at.tb_frame.f_globals.get("__name__", "").startswith("autograd_mini.")
