"""The error function, the gamma function and its logarithmic derivatives."""

from __future__ import annotations

import math
from functools import reduce
from math import inf, nan, pi

from autograd_mini.primitives import ieee
from autograd_mini.primitives.exponential import exp
from autograd_mini.primitives.piecewise import clip
from autograd_mini.primitives.primitive import POSITIVE, Primitive, row

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

TWO_OVER_SQRT_PI = 2.0 / math.sqrt(pi)

# Bernoulli numbers B₂, B₄, … B₂₄.
BERNOULLI = (
    1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510,
    43867 / 798, -174611 / 330, 854513 / 138, -236364091 / 2730,
)  # fmt: skip

# The positive root of digamma in two parts, and its Taylor coefficients there from the first power on,
# computed at 60 digits: near a root a plain series would lose the leading digits.
ROOT, ROOT_REST = 1.4616321449683622, 9.549995429965697e-17
AT_ROOT = (
    0.9676722454476212, -0.4427631689835921, 0.258499760955651, -0.16394270544240652, 0.10782405069126237,
    -0.07219956125645471, 0.04880428816414311, -0.03316112647484736, 0.022597648232218104, -0.01542476590494896,
    0.010538791616612175, -0.007204534386356869, 0.004926781395729853, -0.003369801655439328, 0.002305126326734928,
    -0.0015769367714301972, 0.0010788252019162967, -0.0007380709389960052, 0.000504953265834602,
    -0.0003454680251063077, 0.00023635601564027053, -0.00016170622091974803,
)  # fmt: skip

# 1 - γ and (-1)ᵏ(ζ(k) - 1)/k: the Taylor coefficients of log Γ at 2 from the first power on.
AT_TWO = (
    0.42278433509846713, 0.3224670334241132, -0.0673523010531981, 0.020580808427784546, -0.007385551028673986,
    0.0028905103307415234, -0.001192753911703261, 0.0005096695247430425, -0.00022315475845357939,
    9.945751278180853e-05, -4.492623673813314e-05, 2.050721277567069e-05, -9.439488275268397e-06,
    4.374866789907488e-06, -2.039215753801366e-06, 9.55141213040742e-07, -4.492469198764566e-07,
    2.1207184805554665e-07, -1.0043224823968099e-07, 4.7698101693639804e-08,
)  # fmt: skip

_library_lgamma = ieee.total(math.lgamma, outside=lambda x: inf)


def _lgamma(x: float) -> float:
    """The function of `math`, but a series next to the roots 1 and 2, where that loses digits: NIST Handbook, 5.7.3."""
    h = x - 2.0 if x > 1.5 else x - 1.0
    if not abs(h) < 0.25:
        return _library_lgamma(x)
    result = 0.0
    for coefficient in reversed(AT_TWO):
        result = (result + coefficient) * h
    return result if x > 1.5 else result - math.log1p(h)


def _digamma(x: float) -> float:
    """ψ(x) by recurrence and asymptotic series: NIST Handbook of Mathematical Functions, 5.5.2, 5.5.4, 5.11.2."""
    if x == 0.0:
        return -ieee.infinity_like(x)
    if x < 0.0:
        return _digamma(1.0 - x) - pi * _cotangent_derivative(x, 0) if math.isfinite(x) and x != math.floor(x) else nan
    if abs(x - ROOT) < 0.25:
        h, result = (x - ROOT) - ROOT_REST, 0.0
        for coefficient in reversed(AT_ROOT):
            result = (result + coefficient) * h
        return result
    shift = 0.0
    while x < 12.0:
        shift += 1.0 / x
        x += 1.0
    inverse = 1.0 / x / x
    series = 0.0
    for k in range(8, 0, -1):
        series = (series + BERNOULLI[k - 1] / (2 * k)) * inverse
    return math.log(x) - 0.5 / x - series - shift


