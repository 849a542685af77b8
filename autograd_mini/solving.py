"""Solve equations in plain numbers: by Newton's method, damped, or a solver of SciPy's or the caller's own."""

from __future__ import annotations

from math import isfinite

from autograd_mini.linear import eliminate
from autograd_mini.primitives import brief

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any, Protocol

    class Equations(Protocol):
        """As many equations r(x) = 0 as unknowns; `is_scalar` if the unknown is one number and not a list of one."""

        name: str
        is_scalar: bool

        def residual(self, xs: list[float]) -> list[float]:
            """r(x)."""
            raise NotImplementedError

        def linearised(self, xs: list[float]) -> tuple[list[float], list[list[float]]]:
            """r(x), and the rows of its derivatives."""
            raise NotImplementedError


MOST_STEPS, MOST_HALVINGS = 100, 30  # a double root takes 50 steps at one bit each; 2⁻³⁰ of a step is none. Not tuned
CONVERGED = 1e-10
"""A step this small relative to x is the last one: the next would be of the size of its square."""

LAST_CHANGE = 0.66
"""The most that J may change along the last step: it changes by less than 1 - 1/e at a root, even a multiple one, and
by more at a pole, from which the steps lead away."""

NEAR = 1e-6
"""Where rounding lets no step reduce the residual, x is as good as it gets if the step is this small relative to it."""

OF_ONE = ("bisect", "brentq", "brenth", "ridder", "toms748", "newton", "secant", "halley")
OF_SEVERAL = ("hybr", "lm", "broyden1", "broyden2", "anderson", "krylov", "df-sane")
"""SciPy's solvers for one unknown and for several, by its names."""


def solve(
    equations: Equations, start: list[float], solver: Callable[..., Any] | str | None, options: Mapping[str, Any]
) -> list[float]:
    """The x with r(x) = 0 that the solver finds from `start`.

    Raises:
        ArithmeticError: none is found from there.
        ValueError: no solver has that name.
        ModuleNotFoundError: it is one of SciPy's, and SciPy is not installed.
    """
    if solver is None:
        return newton(equations, start)
    name = solver if isinstance(solver, str) else getattr(solver, "__name__", None) or brief(solver)
    if isinstance(solver, str):
        found = _by_scipy(equations, start, solver, options)
    else:
        found = _by_function(equations, start, solver, name, options)
    return _polished(equations, start, found, name)


def newton(equations: Equations, start: list[float]) -> list[float]:
    """Newton's method: x ← x - t J⁻¹ r, with t = 1 halved until the next step, by the same J, would be shorter.

    Neither that test nor the end depends on the units: P. Deuflhard, Newton Methods for Nonlinear Problems (2004), 3.

    Raises:
        ArithmeticError: it does not converge, or reaches a point where J is singular.
    """
    xs, (rs, rows) = start, equations.linearised(start)
    if not all(map(isfinite, rs)):
        raise ArithmeticError(f"the residual {equations.name} is {_shown(rs)} at the start {_shown(xs)}; {ELSEWHERE}")
    recent: list[list[float]] = []
    for _ in range(MOST_STEPS):
        if not any(rs):
            return xs
        step = eliminate(rows, rs)
        if step is None:
            raise ArithmeticError(
                f"the derivative of {equations.name} is singular at {_shown(xs)}, where the residual is {_shown(rs)}; "
                f"{ELSEWHERE}"
            )
        recent.append(_sizes(xs, step, rows))
        if all(abs(d) <= CONVERGED * size for d, size in zip(step, recent[-1])):
            there = [x - d for x, d in zip(xs, step)]
            if _change(rows, equations.linearised(there)[1], xs, step) <= LAST_CHANGE:
                return there
        taken = _damped(equations, xs, step, rows, recent[-1])
        if taken is None:
            if all(abs(d) <= NEAR * max(sizes) for d, *sizes in zip(step, *recent[-5:])):
                return xs
            break
        xs, rs, rows = taken
    raise ArithmeticError(
        f"no root of {equations.name} was found in {len(recent)} steps from {_shown(start)}: at {_shown(xs)} the "
        f"residual is still {_shown(rs)}; {ELSEWHERE}"
    )


ELSEWHERE = "start nearer to a solution, or choose another solver, such as solver='brentq' with bracket=(low, high)"


def _damped(
    equations: Equations, xs: list[float], step: list[float], rows: list[list[float]], sizes: list[float]
) -> tuple[list[float], list[float], list[list[float]]] | None:
    """The next x with its residual and derivatives; None if no fraction of the step reduces the residual."""
    length = _length(step, sizes)
    t = 1.0
    for _ in range(MOST_HALVINGS):
        there = [x - t * d for x, d in zip(xs, step)]
        rs, fresh = equations.linearised(there)
        if all(map(isfinite, rs)):
            left = eliminate(rows, rs)
            if left is not None and _length(left, sizes) <= (1.0 - 0.25 * t) * length:
                return there, rs, fresh
        t *= 0.5
    return None


