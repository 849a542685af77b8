"""From scalar Python code to array programs: trace, normalise, pack, reverse, recognise, execute."""

from autograd_mini.compiler.compiled import Compiled
from autograd_mini.compiler.compiling import compile
from autograd_mini.compiler.ir.program import Program

__all__ = ["Compiled", "Program", "compile"]
