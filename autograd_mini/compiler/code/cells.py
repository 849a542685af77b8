"""Cells: SIMD registers as numbers, whose arithmetic writes LLVM's assembly.

A rule or a forward function of the table that is written in operators and primitives emits itself when it is run on
cells.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from autograd_mini.compiler.code import elementary
from autograd_mini.compiler.code.engine import addresses
from autograd_mini.compiler.code.libraries import announce, announce_libm, host_width, vector_name
from autograd_mini.compiler.code.loops import Function
from autograd_mini.primitives import TABLE, Primitive, piecewise
from autograd_mini.primitives.symbols import lasting_formula

PURE = " nounwind willreturn memory(none)"
"""What LLVM is told of functions, so that it calls them once for the same numbers."""


class Assembly(Function):
    """The text of a function of numbers `width` at a time; it gives LLVM no licence to change a result."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width
        self.type = "double" if width == 1 else f"<{width} x double>"
        self.truth = "i1" if width == 1 else f"<{width} x i1>"
        self._known: dict[str, Cell] = {}

    def begin(self, block: str) -> None:
        """The block that the next lines belong to, in which registers of other blocks may be unknown."""
        super().begin(block)
        self._known.clear()

    def define(self, text: str) -> Cell:
        """The register that holds what `text` computes, which is computed once, unless it is read from memory."""
        if text not in self._known or text.startswith("load"):
            self._known[text] = Cell(self, self.let(text))
        return self._known[text]

    def number(self, number: float) -> Cell:
        """A constant."""
        bits = f"0x{struct.unpack('<Q', struct.pack('<d', number))[0]:016X}"
        return Cell(self, bits if self.width == 1 else f"<{', '.join([f'double {bits}'] * self.width)}>", number)

    def spread(self, number: str) -> Cell:
        """A register full of one double."""
        if self.width == 1:
            return Cell(self, number)
        one = self.let(f"insertelement {self.type} poison, double {number}, i32 0")
        return self.define(f"shufflevector {self.type} {one}, {self.type} poison, <{self.width} x i32> zeroinitializer")

    def apply(self, function: str, *args: Cell) -> Cell:
        """A function of doubles, known by the name that the caller gives it for this width."""
        types = ", ".join([self.type] * len(args))
        self.declarations.add(f"declare {self.type} @{function}({types}){PURE}")
        return self.define(f"call {self.type} @{function}({', '.join(f'{self.type} {arg.name}' for arg in args)})")

    def libm(self, function: str, *args: Cell) -> Cell:
        """A function of libm by one and the same code for every width: of whole registers where there is such a
        function, of one number too, or number by number."""
        width = host_width()
        symbol = None if function in elementary.OF_ANGLES else vector_name(function, width, len(args))
        if symbol is None:
            width, symbol = self.width, own_function(function, self.width)
        if symbol is None:
            announce_libm(function)
            width, symbol = 1, function
        if width == self.width:
            return self.apply(symbol, *args)
        return self._in_parts(symbol, width, args)

    def _in_parts(self, function: str, width: int, args: Sequence[Cell]) -> Cell:
        """A call for so many numbers of the register after the others; for fewer, with the first ones again."""
        kind = "double" if width == 1 else f"<{width} x double>"
        signature = f"{kind} @{function}({', '.join([kind] * len(args))})"
        self.declarations.add(f"declare {signature}{PURE}")
        found = []
        for lane in range(0, self.width, width):
            places = [(lane + i) % self.width for i in range(width)]
            parts = ", ".join(f"{kind} {self._picked([arg.name], self.width, places)}" for arg in args)
            found.append(self.define(f"call {kind} @{function}({parts})").name)
        return Cell(self, self._picked(found, width, list(range(self.width))))

    def _picked(self, registers: Sequence[str], width: int, places: Sequence[int]) -> str:
        """A register, or one number, of the numbers at these places of registers of one width, one after the other."""
        if width > 1 and len(places) > 1 and len(registers) <= 2:
            kind, second = f"<{width} x double>", registers[1] if len(registers) == 2 else "poison"
            mask = ", ".join(f"i32 {place}" for place in places)
            text = f"shufflevector {kind} {registers[0]}, {kind} {second}, <{len(places)} x i32> <{mask}>"
            return self.define(text).name
        numbers = [self._number_of(registers[place // width], width, place % width) for place in places]
        result = "poison"
        for lane, each in enumerate(numbers) if len(places) > 1 else ():
            result = self.define(f"insertelement <{len(places)} x double> {result}, double {each}, i32 {lane}").name
        return result if len(places) > 1 else numbers[0]

    def _number_of(self, register: str, width: int, lane: int) -> str:
        if width == 1:
            return register
        return self.define(f"extractelement <{width} x double> {register}, i32 {lane}").name

    def intrinsic(self, function: str, *args: Cell) -> Cell:
        return self.apply(f"llvm.{function}.{'' if self.width == 1 else f'v{self.width}'}f64", *args)

    def select(self, condition: str, x: Any, y: Any) -> Cell:
        x, y = self.cell(x), self.cell(y)
        return self.define(f"select {self.truth} {condition}, {self.type} {x.name}, {self.type} {y.name}")

    def power_of_two(self, exponent: Cell) -> Cell:
        """2ⁿ of whole numbers n from -1022 to 1023, by their bits."""
        integers = self.type.replace("double", "i64")
        shift = "52" if self.width == 1 else f"<{', '.join(['i64 52'] * self.width)}>"
        biased = exponent + (2.0**52 + 1023.0)  # the low bits of its mantissa are n + 1023
        bits = self.define(f"bitcast {self.type} {biased.name} to {integers}")
        bits = self.define(f"shl {integers} {bits.name}, {shift}")
        return self.define(f"bitcast {integers} {bits.name} to {self.type}")

    def cell(self, number: Any) -> Cell:
        return number if isinstance(number, Cell) else self.number(float(number))


class Cell:
    """A register, or a constant."""

    __slots__ = ("assembly", "condition", "constant", "name", "negative_of")

    def __init__(self, assembly: Assembly, name: str, constant: float | None = None) -> None:
        self.assembly = assembly
        self.name = name
        self.constant = constant
        self.condition: str | None = None  # of which this is 1 or 0
        self.negative_of: Cell | None = None

    def _binary(self, operation: str, x: Any, y: Any) -> Cell:
        x, y = self.assembly.cell(x), self.assembly.cell(y)
        return self.assembly.define(f"{operation} {self.assembly.type} {x.name}, {y.name}")

    def __add__(self, other: Any) -> Cell:
        return self._binary("fadd", self, other)

    def __radd__(self, other: Any) -> Cell:
        return self._binary("fadd", other, self)

    def __sub__(self, other: Any) -> Cell:
        return self._binary("fsub", self, other)

    def __rsub__(self, other: Any) -> Cell:
        return self._binary("fsub", other, self)

    def __mul__(self, other: Any) -> Cell:
        other = self.assembly.cell(other)
        if self.constant == 1.0 or other.constant == 1.0:
            return other if self.constant == 1.0 else self
        if self.constant == -1.0 or other.constant == -1.0:
            return -other if self.constant == -1.0 else -self
        return self._binary("fmul", self, other)

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Cell:
        return self._binary("fdiv", self, other)

    def __rtruediv__(self, other: Any) -> Cell:
        return self._binary("fdiv", other, self)

    def __neg__(self) -> Cell:
        negative = self.assembly.define(f"fneg {self.assembly.type} {self.name}")
        negative.negative_of = self
        return negative

    def __abs__(self) -> Cell:
        return self.assembly.intrinsic("fabs", self.negative_of or self)

    def compare(self, how: str, other: Any) -> str:
        """The register of the truth of a comparison: olt, oeq, uno, une …"""
        other = self.assembly.cell(other)
        return self.assembly.let(f"fcmp {how} {self.assembly.type} {self.name}, {other.name}")

    def where(self, how: str, other: Any, x: Any, y: Any) -> Cell:
        """x where the comparison holds, else y."""
        return self.assembly.select(self.compare(how, other), x, y)

    @staticmethod
    def apply_primitive(primitive: Primitive, args: tuple[Any, ...]) -> Any:
        return emit(primitive, args)


@cache
def own_function(name: str, width: int) -> str | None:
    """The symbol of a function of `elementary` for registers of this width, made known to LLVM; None if there is
    none."""
    if name not in elementary.FUNCTIONS:
        return None
    assembly = Assembly(width)
    x = Cell(assembly, "%x")
    if name in elementary.OF_ANGLES:
        _leave_large_angles(assembly, name, x)
    result = f"ret {assembly.type} {elementary.FUNCTIONS[name](x).name}"
    (address,) = addresses([assembly.text(f"{assembly.type} @BODY({assembly.type} %x)", result)], keep=True)
    symbol = f"autograd_mini.{name}.{width}"
    announce(symbol, address)
    return symbol


def _leave_large_angles(assembly: Assembly, name: str, x: Cell) -> None:
    """Where any number is too large, or inf or nan, take those from libm; the others are as they are without it."""
    is_small = every = abs(x).compare("olt", elementary.LARGEST_ANGLE)
    if assembly.width > 1:
        every = assembly.call("i1", f"llvm.vector.reduce.and.v{assembly.width}i1", f"{assembly.truth} {is_small}")
    assembly.line(f"br i1 {every}, label %small, label %large")
    assembly.begin("large")
    announce_libm(name)
    own, theirs = elementary.FUNCTIONS[name](x), assembly._in_parts(name, 1, [x])
    assembly.line(f"ret {assembly.type} {assembly.select(is_small, own, theirs).name}")
    assembly.begin("small")


def emit(primitive: Primitive, args: Sequence[Any]) -> Any:
    """What computes a primitive on cells; a tuple for a selector of several results.

    Raises:
        NotImplementedError: there is no emission for it.
    """
    row = EMISSIONS.get(primitive.base)
    if row is not None:
        assembly = next(arg.assembly for arg in args if isinstance(arg, Cell))
        return row(*[assembly.cell(arg) for arg in args], **primitive.options)
    formula = lasting_formula(primitive, len(args))
    if formula is None:
        raise NotImplementedError(primitive.name)
    return formula.run(args, lambda operation, *xs: emit(operation, xs) if any(map(_is_cell, xs)) else operation(*xs))


def _is_cell(thing: Any) -> bool:
    return type(thing) is Cell


def is_arithmetic(primitive: Primitive) -> bool:
    """Whether it is one instruction or so."""
    return primitive.base in ARITHMETIC


@cache
def calls_library(primitive: Primitive, n_args: int) -> bool:
    """Whether its machine code, which it must have, calls functions of a library."""
    assembly = Assembly(1)
    emit(primitive, [Cell(assembly, "%x") for _ in range(n_args)])
    return any("@llvm." not in declaration for declaration in assembly.declarations)


def has_emission(primitive: Primitive, n_args: int) -> bool:
    """Whether there is machine code for it."""
    formula = None if primitive.base in EMISSIONS else lasting_formula(primitive, n_args)
    if formula is None:
        return primitive.base in EMISSIONS
    return all(has_emission(operation, len(places)) for _, operation, places in formula.operations)


LIBM = (
    "exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "cbrt", "pow", "sin", "cos", "tan", "asin", "acos",
    "atan", "atan2", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh", "erf", "erfc", "lgamma", "fmod", "remainder",
)  # fmt: skip
"""Functions of the C library's libm, and most of them of libmvec by another name."""


def _libm(name: str) -> Callable[..., Any]:
    return lambda *args: args[0].assembly.libm(name, *args)


def _intrinsic(name: str) -> Callable[..., Any]:
    return lambda *args: args[0].assembly.intrinsic(name, *args)


def _comparison(how: str) -> Callable[..., Any]:
    def compared(x: Cell, y: Cell) -> Cell:
        condition = x.compare(how, y)
        truth = x.assembly.select(condition, 1.0, 0.0)
        truth.condition = condition
        return truth

    return compared


def _where(condition: Cell, x: Cell, y: Cell) -> Cell:
    return x.assembly.select(condition.condition or condition.compare("une", 0.0), x, y)


def largest(x: Cell, y: Cell) -> Cell:
    """The first that is larger; nan if any is."""
    return _or_nan(x, y, x.where("olt", y, y, x))


def smallest(x: Cell, y: Cell) -> Cell:
    return _or_nan(x, y, x.where("ogt", y, y, x))


def _or_nan(x: Cell, y: Cell, chosen: Cell) -> Cell:
    """What was chosen by a comparison that gives x where there is a nan."""
    is_number = y.constant is not None and not math.isnan(y.constant)
    return chosen if is_number else x.assembly.select(x.compare("uno", y), x + y, chosen)


def _clip_branch(x: Cell, low: Cell, high: Cell) -> tuple[Cell, Cell, Cell]:
    below, above = x.where("olt", low, 1.0, 0.0), x.where("ogt", high, 1.0, 0.0)
    inside = below.where("oeq", 0.0, above.where("oeq", 0.0, 1.0, 0.0), 0.0)
    to_high = above.where("oeq", 1.0, 1.0, low.where("ogt", high, below, 0.0))
    to_low = below.where("oeq", 1.0, to_high.where("oeq", 1.0, 0.0, 1.0), 0.0)
    return inside, to_low, to_high


def first_equal(out: Cell, *xs: Cell) -> tuple[Cell, ...]:
    """1 for the first that is `out`, nan being nan."""
    assembly = out.assembly
    taken: Any = 0.0
    found = []
    for x in xs:
        same = x.where("oeq", out, 1.0, x.where("uno", x, out.where("uno", out, 1.0, 0.0), 0.0))
        found.append(assembly.cell(taken).where("oeq", 0.0, same, 0.0))
        taken = found[-1] + taken
    return tuple(found)


def _ldexp(x: Cell, exponent: Cell) -> Cell:
    """By factors of which at most one rounds."""
    n = ROWS["trunc"](exponent)
    n = n.where("ogt", 2200.0, 2200.0, n.where("olt", -2200.0, -2200.0, n))  # all is 0 or infinite there
    out = x
    for _ in range(2):
        out = n.where("ogt", 1023.0, out * 2.0**1023, n.where("olt", -1022.0, out * 2.0**-969, out))
        n = n.where("ogt", 1023.0, n - 1023.0, n.where("olt", -1022.0, n + 969.0, n))
    out = out * x.assembly.power_of_two(n)
    beyond = exponent.where("oeq", math.inf, math.inf, exponent.where("oeq", -math.inf, 0.0, exponent))
    return abs(exponent).where("olt", math.inf, out, x * beyond)


def norm(*xs: Cell) -> Cell:
    """√(Σ x²) of numbers brought to a size at which no square is lost; inf if any is infinite."""
    if len(xs) == 1:
        return abs(xs[0])
    if len(xs) == 2:
        return xs[0].assembly.libm("hypot", *xs)
    top: Any = 0.0
    for x in map(abs, xs):
        top = x.where("ogt", top, x, top)
    factor = top.where("ogt", 1e145, 2.0**-600, top.where("olt", 1e-145, 2.0**600, 1.0))
    back = top.where("ogt", 1e145, 2.0**600, top.where("olt", 1e-145, 2.0**-600, 1.0))
    total: Any = 0.0
    for x in xs:
        total = (x * factor) * (x * factor) + total
    root: Cell = ROWS["sqrt"](total) * back
    return root.assembly.cell(top).where("oeq", math.inf, math.inf, root)


ROWS: dict[str, Callable[..., Any]] = {
    "add": lambda x, y: x + y,
    "sub": lambda x, y: x - y,
    "mul": lambda x, y: x * y,
    "div": lambda x, y: x / y,
    "neg": lambda x: -x,
    "pos": lambda x: x,
    "fma": _intrinsic("fma"),
    "scale": lambda x, y: x.where("oeq", 0.0, 0.0, x * y),
    "ratio": lambda x, y: x.where("oeq", 0.0, 0.0, x / y),
    "sqrt": _intrinsic("sqrt"),
    "abs": abs,
    "floor": _intrinsic("floor"),
    "ceil": _intrinsic("ceil"),
    "trunc": _intrinsic("trunc"),
    "rint": _intrinsic("rint"),
    "ldexp": _ldexp,
    "copysign": lambda x, y: x.assembly.intrinsic("copysign", x, y.where("uno", y, 0.0, y)),
    "maximum": largest,
    "minimum": smallest,
    "where": _where,
    "less": _comparison("olt"),
    "less_equal": _comparison("ole"),
    "equal": _comparison("oeq"),
    "not_equal": _comparison("une"),
    "greater": _comparison("ogt"),
    "greater_equal": _comparison("oge"),
    "first_equal": first_equal,
    "clip_branch": _clip_branch,
    "gamma": _libm("tgamma"),
    "hypot": norm,
    **{name: _libm(name) for name in LIBM},
}
"""Rows with machine code of their own by their names; others are written in these, or run in NumPy."""

_SELECTORS = (piecewise.at_least, piecewise.step, piecewise._is_true, piecewise._clip_branch, piecewise.first_equal)
_KNOWN = {**TABLE, **TABLE.auxiliary, **{selector.name: selector for selector in _SELECTORS}}

# By the primitive itself: a user's own of the same name is another.
EMISSIONS = {_KNOWN[name]: row for name, row in ROWS.items()}
ARITHMETIC = {_KNOWN[name] for name in ("add", "sub", "mul", "neg", "pos", "square", "scale", "stopped")}
