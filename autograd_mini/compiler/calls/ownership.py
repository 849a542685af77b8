"""What belongs to a library, and is assumed not to change, and what users may have written."""

from __future__ import annotations

import sys
from collections.abc import Collection
from types import BuiltinFunctionType, FunctionType, MemberDescriptorType, ModuleType
from typing import Any

import numpy

from autograd_mini.compiler.calls.code_names import is_generated
from autograd_mini.primitives import Primitive

CODE = (FunctionType, BuiltinFunctionType, MemberDescriptorType, type, ModuleType, Primitive, numpy.ufunc, property)

LIBRARIES = {*sys.stdlib_module_names, "autograd_mini", "numpy", "scipy"}

MAKING = {"__init__", "__new__", "__post_init__", "__setattr__"}
"""Methods that matter where a function reads a class, which it may call, but not where it reads an object."""

UNCALLED = {"__init_subclass__", "__repr__", "__str__", "__annotate__", "__annotate_func__"}
"""Special methods on whose results no computation is taken to depend, unless code calls them."""


def is_library(module: Any) -> bool:
    return isinstance(module, str) and module.partition(".")[0] in LIBRARIES


def is_installed(module: Any) -> bool:
    """Whether a module of this name belongs to an installed package, from whose objects a search would lead too far."""
    there = sys.modules.get(module) if isinstance(module, str) else None
    return "-packages" in (getattr(there, "__file__", None) or "")


def stays(thing: Any) -> bool:
    """Whether something named by code of an installed package is assumed not to change: it is code, not data."""
    return callable(thing) or isinstance(thing, ModuleType) or hasattr(type(thing), "__get__")


def is_code_of_library(thing: Any) -> bool:
    if isinstance(thing, (type, FunctionType, BuiltinFunctionType)):
        return is_library(thing.__module__ or "numpy")
    return isinstance(thing, (Primitive, numpy.ufunc))


def special(thing: Any, called: Collection[str]) -> list[str]:
    """The special methods of an object, or of a class's objects, which operators call and no code names.

    Args:
        called: those that read whole objects, as dataclasses generate them or to show these, and are called.
    """
    is_class = isinstance(thing, type)
    return [
        name
        for each in (thing if is_class else type(thing)).__mro__
        if not is_library(each.__module__)
        for name, entry in vars(each).items()
        if name.startswith("__") and (is_class or name not in MAKING) and (name in called or name not in UNCALLED)
        for method in [getattr(entry, "__func__", entry)]
        if isinstance(method, FunctionType)
        and (name in called or not is_generated(name, method))
        and not is_library(method.__module__)  # such as __replace__
    ]
