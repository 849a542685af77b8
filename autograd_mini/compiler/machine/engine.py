"""From assembly text to machine code; the same text is compiled once, and freed with the last that holds its code."""

from __future__ import annotations

import ctypes
import threading
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Any
from weakref import WeakValueDictionary

from autograd_mini.compiler.machine.caching import CodeCache, is_harmless
from autograd_mini.compiler.machine.libraries import binding, host

KEEPS = ("x86_64",)
"""The processors whose assembly `caching` knows."""

RECENT = 32
"""So many modules are held for a while after they were compiled, for those who compile the same again."""


class _Function:
    """A function, and the module that owns its code."""

    __slots__ = ("__weakref__", "address", "engine")

    def __init__(self, address: int, engine: Any) -> None:
        self.address = address
        self.engine = engine


class Code(tuple[int, ...]):
    """The addresses of functions, which are good as long as this is held."""

    functions: list[_Function]

    @classmethod
    def of(cls, functions: list[_Function]) -> Code:
        code = cls(function.address for function in functions)
        code.functions = functions
        return code

    def table(self, addresses: Iterable[int] | None = None) -> Any:
        """A table of these addresses, all of them by default, which holds the code."""
        chosen = [*(self if addresses is None else addresses)]
        table = (ctypes.c_void_p * len(chosen))(*chosen)
        table.code = self  # type: ignore[attr-defined]
        return table


_known: WeakValueDictionary[str, _Function] = WeakValueDictionary()
_kept: dict[str, _Function] = {}
_recent: deque[list[_Function]] = deque(maxlen=RECENT)
_lock = threading.Lock()


def each_body(before: str, lo: str, hi: str, after: str) -> str:
    """The loop that calls %count functions of %bodies, each with its part of the tables %p and %ld.

    Args:
        before, after: the blocks from which it is entered and where it goes on.
        lo, hi: the first column and the one behind the last.
    """
    return f"""each:
  %k = phi i64 [ 0, %{before} ], [ %k1, %each ]
  %body_at = getelementptr ptr, ptr %bodies, i64 %k
  %body = load ptr, ptr %body_at
  %start_at = getelementptr i64, ptr %starts, i64 %k
  %offset = load i64, ptr %start_at
  %pk = getelementptr ptr, ptr %p, i64 %offset
  %ldk = getelementptr i64, ptr %ld, i64 %offset
  call void %body(ptr %pk, ptr %ldk, i64 {lo}, i64 {hi})
  %k1 = add i64 %k, 1
  %on = icmp slt i64 %k1, %count
  br i1 %on, label %each, label %{after}"""


DRIVE = f"""
define void @BODY(ptr %bodies, ptr %starts, i64 %count, ptr %p, ptr %ld, i64 %lo, i64 %hi, i64 %step) {{
entry:
  br label %block
block:
  %b = phi i64 [ %lo, %entry ], [ %full, %end ]
  %more = icmp slt i64 %b, %hi
  br i1 %more, label %start, label %done
start:
  %full = add i64 %b, %step
  %short = icmp slt i64 %hi, %full
  %e = select i1 %short, i64 %hi, i64 %full
  br label %each
{each_body("start", "%b", "%e", "end")}
end:
  br label %block
done:
  ret void
}}"""
"""Runs the bodies of a kernel, one after the other, on each block of `step` of the columns from lo to hi."""

Drive = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 2, ctypes.c_int64, *[ctypes.c_void_p] * 2, *[ctypes.c_int64] * 3)


def drive(cache: CodeCache | None = None) -> Any:
    """The driver, callable."""
    return Drive(addresses([DRIVE], keep=True, cache=cache)[0])


def addresses(texts: Sequence[str], *, effort: int = 1, keep: bool = False, cache: CodeCache | None = None) -> Code:
    """The addresses of the functions `@BODY` of these texts.

    Args:
        effort: 1 for code with loops; 0 for straight lines, which are compiled several times as fast so, to code that
            is as good only there.
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
            _kept.update(found)
        return Code.of([found[text] for text in texts])


def _compiled(texts: list[str], effort: int, cache: CodeCache | None) -> list[_Function]:
    """LLVM's own optimiser is left out: what the emissions write leaves it nothing to gain."""
    llvm = binding()
    _, processor, features = host()
    machine = llvm.Target.from_default_triple().create_target_machine(cpu=processor, features=features, opt=effort)
    names = [f"body{number}" for number in range(len(texts))]
    text = f"; effort {effort}\n{_joined(texts, names)}"
    if cache is None or not machine.triple.startswith(KEEPS):
        module = llvm.parse_assembly(text)
        module.verify()
    else:
        module = _assembled(text, names, machine, cache)
    engine = llvm.create_mcjit_compiler(module, machine)
    engine.finalize_object()
    return [_Function(int(engine.get_function_address(name)), engine) for name in names]


def _assembled(text: str, names: list[str], machine: Any, cache: CodeCache) -> Any:
    """A module that is assembly, from the cache or for it."""
    llvm = binding()
    assembly = cache.get(text, names)
    if assembly is None:
        module = llvm.parse_assembly(text)
        module.verify()
        assembly = machine.emit_assembly(module)
        if not is_harmless(assembly, text, names):  # nor would it be when it is read
            return llvm.parse_assembly(text)
        cache.put(text, assembly)
    quoted = assembly.replace("\\", "\\5C").replace('"', "\\22").splitlines()
    return llvm.parse_assembly(
        "\n".join([*(f'module asm "{line}"' for line in quoted), *(f"declare void @{name}()" for name in names)])
    )


def _joined(texts: list[str], names: list[str]) -> str:
    """All functions in one text."""
    lines: dict[str, None] = {}  # functions may declare the same ones
    for name, text in zip(names, texts):
        declarations = [line for line in text.splitlines() if line.startswith("declare")]
        rest = "\n".join(line for line in text.splitlines() if not line.startswith("declare"))
        lines |= dict.fromkeys([*declarations, rest.replace("@BODY", f"@{name}")])
    return "\n".join(lines)
