"""Formulas, typed in again, compute what they describe; they stay short for any graph."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd_mini import Value
from autograd_mini import functions as f
from autograd_mini.draw import formula
from autograd_mini.expressions import Expression
from autograd_mini.graph import topological_order
from tests.draw.reading import graphs

READABLE = [
    lambda x, y: x + y,
    lambda x, y: x - y,
    lambda x, y: x * y,
    lambda x, y: x / y,
    lambda x, y: x // y,
    lambda x, y: x % y,
    lambda x, y: -x,
    lambda x, y: +x,
    lambda x, y: x**y,
    lambda x, y: x**2,
    lambda x, y: (-2.0) ** x,
    lambda x, y: x * -1.5,
    lambda x, y: f.tanh(x),
    lambda x, y: f.square(x),
    lambda x, y: f.maximum(x, y),
    lambda x, y: f.sqrt(x),
    lambda x, y: f.floor(x) + f.ceil(y),
]


@given(graphs(READABLE))
def test_a_formula_computes_what_the_graph_did(y):
    text = formula(y, limit=10**6, number_format=".17g")
    leaves = {node.label: node.data for node in topological_order(y) if node.label}
    if len(text) <= 2_000:
        expression = Expression(text)
        again = expression.evaluate({name: leaves[name] for name in expression.names})
        assert repr(float(again)) == repr(y.data)


@given(graphs(), st.integers(1, 80))
def test_a_formula_keeps_to_its_limit(y, limit):
    text = formula(y, limit=limit)
    assert 0 < len(text) <= limit
    assert text == formula(y, limit=limit)


def test_deep_and_shared_graphs():
    y = Value(1.0, label="x")
    for _ in range(20_000):
        y = y + 1
    assert re.fullmatch(r"…( \+ 1)+", formula(y, limit=50))
    for _ in range(100):
        y = y * y
    assert len(formula(y, limit=100)) <= 100


@pytest.mark.parametrize(
    ("build", "text"),
    [
        (lambda x, y, z: (x + y) * z - x * (y + z), "(x + y)·z - x·(y + z)"),
        (lambda x, y, z: x - (y - z), "x - (y - z)"),
        (lambda x, y, z: x / y / z, "x/y/z"),
        (lambda x, y, z: x / (y * z), "x/(y·z)"),
        (lambda x, y, z: -(x**2), "-x²"),
        (lambda x, y, z: (-x) ** 2, "(-x)²"),
        (lambda x, y, z: x**10, "x¹⁰"),
        (lambda x, y, z: x**-1, "x^(-1)"),
        (lambda x, y, z: (x**y) ** z, "(x^y)^z"),
        (lambda x, y, z: x * -y, "x·(-y)"),
        (lambda x, y, z: x + -2.5, "x + (-2.5)"),
        (lambda x, y, z: f.sqrt(x) + f.sqrt(x + y), "√x + √(x + y)"),
        (lambda x, y, z: f.sqrt(x**2) + f.sqrt(f.square(y)), "√(x²) + √(y²)"),
        (lambda x, y, z: f.square(x + y), "(x + y)²"),
        (lambda x, y, z: f.reciprocal(x) + y * f.reciprocal(y + z), "1/x + y·(1/(y + z))"),
        (lambda x, y, z: abs(x - y), "|x - y|"),
        (lambda x, y, z: f.floor(x) * f.ceil(y), "⌊x⌋·⌈y⌉"),
        (lambda x, y, z: f.dot([x, y], [y, z]) + 1, "(x, y)·(y, z) + 1"),
        (lambda x, y, z: f.sum([x, y, z]), "Σ(x, y, z)"),
        (lambda x, y, z: f.softmax([x, y, z])[2], "softmax[2](x, y, z)"),
        (lambda x, y, z: f.sum([x] * 9), "Σ(x, x, x, x, x, x, …, x)"),
        (lambda x, y, z: f.relu(x, at_zero=0.5), "relu[at_zero=0.5](x)"),
        (lambda x, y, z: x, "x"),
        (lambda x, y, z: Value(0.25), "0.25"),
        (lambda x, y, z: Value(0.25, label="a + b") * x, "(a + b)·x"),
        (lambda x, y, z: Value(0.25, label="w[0]") * x, "w[0]·x"),
    ],
)
def test_it_reads_like_mathematics(build, text):
    assert formula(build(*(Value(1.0, label=name) for name in "xyz"))) == text


def test_labelled_values_stand_for_themselves_unless_expanded():
    x = Value(1.0, label="x")
    z = x + 1
    z.label = "z"
    assert formula(z.tanh()) == "tanh(z)"
    assert formula(z) == "x + 1"
    assert formula(z.tanh(), expand=True) == "tanh(x + 1)"
    assert formula(z * Value(2.0), names={"a": z}) == "z·2"
    assert formula(x * Value(2.0), names=locals()) == "x·2"


@pytest.mark.parametrize(
    ("arguments", "options", "error"),
    [
        ([1.0], {}, TypeError),
        ([Value(1.0)], {"limit": 0}, ValueError),
        ([Value(1.0)], {"limit": "9"}, ValueError),
        ([Value(1.0)], {"number_format": "q"}, ValueError),
    ],
)
def test_errors(arguments, options, error):
    with pytest.raises(error):
        formula(*arguments, **options)
