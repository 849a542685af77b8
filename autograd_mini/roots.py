"""`root`: the solution of equations as a function of everything they depend on."""

from __future__ import annotations

from math import isfinite, isnan, nan

from autograd_mini import observing
from autograd_mini.adjoints import descendants_of
from autograd_mini.calls import Run, as_value, name_of, require_callable, vary
from autograd_mini.graph import connect, leaf, record, topological_order
from autograd_mini.implicit import implicit_function
from autograd_mini.observing import Observer
from autograd_mini.primitives import brief
from autograd_mini.solving import solve
from autograd_mini.structures import Structure, flatten
from autograd_mini.tangents import tangents
from autograd_mini.tapes import Tape, tape_of
from autograd_mini.value import Constant, Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any


def root(
    residual: Callable[..., Any],
    start: Any,
    *args: Any,
    solver: Callable[..., Any] | str | None = None,
    or_nan: bool = False,
    **options: Any,
) -> Any:
    """The x with residual(x, *args) = 0, solved in plain numbers and differentiated by the implicit function theorem.

    With r(x, a) = 0 the derivative of x with respect to a is -(∂r/∂x)⁻¹ ∂r/∂a, whatever the solver did, to any order:
    for Values among `args` as well as for those that the residual uses from elsewhere. Inside a compiled function
    the solver runs anew for each point; a branch of the residual is taken as it is at the solution.

    Args:
        residual: a function of x, and of `args` if there are any, that is 0 at the solution; written with operators
            and functions of `autograd_mini`. It gives the structure of x.
        start: where the solver begins: a number, or several nested in lists, tuples, dicts and arrays. It gets no
            derivative, but decides which solution is found if there are several.
        args: passed on to the residual; of any kind.
        solver: None for Newton's method with exact derivatives, damped; SciPy's by name, such as "brentq" for one
            unknown or "hybr" for several; or a function solver(r, start) that takes a residual of floats (for several
            unknowns, of flat sequences) and returns the solution in the same form. What it finds is refined to the last
            digits by Newton's method.
        or_nan: whether the solution is nan, instead of an error being raised, where none is found or it has no
            derivative: so a batch goes on where some of its examples have none.
        options: options of the solver, such as bracket=(low, high) for "brentq".

    Returns:
        The solution in the structure of `start`: Values if it depends on Values, else numbers. It is nan where the
        residual depends on a Value that is nan.

    Raises:
        ArithmeticError: no solution was found, or it has no derivative, as at a double root.
        TypeError: the residual gives something other than numbers in the structure of `start`; or an option is a
            Value, or is given without a solver.
        ValueError: `start` is not finite, or no solver has that name.
        ModuleNotFoundError: the solver is SciPy's, which is not installed.

    >>> from autograd_mini import cos, grad
    >>> grad(lambda a: root(lambda x, a: x * x * x - a, 1.0, a))(8.0)
    0.08333333333333333
    >>> a = Value(1.0)
    >>> x = root(lambda x: cos(a * x) - x, 0.5)
    >>> x.backward()
    >>> x.data, a.grad
    (0.7390851332151607, -0.29747434150983226)
    >>> root(lambda x: x * x + 1.0, 1.0, or_nan=True)
    nan
    """
    require_callable(residual, "root")
    starts, structure = flatten(start, "the start of root")
    begin = [number._number if isinstance(number, Value) else float(number) for number in starts]
    if not begin or not all(map(isfinite, begin)):
        raise ValueError(f"root needs finite numbers to start from, got {brief(start)}")
    fixed = _plain(solver, options)
    equations = _Equations(residual, structure, args)
    with observing.unheard():
        xs = equations.solved(begin, solver, options, or_nan)
    solved, branches = [leaf(x, Value) for x in xs], _Branches()
    with branches:
        tape, outside = equations.tape(solved)
    depends = bool(outside) or vary(starts)
    if depends or branches.were_taken:
        implicit = implicit_function(tape, len(xs), name_of(residual), solver, fixed, branches.were_taken or or_nan)
        parents = (*map(as_value, starts), *outside)
        flat = (0.0,) * len(parents)
        for index, node in enumerate(solved):
            connect(node, parents, flat, implicit.operation("solve", index))
        if branches.were_taken:  # where there is no solution, a compiled function runs all this anew
            bool(record(1.0, parents, flat, implicit.operation("is_solved")))
        if depends:
            return structure.rebuild(implicit.recorded(outside, solved, or_nan))
    return structure.rebuild(xs)


