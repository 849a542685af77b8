"""Why differences that accuse a derivative may be wrong themselves.

The numbers here, as those in `evidence`, `differences` and `rounding`, were found by trial, on planted faults and on
right gradients that were accused; half or twice of each gives the same verdicts on some hundred derivatives.
"""

from __future__ import annotations

from math import inf, ldexp

from autograd_mini.testing.differences import EPSILON, GOLDEN, Estimate, central, contradict
from autograd_mini.testing.evidence import DECISIVE, PRECISE, Case, Verdict
from autograd_mini.testing.rounding import COARSE

OTHER_STEPS = 0.7109375
"""What steps are multiplied by, to see whether differences say the same elsewhere."""
FLANK = 32.0
"""How many of the smallest steps a steep place may be wide to look like a jump: no difference converges within."""
QUIET = 10.0
"""How many times more noise than small steps a large one must see, for something to lie between the two."""
BISECTIONS = 60
ACCOUNTED = 100.0
"""How many times the noise a leap may be, to be counted in it already."""
CLEARLY = 3.0
"""How many times the limit an accusation must exceed where the estimate is not precise."""
ROUGHLY = 0.01
SINGLE = 2.0**-24
WIDE = (2.0**-9 * GOLDEN, 2.0**-9 * GOLDEN**2, 2.0**-9 * GOLDEN**3)
"""How far apart, against the step, points must be to show what the smallest steps of a tableau do not resolve: several,
lest one of them is a period."""


def doubt(case: Case, verdict: Verdict) -> str:
    """The place of `UNDECIDED` that an accusation should get instead; empty if it stands.

    It stands if steps of other sizes confirm it, and if no noise between them explains the contradiction.
    """
    if _is_constant(case, verdict):
        return "constant"
    if verdict.place == "jump" and _is_steep(case):
        return "steep"
    precise = verdict.error <= PRECISE * max(abs(verdict.low), abs(verdict.high), case.line.slope(case.index))
    if not precise and verdict.distance(case.claimed) <= CLEARLY * case.limit * verdict.error:
        return "hidden"
    if _is_torn(case, verdict):
        return "torn"
    if verdict.place != "smooth":
        return "" if is_confirmed(case, verdict) else "rough"
    accused = any(_accuses(case, each) for each in case.estimates)
    return "" if accused and not _smallest_step_supports(case, verdict) else "rough"


def is_confirmed(case: Case, verdict: Verdict) -> bool:
    """Whether steps of other sizes say the same of both sides and of the claim."""
    return any(
        each.place == verdict.place and each.passes == verdict.passes and not each.contradicts(verdict, case.limit)
        for _, each in case.beside(OTHER_STEPS)
    )


def _is_constant(case: Case, verdict: Verdict) -> bool:
    """Whether a derivative of 0 may be that of a function that came to rest because of rounding: there a slope as
    claimed would change numbers of everyday size by less than their rounding, in single precision."""
    size = max(1.0, abs(case.line.x), abs(case.line(case.line.x, case.index)))
    change = abs(case.claimed) * case.line.flat(case.index)
    return verdict.low == verdict.high == 0.0 and 0.0 < change <= SINGLE * size


def _is_steep(case: Case) -> bool:
    """Whether the slope claimed would take the function through its jump within a few of the smallest steps."""
    line = case.line
    step = min(ldexp(each, -line.halvings(each)) for each in line.steps())
    change = abs(line(line.x + step, case.index) - line(line.x - step, case.index))
    return change <= FLANK * step * abs(case.claimed) < inf


def _supports(case: Case, estimate: Estimate, verdict: Verdict) -> bool:
    """Whether it speaks for the claim, if only roughly, and against the verdict, and not because it knows little."""
    apart = abs(case.claimed - estimate.value)
    near = apart <= ROUGHLY * abs(case.claimed) or case.agrees(estimate)
    return near and apart < verdict.distance(estimate.value) and estimate.error <= ROUGHLY * abs(estimate.value)


def _is_torn(case: Case, verdict: Verdict) -> bool:
    """Whether a leap close by, as where a number inside the function is rounded, explains that the claim differs: one
    as small as roundings are, or one beyond which the claim is right."""
    leap, distance = _leap(case, verdict)
    noise = case.noise(min(each.step for each in case.estimates))
    if 4.0 * leap <= distance * verdict.distance(case.claimed) or leap <= ACCOUNTED * noise:
        return False
    line = case.line
    size = max(abs(line(line.x, case.index)), abs(verdict.low * line.x))
    return leap <= COARSE * size or any(_supports(case, each, verdict) for each in case.estimates)


def _leap(case: Case, verdict: Verdict) -> tuple[float, float]:
    """By how much the function leaps where it leaves the slope that small steps see, and how far off: found by
    bisection on both sides. 0 if it bends, or does not leave it."""
    line, index = case.line, case.index
    here = line(line.x, index)
    slope = (verdict.low + verdict.high) / 2.0
    noise = case.noise(min(each.step for each in case.estimates)) + EPSILON * abs(here)

    def departure(x: float) -> float:
        return line(x, index) - here - slope * (x - line.x)

    for side in (-1.0, 1.0):
        inner = line.x
        for distance in line.distances():
            outer = line.x + side * distance
            expected = 10.0 * (verdict.error * distance + noise + EPSILON * abs(slope) * distance)
            if abs(departure(outer)) > expected:
                break
            inner = outer
        else:
            continue
        whole = departure(outer)
        for _ in range(BISECTIONS):
            middle = (inner + outer) / 2.0
            if abs(departure(middle)) < abs(whole) / 2.0:
                inner = middle
            else:
                outer = middle
        leap = abs(departure(outer) - departure(inner))
        if leap > 0.25 * abs(whole):
            return leap, abs(outer - line.x)
    return 0.0, 1.0


def _smallest_step_supports(case: Case, verdict: Verdict) -> bool:
    """Whether the smallest step that can tell the claim from the verdict sides with the claim."""
    line, index, apart = case.line, case.index, verdict.distance(case.claimed)
    finest = min(each.step for each in case.estimates)
    noise = max(line.noise(index, finest), line.noise(index, -finest), EPSILON / 4.0 * abs(line(line.x, index)))
    for distance in line.distances():
        if noise <= distance * apart / 16.0:
            left, right = line.x - distance, line.x + distance
            quotient = (line(right, index) - line(left, index)) / (right - left)
            return abs(quotient - case.claimed) < min(apart, verdict.distance(quotient))
    return False


def _accuses(case: Case, estimate: Estimate) -> bool:
    """Whether it does, and steps of another size confirm it."""
    if not case.is_known(estimate, DECISIVE) or case.agrees(estimate) or _is_noisy(case, estimate):
        return False
    again = central(case.line, case.index, OTHER_STEPS * estimate.step)
    return case.is_known(again, DECISIVE) and not case.agrees(again) and not contradict(estimate, again)


def _is_noisy(case: Case, estimate: Estimate) -> bool:
    """Whether there is far more noise than small steps see, and than rounding the result makes: something lies
    between its own steps, or below them."""
    smaller = [each.step for each in case.estimates if each.step <= estimate.step]
    quiet = min(case.line.noise(case.index, side * step) for step in smaller for side in (-1.0, 1.0))
    rounding = EPSILON * case.line.size(case.index, estimate.step)
    wide = (case.line.noise_apart(case.index, estimate.step, each * estimate.step) or 0.0 for each in WIDE)
    return max(case.noise(estimate.step), *wide) > max(QUIET * quiet, rounding)
