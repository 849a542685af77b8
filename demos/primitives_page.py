"""The page of all primitives, written from the table itself: docs/primitives.md and its pictures.

Its derivatives are no text of this script: the rule of each row runs on symbols in place of numbers, and what it
computes is printed. A test holds that the page is up to date.

    tanh: the rule `square(sech(x))`, run on the symbol x, gives ∂out/∂x = sech(x)²

    python demos/primitives_page.py [--out FOLDER] [--quick]
"""

from __future__ import annotations

import inspect
import io
import re
from collections.abc import Sequence
from itertools import zip_longest
from math import inf, isfinite, pi
from pathlib import Path
from types import ModuleType

import matplotlib.pyplot as plt
import numpy as np
from common import parse_arguments

from autograd_mini import functions
from autograd_mini.files import write_whole
from autograd_mini.mathematics import PRODUCT, SIGN, Text, applied
from autograd_mini.primitives import (
    TABLE,
    Primitive,
    arithmetic,
    exponential,
    piecewise,
    reductions,
    relu_family,
    special,
    trigonometric,
)

FOLDER = Path(__file__).parent / "docs"
# Each after those it imports from, so that the first to hold a row has declared it.
FAMILIES = (arithmetic, exponential, trigonometric, piecewise, special, relu_family, reductions)
# The form of the lecture or of the books, where the rule computes another, by arguments; tests compare the values.
IN_BOOKS = {
    "cbrt": {"x": "1/(3·out²)"},
    "tanh": {"x": "1 - out²"},
    "sigmoid": {"x": "out·(1 - out)"},
    "log_sigmoid": {"x": "1 - exp(out)"},
    "asin": {"x": "1/√(1 - x²)"},
    "acos": {"x": "-1/√(1 - x²)"},
    "atan": {"x": "1/(1 + x²)"},
    "atan2": {"y": "x/(x² + y²)", "x": "-y/(x² + y²)"},
    "asinh": {"x": "1/√(1 + x²)"},
    "acosh": {"x": "1/√(x² - 1)"},
    "atanh": {"x": "1/(1 - x²)"},
    "erf": {"x": "1.128·exp(-x²)"},
    "erfc": {"x": "-1.128·exp(-x²)"},
    "silu": {"x": "sigmoid(x) + out·(1 - sigmoid(x))"},
    "softmax": {"x₁": "out₁·(1 - out₁)"},
}
SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
COLUMNS = 4
FUNCTION, DERIVATIVE = "0.1", "#aa3377"  # blue and orange are signs
POINTS = 240  # none of them at 0; matplotlib thins out curves of 128 or more
HELPERS = {name: row.doc for name, row in TABLE.auxiliary.items()} | {
    row.name: row.forward.__doc__ for row in vars(piecewise).values() if getattr(row, "is_selector", False)
}
HEAD = """# All primitives

Written by `python demos/primitives_page.py` from the table in
`autograd_mini/primitives/`. Meaning, domain and what holds at kinks are the rows' own
words. Each derivative is what the row's rule computes when it is run on symbols, written as it is computed, with care
for large and small numbers; where textbooks write it differently, their form comes first. `out` is the result, ∂x its
derivative with respect to x; numbers have four digits. Operations on any number of arguments are shown with three, or
two pairs. The domain is open; the tests sample it.

The pictures show each function (black) and its derivative (purple, dashed) with respect to the first argument; the
others have their defaults, or the numbers shown above each picture.
"""


def operator(name: str, *, is_reflected: bool = False):
    """A primitive as the method behind an operator."""
    primitive = TABLE[name]
    if is_reflected:
        return lambda self, other: primitive(other, self)
    return lambda *args: primitive(*args)


