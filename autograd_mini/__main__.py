"""The command line: `autograd_mini draw "tanh(w*x + b)" w=0.5 x=2 b=-1 -o neuron.svg`, or `python -m autograd_mini …`.

`grad` prints the gradients alone, `explain` writes a page, `check` compares the derivatives with difference quotients.
Formulas are read by `Expression`: numbers, variables, operators and primitives only, so that none can run other code.
"""

from __future__ import annotations

import argparse
import errno
import os
import sys
from collections.abc import Callable, Sequence
from inspect import Parameter, Signature
from typing import Any, TextIO

from autograd_mini import __version__
from autograd_mini.expressions import Expression, ExpressionError
from autograd_mini.formulas import formula
from autograd_mini.mathematics import number_formatter
from autograd_mini.primitives import TABLE, Primitive, brief
from autograd_mini.suggesting import did_you_mean
from autograd_mini.value import Value


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status: 0 on success, 1 if `check` does not confirm a derivative, 2 after an
    error, which is reported in one sentence.

    >>> main(["draw", "w*x", "w=2", "x=3"])
    w·x = 6
    <BLANKLINE>
    name  value  gradient
    w         2         3
    x         3         2
    0
    """
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    parser = _parser()
    name = arguments[0] if arguments else ""
    if name in COMMANDS and name != "primitives":
        _mark_expression(arguments)
    elif name not in COMMANDS and not name.startswith("-") and name:
        choices = f"; choose one of {', '.join(COMMANDS)}"
        parser.error(f"no command is named {name!r}{did_you_mean(name, COMMANDS, choices)}")
    options, extras = parser.parse_known_args(arguments)
    if extras and (options.command == "primitives" or any(extra.startswith("-") for extra in extras)):
        parser.error(f"unrecognized arguments: {' '.join(extras)}")
    try:
        status = COMMANDS[options.command][0](options, [*getattr(options, "variables", ()), *extras])
        sys.stdout.flush()
    except (ValueError, TypeError, RuntimeError, OSError) as error:
        if is_broken_pipe(error):  # the reader of the output has gone away, as in `… | head`
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0
        print(f"{styled('error:', RED, sys.stderr)} {error}", file=sys.stderr)
        return 2
    return status


def is_broken_pipe(error: Exception) -> bool:
    """Whether an error means that nobody reads the output any more, which Windows reports as EINVAL."""
    is_invalid = isinstance(error, OSError) and error.errno == errno.EINVAL and error.filename is None
    return isinstance(error, BrokenPipeError) or (sys.platform == "win32" and is_invalid)


def run() -> int:
    """Run the command `autograd_mini`, writing `?` for characters that the encoding of a stream lacks."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]
    return main()


def _mark_expression(arguments: list[str]) -> None:
    """Put a blank in front of an expression such as -x, which argparse would take for an option."""
    index = 1
    while index < len(arguments) and arguments[index].partition("=")[0] in OPTIONS:
        index += 1 if "=" in arguments[index] else 2  # the option and its value
    if index < len(arguments) and arguments[index].startswith("-") and arguments[index] != "--":
        arguments[index] = " " + arguments[index]


OPTIONS = ("-h", "--help", "-o", "--output", "--format", "--direction", "--max-nodes", "--order")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="autograd_mini", description="Gradients and pictures of formulas.", allow_abbrev=False
    )
    parser.add_argument("--version", action="version", version=f"autograd_mini {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    made = {
        name: commands.add_parser(name, help=text, description=text, allow_abbrev=False)
        for name, (_, text) in COMMANDS.items()
    }
    made.pop("primitives").add_argument("name", nargs="?", help="such as tanh")
    for command in made.values():
        command.add_argument("expression", help="such as 'tanh(w*x + b)': numbers, variables, operators, primitives")
        command.add_argument("variables", nargs="*", metavar="name=number", help="a value for each variable")
        command.add_argument("--format", default=".6g", help="how numbers are written (default: %(default)s)")
    for name, most in (("draw", 500), ("explain", 150)):
        made[name].add_argument("--max-nodes", type=int, default=most, metavar="n", help="maximum number of nodes")
    draw, explain = made["draw"], made["explain"]
    draw.add_argument("-o", "--output", metavar="file", help="the picture: .svg, .png, .pdf or .dot")
    draw.add_argument("--direction", choices=("LR", "TB"), default="LR", help="left to right or top to bottom")
    explain.add_argument("-o", "--output", metavar="file", required=True, help="the page: .html")
    made["check"].add_argument("--order", type=int, choices=(1, 2, 3), default=1, help="the highest order to check")
    return parser


def _grad(options: argparse.Namespace, bindings: Sequence[str]) -> int:
    _print_gradients(*_differentiated(options.expression, bindings), options.format)
    return 0


def _check(options: argparse.Namespace, bindings: Sequence[str]) -> int:
    from autograd_mini.testing import GradientError, UndecidedError, check_gradients

    variables, expression = _variables(bindings), Expression(options.expression)
    if not variables:
        raise ExpressionError("there is no variable to differentiate; write one, and its value as name=number")

    def y(*numbers: Any) -> Any:
        return one_number(expression.evaluate(dict(zip(variables, numbers))))

    y.__signature__ = Signature([Parameter(name, Parameter.POSITIONAL_ONLY) for name in variables])  # type: ignore[attr-defined]
    try:
        print(check_gradients(y, *[x.data for x in variables.values()], order=options.order))
    except (GradientError, UndecidedError) as error:
        print(error)
        return 1
    return 0


