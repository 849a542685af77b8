"""Pages that explain backpropagation. The package can be called like its function `explain`."""

import sys
from types import ModuleType

from autograd_mini.explain.explaining import explain
from autograd_mini.explain.page import Page

__all__ = ["Page", "explain"]

# Once it is imported, `autograd_mini.explain` is the package, not the function `explain`.
sys.modules[__name__].__class__ = type("_CallableModule", (ModuleType,), {"__call__": staticmethod(explain)})
