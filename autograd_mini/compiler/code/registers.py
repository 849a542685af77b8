"""SIMD registers as numbers, whose arithmetic writes LLVM's language.

A rule or a forward function of the table that is written in operators and primitives emits itself when it is run on
registers.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import Any

from autograd_mini.compiler.code import elementary
from autograd_mini.compiler.code.engine import addresses
from autograd_mini.compiler.code.libraries import announce, announce_libm, host_width, vector_name
from autograd_mini.compiler.code.loops import Function
from autograd_mini.primitives import Primitive

PURE = " nounwind willreturn memory(none)"
"""What LLVM is told of functions, so that it calls them once for the same numbers."""


RULES: dict[Primitive, Callable[..., Any]] = {}
"""What computes each primitive on cells; by the primitive itself, for a user's own of the same name is another."""


class Assembly(Function):
    """The text of a function of numbers `width` at a time; it gives LLVM no licence to change a result."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width
        self.type = "double" if width == 1 else f"<{width} x double>"
        self.truth = "i1" if width == 1 else f"<{width} x i1>"

    def define(self, text: str) -> Cell:
        """A new register that holds what `text` computes."""
        return Cell(self, self.let(text))

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
        """A call of a function of doubles, known by the name that the caller gives it for this width."""
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

    __slots__ = ("assembly", "constant", "name")

    def __init__(self, assembly: Assembly, name: str, constant: float | None = None) -> None:
        self.assembly = assembly
        self.name = name
        self.constant = constant

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
        return self.assembly.define(f"fneg {self.assembly.type} {self.name}")

    def __abs__(self) -> Cell:
        return self.assembly.intrinsic("fabs", self)

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


def emit(primitive: Primitive, args: Iterable[Any]) -> Any:
    """What computes a primitive on cells; a tuple for a selector of several results.

    Raises:
        NotImplementedError: there is no rule for it.
    """
    rule = RULES.get(primitive.base)
    if rule is None:
        raise NotImplementedError(primitive.name)
    assembly = next(arg.assembly for arg in args if isinstance(arg, Cell))
    return rule(*[assembly.cell(arg) for arg in args], **primitive.options)