def _polygamma(x: float, order: int) -> float:
    """ψ⁽ⁿ⁾(x) = (-1)ⁿ⁺¹ n! ζ(n + 1, x), n ≥ 1: NIST Handbook, 25.11.12."""
    if math.isnan(x) or x == -inf:
        return nan
    if x <= 0.0 and x == math.floor(x):
        return inf if order % 2 else nan
    sign = 1.0 if order % 2 else -1.0
    if x < 0.0:  # reflection, NIST Handbook 5.15.6
        return -sign * _polygamma(1.0 - x, order) - pi ** (order + 1) * _cotangent_derivative(x, order)
    return sign * math.factorial(order) * _hurwitz_zeta(order + 1, x)


def _hurwitz_zeta(s: int, x: float) -> float:
    """Σ (x + k)⁻ˢ over k ≥ 0 by Euler and Maclaurin's formula: NIST Handbook, 25.11.5."""
    total = 0.0
    while x < 12.0 + s:
        total += ieee.power(x, -s)
        x += 1.0
    term = ieee.power(x, 1 - s)
    tail = term / (s - 1) + 0.5 * term / x
    factor = term / x
    for k, bernoulli in enumerate(BERNOULLI, start=1):
        factor *= (s + 2 * k - 2) / x / (2 * k)
        tail += bernoulli * factor
        factor *= (s + 2 * k - 1) / x / (2 * k + 1)
    return total + tail


def _cotangent_derivative(x: float, order: int) -> float:
    """The derivative of cot of this order at πx, by its polynomial in cot: cot' = -(1 + cot²)."""
    fraction = x - round(x)
    rest = 0.5 - abs(fraction)  # exactly 0 where the cotangent is
    cotangent = math.copysign(math.tan(pi * rest), fraction) if rest < 0.25 else 1.0 / math.tan(pi * fraction)
    polynomial = [0.0, 1.0]
    for _ in range(order):
        slope = [power * c for power, c in enumerate(polynomial)][1:]
        polynomial = [-(a + b) for a, b in zip([*slope, 0.0, 0.0], [0.0, 0.0, *slope])]
    return reduce(lambda result, coefficient: result * cotangent + coefficient, reversed(polynomial))


def _bell(x: Any) -> Any:
    """The slope of erf. It is 0 beyond 30; there x² must not overflow to 0·inf in higher orders."""
    x = clip(x, -30.0, 30.0)
    return TWO_OVER_SQRT_PI * exp(-(x * x))


erf: Primitive = row(
    "erf",
    math.erf,
    lambda out, x: (_bell(x),),
    doc="The error function, 2/√π ∫₀ˣ exp(-t²) dt.",
    example="erf(0.0) == 0.0",
)
erfc: Primitive = row(
    "erfc",
    math.erfc,
    lambda out, x: (-_bell(x),),
    doc="1 - erf(x), without cancellation for large x.",
    example="erfc(0.0) == 1.0",
)
polygamma: Primitive = row(
    "polygamma",
    lambda x, order=1: _polygamma(x, order) if order else _digamma(x),
    lambda out, x, order=1: (polygamma.variant(order=order + 1)(x),),
    domain=(POSITIVE,),
    doc="The derivative of digamma of the given order, ψ⁽ⁿ⁾(x) with n ≥ 0.",
    example="polygamma(1, 1.0) == 1.6449340668482264",
)
digamma: Primitive = row(
    "digamma",
    _digamma,
    lambda out, x: (polygamma.variant(order=1)(x),),
    domain=(POSITIVE,),
    doc="ψ(x), the derivative of log Γ(x); nan at negative integers.",
    example="digamma(1.0) == -0.5772156649015323",
)
gamma: Primitive = row(
    "gamma",
    ieee.total(math.gamma, overflow=ieee.infinity_like, outside=lambda x: nan if x else ieee.infinity_like(x)),
    lambda out, x: (out * digamma(x),),
    domain=((0.0, 170.0),),
    doc="Γ(x) = ∫₀^∞ tˣ⁻¹ e⁻ᵗ dt, (n - 1)! at integers n; ±inf at ±0, nan at negative integers.",
    example="gamma(5.0) == 24.0",
)
lgamma: Primitive = row(
    "lgamma",
    _lgamma,
    lambda out, x: (digamma(x),),
    domain=(POSITIVE,),
    doc="log |Γ(x)|; inf at 0 and at negative integers.",
    example="lgamma(1.0) == 0.0",
)
