"""The rows of the table computed as their C code does: operators on doubles, functions of libm by ctypes."""

import ctypes
import ctypes.util
import operator
from math import isnan

import numpy

from autograd_mini import TABLE
from autograd_mini.compiler.code.cells import Assembly, Cell
from autograd_mini.compiler.code.machine_rows import VECTORS, has_emission
from autograd_mini.primitives.symbols import lasting_formula
from tests.compiler.allowed import Library

LIBM = ctypes.CDLL(ctypes.util.find_library("m"))
OPERATORS = {
    "fadd": operator.add,
    "fsub": operator.sub,
    "fmul": operator.mul,
    "fdiv": lambda x, y: float(numpy.divide(x, y)),
    "fneg": operator.neg,
}
COMPARISONS = {
    "olt": operator.lt,
    "ole": operator.le,
    "ogt": operator.gt,
    "oge": operator.ge,
    "oeq": operator.eq,
    "une": operator.ne,
    "uno": lambda x, y: isnan(x) or isnan(y),
}


class Numbers(Assembly):
    """Numbers in place of the text of statements, so that writing a program computes it."""

    def __init__(self):
        super().__init__(1)

    def number(self, number):
        return Cell(self, number, number)

    def let(self, number):
        return number

    def define(self, number):
        return Cell(self, number)

    def operate(self, instruction, *args):
        return self.define(OPERATORS[instruction](*[arg.name for arg in args]))

    def compare(self, how, x, y):
        return COMPARISONS[how](x.name, y.name)

    def select(self, condition, x, y):
        return self.define(self.cell(x if condition else y).name)

    def libm(self, function, *args):
        called = LIBM[function]
        called.restype, called.argtypes = ctypes.c_double, [ctypes.c_double] * len(args)
        return self.define(called(*[arg.name for arg in args]))

    intrinsic = apply = libm

    def written_out(self, function, x):
        formula = lasting_formula(TABLE.auxiliary[function], 1) if function in TABLE.auxiliary else None
        return self.libm(function, x) if formula is None else formula(x)

    def power_of_two(self, exponent):
        return self.define(2.0 ** int(exponent.name))


class LibraryInC(Library):
    """The functions of the C library, for the contract of arithmetic."""

    def __init__(self):
        super().__init__("C")

    def single(self, primitive, args):
        if not has_emission(primitive, len(args)):
            return super().single(primitive, args)
        numbers = Numbers()
        cells = [numbers.number(arg) if type(arg) is float else numbers.define(float(arg)) for arg in args]
        return numbers.cell(primitive(*cells)).name

    def _vector(self, name, count, is_empty_zero):
        def run(column):
            numbers = Numbers()
            cells = [numbers.define(x) for x in column[:, 0].tolist()]
            found = VECTORS[name](cells, 0.0 if is_empty_zero else numpy.nan)
            return numpy.array([[cell.name] for cell in found])

        return run

    def _reduction(self, primitive, count):
        return lambda column: [self.single(primitive, [numpy.float64(x) for x in column[:, 0]])]
