"""From LLVM's language to machine code; equal texts are compiled once, and freed with the last holder of their code."""

from __future__ import annotations

import ctypes
import threading
from collections import deque
from collections.abc import Sequence
from typing import Any
from weakref import WeakValueDictionary

from autograd_mini.compiler.code.caching import CodeCache
from autograd_mini.compiler.code.libraries import binding, host
from autograd_mini.compiler.code.loops import Function

RECENT = 32
"""How many modules, the last that were compiled, are held in case the same text is compiled again."""


class _Function:
    """A function, and the module that owns its code."""

    __slots__ = ("__weakref__", "address", "engine")

    def __init__(self, address: int, engine: Any) -> None:
        self.address = address
        self.engine = engine


class Code(tuple[int, ...]):
    """The addresses of functions, valid as long as this is held."""

    functions: list[_Function]

    def table(self, addresses: Sequence[int]) -> Any:
        """A table of these addresses, which holds the code."""
        table = (ctypes.c_void_p * len(addresses))(*addresses)
        table.code = self  # type: ignore[attr-defined]
        return table


_known: WeakValueDictionary[str, _Function] = WeakValueDictionary()
_kept: set[_Function] = set()
_recent: deque[list[_Function]] = deque(maxlen=RECENT)
_lock = threading.Lock()


def call_all(function: Function, pointers: str, lo: str, hi: str) -> None:
    """Write calls of the %count functions in %bodies, each with its part of the pointers and the columns lo to hi."""
    with function.over("%count") as k:
        body, start = function.load("ptr", "%bodies", k), function.load("i64", "%starts", k)
        function.line(f"call void {body}(ptr {function.at('ptr', pointers, start)}, i64 {lo}, i64 {hi})")


def _drive() -> str:
    """The text of a function that runs the bodies of a kernel, one after the other, on each block of `step` columns
    from lo to hi, and then on the columns from `more` to `end` if `end` is more than hi."""
    function = Function()
    with function.over("%hi", "%lo", "%step") as start:
        full = function.let(f"add i64 {start}, %step")
        is_short = function.let(f"icmp slt i64 %hi, {full}")
        call_all(function, "%p", start, function.let(f"select i1 {is_short}, i64 %hi, i64 {full}"))
    function.unless(function.let("icmp slt i64 %hi, %end"), "done")
    call_all(function, "%p", "%more", "%end")
    function.line("br label %done")
    function.begin("done")
    head = "void @BODY(ptr %bodies, ptr %starts, i64 %count, ptr %p, i64 %step, i64 %lo, i64 %hi, i64 %more, i64 %end)"
    return function.text(head, "ret void")


def _point() -> str:
    """The text of a function that writes pointers to rows of arrays into a table. For each of `count` rows it is given
    the place in the table, the array and the row's number; for each array, its address and the bytes from row to row.
    """
    function = Function()
    point_to(function, "%table", "%rows", "%count", "%arrays")
    return function.text("void @BODY(ptr %table, ptr %rows, i64 %count, ptr %arrays)", "ret void")


def point_to(function: Function, table: str, rows: str, count: str, arrays: str) -> None:
    """Write the loop that puts pointers to rows of arrays into a table, as `_point` says."""
    with function.over(count) as k:
        place, array, number = function.record(rows, "iii", k)
        start, stride = function.record(arrays, "ii", array)
        offset = function.let(f"mul i64 {stride}, {number}")
        function.store("i64", function.let(f"add i64 {start}, {offset}"), table, place)


DRIVE, POINT = _drive(), _point()

Drive: Any = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 2, ctypes.c_int64, ctypes.c_void_p, *[ctypes.c_int64] * 5)
Point: Any = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 2, ctypes.c_int64, ctypes.c_void_p)
AddUp: Any = ctypes.CFUNCTYPE(None, ctypes.c_void_p, *[ctypes.c_int64] * 2, *[ctypes.c_void_p] * 2)


def addresses(texts: Sequence[str], *, effort: int = 1, keep: bool = False, cache: CodeCache | None = None) -> Code:
    """The addresses of the functions `@BODY` of these texts.

    Args:
        effort: 1 for loops around loops and what calls Python; 0 for straight lines and loops around them: that
            compiles several times as fast, and to equally good code for these alone.
        keep: never free them.
        cache: where machine code is kept on disk.
    """
    with _lock:
        found = {text: function for text in texts if (function := _known.get(text)) is not None}
        fresh = [text for text in dict.fromkeys(texts) if text not in found]
        if fresh:
            made = dict(zip(fresh, _compiled(fresh, effort, cache)))
            _known.update(made)
            _recent.append([*made.values()])
            found |= made
        if keep:
            _kept.update(found.values())
        code = Code(found[text].address for text in texts)
        code.functions = [*found.values()]
        return code


def _compiled(texts: list[str], effort: int, cache: CodeCache | None) -> list[_Function]:
    """Compile texts, without LLVM's own optimiser, for which the texts that are written here leave nothing to gain."""
    llvm = binding()
    _, processor, features = host()
    machine = llvm.Target.from_default_triple().create_target_machine(cpu=processor, features=features, opt=effort)
    names = [f"body{number}" for number in range(len(texts))]
    text = f"; effort {effort}\n{_joined(texts, names)}"
    code = None if cache is None else cache.get(text)
    module = llvm.parse_assembly(text if code is None else "")
    module.verify()
    if cache is not None and code is None:
        code = machine.emit_object(module)
        cache.put(text, code)
        module = llvm.parse_assembly("")
    engine = llvm.create_mcjit_compiler(module, machine)
    if code is not None:
        engine.add_object_file(llvm.ObjectFileRef.from_data(code))
    engine.finalize_object()
    return [_Function(int(engine.get_function_address(name)), engine) for name in names]


def _joined(texts: list[str], names: list[str]) -> str:
    """Join functions into one text, under these names."""
    lines: dict[str, None] = {}  # functions may declare the same ones
    for name, text in zip(names, texts):
        function, end, declarations = text.partition("\n}")
        lines |= dict.fromkeys([*declarations.splitlines(), function.replace("@BODY", f"@{name}") + end])
    return "\n".join(lines)
