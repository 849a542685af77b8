"""Pages that explain backpropagation; the package may be called as its function `explain`."""

import sys
from types import ModuleType

from autograd_mini.explain.explaining import explain
from autograd_mini.explain.page import Page

__all__ = ["Page", "explain"]


class _CallableModule(ModuleType):
    """Importing this package makes `autograd_mini.explain` the package, where users mean the function of that name."""

    __call__ = staticmethod(explain)


sys.modules[__name__].__class__ = _CallableModule
