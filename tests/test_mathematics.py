"""Written mathematics means what was meant when it is read back: brackets, signs, factors 1 and powers."""

import math
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from autograd_mini.expressions import Expression
from autograd_mini.mathematics import Text, applied, cut, joined, listed, number, subscripted, times, total
from autograd_mini.primitives import TABLE

VARIABLES = {"x": 1.5, "y": -2.0}
ROWS = ("add", "sub", "mul", "div", "neg", "square", "sqrt", "floor")

leaves = st.sampled_from(sorted(VARIABLES)).map(lambda name: (Text(name), VARIABLES[name]))
numbers = st.integers(-6, 6).map(lambda n: (number(n / 2.0), n / 2.0))


def formulas(inner):
    """Random texts, and what they mean."""
    pairs = st.tuples(inner, inner)
    return st.one_of(
        pairs.map(lambda pair: (times(pair[0][0], pair[1][0], "·"), pair[0][1] * pair[1][1])),
        st.lists(inner, max_size=4).map(lambda each: (total([t for t, _ in each]), math.fsum(x for _, x in each))),
        st.tuples(st.sampled_from(ROWS), pairs).map(operation),
    )


def operation(drawn):
    row = TABLE[drawn[0]]
    operands = drawn[1][: row.arity]
    return applied(row, [text for text, _ in operands]), row(*(x for _, x in operands))


@given(st.recursive(leaves | numbers, formulas, max_leaves=12))
@example((times(total([Text("x"), Text("x")]), number(-1.0), "·"), -3.0))
def test_what_is_written_is_what_is_meant(formula):
    text, meant = formula
    expression = Expression(re.sub(r"(?<=\d) (?=[\w(√⌊])", "*", text.text))
    found = expression.evaluate({name: VARIABLES[name] for name in expression.names})
    assert found == pytest.approx(meant, rel=1e-9, abs=1e-9, nan_ok=True)


def test_long_lists_and_sums_are_cut():
    texts = [Text(f"x{index}") for index in range(20)]
    assert listed(texts) == "x0, x1, x2, x3, x4, x5, …, x19"
    assert joined(texts[:2]) == Text("(x0, x1)")
    assert total(texts).text == "x0 + x1 + x2 + x3 + x4 + x5 + x6 + x7 + … 12 more terms"
    assert cut("abcdef", 4) == "abc…"


@pytest.mark.parametrize(("x", "text"), [(2.0, "2"), (-math.inf, "-∞"), (1 / 3, "0.333333"), (-0.0, "-0")])
def test_numbers(x, text):
    assert number(x).text == text


def test_indices():
    assert subscripted("w", 120) == "w₁₂₀"
