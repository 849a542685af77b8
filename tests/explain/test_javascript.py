"""Every row of the table in Node gives Python's values and first derivatives."""

import math
import re
from itertools import product
from math import copysign, inf, isfinite, nan

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from autograd_mini import register_primitive
from autograd_mini import registering as registry
from autograd_mini.explain import javascript
from autograd_mini.explain.javascript import row_name, table
from autograd_mini.primitives import TABLE, part_of, piecewise
from tests.explain.node import Node, needs_node
from tests.primitives.points import PAIRED, ROWS, points
from tests.primitives.test_modes import VARIANTS

# What differs in the last places: functions of libraries, and what is computed by them.
ELEMENTARY = set(
    "exp exp2 expm1 log log2 log10 log1p cbrt pow sin cos tan asin acos atan atan2 sinh cosh tanh asinh acosh atanh "
    "hypot norm dist sigmoid softplus log_sigmoid elu silu gelu logsumexp softmax log_softmax softmax_rest sech "
    "sigmoid_slope pow_slope inverse_power erf erfc gamma lgamma digamma polygamma".split()
)
# Units in the last place: of the value and of the derivatives.
LAST_PLACES = (4, 8)
LOOSER = {"erf": (8, 8), "erfc": (8, 8), "gamma": (16, 24), "lgamma": (16, 8), "digamma": (8, 8), "polygamma": (8, 8)}

PRIMITIVES = [
    *VARIANTS,
    ROWS["softmax"].variant(index=1, empty=0.0),
    ROWS["softmax_rest"].variant(index=1, empty=0.0),
    ROWS["log_softmax"].variant(index=1),
]


def lengths(primitive):
    if primitive.arity is not None:
        return [primitive.arity]
    least = primitive.options.get("index", 0) + 1
    return [2, 4] if primitive.name in PAIRED else [n for n in (1, 2, 3, 4) if n >= least]


# What rules choose by: nodes of the graphs of derivatives.
CHOICES = [
    (piecewise.at_least, 2),
    (piecewise.step, 2),
    (piecewise._is_true, 1),
    *[(part_of(piecewise.first_equal, part), 3) for part in range(2)],
    *[(part_of(piecewise._clip_branch, part), 3) for part in range(3)],
]
OPERATIONS = [*((primitive, n_args) for primitive in PRIMITIVES for n_args in lengths(primitive)), *CHOICES]

CALLS = """
const answers = Object.fromEntries(Object.entries(rows).map(([name, row]) => [name, (numbers) => {
  const args = / of /.test(name) ? [numbers] : numbers;
  const out = row.forward(...args);
  const tied = row.tied ? Number(Boolean(row.tied(out, ...args))) : 0;
  return [tied, out, ...row.partials(out, ...args)];
}]));
"""

EDGES = [0.0, 5e-324, 1e-310, 1e-160, 1e-8, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 40.0, 710.0, 745.2, 750.0, 1e16, 1e300, inf]
EDGES = [*EDGES, *(-x for x in EDGES), nan]
FEW = [0.0, -0.0, 5e-324, 1.0, -1.5, -750.0, 1e300, inf, -inf, nan]
FEWER = [0.0, -0.0, 1.0, inf, nan]


@pytest.fixture(scope="module")
def node(tmp_path_factory):
    process = Node(table(OPERATIONS) + CALLS, tmp_path_factory.mktemp("node"))
    yield process
    process.close()


def largest_term(primitive, args, want):
    """The scale of rounding of a sum that cancels, if that is more than its result."""
    x = args[0]
    match primitive.name:
        case "lgamma":
            return 1.0, 0.0
        case "silu" | "gelu":
            return 0.0, abs(want[0] / x) if x else 0.5
        case "inverse_power":  # of the real and the imaginary part, one may cancel
            return 0.0, max(map(abs, want[1:]))
        case "pow_slope":  # powers of y and of log x, of either sign
            y, order = args[1], sum(primitive.options.values())
            growth = min((1.0 + abs(y)) / min(abs(x), 1.0) * (1.0 + abs(math.log(abs(x)))), 1e75) if x else 1e75
            power = ROWS["pow"].forward(abs(x), y)
            return power * growth**order, power * growth ** (order + 1)
    return 0.0, 0.0


