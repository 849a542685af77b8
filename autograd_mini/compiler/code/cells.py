"""Cells: SIMD registers as numbers, whose arithmetic writes LLVM's assembly.

A rule or a forward function of the table that is written in operators and primitives emits itself when it is run on
cells.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from autograd_mini.compiler.code import elementary
from autograd_mini.compiler.code.engine import addresses
from autograd_mini.compiler.code.libraries import announce, announce_libm, host_width, vector_name
from autograd_mini.compiler.code.loops import Function
from autograd_mini.primitives import Part, Primitive
from autograd_mini.primitives.symbols import Number, lasting_formula

EMISSIONS: dict[Primitive, Callable[..., Any]] = {}
"""For each primitive that is not defined by others, the function that writes its code on cells; `machine_rows` fills
it. Keys are primitives, not names: a user's own of the same name is another."""

SHORT = 8
"""The most characters of a constant that is written as a decimal: short texts are parsed faster."""

PURE = " nounwind willreturn memory(none)"
"""Attributes of functions that let LLVM call one only once for the same numbers."""


class Assembly(Function):
    """The text of a function of numbers `width` at a time; it gives LLVM no licence to change a result.

    `is_exact` tells whether all results are rounded as IEEE 754 requires; those of library functions are not.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width
        self.type: str = "double" if width == 1 else f"<{width} x double>"
        self.truth: str = "i1" if width == 1 else f"<{width} x i1>"
        self.is_exact: bool = True
        self._known: dict[str, Cell] = {}

    def begin(self, block: str) -> None:
        """Begin a block, in which registers of other blocks may be undefined."""
        super().begin(block)
        self._known.clear()

    def define(self, text: str) -> Cell:
        """The register that holds what `text` computes; equal texts share one, unless they read from memory."""
        if text not in self._known or text.startswith("load"):
            self._known[text] = Cell(self, self.let(text))
        return self._known[text]

    def number(self, number: float) -> Cell:
        """A constant."""
        text = repr(number)
        if "." not in text or len(text) > SHORT:  # LLVM reads a decimal as Python does, if it has a point
            text = f"0x{struct.unpack('<Q', struct.pack('<d', number))[0]:016X}"
        return Cell(self, text if self.width == 1 else f"<{', '.join([f'double {text}'] * self.width)}>", number)

    def spread(self, number: str) -> Cell:
        """A register full of one double."""
        return Cell(self, self.filled("double", number, self.width))

    def apply(self, function: str, *args: Cell) -> Cell:
        """Call a function of doubles, by the symbol that LLVM knows it by for this width."""
        types = ", ".join([self.type] * len(args))
        self.declarations.add(f"declare {self.type} @{function}({types}){PURE}")
        return self.define(f"call {self.type} @{function}({', '.join(f'{self.type} {arg.name}' for arg in args)})")

    def libm(self, function: str, *args: Cell) -> Cell:
        """Call a function of libm, by the same code for every width: by the vector function of whole registers if there
        is one, even for a single number, or else number by number."""
        self.is_exact = False
        if function in elementary.OF_ANGLES:
            return self._of_angle(function, args[0])
        width = host_width()
        symbol = vector_name(function, width, len(args))
        if symbol is None:
            width, symbol = self.width, own_function(function, self.width)
        if symbol is None:
            announce_libm(function)
            width, symbol = 1, function
        return self.apply(symbol, *args) if width == self.width else self.in_parts(symbol, width, args)

    def _of_angle(self, function: str, x: Cell) -> Cell:
        kind, symbol = f"{{{self.type}, {self.type}}}", own_function(elementary.OF_ANGLES[0], self.width)  # for both
        self.declarations.add(f"declare {kind} @{symbol}({self.type}){PURE}")
        pair = self.define(f"call {kind} @{symbol}({self.type} {x.name})").name
        return self.define(f"extractvalue {kind} {pair}, {elementary.OF_ANGLES.index(function)}")

    def in_parts(self, function: str, width: int, args: Sequence[Cell]) -> Cell:
        """Call a function of `width` numbers for each part of a register; a short one is filled with its first ones."""
        part = Assembly(width).type
        signature = f"{part} @{function}({', '.join([part] * len(args))})"
        self.declarations.add(f"declare {signature}{PURE}")
        numbers = [self._numbers(arg.name, self.width) for arg in args]
        found: list[str] = []
        for first in range(0, self.width, width):
            places = [place % self.width for place in range(first, first + width)]
            given = ", ".join(f"{part} {self.register([each[place] for place in places])}" for each in numbers)
            found += self._numbers(self.define(f"call {part} @{function}({given})").name, width)
        return Cell(self, self.register(found[: self.width]))

    def _numbers(self, register: str, width: int) -> list[str]:
        """The numbers in a register of some width."""
        if width == 1:
            return [register]
        lanes = range(width)
        return [self.define(f"extractelement <{width} x double> {register}, i32 {lane}").name for lane in lanes]

    def register(self, numbers: Sequence[str]) -> str:
        """A register that holds these numbers."""
        if len(numbers) == 1:
            return numbers[0]
        register = "poison"
        for lane, number in enumerate(numbers):
            text = f"insertelement <{len(numbers)} x double> {register}, double {number}, i32 {lane}"
            register = self.define(text).name
        return register

    def across(self, register: str) -> str:
        """The sum of a register's numbers, of one half plus the other until a single number is left."""
        width = self.width
        while width > 1:
            kind, half = f"<{width} x double>", width // 2
            parts = [
                self.let(f"shufflevector {kind} {register}, {kind} poison, <{half} x i32> <{lanes}>")
                for lanes in (", ".join(f"i32 {lane}" for lane in range(first, first + half)) for first in (0, half))
            ]
            register = self.let(f"fadd <{half} x double> {parts[0]}, {parts[1]}")
            width = half
        return register if self.width == 1 else self.let(f"extractelement <1 x double> {register}, i32 0")

    def operate(self, instruction: str, *args: Cell) -> Cell:
        """An instruction of LLVM's for doubles: fadd, fsub, fmul, fdiv, fneg."""
        return self.define(f"{instruction} {self.type} {', '.join([arg.name for arg in args])}")

    def compare(self, how: str, x: Cell, y: Cell) -> str:
        """The register of the truth of a comparison: olt, oeq, uno, une …"""
        return self.define(f"fcmp {how} {self.type} {x.name}, {y.name}").name

    def intrinsic(self, function: str, *args: Cell) -> Cell:
        return self.apply(f"llvm.{function}.{'' if self.width == 1 else f'v{self.width}'}f64", *args)

    def select(self, condition: str, x: Any, y: Any) -> Cell:
        x, y = self.cell(x), self.cell(y)
        return self.define(f"select {self.truth} {condition}, {self.type} {x.name}, {self.type} {y.name}")

    def written_out(self, function: str, x: Cell) -> Cell:
        """A function of our own, written inline, so that it shares its parts with others."""
        return elementary.WRITTEN_OUT[function](x)

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


