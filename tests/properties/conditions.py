"""The precision that can be required of a derivative: its change if every operation is rounded once, both ways.

And points at which differences cannot give it: so near to a jump that every step crosses it.
"""

from random import Random

from hypothesis import settings
from mpmath import inf, isnan, mp

from autograd_mini.testing.reference import chain_rule

ROUNDING = 2.0**-52
REPLAYS = 5
REACH = 2.0**-33
"""The smallest tableau of differences, of steps from 2**-26 to 2**-35 of an input, sees no slope within that."""


EXAMPLES = settings.default.max_examples
LONG = EXAMPLES > 1000
"""Whether this is a search of hours."""


def fewer(least):
    """A tenth of the profile's examples, for slow properties; in a search of hours all of them."""
    return settings(max_examples=EXAMPLES if LONG else max(least, EXAMPLES // 10))


def condition(y, xs):
    """For each x, how the oracle's dy/dx changes at most when all results and contributions are off by one rounding."""
    random = Random(0)
    with mp.workdps(150):
        exact = chain_rule(y, xs, lambda result: result)
        changes = [mp.zero] * len(xs)
        for _ in range(REPLAYS):
            moved = chain_rule(y, xs, lambda result: result * (1 + random.choice((-1, 1)) * ROUNDING))
            changes = [inf if isnan(b) else max(change, abs(a - b)) for change, a, b in zip(changes, exact, moved)]
    return changes


def change_nearby(y, xs):
    """For each x, how the oracle's dy/dx changes at most when one of the inputs moves as far as the smallest steps."""
    with mp.workdps(150):
        exact = chain_rule(y, xs, lambda result: result)
        changes = [mp.zero] * len(xs)
        for x in xs:
            here = x.data
            reach = REACH * min(abs(here) or 1.0, 1.0)
            for moved_to in (here - reach, here + reach):
                x.data = moved_to
                moved = chain_rule(y, xs, lambda result: result)
                changes = [inf if isnan(b) else max(change, abs(a - b)) for change, a, b in zip(changes, exact, moved)]
            x.data = here
    return changes
