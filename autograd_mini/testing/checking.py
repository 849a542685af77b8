"""`check_gradients`: reverse mode, or any gradient, against extrapolated differences."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import chain, repeat
from math import isfinite, ulp
from typing import Any
from warnings import warn

from autograd_mini.derivatives import gradients
from autograd_mini.formulas import formula
from autograd_mini.observing import Differentiation
from autograd_mini.primitives import brief
from autograd_mini.structures import flatten
from autograd_mini.testing.differences import GOLDEN, Line
from autograd_mini.testing.pairing import as_floats, input_names, name_of, paired_numbers, result_names
from autograd_mini.testing.reports import ADVICE, Comparison, GradientError, Report, UndecidedError, UndecidedWarning
from autograd_mini.testing.rounding import noise_around
from autograd_mini.testing.shortcut import MANY, Function, Shortcut
from autograd_mini.testing.verdicts import judge, slopes_around
from autograd_mini.value import Value

LIMIT = 10.0  # estimated errors are right to within a factor of a few
REVERSE_MODE = "reverse mode"
FAR = 2_654_435_769.0
"""How many floats away from the point noise is measured where a derivative is the same at neighbouring floats: 2³²
times the golden ratio, a multiple of no power of 2."""
LITTLE = 2.0**-40  # relative to the result: if one side has no more noise, the other is not looked at
SHARED = 2.0**-16
"""Noise up to this, relative to the result, may stem from intermediate numbers on which derivatives depend too."""
ROUNDED = 2.0**-16
"""The relative error allowed in slopes around a corner, as a fraction of their range."""

Evaluation = tuple[list[Value], list[Any]]


def check_gradients(
    f: Callable[..., Any],
    *inputs: Any,
    order: int = 1,
    gradient: Callable[..., Any] | None = None,
    limit: float = LIMIT,
) -> Report:
    """Compare the derivatives of `f` with difference quotients, and raise if one of them is wrong.

    Differences are central, with steps chosen by the scale of each input, and extrapolated to step 0 (Ridders
    1982), which also gives an estimate of their error. A derivative fails if it is off by more than `limit` times
    that error. At a kink, any derivative between the one-sided ones passes; at a jump, any between the slopes
    beside it; at the edge of the domain, the one-sided derivative counts, which may be infinite. Derivatives of
    order 2 and 3, taken with `create_graph=True`, are compared with differences of those one order lower, once
    these have passed.

    The rounding noise of the function is measured from its results (Moré and Wild 2011). Where it hides a
    derivative, or the function is too rough or too steep, differences cannot decide: such derivatives are reported
    as undecided, never as passed.

    Args:
        f: a function of numbers, which may be nested in lists, tuples, dicts and NumPy arrays, as may its results.
            It is called with Values, and also with floats as long as these give the same numbers; if `gradient` is
            given, with floats only.
        inputs: the point: one for each argument of `f`.
        order: check derivatives up to this order: 1, 2 or 3.
        gradient: check this function instead of reverse mode: `gradient(*inputs)` must return all derivatives of
            the single result of `f`, in the structure of the input or, for several inputs, as a tuple of such
            structures; dicts are matched by their keys. Both functions may be PyTorch or JAX functions, or written
            by hand. `gradient` is also called near the point, to measure how it rounds.
        limit: how many times the estimated error a derivative may be off.

    Returns:
        The `Report` of all comparisons, which prints as a table.

    Raises:
        GradientError: an AssertionError; at least one derivative is wrong. Its message is the table, whose first
            line names the worst one.
        UndecidedError: an AssertionError; differences cannot decide any derivative of one of the orders. If they
            can decide some, there is an `UndecidedWarning` instead.
        TypeError: an argument or the result of `f` holds something other than numbers, or `gradient` or `f` returns
            dicts whose keys differ from those expected.
        ValueError: an option has an invalid value; there is no derivative; `f` returns nan or inf at the point, or a
            different result when called again; or `gradient` does not return one derivative for each input.

    >>> from autograd_mini import sin
    >>> report = check_gradients(lambda x, y: sin(x) * y, 2.0, 3.0, order=2)
    >>> len(report.comparisons)
    6
    >>> check_gradients(lambda x: x * x, 3.0, gradient=lambda x: 3 * x)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    autograd_mini.testing.GradientError: ∂<lambda>/∂x differs by ... times the estimated error; 1 of 1 derivatives \
