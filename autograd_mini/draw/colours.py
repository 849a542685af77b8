"""The colour of a gradient's magnitude: one hue from white to dark, so that no pair of colours needs telling
apart by hue, and with the colour blind or in a grey print dark still means large."""

from __future__ import annotations

from math import isfinite

# From white over orange to brown, at equal distances.
STOPS = ((255, 255, 255), (254, 224, 188), (253, 174, 97), (226, 100, 20), (127, 43, 8))
DARK_FROM = 0.827  # where white text begins to contrast more than black, both 4.6 : 1
ACCENT = "#0b5cad"
MODULE = "#dcebfa"
NOT_FINITE = ("#000000", "#ffffff")


def heat(gradient: float, largest: float) -> tuple[str, str]:
    """The background for a gradient where magnitudes reach up to `largest`, and the text colour upon it.

    >>> heat(0.0, 2.0)
    ('#ffffff', '#000000')
    >>> heat(-2.0, 2.0)
    ('#7f2b08', '#ffffff')
    """
    if not isfinite(gradient):
        return NOT_FINITE
    share = min(abs(gradient) / largest, 1.0) if largest > 0.0 else 0.0
    position = share * (len(STOPS) - 1)
    index = min(int(position), len(STOPS) - 2)
    part = position - index
    mixed = (round(low + part * (high - low)) for low, high in zip(STOPS[index], STOPS[index + 1]))
    return "#{:02x}{:02x}{:02x}".format(*mixed), "#ffffff" if share >= DARK_FROM else "#000000"
