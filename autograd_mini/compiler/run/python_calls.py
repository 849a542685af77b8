"""Functions in machine code that Python calls, and that call Python by its stable C interface."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from autograd_mini.compiler.code.caching import CodeCache
from autograd_mini.compiler.code.engine import Code, addresses
from autograd_mini.compiler.code.libraries import announce_from
from autograd_mini.compiler.code.loops import Function

SIGNATURES = {
    name: signature
    for signature, names in {
        "ptr ()": "PyEval_SaveThread PyErr_Occurred",
        "ptr (ptr)": "PyCell_Get PyFunction_GetCode PyObject_Type PyLong_AsVoidPtr PyLong_FromVoidPtr",
        "ptr (ptr, ptr)": "PyDict_GetItemWithError PyObject_GetAttr PyObject_CallObject PyObject_CallOneArg",
        "ptr (ptr, i64)": "PyTuple_GetItem PyList_GetItem PySequence_GetItem",
        "ptr (i64)": "PyLong_FromSsize_t",
        "ptr (double)": "PyFloat_FromDouble",
        "i64 (ptr)": "PyTuple_Size PyList_Size PySequence_Size",
        "i32 (ptr, ptr)": "PyObject_IsInstance PyErr_GivenExceptionMatches",
        "i32 (ptr, ptr, i32)": "PyObject_GetBuffer",
        "i32 (ptr, ptr, i64, i8 signext)": "PyBuffer_ToContiguous",
        "double (ptr)": "PyFloat_AsDouble",
        "void ()": "PyErr_Clear",
        "void (ptr)": "PyBuffer_Release PyEval_RestoreThread Py_IncRef Py_DecRef",
    }.items()
    for name in names.split()
}
"""The functions of that interface which machine code may call, and their types."""


class PythonFunction(Function):
    """The text of a function that calls functions of Python."""

    def python(self, name: str, *args: str) -> str:
        """Call a function of Python; return the name of its result, if any. `args` are preceded by their types."""
        kind, _, types = SIGNATURES[name].partition(" ")
        self.declarations.add(f"declare {kind} @{name}{types}")
        call = f"call {kind} @{name}({', '.join(args)})"
        if kind == "void":
            self.line(call)
            return ""
        return self.let(call)

    def words(self, base: str, names: Sequence[str], counts: Sequence[str]) -> None:
        """Load words that lie side by side, as counts or else pointers, and name them and their addresses."""
        for place, word in enumerate(names):
            self.line(f"%{word}_at = getelementptr i64, ptr {base}, i64 {place}")
            self.line(f"%{word} = load {'i64' if word in counts else 'ptr'}, ptr %{word}_at, align 8")

    def choose(self, kind: str, blocks: Sequence[str], otherwise: str) -> None:
        """Branch to the block with the number `kind`, or `otherwise` if there is none."""
        cases = " ".join(f"i64 {number}, label %{block}" for number, block in enumerate(blocks))
        self.line(f"switch i64 {kind}, label %{otherwise} [ {cases} ]")

    def go(self, block: str, begins: str) -> None:
        """Branch to `block`; begin the block `begins`."""
        self.line(f"br label %{block}")
        self.begin(begins)

    def forget_error(self) -> None:
        """Forget an error, if there is one; but not one that is no `%exception`, as KeyboardInterrupt."""
        error = self.python("PyErr_Occurred")
        is_usual = self.python("PyErr_GivenExceptionMatches", f"ptr {error}", "ptr %exception")
        self.unless(self.let(f"icmp ne i32 {is_usual}, 0"), "forgotten")
        self.python("PyErr_Clear")
        self.go("forgotten", "forgotten")

    def unless_error(self, thing: str) -> str:
        """A new reference to a thing; null, which Python asks for, if there is an error."""
        error = self.python("PyErr_Occurred")
        found = self.let(f"select i1 {self.let(f'icmp eq ptr {error}, null')}, ptr {thing}, ptr null")
        self.python("Py_IncRef", f"ptr {found}")
        return found

    def pointer(self, self_object: str, place: int) -> str:
        """The integer at a place of a tuple, as a pointer."""
        item = self.python("PyTuple_GetItem", f"ptr {self_object}", f"i64 {place}")
        return self.python("PyLong_AsVoidPtr", f"ptr {item}")


def is_possible() -> bool:
    """Whether this Python has that interface, which PyPy lacks, and pointers of 64 bits."""
    return hasattr(ctypes, "pythonapi") and ctypes.sizeof(ctypes.c_void_p) == 8


@cache
def _announce() -> None:
    """Make the functions of Python known to LLVM."""
    for name in SIGNATURES:
        announce_from(ctypes.pythonapi, name)


def addresses_of(*texts: str, cache: CodeCache | None = None, effort: int = 0) -> Code:
    """The addresses of the code of functions that call Python, and last of `START`, which is compiled together with
    the first ones; the code is never freed."""
    _announce()
    return addresses([*texts, START], effort=effort, keep=True, cache=cache)


class _Definition(ctypes.Structure):
    """Python's PyMethodDef."""

    _fields_ = (("name", ctypes.c_char_p), ("code", ctypes.c_void_p), ("flags", ctypes.c_int), ("doc", ctypes.c_char_p))


ONE_ARGUMENT, STRIDES = 0x8, 0x18
"""Python's METH_O and PyBUF_STRIDES."""


@cache
def _definition(address: int) -> _Definition:
    return _Definition(b"compiled", address, ONE_ARGUMENT, None)


_Maker: Any = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.c_void_p, ctypes.py_object, ctypes.c_void_p)


def as_builtin(address: int, given: tuple[Any, ...]) -> Callable[[Any], Any]:
    """The code at an address as a function of one argument; `given` becomes its self, and lives as long as it does."""
    make: Any = _Maker(("PyCFunction_NewEx", ctypes.pythonapi))
    return make(ctypes.addressof(_definition(address)), given, None)  # type: ignore[no-any-return]


def _start_text() -> str:
    """The text of a function that gives the address where the numbers of an array begin."""
    f = PythonFunction()
    f.line("%view = alloca [10 x i64], align 8")
    failed = f.python("PyObject_GetBuffer", "ptr %array", "ptr %view", f"i32 {STRIDES}")
    f.unless(f.let(f"icmp eq i32 {failed}, 0"), "failed")
    start = f.load("ptr", "%view")
    f.python("PyBuffer_Release", "ptr %view")
    f.line(f"ret ptr {f.python('PyLong_FromVoidPtr', f'ptr {start}')}")
    f.begin("failed")
    return f.text("ptr @BODY(ptr %self, ptr %array)", "ret ptr null")


START = _start_text()


@cache
def start() -> Callable[[Any], int]:
    """A function that gives the address where the numbers of an array begin."""
    return as_builtin(addresses_of()[0], ()) if is_possible() else lambda array: array.ctypes.data