of <lambda> failed: gradient=<lambda> against extrapolated differences
    at x = 3.0
    derivative    gradient=<lambda>  differences ± error  difference  verdict
    ∂<lambda>/∂x  9                  6 ± ...e-14          3           differs by ... times the estimated error
    """
    __tracebackhide__ = True
    if not callable(f):
        raise TypeError(f"check_gradients takes a function, got {brief(f)} ({type(f).__name__})")
    if not inputs:
        raise TypeError(f"check_gradients needs the point at which to check {name_of(f)}: check_gradients(f, x)")
    if gradient is not None and not callable(gradient):
        raise TypeError(f"gradient must be a function, got {brief(gradient)} ({type(gradient).__name__})")
    require_options(order, limit)
    if gradient is not None and order != 1:
        raise ValueError("a given gradient can be checked to order 1 only; leave out order")
    flat, structure = flatten(inputs, f"an input of {name_of(f)}")
    point = as_floats(flat)
    names = input_names(f, inputs)
    numbers_of = in_one_order(f"the result of {name_of(f)}")

    def plain(numbers: Sequence[float]) -> list[Any]:
        return numbers_of(f(*structure.rebuild(list(numbers))))

    def evaluate(numbers: Sequence[float]) -> Evaluation:
        xs = [*map(Value, numbers)]
        for x, name in zip(xs, names if numbers is point else ()):  # where the formula is taken
            x.label = name
        with Differentiation(f, xs):
            return xs, numbers_of(f(*structure.rebuild(xs)))

    check_here = partial(check, point=point, names=names, function=name_of(f), limit=limit)
    if gradient is None:
        return check_here(evaluate, order=order, plain=plain)

    def claims(numbers: Sequence[float]) -> list[float]:
        like = structure.rebuild(list(numbers))
        like, found = (like[0] if len(like) == 1 else like), gradient(*like)
        return as_floats(paired_numbers(found, like, f"the result of {name_of(gradient)}"))

    return check_here(lambda numbers: ([], plain(numbers)), claims=claims, source=f"gradient={name_of(gradient)}")


def check(
    evaluate: Callable[[Sequence[float]], Evaluation],
    point: Sequence[float],
    names: Sequence[str],
    function: str,
    *,
    order: int = 1,
    claims: Function | None = None,
    source: str = REVERSE_MODE,
    limit: float = LIMIT,
    reset: Callable[[], None] = lambda: None,
    plain: Callable[[Sequence[float]], list[Any]] | None = None,
) -> Report:
    """Check the derivatives of `evaluate`, which maps a point to its inputs as Values and to the results. `reset`
    undoes what `evaluate` did to shared Values. `claims` returns the derivatives to check in place of reverse mode.
    `plain` evaluates on floats, which is quicker; it is used as long as it gives the same numbers."""
    __tracebackhide__ = True

    def derivatives(level: int, *, create_graph: bool = True) -> Function:
        def at(numbers: Sequence[float]) -> list[float]:
            try:
                xs, results = evaluate(numbers)
                for k in range(1, level + 1):
                    keeps = create_graph or k < level
                    slopes = [
                        gradients(y, xs, create_graph=keeps) if isinstance(y, Value) else [0.0] * len(xs)
                        for y in results
                    ]
                    results = [*chain.from_iterable(slopes)]
                return as_floats(results)
            finally:
                reset()

        return at

    results = evaluate(point)[1]
    first = as_floats(results)
    if not (point and first):
        raise ValueError(f"{function} has no derivative to check: it takes no number, or gives none")
    if any(x - x != 0.0 for x in first):
        raise ValueError(f"{function} gives {first if len(first) > 1 else first[0]} here; choose a point of its domain")
    if first != as_floats(evaluate(point)[1]):
        raise ValueError(f"{function} gives a different result when called again; make it deterministic")
    expression = formula(results[0], limit=100) if len(results) == 1 and isinstance(results[0], Value) else ""
    report = Report(source, function, list(zip(names, point)), expression)
    components, scales = result_names(function, len(results)), list(map(abs, first))
    for level in range(1, order + 1):
        derive = derivatives(level) if claims is None else claims
        claimed = derive(point)
        if len(claimed) != len(point) * len(components):
            raise ValueError(
                f"{source} must give one derivative for each of the {len(point)} input(s) and {len(results)} "
                f"result(s) of {function}, got {len(claimed)}"
            )
        noisy = derivatives(level, create_graph=False) if claims is None else claims
        own_noise = _noise_of_all(noisy, point, len(claimed))
        lower = derivatives(level - 1)
        shortcut = Shortcut(plain, lower) if plain and level == 1 else None
        compared = _compare(shortcut or lower, point, names, components, claimed, own_noise, scales, limit)
        if shortcut and not shortcut.holds:
            compared = _compare(lower, point, names, components, claimed, own_noise, scales, limit)
        report.comparisons += _seen_all_around(compared, lower, point) if level == 1 else compared
        if report.failures:
            raise GradientError(report)
        undecided = [each for each in compared if not each.verdict.decided]
        if undecided and len(undecided) == len(compared):
            raise UndecidedError(report)
        if undecided:
            warn(
                f"{len(undecided)} of {len(compared)} derivatives of {function} have not been checked: "
                f"{undecided[0].component} {undecided[0].sentence()}; {ADVICE}",
                UndecidedWarning,
                stacklevel=3,
            )
        components = [_component(component, name) for component in components for name in names]
        scales = [max(abs(d), scales[k // len(point)]) for k, d in enumerate(claimed)]
    return report


def in_one_order(what: str) -> Callable[[Any], list[Any]]:
    """Return a function that lists the numbers of a nest, ordering dicts by the keys of the first nest it was given."""
    first: list[Any] = []

    def numbers(nest: Any) -> list[Any]:
        first[:] = first or [nest]
        return paired_numbers(nest, first[0], what)

    return numbers


def _compare(
    f: Function,
    point: Sequence[float],
    names: Sequence[str],
    components: Sequence[str],
    claimed: Sequence[float],
    own_noise: Sequence[float],
    scales: Sequence[float],
    limit: float,
) -> list[Comparison]:
    lines = [Line(lambda x, j=j: f([*point[:j], x, *point[j + 1 :]]), point[j]) for j in range(len(point))]  # type: ignore[misc]
    sides = [(line, side) for line in lines for side in (-1.0, 1.0)]
    spacings = [3 if j < MANY else 1 for j in range(len(lines))]
    noises = [max(map(Line.noise_at_large, lines, repeat(i), spacings)) for i in range(len(components))]
    sizes = [max(s, *(line.size_beside(i, side) for line, side in sides)) for i, s in enumerate(scales)]
    compared = []
    for j, line in enumerate(lines):
        if isinstance(f, Shortcut):
            f.start_line()
        for i, component in enumerate(components):
            place = i * len(point) + j
            derivative, own = claimed[place], own_noise[place]
            if noises[i] < SHARED * scales[i]:
                own += noises[i] / line.largest
                own += noises[i] / scales[i] * abs(derivative) if isfinite(derivative) else 0.0
            verdict = judge(line, i, derivative, own_noise=own, scale=sizes[i], limit=limit)
            compared.append(Comparison(_component(component, names[j]), derivative, verdict))
    return compared


def _seen_all_around(compared: list[Comparison], f: Function, point: Sequence[float]) -> list[Comparison]:
    """Return the comparisons, failures judged again by the slopes all around the point where it is a corner."""

    def judged(number: int, each: Comparison) -> Comparison:
        if each.verdict.passes or not each.verdict.decided:
            return each
        place, result = divmod(number, len(compared) // len(point))
        slopes = slopes_around(f, point, result, place)
        if slopes is None:
            return each
        error = max(each.verdict.error, ROUNDED * (slopes[1] - slopes[0]))
        low, high = min(slopes[0], each.verdict.low), max(slopes[1], each.verdict.high)
        verdict = each.verdict._replace(low=low, high=high, error=error, place="kink")
        return each._replace(verdict=verdict._replace(passes=verdict.distance(each.claimed) <= error))

    return [judged(number, each) for number, each in enumerate(compared)]


def _noise_of_all(f: Function, point: Sequence[float], count: int) -> list[float]:
    """Return the rounding noise of each result of f: by how much it changes over neighbouring floats on a line through
    the point, on the side where it changes less, for a kink is no noise. Where it does not change, as in single
    precision, the noise further away counts."""
    units = [ulp(x) * (2 * (j % 8) + 1) if x else 2.0**-52 * GOLDEN for j, x in enumerate(point)]
    line = Line(lambda t: f([x + t * unit for x, unit in zip(point, units)]), 0.0)

    def noise(i: int, side: float) -> float:
        near = [line(side * t, i) for t in range(1, 8)]
        if not all(map(isfinite, near)):
            return 0.0
        return (max(near) - min(near)) / 2.0 or noise_around(lambda t: line(t, i), side * FAR, FAR, 1.0) or 0.0

    def on_the_quieter_side(i: int) -> float:
        right = noise(i, 1.0)
        return right if right <= LITTLE * abs(line(0.0, i)) else min(right, noise(i, -1.0))

    return [on_the_quieter_side(i) for i in range(count)]


def _component(component: str, name: str) -> str:
    """The name of a derivative by `name`: ∂f/∂x for f, ∂²f/∂x∂y for ∂f/∂x."""
    if not component.startswith("∂"):
        return f"∂{component}/∂{name}"
    above, below = component.split("/", 1)
    power = {"∂": "∂²", "∂²": "∂³"}
    symbol = "∂²" if above.startswith("∂²") else "∂"
    return f"{power[symbol]}{above.removeprefix(symbol)}/{below}∂{name}"


def require_options(order: Any, limit: Any) -> None:
    if order not in (1, 2, 3):
        raise ValueError(f"order must be 1, 2 or 3, got {brief(order)}")
    if not isinstance(limit, (int, float)) or not limit > 0.0:
        raise ValueError(f"limit must be a positive number of estimated errors, got {brief(limit)}")
