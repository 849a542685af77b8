"""What difference quotients, central and one-sided, say about one derivative."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import isfinite, isinf, isnan, ldexp, nan
from typing import NamedTuple

from autograd_mini.testing.differences import EPSILON, SMALLEST, Estimate, Line, contradict, growth, jumps, one_sided

PRECISE, DECISIVE = 1e-6, 1e-3
"""The largest relative errors at which an estimate may settle a claim early, and at all."""
EVERYDAY = 1e-3
"""When an error is judged, a slope counts as at least this fraction of the function's size over the step."""
UNDERFLOW = 1e4 * SMALLEST

UNDECIDED = {
    "rough": "the differences do not converge",
    "torn": "rounding that small steps do not show makes small and large steps contradict each other",
    "hidden": "rounding hides it",
    "constant": "within rounding, the function is constant here",
    "steep": "the function jumps, or it is too steep for neighbouring floats to show",
}
"""The places at which differences cannot decide, each with the reason."""


class Verdict(NamedTuple):
    """What differences say: the derivative lies between `low` and `high`, each known to within `error`.

    At a smooth point the two are equal; at a kink they are the one-sided derivatives, and all numbers between them
    are subgradients. Where differences cannot decide, `place` is one of `UNDECIDED`, and no claim passes.

    >>> verdict = Verdict(0.0, 1.0, 1e-12, "kink", True)
    >>> verdict.decided, verdict.distance(0.5), verdict.distance(1.5)
    (True, 0.0, 0.5)
    >>> verdict.contradicts(Verdict(0.0, 2.0, 1e-12, "kink", True))
    True
    """

    low: float
    high: float
    error: float
    place: str
    passes: bool

    @property
    def decided(self) -> bool:
        """Whether differences can decide here."""
        return self.place not in UNDECIDED

    def distance(self, claimed: float) -> float:
        """How far a claimed derivative lies outside `low` … `high`."""
        if isnan(claimed) or isnan(self.low):
            return nan
        if self.low <= claimed <= self.high:
            return 0.0
        return self.low - claimed if claimed < self.low else claimed - self.high

    def contradicts(self, other: Verdict, times: float = 10.0) -> bool:
        """Whether two verdicts differ by more than their errors explain."""
        return max(_apart(self.low, other.low), _apart(self.high, other.high)) > times * (self.error + other.error)


@dataclass(eq=False)
class Case:
    """One claimed derivative and the evidence on it."""

    line: Line  # the functions along one input
    index: int  # which of their results is meant
    claimed: float
    own_noise: float  # the rounding noise of the claim itself, which is added to the error
    scale: float  # the size of the numbers that the function was derived from
    limit: float  # how many times the estimated error the claimed derivative may be off
    estimates: list[Estimate] = field(default_factory=list)

    def noise(self, step: float) -> float:
        """The noise on the side of the step, or that on the other side if there is none."""
        return self.line.noise(self.index, step) or self.line.noise(self.index, -step)

    def agrees(self, estimate: Estimate) -> bool:
        return abs(self.claimed - estimate.value) <= self.limit * (estimate.error + self.own_noise)

    def is_known(self, estimate: Estimate, precision: float, scale: float = 0.0) -> bool:
        """Whether the error is small relative to the derivative, or to the slope of a function that changes by its own
        size, or by the scale, over the step."""
        if not isfinite(estimate.value):
            return False
        slope = max(self.line.size(self.index, estimate.step), scale) / estimate.step
        allowed = precision * max(abs(estimate.value), EVERYDAY * slope)
        return estimate.error <= max(UNDERFLOW / estimate.step, allowed)

    def verdict(self, estimate: Estimate) -> Verdict:
        """The verdict if the point is smooth."""
        error = estimate.error + self.own_noise
        return Verdict(estimate.value, estimate.value, error, "smooth", self.agrees(estimate))

    def best(self, estimates: Sequence[Estimate]) -> Estimate:
        """The most precise of the estimates that smaller steps do not contradict, and that are known, if any are."""
        sound = [
            each
            for each in estimates
            if not any(other.step < each.step and contradict(other, each) for other in estimates)
        ]
        known = [each for each in sound if self.is_known(each, DECISIVE)]
        return min(known or sound, key=lambda each: each.error)

    def may_have_sides(self, best: Estimate) -> bool:
        """Whether the point may be a kink, a jump or an edge that matters: there, the slope changes by as much over
        every step, however small."""
        line, index = self.line, self.index
        visible = 10.0 * DECISIVE * max(abs(best.value), line.slope(index))
        matters = min(abs(self.claimed - best.value), visible)
        rounding = 4.0 * EPSILON * abs(line(line.x, index))
        for each in self.estimates:
            h = ldexp(each.step, -line.halvings(each.step))
            bend = abs(line(line.x + h, index) - 2.0 * line(line.x, index) + line(line.x - h, index))
            if bend < matters * h and rounding + 8.0 * self.noise(each.step) <= matters * h:
                return False
        return True

    def beside(self, factor: float = 1.0) -> Iterator[tuple[float, Verdict]]:
        """Yield the verdicts of one-sided derivatives, each after the step they were taken with."""
        for place, left, right in self._sides(factor):
            low, high = sorted((left.value, right.value))
            error = max(left.error, right.error) + self.own_noise
            passes = low - self.limit * error <= self.claimed <= high + self.limit * error
            yield max(left.step, right.step), Verdict(low, high, error, place, passes)

    def _sides(self, factor: float) -> Iterator[tuple[str, Estimate, Estimate]]:
        """Yield the place and the derivatives of both sides, from large steps to small ones, assuming first errors in
        whole powers of the step, then a jump, then errors in any powers.

        At the edge of a domain both derivatives are that of the inner side.
        """
        line, index = self.line, self.index
        for inside, fractional in ((False, False), (True, False), (False, True)):
            if inside and not jumps(line, index):
                continue
            for step in (factor * each for each in line.steps()):
                found = [each for side in (-1.0, 1.0) for each in self._side(side, step, inside, fractional)]
                undefined = [isnan(line(line.x + side * step * 2.0**-20, index)) for side in (-1.0, 1.0)]
                if len(found) == 2:
                    yield ("jump" if inside else "kink"), found[0], found[1]
                elif len(found) == 1 and any(undefined):
                    yield "edge of the domain", found[0], found[0]

    def _side(self, side: float, step: float, inside: bool, fractional: bool) -> list[Estimate]:
        """The derivative of one side, or an empty list if it is not known."""
        infinite = self._growth[side]
        if isinf(infinite) and not inside:
            return [Estimate(infinite, 0.0, step)]
        attempts = (False, True) if fractional else (False,)
        found = (one_sided(self.line, self.index, side * step, inside=inside, fractional=each) for each in attempts)
        return [each for each in found if self.is_known(each, PRECISE)][:1]

    @cached_property
    def _growth(self) -> dict[float, float]:
        return {side: growth(self.line, self.index, side) for side in (-1.0, 1.0)}


def _apart(x: float, y: float) -> float:
    return 0.0 if x == y else abs(x - y)  # infinite ones may be equal too
