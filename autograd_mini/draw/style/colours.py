"""The meaning of colours in every picture: blue is positive, orange negative, dark large; green is a module, yellow the
step being explained. Signs, dashes or thick lines say the same, for colour-blind readers and black-and-white print."""

from __future__ import annotations

from math import isfinite

POSITIVE, NEGATIVE, ZERO, NOT_FINITE = "#0b5cad", "#b84a00", "#666666", "#000000"
MODULE, MODULE_FILL = "#1b7f5c", "#e3f3ec"
STEP_FILL = "#ffd94a"
TEXT, LINE, FAINT = "#000000", "#333333", "#ececec"

# From white to dark in even steps; the two scales are equally dark at each step.
BLUES = ((255, 255, 255), (212, 231, 249), (141, 197, 242), (35, 140, 237), (12, 67, 149))
ORANGES = ((255, 255, 255), (254, 224, 188), (253, 174, 97), (226, 100, 20), (127, 43, 8))
DARK_FROM = 0.827  # from here on white text has more contrast than black; at this point both have 4.6 : 1
_NOT_FINITE_HEAT = ("#000000", "#ffffff")


def colour_of(number: float) -> str:
    """The colour of a number's sign; black for one that is not finite.

    >>> colour_of(-0.5)
    '#b84a00'
    """
    if not isfinite(number):
        return NOT_FINITE
    return ZERO if number == 0.0 else POSITIVE if number > 0.0 else NEGATIVE


def heat(gradient: float, largest: float) -> tuple[str, str]:
    """The background colour for a gradient, on a scale of magnitudes up to `largest`, and the text colour on it.

    >>> heat(0.0, 2.0)
    ('#ffffff', '#000000')
    >>> heat(-2.0, 2.0)
    ('#7f2b08', '#ffffff')
    """
    if not isfinite(gradient):
        return _NOT_FINITE_HEAT
    stops = ORANGES if gradient < 0.0 else BLUES
    share = min(abs(gradient) / largest, 1.0) if largest > 0.0 else 0.0
    position = share * (len(stops) - 1)
    index = min(int(position), len(stops) - 2)
    part = position - index
    mixed = (round(low + part * (high - low)) for low, high in zip(stops[index], stops[index + 1]))
    return "#{:02x}{:02x}{:02x}".format(*mixed), "#ffffff" if share >= DARK_FROM else "#000000"