class Symbol:
    """A formula in place of a number; it knows the number at one point too, which tests compare."""

    def __init__(self, text: Text, number: float, negated: Symbol | None = None) -> None:
        self.text, self.number, self.negated = text, number, negated

    def __str__(self) -> str:
        return self.text.text

    @staticmethod
    def apply_primitive(primitive: Primitive, args: Sequence[Symbol | float]):
        """The formula of an operation on symbols."""
        symbols = [as_symbol(arg) for arg in args]
        if primitive.name in TABLE.auxiliary:
            try:
                return primitive.forward(*symbols)  # written out
            except TypeError:  # it uses `math`, and stays a name
                pass
        out = primitive.forward(*(symbol.number for symbol in symbols))
        text = applied(primitive, [symbol.text for symbol in symbols])
        if primitive is piecewise.at_least:
            text = Text(" ≥ ".join(map(str, symbols)), 0)
        if isinstance(out, tuple):
            return tuple(Symbol(Text(f"{text.text}[{i}]"), number) for i, number in enumerate(out))
        return simpler(primitive.name, symbols) or Symbol(text, out)

    __add__, __radd__ = operator("add"), operator("add", is_reflected=True)
    __sub__, __rsub__ = operator("sub"), operator("sub", is_reflected=True)
    __mul__, __rmul__ = operator("mul"), operator("mul", is_reflected=True)
    __truediv__, __rtruediv__ = operator("div"), operator("div", is_reflected=True)
    __neg__ = operator("neg")


def as_symbol(thing: Symbol | float) -> Symbol:
    """A symbol itself; a number as one, with four digits and its sign apart."""
    if isinstance(thing, Symbol):
        return thing
    return negative(as_symbol(-thing)) if thing < 0.0 else Symbol(Text(f"{thing:.4g}"), thing)


def negative(x: Symbol) -> Symbol:
    rounds = " // " in str(x)  # -(x // y) is not -x // y
    text = Text(f"-{x.text.within(SIGN if rounds else PRODUCT)}", PRODUCT)
    return x.negated or Symbol(text, -x.number, negated=x)


def simpler(name: str, symbols: Sequence[Symbol]) -> Symbol | None:
    """What mathematics writes in place of 1·x, x + 0, x·(-y) and the like."""
    if name == "neg":
        return negative(symbols[0])
    if len(symbols) != 2:
        return None
    x, y = symbols
    match name, str(x), str(y):
        case ("mul", "1", _) | ("add", "0", _):
            return y
        case ("mul", _, "1") | ("add" | "sub", _, "0"):
            return x
        case ("mul", "0", _) | ("mul", _, "0"):
            return as_symbol(0.0)
        case ("mul", _, _) if x.negated or y.negated:
            product = (x.negated or x) * (y.negated or y)
            return product if x.negated and y.negated else negative(product)
        case ("mul", a, b) if a == b:
            return TABLE["square"](x)
        case ("add", _, _) if y.negated:
            return x - y.negated
    return None


def names_of(row: Primitive) -> list[str]:
    """The arguments by the names that the rule gives them; of any number of them the first few."""
    if row.arity is not None:
        names = [name for name, each in parameters_of(row.partials).items() if each.kind is each.POSITIONAL_OR_KEYWORD]
        names = names[1:] or list(parameters_of(getattr(functions, row.name)))
        return names[: row.arity]
    if len(parameters_of(getattr(functions, row.name))) == 2:  # a pair of vectors
        return ["x₁", "x₂", "y₁", "y₂"]
    return ["x₁", "x₂", "x₃"]


def call_of(row: Primitive) -> str:
    """How users call the function."""
    names, given = names_of(row), parameters_of(getattr(functions, row.name)).values()
    if len(given) == row.arity and all(each.default is each.empty for each in given):
        return f"{row.name}({', '.join(names)})"
    return row.name + str(inspect.Signature([each.replace(annotation=each.empty) for each in given]))


def parameters_of(function):
    return inspect.signature(function).parameters


def sample_of(row: Primitive) -> list[float]:
    """A point within the domain."""
    intervals = row.domain if row.arity else row.domain * len(names_of(row))
    return [within(interval, place) for interval, place in zip(intervals, (0.5, 1.5, -0.5, 2.0))]


