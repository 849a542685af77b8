"""`root`: the solution of equations as a function of everything they depend on."""

from __future__ import annotations

import threading
from math import isfinite, isnan, nan
from weakref import WeakValueDictionary

from autograd_mini import observing
from autograd_mini.adjoints import descendants_of
from autograd_mini.calls import Run, name_of, require_callable
from autograd_mini.graph import topological_order
from autograd_mini.linear import solve_linear
from autograd_mini.primitives import TABLE, Primitive, brief
from autograd_mini.solving import require_regular, solve
from autograd_mini.structures import Structure, flatten
from autograd_mini.tangents import tangents
from autograd_mini.tapes import Tape, tape_of
from autograd_mini.value import Constant, Value, leaf, record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from typing import Any


def root(
    residual: Callable[..., Any],
    start: Any,
    *args: Any,
    solver: Callable[..., Any] | str | None = None,
    **options: Any,
) -> Any:
    """The x with residual(x, *args) = 0, solved by plain numbers and differentiated by the implicit function theorem.

    With r(x, a) = 0 the derivative of x towards a is -(∂r/∂x)⁻¹ ∂r/∂a, whatever the solver did, to any order:
    towards Values among `args` as well as towards those that the residual uses without being given them. Inside a
    compiled function the solver runs anew for each point; a branch of the residual goes as it does at the solution.

    Args:
        residual: a function of x, and of `args` if there are any, that is 0 at the solution; written with operators
            and functions of `autograd_mini`. It gives the structure of x.
        start: where the solver begins: a number, or several nested in lists, tuples, dicts and arrays. No derivative
            goes to it, but it chooses the solution where there are several.
        args: handed on to the residual; of any kind.
        solver: None for Newton's method with exact derivatives, damped; SciPy's by name, such as "brentq" for one
            unknown or "hybr" for several; or a function solver(r, start) of a residual on floats (of several
            unknowns, on flat sequences) that gives the solution likewise. What it finds is made exact to the last
            digits by Newton's method.
        options: of the solver, such as bracket=(low, high) for "brentq".

    Returns:
        The solution in the structure of `start`: Values if it depends on Values, else numbers. It is nan where the
        residual depends on a Value that is nan.

    Raises:
        ArithmeticError: no solution was found, or it has no derivative, as at a double root.
        TypeError: the residual gives something else than numbers in the structure of `start`; or an option is a
            Value, or is given without a solver.
        ValueError: `start` is not finite, or no solver has that name.
        ModuleNotFoundError: the solver is one of SciPy's, and SciPy is not installed.

    >>> from autograd_mini import cos, grad
    >>> grad(lambda a: root(lambda x, a: x * x * x - a, 1.0, a))(8.0)
    0.08333333333333333
    >>> a = Value(1.0)
    >>> x = root(lambda x: cos(a * x) - x, 0.5)
    >>> x.backward()
    >>> x.data, a.grad
    (0.7390851332151607, -0.29747434150983226)
    """
    require_callable(residual, "root")
    starts, structure = flatten(start, "the start of root")
    begin = [number._data if isinstance(number, Value) else float(number) for number in starts]
    if not begin or not all(map(isfinite, begin)):
        raise ValueError(f"root needs finite numbers to start from, got {brief(start)}")
    fixed = _plain(solver, options)
    equations = _Equations(residual, structure, args)
    with observing.unheard():
        xs = equations.solved(begin, solver, options)
    solved = [leaf(x, Value) for x in xs]
    tape, outside = equations.tape(solved)
    varies = any(isinstance(each, Value) and not each.is_constant for each in starts)
    if not (outside or varies):
        return structure.rebuild(xs)
    implicit = _implicit(tape, len(xs), name_of(residual), solver, fixed)
    parents = (*[each if isinstance(each, Value) else Constant(each) for each in starts], *outside)
    for index, node in enumerate(solved):
        node.parents, node.local_grads, node.operation = parents, (0.0,) * len(parents), implicit.solved[index]
    return structure.rebuild(implicit.recorded(outside, solved))


def _plain(solver: Any, options: Mapping[str, Any]) -> tuple[tuple[str, Any], ...]:
    """The options in an order, lists as tuples."""
    if options and solver is None:
        raise TypeError(f"root takes options only together with a solver=…, got {', '.join(options)}")
    if solver is not None and not isinstance(solver, str) and not callable(solver):
        raise TypeError(f"root's solver must be a name, a function or None, got {brief(solver)}")
    return tuple((name, _frozen(options[name], name)) for name in sorted(options))


