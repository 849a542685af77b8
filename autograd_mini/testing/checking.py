"""`check_gradients`: reverse mode, or any gradient, against extrapolated differences."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from autograd_mini.derivatives import gradients
from autograd_mini.primitives import brief
from autograd_mini.structures import flatten
from autograd_mini.testing.differences import Line
from autograd_mini.testing.naming import input_names, name_of, result_names
from autograd_mini.testing.reports import Comparison, GradientError, Report
from autograd_mini.testing.rounding import HALF_A_UNIT, rounding_noise, single_precision_noise
from autograd_mini.testing.verdicts import judge
from autograd_mini.value import Value

LIMIT = 10.0
REVERSE_MODE = "reverse mode"

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
    1982), which gives an estimate of their error too. A derivative fails if it is off by more than `limit` times
    that. Where the function has a kink, each derivative between those of the two sides passes; where it jumps,
    each between the slopes beside the jump; at the edge of its domain, that of the one side counts, which may be
    infinite. Derivatives of order 2 and 3, taken through `create_graph=True`, are compared with differences of
    those one order lower, after these have passed. What differences cannot decide, because they do not converge,
    fails too: a check never passes for want of knowledge.

    Args:
        f: a function of numbers, in lists, tuples, dicts and NumPy arrays, to numbers nested in the same way. It
            is called with Values; if `gradient` is given, with floats.
        inputs: the point, one argument of `f` each.
        order: check derivatives up to this order: 1, 2 or 3.
        gradient: check this function instead of reverse mode: `gradient(*inputs)` gives all derivatives of the
            single result of `f`, in the structure of the input or, of several inputs, a tuple of those. Both may
            be PyTorch or JAX functions, or written by hand.
        limit: how many times the estimated error a derivative may be off.

    Returns:
        The `Report` of all comparisons, a table when printed.

    Raises:
        GradientError: an AssertionError; at least one derivative is wrong. Its message is the table.
        TypeError: an argument or the result of `f` holds something else than numbers.
        ValueError: an option has no such setting; `f` gives nan or inf at the point, or another result when it
            is called again; or `gradient` gives another number of derivatives than there are inputs.

    >>> from autograd_mini import sin
    >>> report = check_gradients(lambda x, y: sin(x) * y, 2.0, 3.0, order=2)
    >>> len(report.comparisons)
    6
    >>> check_gradients(lambda x: x * x, 3.0, gradient=lambda x: 3 * x)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    autograd_mini.testing.reports.GradientError: 1 of 1 derivatives of <lambda> failed: gradient=<lambda> against \
extrapolated differences
    at x = 3.0
    derivative    gradient=<lambda>  differences ± error  difference  verdict
    ∂<lambda>/∂x  9                  6 ± ...e-14          3           differs by ...e+14 times the estimated error
    """
    _require(f, inputs, order, gradient, limit)
    flat, structure = flatten(inputs, f"an input of {name_of(f)}")
    point = [float(leaf) for leaf in flat]
    names = input_names(f, inputs)

    def evaluate(numbers: Sequence[float]) -> Evaluation:
        xs = [Value(number, label=name) for number, name in zip(numbers, names)]
        result = f(*structure.rebuild(xs if gradient is None else list(numbers)))
        return xs, plain_numbers(result, f"the result of {name_of(f)}")

    if gradient is None:
        return check(evaluate, point, names, name_of(f), order=order, limit=limit)
    claimed = list(map(float, plain_numbers(gradient(*structure.rebuild(point)), f"the result of {name_of(gradient)}")))
    return check(
        evaluate, point, names, name_of(f), claimed=claimed, source=f"gradient={name_of(gradient)}", limit=limit
    )


