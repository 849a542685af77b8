"""The command line: `python -m autograd_mini draw "tanh(w*x + b)" w=0.5 x=2 b=-1 -o neuron.svg`, or `explain` in place
of `draw` for a page, neuron.html."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from autograd_mini.expressions import Expression, ExpressionError
from autograd_mini.formulas import formula
from autograd_mini.mathematics import number_formatter
from autograd_mini.primitives import TABLE, brief
from autograd_mini.value import Value


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return the exit status: 0, or 2 after an error, which is told in one sentence.

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
    if arguments[:1] in (["draw"], ["explain"]):
        _mark_expression(arguments)
    options, extras = parser.parse_known_args(arguments)
    if extras and (options.command == "primitives" or any(extra.startswith("-") for extra in extras)):
        parser.error(f"unrecognized arguments: {' '.join(extras)}")
    try:
        if options.command == "draw":
            _draw(options, [*options.variables, *extras])
        elif options.command == "explain":
            _explain(options, [*options.variables, *extras])
        else:
            _list_primitives()
        sys.stdout.flush()
    except BrokenPipeError:  # who read the output has gone, as in `… | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (ValueError, TypeError, RuntimeError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def _mark_expression(arguments: list[str]) -> None:
    """Put a blank in front of an expression such as -x, which would pass for an option."""
    index = 1
    while index < len(arguments) and arguments[index].partition("=")[0] in OPTIONS:
        index += 1 if "=" in arguments[index] else 2  # the option and its value
    if index < len(arguments) and arguments[index].startswith("-") and arguments[index] != "--":
        arguments[index] = " " + arguments[index]


OPTIONS = ("-h", "--help", "-o", "--output", "--format", "--direction", "--max-nodes")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m autograd_mini", description="Gradients and pictures of formulas.", allow_abbrev=False
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    draw = commands.add_parser(
        "draw", help="evaluate a formula, print its gradients, draw its graph", allow_abbrev=False
    )
    explain = commands.add_parser(
        "explain", help="write a page on which its gradients are computed step by step", allow_abbrev=False
    )
    for command, most in ((draw, 500), (explain, 150)):
        command.add_argument("expression", help="such as 'tanh(w*x + b)'")
        command.add_argument("variables", nargs="*", metavar="name=number", help="a value for each variable")
        command.add_argument("--format", default=".6g", help="how numbers are written (default: %(default)s)")
        command.add_argument("--max-nodes", type=int, default=most, metavar="n", help="how large a graph may be")
    draw.add_argument("-o", "--output", metavar="file", help="the picture: .svg, .png, .pdf or .dot")
    draw.add_argument("--direction", choices=("LR", "TB"), default="LR", help="left to right or top to bottom")
    explain.add_argument("-o", "--output", metavar="file", required=True, help="the page: .html")
    commands.add_parser("primitives", help="list all primitives")
    return parser


def _draw(options: argparse.Namespace, bindings: Sequence[str]) -> None:
    from autograd_mini.draw import draw
    from autograd_mini.draw.rendering import format_of

    if options.output is not None:
        format_of(options.output)
    y, variables = _differentiated(options.expression, bindings)
    _print_gradients(y, variables, options.format)
    if options.output is not None:
        drawing = draw(y, number_format=options.format, direction=options.direction, max_nodes=options.max_nodes)
        print(f"\npicture: {drawing.save(options.output)}")


def _explain(options: argparse.Namespace, bindings: Sequence[str]) -> None:
    from autograd_mini.explain import explain
    from autograd_mini.explain.page import html_path

    html_path(options.output)
    y, variables = _differentiated(options.expression, bindings)
    page = explain(y, max_nodes=options.max_nodes)
    _print_gradients(y, variables, options.format)
    print(f"\npage: {page.save(options.output)}")


def _differentiated(expression: str, bindings: Sequence[str]) -> tuple[Value, dict[str, Value]]:
    """The result after its backward pass, and the variables by name."""
    variables = _variables(bindings)
    y = Expression(expression).evaluate(variables)
    if isinstance(y, (list, tuple)):
        raise ExpressionError(f"the expression gives a list of {len(y)}; choose a component, as in softmax([x, y])[0]")
    if not isinstance(y, Value):
        y = Value(y, label=expression.strip())
    y.backward()
    return y, variables


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


def _list_primitives() -> None:
    rows = [("name", "arguments", "meaning")]
    for name, primitive in TABLE.items():
        count = "any number" if primitive.arity is None else str(primitive.arity)
        policy = f" Derivative: {primitive.policy}." if primitive.policy else ""
        rows.append((name, count, primitive.doc + policy))
    _print_table(rows, "<<<")


def _print_table(rows: Sequence[tuple[str, ...]], alignments: str) -> None:
    widths = [max(map(len, column)) for column in zip(*rows)]
    for row in rows:
        cells = (f"{cell:{alignment}{width}}" for cell, alignment, width in zip(row, alignments, widths))
        print("  ".join(cells).rstrip())


if __name__ == "__main__":
    sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]
    sys.exit(main())