def _frozen(option: Any, name: str) -> Any:
    if isinstance(option, Value):
        raise TypeError(f"root's option {name} holds a Value, to which no derivative goes; give its .data")
    return tuple(_frozen(each, name) for each in option) if isinstance(option, (list, tuple)) else option


divide = TABLE["div"]


class _Equations:
    """The residual of a call of `root`, as equations of floats."""

    def __init__(self, residual: Callable[..., Any], structure: Structure, args: tuple[Any, ...]) -> None:
        self.function = residual
        self.name = name_of(residual)
        self.structure = structure
        self.is_scalar = structure.build is None
        self.args = args
        self._known = {*_values_in(args)}
        self._is_first = True

    def solved(self, start: list[float], solver: Any, options: Mapping[str, Any]) -> list[float]:
        _, _, order = self._run(start)
        if any(isnan(parent._data) for node in order for parent in node.parents if parent in self._known):
            return [nan] * len(start)
        return solve(self, start, solver, options)

    def residual(self, xs: list[float]) -> list[float]:
        result = self.function(self.structure.rebuild([Constant(x) for x in xs]), *self.args)  # IEEE 754 throughout
        return [float(r._data if isinstance(r, Value) else r) for r in self._numbers(result)]

    def linearised(self, xs: list[float]) -> tuple[list[float], list[list[float]]]:
        unknowns, results, order = self._run(xs)
        columns = [tangents(order, {x: 1.0}) for x in unknowns]
        rows = [[column.get(r, 0.0) if isinstance(r, Value) else 0.0 for column in columns] for r in results]
        return [float(r._data if isinstance(r, Value) else r) for r in results], rows

    def tape(self, solution: list[Value]) -> tuple[Tape, list[Value]]:
        """The residual at the solution, and the Values that it is made of besides."""
        unknowns, results, order = self._run(solution)
        return tape_of(unknowns, results, order)

    def _run(self, xs: Sequence[Any]) -> tuple[list[Value], list[Any], list[Value]]:
        """The unknowns, the residual, and the nodes in between in topological order."""
        run = Run(self.function, (self.structure.rebuild(xs), *self.args), {}, 0)
        results = self._numbers(run.result)
        order = topological_order(*[r for r in results if isinstance(r, Value)], known=self._known)
        inside = descendants_of(run.variables, order)
        if self._is_first:  # what was there before need not be walked through again
            self._known |= {node for node in order if node not in inside}
            self._is_first = False
        return run.variables, results, [node for node in order if node in inside]

    def _numbers(self, result: Any) -> list[Any]:
        results, found = flatten(result, f"the residual {self.name}")
        is_plain = _is_flat(found) and _is_flat(self.structure) and found.size == self.structure.size
        if found != self.structure and not is_plain:
            raise TypeError(
                f"the residual {self.name} must give one number for each of start's, {self.structure}, but gave {found}"
            )
        return results


def _values_in(args: tuple[Any, ...]) -> Iterator[Value]:
    for arg in args:
        try:
            leaves, _ = flatten(arg, "", takes_others=True)
        except TypeError:  # of any other kind: what it holds is found on the way
            continue
        yield from (leaf for leaf in leaves if isinstance(leaf, Value))


def _is_flat(structure: Structure) -> bool:
    """Whether it is a list, a tuple or an array of numbers, in an order that is plain."""
    is_dict = isinstance(structure.kind, tuple) and structure.kind[0] == "dict"
    return not is_dict and bool(structure.children) and all(child.build is None for child in structure.children)


class _Component(Primitive):
    """One of the operations of an implicit function; a pickle holds what makes the function."""

    def __init__(self, name: str, implicit: Implicit, index: int, arity: int) -> None:
        is_root = name == "root"
        forward = implicit.forward_of_root if is_root else implicit.forward_of_solve
        super().__init__(
            name,
            lambda *numbers: forward(index, numbers),
            lambda out, *args: implicit.partials(index, out, args) if is_root else (0.0,) * len(args),
            arity=arity,
            selects=not is_root,
        )
        self.implicit = implicit
        self.index = index

    def __reduce__(self) -> tuple[Any, ...]:
        return _component, (self.name, self.index, *self.implicit.made_of)


