"""Observers of Values: how debugging, pictures and compilation listen in, and answer where eager mode would decide.

Observers belong to a thread or task: they do not hear what others do. `active` holds those of all threads: while it
is empty, recording a node or reading a number costs only one test.
"""

from __future__ import annotations

import functools
import sys
from contextvars import ContextVar
from functools import partial
from os.path import dirname
from weakref import ref

from autograd_mini.graph import above, topological_order
from autograd_mini.interrupts import write

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
    from types import CodeType, FrameType
    from typing import Any, ClassVar, Self, TypeAlias

    from autograd_mini.primitives import Primitive
    from autograd_mini.scanning import Loop
    from autograd_mini.value import Value

    Entry: TypeAlias = ref[Callable[..., Any]]

active: dict[Entry, Observer] = above.listening
_between = dirname(__file__), functools.__file__  # its cached properties call this package in the user's name


class _Exit:
    """`__exit__` without a line of Python in it, so that no interrupt can keep a scope from ending.

    `with` looks it up before it enters, holds what it gets until the block is left, in whatever way, and then drops it:
    that is what ends the scope.
    """

    def __get__(self, scope: Scope | None, kind: type[Scope]) -> Any:
        if scope is None:
            return lambda scope, *error: scope.__exit__(*error)  # as ExitStack calls it
        if scope._kept:
            return scope._kept.pop()
        ticket = partial("".format)  # called by `with`, it gives "", so that errors are not suppressed
        scope._ticket = ref(ticket)
        return ticket


class Scope:
    """Something that holds within its `with` block, in one thread or task; blocks may end in any order.

    Attributes:
        opened: the scopes of this kind that are open now, in all threads.
    """

    opened: ClassVar[dict[Entry, Any]]
    _entries: ClassVar[ContextVar[tuple[Entry, ...]]]
    _ticket: Callable[[], Callable[..., Any] | None] = staticmethod(lambda: None)
    _kept: list[Callable[..., Any]]

    def __new__(cls, *args: Any, **keywords: Any) -> Self:
        scope = object.__new__(cls)
        scope._kept = []
        return scope

    def __enter__(self) -> Self:
        self._open()
        return self

    def _open(self) -> None:
        ticket = self._ticket()
        if ticket is None:  # entered by hand: kept until left by hand
            ticket = partial("".format)
            self._kept.append(ticket)
        self._entries.set((*[entry for entry in self._entries.get() if entry() is not None], ref(ticket)))
        self.opened[ref(ticket, self.opened.pop)] = self  # last, in one line: an interrupt before it opens nothing

    __exit__: _Exit = _Exit()

    @classmethod
    def here(cls) -> list[Any]:
        """The open scopes of this kind in this thread or task, outermost first."""
        entries = cls._entries.get()
        found = [cls.opened.get(entry) for entry in entries if entry() is not None]
        if len(found) < len(entries):  # some have ended
            cls._entries.set(tuple([entry for entry in entries if entry() is not None]))
        return [scope for scope in found if scope is not None]

    @classmethod
    def is_open_here(cls) -> bool:
        """Whether a scope of this kind is open in this thread or task."""
        return any(entry() is not None and entry in cls.opened for entry in cls._entries.get())


