"""Messages for where the number of a Value would leave the graph, so that its derivative would be lost."""

from __future__ import annotations

import sys
from os.path import dirname

from autograd_mini.primitives import TABLE

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ast
    from types import FrameType
    from typing import Any

ARRAYS = {"array", "asarray", "asfarray", "ascontiguousarray", "astype", "full", "fill", "fromiter", "put", "insert"}
"""Functions and methods that fill float arrays."""

QUESTIONS = {"isnan", "isinf", "isfinite", "isclose"}
"""Functions of `math` whose answer is not a number to differentiate."""

_package = dirname(__file__)


def refusal(reader: Any, how: str, consequence: str) -> str:
    """One sentence: who reads the number of a Value, by `how`, on which line, to what effect, and what to do instead.

    Args:
        reader: the function that is being differentiated or compiled.
    """
    frame = _users_frame()
    name = getattr(reader, "__name__", None) or type(reader).__name__
    advice = "compute with the Value itself"
    if how == "float()":
        operation, call = doing(frame)
        if not hasattr(reader, "__code__") and hasattr(reader, "__name__"):  # the function itself is from math
            call = name
        advice = _advice(operation, call)
    elif how[:-2] in TABLE:  # floor, ceil or trunc, which NumPy asks of every element
        instead = f"autograd_mini.{how[:-2]}"
        advice = f"use {instead}, for arrays numpy.vectorize({instead}, otypes=[object])"
    where = place((frame.f_code.co_filename, frame.f_lineno))
    return f"{name} reads the number of a Value by {how} at {where}, and {consequence}; {advice}"


def warning(call: str, frame: FrameType) -> str:
    """The warning for a frame in which `call` names a function of `math` that has a derivative; "" for any other. It is
    asked for at each call, and runs no property of the user's."""
    from inspect import getattr_static, ismodule

    first, *rest = call.split(".")
    function: Any = frame.f_locals.get(first, frame.f_globals.get(first))
    for name in rest:
        found = (getattr if ismodule(function) else getattr_static)(function, name, None)
        function = found.__func__ if isinstance(found, staticmethod) else found
    if function is None or getattr(function, "__module__", None) != "math" or function.__name__ not in TABLE:
        return ""
    return (
        f"{call} turns a Value into a plain number, and its derivative is lost there; use "
        f"autograd_mini.{function.__name__}, or pass x.data if none is wanted"
    )


def _users_frame() -> FrameType:
    """The innermost caller that is neither of this package nor of an installed library."""
    import sysconfig

    libraries = {path for key, path in sysconfig.get_paths().items() if key.endswith(("lib", "stdlib"))}
    frame: FrameType | None = sys._getframe(1)
    outside = None
    while frame is not None:
        file = frame.f_code.co_filename
        if not file.startswith(_package):
            outside = outside or frame
            if not file.startswith((*libraries, "<frozen")):
                return frame
        frame = frame.f_back
    assert outside is not None
    return outside


def place(line: tuple[str, int]) -> str:
    """The file and number of a line, with its text if the file can be read."""
    import linecache

    file, number = line
    source = linecache.getline(file, number).strip()
    return f"{file}, line {number}" + (f": {source}" if source else "")


def doing(frame: FrameType) -> tuple[str, str]:
    """What a frame is executing: the name of the bytecode instruction, and the dotted name of the function it calls,
    empty if there is none."""
    import ast
    import dis
    import linecache

    index = frame.f_lasti // 2
    operation = dis.opname[frame.f_code.co_code[frame.f_lasti]]
    positions = [*frame.f_code.co_positions()][index]
    first, last, start, end = positions
    if first is None or last is None or start is None or end is None:
        return operation, ""
    lines = [linecache.getline(frame.f_code.co_filename, number).encode() for number in range(first, last + 1)]
    if not lines or not lines[-1]:
        return operation, ""
    lines[-1] = lines[-1][:end]
    lines[0] = lines[0][start:]
    try:
        tree = ast.parse(b"".join(lines).decode(errors="replace").strip(), mode="eval").body
    except SyntaxError:
        return operation, ""
    return operation, _dotted(tree.func) if isinstance(tree, ast.Call) else ""


def _dotted(function: ast.expr) -> str:
    """The dotted name that an expression spells, such as `math.exp`; `.astype` for a method of something computed."""
    import ast

    if isinstance(function, ast.Attribute):
        return f"{_dotted(function.value)}.{function.attr}"
    return function.id if isinstance(function, ast.Name) else ""


def _advice(operation: str, call: str) -> str:
    short = call.rpartition(".")[2]
    on_purpose = "(x.data and x.detach() are the ways out where no derivative is wanted)"
    if operation == "STORE_SUBSCR" or short in ARRAYS:
        return f"a float array keeps plain numbers: use a list, or an array with dtype=object {on_purpose}"
    if short in QUESTIONS:
        return f"ask it about the plain number, {call}(x.data)"
    if short in TABLE:
        return f"use autograd_mini.{short} in place of {call} {on_purpose}"
    if short in ("", "float"):
        return (
            "compute with the Value itself and the functions of autograd_mini, keep Values in lists or arrays with "
            f"dtype=object {on_purpose}"
        )
    return (
        f"{call} takes plain numbers only: write it with the functions of autograd_mini, solve equations by "
        f"autograd_mini.root, or give it a rule of its own by autograd_mini.register_primitive {on_purpose}"
    )
