"""Loops as parts of kernels: one step, and where its numbers are among those that go in and come out.

After the numbers that come out of a loop come its states; after those that go in come, for a backward loop, the states,
and then the constants, step by step.
"""

from __future__ import annotations

from autograd_mini.compiler.code.repeating import Lanes, Recurrence
from autograd_mini.compiler.scans.step_programs import Program


def forth(step: Program, length: int, n: int, n_out: int, tied: int | None) -> Recurrence:
    """A loop that carries n numbers, and from which `n_out` numbers come out; `tied` is as in `Scan`."""
    (carry, x, outside), (following, kept, *states) = step.inputs, step.outputs
    n_x = len(x)
    end = n + length * n_x
    rows: list[tuple[int | None, int]] = [(row, row) for row in range(n)]
    if tied is not None:
        rows.append((None, tied))
    fixed = Lanes(step.fixed, end + len(outside), len(step.fixed))
    given = [Lanes(x, n, n_x), Lanes(outside, end), fixed]
    gives = [Lanes(kept, n, len(kept)), *[Lanes(each, n_out, len(each)) for each in states]]
    carried = [(*pair, *own) for pair, own in zip(zip(carry, following), rows)]
    return Recurrence(step.scalars, length, carried, given, gives)


def back(step: Program, length: int, n_in: int) -> Recurrence:
    """The backward loop, which computes adjoints; `n_in` numbers go into it."""
    (state, x, outside, of_following, of_kept, before), (slopes, of_x, totals) = step.inputs, step.outputs
    n, n_x, n_kept, n_fixed, last = len(slopes), len(x), len(of_kept), len(step.fixed), length - 1
    end, known = n + length * n_x, n_in + length * len(state)
    adjoints = end + len(outside)
    given = [
        Lanes(state, n_in + last * len(state), -len(state)),
        Lanes(x, n + last * n_x, -n_x),
        Lanes(outside, end),
        Lanes(of_kept, adjoints + n + last * n_kept, -n_kept),
        Lanes(step.fixed, known + last * n_fixed, -n_fixed),
    ]
    carried: list[tuple[int, int, int | None, int]] = [
        (number, slope, adjoints + row, row) for row, (number, slope) in enumerate(zip(of_following, slopes))
    ]
    carried += [(number, total, None, row) for row, (number, total) in enumerate(zip(before, totals), end)]
    return Recurrence(step.scalars, length, carried, given, [Lanes(of_x, n + last * n_x, -n_x)])