class Observer(Scope):
    """Hears what happens in its thread or task within its `with` block; each method may raise.

    Where a method may return something, the first observer to return anything but None decides the result; if none
    does, eager mode decides from the data.

    Attributes:
        hears_rules: whether it also hears what derivative rules calculate within `create_graph=True`.
        owns_values: whether `used_elsewhere` tells it of what happens in other threads and tasks.
    """

    hears_rules = False
    owns_values = False
    opened = active
    _entries: ClassVar[ContextVar[tuple[Entry, ...]]] = ContextVar("autograd_mini_observers", default=())

    def node_recorded(self, node: Value) -> None:
        """`node` was just computed."""

    def adjoint_spread(self, node: Value, index: int, adjoint: float, contribution: float) -> None:
        """`contribution` = adjoint of `node` · its local derivative with respect to parent number `index`."""

    def adjoint_summed(self, node: Value, index: int, before: float, contribution: float, total: float) -> None:
        """`total` = `before` + `contribution`: the adjoint of that parent so far."""

    def compared(self, primitive: Primitive, x: Value, y: Value) -> Any:
        """An operator compares x with y; `primitive` is its row. Returns the result in place of a bool, or None."""

    def selected(self, primitive: Primitive, args: tuple[Value, ...]) -> Any:
        """A derivative rule chooses by a selector. Returns the choice in place of plain numbers, or None."""

    def carried(self, operation: Primitive, adjoint: Any, local: Any) -> Any:
        """A rule of `operation` multiplies an adjoint by a local derivative, and whether the product carries anything
        may depend on data. Returns the product in place of one for this data, or None."""

    def differentiation_begins(self) -> None:
        """A derivative is about to be recorded by rules that the observer hears."""

    def differentiation_ends(
        self, seeds: Sequence[tuple[Value, Any]], active: Collection[Value], found: Mapping[Value, Any]
    ) -> None:
        """A derivative was recorded: the adjoints `found` for Σ seed·root, with respect to `active` nodes."""

    def tangents_end(self, seeds: Mapping[Value, Any], found: Iterable[tuple[Any, Any]]) -> None:
        """Tangents were recorded: the results, each with the change `found` if variables change by their `seeds`."""

    def detached(self, node: Value) -> Any:
        """`node.detach()` is called. Returns its result in place of a constant, or None."""

    def truth_asked(self, node: Value) -> None:
        """The program branches on whether `node` is 0."""

    def looped(self, loop: Loop) -> tuple[Any, Any] | None:
        """`scan` is called. Returns its result in place of that of running its steps one by one, or None."""
        return None

    def number_read(self, node: Value, how: str) -> None:
        """The number of `node`, or one computed from it, is about to leave the graph, by `how`, such as ".data"."""

    def number_written(self, node: Value, how: str) -> None:
        """A number of `node`, or of what it was computed from, is about to change, by `how`, such as "backward()"."""

    def shown(self, node: Value) -> str | None:
        """`node` is about to be printed. Returns the text in place of one with its number, or None."""

    def used_elsewhere(self, *nodes: Value) -> None:
        """Another thread or task does something with these nodes that the observer would have heard in its own."""


class Differentiation(Scope):
    """A call of a function that is being differentiated.

    Attributes:
        function: the function.
        given: the Values that stand for the numbers among its arguments.
        own: other Values made within the call: nothing outside depends on them.
        refused: the error that was raised where a number would have left the graph.
    """

    opened: ClassVar[dict[Entry, Differentiation]] = {}
    _entries: ClassVar[ContextVar[tuple[Entry, ...]]] = ContextVar("autograd_mini_differentiations", default=())

    def __init__(self, function: Any, given: list[Value] | None = None) -> None:
        self.function = function
        self.given: list[Value] = given or []
        self.own: set[Value] = set()
        self.refused: TypeError | None = None

    @functools.cached_property
    def variables(self) -> set[Value]:
        """The Values given."""
        return {*self.given}

    def warn_of_refusal(self) -> None:
        """Warn if the function caught the error `refused` and went on."""
        if self.refused is not None:
            warn_user(
                f"{self.refused}. The function caught this error, and its derivatives are those of what it did next"
            )

    def is_foreign(self, leaf: Value) -> bool:
        """Whether a leaf of the graph is a variable that this call did not make."""
        return not (leaf.is_constant or leaf in self.own or leaf in self.variables)


differentiations: dict[Entry, Differentiation] = Differentiation.opened


def leaf_made(leaf: Value) -> None:
    """Note a Value made from a plain number within the calls that are being differentiated in this thread or task."""
    for call in Differentiation.here():
        call.own.add(leaf)


def differentiated() -> set[Value]:
    """The variables of the calls that are being differentiated, in all threads."""
    return set().union(*[call.variables for call in list(differentiations.values())])


