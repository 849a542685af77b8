"""The names in code: of the globals and attributes that it reads."""

from __future__ import annotations

from dis import get_instructions
from functools import lru_cache
from re import findall
from types import CodeType
from typing import Any

WHOLE = {"vars", "__dict__", "dir", "__dir__", "__getstate__", "getmembers"}
"""Code with these names reads which attributes there are."""

DYNAMIC = {*WHOLE, "getattr", "__getattribute__", "attrgetter", "asdict", "astuple"}
"""Code with these names reads attributes that it does not name."""

EVERYTHING = {"globals", "eval", "exec"}
"""Code with these names reads globals that it does not name."""

ASKING = {*EVERYTHING, "hasattr", "getattr", "import_module", "__import__", "AttributeError", "NameError", "Exception"}
"""Code with these names may ask for what is not there, or name it in a string."""

SHOWING = {"__repr__", "__str__", "__format__"}
CALLING = (
    (
        {"__lt__", "__le__", "__gt__", "__ge__"},
        {"<", "<=", ">", ">=", "lt", "le", "gt", "ge", "sorted", "sort", "max", "min"},
    ),
    ({"__eq__", "__ne__"}, {"==", "!=", "eq", "ne", "CONTAINS_OP", "index", "count", "remove"}),
    ({"__hash__"}, {"hash", "CONTAINS_OP", "BINARY_SUBSCR"}),
    (SHOWING, {"repr", "str", "format", "FORMAT_VALUE", "FORMAT_SIMPLE", "FORMAT_WITH_SPEC", "CONVERT_VALUE"}),
)
"""Special methods that read objects as a whole, and the operators, names and operations of bytecode that call them."""

NAMES = r"\A[\w.]+\Z"
"""A string that matches may be a name; prose, as of docstrings, does not. Strings of code hold names anywhere."""


def _with_inner(code: CodeType) -> list[CodeType]:
    """A code object, and those of all functions defined within it."""
    return [code, *(inner for each in code.co_consts if isinstance(each, CodeType) for inner in _with_inner(each))]


def names_in(code: CodeType) -> list[str]:
    """The globals and attributes that code, or a function defined within it, names."""
    return [*dict.fromkeys(name for each in _with_inner(code) for name in each.co_names)]


def words_in(code: CodeType, pattern: str) -> list[str]:
    """The words in the string constants of code, inner functions included, that match a pattern and may be names."""
    texts = [text for each in _with_inner(code) for text in each.co_consts if isinstance(text, str)]
    return [word for text in texts for word in findall(pattern, text)]


def is_generated(name: str, method: Any) -> bool:
    """Whether a dataclass has generated a special method, but for the one that makes its objects."""
    code = getattr(method, "__code__", None)
    return name[:2] == "__" and name != "__init__" and getattr(code, "co_filename", "") == "<string>"


@lru_cache(maxsize=4096)
def called_by(code: CodeType) -> set[str]:
    """The special methods of whole objects that code calls, inner functions included. Texts that are made where errors
    are raised are taken to be theirs."""
    called: set[str] = set()
    for each in _with_inner(code):
        words = {word for step in get_instructions(each) for word in (step.opname, step.argval) if type(word) is str}
        is_silent = "RAISE_VARARGS" in words
        called.update(*[made for made, by in CALLING if by & words and not (is_silent and made is SHOWING)])
    return called


@lru_cache(maxsize=4096)
def looked_up(code: CodeType, *operations: str) -> list[str]:
    """The names that code, inner functions included, looks up by these bytecode operations."""
    instructions = [step for each in _with_inner(code) for step in get_instructions(each)]
    return [*dict.fromkeys(step.argval for step in instructions if step.opname in operations)]