def _change(rows: list[list[float]], there: list[list[float]], xs: list[float], way: list[float]) -> float:
    """How much J changes along a way from one end to the other, relative to J itself; nan if J is singular."""
    found = eliminate(rows, [sum((b - a) * d for a, b, d in zip(*each, way)) for each in zip(rows, there)])
    sizes = _sizes(xs, way, rows)
    return float("nan") if found is None else _length(found, sizes) / (_length(way, sizes) or 1.0)


def _sizes(xs: list[float], step: list[float], rows: list[list[float]]) -> list[float]:
    """The scale of each unknown: |x| + |d| or, if larger, J⁻¹ |J| (|x| + |d|), weighted so that nothing cancels."""
    own = [abs(x) + abs(d) for x, d in zip(xs, step)]
    total = [sum(abs(a) * size for a, size in zip(row, own)) / (1.0 + 0.618 * i) for i, row in enumerate(rows)]
    made = eliminate(rows, total) or own
    return [max(size, abs(y)) or 1.0 for size, y in zip(own, made)]


def _length(step: Sequence[float], sizes: Sequence[float]) -> float:
    return max(abs(d) / size for d, size in zip(step, sizes))


def require_regular(equations: Equations, xs: list[float]) -> None:
    """Refuse a solution that has no derivative: where the residual's derivative is singular, or would be within the
    uncertainty of x, as at a double root.

    Raises:
        ArithmeticError: the solution has no derivative.
    """
    rs, rows = equations.linearised(xs)
    step = eliminate(rows, rs)
    if step is not None:
        away = [max(16.0 * abs(d), 2.0**-36 * abs(x)) / (1.0 + 0.618 * i) for i, (d, x) in enumerate(zip(step, xs))]
        _, there = equations.linearised([x + d for x, d in zip(xs, away)])
        if not _change(rows, there, xs, away) > 3.0:
            return
    raise ArithmeticError(
        f"the derivative of {equations.name} is singular at its root {_shown(xs)}, as at a double root, so that the "
        "root has no derivative there; choose another root by start=…, or another equation for it"
    )


def _by_scipy(equations: Equations, start: list[float], name: str, options: Mapping[str, Any]) -> list[float]:
    if name not in OF_ONE and name not in OF_SEVERAL:
        raise ValueError(
            f"root knows no solver named {name!r}; for one unknown there are {', '.join(OF_ONE)}, and for several "
            f"{', '.join(OF_SEVERAL)}"
        )
    if name in OF_ONE and len(start) > 1:
        raise ValueError(
            f"the solver {name!r} is for one unknown, but start has {len(start)}; for several there are "
            f"{', '.join(OF_SEVERAL)}"
        )
    try:
        from scipy import optimize
    except ImportError:
        raise ModuleNotFoundError(f"the solver {name!r} is SciPy's; install it, or leave out solver=…") from None
    try:
        if name in OF_ONE:
            if name in ("newton", "halley"):
                options = {"fprime": lambda x: equations.linearised([float(x)])[1][0][0], **options}
            of_one = optimize.root_scalar
            return [of_one(lambda x: equations.residual([float(x)])[0], x0=start[0], method=name, **options).root]
        if name in ("hybr", "lm"):
            options = {"jac": lambda x: equations.linearised(list(map(float, x)))[1], **options}
        found = optimize.root(lambda xs: equations.residual(list(map(float, xs))), start, method=name, **options)
        return list(map(float, found.x))
    except (TypeError, ValueError) as error:
        raise type(error)(f"SciPy's {name} does not accept its arguments for {equations.name}: {error}") from error


def _by_function(
    equations: Equations, start: list[float], solver: Callable[..., Any], name: str, options: Mapping[str, Any]
) -> list[float]:
    if equations.is_scalar:
        found = solver(lambda x: equations.residual([float(x)])[0], start[0], **options)
    else:
        found = solver(lambda xs: equations.residual(list(map(float, xs))), list(start), **options)
    try:
        numbers = [float(found)] if equations.is_scalar else list(map(float, found))
    except (TypeError, ValueError):
        numbers = []
    if len(numbers) != len(start):
        wanted = "a number" if equations.is_scalar else f"{len(start)} numbers"
        raise TypeError(f"the solver {name} must give the root, {wanted}, but gave {brief(found)}")
    return numbers


def _polished(equations: Equations, start: list[float], found: list[float], name: str) -> list[float]:
    """What a solver found, refined to the last digits, if it is a root; else an ArithmeticError is raised."""
    try:
        xs, reason = newton(equations, found), ELSEWHERE
    except ArithmeticError as error:
        xs, reason = None, str(error)
    sizes = zip(xs or (), found, start)
    if xs is None or any(abs(x - y) > 1e-8 + 1e-3 * max(abs(x), abs(y), abs(at)) for x, y, at in sizes):
        raise ArithmeticError(f"{name} gave {_shown(found)}, which is not a root of {equations.name}: {reason}")
    return xs


def _shown(numbers: Sequence[float]) -> str:
    return brief(numbers[0] if len(numbers) == 1 else list(numbers))
