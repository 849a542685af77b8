"""Numeric derivatives with an error estimate: difference quotients extrapolated to step 0."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from math import copysign, frexp, inf, isfinite, ldexp, nan, ulp
from sys import float_info
from typing import NamedTuple

from autograd_mini.testing.rounding import COARSE, noise_around

EPSILON = float_info.epsilon
SMALLEST = 5e-324
GOLDEN = 0.6180339887498949
"""Noise is measured at distances that are multiples of this, so that the points have all digits and do round."""
HALVINGS, FEWEST = 9, 4
"""How often the step of a tableau is halved; and the fewest times, where neighbouring floats lie too far apart."""
BESIDE, APART, WIDEST = 0.2 * GOLDEN, 2.0**-15 * GOLDEN, 2.0**-8 * GOLDEN
"""Relative to the step: how far from x noise is measured, and the usual and largest spacing of the points."""
COLUMNS = 6
LARGEST_GAIN = 64.0
"""The estimated error falls by at most this factor from column to column, so that chance agreement counts little."""
SLOWEST = 0.97
"""The largest ratio of successive differences at which a sequence counts as converging; for x·log x at 0 it is 1."""


class Estimate(NamedTuple):
    """An estimated derivative, how far off it may be, and the first step of the tableau that gave it."""

    value: float
    error: float
    step: float


UNKNOWN = Estimate(nan, inf, 1.0)


class Line:
    """Several functions of one number near x, whose results are remembered; `largest` is the largest step of a tableau.

    Where they raise an arithmetic error or a ValueError, as `math` does outside a domain, the results are nan.
    """

    def __init__(self, functions: Callable[[float], Sequence[float]], x: float) -> None:
        self.x = x
        self._power: float = ldexp(1.0, frexp(x)[1] - 1) if x else 1.0  # of 2, and about as large as x
        self.largest: float = max(1.0, self._power) * 19.0 / 64.0
        self._functions = functions
        self._known: dict[float, Sequence[float] | None] = {}
        self._in_windows: dict[float, Sequence[float] | None] = {}
        self._noise: dict[tuple[int, float], float] = {}

    def __call__(self, x: float, index: int) -> float:
        return self._result(x, index, self._known)

    def _result(self, x: float, index: int, known: dict[float, Sequence[float] | None]) -> float:
        if x not in known:
            try:
                known[x] = self._functions(x)
            except (ArithmeticError, ValueError):
                known[x] = None
        results = known[x]
        return nan if results is None else results[index]

    def size(self, index: int, step: float) -> float:
        """The median size of the results remembered where a tableau of that step has its points."""
        smallest = ldexp(step, -HALVINGS - 1)
        near = (abs(self(x, index)) for x in list(self._known) if smallest <= abs(x - self.x) <= step)
        sizes = sorted(filter(isfinite, near))
        return sizes[len(sizes) // 2] if sizes else 0.0

    def slope(self, index: int) -> float:
        """The slope of a function that changes by its own size over the largest step."""
        return self.size(index, self.largest) / self.largest

    def noise(self, index: int, step: float) -> float:
        """The standard deviation of the rounding noise in the results, on the side that the step points to."""
        if (index, step) not in self._noise:
            noise = self.noise_apart(index, step, APART * abs(step))
            self._noise[index, step] = self._noise_of_steps(index, copysign(1.0, step)) if noise is None else noise
        return self._noise[index, step]

    def noise_apart(self, index: int, step: float, spacing: float) -> float | None:
        """The noise on the side of the step, at points `spacing` apart; None if the results hardly change there."""
        return noise_around(lambda x: self._result(x, index, self._in_windows), self.x + BESIDE * step, spacing)

    def _noise_of_steps(self, index: int, side: float) -> float:
        """The noise where results hardly change at close points, for they may move in steps: those of single precision,
        or of a large number added and subtracted. Wider spacings show such steps; only fine ones are rounding."""
        place = index, side * inf
        if place not in self._noise:
            reach = 19.0 / 64.0 * self._power
            at_large = (self.noise_apart(index, side * reach, apart * reach) for apart in (APART, WIDEST))
            noise = max(each or 0.0 for each in at_large)
            left, right = (
                self._result(self.x + each * BESIDE * reach, index, self._in_windows) for each in (-1.0, 1.0)
            )
            change = 16.0 * abs(right - left) if self.x else 0.0  # from 0 to x, at this slope
            size = max(abs(left), abs(right), change)
            self._noise[place] = noise if noise <= COARSE * size else 0.0
        return self._noise[place]

    def noise_at_large(self, index: int, spacings: int = 3) -> float:
        """The most noise on either side at the largest step, over several spacings: at one alone it may not show."""
        steps = [side * self.largest for side in (-1.0, 1.0)]
        apart = [APART * self.largest * GOLDEN**k for k in range(1, spacings)]
        found = [self.noise_apart(index, step, spacing) or 0.0 for step in steps for spacing in apart]
        return max([*found, *(self.noise(index, step) for step in steps)])

    def size_beside(self, index: int, side: float) -> float:
        """The size of the result where `noise_at_large` looks on that side; 0 if it is not finite there."""
        size = abs(self._result(self.x + BESIDE * side * self.largest, index, self._in_windows))
        return size if isfinite(size) else 0.0

    def distances(self) -> list[float]:
        """The distances from x at which results are remembered, in ascending order."""
        return sorted({abs(x - self.x) for x in self._known} - {0.0})

    def flat(self, index: int) -> float:
        """The distance from x within which all results remembered are equal."""
        here, widest = self(self.x, index), 0.0
        for x in sorted(self._known, key=lambda x: abs(x - self.x)):
            if self(x, index) != here:
                break
            widest = abs(x - self.x)
        return widest

    def steps(self) -> list[float]:
        """The first steps of the tableaus to try: about as large as 1 and as x, then ever smaller ones, down to where
        neighbouring floats can hardly be told apart.

        Each is 19/64 of a power of 2: then x ± h is mostly exact, and 2h is no period of functions such as `% 1`.
        """
        near, far = sorted((self._power, 1.0))
        smaller = (ldexp(start, -8 * k) for start in (far, near) for k in range(1, 6))
        finest = max(ldexp(ulp(self.x), FEWEST + 4), ldexp(near, -40))
        found = [each * 19.0 / 64.0 for each in (1.0, self._power, *smaller, finest)]
        return [h for h in dict.fromkeys(found) if h > 0.0 and self.halvings(h) >= FEWEST]

    def halvings(self, step: float) -> int:
        """How often the step may be halved before its points are hardly distinct floats."""
        return min(HALVINGS, frexp(step)[1] - frexp(ulp(self.x))[1] - 1)


def central(line: Line, index: int, step: float) -> Estimate:
    """Estimate the derivative from (f(x + h) - f(x - h)) / 2h, whose error is a series in h²."""
    noise = line.noise(index, step) or line.noise(index, -step)

    def quotient(h: float) -> tuple[float, float]:
        right, left = line.x + h, line.x - h
        above, below = line(right, index), line(left, index)
        width = right - left
        bend = abs(above - line(line.x, index) + below - line(line.x, index)) / h
        off_centre = EPSILON * max(abs(line.x), h) / h  # how far x is off the middle, relative to the step
        return (above - below) / width, _rounding(above, below, noise) / width + bend * off_centre

    return extrapolate(quotient, step, power=2, halvings=line.halvings(step))


def one_sided(line: Line, index: int, step: float, *, inside: bool = False, fractional: bool = False) -> Estimate:
    """Estimate the derivative of one side from (f(x + h) - f(x)) / h, whose error is a series in h; that of the left
    side if the step is negative.

    Args:
        inside: use (f(x + 2h) - f(x + h)) / h instead, for a function that jumps at x.
        fractional: the error has fractional powers of h, as for x**1.5 at 0.
    """
    noise, halvings = line.noise(index, step), line.halvings(abs(step))

    def quotient(h: float) -> tuple[float, float]:
        near, far = (line.x + h, line.x + 2.0 * h) if inside else (line.x, line.x + h)
        here, there = line(near, index), line(far, index)
        return (there - here) / (far - near), _rounding(here, there, noise) / abs(far - near)

    if fractional:
        return accelerate(quotient, step, halvings=halvings)
    return extrapolate(quotient, step, power=1, halvings=halvings)


def extrapolate(
    quotient: Callable[[float], tuple[float, float]], step: float, *, power: int, halvings: int = HALVINGS
) -> Estimate:
    """The limit of a difference quotient as the step goes to 0, by Richardson's extrapolation.

    The best entry of Neville's tableau is chosen by Ridders' criterion: the one that differs least from the
    entries it was computed from. The rounding error of the quotients, carried through the tableau, is added to that
    difference. Entries that smaller steps contradict are left out, so that a plateau further away does not count.

    Args:
        quotient: returns the quotient for a step, and the rounding error in it.
        step: the first step; each further one is half the one before.
        power: the error of the quotient is a series in step**power.
        halvings: how many rows the tableau has after the first.

    Source: C. J. F. Ridders, "Accurate computation of F'(x) and F'(x) F''(x)", Advances in Engineering Software 4
    (1982).

    >>> from math import exp
    >>> found = extrapolate(lambda h: ((exp(h) - exp(-h)) / (2 * h), 2e-16 / h), 0.25, power=2)
    >>> abs(found.value - 1.0) < found.error < 1e-12
    True
    """
    best_of_rows: list[Estimate] = []
    above: list[tuple[float, float, float]] = []
    for k in range(halvings + 1):
        latest, rounding = quotient(ldexp(step, -k))
        row = [(latest, rounding, abs(latest - above[0][0]) if above else inf)]
        if not isfinite(row[0][0]):
            above = []
            continue
        best = UNKNOWN
        for column, (upper, rounding_above, error_above) in enumerate(above[:COLUMNS], start=1):
            factor = 2.0 ** (power * column)
            value, rounding, error = row[-1]
            finer = (factor * value - upper) / (factor - 1.0)
            carried = (factor * rounding + rounding_above) / (factor - 1.0) + EPSILON * abs(finer)
            difference = max(abs(finer - value), abs(finer - upper))
            # Two quotients may agree by chance, so in the first column the error of the coarser one counts.
            before = error_above if column == 1 else min(error, error_above)
            difference = max(difference, before / LARGEST_GAIN)
            row.append((finer, carried, difference + carried))
            if difference + carried < best.error:
                best = Estimate(finer, difference + carried, abs(step))
        best_of_rows.append(best)
        above = row
    chosen = UNKNOWN
    for best in reversed(best_of_rows):
        if best.error < chosen.error and not contradict(best, chosen):
            chosen = best
    return chosen


def accelerate(quotient: Callable[[float], tuple[float, float]], step: float, *, halvings: int = HALVINGS) -> Estimate:
    """The limit of a difference quotient whose error is a series in any powers of the step, by Aitken's process: it
    measures the power from the ratio of successive differences, and is applied to its own results repeatedly.

    The error of a result is its distance from the two before it. What does not come closer step by step has no limit.

    >>> found = accelerate(lambda h: (3.0 + h**0.5, 1e-16), 0.25)
    >>> abs(found.value - 3.0) < found.error < 1e-12
    True
    """
    column = [quotient(ldexp(step, -k)) for k in range(halvings + 1)]
    estimates = [UNKNOWN]
    while len(column) > 2:
        column = [_aitken(*three) for three in zip(column, column[1:], column[2:])]
        for (x, _), (y, _), (z, rounding) in zip(column, column[1:], column[2:]):
            error = max(abs(z - x), abs(z - y)) + rounding
            estimates.append(Estimate(z, error, abs(step)) if isfinite(error) else UNKNOWN)
    return min(estimates, key=lambda each: each.error)


def _aitken(x: tuple[float, float], y: tuple[float, float], z: tuple[float, float]) -> tuple[float, float]:
    """The limit of three numbers whose differences form a geometric sequence, and its rounding error; nan and inf if
    the differences do not shrink."""
    early, late = y[0] - x[0], z[0] - y[0]
    if late == 0.0:
        return z
    ratio = late / (early or nan)
    if not 0.0 < ratio < SLOWEST:
        return nan, inf
    limit = z[0] + late * ratio / (1.0 - ratio)
    rounding = (z[1] + ratio * (2.0 * y[1] + ratio * x[1])) / (1.0 - ratio) ** 2
    return limit, rounding + EPSILON * abs(limit)


def contradict(x: Estimate, y: Estimate) -> bool:
    """Whether two estimates differ by more than their errors explain."""
    return abs(x.value - y.value) > 10.0 * (x.error + y.error)


def growth(line: Line, index: int, side: float) -> float:
    """±inf if the difference quotient of that side grows without bound as it approaches x, else nan."""
    smallest = max(abs(line.x) * EPSILON * 2.0**12, 2.0**-60)
    points = [line.x + side * smallest * 4.0**k for k in range(8)]
    here = line(line.x, index)
    quotients = [(line(point, index) - here) / (point - line.x) for point in points]
    if not all(map(isfinite, quotients)) or quotients[0] == 0.0:
        return nan
    ratios = [near / far if far else 0.0 for near, far in pairwise(quotients)]
    grows = all(1.15 < ratio < 3.7 for ratio in ratios)  # a jump gives 4
    return (inf if quotients[0] > 0.0 else -inf) if grows else nan


def jumps(line: Line, index: int) -> bool:
    """Whether the function is discontinuous at x: over two floats it changes at least half as much as further out."""
    small = 2.0**-30 * (abs(line.x) or 1.0)
    closest = 2.0 * (ulp(line.x) if line.x else EPSILON)
    here = line(line.x, index)
    for side in (-1.0, 1.0):
        noise = line.noise(index, copysign(line.largest, side))
        change, closer = (abs(line(line.x + side * distance, index) - here) for distance in (small, closest))
        if closer > 0.5 * change and closer > 10.0 * _rounding(here, here, noise):
            return True
    return False


def _rounding(x: float, y: float, noise: float) -> float:
    """How far off x - y may be, when x and y are rounded results with this noise."""
    return 2.0 * (noise + SMALLEST) + EPSILON * (abs(x) + abs(y))
