"""The request that a call makes of a program, and the results that it gets."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple

from autograd_mini.compiler.ir.names import adjoint
from autograd_mini.compiler.ir.program import Floats, Pack

PARAMETERS = (-1,)
"""The slots of the parameters, which a function uses without being given them."""


class Kind(StrEnum):
    """What is computed besides the decisions."""

    GUARDS = "guards"
    VALUE = "value"
    GRADIENT = "gradient"
    JACOBIAN = "jacobian"
    PRODUCT = "product"
    TANGENT = "tangent"
    SPARSE_JACOBIAN = "sparse jacobian"
    SPARSE_HESSIAN = "sparse hessian"

    @property
    def in_words(self) -> str:
        words = {"value": "the value", "gradient": "value and gradient", "jacobian": "the Jacobian"}
        words |= {"tangent": "products with the Jacobian", "product": "products with the Hessian"}
        return words.get(self, f"the {self.title().replace('S', 's', 1)}")

    @property
    def is_sparse(self) -> bool:
        return self in (Kind.SPARSE_JACOBIAN, Kind.SPARSE_HESSIAN)


class Request(NamedTuple):
    """What is computed, and with respect to what it is differentiated.

    Attributes:
        wrt: slots of the arguments; -1 for the parameters.
    """

    kind: Kind
    wrt: tuple[int, ...] = ()

    @property
    def names(self) -> list[tuple[int, str]]:
        """The slots, each with the name of the derivative with respect to it."""
        return [(slot, adjoint(slot)) for slot in self.wrt]


class Frame(NamedTuple):
    """What all programs of a trace share.

    Attributes:
        inputs: the leaf of each array among the arguments; the last one is that of the parameters.
        reduces: whether the results are summed over the batch.
    """

    inputs: Sequence[Pack]
    reduces: bool

    @property
    def has_batch(self) -> bool:
        return any(leaf.batched for leaf in self.inputs)

    @property
    def per_example(self) -> bool:
        return self.has_batch and not self.reduces


GUARDS = Request(Kind.GUARDS)


class Results(NamedTuple):
    """What was computed, each [lanes, width] and the caller's to keep.

    Attributes:
        value: the numbers of the result.
        agreements: how many decisions, from the first on, come out as in the trace; None if there are none.
        adjoints: derivatives by slot; those missing are 0.
        entries: other derivatives, in an order of their own: the change of each number of the result along a direction,
            or the entries of a sparse matrix that can be other than 0.
        is_plain: whether they are what the program gave: all finite, and nothing tied.
    """

    value: Floats | None
    agreements: Floats | None
    adjoints: dict[int, Floats]
    entries: Floats | None = None
    is_plain: bool = True
