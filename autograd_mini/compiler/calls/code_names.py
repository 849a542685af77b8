"""What code names: the globals and attributes that it reads."""

from __future__ import annotations

from dis import get_instructions
from re import findall
from types import CodeType


def names_in(code: CodeType) -> list[str]:
    """The globals and attributes that code names, that of the functions within it included."""
    inner = [name for each in code.co_consts if isinstance(each, CodeType) for name in names_in(each)]
    return [*dict.fromkeys([*code.co_names, *inner])]


def words_in(code: CodeType, pattern: str) -> list[str]:
    """What may be names in the strings of code, and of the functions within it."""
    inner = [word for each in code.co_consts if isinstance(each, CodeType) for word in words_in(each, pattern)]
    return [*inner, *(word for each in code.co_consts if isinstance(each, str) for word in findall(pattern, each))]


def looked_up(code: CodeType, *operations: str) -> list[str]:
    """Those names alone that code, and the functions within it, look up so."""
    inner = [name for each in code.co_consts if isinstance(each, CodeType) for name in looked_up(each, *operations)]
    own = [each.argval for each in get_instructions(code) if each.opname in operations]
    return [*dict.fromkeys([*own, *inner])]
