"""The names of programs' results: "value", "guards", "adjoint 0" for the derivative by slot 0, and more."""

from __future__ import annotations

TIED = "tied"
"""The result that is 0 for an example, or inf where something was at a kink."""

ENTRIES = "entries"
"""The result that holds derivatives in an order of their own, not that of the arguments."""


def adjoint(slot: int) -> str:
    """The name of the derivative with respect to a slot."""
    return f"adjoint {slot}"


def is_adjoint(name: str) -> bool:
    """Whether a result of this name is a derivative."""
    return name.startswith("adjoint")


def is_checked(name: str) -> bool:
    """Whether programs check that a result of this name is finite."""
    return is_adjoint(name) or name in (TIED, ENTRIES)
