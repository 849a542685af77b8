"""Pages that explain backpropagation. The package can be called like its function `explain`."""

import sys
from types import ModuleType

from autograd_mini.explain.explaining import explain
from autograd_mini.explain.page import Page

__all__ = ["Page", "explain"]


class _CallableModule(ModuleType):
    """Makes the package callable: once imported, `autograd_mini.explain` is the package, not the function `explain`."""

    __call__ = staticmethod(explain)


sys.modules[__name__].__class__ = _CallableModule
