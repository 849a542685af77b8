"""What is said of a name that does not exist: the one that was meant, where there is one much like it."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable


def did_you_mean(name: object, known: Iterable[str], otherwise: str = "") -> str:
    """The end of a sentence that complains of a name: `; did you mean 'tanh'?`, or what is to be said otherwise.

    >>> did_you_mean("tahn", ["tan", "tanh", "sin"])
    "; did you mean 'tanh'?"
    >>> did_you_mean("erfinv_", ["sin"], "; choose one of sin")
    '; choose one of sin'
    """
    from difflib import get_close_matches

    folded = {each.lower(): each for each in known}
    close = get_close_matches(name.lower(), folded, n=1) if isinstance(name, str) else []
    return f"; did you mean {folded[close[0]]!r}?" if close else otherwise