def arguments_of_picture(row: Primitive) -> list[float]:
    """The arguments behind the first: their defaults, else those of the sample."""
    defaults = [each.default for each in parameters_of(getattr(functions, row.name)).values()][1:]
    given = [default if isinstance(default, float) and isfinite(default) else None for default in defaults]
    sample = sample_of(row)[1:]
    return [number if default is None else default for number, default in zip_longest(sample, given[: len(sample)])]


def within(interval: tuple[float, float], place: float) -> float:
    """`place` itself, moved into the interval where that has bounds."""
    low, high = interval
    if low == -inf:
        return place
    return low + abs(place) if high == inf else (low + high) / 2 + 0.1 * (high - low) * place


def derivatives_of(row: Primitive) -> dict[str, Symbol]:
    """For each argument the derivative that the rule gives, in symbols."""
    names, point = names_of(row), sample_of(row)
    xs = [Symbol(Text(name), number) for name, number in zip(names, point)]
    out = Symbol(Text("out"), row.forward(*point))
    return {name: as_symbol(slope) for name, slope in zip(names, row.partials(out, *xs))}


def derivative_text(row: Primitive) -> str:
    """The derivatives as the page has them; those of a function with several outputs are of the first."""
    texts = {name: str(slope) for name, slope in derivatives_of(row).items()}
    if "index" in parameters_of(row.partials):
        for i in range(len(texts)):
            output = f"{row.name}[{i}]({', '.join(texts)})"
            texts = {name: text.replace(output, f"out{i + 1}".translate(SUBSCRIPTS)) for name, text in texts.items()}
        texts = {name: re.sub(r"\bout\b", "out₁", text) for name, text in texts.items()}
    books = IN_BOOKS.get(row.name, {})
    cells = {
        n: f"{code(books[n])}, computed as {code(text)}" if n in books else code(text) for n, text in texts.items()
    }
    if len(cells) == 1 or (row.arity is None and len(set(cells.values())) == 1):
        return next(iter(cells.values()))
    return "<br>".join(f"∂{name}: {text}" for name, text in cells.items())


def domain_text(row: Primitive) -> str:
    """The open intervals of the arguments that may not be any number."""
    names = names_of(row) if row.arity else ["each"]
    bounds = []
    for name, (low, high) in zip(names, row.domain):
        left = f"{bound_text(low)} < " if low != -inf else ""
        right = f" < {bound_text(high)}" if high != inf else ""
        if left and not right:
            left, right = "", f" > {bound_text(low)}"
        if left or right:
            bounds.append(code(left + name + right))
    return "<br>".join(bounds) or "all"


def bound_text(bound: float) -> str:
    return {pi / 2: "π/2", -pi / 2: "-π/2"}.get(bound, f"{bound:g}")


def code(text: str) -> str:
    """A formula within a table."""
    return "`" + text.replace("|", "\\|") + "`"


def families() -> dict[ModuleType, list[Primitive]]:
    """The rows by the module that declares them, in the order of the table."""
    found: dict[ModuleType, list[Primitive]] = {family: [] for family in FAMILIES}
    for row in TABLE.values():
        owner = next((family for family in FAMILIES if row in vars(family).values()), None)
        if owner:  # else a row of a user's own
            found[owner].append(row)
    return found


def page() -> str:
    """The whole page, in Markdown."""
    parts = [HEAD]
    for family, rows in families().items():
        name = family.__name__.rpartition(".")[2]
        parts.append(f"## {family.__doc__.splitlines()[0].rstrip('.')}\n")
        parts.append(f"![Functions and their derivatives: {name.replace('_', ' ')}](primitives_{name}.svg)\n")
        parts.append("| function | meaning | derivative | domain | at kinks and jumps |\n|---|---|---|---|---|")
        for row in rows:
            cells = code(call_of(row)), row.doc.replace("|", "\\|"), derivative_text(row), domain_text(row), row.policy
            parts.append(f"| {' | '.join(cells)} |".replace("  ", " "))
        parts.append("")
    used = set(re.findall(r"\w+", " ".join(derivative_text(row) for rows in families().values() for row in rows)))
    parts.append("## What the derivatives call by name\n\n| name | meaning |\n|---|---|")
    parts += [f"| `{name}` | {doc} |" for name, doc in HELPERS.items() if name in used]
    return "\n".join(parts) + "\n"


