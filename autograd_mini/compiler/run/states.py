"""States of loops that are kept from the way forth to the way back, next to the array that came out."""

from __future__ import annotations

from weakref import ref

from autograd_mini.compiler.ir.program import Floats


class KeptStates:
    """States by the array that came out with them, for as long as that lives or until they are taken."""

    def __init__(self) -> None:
        self._found: dict[int, tuple[ref[Floats], Floats]] = {}

    def keep(self, out: Floats, states: Floats) -> None:
        key = id(out)
        self._found[key] = ref(out, lambda _: self._found.pop(key, None)), states

    def taken(self, out: Floats) -> Floats | None:
        """Those of an array; None if there are none, or were taken before."""
        known, states = self._found.pop(id(out), (None, None))
        return states if known is not None and known() is out else None


kept_states: KeptStates = KeptStates()
