"""The names in code: of the globals and attributes that it reads."""

from __future__ import annotations

from dis import get_instructions
from functools import lru_cache
from re import findall
from types import CodeType

WHOLE = {"vars", "__dict__", "dir", "__dir__", "__getstate__", "getmembers"}
"""Code with these names reads which attributes there are."""

DYNAMIC = {*WHOLE, "getattr", "__getattribute__", "attrgetter", "asdict", "astuple"}
"""Code with these names reads attributes that it does not name."""

EVERYTHING = {"globals", "eval", "exec"}
"""Code with these names reads globals that it does not name."""

ASKING = {*EVERYTHING, "hasattr", "getattr", "import_module", "__import__", "AttributeError", "NameError", "Exception"}
"""Code with these names may ask for what is not there, or name it in a string."""

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


@lru_cache(maxsize=4096)
def looked_up(code: CodeType, *operations: str) -> list[str]:
    """The names that code, inner functions included, looks up by these bytecode operations."""
    instructions = [step for each in _with_inner(code) for step in get_instructions(each)]
    return [*dict.fromkeys(step.argval for step in instructions if step.opname in operations)]
