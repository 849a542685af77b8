"""Checks for your derivatives: against differences, against mpmath, and over random programs.

`autograd_mini.testing.strategies` holds the Hypothesis strategies, and only it needs hypothesis. References need
mpmath when they are called.
"""

from autograd_mini.testing.checking import check_gradients
from autograd_mini.testing.evidence import Verdict
from autograd_mini.testing.modules import check_module
from autograd_mini.testing.programs import Program, Step
from autograd_mini.testing.reference import Dual, forward_derivative, reference_gradient, reference_value, register_twin
from autograd_mini.testing.reports import (
    CheckError,
    Comparison,
    GradientError,
    Report,
    UndecidedError,
    UndecidedWarning,
)

__all__ = [
    "CheckError", "Comparison", "Dual", "GradientError", "Program", "Report", "Step", "UndecidedError",
    "UndecidedWarning", "Verdict", "check_gradients", "check_module", "forward_derivative", "reference_gradient",
    "reference_value", "register_twin",
]  # fmt: skip
