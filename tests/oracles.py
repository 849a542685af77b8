"""Derivatives of any order without derivative rules: differences of the mpmath twins of all primitives.

They are taken with so many digits that at least 20 of them are right.
"""

from itertools import product
from math import comb

import mpmath
from mpmath import mp, mpf

from autograd_mini.testing.oracles import TWINS

__all__ = ["TWINS", "derivative", "slopes", "value"]

SMALLEST_DOUBLE = mpf("5e-324")


def value(function, args):
    """`function` at doubles, to 50 digits."""
    with mp.workdps(50):
        return function(*map(mpf, args))


def slopes(function, args, index):
    """The one-sided differences of `function` at doubles towards an argument: to the left and to the right.

    They agree to 30 digits where the function is smooth; at a jump one of them is huge.
    """
    large = sum(int(mpmath.log10(max(abs(mpf(x)), 1))) for x in args)
    sizes = [mpf(1), *(abs(mpf(x)) for x in args if x)]
    step = mpf(10) ** -40 * min(sizes) ** 2 / max(sizes)  # small against what a remainder jumps at
    with mp.workdps(500 + large - int(mpmath.log10(step))):
        here, point = function(*map(mpf, args)), list(map(mpf, args))
        found = []
        for signed in (-step, step):
            point[index] = mpf(args[index]) + signed
            found.append((function(*point) - here) / signed)
        return found


def _steps(args):
    """Small even against the distance of neighbouring doubles. With two arguments, each has a step of its own size
    over the size of the other, for the sake of powers; with more, all have that of the smallest, for `dist`
    between points that agree in all but one small component."""
    sizes = [mpf(1), *(abs(mpf(x)) for x in args if x)]
    if len(args) == 2:
        largest = max(sizes)
        return [mpf(10) ** -40 * (min(1, abs(mpf(x))) or min(sizes)) / largest for x in args]
    return [mpf(10) ** -40 * min(sizes)] * len(args)


def derivative(function, args, indices):
    """The mixed partial derivative of `function` at doubles towards the arguments `indices`, such as (0, 0, 1).

    Central differences along each argument. The digits are doubled until rounding leaves 20 of the result, or
    until what it leaves is far below the smallest double; a difference that vanishes at over four times the
    digits is 0.
    """
    counts = [indices.count(i) for i in range(len(args))]
    steps = _steps(args)
    scale = mpmath.fprod(step**count for step, count in zip(steps, counts))
    large = sum(int(mpmath.log10(max(abs(mpf(x)), 1))) for x in args)
    resolution = max(int(mpmath.log10(abs(mpf(x)) / step)) for x, step in zip(args, steps) if x) if any(args) else 0
    digits, first = 30 + 45 * len(indices) + resolution, 60 - int(mpmath.log10(scale)) + large
    while True:
        with mp.workdps(digits):
            total, largest = mpf(0), mpf(0)
            for js in product(*(range(count + 1) for count in counts)):
                term = function(*(x + (mpf(n) / 2 - j) * h for x, n, j, h in zip(map(mpf, args), counts, js, steps)))
                for n, j in zip(counts, js):
                    term *= (-1) ** j * comb(n, j)
                total, largest = total + term, max(largest, abs(term))
            noise = largest * mpf(10) ** -(digits - 5)
            if abs(total) > noise * mpf(10) ** 20:
                return total / scale
            if noise / scale < SMALLEST_DOUBLE * mpf(10) ** -20 or digits >= 4 * first + 3 * large:
                return mpf(0) if abs(total) <= noise else total / scale
        digits *= 2
