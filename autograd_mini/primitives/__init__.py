"""The table of primitives: every scalar operation once, with its one derivative rule.

`primitive` says what a row is; the other modules hold the rows by family.
"""

# Imported for the rows that these modules, and those they import, declare.
from autograd_mini.primitives import arithmetic, comparisons, exponential, reductions, relu_family  # noqa: F401
from autograd_mini.primitives.comparisons import FLAT
from autograd_mini.primitives.numbers import brief, is_real, require_plain, to_float
from autograd_mini.primitives.piecewise import SELECTORS, Part, part_of, parts_of
from autograd_mini.primitives.primitive import TABLE, Primitive, Table

__all__ = [
    "FLAT", "SELECTORS", "TABLE", "Part", "Primitive", "Table", "brief", "is_real", "part_of", "parts_of",
    "require_plain", "to_float",
]  # fmt: skip
