"""What code names: the globals and attributes that it reads."""

from __future__ import annotations

from dis import get_instructions
from re import findall
from types import CodeType


def _with_inner(code: CodeType) -> list[CodeType]:
    """Code, and that of the functions within it."""
    return [code, *(inner for each in code.co_consts if isinstance(each, CodeType) for inner in _with_inner(each))]


def names_in(code: CodeType) -> list[str]:
    """The globals and attributes that code names, that of the functions within it included."""
    return [*dict.fromkeys(name for each in _with_inner(code) for name in each.co_names)]


def words_in(code: CodeType, pattern: str) -> list[str]:
    """What may be names in the strings of code, and of the functions within it."""
    texts = [text for each in _with_inner(code) for text in each.co_consts if isinstance(text, str)]
    return [word for text in texts for word in findall(pattern, text)]


def looked_up(code: CodeType, *operations: str) -> list[str]:
    """Those names alone that code, and the functions within it, look up so."""
    instructions = [step for each in _with_inner(code) for step in get_instructions(each)]
    return [*dict.fromkeys(step.argval for step in instructions if step.opname in operations)]
