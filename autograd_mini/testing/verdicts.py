"""Whether a claimed derivative agrees with difference quotients: at smooth points, kinks, jumps and edges."""

from __future__ import annotations

from collections.abc import Sequence
from math import isnan

from autograd_mini.testing.differences import Line
from autograd_mini.testing.doubts import doubt, is_confirmed
from autograd_mini.testing.evidence import DECISIVE, EVERYDAY, PRECISE, UNDERFLOW, Case, Verdict


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
    for estimate in case.centrals():
        case.estimates.append(estimate)
        best = case.best(case.estimates)
        if len(case.estimates) > 1 and case.is_known(best, PRECISE) and case.agrees(best):
            return case.verdict(best)
    is_settled = case.is_known(best, DECISIVE, case.scale if case.agrees(best) else 0.0)
    beside = list(case.beside()) if not is_settled or case.may_have_sides(best) else []
    found = []
    for step, verdict in beside:
        if any(finer < step and verdict.contradicts(other) for finer, other in beside):
            continue
        if is_settled:  # the central difference, which is more precise, decides where there is no kink and no jump
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
    """The first verdict that passes, or a far more precise one about the same sides that it does not contradict."""
    first = next((each for each in found if each.passes), found[0])
    finer = [each for each in found if first.passes and _is_finer(each, first)]
    return min(finer or [first], key=lambda each: each.error)


def _is_finer(x: Verdict, rough: Verdict) -> bool:
    """Whether it is about the same sides, agrees as far as the rough one goes, and goes much further."""
    return x.place == rough.place and x.error < DECISIVE * rough.error and not x.contradicts(rough)


def _is_hidden(case: Case, verdict: Verdict) -> bool:
    """Whether the error is so large that hardly any derivative would fail: against the derivative, and against what
    functions of that size usually have. What neighbouring points make of the claim hides nothing where the differences
    give it exactly."""
    slope = max(case.line.slope(case.index), case.scale / case.line.largest)
    known = DECISIVE * max(abs(verdict.low), abs(verdict.high), EVERYDAY * slope)
    is_exact = verdict.low == verdict.high == case.claimed
    error = verdict.error - case.own_noise if is_exact else verdict.error
    return error > max(known, UNDERFLOW / case.line.largest)
