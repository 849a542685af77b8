"""Write a compiled function as a file in C and its header."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from pathlib import Path

from autograd_mini.compiler.deriving import Plan
from autograd_mini.compiler.export.constants import Constants
from autograd_mini.compiler.export.exported import Exported
from autograd_mini.compiler.export.identifiers import require_identifier
from autograd_mini.compiler.export.interface import Interface
from autograd_mini.files import parts_used, write_whole

FUSED = """\
/* x*y + z, rounded once where that is as fast as twice. */
#ifdef FP_FAST_FMA
#define FUSED(x, y, z) fma(x, y, z)
#else
#define FUSED(x, y, z) ((x) * (y) + (z))
#endif
"""

SAYS = """\
/* {name}: a function written by autograd_mini, with its derivatives, in C99. It needs the C library's libm.

   arg and res point to the arrays of arguments and results, in C's order. A null pointer among the arguments stands
   for zeros; one among the results says that it is not wanted. w has room for as many doubles as {name}_work says;
   iw and mem are not used. Where nonzeros are counted, a matrix holds only these, column by column: sparsity_out gives
   the numbers of rows and columns, where each column starts, and the rows (of a matrix that is whole, a 1 instead).
   Nothing else is read or written, so functions may run in several threads at once, each with a w of its own.

   They return 0, or with results that are nan
   1  if the function would take another path through its branches than the one that was written,
   2  if derivatives are wanted where something is tied or at a kink, and the rules do not tell them. */
"""


def write(path: str | os.PathLike[str], name: str, plan: Plan, wrt: tuple[int, ...], order: int) -> None:
    """Write a file in C and its header, both or neither.

    Raises:
        OSError: they cannot be written.
        ValueError: the path is not that of a C file, the name is not one in C, or there is no C for an operation.
    """
    if Path(path).suffix != ".c":
        raise ValueError(f"export takes the path of a C file, such as 'f.c', got {os.fspath(path)!r}")
    require_identifier(name)
    header = Path(path).with_suffix(".h")
    try:
        texts = texts_of(Exported(name, plan, wrt), order, header.name)
    except NotImplementedError as error:
        raise ValueError(
            f"there is no C for {error} in {name} or its derivatives: C's library has no such function, and it is not "
            "written in operators and functions of autograd_mini alone; write it in these, or ask for fewer "
            "derivatives by order=…"
        ) from None
    before = Path(path).read_bytes() if Path(path).is_file() else None
    write_whole(path, texts[0].encode())
    try:
        write_whole(header, texts[1].encode())
    except BaseException:
        with suppress(OSError):
            Path(path).unlink() if before is None else write_whole(path, before)
        raise


def texts_of(exported: Exported, order: int, header: str) -> tuple[str, str]:
    """The texts of the file in C and of its header, whose name is given."""
    interface = Interface(exported, order, Constants())
    if interface.size >= LARGEST:
        raise ValueError(
            f"{exported.name} needs memory for {interface.size:,} numbers, more than C files can index, {LARGEST:,}"
        )
    constants = interface.constants
    definitions = [line for entry in interface.entries for line in entry.written(constants, interface.size)]
    body = "\n".join([*interface.lines, *definitions])
    says = SAYS.format(name=exported.name)
    text = (Path(__file__).parent / "vectors.c").read_text(encoding="utf-8")
    functions = {found: f"{each}\n" for each in text.split("\n\n") for found in re.findall(r"static \w+ (\w+)\(", each)}
    fused = [FUSED] if "FUSED(" in body else []
    file = [
        says,
        "#include <math.h>",
        f'#include "{header}"\n',
        *fused,
        *constants.written(body),
        "",
        *parts_used(body, functions),
        body,
    ]
    guard = f"{exported.name.upper()}_H"
    declarations = [line for entry in interface.entries for line in entry.declared()]
    return "\n".join(file), HEADER.format(says=says, guard=guard, declarations="\n".join(declarations))


LARGEST = 2**31
"""Memory for so many numbers or more cannot be indexed by an int."""

HEADER = """\
{says}
#ifndef {guard}
#define {guard}

#ifndef casadi_int
#define casadi_int long long int
#endif
#ifndef casadi_real
#define casadi_real double
#endif

#ifdef __cplusplus
extern "C" {{
#endif

{declarations}
#ifdef __cplusplus
}}
#endif

#endif /* {guard} */
"""
