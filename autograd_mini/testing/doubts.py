"""Why differences that accuse a derivative may be wrong themselves."""

from __future__ import annotations

from collections.abc import Iterable
from math import inf, ldexp, ulp

from autograd_mini.testing.differences import EPSILON, GOLDEN, Estimate
from autograd_mini.testing.evidence import DECISIVE, Case, Verdict

OTHER_STEPS = 0.7109375
"""What steps are multiplied by, to see whether differences say the same elsewhere."""
FLANK = 32.0
"""How many of the smallest steps a jump may be wide, if it is steep and no jump: within them no difference converges."""
QUIET = 10.0
"""How many times more noise than small steps a large one must see, for something to lie between the two."""
ROUGHLY = 0.01
SINGLE = 2.0**-24
WIDE = 2.0**-9 * GOLDEN
"""How far apart, against the step, points must be to show what the smallest steps of a tableau do not resolve."""


def doubt(case: Case, verdict: Verdict) -> str:
    """The place of `UNDECIDED` that an accusation should get instead; empty if it stands.

    It stands if steps of other sizes confirm it, and if no noise between them explains the contradiction.
    """
    if _is_constant(case, verdict):
        return "constant"
    if verdict.place == "jump" and _is_steep(case):
        return "steep"
    if any(_supports(case, each, verdict) for each in case.estimates) and _leaps(case, verdict):
        return "torn"
    if verdict.place == "smooth":
        if not any(_accuses(case, each) for each in case.estimates) or _smallest_step_supports(case, verdict):
            return "rough"
    return "" if is_confirmed(case, verdict) else "rough"


def is_confirmed(case: Case, verdict: Verdict) -> bool:
    """Whether steps of other sizes say the same of the function and of the claim."""
    again: Iterable[Verdict]
    if verdict.place == "smooth":
        again = (case.verdict(each) for each in case.centrals(OTHER_STEPS) if case.is_known(each, DECISIVE))
    else:
        again = (each for _, each in case.beside(OTHER_STEPS))
    return any(
        each.place == verdict.place
        and each.passes == verdict.passes
        and not each.contradicts(verdict, case.limit)
        for each in again
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


def _leaps(case: Case, verdict: Verdict) -> bool:
    """Whether the function leaves the slope that small steps see by a leap, as where a number inside it is rounded,
    and not by a bend: found by bisection on both sides."""
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
        while abs(outer - inner) > 2.0 * ulp(max(abs(inner), abs(outer))):
            middle = (inner + outer) / 2.0
            if abs(departure(middle)) < abs(whole) / 2.0:
                inner = middle
            else:
                outer = middle
        disputed = verdict.distance(case.claimed) * abs(outer - line.x)
        if abs(departure(outer) - departure(inner)) > 0.25 * max(abs(whole), disputed):
            return True
    return False


def _smallest_step_supports(case: Case, verdict: Verdict) -> bool:
    """Whether the smallest step that can tell the claim from the verdict sides with the claim."""
    line, index, apart = case.line, case.index, verdict.distance(case.claimed)
    noise = case.noise(min(each.step for each in case.estimates)) + EPSILON * abs(line(line.x, index))
    for distance in line.distances():
        if noise <= distance * apart / 64.0:
            left, right = line.x - distance, line.x + distance
            quotient = (line(right, index) - line(left, index)) / (right - left)
            return 2.0 * abs(quotient - case.claimed) < verdict.distance(quotient)
    return False


def _accuses(case: Case, estimate: Estimate) -> bool:
    return case.is_known(estimate, DECISIVE) and not case.agrees(estimate) and not _is_noisy(case, estimate)


def _is_noisy(case: Case, estimate: Estimate) -> bool:
    """Whether there is far more noise than small steps see, and than rounding the result makes: something lies
    between its own steps, or below them."""
    quiet = min(case.noise(each.step) for each in case.estimates if each.step <= estimate.step)
    rounding = EPSILON * case.line.size(case.index, estimate.step)
    wide = case.line.noise_apart(case.index, estimate.step, WIDE * estimate.step) or 0.0
    return max(wide, case.noise(estimate.step)) > max(QUIET * quiet, rounding)