def _plain(solver: Any, options: Mapping[str, Any]) -> tuple[tuple[str, Any], ...]:
    """The options sorted by name, with lists as tuples, once they and the solver are known to be valid."""
    if options and solver is None:
        raise TypeError(f"root takes options only together with a solver=…, got {', '.join(options)}")
    if solver is not None and not isinstance(solver, str) and not callable(solver):
        raise TypeError(f"root's solver must be a name, a function or None, got {brief(solver)}")
    return tuple((name, _frozen(options[name], name)) for name in sorted(options))


def _frozen(option: Any, name: str) -> Any:
    if isinstance(option, Value):
        raise TypeError(f"root's option {name} holds a Value, which gets no derivative there; give its .data")
    return tuple(_frozen(each, name) for each in option) if isinstance(option, (list, tuple)) else option


class _Equations:
    """The residual of a call of `root`, as equations of floats."""

    def __init__(self, residual: Callable[..., Any], structure: Structure, args: tuple[Any, ...]) -> None:
        self.function = residual
        self.name = name_of(residual)
        self.structure = structure
        self.is_scalar = structure.build is None
        self.args = args
        self._known = _values_in(args)
        self._is_first = True

    def solved(self, start: list[float], solver: Any, options: Mapping[str, Any], or_nan: bool) -> list[float]:
        _, results, order = self._run(start)
        used = [parent._number for node in order for parent in node.parents if parent in self._known]
        if not (any(map(isnan, used)) and any(map(isnan, self._floats(results)))):
            try:
                return solve(self, start, solver, options)
            except ArithmeticError:
                if not or_nan:
                    raise
        return [nan] * len(start)

    def residual(self, xs: list[float]) -> list[float]:
        result = self.function(self.structure.rebuild([Constant(x) for x in xs]), *self.args)  # IEEE 754 throughout
        return self._floats(self._numbers(result))

    def linearised(self, xs: list[float]) -> tuple[list[float], list[list[float]]]:
        unknowns, results, order = self._run(xs)
        columns = [tangents(order, {x: 1.0}) for x in unknowns]
        rows = [[column.get(r, 0.0) if isinstance(r, Value) else 0.0 for column in columns] for r in results]
        return self._floats(results), rows

    def tape(self, solution: list[Value]) -> tuple[Tape, list[Value]]:
        """The residual at the solution as a tape, and the Values from outside that it depends on."""
        unknowns, results, order = self._run(solution)
        return tape_of(unknowns, results, order)

    def _run(self, xs: Sequence[Any]) -> tuple[list[Value], list[Any], list[Value]]:
        """The unknowns, the residual, and the nodes in between in topological order."""
        run = Run(self.function, (self.structure.rebuild(xs), *self.args), {}, 0)
        results = self._numbers(run.result)
        order = topological_order(*[r for r in results if isinstance(r, Value)], known=self._known)
        inside = descendants_of(run.variables, order)
        if self._is_first:  # nodes from before the call need not be visited again
            self._known |= {node for node in order if node not in inside}
            self._is_first = False
        return run.variables, results, [node for node in order if node in inside]

    def _floats(self, results: list[Any]) -> list[float]:
        return [float(r._number if isinstance(r, Value) else r) for r in results]

    def _numbers(self, result: Any) -> list[Any]:
        results, found = flatten(result, f"the residual {self.name}")
        is_plain = _is_flat(found) and _is_flat(self.structure) and found.size == self.structure.size
        if found != self.structure and not is_plain:
            raise TypeError(
                f"the residual {self.name} must have the structure of start, {self.structure}, but gave {found}"
            )
        return results


def _values_in(args: tuple[Any, ...]) -> set[Value]:
    try:
        leaves, _ = flatten(args, "", takes_others=True)
    except TypeError:  # of other kinds: the Values in them are found by the first run
        return set()
    return {leaf for leaf in leaves if isinstance(leaf, Value)}


def _is_flat(structure: Structure) -> bool:
    """Whether a structure is one level of numbers in evident order: a list, a tuple or an array, but not a dict."""
    is_dict = structure.kind_name == "dict"
    return not is_dict and bool(structure.children) and all(child.build is None for child in structure.children)


class _Branches(Observer):
    """Hears whether the program branches on a Value that is not a constant."""

    def __init__(self) -> None:
        self.were_taken = False

    def truth_asked(self, node: Value) -> None:
        self.were_taken = self.were_taken or not node.is_constant
