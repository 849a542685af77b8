"""Judges whether a claimed derivative agrees with difference quotients, at smooth points, kinks, jumps and edges of
domains; and whether differences that contradict it, here called an accusation, may be wrong themselves.

The constants here and in `evidence`, `differences` and `rounding` were found by trial, on planted faults and on right
gradients that were accused. Halving or doubling any one keeps nearly all verdicts on some hundred derivatives.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import frexp, inf, isfinite, isnan, ldexp, ulp
from random import Random

from autograd_mini.testing.differences import EPSILON, GOLDEN, Estimate, Line, central, contradict
from autograd_mini.testing.evidence import DECISIVE, EVERYDAY, PRECISE, UNDERFLOW, Case, Verdict
from autograd_mini.testing.rounding import COARSE, lattice_of

OTHER_STEPS = 0.7109375
"""The factor that steps are multiplied by to see whether other steps say the same."""
FLANK = 32.0
"""A steep place up to this many of the smallest steps wide may look like a jump: no difference converges within it."""
QUIET = 10.0
"""A large step must show this many times the noise of small ones for something to lie between the two."""
BISECTIONS = 60
ACCOUNTED = 100.0
"""A leap of up to this many times the noise counts as part of the noise."""
CLEARLY = 3.0
"""An accusation must exceed the limit this many times where the estimate is not precise."""
ROUGHLY = 0.01
SINGLE = 2.0**-24
STAIR = 2.0**10
"""How many neighbouring results must be left out for a flat place to be a step, not the rounding of floats."""
COARSER = 16.0
"""Against the spacing of single precision: results as coarse as that are taken for it."""
NEAR_STEPS = 64.0
"""Within how many times the width of its step a staircase is looked at."""
WIDE = (2.0**-9 * GOLDEN, 2.0**-9 * GOLDEN**2, 2.0**-9 * GOLDEN**3)
"""Spacings of points, relative to the step, that show what the smallest steps of a tableau do not resolve: several,
lest one is a period of the function."""


def judge(
    line: Line, index: int, claimed: float, *, limit: float, own_noise: float = 0.0, scale: float = 0.0
) -> Verdict:
    """The verdict on a claimed derivative of result number `index`; for the arguments see `Case`."""
    case = Case(line, index, claimed, own_noise, scale, limit)
    verdict = _first_verdict(case)
    if isnan(claimed):
        return verdict if verdict.decided else verdict._replace(place="smooth")
    if not verdict.decided:
        return verdict
    if not verdict.passes:
        place = doubt(case, verdict)
    elif _is_hidden(case, verdict):
        place = "hidden"
    elif verdict.place == "kink" and verdict.low < verdict.high and not is_confirmed(case, verdict):
        place = "rough"
    else:
        place = ""
    return verdict._replace(place=place, passes=False) if place else verdict


def _first_verdict(case: Case) -> Verdict:
    for step in case.line.steps():  # from large to small
        case.estimates.append(central(case.line, case.index, step))
        best = case.best(case.estimates)
        if len(case.estimates) > 1 and case.is_known(best, PRECISE) and case.agrees(best):
            return case.verdict(best)
    is_settled = case.is_known(best, DECISIVE, case.scale if case.agrees(best) else 0.0)
    beside = list(case.beside()) if not is_settled or case.may_have_sides(best) else []
    found = []
    for step, verdict in beside:
        if any(finer < step and verdict.contradicts(other) for finer, other in beside):
            continue
        if is_settled:  # without a kink or jump, the central difference decides, as it is more precise
            if verdict.place == "jump" and best.step <= step:
                continue
            if verdict.place != "jump" and verdict.high - verdict.low <= case.limit * verdict.error:
                continue
            if best.step < step and verdict.distance(best.value) > 10.0 * (verdict.error + best.error):
                continue
        found.append(verdict)
    if found:
        return _weighed(found)
    verdict = case.verdict(best)
    return verdict if is_settled else verdict._replace(place="rough", passes=False)


def _weighed(found: Sequence[Verdict]) -> Verdict:
    """The first verdict that passes (if none does, the first), or a far more precise one that agrees with it."""
    first = next((each for each in found if each.passes), found[0])
    finer = [each for each in found if first.passes and _is_finer(each, first)]
    return min(finer or [first], key=lambda each: each.error)


def _is_finer(x: Verdict, rough: Verdict) -> bool:
    """Whether verdict x is on the same kind of place as the rough one, agrees with it, and is far more precise."""
    return x.place == rough.place and x.error < DECISIVE * rough.error and not x.contradicts(rough)


def _is_hidden(case: Case, verdict: Verdict) -> bool:
    """Whether the error is so large that hardly any claim would fail: large relative to the derivative, and to the
    usual slope of functions of that size. Noise in the claim does not count where differences give it exactly."""
    slope = max(case.line.slope(case.index), case.scale / case.line.largest)
    known = DECISIVE * max(abs(verdict.low), abs(verdict.high), EVERYDAY * slope)
    is_exact = verdict.low == verdict.high == case.claimed
    error = verdict.error - case.own_noise if is_exact else verdict.error
    return error > max(known, UNDERFLOW / case.line.largest)


def doubt(case: Case, verdict: Verdict) -> str:
    """The key of `UNDECIDED` that should replace an accusation, or "" if the accusation stands.

    It stands if steps of other sizes confirm it, and no noise between these sizes explains the contradiction.
    """
    if _is_constant(case, verdict):
        return "constant"
    if _is_on_a_step(case, verdict):
        return "torn"
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
    """Whether steps of other sizes give the same verdict on both sides and on the claim."""
    return any(
        each.place == verdict.place and each.passes == verdict.passes and not each.contradicts(verdict, case.limit)
        for _, each in case.beside(OTHER_STEPS)
    )


def _is_constant(case: Case, verdict: Verdict) -> bool:
    """Whether differences of 0 may only mean that rounding makes the function constant here: over that stretch, the
    slope claimed would change numbers of everyday size by less than their rounding in single precision."""
    size = max(1.0, abs(case.line.x), abs(case.line(case.line.x, case.index)))
    change = abs(case.claimed) * case.line.flat(case.index)
    return verdict.low == verdict.high == 0.0 and 0.0 < change <= SINGLE * size


def _is_on_a_step(case: Case, verdict: Verdict) -> bool:
    """Whether a derivative of 0 is claimed on a step of a staircase, as `floor` makes: the function is exactly flat
    there, wider than the rounding of floats explains, and its results are not merely those of single precision."""
    line, index = case.line, case.index
    here, flat = abs(line(line.x, index)), line.flat(index)
    if case.claimed != 0.0 or flat * abs(verdict.low) <= STAIR * ulp(max(here, abs(line.x * verdict.low))):
        return False
    points = (line.x + side * each for each in line.distances() if each <= NEAR_STEPS * flat for side in (-1.0, 1.0))
    near = [y for y in (line(x, index) for x in points) if isfinite(y)]
    return not 1.0 <= lattice_of(near) / (SINGLE * ldexp(1.0, frexp(here)[1])) < COARSER


def _is_steep(case: Case) -> bool:
    """Whether the slope claimed is so steep that it would cross what looks like a jump within a few smallest steps."""
    line = case.line
    step = min(ldexp(each, -line.halvings(each)) for each in line.steps())
    change = abs(line(line.x + step, case.index) - line(line.x - step, case.index))
    return change <= FLANK * step * abs(case.claimed) < inf


def _supports(case: Case, estimate: Estimate, verdict: Verdict) -> bool:
    """Whether the estimate supports the claim, if only roughly, and not the verdict, and is itself precise enough."""
    apart = abs(case.claimed - estimate.value)
    near = apart <= ROUGHLY * abs(case.claimed) or case.agrees(estimate)
    return near and apart < verdict.distance(estimate.value) and estimate.error <= ROUGHLY * abs(estimate.value)


def _is_torn(case: Case, verdict: Verdict) -> bool:
    """Whether a leap of the function close by, as where an intermediate number is rounded, explains the contradiction:
    a leap as small as rounding errors, or one beyond which differences support the claim."""
    leap, distance = _leap(case, verdict)
    noise = case.noise(min(each.step for each in case.estimates))
    if 4.0 * leap <= distance * verdict.distance(case.claimed) or leap <= ACCOUNTED * noise:
        return False
    line = case.line
    size = max(abs(line(line.x, case.index)), abs(verdict.low * line.x))
    return leap <= COARSE * size or any(_supports(case, each, verdict) for each in case.estimates)


def _leap(case: Case, verdict: Verdict) -> tuple[float, float]:
    """The size and the distance of a leap with which the function departs from the slope that small steps show, found
    by bisection on both sides. The size is 0 if it bends away without a leap, or does not depart."""
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
    """Whether the estimate contradicts the claim, and steps of another size confirm that."""
    if not case.is_known(estimate, DECISIVE) or case.agrees(estimate) or _is_noisy(case, estimate):
        return False
    again = central(case.line, case.index, OTHER_STEPS * estimate.step)
    return case.is_known(again, DECISIVE) and not case.agrees(again) and not contradict(estimate, again)


def _is_noisy(case: Case, estimate: Estimate) -> bool:
    """Whether there is far more noise at the estimate's step than smaller steps show and than rounding of the result
    explains: then something happens between its points, or on a finer scale."""
    smaller = [each.step for each in case.estimates if each.step <= estimate.step]
    quiet = min(case.line.noise(case.index, side * step) for step in smaller for side in (-1.0, 1.0))
    rounding = EPSILON * case.line.size(case.index, estimate.step)
    wide = (case.line.noise_apart(case.index, estimate.step, each * estimate.step) or 0.0 for each in WIDE)
    return max(case.noise(estimate.step), *wide) > max(QUIET * quiet, rounding)


AROUND = 16
"""How many points around a corner are examined at each distance."""
NEAR, NEARER, NEAREST = 2.0**-12, 2.0**-22, 2.0**-34
"""The distances of these points, relative to the inputs; it is a corner only if slopes still differ at the last one."""
STEP = 2.0**-6
"""The step of the differences there, relative to the distance."""
APART = 2.0**-10
"""How much slopes must differ to be told apart, relative to the largest of them."""


def slopes_around(
    f: Callable[[Sequence[float]], Sequence[float]], point: Sequence[float], result: int, place: int
) -> tuple[float, float] | None:
    """The smallest and the largest derivative of one result with respect to one input, at points all around the point.

    None if they do not stay apart as the points come closer: the gradient is unique, or differences cannot tell.

    >>> slopes_around(lambda v: [sorted(v)[1]], [1.0, 1.0, 1.0], 0, 2)
    (0.0, 1.0)
    >>> slopes_around(lambda v: [v[0] * v[1]], [1.0, 1.0], 0, 0)
    """
    if len(point) < 2:
        return None
    falling = [1.0 / (1.0 + 0.618 * each) for each in range(len(point))]
    random = Random(0)
    ways = [falling, [-each for each in falling]]
    ways += [[random.uniform(-1.0, 1.0) for _ in point] for _ in range(AROUND - len(ways))]
    sizes = [abs(x) or 1.0 for x in point]

    def slope(way: Sequence[float], distance: float) -> float:
        right, left = ([x + distance * each * size for x, each, size in zip(point, way, sizes)] for _ in range(2))
        right[place] += STEP * distance * sizes[place]
        left[place] -= STEP * distance * sizes[place]
        return (f(right)[result] - f(left)[result]) / (right[place] - left[place])

    found = []
    for distance in (NEAR, NEARER, NEAREST):
        try:
            slopes = [slope(way, distance) for way in ways]
        except (ArithmeticError, ValueError):
            return None
        low, high = min(slopes), max(slopes)
        if not high - low > APART * max(abs(low), abs(high)):
            return None
        found.append((low, high))
    (far_low, far_high), (low, high), (near_low, near_high) = found
    moved = max(abs(far_low - low), abs(far_high - high), abs(near_low - low), abs(near_high - high))
    return (low, high) if moved <= 0.05 * (high - low) else None
