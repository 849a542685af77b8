"""Programs on which simplification by real algebra would show: exact cancellations, ties, signed zeros, numbers of all
sizes."""

import math

from autograd_mini import TABLE
from autograd_mini.testing.programs import Program, Step

NUMBERS = [
    0.0, -0.0, 1.0, -1.0, 0.5, 2.0, 0.1, 0.3, 0.7, 3.0, math.pi, 1e16, 1e20, -1e30, 1e-20, 2.0**52, 134217729.0, 1e300,
    1e-300, 5e-324, math.inf, math.nan,
]  # fmt: skip
ORDINARY = 15
"""So many of them are of a size that other numbers do not drown in."""

ROWS = [
    TABLE[name]
    for name in (
        "add add add add add sub sub sub sub mul mul mul mul div neg square sqrt abs maximum minimum sum sum dot mean "
        "fma reciprocal relu where atan2 copysign exp log acos floor max hypot prod sumprod fsum pos"
    ).split()
]


def tricky(choose):
    """A random program with its point.

    Args:
        choose: a function that returns an integer from its first to its last argument.
    """
    point = [_number(choose)]
    for _ in range(choose(0, 3)):
        before = point[choose(0, len(point) - 1)]
        point.append([_number(choose), before, -before, math.nextafter(before, math.inf), 3.0 * before][choose(0, 4)])
    steps = []
    for _ in range(choose(1, 14)):
        row, known = ROWS[choose(0, len(ROWS) - 1)], len(point) + len(steps)
        count = row.arity or choose(1, 6)
        if row.name in ("dot", "sumprod"):
            count *= 2
        operands = [_operand(choose, known) for _ in range(count)]
        if all(isinstance(each, float) for each in operands):
            operands[0] = known - 1
        steps.append(Step(row, tuple(operands)))
    return Program(len(point), steps, point)


def _number(choose):
    kind = choose(0, 3)
    if kind == 0:
        return NUMBERS[choose(0, len(NUMBERS) - 1)]
    if kind == 1:
        return choose(-30, 30) / 10.0
    return choose(-(2**53), 2**53) * 2.0 ** choose(-60, -50)


def _operand(choose, known):
    if choose(0, 5) == 0:
        return NUMBERS[choose(0, (ORDINARY if choose(0, 2) else len(NUMBERS)) - 1)]
    return known - 1 - min(choose(0, known - 1), choose(0, known - 1))
