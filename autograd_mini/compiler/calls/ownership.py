"""What is a library's, and so taken to stay what it is, and what may be written by users."""

from __future__ import annotations

import sys
from types import BuiltinFunctionType, FunctionType, MemberDescriptorType, ModuleType
from typing import Any

import numpy

from autograd_mini.primitives import Primitive

CODE = (FunctionType, BuiltinFunctionType, MemberDescriptorType, type, ModuleType, Primitive, numpy.ufunc, property)

LIBRARIES = {*sys.stdlib_module_names, "autograd_mini", "numpy", "scipy"}

MAKING = {"__init__", "__new__", "__post_init__", "__setattr__"}
"""Methods of which nothing comes into a function that is given the object, but the class."""

UNCALLED = {"__init_subclass__", "__repr__", "__str__", "__annotate__", "__annotate_func__"}
"""Those of which nothing comes in either."""


def is_library(module: Any) -> bool:
    return isinstance(module, str) and module.partition(".")[0] in LIBRARIES


def is_installed(module: Any) -> bool:
    """Whether a module of this name is of a package that somebody installed: its objects lead far."""
    there = sys.modules.get(module) if isinstance(module, str) else None
    return "-packages" in (getattr(there, "__file__", None) or "")


def stays(thing: Any) -> bool:
    """Whether it is taken to stay what it is where the code of an installed package names it: code, and no data."""
    return callable(thing) or isinstance(thing, ModuleType) or hasattr(type(thing), "__get__")


def is_code_of_library(thing: Any) -> bool:
    if isinstance(thing, (type, FunctionType, BuiltinFunctionType)):
        return is_library(thing.__module__ or "numpy")
    return isinstance(thing, (Primitive, numpy.ufunc))


def special(thing: Any) -> list[str]:
    """The methods of an object, or of those of a class, that operators call, and nobody by name."""
    is_class = isinstance(thing, type)
    return [
        name
        for each in (thing if is_class else type(thing)).__mro__
        if not is_library(each.__module__)
        for name, entry in vars(each).items()
        if name.startswith("__") and name not in UNCALLED and (is_class or name not in MAKING)
        for method in [getattr(entry, "__func__", entry)]
        if isinstance(method, FunctionType)
        and (method.__code__.co_filename != "<string>" or name == "__init__")  # dataclasses have others, which compare
        and not is_library(method.__module__)  # as their __replace__
    ]
