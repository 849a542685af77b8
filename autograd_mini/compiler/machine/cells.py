"""Cells: SIMD registers as numbers, whose arithmetic writes LLVM's assembly.

A rule or a forward function of the table that is written in operators and primitives emits itself when it is run on
cells.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Iterable
from typing import Any

from autograd_mini.compiler.machine.libraries import vector_name
from autograd_mini.primitives import Primitive


class Assembly:
    """Lines of one function body for numbers `width` at a time; `contract` is the only licence it gives LLVM."""

    def __init__(self, width: int) -> None:
        self.width = width
        self.lines: list[str] = []
        self.declarations: set[str] = set()
        self.type = "double" if width == 1 else f"<{width} x double>"
        self.truth = "i1" if width == 1 else f"<{width} x i1>"
        self._count = 0

    def name(self) -> str:
        self._count += 1
        return f"%v{self._count}"

    def line(self, text: str) -> None:
        self.lines.append("  " + text)

    def define(self, text: str) -> Cell:
        """A new register that holds what `text` computes."""
        name = self.name()
        self.line(f"{name} = {text}")
        return Cell(self, name)

    def number(self, number: float) -> Cell:
        """A constant."""
        bits = f"0x{struct.unpack('<Q', struct.pack('<d', number))[0]:016X}"
        return Cell(self, bits if self.width == 1 else f"<{', '.join([f'double {bits}'] * self.width)}>", number)

    def call(self, function: str, *args: Cell) -> Cell:
        """A call of a function of doubles, known by the name that the caller gives it for this width."""
        types = ", ".join([self.type] * len(args))
        self.declarations.add(f"declare {self.type} @{function}({types})")
        return self.define(f"call {self.type} @{function}({', '.join(f'{self.type} {arg.name}' for arg in args)})")

    def libm(self, function: str, *args: Cell) -> Cell:
        """A function of libm: the whole register at once by libmvec, or number by number."""
        if self.width == 1:
            return self.call(function, *args)
        vector = vector_name(function, self.width, len(args))
        if vector is not None:
            return self.call(vector, *args)
        types = ", ".join(["double"] * len(args))
        self.declarations.add(f"declare double @{function}({types})")
        result = "poison"
        for lane in range(self.width):
            scalars = [self.define(f"extractelement {self.type} {arg.name}, i32 {lane}").name for arg in args]
            one = self.define(f"call double @{function}({', '.join(f'double {scalar}' for scalar in scalars)})")
            result = self.define(f"insertelement {self.type} {result}, double {one.name}, i32 {lane}").name
        return Cell(self, result)

    def intrinsic(self, function: str, *args: Cell) -> Cell:
        return self.call(f"llvm.{function}.{'' if self.width == 1 else f'v{self.width}'}f64", *args)

    def select(self, condition: str, x: Any, y: Any) -> Cell:
        x, y = self.cell(x), self.cell(y)
        return self.define(f"select {self.truth} {condition}, {self.type} {x.name}, {self.type} {y.name}")

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
        return self.assembly.define(f"{operation} contract {self.assembly.type} {x.name}, {y.name}")

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
        other, name = self.assembly.cell(other), self.assembly.name()
        self.assembly.line(f"{name} = fcmp {how} {self.assembly.type} {self.name}, {other.name}")
        return name

    def where(self, how: str, other: Any, x: Any, y: Any) -> Cell:
        """x where the comparison holds, else y."""
        return self.assembly.select(self.compare(how, other), x, y)

    @staticmethod
    def apply_primitive(primitive: Primitive, args: tuple[Any, ...]) -> Any:
        return emit(primitive, args)


def emit(primitive: Primitive, args: Iterable[Any]) -> Any:
    """What computes a primitive on cells; a tuple for a selector of several results.

    Raises:
        NotImplementedError: there is no emission for it.
    """
    row = ROWS.get(primitive.base.name)
    if row is not None:
        assembly = next(arg.assembly for arg in args if isinstance(arg, Cell))
        return row(*[assembly.cell(arg) for arg in args], **primitive.options)
    if primitive.base.name in WRITTEN_IN_PRIMITIVES:
        return primitive.forward(*args)
    raise NotImplementedError(primitive.name)


def has_emission(primitive: Primitive) -> bool:
    return primitive.base.name in ROWS or primitive.base.name in WRITTEN_IN_PRIMITIVES


WRITTEN_IN_PRIMITIVES = ("silu", "gelu", "pow_slope")
"""Rows whose forward function takes cells as it is."""

LIBM = (
    "exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "cbrt", "pow", "sin", "cos", "tan", "asin", "acos",
    "atan", "atan2", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh", "erf", "erfc", "hypot",
)  # fmt: skip
"""Functions of the C library's libm, and of libmvec by another name."""


