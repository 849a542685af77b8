"""The nodes of a loop in a graph: one made from all that goes in, and from that one a node for each result."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from autograd_mini.primitives import Primitive

if TYPE_CHECKING:
    from autograd_mini.compiler.scans.transforming import Forward


def _never(*args: object) -> Any:
    raise TypeError(
        "a compiled function differentiates, or computes again, the result of an earlier scan; take the derivative, by "
        "grad, jacobian and the like, of a function that itself calls scan"
    )


class Scanned(Primitive):
    """The operation of a node that stands for a loop."""

    def __init__(self, scan: Forward) -> None:
        super().__init__("scan", _never, _never, arity=None)
        self.scan = scan

    def is_like(self, other: object) -> bool:
        """Whether another loop computes the same."""
        return isinstance(other, Scanned) and self.scan.key == other.scan.key


class Kept(Primitive):
    """One of the numbers that come out of a loop. There may be many, so all attributes but `index` are the class's."""

    def __init__(self, index: int) -> None:
        self.index = index

    def is_like(self, other: object) -> bool:
        """Whether another operation picks the number at the same place."""
        return isinstance(other, Kept) and self.index == other.index


for _name, _attribute in vars(Primitive("kept", _never, _never)).items():
    setattr(Kept, _name, _attribute)
