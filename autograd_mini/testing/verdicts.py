"""Whether a claimed derivative agrees with difference quotients: at smooth points, kinks, jumps and edges."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import isfinite, isinf, isnan, nan
from typing import NamedTuple

from autograd_mini.testing.differences import (
    EPSILON,
    SMALLEST,
    Estimate,
    Line,
    central,
    contradict,
    growth,
    jumps,
    one_sided,
)

PRECISE, DECISIVE = 1e-6, 1e-3


class Verdict(NamedTuple):
    """What differences say: the derivative lies between `low` and `high`, each known to within `error`.

    At a smooth point the two are equal; at a kink they are the derivatives of the two sides, and whatever lies
    between them is a subgradient.
    """

    low: float
    high: float
    error: float
    place: str
    passes: bool

    def distance(self, claimed: float) -> float:
        """How far a claimed derivative lies outside."""
        if isnan(claimed) or isnan(self.low):
            return nan
        if self.low <= claimed <= self.high:
            return 0.0
        return self.low - claimed if claimed < self.low else claimed - self.high


def judge(line: Line, index: int, claimed: float, *, noise: float, limit: float, own_noise: float = 0.0) -> Verdict:
    """The verdict on a claimed derivative of result number `index`.

    Args:
        noise: how uncertain rounding makes the result.
        limit: how many times the estimated error the claimed derivative may be off.
        own_noise: how uncertain rounding makes the claimed derivative itself; it counts as part of the error.
    """

    def agrees(estimate: Estimate) -> bool:
        return abs(claimed - estimate.value) <= limit * (estimate.error + own_noise)

    estimates: list[Estimate] = []
    for step in line.steps():
        estimates.append(central(line, index, step, noise))
        best = _best(line, index, estimates, noise)
        if len(estimates) > 1 and _is_known(line, index, best, noise, PRECISE) and agrees(best):
            return _smooth(line, index, best, noise, own_noise, True)
    is_settled = _is_known(line, index, best, noise, DECISIVE)
    found: list[Verdict] = []
    for place, left, right in _sides(line, index, noise):
        low, high = sorted((left.value, right.value))
        error = max(left.error, right.error) + own_noise
        verdict = Verdict(low, high, error, place, low - limit * error <= claimed <= high + limit * error)
        if high - low <= limit * error and is_settled and place != "jump":
            continue  # no kink: the central difference, which is more precise, decides
        found.append(verdict)
        if verdict.passes and error <= PRECISE * max(-low, high, line.slope(index)):
            break
    if found:
        return _weighed(found)
    if not is_settled:
        return Verdict(best.value, best.value, best.error, "undecided", False)
    return _smooth(line, index, best, noise, own_noise, agrees(best))


def _weighed(found: Sequence[Verdict]) -> Verdict:
    """The first verdict that passes, or a far more precise one about the same sides that it does not contradict."""
    first = next((each for each in found if each.passes), found[0])
    finer = [each for each in found if first.passes and _is_finer(each, first)]
    return min(finer or [first], key=lambda each: each.error)


def _is_finer(x: Verdict, rough: Verdict) -> bool:
    """Whether it is about the same sides, agrees as far as the rough one goes, and goes much further."""
    apart = max(abs(x.low - rough.low), abs(x.high - rough.high))
    return x.place == rough.place and x.error < DECISIVE * rough.error and apart <= 10.0 * rough.error


def _best(line: Line, index: int, estimates: Sequence[Estimate], noise: float) -> Estimate:
    """The most precise estimate, of those that smaller steps do not contradict; of those that are known, if any."""
    sound = [
        each for each in estimates if not any(other.step < each.step and contradict(other, each) for other in estimates)
    ]
    known = [each for each in sound if _is_known(line, index, each, noise, DECISIVE)]
    return min(known or sound, key=lambda each: each.error)


def _smooth(line: Line, index: int, estimate: Estimate, noise: float, own_noise: float, passes: bool) -> Verdict:
    hidden = estimate.error > DECISIVE * abs(estimate.value) and not _is_known(line, index, estimate, 0.0, DECISIVE)
    return Verdict(
        estimate.value, estimate.value, estimate.error + own_noise, "rounding" if hidden else "smooth", passes
    )


def _is_known(line: Line, index: int, estimate: Estimate, noise: float, precision: float) -> bool:
    """Whether the error is small against the derivative, or against the slopes that numbers of the size of the
    function's could have."""
    if not isfinite(estimate.value):
        return False
    slope = (line.size(index, estimate.step) + (noise + SMALLEST) / EPSILON) / estimate.step
    underflow = 1e4 * SMALLEST / estimate.step
    return estimate.error <= max(underflow, precision * abs(estimate.value), 1e-3 * precision * slope)


def _sides(line: Line, index: int, noise: float) -> Iterator[tuple[str, Estimate, Estimate]]:
    """The derivatives of the two sides, from large steps to small ones; twice the same at the edge of a domain.

    First with errors in whole powers of the step, then beside a jump, then with errors in any powers.
    """
    infinite = {side: growth(line, index, side) for side in (-1.0, 1.0)}

    def known(side: float, step: float, inside: bool, fractional: bool) -> Iterator[Estimate]:
        if isinf(infinite[side]) and not inside:
            yield Estimate(infinite[side], 0.0, step)
            return
        for attempt in (False, True) if fractional else (False,):
            found = one_sided(line, index, side * step, noise, inside=inside, fractional=attempt)
            if _is_known(line, index, found, noise, PRECISE):
                yield found
                return

    for inside, fractional in ((False, False), (True, False), (False, True)):
        if inside and not jumps(line, index, noise):
            continue
        for step in line.steps():
            found = [each for side in (-1.0, 1.0) for each in known(side, step, inside, fractional)]
            undefined = [isnan(line(line.x + side * step * 2.0**-20, index)) for side in (-1.0, 1.0)]
            if len(found) == 2:
                yield ("jump" if inside else "kink"), found[0], found[1]
            elif len(found) == 1 and any(undefined):
                yield "edge of the domain", found[0], found[0]
