"""The table of primitives: every scalar operation once, with its one derivative rule.

`primitive` says what a row is; the other modules hold the rows by family.
"""

from autograd_mini.primitives import (  # noqa: F401  (imported for the rows they declare)
    arithmetic,
    comparisons,
    exponential,
    piecewise,
    reductions,
    relu_family,
    special,
    trigonometric,
)
from autograd_mini.primitives.comparisons import FLAT
from autograd_mini.primitives.numbers import brief, is_real, to_float
from autograd_mini.primitives.piecewise import SELECTORS, Part, part_of, parts_of
from autograd_mini.primitives.primitive import TABLE, Primitive, Table

__all__ = [
    "FLAT",
    "SELECTORS",
    "TABLE",
    "Part",
    "Primitive",
    "Table",
    "brief",
    "is_real",
    "part_of",
    "parts_of",
    "to_float",
]
