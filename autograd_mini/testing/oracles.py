"""Every primitive written again as an mpmath function, which computes with as many digits as mpmath is set to.

Only functions are written here, never derivatives.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from math import comb, factorial, perm
from typing import Any

import mpmath
from mpmath import mp, mpf


def _exactly(function: Callable[..., Any]) -> Callable[..., Any]:
    """Make a function compute with so many digits that the quotient of any two doubles has its fraction right."""
    return mp.extradps(700)(function)  # type: ignore[no-any-return]


@_exactly
def _remainder(x: Any, y: Any) -> Any:
    """x - n·y with the integer n nearest to x/y, halves to even."""
    n = mpmath.floor(x / y + mpf(1) / 2)
    if n - x / y == mpf(1) / 2 and n % 2:
        n -= 1
    return x - n * y


def _truncated(x: Any) -> Any:
    return mpmath.floor(x) if x >= 0 else mpmath.ceil(x)


def _halves(args: Any) -> Iterator[tuple[Any, Any]]:
    return zip(args[: len(args) // 2], args[len(args) // 2 :])


def _dot(*args: Any) -> Any:
    return sum((x * y for x, y in _halves(args)), mpf(0))


def _norm(*xs: Any) -> Any:
    return mpmath.sqrt(sum((x * x for x in xs), mpf(0)))


def _logsumexp(*xs: Any) -> Any:
    top = max(range(len(xs)), key=lambda i: xs[i])
    return xs[top] + mpmath.log1p(sum((mpmath.exp(x - xs[top]) for i, x in enumerate(xs) if i != top), mpf(0)))


def _log_softmax(*xs: Any, index: int = 0) -> Any:
    """-log Σⱼ exp(xⱼ - xᵢ), where the term of i itself is exactly 1."""
    return -mpmath.log1p(sum((mpmath.exp(x - xs[index]) for i, x in enumerate(xs) if i != index), mpf(0)))


def _softmax(*xs: Any, index: int = 0) -> Any:
    return 1 / sum((mpmath.exp(x - xs[index]) for x in xs), mpf(0))


def _softmax_rest(*xs: Any) -> Any:
    rest = sum((mpmath.exp(x - xs[0]) for x in xs[1:]), mpf(0))
    return rest / (1 + rest)


def _sigmoid(x: Any) -> Any:
    return 1 / (1 + mpmath.exp(-x))


def _erfc(x: Any) -> Any:
    """erfc of x clipped to ±1000, as mpmath refuses very large arguments; beyond, doubles show no difference."""
    return mpmath.erfc(min(max(x, mpf(-1000)), mpf(1000)))


def _gelu(x: Any, approximate: str = "none") -> Any:
    if approximate == "none":
        return x * _erfc(-x / mpmath.sqrt(2)) / 2
    u = mpmath.sqrt(2 / mp.pi) * (x + mpf(0.044715) * x**3)
    return x * (_sigmoid(2 * u))  # (1 + tanh u)/2


def _polygamma(x: Any, order: int = 1) -> Any:
    """ψ⁽ⁿ⁾(x) by the Hurwitz zeta function; for n = 0 by mpmath's own psi."""
    return mpmath.psi(0, x) if order == 0 else (-1) ** (order + 1) * factorial(order) * mpmath.zeta(order + 1, x)


def _pow(x: Any, y: Any) -> Any:
    return mpmath.exp(y * mpmath.log(x)) if x > 0 else mpmath.power(x, int(y))


def _pow_slope(x: Any, y: Any, x_order: int = 0, y_order: int = 0) -> Any:
    """x^(y - k)·Σ s(k, i)·C(n, j)·i!/(i - j)!·y^(i - j)·(log x)^(n - j) with Stirling numbers s of the first kind."""
    if x == 0 and y > x_order:
        return mpf(0)
    return _pow(x, y - x_order) * sum(
        mpmath.stirling1(x_order, i) * comb(y_order, j) * perm(i, j) * y ** (i - j) * mpmath.log(x) ** (y_order - j)
        for i in range(x_order + 1)
        for j in range(min(i, y_order) + 1)
    )


OF_THE_SAME_NAME = """
exp expm1 log log1p sqrt sin cos tan asin acos atan atan2 sinh cosh tanh asinh acosh atanh gamma
floor ceil sign sech
"""