class Implicit:
    """The function from what the equations of a tape depend on to their solution.

    It is two operations an unknown: `solve`, of the start and what comes from outside, finds the number and has no
    derivative; `root`, of what comes from outside and all solved numbers, hands one of these on and has the
    derivative that the implicit function theorem gives.
    """

    def __init__(self, tape: Tape, n: int, name: str, solver: Any, options: tuple[tuple[str, Any], ...]) -> None:
        self.made_of = tape, n, name, solver, options
        self.tape = tape
        self.n = n
        self.name = name
        self.is_scalar = n == 1
        self.solver = solver
        self.options = dict(options)
        self.n_outside = tape.n_given - n
        self.solved = [_Component("solve", self, index, n + self.n_outside) for index in range(n)]
        self.roots = [_Component("root", self, index, self.n_outside + n) for index in range(n)]

    def recorded(self, outside: list[Value], solved: list[Value]) -> list[Value]:
        """The roots as nodes."""
        xs, given = [node._data for node in solved], [node._data for node in outside]
        if not any(map(isnan, xs)):
            require_regular(_OnTape(self, given), xs)
        flat = (0.0,) * self.n
        return [
            record(x, (*outside, *solved), (*slopes, *flat), operation)
            for x, slopes, operation in zip(xs, self.slopes(xs, given, range(self.n)), self.roots)
        ]

    def forward_of_root(self, index: int, numbers: tuple[float, ...]) -> float:
        return numbers[self.n_outside + index]

    def forward_of_solve(self, index: int, numbers: tuple[float, ...]) -> float:
        if any(map(isnan, numbers)):
            return nan
        equations = _OnTape(self, list(numbers[self.n :]))
        xs = solve(equations, list(numbers[: self.n]), self.solver, self.options)
        require_regular(equations, xs)
        return xs[index]

    def partials(self, index: int, out: Any, args: tuple[Any, ...]) -> tuple[Any, ...]:
        outside = args[: self.n_outside]
        xs = [out if each == index else self.roots[each](*args) for each in range(self.n)]
        (slopes,) = self.slopes(xs, outside, [index])
        return (*slopes, *(0.0,) * self.n)

    def slopes(self, xs: Sequence[Any], outside: Sequence[Any], indices: Sequence[int]) -> list[list[Any]]:
        """Rows of -(∂r/∂x)⁻¹ ∂r/∂a for some of the unknowns, of numbers of any kind."""
        tape, n = self.tape, self.n
        local = tape.local_derivatives(tape.run([*xs, *outside]))
        if n == 1:
            slope, *others = tape.pull(local, {tape.outputs[0]: 1.0})
            return [[0.0 if _is_zero(each) else -divide(each, slope) for each in others]]
        rows = [tape.pull(local, {output: 1.0})[:n] for output in tape.outputs]
        transposed = [rows[j][i] for i in range(n) for j in range(n)]
        found = []
        for index in indices:
            weights = solve_linear(transposed, [float(each == index) for each in range(n)])
            seeds = {output: -weight for output, weight in zip(tape.outputs, weights)}
            found.append(tape.pull(local, seeds)[n:])
        return found


def _is_zero(number: Any) -> bool:
    return type(number) is float and number == 0.0


class _OnTape:
    """The equations of an implicit function for given numbers from outside."""

    def __init__(self, implicit: Implicit, outside: list[float]) -> None:
        self.tape = implicit.tape
        self.name = implicit.name
        self.is_scalar = implicit.is_scalar
        self.outside = outside

    def residual(self, xs: list[float]) -> list[float]:
        numbers = self.tape.run([*xs, *self.outside])
        return [numbers[output] for output in self.tape.outputs]

    def linearised(self, xs: list[float]) -> tuple[list[float], list[list[float]]]:
        numbers = self.tape.run([*xs, *self.outside])
        local = self.tape.local_derivatives(numbers)
        rows = [self.tape.pull(local, {output: 1.0})[: len(xs)] for output in self.tape.outputs]
        return [numbers[output] for output in self.tape.outputs], rows


_known: WeakValueDictionary[Any, Implicit] = WeakValueDictionary()
_lock = threading.Lock()


def _implicit(tape: Tape, n: int, name: str, solver: Any, options: tuple[tuple[str, Any], ...]) -> Implicit:
    """The implicit function; equal ones are one, so that two runs of a function record the same operations."""
    key = tape, n, name, _identity(solver), options
    try:
        with _lock:
            found = _known.get(key)
            if found is None:
                found = _known[key] = Implicit(tape, n, name, solver, options)
            return found
    except TypeError:  # an option that is no key
        return Implicit(tape, n, name, solver, options)


def _identity(solver: Any) -> Any:
    """What tells solvers apart: of functions their code and what they hold, as each run makes a lambda anew."""
    code = getattr(solver, "__code__", None)
    if code is None:
        return solver
    held = [cell.cell_contents for cell in solver.__closure__ or ()]
    return code, tuple((type(each), each) for each in held), solver.__defaults__


def _component(name: str, index: int, *made_of: Any) -> _Component:
    implicit = _implicit(*made_of)
    return (implicit.roots if name == "root" else implicit.solved)[index]
