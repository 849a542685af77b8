"""The texts of functions that work on one memory: they gather numbers, compute sums term by term, or run a kernel on
all its columns."""

from __future__ import annotations

from collections.abc import Sequence

from autograd_mini.compiler.code.cells import Assembly, Cell
from autograd_mini.compiler.code.loops import Function

HEAD = "void @BODY(ptr %p, i64 %b, i64 %e)"
"""The signature of the bodies of kernels; here %p points to words, and the columns are not used."""

SECOND, LOW, SIGN = 32, 2**32 - 1, -(2**63)
"""A term is a word: the place of its first factor in the low half, that of its second one from bit SECOND on; the
highest bit is its sign."""


def _copy() -> str:
    function = Function()
    to, numbers, places, count = function.record("%p", "pppi")
    with function.over(count) as k:
        function.store("double", function.load("double", numbers, function.load("i64", places, k)), to, k)
    return function.text(HEAD, "ret void")


def _run() -> str:
    function = Function()
    drive, bodies, starts, count, pointers, *bounds = function.record("%p", "pppipiiiii")
    numbers = ", ".join(f"i64 {each}" for each in bounds)
    function.line(f"call void {drive}(ptr {bodies}, ptr {starts}, i64 {count}, ptr {pointers}, {numbers})")
    return function.text(HEAD, "ret void")


COPY = _copy()
"""Copies numbers from scattered places: its words are where they go, a memory, the places, and how many they are."""

RUN = _run()
"""Runs a kernel: its words are the address of `engine.DRIVE`, and the arguments of that."""


def terms(width: int, factors: int) -> str:
    """The text of a function that computes Σ ±x·y, or Σ ±x, for `width` lanes at a time, beginning with a zero.

    Its words are where sums go, a memory, the terms, where those of each register begin, how many registers there are,
    and the zero, as its sign matters.
    """
    asm = Assembly(width)
    to, numbers, words, starts, count, zero = asm.record("%p", "ppppii")
    first = asm.spread(asm.let(f"bitcast i64 {zero} to double"))
    integers = asm.type.replace("double", "i64")
    signs = str(SIGN) if width == 1 else f"<{', '.join([f'i64 {SIGN}'] * width)}>"
    with asm.over(count) as number:
        start, stop = asm.load("i64", starts, number), asm.load("i64", starts, asm.let(f"add i64 {number}, 1"))

        def term(k: str, total: str) -> Sequence[str]:
            here = asm.at("i64", words, asm.let(f"mul i64 {k}, {width}"))
            found: list[list[str]] = [[] for _ in range(factors)]
            for lane in range(width):
                word = asm.load("i64", here, lane)
                places = [asm.let(f"and i64 {word}, {LOW}")]
                if factors == 2:
                    high = asm.let(f"lshr i64 {word}, {SECOND}")
                    places.append(asm.let(f"and i64 {high}, {LOW >> 1}"))
                for each, place in zip(found, places):
                    each.append(asm.load("double", numbers, place))
            x, *others = (asm.register(each) for each in found)
            bits = asm.let(f"load {integers}, ptr {here}, align 8")
            bits = asm.let(f"and {integers} {bits}, {signs}")
            bits = asm.let(f"xor {integers} {bits}, {asm.let(f'bitcast {asm.type} {x} to {integers}')}")
            x = asm.let(f"bitcast {integers} {bits} to {asm.type}")
            for y in others:
                x = asm.let(f"fmul {asm.type} {x}, {y}")
            return [asm.let(f"fadd {asm.type} {total}, {x}")]

        (total,) = asm.loop(start, stop, term, [(asm.type, first.name)])
        asm.store(asm.type, total, asm.at("double", to, asm.let(f"mul i64 {number}, {width}")))
    return asm.text(HEAD, "ret void")


SIDE_BY_SIDE, ALL_ALIKE = 1, 0
"""The distance between the numbers that fill a register."""

REGISTERS = 4
"""How many registers are computed at a time, as none waits for the others."""


def regular_terms(width: int, steps: tuple[int, ...], n_terms: int, sign: float, *, across: bool, fused: bool) -> str:
    """The text of a function for Σ x·y, or Σ x; `steps` say whether a register's factors are side by side or all alike.

    Its words are a memory, the terms, interleaved for `REGISTERS` registers at a time, the places where sums go, how
    many registers there are, and the zero.

    Args:
        n_terms: how many terms each register has.
        sign: the sign of all terms.
        across: whether a register's numbers are added up to one sum.
    """
    asm = Assembly(width)
    numbers, words, places, count, zero = asm.record("%p", "pppii")
    first = asm.spread(asm.let(f"bitcast i64 {zero} to double"))

    def read(place: str, step: int) -> Cell:
        at = asm.at("double", numbers, place)
        if step == ALL_ALIKE:
            return asm.spread(asm.load("double", at))
        return asm.define(f"load {asm.type}, ptr {at}, align 8")

    with asm.over(count, step=REGISTERS) as number:
        here = asm.at("i64", words, asm.let(f"mul i64 {number}, {n_terms}"))

        def term(k: str, *before: str) -> Sequence[str]:
            at = asm.at("i64", here, asm.let(f"mul i64 {k}, {REGISTERS}"))
            found = []
            for register, total in enumerate(before):
                word = asm.load("i64", at, register)
                lows = asm.let(f"and i64 {word}, {LOW}"), asm.let(f"lshr i64 {word}, {SECOND}")
                x, *others = (read(place, step) for place, step in zip(lows, steps))
                if others and fused:
                    x = -x if sign < 0.0 else x
                    found.append(asm.intrinsic("fmuladd", x, others[0], Cell(asm, total)).name)
                    continue
                product = x * others[0] if others else x
                found.append((Cell(asm, total) + (-product if sign < 0.0 else product)).name)
            return found

        sums = asm.loop(0, n_terms, term, [(asm.type, first.name)] * REGISTERS)
        for register, total in enumerate(sums):
            to = asm.at("double", numbers, asm.load("i64", places, asm.let(f"add i64 {number}, {register}")))
            asm.store("double" if across else asm.type, asm.across(total) if across else total, to)
    return asm.text(HEAD, "ret void")