TWINS: dict[str, Callable[..., Any]] = {name: getattr(mpmath, name) for name in OF_THE_SAME_NAME.split()} | {
    **{name: getattr(operator, name) for name in ("add", "sub", "mul", "neg", "pos", "abs")},
    "reciprocal": lambda x: 1 / x,
    "div": lambda x, y: x / y,
    "square": lambda x: x * x,
    "fma": lambda x, y, z: x * y + z,
    "exp2": lambda x: mpmath.exp(x * mpmath.log(2)),
    "log2": lambda x: mpmath.log(x) / mpmath.log(2),
    "log10": lambda x: mpmath.log(x) / mpmath.log(10),
    "cbrt": lambda x: mpmath.cbrt(x) if x >= 0 else -mpmath.cbrt(-x),
    "pow": _pow,
    "sigmoid": _sigmoid,
    "softplus": lambda x: mpmath.log1p(mpmath.exp(x)),
    "log_sigmoid": lambda x: -mpmath.log1p(mpmath.exp(-x)),
    "degrees": lambda x: x * 180 / mp.pi,
    "radians": lambda x: x * mp.pi / 180,
    "hypot": _norm,
    "dist": lambda *pq: _norm(*(x - y for x, y in _halves(pq))),
    "erf": lambda x: 1 - _erfc(x) if abs(x) > 1 else mpmath.erf(x),
    "erfc": _erfc,
    "polygamma": _polygamma,
    "digamma": lambda x: mpmath.psi(0, x),
    "lgamma": lambda x: mpmath.log(abs(mpmath.gamma(x))) if x < 0 else mpmath.loggamma(x),
    "relu": lambda x: max(x, mpf(0)),
    "leaky_relu": lambda x, slope: x if x >= 0 else slope * x,
    "elu": lambda x, alpha: x if x >= 0 else alpha * mpmath.expm1(x),
    "silu": lambda x: x * _sigmoid(x),
    "gelu": _gelu,
    "trunc": _truncated,
    "rint": lambda x: x - _remainder(x, mpf(1)),
    "floordiv": _exactly(lambda x, y: mpmath.floor(x / y)),
    "frac": lambda x: x - _truncated(x),
    "mod": _exactly(lambda x, y: x - y * mpmath.floor(x / y)),
    "fmod": _exactly(lambda x, y: x - y * _truncated(x / y)),
    "remainder": _remainder,
    "copysign": lambda x, y: abs(x) if y >= 0 else -abs(x),
    "ldexp": lambda x, exponent: x * mpf(2) ** int(exponent),
    "maximum": max,
    "minimum": min,
    "clip": lambda x, low, high: min(max(x, low), high),
    "where": lambda condition, x, y: x if condition else y,
    "sum": lambda *xs: sum(xs, mpf(0)),
    "fsum": lambda *xs: sum(xs, mpf(0)),
    "mean": lambda *xs: sum(xs, mpf(0)) / len(xs),
    "prod": lambda *xs: mpmath.fprod(xs),
    "dot": _dot,
    "sumprod": _dot,
    "max": lambda *xs: max(xs),
    "min": lambda *xs: min(xs),
    "norm": _norm,
    "logsumexp": _logsumexp,
    "softmax": _softmax,
    "log_softmax": _log_softmax,
    # Primitives that only derivative rules use:
    "scale": lambda x, y: x * y,
    "ratio": lambda x, y: x / y,
    "one_minus_square": lambda x: 1 - x * x,
    "inverse_power": lambda y, x: x / (x * x + y * y),
    "pow_slope": _pow_slope,
    "sigmoid_slope": lambda x: mpmath.sech(x / 2) ** 2 / 4,
    "softmax_rest": _softmax_rest,
    # Primitives that only compiled programs use; the result of `stopped` is not differentiated:
    "less": lambda x, y: mpf(x < y),
    "less_equal": lambda x, y: mpf(x <= y),
    "equal": lambda x, y: mpf(x == y),
    "not_equal": lambda x, y: mpf(x != y),
    "greater": lambda x, y: mpf(x > y),
    "greater_equal": lambda x, y: mpf(x >= y),
    "stopped": lambda x: x,
}
