"""The names in code: of the globals and attributes that it reads."""

from __future__ import annotations

from dis import get_instructions
from re import findall
from types import CodeType


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


def looked_up(code: CodeType, *operations: str) -> list[str]:
    """The names that code, inner functions included, looks up by these bytecode operations."""
    instructions = [step for each in _with_inner(code) for step in get_instructions(each)]
    return [*dict.fromkeys(step.argval for step in instructions if step.opname in operations)]
