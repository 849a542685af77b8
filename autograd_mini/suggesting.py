"""Suggestions for a name that does not exist: the known name that was probably meant."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable


def did_you_mean(name: object, known: Iterable[str], otherwise: str = "") -> str:
    """The end of a message about an unknown name: `; did you mean 'tanh'?`, or `otherwise` if no name is similar.

    >>> did_you_mean("tahn", ["tan", "tanh", "sin"])
    "; did you mean 'tanh'?"
    >>> did_you_mean("erfinv_", ["sin"], "; choose one of sin")
    '; choose one of sin'
    """
    if not isinstance(name, str):
        return otherwise
    near = [(_distance(name.lower(), each.lower()), abs(len(each) - len(name)), each) for each in known]
    distance, _, closest = min(near, default=(len(name), 0, ""))
    return f"; did you mean {closest!r}?" if distance <= max(1, len(name) // 3) < len(name) else otherwise


def _distance(one: str, other: str) -> int:
    """The fewest letters to change, add, leave out or swap with their neighbour (Damerau 1964)."""
    before: list[int] = []
    row: list[int] = [*range(len(other) + 1)]
    for i, letter in enumerate(one, 1):
        above, row = row, [i]
        for j, wanted in enumerate(other, 1):
            steps = min(above[j] + 1, row[j - 1] + 1, above[j - 1] + (letter != wanted))
            if before and j > 1 and letter == other[j - 2] and one[i - 2] == wanted:
                steps = min(steps, before[j - 2] + 1)
            row.append(steps)
        before = above
    return row[-1]
