"""The rounding noise in the results of a function, measured from the results alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from math import frexp, inf, isfinite, ldexp, sqrt, ulp

WINDOW = 6
"""The number of spacings in a window of 7 results in a row, which are differenced up to 5 times."""
AGREEING = 4.0
"""Three successive noise levels within this factor of each other count as noise."""
COARSE = 2.0**-21
"""Noise larger than this, relative to the results, is not rounding: functions such as `floor` make such steps."""


def noise_in(results: Sequence[float]) -> float:
    """The standard deviation of the noise in results of a smooth function at equally spaced points.

    Differencing k times removes the smooth part, and turns noise of variance σ² into (2k)!/(k!)² σ². So
    σₖ² = γₖ · mean((Δᵏf)²) with γₖ = (k!)²/(2k)! falls with k until it is the variance of the noise alone: where
    the differences change sign, and three levels in a row agree. If none do, the smallest level is a bound.

    Source: J. J. Moré and S. M. Wild, "Estimating Computational Noise", SIAM Journal on Scientific Computing 33
    (2011).

    >>> from random import Random
    >>> random = Random(0)
    >>> 0.3e-9 < noise_in([(1.0 + 1e-6 * k) ** 2 + random.gauss(0.0, 1e-9) for k in range(7)]) < 3e-9
    True
    >>> noise_in([(1.0 + 2.0**-20 * k) ** 2 for k in range(7)])  # all exact
    0.0
    """
    exponent = frexp(max(map(abs, results)))[1]
    differences = [ldexp(y, -exponent) for y in results]  # so that no square overflows
    levels: list[tuple[float, bool]] = []
    gamma = 1.0
    for k in range(1, len(results) - 1):
        differences = [right - left for left, right in pairwise(differences)]
        gamma *= k / (4.0 * k - 2.0)
        level = sqrt(gamma * sum(d * d for d in differences) / len(differences))
        levels.append((level, min(differences) < 0.0 < max(differences)))
    sizes = [level for level, _ in levels]
    for k, (level, changes_sign) in enumerate(levels[:-2]):
        three = sizes[k : k + 3]
        if changes_sign and max(three) <= AGREEING * min(three):
            return ldexp(level, exponent)
    return ldexp(min(sizes), exponent)


def lattice_of(results: Sequence[float]) -> float:
    """The largest power of 2 of which all results are multiples: if it is larger than the spacing of floats, they were
    rounded to it or more coarsely. Where a function hardly bends, this shows more clearly than noise does.

    >>> lattice_of([(x / 7.0 + 1.0) - 1.0 for x in (1e-3, 2e-3, 3e-3)]) == 2.0**-52
    True
    """
    found = inf
    for y in filter(None, results):
        mantissa, exponent = frexp(y)
        digits = int(ldexp(mantissa, 53))
        found = min(found, ldexp(digits & -digits, exponent - 53))
    return found if found < inf else 0.0


def noise_around(f: Callable[[float], float], x: float, spacing: float, unit: float | None = None) -> float | None:
    """The noise of f around x, from points about `spacing` apart; 0 where f is undefined. None if half of the
    neighbouring results or more are equal: the spacing is too small to show noise.

    All points are multiples of `unit`, by default the distance between neighbouring floats there.

    >>> noise_around(lambda x: x, 1.0, 1e-9) < 1e-14
    True
    >>> noise_around(lambda x: (x + 1e8) - 1e8, 1.0, 2.0**-30)
    >>> 1e-9 < noise_around(lambda x: (x + 1e8) - 1e8, 1.0, 1e-6) < 1e-7
    True
    """
    unit = unit or ulp(abs(x) + WINDOW * spacing)
    centre, apart = round(x / unit) * unit, max(1, round(spacing / unit)) * unit
    results = [f(centre + k * apart) for k in range(-WINDOW // 2, WINDOW // 2 + 1)]
    if not all(map(isfinite, results)):
        return 0.0
    if 2 * sum(left == right for left, right in pairwise(results)) >= WINDOW:
        return None
    return max(noise_in(results), lattice_of(results) / sqrt(12.0))
