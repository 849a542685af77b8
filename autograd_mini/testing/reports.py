"""The report of a check, its table, and the errors and the warning that tell of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from autograd_mini.testing.evidence import UNDECIDED, Verdict

SHOWN = 12
ADVICE = "check at another point or scale, or against a reference"


class Comparison(NamedTuple):
    """One derivative: the claimed number and the verdict of differences on it.

    >>> from autograd_mini.testing import check_gradients
    >>> (comparison,) = check_gradients(lambda x: x * x, 3.0).comparisons
    >>> comparison.component, comparison.claimed, comparison.sentence()
    ('∂<lambda>/∂x', 6.0, 'agrees')
    >>> comparison.difference < 1e-9, comparison.ratio < 10
    (True, True)
    """

    component: str
    claimed: float
    verdict: Verdict

    @property
    def difference(self) -> float:
        """How far the claimed derivative lies from what differences say."""
        return self.verdict.distance(self.claimed)

    def sentence(self) -> str:
        """The verdict in words."""
        place, error = self.verdict.place, self.verdict.error
        if not self.verdict.decided:
            return f"cannot be decided by differences: {UNDECIDED[place]}"
        where = "" if place == "smooth" else f" ({place})"
        if self.verdict.passes:
            return f"agrees{where}"
        if self.difference != self.difference:
            return f"is not a number{where}"
        if not error or self.difference == float("inf"):
            return f"differs{where}"
        return f"differs by {self.ratio:.3g} times the estimated error{where}"

    @property
    def ratio(self) -> float:
        """How many times the estimated error the claimed derivative is off; inf where that cannot be computed."""
        ratio = self.difference / self.verdict.error if self.verdict.error else float("inf")
        return ratio if ratio == ratio else float("inf")


@dataclass(eq=False, repr=False)
class Report:
    """All derivatives that a check compared.

    Attributes:
        source: where the claimed derivatives come from.
        function: the name of the function.
        point: the inputs, each with its name.
        expression: the formula of what the function computed there, or "" if it is not known.
        comparisons: one for each order, result and input, with component, claimed derivative and verdict.

    >>> from autograd_mini.testing import check_gradients
    >>> report = check_gradients(lambda x: x * x, 3.0)
    >>> len(report.comparisons), report.failures, report.undecided
    (1, [], [])
    """

    source: str
    function: str
    point: Sequence[tuple[str, float]]
    expression: str
    comparisons: list[Comparison] = field(default_factory=list)

    @property
    def failures(self) -> list[Comparison]:
        """The comparisons whose derivative is wrong."""
        return [each for each in self.comparisons if each.verdict.decided and not each.verdict.passes]

    @property
    def undecided(self) -> list[Comparison]:
        """The comparisons that differences cannot decide."""
        return [each for each in self.comparisons if not each.verdict.decided]

    def __str__(self) -> str:
        failures, undecided = self.failures, self.undecided
        n = len(self.comparisons)
        agree = n - len(failures) - len(undecided)
        count = f"{agree} of {n} agree" + (f", {len(undecided)} cannot be decided" if undecided else "")
        if failures:
            worst = max(failures, key=lambda each: each.ratio)
            count = (
                f"{worst.component} {worst.sentence()}; {len(failures)} of {n} derivatives of {self.function} failed"
            )
        elif undecided:
            count = f"{undecided[0].component} {undecided[0].sentence()}; {ADVICE}; {count}"
        lines = [f"{count}: {self.source} against extrapolated differences"]
        place = [f"{name} = {x!r}" for name, x in self.point[:SHOWN]] + ["…"] * (len(self.point) > SHOWN)
        lines.append("at " + ", ".join(place))
        if self.expression:
            lines.append(f"of {self.expression}")
        header = ("derivative", self.source, "differences ± error", "difference", "verdict")
        shown = failures or undecided + [each for each in self.comparisons if each.verdict.decided]
        rows = [header] + [_cells(each) for each in shown[:SHOWN]]
        widths = [max(map(len, column)) for column in zip(*rows)]
        lines += ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows]
        return "\n".join(lines) + (f"\n… and {len(shown) - SHOWN} more" if len(shown) > SHOWN else "")

    __repr__ = __str__


class CheckError(AssertionError):
    """A check did not pass. The message is the table; its first line names the worst derivative.

    Attributes:
        report: the `Report`.
    """

    def __init__(self, report: Report) -> None:
        super().__init__(str(report))
        self.report = report

    def __reduce__(self) -> tuple[type[CheckError], tuple[Report]]:
        return type(self), (self.report,)


class GradientError(CheckError):
    """At least one derivative is wrong. The table shows the wrong ones."""


class UndecidedError(CheckError):
    """Differences could not decide any derivative of one order, so nothing of that order has been checked."""


class UndecidedWarning(UserWarning):
    """Differences could not decide some of the derivatives of an order. The report of the check says which."""


for _kind in (CheckError, GradientError, UndecidedError, UndecidedWarning):
    _kind.__module__ = "autograd_mini.testing"  # where users import them from


def _cells(each: Comparison) -> tuple[str, ...]:
    low, high, error, _, _ = each.verdict
    numeric = f"{low:.12g}" if low == high or low != low else f"[{low:.12g}, {high:.12g}]"
    return each.component, f"{each.claimed:.12g}", f"{numeric} ± {error:.2g}", f"{each.difference:.3g}", each.sentence()