class Cell(Number):
    """A register, or a constant."""

    __slots__ = ("assembly", "condition", "constant", "name", "negative_of")

    def __init__(self, assembly: Assembly, name: str, constant: float | None = None) -> None:
        self.assembly: Assembly = assembly
        self.name: str = name
        self.constant: float | None = constant
        self.condition: str | None = None  # the condition for which this is 1 or 0
        self.negative_of: Cell | None = None

    def compare(self, how: str, other: Any) -> str:
        """The truth of a comparison: olt, oeq, uno, une …"""
        return self.assembly.compare(how, self, self.assembly.cell(other))

    def where(self, how: str, other: Any, x: Any, y: Any) -> Cell:
        """x where the comparison holds, else y."""
        return self.assembly.select(self.compare(how, other), x, y)

    @staticmethod
    def apply_primitive(primitive: Primitive, args: tuple[Any, ...]) -> Any:
        """Apply a primitive to cells and numbers; a selector of several results gives a tuple.

        Raises:
            NotImplementedError: there is no machine code for it.
        """
        if isinstance(primitive, Part):
            return primitive.whole(*args)[primitive.part]
        row = EMISSIONS.get(primitive.base)
        if row is not None:
            assembly = next(arg.assembly for arg in args if isinstance(arg, Cell))
            return row(*map(assembly.cell, args), **primitive.options)
        formula = lasting_formula(primitive, len(args))
        if formula is None:
            raise NotImplementedError(primitive.name)
        return formula(*args)


@cache
def own_function(name: str, width: int) -> str | None:
    """The symbol of a function of `elementary` for registers of this width, made known to LLVM; None if there is
    none."""
    if name not in elementary.FUNCTIONS:
        return None
    assembly, function = Assembly(width), elementary.FUNCTIONS[name]
    kind, x, symbol = assembly.type, Cell(assembly, "%x"), f"autograd_mini.{function.__name__}.{width}"
    if name in elementary.OF_ANGLES:
        kind = f"{{{kind}, {kind}}}"
        _write_angles(assembly, x, kind)
    else:
        assembly.line(f"ret {kind} {function(x).name}")
    (address,) = addresses([assembly.text(f"{kind} @BODY({assembly.type} %x)")], keep=True)
    announce(symbol, address)
    return symbol


def _write_angles(assembly: Assembly, x: Cell, pair: str) -> None:
    """Write sine and cosine; for numbers that are too large, or inf or nan, libm's, without changing the others."""

    def unless_below(size: float, block: str) -> str:
        """Go on in another block unless all numbers are below a size; return which are."""
        each: str = abs(x).compare("olt", size)
        every = each
        if assembly.width > 1:
            every = assembly.call("i1", f"llvm.vector.reduce.and.v{assembly.width}i1", f"{assembly.truth} {each}")
        assembly.unless(every, block)
        return each

    def give(sine: Cell, cosine: Cell) -> None:
        first = assembly.let(f"insertvalue {pair} poison, {assembly.type} {sine.name}, 0")
        assembly.line(f"ret {pair} {assembly.let(f'insertvalue {pair} {first}, {assembly.type} {cosine.name}, 1')}")

    unless_below(elementary.SMALL_ANGLE, "turned")
    give(*elementary.of_small_angle(x, x, assembly.number(0.0)))
    assembly.begin("turned")
    found = elementary.sin_and_cos(x)
    is_small = unless_below(elementary.LARGEST_ANGLE, "large")
    give(*found)
    assembly.begin("large")
    for name in elementary.OF_ANGLES:
        announce_libm(name)
    theirs = [assembly.in_parts(name, 1, [x]) for name in elementary.OF_ANGLES]
    give(*[assembly.select(is_small, *each) for each in zip(found, theirs)])
