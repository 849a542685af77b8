"""Mathematics as text, for graphs, pictures and compiled programs alike: brackets by how tightly an operation binds,
infix symbols, powers, indices; and how such text is read back."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from autograd_mini.primitives import Primitive, brief

COMPARISON, SUM, PRODUCT, SIGN, POWER, ATOM = range(6)
INFIX = {
    "+": (" + ", SUM),
    "-": (" - ", SUM),
    "*": ("·", PRODUCT),
    "/": ("/", PRODUCT),
    "//": (" // ", PRODUCT),
    "%": (" % ", PRODUCT),
}
BRACKETS = {"abs": ("|", "|"), "floor": ("⌊", "⌋"), "ceil": ("⌈", "⌉")}
SUPERSCRIPTS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
SHOWN_ARGUMENTS = 8  # of more, formulas show the first ones and the last, to fit on a line
# How a rule guards a corner case is no part of the mathematics.
HIDDEN_OPTIONS = {"empty"}
PLAIN_NAME = re.compile(r"\w(?:[\w.'′⁽⁾]|,(?=[₀-₉]))*(\[[\w, .:'\"-]*\])*")

_IN_PYTHON = {power: chr(digit) for digit, power in SUPERSCRIPTS.items()} | str.maketrans(
    {"·": "*", "^": "**", "√": "sqrt", "∛": "cbrt", "⌊": "floor(", "⌈": "ceil(", "⌋": ")", "⌉": ")"}
)

_SPECIAL, _ESCAPED = re.compile(r"[_{}%#&$]"), r"\\\g<0>"  # of LaTeX
_INDICES = {"_": re.compile("[₀-₉]+"), "^": re.compile("[⁰¹²³⁴-⁹⁻ᵀ]+")}
_PLAIN = {sign: chr(digit) for table in (SUBSCRIPTS, SUPERSCRIPTS) for digit, sign in table.items()}
_PLAIN |= {ord("⁻"): "-", ord("ᵀ"): "T"}

Numerals = Callable[[float], str]
"""A function that writes a number."""


class Text(NamedTuple):
    """Part of a formula, and how tightly its outermost operation binds."""

    text: str
    precedence: int = ATOM

    def within(self, precedence: int, *, leads: bool = False) -> str:
        """The text as an operand: bracketed where it binds less tightly; a sign stays bare only in front."""
        bare = self.precedence >= precedence and (leads or not self.text.startswith("-"))
        return self.text if bare else f"({self.text})"


OMITTED = Text("…")


def in_python(text: str) -> str:
    """A formula in Python's notation, whether it was typed in that or in the notation of this module.

    >>> in_python("(w·x + b)²/√y"), in_python("w * x**2")
    ('(w*x + b)**2/sqrt(y)', 'w * x**2')
    """
    text = re.sub("[⁰¹²³⁴⁵⁶⁷⁸⁹]+", r"^\g<0>", text)
    text = re.sub(r"\|([^|]+)\|", r"(abs(\1))", text)
    return re.sub(rf"([√∛])({PLAIN_NAME.pattern})", r"\1(\2)", text).translate(_IN_PYTHON)


def subscripted(letter: str, number: int) -> str:
    """A letter with a number as its subscript.

    >>> subscripted("z", 12)
    'z₁₂'
    """
    return letter + str(number).translate(SUBSCRIPTS)


def weight_name(i: int, j: int, k: int | None = None) -> str:
    """The name of the weight from unit i to unit j of layer k; from unit 0, which is always 1, that of the bias.

    >>> weight_name(1, 2, 3), weight_name(10, 2), weight_name(0, 2, 3)
    ('w₁₂⁽³⁾', 'w₁₀,₂', 'b₂⁽³⁾')
    """
    above = "" if k is None else f"⁽{k}⁾".translate(SUPERSCRIPTS)
    comma = "," if max(i, j) > 9 else ""
    return (subscripted("w", i) + comma + subscripted("", j) if i else subscripted("b", j)) + above


def latex(lines: Iterable[str]) -> str:
    r"""Lines as LaTeX: equations in the notation of this package, with a remark behind a wide gap, and other text.

    >>> print(latex(["∇W₁ = ∇relu(z₁) xᵀ    32 × 64", "3 lines"]))
    $\displaystyle\begin{aligned}
    ∇W_{1} &= ∇\mathrm{relu}(z_{1})\;x^{T} & 32\;×\;64\\
    &\text{3 lines}
    \end{aligned}$
    """
    rows = []
    for line in lines:
        if equation := re.fullmatch(r"(.*?) (\+?=) (.*?)(?: {4,}(.*))?", line):
            left, sign, right, behind = (_latex(part or "") for part in equation.groups())
            rows.append(f"{left} &{sign} {right}" + f" & {behind}" * bool(behind))
        else:
            rows.append(rf"&\text{{{_SPECIAL.sub(_ESCAPED, line)}}}" if line else "")
    return "$\\displaystyle\\begin{aligned}\n" + "\\\\\n".join(rows) + "\n\\end{aligned}$"


def _latex(formula: str) -> str:
    text = re.sub("[A-Za-z][A-Za-z0-9]+", r"\\mathrm{\g<0>}", _SPECIAL.sub(_ESCAPED, formula))
    for sign, letters in _INDICES.items():
        text = letters.sub(rf"{sign}{{\g<0>}}", text)
    return text.translate(_PLAIN).replace(" ", r"\;")


def signed(text: str) -> Text:
    """A number, given as text, as part of a formula."""
    return Text(text, SIGN if text.startswith("-") else ATOM)


def number(x: float) -> Text:
    """A constant as part of a formula."""
    return signed(f"{x:.6g}".replace("inf", "∞"))


def number_formatter(number_format: str) -> Numerals:
    """The function that writes a float in a Python format; raises ValueError if the format is not one for floats.

    >>> number_formatter(".4g")(2.0)
    '2'
    """
    try:
        format(1.5, number_format)
    except (TypeError, ValueError):
        raise ValueError(
            f"number_format must be a Python format for floats, such as '.4g' or '.2f', got {brief(number_format)}"
        ) from None
    return lambda number: format(number, number_format)


def cut(text: str, limit: int) -> str:
    """`text` with at most `limit` characters, the last of them … if some are missing."""
    return text if len(text) <= limit else text[: limit - 1] + OMITTED.text


def operation_name(operation: Primitive, mark: str = "") -> str:
    """The symbol of an operation, followed by a mark such as ′ and by the options that its variant fixes.

    >>> from autograd_mini.primitives import TABLE
    >>> operation_name(TABLE["softmax"].variant(index=2)), operation_name(TABLE["relu"].variant(at_zero=0.0))
    ('softmax[2]', 'relu[at_zero=0]')
    """
    options = []
    for key, option in operation.options.items():
        if key in HIDDEN_OPTIONS:
            continue
        text = f"{option:g}" if isinstance(option, float) else str(option)
        options.append(text if key in ("index", "order") or isinstance(option, str) else f"{key}={text}")
    return operation.symbol + mark + (f"[{', '.join(options)}]" if options else "")


def applied(operation: Primitive, operands: Sequence[Text]) -> Text:
    """The formula of an operation on `operands`."""
    symbol, name = operation.symbol, operation.name
    if name in BRACKETS:
        return Text(operands[0].text.join(BRACKETS[name]))
    if name == "reciprocal":
        return Text(f"1/{operands[0].within(PRODUCT + 1)}", PRODUCT)
    if name == "square":
        return Text(f"{operands[0].within(ATOM)}²", POWER)
    if name == "sqrt":
        radicand, precedence = operands[0]
        bare = precedence == ATOM and PLAIN_NAME.fullmatch(radicand)  # x² is a word to a regular expression
        return Text(f"√{radicand}" if bare else f"√({radicand})", POWER)
    if name == "pow":
        base, exponent = operands
        if exponent.text.isdecimal():
            return Text(base.within(ATOM) + exponent.text.translate(SUPERSCRIPTS), POWER)
        return Text(f"{base.within(ATOM)}^{exponent.within(ATOM)}", POWER)
    if name == "dot":
        half = len(operands) // 2
        return Text(f"({listed(operands[:half])})·({listed(operands[half:])})", PRODUCT)
    if len(operands) == 2 and not symbol.isidentifier():
        infix, precedence = INFIX.get(symbol, (f" {symbol} ", COMPARISON))
        return Text(operands[0].within(precedence, leads=True) + infix + operands[1].within(precedence + 1), precedence)
    if len(operands) == 1 and not symbol.isidentifier():
        return Text(symbol + operands[0].within(SIGN), SIGN)
    return Text(f"{operation_name(operation)}({listed(operands)})")


def listed(operands: Sequence[Text]) -> str:
    """Operands separated by commas, with the middle ones of many left out."""
    return ", ".join(operand.text for operand in shown(operands, OMITTED))


def shown(things: Sequence[Any], *omitted: Any) -> list[Any]:
    """A few things as they are; of many, the first ones and the last, with `omitted` in between."""
    if len(things) <= SHOWN_ARGUMENTS:
        return list(things)
    return [*things[: SHOWN_ARGUMENTS - 2], *omitted, things[-1]]


def joined(texts: Sequence[Text]) -> Text:
    """Several texts as one: a list in brackets; a single one as it is."""
    return texts[0] if len(texts) == 1 else Text(f"({listed(texts)})")


def times(a: Text, b: Text, sign: str = " ") -> Text:
    """The product a·b with `sign` between the factors: a number comes first, a factor 1 is not written.

    >>> times(Text("x"), number(3.0)).text, times(number(-1.0), Text("a·b", PRODUCT)).text
    ('3 x', '-a·b')
    >>> times(Text("x"), number(-3.0)).text, times(Text("x"), Text("-y", SIGN), "·").text
    ('-3 x', '-x·y')
    """
    if b.text.startswith("-") and b.precedence >= PRODUCT:
        product = times(a, Text(b.text[1:], b.precedence), sign)
        if product.text.startswith("-") and product.precedence >= PRODUCT:
            return Text(product.text[1:], product.precedence)
        return Text(f"-{product.within(PRODUCT)}", PRODUCT)
    if not _is_number(a) and _is_number(b):
        a, b = b, a
    if "1" in (a.text, b.text):
        return b if a.text == "1" else a
    if not _is_number(a):
        return Text(a.within(SIGN, leads=True) + sign + b.within(SIGN), PRODUCT)
    right = b.within(SIGN if b.text[0].isdecimal() else PRODUCT)
    return Text(f"-{right}" if a.text == "-1" else f"{a.text} {right}", PRODUCT)


def total(terms: Sequence[Text], most: int = SHOWN_ARGUMENTS) -> Text:
    """The sum of the terms; beyond `most`, only how many more there are.

    >>> total([Text("x"), times(number(-2.0), Text("y"))]).text, total([]).text
    ('x - 2 y', '0')
    """
    if len(terms) < 2:
        return terms[0] if terms else Text("0")
    written = terms[0].within(SUM, leads=True)
    for term in terms[1:most]:
        each = term.within(PRODUCT, leads=True)
        written += f" - {each[1:]}" if each.startswith("-") else f" + {each}"
    return Text(written + (f" + … {len(terms) - most} more terms" if len(terms) > most else ""), SUM)


def _is_number(text: Text) -> bool:
    return text.text.removeprefix("-")[:1].isdecimal() and text.precedence in (SIGN, ATOM)