def _draw(options: argparse.Namespace, bindings: Sequence[str]) -> int:
    from autograd_mini.draw import draw
    from autograd_mini.draw.images.rendering import format_of

    if options.output is not None:
        format_of(options.output)
    y, variables = _differentiated(options.expression, bindings)
    _print_gradients(y, variables, options.format)
    if options.output is not None:
        drawing = draw(y, number_format=options.format, direction=options.direction, max_nodes=options.max_nodes)
        print(f"\npicture: {drawing.save(options.output)}")
    return 0


def _explain(options: argparse.Namespace, bindings: Sequence[str]) -> int:
    from autograd_mini.explain import explain
    from autograd_mini.explain.page import html_path

    html_path(options.output)
    y, variables = _differentiated(options.expression, bindings)
    page = explain(y, max_nodes=options.max_nodes)
    _print_gradients(y, variables, options.format)
    print(f"\npage: {page.save(options.output)}")
    return 0


def _differentiated(expression: str, bindings: Sequence[str]) -> tuple[Value, dict[str, Value]]:
    """The result after its backward pass, and the variables by name."""
    variables = _variables(bindings)
    y: Any = one_number(Expression(expression).evaluate(variables))
    if not isinstance(y, Value):
        y = Value(y, label=expression.strip())
    y.backward()
    return y, variables


def one_number(y: Any) -> Any:
    """The result of an expression, which must not be a list."""
    if isinstance(y, (list, tuple)):
        raise ExpressionError(f"the expression gives a list of {len(y)}; choose a component, as in softmax([x, y])[0]")
    return y


def _print_gradients(y: Value, variables: dict[str, Value], number_format: str) -> None:
    number = number_formatter(number_format)
    print(f"{formula(y, number_format=number_format)} = {number(y.data)}")
    if variables:
        rows = [(name, number(x.data), number(x.grad)) for name, x in variables.items()]
        print()
        _print_table([("name", "value", "gradient"), *rows], "<>>")


def _variables(bindings: Sequence[str]) -> dict[str, Value]:
    variables: dict[str, Value] = {}
    for binding in bindings:
        name, equals, number = binding.partition("=")
        name = name.strip()
        if not equals or not name.isidentifier():
            raise ExpressionError(f"a variable is given as name=number, such as x=2, got {brief(binding)}")
        if name in variables:
            raise ExpressionError(f"{name} is given twice; give it one value")
        try:
            variables[name] = Value(float(number), label=name)
        except ValueError:
            raise ExpressionError(f"the value of {name} must be a number, got {brief(number)}") from None
    return variables


def _primitives(options: argparse.Namespace, bindings: Sequence[str]) -> int:
    if options.name is not None:
        print(_described(options.name))
        return 0
    rows = [("name", "arguments", "meaning")]
    for name, primitive in TABLE.items():
        policy = f" Derivative: {primitive.policy}." if primitive.policy else ""
        rows.append((name, _count(primitive), primitive.doc + policy))
    _print_table(rows, "<<<")
    return 0


def _count(primitive: Primitive) -> str:
    return "any number" if primitive.arity is None else str(primitive.arity)


def _described(name: str) -> str:
    """All that the table says about one primitive, as text."""
    primitive = TABLE.get(name) or next((each for each in TABLE.values() if name in each.aliases), None)
    if primitive is None:
        raise ValueError(f"no primitive is named {brief(name)}{did_you_mean(name, TABLE)}")
    lines = {
        "arguments": _count(primitive),
        "domain": ", ".join(f"({low:g}, {high:g})" for low, high in primitive.domain),
        "kinks": "; ".join(", ".join(f"{x:g}" for x in kink) for kink in primitive.kinks),
        "derivative": primitive.policy and f"where it is a choice: {primitive.policy}",
        "example": primitive.example,
        "also": ", ".join(primitive.aliases),
    }
    told = [f"{part:10}  {text}" for part, text in lines.items() if text]
    return "\n".join([f"{styled(primitive.name, BOLD, sys.stdout)}: {primitive.doc}", *told])


def _print_table(rows: Sequence[tuple[str, ...]], alignments: str) -> None:
    widths = [max(map(len, column)) for column in zip(*rows)]
    for place, row in enumerate(rows):
        cells = (f"{cell:{alignment}{width}}" for cell, alignment, width in zip(row, alignments, widths))
        line = "  ".join(cells).rstrip()
        print(line if place else styled(line, BOLD, sys.stdout))


BOLD, RED = "1", "31"


def styled(text: str, code: str, stream: TextIO) -> str:
    """The text in a colour or weight, if the stream is a terminal that supports them and NO_COLOR is not set."""
    knows = "WT_SESSION" in os.environ if sys.platform == "win32" else os.environ.get("TERM") != "dumb"
    is_plain = not stream.isatty() or not knows or os.environ.get("NO_COLOR")
    return text if is_plain else f"\x1b[{code}m{text}\x1b[0m"


COMMANDS: dict[str, tuple[Callable[[argparse.Namespace, Sequence[str]], int], str]] = {
    "grad": (_grad, "evaluate a formula and print its gradients"),
    "draw": (_draw, "evaluate a formula, print its gradients and draw its graph"),
    "explain": (_explain, "write a page on which a formula's gradients are computed step by step"),
    "check": (_check, "compare a formula's derivatives with difference quotients"),
    "primitives": (_primitives, "list all primitives, or describe one"),
}

if __name__ == "__main__":
    sys.exit(run())
