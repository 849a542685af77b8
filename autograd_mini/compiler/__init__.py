"""From scalar Python code to programs on arrays: trace, normalise, pack, differentiate, execute."""

from autograd_mini.compiler.compiled import Compiled
from autograd_mini.compiler.compiling import compile
from autograd_mini.compiler.ir.program import Program

__all__ = ["Compiled", "Program", "compile"]
