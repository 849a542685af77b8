"""Which plan serves a call: traces are kept by the layout of the arguments, by what the function reads from outside
them, and by the branches taken."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

import numpy

from autograd_mini.compiler.calls.captured import Captured
from autograd_mini.compiler.calls.consumed import standing
from autograd_mini.compiler.calls.counting import whole
from autograd_mini.compiler.calls.options import by_position
from autograd_mini.compiler.calls.together import Joint
from autograd_mini.compiler.code.numpy_rows import errors_kept
from autograd_mini.compiler.deriving import Plan
from autograd_mini.compiler.ir.keys import Exact
from autograd_mini.compiler.ir.request import Kind, Request
from autograd_mini.compiler.ir.slots import Arguments
from autograd_mini.compiler.passes.merging import merged
from autograd_mini.compiler.passes.tracing import Place, Trace, difference, trace
from autograd_mini.compiler.run.executing import Target
from autograd_mini.graph import leaves
from autograd_mini.interrupts import without_collector
from autograd_mini.leaving import place
from autograd_mini.observing import warn_user
from autograd_mini.primitives import brief
from autograd_mini.value import Value

MOST_LAYOUTS = 64
"""How many combinations of layout and captured state are kept; beyond that, the least recently used is evicted. Not
tuned: more would keep for ever the machine code of functions whose arguments vary in length."""

MOST_PATHS = 64
"""How many paths through the branches of a function are kept for one layout of its arguments. Not tuned: each path is
compiled by itself, and six decisions make as many."""

Layout = tuple[Any, ...]


class Plans:
    """The plans of one function, made when they are first needed."""

    def __init__(self, function: Callable[..., Any], name: str, *, reduces: bool, target: Target) -> None:
        self.function = function
        self.name = name
        self.reduces = reduces
        self.target = target
        self._by_layout: OrderedDict[Any, list[Plan]] = OrderedDict()
        self._together: dict[Layout, tuple[tuple[Plan, ...], dict[Request, Plan | None]]] = {}
        self.captured: Captured = Captured(function, target)
        self._given: OrderedDict[Exact, Captured] = OrderedDict()
        self._lock = threading.RLock()
        self._warned = False

    def known(self, arguments: Arguments) -> list[Plan]:
        """The plans that were made for arguments of this layout, the latest first."""
        with self._lock:
            layout = self._layout(arguments)
            plans = self._by_layout.get(layout)
            if plans is None and self.captured.look():
                layout = self._layout(arguments)
                plans = self._by_layout.get(layout)
            if plans is None:
                return []
            self._by_layout.move_to_end(layout)
            return [plan for plan in plans if plan.suits(arguments)]

    def together(self, arguments: Arguments, plans: Sequence[Plan], request: Request) -> Plan | None:
        """One plan in place of these, if they can be joined and the call before had the same ones; else None."""
        with self._lock:
            layout = self._layout(arguments)
            before, made = self._together.get(layout, ((), {}))
            if before != tuple(plans):
                self._together[layout] = tuple(plans), {}
                return None
            if request not in made:
                made[request] = without_collector(lambda: self._joined(arguments, plans, request))
            return made[request]

    def _joined(self, arguments: Arguments, plans: Sequence[Plan], request: Request) -> Plan | None:
        with suppress(NotImplementedError):
            return Joint(plans, arguments, request)
        joined = merged(plans) if request.kind == Kind.VALUE else None
        return None if joined is None else Plan(joined, arguments, reduces=self.reduces, target=self.target)

    def _layout(self, arguments: Arguments) -> Layout:
        """What must be the same for a plan to serve a call: how the arguments are nested, the things in them that hold
        no numbers, and what the function, and functions among the arguments, read from outside."""
        layout = arguments.key(), self.captured.state()
        if not arguments.has_others:
            return layout
        given = [self._watch(thing) for _, thing in arguments.others() if callable(thing)]
        return *layout, *[(captured, captured.state()) for captured in given]

    def _watch(self, function: Callable[..., Any]) -> Captured:
        """What a function among the arguments reads from outside."""
        key = Exact(function)
        if key not in self._given:
            self._given[key] = Captured(function, self.target)
            self._given[key].look()
            if len(self._given) > MOST_LAYOUTS:
                self._given.popitem(last=False)
        return self._given[key]

    def traced(self, arguments: Arguments, row: int) -> Plan:
        """The plan of the path that the function itself takes at an example; a new one if it was not taken yet.

        Raises:
            ValueError: there are too many paths.
        """
        with self._lock:
            return without_collector(lambda: errors_kept(lambda: self._traced(arguments, row)))

    def _traced(self, arguments: Arguments, row: int) -> Plan:
        self.captured.look(arguments.classes())
        layout = self._layout(arguments)
        _, number, *given = layout
        watches = [(self.captured, number), *given]
        before = [each for captured, _ in watches for each in captured.standings()]
        first = self._trace(arguments, row, 0.0)
        self._require_repeatable(before)
        for captured, state in watches:
            captured.accept_changed(state, is_watched=True)
        plans = [plan for plan in self._by_layout.get(layout, ()) if plan.trace.counts == first.counts]
        ints = frozenset(arguments.integers)
        for plan in plans:
            if plan.trace.path == first.path and (ints in plan.whole or not difference(plan.trace, first)):
                plan.whole.add(ints)
                return plan
        if len(plans) >= MOST_PATHS:
            raise ValueError(
                f"{self.name} took more than {MOST_PATHS} different paths through its branches, last at "
                f"{place(first.guards[-1].line)}; use where() or maximum() instead of branches on numbers"
            )
        plan = self._new(arguments, row, first)
        self._keep(plan, layout)
        for captured, state in watches:
            captured.accept_changed(state, is_watched=False)
        return plan

    def _require_repeatable(self, before: Iterable[tuple[Any, Hashable]]) -> None:
        """Refuse a function whose run has used up something outside; `before` says how far that had been read."""
        for thing, then in before:
            if standing(thing) != then:
                raise ValueError(
                    f"{self.name} reads from a {type(thing).__name__} outside, which gives something else each time, "
                    "and a compiled function would keep what this run got for ever; read it outside, and "
                    "pass what you get as an argument"
                )

    def _keep(self, plan: Plan, layout: Layout) -> None:
        if layout not in self._by_layout and len(self._by_layout) >= MOST_LAYOUTS:
            self._warn()
            evicted, _ = self._by_layout.popitem(last=False)
            self._together.pop(evicted, None)
        plan.state = layout[1]
        plans = self._by_layout.setdefault(layout, [])
        plans.insert(0, plan)
        counts = [each.trace.counts for each in plans]
        if plan.trace.counts and len({tuple(each.items()) for each in counts}) > MOST_LAYOUTS:
            self._warn()
            plans[:] = [each for each in plans if each.trace.counts != counts[-1]]

    def _new(self, arguments: Arguments, row: int, first: Trace) -> Plan:
        """A plan from a trace.

        The function is run once more at another point, or at the same one if others take other branches: a difference
        shows what it computes by other means than Values.
        """
        second = self._elsewhere(arguments, row, first)
        if [*map(id, first.parameters)] != [*map(id, second.parameters)]:  # the first run made a parameter that stays
            first = self._trace(arguments, row, 0.0)
        what = "" if second is first else difference(first, second)
        if [*map(id, first.parameters)] != [*map(id, second.parameters)]:
            what = what or "other Values from outside"
        if what:
            raise ValueError(
                f"{self.name} computed two different things when run twice: {what}; what it computes may depend on "
                "its arguments only by operations on Values, not on random numbers, counters or other state"
            )
        with numpy.errstate(all="ignore"):
            plan = Plan(first, arguments, reduces=self.reduces, target=self.target)
        first.recording = None
        return plan

    def _elsewhere(self, arguments: Arguments, row: int, first: Trace) -> Trace:
        """A trace at another point; at the same one if the function takes other branches, or fails, at all others."""
        middle = (arguments.n_examples or 1) // 2
        for other, shift in ((middle, 1e-3), (row, 1e-3), (row, -1e-3)):
            try:
                second = self._trace(arguments, other, shift, first)
            except Exception:
                continue
            if second.path == first.path:
                return second
        return self._trace(arguments, row, 0.0, first)

    def _trace(self, arguments: Arguments, row: int, shift: float, first: Trace | None = None) -> Trace:
        """A trace at an example of the batch, with its numbers shifted; `first` if that is the same."""
        with numpy.errstate(all="ignore"):
            numbers = [array * (1.0 + shift) + shift * abs(shift) for array in arguments.example(row)]
        values = [leaves(array.tolist(), Value) for array in numbers]
        counts: dict[Place, int] = {}
        for slot, given in arguments.integers.items():
            for lane, number in given.items() if isinstance(given, dict) else enumerate(given.tolist()):
                counted = partial(_count, arguments, counts)
                values[slot][lane] = whole(values[slot][lane]._number, number, (slot, lane), counted)
        try:
            function = by_position(self.function, arguments.by_name)
            return trace(function, self.name, values, arguments.for_function(values), counts, first)
        except TypeError as error:
            others = [
                f"{path} of {self.name} is {brief(each)} ({type(each).__name__})" for path, each in arguments.others()
            ]
            if not others or _is_own(error):
                if "'list'" in str(error):
                    error.add_note(
                        "if a list has a number for each example, name it in batch=…; if it is a vector, pass an array"
                    )
                raise
            raise TypeError(f"{' and '.join(others)}, and it fails with that: {error}") from error

    def _warn(self) -> None:
        if not self._warned:
            self._warned = True
            warn_user(
                f"{self.name} was called with arguments of more than {MOST_LAYOUTS} different shapes, or with as many "
                "different numbers outside them, and is compiled anew for each; pad the arguments to a few shapes, "
                "pass arrays with batch=…, and make numbers that change arguments or Values"
            )


def _count(arguments: Arguments, counts: dict[Place, int], places: Iterable[Place]) -> None:
    """Record in `counts` that Python counts with the whole numbers at these places."""
    counts |= {each: number for each in places if (number := arguments.integer(*each)) is not None}


def _is_own(error: Exception) -> bool:
    """Whether an error was raised by this package, whose message needs no other words."""
    at = error.__traceback__
    while at is not None and at.tb_next is not None:
        at = at.tb_next
    return at is not None and at.tb_frame.f_globals.get("__name__", "").startswith("autograd_mini.")