def _libm(name: str) -> Callable[..., Any]:
    return lambda *args: args[0].assembly.libm(name, *args)


def _intrinsic(name: str) -> Callable[..., Any]:
    return lambda *args: args[0].assembly.intrinsic(name, *args)


def _comparison(how: str) -> Callable[..., Any]:
    return lambda x, y: x.where(how, y, 1.0, 0.0)


def _sigmoid(x: Cell) -> Cell:
    e: Cell = ROWS["exp"](-abs(x))
    return x.where("oge", 0.0, 1.0, e) / (1.0 + e)


def _softplus(x: Cell) -> Cell:
    rest: Cell = ROWS["log1p"](ROWS["exp"](-abs(x)))
    return x.where("olt", 0.0, 0.0, x) + rest


def _sech(x: Cell) -> Cell:
    e: Cell = ROWS["exp"](-abs(x))
    return 2.0 * e / (1.0 + e * e)


def largest(x: Cell, y: Cell) -> Cell:
    """The first that is larger; nan if any is."""
    return x.assembly.select(x.compare("uno", y), x + y, x.where("olt", y, y, x))


def smallest(x: Cell, y: Cell) -> Cell:
    return x.assembly.select(x.compare("uno", y), x + y, x.where("ogt", y, y, x))


def _clip(x: Cell, low: Cell, high: Cell) -> Cell:
    limited = x.where("olt", low, low, x)
    limited = limited.where("ogt", high, high, limited)
    return (
        (x + low + high).where("uno", 0.0, x + low + high, limited)
        if _may_be_nan(low, high)
        else (x.where("uno", 0.0, x, limited))
    )


def _may_be_nan(*bounds: Cell) -> bool:
    return any(bound.constant is None or math.isnan(bound.constant) for bound in bounds)


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


ROWS: dict[str, Callable[..., Any]] = {
    "add": lambda x, y: x + y,
    "sub": lambda x, y: x - y,
    "mul": lambda x, y: x * y,
    "div": lambda x, y: x / y,
    "neg": lambda x: -x,
    "pos": lambda x: x,
    "stopped": lambda x: x,
    "square": lambda x: x * x,
    "reciprocal": lambda x: 1.0 / x,
    "fma": _intrinsic("fma"),
    "scale": lambda x, y: x.where("oeq", 0.0, 0.0, x * y),
    "ratio": lambda x, y: x.where("oeq", 0.0, 0.0, x / y),
    "sqrt": _intrinsic("sqrt"),
    "abs": abs,
    "sigmoid": _sigmoid,
    "softplus": _softplus,
    "log_sigmoid": lambda x: -_softplus(-x),
    "sech": _sech,
    "one_minus_square": lambda x: (1.0 - x) * (1.0 + x),
    "degrees": lambda x: x * (180.0 / math.pi),
    "radians": lambda x: x * (math.pi / 180.0),
    "floor": _intrinsic("floor"),
    "ceil": _intrinsic("ceil"),
    "trunc": _intrinsic("trunc"),
    "rint": _intrinsic("roundeven"),
    "sign": lambda x: x.where("olt", 0.0, -1.0, x.where("ogt", 0.0, 1.0, abs(x))),
    "copysign": _intrinsic("copysign"),
    "maximum": largest,
    "minimum": smallest,
    "clip": _clip,
    "where": lambda condition, x, y: condition.where("une", 0.0, x, y),
    "relu": lambda x, at_zero=1.0: x.where("olt", 0.0, 0.0, x),
    "leaky_relu": lambda x, slope: x.where("oge", 0.0, x, slope * x),
    "elu": lambda x, alpha: x.where("oge", 0.0, x, alpha * ROWS["expm1"](x)),
    "less": _comparison("olt"),
    "less_equal": _comparison("ole"),
    "equal": _comparison("oeq"),
    "not_equal": _comparison("une"),
    "greater": _comparison("ogt"),
    "greater_equal": _comparison("oge"),
    "at_least": lambda x, y: x.where("olt", y, 0.0, 1.0),
    "step": lambda x, at_zero: x.where("oeq", 0.0, at_zero, x.where("olt", 0.0, 0.0, 1.0)),
    "is_true": lambda x: x.where("une", 0.0, 1.0, 0.0),
    "first_equal": first_equal,
    "clip_branch": _clip_branch,
    **{name: _libm(name) for name in LIBM},
}
"""Every row with machine code by its name; others run in NumPy."""