def refuse_conversion(node: Value, how: str = "float()") -> None:
    """Refuse to convert a node, by `how`, if it depends on a variable being differentiated by or, in a call that is
    being differentiated here, on any from outside it.

    Raises:
        TypeError: it does; the message says on which line, and what to use instead.
    """
    variables, here = differentiated(), Differentiation.here()
    if any(
        each in variables or (here and not each.parents and all(call.is_foreign(each) for call in here))
        for each in topological_order(node)
    ):
        from autograd_mini.leaving import refusal

        call = here[-1] if here else next(iter(differentiations.values()))
        raise refused(TypeError(refusal(call.function, how, "its derivative would be lost there")))


def refused(error: TypeError) -> TypeError:
    """Note an error in the calls being differentiated here, in case they catch it, and return it to be raised."""
    for call in Differentiation.here():
        call.refused = error
    return error


def warn_of_mathematics() -> None:
    """Warn where a function of `math` gets the number of a Value. It is not refused, since no derivative is being taken
    yet. The name that a place in the code calls is cached, what it means there is looked up each time."""
    frame = sys._getframe(2)
    place = id(frame.f_code), frame.f_lasti
    if place not in _looked_at:
        from autograd_mini.leaving import doing, warning

        if len(_looked_at) >= 1000:
            _looked_at.clear()
        _, name = doing(frame)
        _looked_at[place] = partial(warning, name) if name else None, frame.f_code
    asked, _ = _looked_at[place]
    text = asked and asked(frame)
    if text:
        from warnings import warn

        warn(text, RuntimeWarning, stacklevel=3)


_looked_at: dict[tuple[int, int], tuple[Callable[[FrameType], str] | None, CodeType]] = {}
"""For each place that read numbers of Values, how to word a warning, and its code, held so that its id stays unique."""


class silence(Observer):
    """A context in which, of the observers already open in this thread or task, only those that hear rules hear on."""


class unheard(Observer):
    """A context in which no observer already open in this thread or task hears anything."""


def current_observers() -> list[Observer]:
    """The observers of this thread or task that hear what happens now."""
    hearing: list[Observer] = []
    for observer in Observer.here() if active else ():
        if type(observer) is silence:
            hearing = [each for each in hearing if each.hears_rules]
        elif type(observer) is unheard:
            hearing = []
        else:
            hearing.append(observer)
    return hearing


def _tell_owners(*nodes: Any) -> None:
    """Tell the observers of other threads and tasks that own Values."""
    here = Observer.here()
    for observer in [*active.values()]:
        if observer.owns_values and observer not in here:
            observer.used_elsewhere(*nodes)


def notify(node: Value) -> None:
    """Tell the observers of this thread or task that `node` was recorded."""
    entries = _entries_here()
    if len(active) == len(entries) == 1:
        only = active.get(entries[0])
        if only is not None:  # the usual case: there is one, and it is here
            only.node_recorded(node)
            return
    heard = current_observers()
    for observer in heard:
        observer.node_recorded(node)
    if len(active) > len(heard):
        _tell_owners(*node.parents)


_entries_here: Callable[[], tuple[Entry, ...]] = Observer._entries.get
above.notify = notify


def ask(question: str, *args: Any) -> Any:
    """The answer of the first observer of this thread or task that has one to `question`, a method of Observer."""
    heard = current_observers()
    for observer in heard:
        answer = getattr(observer, question)(*args)
        if answer is not None:
            return answer
    if len(active) > len(heard):
        _tell_owners(*args)
    return None


number_read: Callable[..., Any] = partial(ask, "number_read")
number_written: Callable[..., Any] = partial(ask, "number_written")
"""Tell the observers of this thread or task that a number is read, or written."""


def write_numbers(nodes: Sequence[Value], name: str, numbers: Sequence[float]) -> None:
    """Set `data` or `grad`, whichever `name` says, of several nodes: of all or, if an interrupt comes, of none."""
    for node in nodes if active else ():
        number_written(node, f".{name}")
    write(nodes, {"data": "_number", "grad": "_grad"}[name], numbers)


def warn_user(text: str, kind: type[Warning] = RuntimeWarning) -> None:
    """Warn of what the innermost caller outside this package does."""
    from warnings import warn_explicit

    warn_explicit(text, kind, *user_line())


def user_line() -> tuple[str, int]:
    """File and line number of the innermost caller outside this package."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_between):
        frame = frame.f_back
    return frame.f_code.co_filename, frame.f_lineno
