"""Implicit functions: the solution of equations, given what they depend on, as operations with a derivative."""

from __future__ import annotations

import threading
from math import isnan, nan
from struct import pack
from weakref import WeakValueDictionary

from autograd_mini.graph import record
from autograd_mini.linear import solve_linear
from autograd_mini.primitives import TABLE, Primitive
from autograd_mini.solving import require_regular, solve
from autograd_mini.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from autograd_mini.tapes import Tape

divide: Primitive = TABLE["div"]

MOST_REMEMBERED = 4096
"""How many solutions an implicit function caches, as each of several unknowns asks for the same ones: about a megabyte.
Not tuned."""


class Implicit:
    """The solution of the equations on a tape, as a function of the numbers from outside that they depend on.

    It has two operations for each unknown: `solve`, of the start and the numbers from outside, finds the solution and
    has no derivative; `root`, of the numbers from outside and all solved ones, returns one of these and has the
    derivative that the implicit function theorem gives. A third, `is_solved`, tells whether there is a solution.

    `solver` and `options` are as `root` takes them. With `gives_nan`, nan takes the place of an error: if the caller
    wants it, or if the residual branches on numbers, since the tape may then have no root where the residual has one.
    """

    def __init__(
        self, tape: Tape, n: int, name: str, solver: Any, options: tuple[tuple[str, Any], ...], gives_nan: bool
    ) -> None:
        self.made_of: tuple[Any, ...] = tape, n, name, solver, options, gives_nan
        self.tape = tape
        self.n = n
        self.name = name
        self.solver = solver
        self.options: dict[str, Any] = dict(options)
        self.gives_nan = gives_nan
        self.n_outside: int = tape.n_given - n
        self._operations: WeakValueDictionary[Any, Primitive] = WeakValueDictionary()  # each holds this function
        self._found: dict[bytes, list[float]] = {}

    def operation(self, kind: str, index: int = 0) -> Primitive:
        """The operation of this kind for one unknown: the same object while it is in use."""
        found = self._operations.get((kind, index))
        return self._operations.setdefault((kind, index), _Operation(self, kind, index)) if found is None else found

    def recorded(self, outside: list[Value], solved: list[Value], or_nan: bool) -> list[Value]:
        """The roots, recorded as nodes; with `or_nan` they are nan where they have no derivative."""
        xs, given = [node._number for node in solved], [node._number for node in outside]
        if not any(map(isnan, xs)):
            try:
                require_regular(_OnTape(self, given), xs)
            except ArithmeticError:
                if not or_nan:
                    raise
                xs = [nan] * self.n
        flat = (0.0,) * self.n
        return [
            record(x, (*outside, *solved), (*slopes, *flat), self.operation("root", index))
            for index, (x, slopes) in enumerate(zip(xs, self.slopes(xs, given, range(self.n))))
        ]

    def solution(self, numbers: tuple[float, ...]) -> list[float]:
        """The solution for a start and the numbers from outside; nan where one of these makes the residual nan."""
        key = pack(f"{len(numbers)}d", *numbers)
        found = self._found.get(key)
        if found is None:
            if len(self._found) >= MOST_REMEMBERED:
                self._found.clear()
            found = self._found[key] = self._solve(numbers)
        return found

    def _solve(self, numbers: tuple[float, ...]) -> list[float]:
        start, equations = list(numbers[: self.n]), _OnTape(self, list(numbers[self.n :]))
        if not (any(map(isnan, numbers)) and any(map(isnan, equations.residual(start)))):
            try:
                xs = solve(equations, start, self.solver, self.options)
                require_regular(equations, xs)
                return xs
            except ArithmeticError:
                if not self.gives_nan:
                    raise
        return [nan] * self.n

    def partials(self, index: int, out: Any, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """The local derivatives of the operation `root`."""
        outside = args[: self.n_outside]
        xs = [out if each == index else self.operation("root", each)(*args) for each in range(self.n)]
        (slopes,) = self.slopes(xs, outside, [index])
        return (*slopes, *(0.0,) * self.n)

    def slopes(self, xs: Sequence[Any], outside: Sequence[Any], indices: Sequence[int]) -> list[list[Any]]:
        """The rows of -(∂r/∂x)⁻¹ ∂r/∂a for the unknowns of these indices; the numbers may be of any kind."""
        tape, n = self.tape, self.n
        local = tape.local_derivatives(tape.run([*xs, *outside]))
        if n == 1:
            slope, *others = tape.pull(local, {tape.outputs[0]: 1.0})
            return [[0.0 if type(each) is float and not each else -divide(each, slope) for each in others]]
        rows = [tape.pull(local, {output: 1.0})[:n] for output in tape.outputs]
        transposed = [rows[j][i] for i in range(n) for j in range(n)]
        found = []
        for index in indices:
            weights = solve_linear(transposed, [float(each == index) for each in range(n)])
            seeds = {output: -weight for output, weight in zip(tape.outputs, weights)}
            found.append(tape.pull(local, seeds)[n:])
        return found


class _OnTape:
    """The equations of an implicit function for given numbers from outside."""

    def __init__(self, implicit: Implicit, outside: list[float]) -> None:
        self.tape = implicit.tape
        self.name = implicit.name
        self.is_scalar = implicit.n == 1
        self.outside = outside
        self._latest: tuple[list[float], tuple[list[float], list[list[float]]]] | None = None

    def residual(self, xs: list[float]) -> list[float]:
        numbers = self.tape.run([*xs, *self.outside])
        return [numbers[output] for output in self.tape.outputs]

    def linearised(self, xs: list[float]) -> tuple[list[float], list[list[float]]]:
        if self._latest is not None and xs is self._latest[0]:  # as when a solution is checked again
            return self._latest[1]
        numbers = self.tape.run([*xs, *self.outside])
        local = self.tape.local_derivatives(numbers)
        rows = [self.tape.pull(local, {output: 1.0}, len(xs)) for output in self.tape.outputs]
        found = [numbers[output] for output in self.tape.outputs], rows
        self._latest = xs, found
        return found


class _Operation(Primitive):
    """One of the operations of an implicit function; pickled as the arguments that make the function."""

    def __init__(self, implicit: Implicit, kind: str, index: int) -> None:
        n, n_outside = implicit.n, implicit.n_outside
        forwards: dict[str, Callable[..., float]] = {
            "root": lambda *args: args[n_outside + index],
            "solve": lambda *args: implicit.solution(args)[index],
            "is_solved": lambda *args: float(not isnan(implicit.solution(args)[0])),
        }
        is_root = kind == "root"
        super().__init__(
            kind,
            forwards[kind],
            lambda out, *args: implicit.partials(index, out, args) if is_root else (0.0,) * len(args),
            arity=n + n_outside,
            selects=not is_root,
        )
        self._made_of = implicit.made_of
        self._index = index

    def __reduce__(self) -> tuple[Any, ...]:
        return _operation, (self.name, self._index, *self._made_of)


def _operation(kind: str, index: int, *made_of: Any) -> Primitive:
    return implicit_function(*made_of).operation(kind, index)


_known: WeakValueDictionary[Any, Implicit] = WeakValueDictionary()
_lock = threading.Lock()


def implicit_function(
    tape: Tape, n: int, name: str, solver: Any, options: tuple[tuple[str, Any], ...], gives_nan: bool
) -> Implicit:
    """The implicit function; the same object for equal arguments, so that two runs record the same operations."""
    key = tape, n, name, _identity(solver), options, gives_nan
    try:
        with _lock:
            found = _known.get(key)
            if found is None:
                found = _known[key] = Implicit(tape, n, name, solver, options, gives_nan)
            return found
    except TypeError:  # an option that cannot be hashed
        return Implicit(tape, n, name, solver, options, gives_nan)


def _identity(solver: Any) -> Any:
    """What identifies a solver: of a function its code and what it closes over, as each run makes a lambda anew."""
    code = getattr(solver, "__code__", None)
    if code is None:
        return solver
    held = [cell.cell_contents for cell in solver.__closure__ or ()]
    return code, tuple((type(each), each) for each in held), solver.__defaults__, solver.__module__
