"""Valid names in C, made from names in Python."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence

_KEYWORDS = """
auto break case char const continue default do double else enum extern float for goto if inline int long register
restrict return short signed sizeof static struct switch typedef union unsigned void volatile while _Bool _Complex
_Imaginary asm main typeof alignas alignof bool class complex delete new this throw true false try template namespace
operator private protected public using virtual friend export NULL NAN INFINITY HUGE_VAL
"""
_TAKEN = """
acos acosh asin asinh atan atan2 atanh cbrt ceil copysign cos cosh erf erfc exp exp2 expm1 fabs fdim floor fma fmax fmin
fmod frexp hypot ilogb isfinite isinf isnan isnormal isunordered ldexp lgamma llrint llround log log10 log1p log2 logb
lrint lround modf nan nearbyint nextafter pow remainder remquo rint round scalbn signbit sin sinh sqrt tan tanh tgamma
trunc j0 j1 jn y0 y1 yn gamma drem significand scalb abs div exit abort malloc free casadi_int casadi_real arg res iw w
mem FUSED max_of min_of prod_of norm_of log_total logsumexp_of softmax_in log_softmax_in sum_of_others_in first_equal_in
first_max_in first_min_in set_nan set_zero multiply load
settle
"""
KEYWORDS = frozenset(_KEYWORDS.split())
"""Keywords of C and C++ and the like, which cannot be names; for arguments, CasADi adds `null`, `jac` and `hess`."""

TAKEN = frozenset(_TAKEN.split())
"""Functions of C's library, and names in the files written here."""

_IDENTIFIER = re.compile(r"[A-Za-z][A-Za-z0-9_]*", re.ASCII)


def require_identifier(name: str) -> None:
    """Refuse what cannot be the name of a function in C and CasADi.

    Raises:
        ValueError: it cannot be one.
    """
    if not _IDENTIFIER.fullmatch(name) or "__" in name:
        what = "is not a name in C and CasADi (letters of ASCII, digits, single underscores, a letter first)"
    elif name in KEYWORDS or name in TAKEN or re.fullmatch(r"[cn]\d+", name):
        what = "is taken in C already"
    else:
        return
    raise ValueError(f"{name!r} {what}; give the file another name, or the function one by name=…")


def identifiers(names: Iterable[str], taken: Sequence[str] = ()) -> list[str]:
    """Names of arguments that C and CasADi accept, no two alike.

    >>> identifiers(["x", "θ", "q['a']", "int", "x"])
    ['x', 'theta', 'q_a', 'arg_int', 'x_2']
    """
    found: list[str] = []
    for given in names:
        text = "".join(map(_plain, given))
        text = re.sub(r"_+", "_", re.sub(r"[^A-Za-z0-9_]", "_", text)).strip("_") or "x"
        text = f"x_{text}" if text[0].isdigit() else text
        if text in KEYWORDS or text.lower() in ("null", "jac", "hess"):
            text = f"arg_{text}"
        name, number = text, 1
        while name in found or name in taken:
            number += 1
            name = f"{text}_{number}"
        found.append(name)
    return found


def _plain(letter: str) -> str:
    """The letter itself if it is ASCII or no letter, the name of a Greek one, else an underscore."""
    if letter.isascii() or not letter.isalpha():
        return letter
    name = unicodedata.name(letter, "").split()
    return name[3].lower() if name[:1] == ["GREEK"] and len(name) == 4 else "_"
