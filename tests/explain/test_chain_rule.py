"""The page's arithmetic in Node: Python's numbers, bit by bit, and Python's way of writing them."""

import json
import math
import re

import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from autograd_mini import Value, topological_order
from autograd_mini.explain import explain
from autograd_mini.explain.page import ASSETS
from autograd_mini.testing import strategies
from tests.explain.node import Node, needs_node

pytestmark = needs_node()

# Rounded once in either language, so that the last bit is the same.
EXACT = "add sub mul neg square abs relu maximum minimum where sum dot prod max min mean"
OF_A_GRAPH = """
const changed = (leaves) => {
  let next = 0;
  const numbers = nodes.map((node) => (node.row ? 0 : node.kind === "constant" ? Number(node.data) : leaves[next++]));
  const data = forward(nodes, numbers);
  return { numbers, data, locals: localDerivatives(nodes, data) };
};
const answers = {
  passes: (leaves) => {
    const { data, locals } = changed(leaves);
    const { adjoints, doubtful } = backward(nodes, data, locals);
    return [doubtful.size, ...data, ...adjoints];
  },
  sums: (leaves) => {
    const { data, locals } = changed(leaves);
    const { adjoints, terms } = backward(nodes, data, locals);
    return adjoints.map((_, place) => terms[place].reduce((sum, { product }) => sum + product, 0));
  },
  paths: (leaves) => {
    const { locals } = changed(leaves);
    const children = childrenOf(nodes);
    return nodes.map((_, place) => pathsFrom(place, nodes, children, Infinity).paths
      .map((path) => path.reduce((product, { child, slot }) => product * locals[child][slot], 1))
      .reduce((sum, product) => sum + product, 0));
  },
};
"""
OF_TEXT = """
const codes = (text) => [...text].map((letter) => letter.codePointAt(0));
const answers = {
  repr: ([x]) => codes(repr(x)),
  short: ([x, digits]) => codes(short(x, digits)),
  parsed: (letters) => [parse(String.fromCodePoint(...letters))],
};
"""


def script_of(*names):
    return "\n".join((ASSETS / name).read_text(encoding="utf-8") for name in names)


def in_node(y, folder):
    """A Node process that knows the graph of y as its page does."""
    html = explain(y, max_nodes=1000).html
    graph = json.loads(re.search(r'<script type="application/json" id="graph">(.*?)</script>', html, re.DOTALL)[1])
    rows = re.search(r"^const rows = .*?^\}\)\(\);$", html, re.DOTALL | re.MULTILINE)[0]
    nodes = f"const nodes = {json.dumps(graph['nodes'])};"
    return Node("\n".join([rows, nodes, script_of("chain_rule.js"), OF_A_GRAPH]), folder)


@pytest.fixture(scope="module")
def numbers(tmp_path_factory):
    node = Node(script_of("numbers.js") + OF_TEXT, tmp_path_factory.mktemp("numbers"))
    yield node
    node.close()


def text_of(node, name, *arguments):
    return "".join(chr(int(code)) for code in node.ask(name, [arguments])[0])


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(strategies.expressions(3, primitives=EXACT.split(), max_size=12), strategies.points(3))
def test_both_passes_give_the_bits_of_python(tmp_path, program, others):
    leaves = [Value(x) for x in program.point]
    y = program(*leaves)
    assume(isinstance(y, Value) and y.parents)
    node = in_node(y, tmp_path)
    for point in (program.point, others):
        leaves = [Value(x) for x in point]
        y = program(*leaves)
        order = topological_order(y)
        own = [leaf for leaf in order if not leaf.parents and not leaf.is_constant]
        assume(own)
        y.backward()
        ((n_doubtful, *found),) = node.ask("passes", [[leaf.data for leaf in own]])
        assert found[: len(order)] == pytest.approx([each.data for each in order], rel=0.0, abs=0.0, nan_ok=True)
        if n_doubtful == 0:
            gradients = [
                (number, each.grad) for number, each in zip(found[len(order) :], order) if not each.is_constant
            ]
            assert all(x == y or (x != x and y != y) for x, y in gradients)
    node.close()


@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(strategies.expressions(2, primitives=["add", "sub", "mul", "square", "tanh", "exp"], max_size=10))
def test_terms_and_paths_add_up_to_the_adjoint(tmp_path, program):
    leaves = [Value(x) for x in program.point]
    y = program(*leaves)
    assume(isinstance(y, Value) and y.parents)
    order = topological_order(y)
    point = [leaf.data for leaf in order if not leaf.parents and not leaf.is_constant]
    assume(point)
    node = in_node(y, tmp_path)
    ((_, *numbers),), (sums,), (paths,) = (node.ask(name, [point]) for name in ("passes", "sums", "paths"))
    node.close()
    adjoints = numbers[len(order) :]
    scale = max(map(abs, adjoints))
    for place, each in enumerate(order[:-1]):
        if not each.is_constant:
            assert sums[place] == adjoints[place]
            assert paths[place] == pytest.approx(adjoints[place], rel=1e-9, abs=1e-9 * scale, nan_ok=True)


@given(st.floats())
@example(1e16)
@example(1e-5)
@example(123456789012345680.0)
@example(-0.0)
@example(5e-324)
def test_numbers_are_written_as_python_writes_them(numbers, x):
    assert text_of(numbers, "repr", x) == repr(x)


@given(st.floats(), st.integers(3, 6))
@example(9999.5, 4)
@example(0.00012345, 4)
@example(1e22, 4)
def test_few_digits_are_those_of_a_format(numbers, x, digits):
    written = text_of(numbers, "short", x, digits).replace("−", "-")
    if math.isfinite(x) and x:
        assert abs(float(written) - x) <= abs(float(format(x, f".{digits}g")) - x)  # of ties either is right
        assert len(written) <= len(format(x, f".{digits}g"))
    else:
        assert written.replace("-0", "0") == format(x, f".{digits}g").replace("-0", "0")


@given(st.floats(allow_nan=False, allow_infinity=False))
@example(1e22)
def test_what_python_writes_is_read(numbers, x):
    assert numbers.ask("parsed", [[*map(ord, repr(x))]]) == [[x]]


@pytest.mark.parametrize("text", ["", "x", "1e", "1,5", "0x10", "1 2", "inf", "nan", "--1", "1_000"])
def test_what_is_no_number_is_not_read(numbers, text):
    assert math.isnan(numbers.ask("parsed", [[*map(ord, text)]])[0][0])
