"""Translates primitives to JavaScript: the functions and rules of the table, found by running its rows on symbols."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from math import isnan
from pathlib import Path
from typing import Any

from autograd_mini.files import parts_used
from autograd_mini.primitives import TABLE, Part, Primitive, special
from autograd_mini.primitives.symbols import RuleRecorder, Unknown, formula_of, is_own

ASSETS = Path(__file__).parent / "assets"

TRUTH = " ? 1 : 0"
OPERATORS = {
    **{name: f"{{}} {TABLE[name].symbol} {{}}" for name in ("add", "sub", "mul", "div")},
    "reciprocal": "1 / {}",
    "fmod": "{} % {}",
    "neg": "-{}",
    "pos": "{}",
    "stopped": "{}",
}
for _name in ("less", "less_equal", "equal", "not_equal", "greater", "greater_equal"):
    _sign = TABLE.auxiliary[_name].symbol
    OPERATORS[_name] = f"{{}} {_sign}{'=' * (_sign in ('==', '!='))} {{}}{TRUTH}"
MATH = (
    "abs sqrt cbrt floor ceil trunc exp expm1 log log2 log10 log1p sin cos tan asin acos atan "
    "sinh cosh tanh asinh acosh atanh"
)
CALLS = {
    **{name: f"Math.{name}({{}})" for name in MATH.split()},
    "exp2": "pow(2, {})",
    "atan2": "Math.atan2({}, {})",
    "maximum": "max([{}, {}])",
    "minimum": "min([{}, {}])",
}
SAME = {"norm": "hypot"}
"""Primitives that have another name in `functions.js`."""

CONSTANTS = ("BERNOULLI", "AT_TWO", "AT_ROOT", "ROOT", "ROOT_REST")
PLAIN = re.compile(r"[\w.$\[\]]+|[\w.]+\([^()]*\)")
"""Matches what needs no brackets within a formula: a name, a number, a call."""


def row_name(operation: Primitive, n_args: int) -> str:
    """The name of an operation in `rows`; it includes the number of arguments if that is not fixed.

    >>> from autograd_mini.primitives import TABLE
    >>> row_name(TABLE["tanh"], 1), row_name(TABLE["softmax"].variant(index=1), 3)
    ('tanh', 'softmax(index=1) of 3')
    """
    options = ", ".join(f"{key}={value}" for key, value in operation.options.items())
    name = f"{operation.name}({options})" if options else operation.name
    if isinstance(operation, Part):
        name += f"[{operation.part}]"
    return name if operation.arity is not None else f"{name} of {n_args}"


def table(operations: Iterable[tuple[Primitive, int]]) -> str:
    """JavaScript that declares `rows`: for each operation, by its `row_name`, its function `forward(x, …)` and its
    rule `partials(out, x, …)`, which returns an array. If it has kinks, `tied(out, x, …)` tells whether the arguments
    lie on one, so that the local derivatives are a choice. Operations of any number of arguments take one array.

    Args:
        operations: each with its number of arguments: `(node.operation, len(node.parents))` of a graph.

    Raises:
        ValueError: one is a user's own, not written in operators and functions of `autograd_mini`.

    >>> from autograd_mini.primitives import TABLE
    >>> print(table([(TABLE["mul"], 2), (TABLE["exp"], 1)]))
    const rows = (() => {
    return {
    "mul": {forward: (x, y) => x * y, partials: (out, x, y) => [y, x]},
    "exp": {forward: (x) => Math.exp(x), partials: (out, x) => [out]},
    };
    })();
    """
    writer = _Writer()
    rows = [writer.row(operation, n_args) for operation, n_args in dict.fromkeys(operations)]
    body = ["return {", *rows, "};"]
    functions = [*writer.functions.values()]
    functions += parts_used("\n".join([*functions, *body]), _written_by_hand())
    return "\n".join(["const rows = (() => {", *functions, *body, "})();"])


@lru_cache(maxsize=1)
def _written_by_hand() -> dict[str, str]:
    """The code of the functions in `functions.js`, and of the constants they use, by name."""
    paragraphs = (ASSETS / "functions.js").read_text(encoding="utf-8").strip().split("\n\n")
    found = {}
    for paragraph in paragraphs:
        match = re.search(r"^function (\w+)", paragraph, re.MULTILINE)
        if match:
            found[match[1]] = paragraph
    constants = {name: getattr(special, name) for name in CONSTANTS}
    return found | {name: f"const {name} = {json.dumps(numbers)};" for name, numbers in constants.items()}


class _Term(Unknown):
    """A symbolic number in a rule, whose comparisons are symbolic numbers too, 1 or 0."""

    __slots__ = ()

    def __eq__(self, other: object) -> Any:
        return TABLE.auxiliary["equal"](self, other)

    def __gt__(self, other: Any) -> Any:
        return TABLE.auxiliary["greater"](self, other)

    __hash__ = Unknown.__hash__


class _Rule(RuleRecorder):
    """Records what a rule computes of `out` and the arguments."""

    kind = _Term


class _Writer:
    """Writes rows, and collects the functions that they need.

    Attributes:
        functions: the code of those written from formulas, by name.
    """

    def __init__(self) -> None:
        self.functions: dict[str, str] = {}

    def row(self, operation: Primitive, n_args: int) -> str:
        """One row, as a property of a JavaScript object."""
        parameters, names = _arguments(operation, n_args)
        rules = {"partials": self._rule(operation, "partials", names)}
        if operation.tied is not None:
            rules["tied"] = self._rule(operation, "tied", names).removesuffix(TRUTH)
        parts = [f"forward: ({parameters}) => {self._call(operation, names)}"]
        parts += [f"{part}: (out, {parameters}) => {text}" for part, text in rules.items() if text]
        row = f"{json.dumps(row_name(operation, n_args))}: {{{', '.join(parts)}}},"
        return row.replace(f"[{', '.join(names)}]", parameters) if operation.arity is None else row

    def _rule(self, operation: Primitive, part: str, names: Sequence[str]) -> str:
        """The body of `partials` or `tied`; empty if `tied` is never true."""
        recorder = _Rule(1 + len(names))
        try:
            found = getattr(operation, part)(*recorder.args)
            places = [recorder.place(each, operation.name) for each in (found if part == "partials" else [found])]
        except Exception:  # a user's function may raise anything on symbols
            if not is_own(operation):
                raise
            recorder.is_decided = True
        if recorder.is_decided:
            raise ValueError(_not_written(operation, part))
        if found is False:
            return ""
        form = "[{}]" if part == "partials" else "{}"
        return self._body(["out", *names], recorder.constants, recorder.operations, places, form)

    def _call(self, primitive: Primitive, args: Sequence[str]) -> str:
        """An operation applied to arguments that are JavaScript already."""
        name = primitive.base.name
        operands = [text if PLAIN.fullmatch(text) else f"({text})" for text in args]
        if isinstance(primitive, Part):
            return f"{self._call(primitive.whole, args)}[{primitive.part}]"
        if is_own(primitive):
            return self._formula(primitive, args)
        if name == "where":
            test = args[0].removesuffix(TRUTH) if args[0].endswith(TRUTH) else f"{operands[0]} !== 0"
            return f"{test} ? {operands[1]} : {operands[2]}"
        if name in OPERATORS:
            return OPERATORS[name].format(*operands)
        if name in CALLS:
            return CALLS[name].format(*args)
        name = SAME.get(name, name)
        if name not in _written_by_hand():
            return self._formula(primitive, args)
        options = ", ".join(f"{key}: {_literal(value)}" for key, value in primitive.options.items())
        return _called(name, primitive, args, f", {{{options}}}" if options else "")

    def _formula(self, primitive: Primitive, args: Sequence[str]) -> str:
        """A call of a function written from the primitive's formula, which is added to `functions`."""
        n_args = len(args)
        name = re.sub(r"\W+", "_", ("own_" if is_own(primitive) else "") + row_name(primitive, n_args))
        if name not in self.functions:
            formula = formula_of(primitive, n_args)
            if formula is None:
                raise ValueError(_not_written(primitive, "forward"))
            parameters, names = _arguments(primitive, n_args)
            self.functions[name] = ""  # reserves its place, before the functions that it needs
            body = self._body(names, formula.constants, formula.operations, [formula.output], "{}")
            self.functions[name] = f"const {name} = ({parameters}) => {body};"
        return _called(name, primitive, args)

    def _body(
        self,
        names: Sequence[str],
        constants: Mapping[int, float],
        operations: Sequence[tuple[int, Primitive, tuple[int, ...]]],
        outputs: Sequence[int],
        form: str,
    ) -> str:
        """The body of a function for recorded operations: one formula, after constants for what it uses repeatedly."""
        texts = dict(enumerate(names)) | {place: _literal(number) for place, number in constants.items()}
        uses = Counter([*outputs, *(place for _, _, places in operations for place in places)])
        steps: dict[str, str] = {}
        for place, operation, places in operations:
            if isinstance(operation, Part):
                text = self._call(operation.whole, [texts[each] for each in places])
                texts[place] = f"{_step(steps, text)}[{operation.part}]"
            elif uses[place]:
                text = self._call(operation, [texts[each] for each in places])
                texts[place] = text if uses[place] == 1 else _step(steps, text)
        result = form.format(", ".join([texts[place] for place in outputs]))
        if not steps:
            return result
        return f"{{ const {', '.join(f'{name} = {text}' for text, name in steps.items())}; return {result}; }}"


def _step(steps: dict[str, str], text: str) -> str:
    """The name of the constant that holds a formula, which is added to `steps` if it is new."""
    return steps.setdefault(text, f"t{len(steps)}")


def _called(name: str, primitive: Primitive, args: Sequence[str], options: str = "") -> str:
    listed = ", ".join(args)
    return f"{name}([{listed}]{options})" if primitive.arity is None else f"{name}({listed}{options})"


def _arguments(primitive: Primitive, n_args: int) -> tuple[str, list[str]]:
    """The parameter list of a primitive's functions, and how each argument is written in them."""
    if primitive.arity is None:
        return "x", [f"x[{place}]" for place in range(n_args)]
    names = ["x", "y", "z"][:n_args] if n_args <= 3 else [f"x{place}" for place in range(n_args)]
    return ", ".join(names), names


def _literal(number: Any) -> str:
    if isnan(number):
        return "NaN"
    return repr(float(number)).replace("inf", "Infinity").removesuffix(".0")


def _not_written(primitive: Primitive, part: str) -> str:
    return (
        f"the page needs {part} of {primitive.name} in JavaScript, but it is not written in operators and functions "
        "of autograd_mini alone; write it without math and without branches"
    )
