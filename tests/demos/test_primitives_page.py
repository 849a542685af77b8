"""The page of all primitives is up to date with the table, and its formulas are right."""

import math
import re
from importlib import import_module
from pathlib import Path

import pytest

from autograd_mini.primitives import TABLE, piecewise

DEMOS = Path(__file__).parents[2] / "demos"
PAGE = (DEMOS / "docs" / "primitives.md").read_text()

with pytest.MonkeyPatch.context() as patch:
    patch.syspath_prepend(DEMOS)
    generator = import_module("primitives_page")

ROWS = [row for rows in generator.families().values() for row in rows]
AS_PYTHON = [
    ("·", "*"),
    ("²", "**2"),
    ("^", "**"),
    (r"√(\w+)", r"sqrt(\1)"),
    ("√", "sqrt"),
    (r"(\bout|[xy])([₁₂₃])", lambda match: match[1] + str("₀₁₂₃".index(match[2]))),
    (r"(\w+) ≥ (-?\w+)", r"at_least(\1, \2)"),
]


class ByName:
    """A primitive as formulas name it: `exp(x)`, `softmax[1](x, y)`, `polygamma[2](x)`."""

    def __init__(self, primitive):
        self.primitive = primitive

    def __call__(self, *args):
        return self.primitive.forward(*map(float, args))

    def __getitem__(self, option):
        key = "order" if self.primitive.name == "polygamma" else "index"
        return ByName(self.primitive.variant(**{key: option}))


SELECTORS = {row.name: row for row in vars(piecewise).values() if getattr(row, "is_selector", False)}
NAMES = {name: ByName(row) for name, row in (TABLE | TABLE.auxiliary | SELECTORS).items()}


def test_the_page_is_up_to_date():
    assert generator.page() == PAGE, "run python demos/primitives_page.py"


def test_every_primitive_of_the_package_is_there():
    ours = [name for name, row in TABLE.items() if row.partials.__module__.startswith("autograd_mini")]
    assert [name for name in ours if f"| `{name}(" not in PAGE] == []
    assert len(ours) == len(ROWS) == len(re.findall(r"^\| `\w+\(", PAGE, re.MULTILINE))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_formulas_of_derivatives_have_the_values_of_the_rule(row):
    """Read as Python, with the four digits that their numbers have."""
    point = generator.sample_of(row)
    out = row.forward(*point)
    variables = {**dict(zip(("x1", "x2", "x3"), point)), **dict(zip(generator.names_of(row), point)), "out": out}
    variables |= {name.replace("₁", "1").replace("₂", "2"): number for name, number in variables.items()}
    variables["out1"] = out
    books = generator.IN_BOOKS.get(row.name, {})
    derivatives = generator.derivatives_of(row)
    for (name, symbol), expected in zip(derivatives.items(), row.partials(out, *point), strict=True):
        for text in [str(symbol), books.get(name, str(symbol))]:
            assert math.isclose(value_of(text, variables), expected, rel_tol=1e-3), text
        assert math.isclose(symbol.number, expected, rel_tol=1e-12)
    assert books.keys() <= derivatives.keys()


def value_of(text, variables):
    for pattern, python in AS_PYTHON:
        text = re.sub(re.escape(pattern) if len(pattern) == 1 else pattern, python, text)
    return eval(text, {}, NAMES | variables)


def test_pictures_have_default_arguments():
    assert generator.arguments_of_picture(TABLE["elu"]) == [1.0]
    assert generator.arguments_of_picture(TABLE["leaky_relu"]) == [0.01]
    xs, _, slopes = generator.curves_of(TABLE["elu"])
    assert max(abs(slope - math.exp(min(x, 0.0))) for x, slope in zip(xs, slopes)) < 1e-12  # no kink
    _, _, slopes = generator.curves_of(TABLE["maximum"])
    assert set(slopes[~(slopes != slopes)]) == {0.0, 1.0}
    assert set(generator.IN_BOOKS) <= {row.name for row in ROWS}
    assert {"`out·(1 - out)`, computed as `sigmoid_slope(x)`", "`1 - out²`, computed as `sech(x)²`"} <= {
        cell for line in PAGE.splitlines() for cell in line.split(" | ")
    }


def test_the_pictures_show_every_primitive_and_are_small():
    pictures = [DEMOS / "docs" / name for name in re.findall(r"\]\((\w+\.svg)\)", PAGE)]
    texts = [picture.read_text() for picture in pictures]
    assert len(texts) == len(generator.FAMILIES)
    assert sum(map(len, texts)) < 600_000
    assert [row.name for row in ROWS if f">{row.name}(" not in "".join(texts)] == []


def test_a_page_written_elsewhere_is_the_same(tmp_path, monkeypatch):
    monkeypatch.setattr(generator, "draw", lambda rows: b"<svg/>")
    monkeypatch.setattr("sys.argv", ["primitives_page.py", "--out", str(tmp_path)])
    generator.main()
    assert (tmp_path / "primitives.md").read_text() == PAGE
    assert len(list(tmp_path.glob("*.svg"))) == len(generator.FAMILIES)
