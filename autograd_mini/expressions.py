"""Formulas typed by users, evaluated over the primitives and nothing else: no attribute, no import, no `eval`."""

from __future__ import annotations

import ast
import math
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from autograd_mini import functions
from autograd_mini.mathematics import in_python
from autograd_mini.primitives import TABLE, brief, to_float
from autograd_mini.suggesting import did_you_mean

LONGEST = 2_000  # characters; what is longer is a program. Not tuned
LARGEST_INTEGER = 10_000  # greater ones become floats, so that none can be the order of a polygamma
CONSTANTS = {"pi": math.pi, "e": math.e, "tau": math.tau, "inf": math.inf, "nan": math.nan}
OPERATORS: dict[type[ast.AST], str] = {
    ast.Add: "add",
    ast.Sub: "sub",
    ast.Mult: "mul",
    ast.Div: "div",
    ast.FloorDiv: "floordiv",
    ast.Mod: "mod",
    ast.Pow: "pow",
    ast.USub: "neg",
    ast.UAdd: "pos",
}
COMPARISONS: dict[type[ast.AST], Callable[[Any, Any], bool]] = {
    ast.Lt: lambda x, y: x < y,
    ast.LtE: lambda x, y: x <= y,
    ast.Gt: lambda x, y: x > y,
    ast.GtE: lambda x, y: x >= y,
    ast.Eq: lambda x, y: x == y,
    ast.NotEq: lambda x, y: x != y,
}


class ExpressionError(ValueError):
    """An expression is invalid, or the value given for one of its variables."""


class Expression:
    """A formula of numbers, variables and primitives, in Python's notation, such as `tanh(w*x + b)`, or as pictures
    write it, such as `tanh(w·x + b)²`.

    Args:
        text: the formula. It may call every primitive by its name, index its vector functions
            (`softmax([x, y])[0]`), compare (`where(x > 0, x, 0)`) and use pi, e, tau, inf and nan.

    Attributes:
        names: the variables, in the order in which they first occur.

    Raises:
        ExpressionError: a ValueError; the text is not such a formula.

    >>> from autograd_mini import Value
    >>> neuron = Expression("tanh(w*x + b)")
    >>> neuron.names
    ('w', 'x', 'b')
    >>> neuron.evaluate({"w": 0.5, "x": Value(2.0), "b": -1})
    Value(data=0.0, grad=0.0)
    """

    def __init__(self, text: str) -> None:
        if len(text) > LONGEST:
            raise ExpressionError(f"an expression has at most {LONGEST} characters, got {len(text)}; shorten it")
        try:
            self._tree = ast.parse(in_python(text.strip()), mode="eval").body
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            reason = error.msg if isinstance(error, SyntaxError) else "nested too deeply or not readable"
            raise ExpressionError(
                f"{brief(text)} is not an expression ({reason}); write one such as 'tanh(w*x + b)'"
            ) from None
        called = {id(node.func) for node in ast.walk(self._tree) if isinstance(node, ast.Call)}
        found = [node for node in ast.walk(self._tree) if isinstance(node, ast.Name) and id(node) not in called]
        found.sort(key=lambda node: (node.lineno, node.col_offset))
        self._mentioned = tuple(dict.fromkeys(node.id for node in found))
        self.names: tuple[str, ...] = tuple(name for name in self._mentioned if name not in CONSTANTS)

    def evaluate(self, variables: Mapping[str, Any]) -> Any:
        """The result for given variables: a number, a Value if any of them is one, or a list of those.

        Raises:
            ExpressionError: a ValueError; a variable is missing or occurs nowhere, or the formula contains
                something that is not allowed.
        """
        variables = {unicodedata.normalize("NFKC", name): value for name, value in variables.items()}
        for name in self.names:
            if name in TABLE and name not in variables:
                raise ExpressionError(f"{name} is a function; call it with its arguments in brackets")
            if name not in variables:
                raise ExpressionError(f"the expression needs a value for {name}; add {name}=…")
        for name in variables:
            if name not in self._mentioned:
                raise ExpressionError(
                    f"there is no {name} in the expression"
                    + did_you_mean(name, self._mentioned, "; leave out its value")
                )
        try:
            return _evaluate(self._tree, {**CONSTANTS, **variables})
        except RecursionError:
            raise ExpressionError("the expression is nested too deeply; split it up") from None


def _evaluate(node: ast.expr, variables: Mapping[str, Any]) -> Any:
    match node:
        case ast.Constant(value=bool() | complex() | str() | bytes() | None):
            pass
        case ast.Constant(value=int() | float() as number):
            return to_float(number, "") if abs(number) > LARGEST_INTEGER else number
        case ast.Name(id=name):
            return variables[name]
        case ast.UnaryOp(op=operator, operand=operand) if type(operator) in OPERATORS:
            return _apply(OPERATORS[type(operator)], [_evaluate(operand, variables)])
        case ast.BinOp(left=left, op=operator, right=right) if type(operator) in OPERATORS:
            return _apply(OPERATORS[type(operator)], [_evaluate(left, variables), _evaluate(right, variables)])
        case ast.Compare(left=left, ops=[operator], comparators=[right]) if type(operator) in COMPARISONS:
            x, y = _evaluate(left, variables), _evaluate(right, variables)
            if isinstance(x, (list, tuple)) or isinstance(y, (list, tuple)):
                raise ExpressionError("a comparison takes two numbers; choose components of the lists with [0]")
            return COMPARISONS[type(operator)](x, y)
        case ast.List(elts=items) | ast.Tuple(elts=items):
            return [_evaluate(item, variables) for item in items]
        case ast.Subscript(value=vector, slice=ast.Constant(value=int(index))):
            return _component(_evaluate(vector, variables), index)
        case ast.Call(func=ast.Name(id=name), args=args, keywords=keywords) if all(each.arg for each in keywords):
            options = {}
            for each in keywords:
                is_text = isinstance(each.value, ast.Constant) and isinstance(each.value.value, str)
                options[str(each.arg)] = ast.literal_eval(each.value) if is_text else _evaluate(each.value, variables)
            return _apply(name, [_evaluate(arg, variables) for arg in args], options)
    raise ExpressionError(
        f"{brief(ast.unparse(node))} is not allowed in an expression; it may hold numbers, variables, operators and "
        "calls of primitives"
    )


def _apply(name: str, args: Sequence[Any], options: Mapping[str, Any] | None = None) -> Any:
    if name not in TABLE:
        listed = "; `python -m autograd_mini primitives` lists them"
        raise ExpressionError(f"{name} is not a primitive{did_you_mean(name, TABLE, listed)}")
    function = getattr(functions, name, TABLE[name])
    try:
        return function(*args, **(options or {}))
    except (TypeError, ValueError, ArithmeticError) as error:
        raise ExpressionError(f"{name} cannot be applied here: {error}") from None


def _component(vector: Any, index: int) -> Any:
    if not isinstance(vector, (list, tuple)):
        raise ExpressionError(f"[{index}] follows a number; only vector functions such as softmax have components")
    if index >= len(vector):
        raise ExpressionError(f"[{index}] is beyond the last of {len(vector)} component(s); they count from 0")
    return vector[index]