def check(
    evaluate: Callable[[Sequence[float]], Evaluation],
    point: Sequence[float],
    names: Sequence[str],
    function: str,
    *,
    order: int = 1,
    claimed: Sequence[float] | None = None,
    source: str = REVERSE_MODE,
    limit: float = LIMIT,
    reset: Callable[[], None] = lambda: None,
) -> Report:
    """The check itself, of what `evaluate` makes of a point: the Values it stands for, and the results. `reset`
    undoes what `evaluate` did to shared Values."""
    xs, results = evaluate(point)
    _require_repeatable(function, results, evaluate(point)[1])
    if claimed is not None and len(claimed) != len(point) * len(results):
        raise ValueError(
            f"{source} must give one derivative for each of the {len(point)} input(s) and {len(results)} result(s) "
            f"of {function}, got {len(claimed)}"
        )
    report = Report(source, function, list(zip(names, point)), _expression(results))
    components = result_names(function, len(results))
    noise = rounding_noise(results)
    for level in range(1, order + 1):
        derivatives = [d for y in results for d in _gradient(y, xs)] if claimed is None else claimed
        own_noise = rounding_noise(derivatives)
        for j in range(len(point)):
            line = Line(_along(evaluate, reset, point, j, level - 1), point[j])
            for i in range(len(results)):
                derivative = float(derivatives[i * len(point) + j])
                uncertain, own_uncertain = noise[i], own_noise[i * len(point) + j]
                if not isinstance(results[i], Value):  # from elsewhere: PyTorch and JAX compute in float32 if not told
                    single = single_precision_noise(partial(line, index=i), point[j])
                    uncertain = max(uncertain, single)
                    own_uncertain = max(own_uncertain, HALF_A_UNIT * abs(derivative) if single else 0.0)
                verdict = judge(line, i, derivative, noise=uncertain, own_noise=own_uncertain, limit=limit)
                report.comparisons.append(Comparison(_component(components[i], names[j]), derivative, verdict))
        if report.failures:
            raise GradientError(report)
        components = [_component(component, name) for component in components for name in names]
        results, noise = list(derivatives), own_noise
    return report


def plain_numbers(nest: Any, what: str) -> list[Any]:
    """The numbers of a nest, which may hold the tensors of PyTorch or the arrays of JAX."""
    if isinstance(nest, (list, tuple)):
        return [number for part in nest for number in plain_numbers(part, what)]
    if isinstance(nest, dict):
        return [number for part in nest.values() for number in plain_numbers(part, what)]
    if not isinstance(nest, Value):
        nest = nest.detach() if hasattr(nest, "detach") else nest
        nest = nest.tolist() if hasattr(nest, "tolist") else nest
    return flatten(nest, what)[0]


def _along(
    evaluate: Callable[[Sequence[float]], Evaluation],
    reset: Callable[[], None],
    point: Sequence[float],
    j: int,
    order: int,
) -> Callable[[float], list[float]]:
    """The derivatives of that order as a function of input number j."""

    def derivatives(x: float) -> list[float]:
        try:
            xs, results = evaluate([*point[:j], x, *point[j + 1 :]])
            for _ in range(order):
                results = [d for y in results for d in _gradient(y, xs)]
            return list(map(float, results))
        finally:
            reset()

    return derivatives


def _gradient(y: Any, xs: list[Value]) -> list[Any]:
    return gradients(y, xs, create_graph=True) if isinstance(y, Value) else [0.0] * len(xs)


def _component(component: str, name: str) -> str:
    """∂f/∂x of f, ∂²f/∂x∂y of ∂f/∂x."""
    if not component.startswith("∂"):
        return f"∂{component}/∂{name}"
    above, below = component.split("/", 1)
    power = {"∂": "∂²", "∂²": "∂³"}
    symbol = "∂²" if above.startswith("∂²") else "∂"
    return f"{power[symbol]}{above.removeprefix(symbol)}/{below}∂{name}"


def _expression(results: Sequence[Any]) -> str:
    from autograd_mini.draw.formulas import formula

    recorded = [y for y in results if isinstance(y, Value)]
    return formula(recorded[0], limit=100) if len(recorded) == len(results) == 1 else ""


def _require_repeatable(function: str, results: Sequence[Any], again: Sequence[Any]) -> None:
    first, second = list(map(float, results)), list(map(float, again))
    if any(x - x != 0.0 for x in first):
        raise ValueError(f"{function} gives {first if len(first) > 1 else first[0]} here; choose a point of its domain")
    if first != second:
        raise ValueError(f"{function} gives another result when called again; make it deterministic to check it")


def _require(f: Any, inputs: Sequence[Any], order: Any, gradient: Any, limit: Any) -> None:
    if not callable(f):
        raise TypeError(f"check_gradients takes a function, got {brief(f)} ({type(f).__name__})")
    if not inputs:
        raise TypeError(f"check_gradients needs the point at which to check {name_of(f)}: check_gradients(f, x)")
    if gradient is not None and not callable(gradient):
        raise TypeError(f"gradient must be a function, got {brief(gradient)} ({type(gradient).__name__})")
    require_options(order, limit)
    if gradient is not None and order != 1:
        raise ValueError("a given gradient can be checked to order 1 only; leave order away")


def require_options(order: Any, limit: Any) -> None:
    if order not in (1, 2, 3):
        raise ValueError(f"order must be 1, 2 or 3, got {brief(order)}")
    if not isinstance(limit, (int, float)) or not limit > 0.0:
        raise ValueError(f"limit must be a positive number of estimated errors, got {brief(limit)}")
