"""What a check found, as a table, and the exception that carries it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from autograd_mini.testing.verdicts import Verdict

SHOWN = 12


class Comparison(NamedTuple):
    """One derivative: what was claimed and what differences say."""

    component: str
    claimed: float
    verdict: Verdict

    @property
    def difference(self) -> float:
        return self.verdict.distance(self.claimed)

    def sentence(self) -> str:
        """The verdict in words."""
        place, error = self.verdict.place, self.verdict.error
        if place == "undecided":
            return "undecided: the differences do not converge"
        where = "" if place in ("smooth", "rounding") else f" ({place})"
        if place == "rounding" and self.verdict.passes:
            return "agrees, as far as the function's rounding lets one see"
        if self.verdict.passes:
            return f"agrees{where}"
        if self.difference != self.difference:
            return f"is no number{where}"
        if not error or self.difference == float("inf"):
            return f"differs{where}"
        return f"differs by {self.difference / error:.3g} times the estimated error{where}"


class Report:
    """All derivatives that a check compared.

    Attributes:
        comparisons: one an order, result and input: component, claimed derivative, verdict.
        source: where the claimed derivatives come from.
        point: the inputs by name.
        expression: what the function computed there, where it is known.
    """

    def __init__(self, source: str, function: str, point: Sequence[tuple[str, float]], expression: str) -> None:
        self.source = source
        self.function = function
        self.point = point
        self.expression = expression
        self.comparisons: list[Comparison] = []

    @property
    def failures(self) -> list[Comparison]:
        return [each for each in self.comparisons if not each.verdict.passes]

    def __str__(self) -> str:
        failures = self.failures
        n = len(self.comparisons)
        count = f"{len(failures)} of {n} derivatives of {self.function} failed" if failures else f"{n} of {n} agree"
        lines = [f"{count}: {self.source} against extrapolated differences"]
        place = [f"{name} = {x!r}" for name, x in self.point[:SHOWN]] + ["…"] * (len(self.point) > SHOWN)
        lines.append("at " + ", ".join(place))
        if self.expression:
            lines.append(f"of {self.expression}")
        header = ("derivative", self.source, "differences ± error", "difference", "verdict")
        shown = failures or self.comparisons
        rows = [header] + [_cells(each) for each in shown[:SHOWN]]
        widths = [max(map(len, column)) for column in zip(*rows)]
        lines += ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows]
        return "\n".join(lines) + _more(shown)


class GradientError(AssertionError):
    """A derivative is wrong. The message is the table of those that failed.

    Attributes:
        report: the `Report`.
    """

    def __init__(self, report: Report) -> None:
        super().__init__(str(report))
        self.report = report

    def __reduce__(self) -> tuple[type[GradientError], tuple[Report]]:
        return GradientError, (self.report,)


def _cells(each: Comparison) -> tuple[str, ...]:
    low, high, error, _, _ = each.verdict
    numeric = f"{low:.12g}" if low == high or low != low else f"[{low:.12g}, {high:.12g}]"
    return each.component, f"{each.claimed:.12g}", f"{numeric} ± {error:.2g}", f"{each.difference:.3g}", each.sentence()


def _more(things: Sequence[object]) -> str:
    return f"\n… and {len(things) - SHOWN} more" if len(things) > SHOWN else ""