def draw(rows: Sequence[Primitive]) -> bytes:
    """A sheet of small pictures, as SVG."""
    n_rows = -(-len(rows) // COLUMNS)
    height = 2.8 * n_rows + 0.4
    figure, panels = plt.subplots(n_rows, COLUMNS, figsize=(3.3 * COLUMNS, height), squeeze=False)
    figure.subplots_adjust(
        left=0.045, right=0.995, bottom=0.3 / height, top=1 - 1.0 / height, wspace=0.22, hspace=0.5
    )  # quicker than a layout computed
    for axes, row in zip(panels.flat, rows):
        xs, outs, slopes = curves_of(row)
        axes.axhline(0.0, color="0.8", linewidth=0.8)
        axes.plot(xs, outs, color=FUNCTION, linewidth=2, label="function")
        axes.plot(xs, slopes, color=DERIVATIVE, linewidth=2, linestyle="--", label="derivative (first argument)")
        names = names_of(row)
        others = ", ".join(f"{name} = {number:g}" for name, number in zip(names[1:], arguments_of_picture(row)))
        title = f"{row.name}({', '.join(names)})"
        axes.set_title(f"{title}\n{others}" if others else title, fontsize=14)
        shown = np.concatenate([outs, slopes])
        low, high = np.nanpercentile(shown[np.isfinite(shown)], (8, 92))
        margin = 0.3 * (high - low) or 0.5
        axes.set_ylim(low - margin, high + margin)
        axes.tick_params(labelsize=11)
        axes.locator_params(nbins=4)
    for axes in panels.flat[len(rows) :]:
        axes.axis("off")
    figure.legend(*panels[0, 0].get_legend_handles_labels(), loc="upper center", ncols=2, frameon=False, fontsize=14)
    return small_svg(figure)


def curves_of(row: Primitive) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """x, the function and its derivative over part of the domain, with gaps where they jump."""
    low, high = row.domain[0]
    low, high = max(low, -3.0), min(high, max(low, -3.0) + 6.0, max(3.0, low + 3.0))
    xs = np.linspace(low, high, POINTS + 2)[1:-1]
    points = [(x, *arguments_of_picture(row)) for x in xs.tolist()]
    outs = np.array([row.forward(*point) for point in points])
    slopes = np.array([row.partials(out, *point)[0] for out, point in zip(outs.tolist(), points)])
    return xs, with_gaps(outs), with_gaps(slopes)


def with_gaps(ys: np.ndarray) -> np.ndarray:
    """nan behind every jump: a step that is not small beside 5% of the range, and unlike the steps around it."""
    steps = np.abs(np.diff(ys, prepend=ys[0]))
    around = np.maximum(np.roll(steps, 1), np.roll(steps, -1))
    return np.where((steps > 0.05 * np.ptp(ys)) & (steps > 5 * around), np.nan, ys)


def small_svg(figure) -> bytes:
    """The figure with two decimals a coordinate, the same bytes for the same figure."""
    content = io.StringIO()
    with plt.rc_context({"svg.hashsalt": "", "svg.fonttype": "none", "path.simplify_threshold": 0.4}):
        figure.savefig(content, format="svg", metadata={"Date": None, "Creator": None})
    plt.close(figure)
    return re.sub(r"(\d\.\d\d)\d+", r"\1", content.getvalue()).encode()


def main():
    arguments = parse_arguments(__doc__, out=FOLDER)
    write_whole(arguments.out / "primitives.md", page().encode())
    for family, rows in families().items():
        name = family.__name__.rpartition(".")[2]
        picture = draw(rows)
        write_whole(arguments.out / f"primitives_{name}.svg", picture)
        print(f"{len(rows)} {name}: {', '.join(row.name for row in rows)}; picture of {len(picture) / 1e3:.0f} kB")
    print(f"page and pictures in {arguments.out}/")


if __name__ == "__main__":
    main()