def assert_close(primitive, args, answer):
    tied, *got = answer
    out = primitive.forward(*args)
    if got[0] == out and not any(map(math.isnan, args)):
        assert bool(tied) == bool(primitive.tied and primitive.tied(out, *args)), f"ties of {primitive} at {args}"
    want = [out, *primitive.partials(out, *args)]
    assert len(got) == len(want)
    is_exact = primitive.name not in ELEMENTARY
    terms = largest_term(primitive, args, want)
    for index, (x, y) in enumerate(zip(want, got)):
        if math.isnan(x) or is_exact or not isfinite(x) or x == 0.0:
            is_right = (x == y and copysign(1.0, x) == copysign(1.0, y)) or (math.isnan(x) and math.isnan(y))
        else:
            units = LOOSER.get(primitive.name, LAST_PLACES)[min(index, 1)]
            rounded_by = min(max(abs(x), abs(y), terms[min(index, 1)]), 1e308)
            is_right = abs(x - y) <= units * math.ulp(rounded_by)
        what = f"derivative {index}" if index else "value"
        assert is_right, f"{what} of {primitive} at {args}: {y!r} in JavaScript, {x!r} in Python"


@needs_node()
@pytest.mark.parametrize(("primitive", "n_args"), OPERATIONS, ids=str)
def test_edges(node, primitive, n_args):
    args = list(product({1: EDGES, 2: EDGES, 3: FEW}.get(n_args, FEWER), repeat=n_args))
    if primitive.name == "first_equal":  # its first argument is an extreme of the others
        args = [(piecewise.largest(*xs), *xs) for _, *xs in args]
    for each, got in zip(args, node.ask(row_name(primitive, n_args), args)):
        assert_close(primitive, each, got)


@needs_node()
@pytest.mark.parametrize("primitive", PRIMITIVES, ids=repr)
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_domain(node, primitive, data):
    args = data.draw(points(primitive).filter(lambda args: len(args) in lengths(primitive)))
    (got,) = node.ask(row_name(primitive, len(args)), [args])
    assert_close(primitive, args, got)


@needs_node()
@pytest.mark.parametrize("primitive", [row for row in PRIMITIVES if row.kinks], ids=repr)
def test_kinks_follow_the_same_convention(node, primitive):
    for kink, got in zip(primitive.kinks, node.ask(row_name(primitive, len(primitive.kinks[0])), primitive.kinks)):
        assert_close(primitive, kink, got)


def test_every_row_has_javascript():
    assert {primitive.name for primitive, _ in OPERATIONS[: -len(CHOICES)]} == ROWS.keys()
    text = table(OPERATIONS)
    assert all(f'"{row_name(*operation)}": ' in text for operation in OPERATIONS)


def test_nothing_written_by_hand_is_idle():
    text = table(OPERATIONS)
    assert [name for name in javascript._written_by_hand() if not re.search(rf"(function|const) {name}\b", text)] == []


def test_a_page_holds_only_what_it_needs():
    text = table([(TABLE["tanh"], 1), (TABLE["dot"], 4)])
    assert re.findall(r"^(?:function|const) (\w+)", text, re.MULTILINE) == ["rows", "sech", "square", "dot"]


@pytest.fixture
def own():
    made = []

    def register(name, *rules, **rest):
        register_primitive(name, *rules, **rest)
        made.append(TABLE[name])
        return TABLE[name]

    yield register
    for primitive in made:
        registry._remove(primitive)


@needs_node()
def test_own_rows_written_in_operators_come_along(own, tmp_path):
    cube = own("delete_", lambda x: x * x * x, lambda out, x: (3 * TABLE["square"](x),))
    process = Node(table([(cube, 1)]) + CALLS, tmp_path)
    assert process.ask("delete_", [[2.0]]) == [[0.0, 8.0, 12.0]]
    process.close()


@pytest.mark.parametrize(
    ("forward", "partials", "part"),
    [
        (math.sin, lambda out, x: (TABLE["cos"](x),), "forward"),
        (lambda x: x * abs(x), lambda out, x: (2 * x if x > 0 else -2 * x,), "partials"),
    ],
)
def test_own_rows_that_cannot_be_written_are_told(own, forward, partials, part):
    row = own("odd_", forward, partials)
    with pytest.raises(ValueError, match=f"^the page needs {part} of odd_ in JavaScript, but it is not written in"):
        table([(row, 1)])
