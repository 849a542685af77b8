"""Compiled derivatives at ties, and where a zero in the data meets inf, are those of eager mode."""

from itertools import product
from math import isfinite

import numpy
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import autograd_mini as am
from autograd_mini import TABLE, Value, compile, grad, hessian, hvp, jacobian, jvp
from autograd_mini.compiler import deriving
from autograd_mini.compiler.passes.watching import watched
from autograd_mini.compiler.ties import settling
from tests.compiler.comparing import BACKENDS, disagreement, flat
from tests.test_limits import BRANCHES, COMPOSITIONS, CONVENTIONS, OF_INFINITIES, OF_MINUS_ZERO, ZEROS

NUMBERS = st.sampled_from([0.0, 0.0, 0.0, 1.0, 1.0, -1.0, 2.0, 0.5])
UNARY = {
    "neg": lambda a: -a,
    "relu": am.relu,
    "abs": am.abs,
    "clip": lambda a: am.clip(a, -1.0, 0.0),
    "leaky": lambda a: am.leaky_relu(a, 0.25),
    "sqrt": am.sqrt,
    "log": am.log,
    "exp": am.exp,
    "square": lambda a: a * a,
    "twice": lambda a: 2.0 * a,
    "detach": lambda a: a - 0.5 * (a if isinstance(a, float) else a.detach()),
}
BINARY = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "maximum": am.maximum,
    "minimum": am.minimum,
    "max": lambda a, b: am.max([a, b, 0.5 * a, am.relu(b)]),
    "norm": lambda a, b: am.norm([a, b]),
    "dist": lambda a, b: am.dist([a, 1.0], [a, b]),
    "where": lambda a, b: am.where(a > 0.0, am.log(a), b),
    "root": lambda a, b: am.where(a > b, am.sqrt(a - b), 0.0),
}


class Program:
    """A function of x, compiled from its text."""

    def __init__(self, text):
        self.text = text

    def __call__(self, x):
        return eval(self.text, {**UNARY, **BINARY, "x": x})

    def __repr__(self):
        return f"Program({self.text!r})"


@st.composite
def texts(draw, depth=3):
    """Over x[0], x[1], x[2]."""
    if depth == 0 or draw(st.integers(0, 4)) == 0:
        return f"x[{draw(st.integers(0, 2))}]"
    first = draw(texts(depth=depth - 1))
    if draw(st.booleans()):
        return f"{draw(st.sampled_from(sorted(UNARY)))}({first})"
    return f"{draw(st.sampled_from(sorted(BINARY)))}({first}, {draw(texts(depth=depth - 1))})"


def programs():
    return texts().map(Program)


POINTS = st.lists(NUMBERS, min_size=3, max_size=3)


def agree(found, expected):
    wrong = disagreement(found, expected, scale=4.0)  # second derivatives that cancel
    assert not wrong, wrong


def agree_where_finite(found, expected):
    """Of a sum that is not finite, eager mode approaches all terms along one line."""
    found, expected = flat(found), flat(expected)
    assert (numpy.isfinite(found) == numpy.isfinite(expected)).all(), (found, expected)
    agree(found[numpy.isfinite(found)], expected[numpy.isfinite(found)])


def run(backend, test, *strategies):
    """Check a property for one back end; machine code takes long to compile."""
    settings(max_examples=100 if backend == "numpy" else 8, deadline=None)(given(*strategies)(test))()


@pytest.mark.parametrize("backend", BACKENDS)
def test_programs_at_one_point(backend):
    def test(f, x):
        compiled = compile(f, backend=backend)
        agree(compiled.grad(x), grad(f)(x))
        agree(compiled.jacobian(x), jacobian(f)(x))
        agree(compiled.hessian(x), hessian(f)(x))
        v = [1.0, -0.5, 2.0]
        agree_where_finite(compiled.hvp(x, v), hvp(f)(x, v))  # eager mode adds infinite slopes of either sign first

    run(backend, test, programs(), POINTS)


@pytest.mark.parametrize("backend", BACKENDS)
def test_programs_over_batches(backend):
    def test(f, points):
        batch = numpy.array(points)
        each = compile(f, batch=True, backend=backend)
        agree(each.grad(batch), [grad(f)(x) for x in points])
        agree(each.hessian(batch), [hessian(f)(x) for x in points])
        summed = compile(f, batch=True, reduce="sum", backend=backend)
        agree(summed.grad(batch), each.grad(batch))

    run(backend, test, programs(), st.lists(POINTS, min_size=2, max_size=5))


@pytest.mark.parametrize("backend", BACKENDS)
def test_programs_of_shared_weights(backend):
    def test(f, points, w):
        def g(w, x):
            return f([a * b for a, b in zip(w, x)])

        assume(all(isfinite(g(w, x)) for x in points))
        batch = numpy.array(points)
        mean = lambda w: am.mean([g(w, x) for x in points])
        agree_where_finite(compile(g, wrt="w", batch="x", reduce="mean", backend=backend).grad(w, batch), grad(mean)(w))
        weights = [Value(each) for each in w]
        loss = compile(lambda x: g(weights, x), batch=True, reduce="mean", backend=backend)
        loss.backward(batch)
        agree_where_finite([each.grad for each in weights], grad(mean)(w))

    run(backend, test, programs(), st.lists(POINTS, min_size=2, max_size=4), POINTS)


@pytest.mark.parametrize("backend", BACKENDS)
def test_each_direction_stays_with_its_variable(backend):
    f = lambda w, x: am.relu(w * x) * w * am.exp(x) + w * w * x * x
    xs, changes = [0.0, 0.0, 2.0], [0.3, 0.7, -1.0]
    total = lambda w, xs: am.sum([f(w, x) for x in xs])
    summed = compile(f, batch="x", reduce="sum", backend=backend)
    found = summed.hvp(1.5, numpy.array(xs), (2.0, numpy.array(changes)))
    agree(found, hvp(total)(1.5, xs, (2.0, changes)))
    g = lambda x, y: am.relu(x * y) * x * am.exp(y)
    agree(compile(g, wrt=("y", "x"), backend=backend).hvp(0.0, 1.0, (2.0, 0.3)), hvp(g, (1, 0))(0.0, 1.0, (2.0, 0.3)))
    agree(compile(g, wrt=("y", "x"), backend=backend).hessian(0.0, 1.0), hessian(g, (1, 0))(0.0, 1.0))


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", COMPOSITIONS)
def test_compositions_that_are_smooth(name, backend):
    f, expected = COMPOSITIONS[name]
    compiled = compile(f, backend=backend)
    assert compiled.grad(0.0) == expected[0]
    if len(expected) > 1:
        assert compiled.hessian(0.0) == expected[1]
    batch = compile(f, batch=True, backend=backend)
    slopes = batch.grad(numpy.array([0.5, 0.0, -0.25, 0.0]))
    assert [*slopes[1::2]] == [expected[0]] * 2


# With their first and second derivative at 0.
WHOLE = {
    "a dot product": (lambda x: am.dot([x, 2.0, x * x, x], [x, x, 0.5, -1.0]), 1.0, 3.0),
    "factors in both orders": (lambda x: am.dot([x, -2.0, x, x], [5.0, x, 0.5 * x, -1.0]), 2.0, 1.0),
    "a sum": (lambda x: am.sum([x, -0.5 * x, x * x, 3.0 * x, -x]), 2.5, 2.0),
    "a share": (lambda x: am.softmax([x, 0.0, 0.0])[0], 2.0 / 9.0, 2.0 / 27.0),
    "the logarithm of one": (lambda x: am.log_softmax([x, 0.0, 0.0])[1], -1.0 / 3.0, -2.0 / 9.0),
    "logsumexp": (lambda x: am.logsumexp([x, 0.0, 0.0]), 1.0 / 3.0, 2.0 / 9.0),
}


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", WHOLE)
def test_ties_before_and_after_sums_and_functions_of_vectors(name, backend):
    function, slope, bend = WHOLE[name]
    straight = lambda x: am.relu(x) - am.relu(-x)  # x itself, and tied at 0
    for f in (lambda x: function(straight(x)), lambda x: straight(function(x))):
        compiled, batch = compile(f, backend=backend), compile(f, batch=True, backend=backend)
        assert compiled.grad(0.0) == pytest.approx(slope, rel=1e-14)
        assert compiled.hessian(0.0) == pytest.approx(bend, rel=1e-14)
        assert batch.grad(numpy.array([0.5, 0.0, 0.0]))[1:] == pytest.approx([slope] * 2, rel=1e-14)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", WHOLE)
def test_the_side_is_that_to_which_sums_and_functions_of_vectors_change(name, backend):
    """The rules alone give 20 slopes; the limits are 9 and 11, and the one in the direction of larger x is taken."""
    function, slope, bend = WHOLE[name]

    def f(x):
        change = function(x) - function(0.0 * x)
        return 10.0 * (am.relu(change) - am.relu(-change)) + am.abs(change)

    factor = 11.0 if slope > 0.0 else 9.0
    compiled, batch = compile(f, backend=backend), compile(f, batch=True, backend=backend)
    assert grad(f)(0.0) == pytest.approx(factor * slope, rel=1e-14)
    assert compiled.grad(0.0) == pytest.approx(factor * slope, rel=1e-14)
    assert compiled.hessian(0.0) == pytest.approx(factor * bend, rel=1e-13)
    assert batch.grad(numpy.array([0.5, 0.0, 0.0]))[1:] == pytest.approx([factor * slope] * 2, rel=1e-14)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(("f", "at", "expected"), CONVENTIONS)
def test_single_rows_keep_their_convention(f, at, expected, backend):
    found = compile(f, backend=backend).grad(*at)
    assert (list(found) if len(at) > 1 else [found]) == expected


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", ZEROS)
def test_zeros_of_the_data(name, backend):
    f, at, expected = ZEROS[name]
    found = compile(f, backend=backend).grad(at)
    assert found == pytest.approx(expected, rel=1e-14, abs=0.0, nan_ok=True)
    found = compile(f, batch=True, backend=backend).grad(numpy.array([0.25, at, 0.5]))
    assert found[1] == pytest.approx(expected, rel=1e-14, abs=0.0, nan_ok=True)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("f", OF_MINUS_ZERO)
def test_minus_zero_is_approached_from_where_functions_are_defined(f, backend):
    assert compile(f, backend=backend).grad(0.0) == -numpy.inf
    assert compile(f, batch=True, backend=backend).grad(numpy.array([-1.0, 0.0]))[1] == -numpy.inf


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("f", OF_INFINITIES)
def test_second_derivatives_where_inf_meets_minus_inf(f, backend):
    assert compile(f, backend=backend).hessian(0.0) == -numpy.inf
    each = compile(f, batch=True, backend=backend)
    agree(each.hessian(numpy.array([-0.25, 0.0, 0.25])), [hessian(f)(x) for x in (-0.25, 0.0, 0.25)])


@pytest.mark.parametrize("backend", BACKENDS)
def test_loops_where_inf_meets_minus_inf(backend):
    """Of the weights of 100 steps, the slope is a sum of such terms; that of the start is by the first step."""
    f = lambda x, w: am.scan(lambda carry, y: (am.sqrt(carry) - 2.0 * am.sqrt(carry * w) + y, None), x, [1.0] * 5)[0]
    compiled = compile(f, wrt=("x", "w"), backend=backend)
    agree(compiled.grad(0.0, 0.25), grad(f, (0, 1))(0.0, 0.25))
    agree(compiled.grad(0.0, 1.0), grad(f, (0, 1))(0.0, 1.0))


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    "length", [am.abs, lambda x: am.norm([x]), lambda x: am.hypot(x, x), lambda x: am.dist([x], [0])]
)
def test_lengths_are_never_minus_zero_off_a_tie(length, backend):
    """atan2 jumps by 2π between 0.0 and -0.0."""
    compiled = compile(lambda x: am.square(am.atan2(length(x), -0.5)), backend=backend)
    assert compiled.grad(0.0) == compiled.grad(-0.0) == 0.0


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("batch", [False, True])
def test_tangents_of_what_is_tied(batch, backend):
    """Along directions of any length, towards several results."""
    f = lambda x, y: [am.relu(x) - am.relu(-x) + y * y, am.maximum(x, y) + am.minimum(x, y), am.sqrt(x) ** 2 - y]
    compiled = compile(f, batch=batch, backend=backend)
    for direction in ((2.0, -3.0), (0.25, 0.0)):
        x, y = direction
        given = [numpy.array([each, each]) if batch else each for each in (0.0, 0.0, *direction)]
        found = compiled.jvp(*given[:2], tuple(given[2:]))
        expected = [x, x + y, x - y]
        assert numpy.array_equal(found, [expected, expected] if batch else expected)


@pytest.mark.parametrize("backend", BACKENDS)
def test_of_what_is_nan_no_limit_is_taken(backend):
    """However finite one along some line may be."""
    f = Program("max(max(x[0], sqrt(x[1])), add(x[0], minimum(x[0], x[0])))")
    assert numpy.isnan(grad(f)([2.0, -1.0])).any()
    agree(compile(f, backend=backend).grad([2.0, -1.0]), grad(f)([2.0, -1.0]))


@pytest.mark.parametrize("name", ZEROS)
def test_zeros_of_the_data_after_ordinary_calls(name):
    """The ordinary calls take the short way."""
    pytest.importorskip("llvmlite")
    f, x, expected = ZEROS[name]
    compiled = compile(f, backend="machine")
    ordinary = [compiled.value_and_grad(0.7) for _ in range(3)]
    assert ordinary[0] == ordinary[1] == ordinary[2]
    found = [compiled.value_and_grad(x)[1] for _ in range(2)]
    assert found == pytest.approx([expected] * 2, rel=1e-12, abs=0.0, nan_ok=True)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("f", BRANCHES)
def test_branches_not_taken_carry_nothing(f, backend):
    compiled = compile(f, backend=backend)
    assert compiled.grad(0.0) == 1.0
    assert compiled.hessian(0.0) == 0.0


def test_the_hessian_of_a_squared_norm():
    assert compile(lambda v: am.norm(v) ** 2).hessian([0.0, 0.0]) == [[2.0, 0.0], [0.0, 2.0]]


SECOND_AT_LENGTHS = [
    (lambda v: am.norm([v[0]]) + v[1], [0.0, 1.0]),
    (lambda v: am.norm([v[0], v[1]]), [0.0, 0.0]),
    (lambda v: am.norm([v[0]]) * v[1] ** 2 + v[0] ** 3, [0.0, 0.5]),
    (lambda v: v[1] * v[0] ** 2 - am.dist([v[0]], [v[1]]), [0.5, 0.5]),
    (lambda v: am.log(abs(v[0] + v[1])), [0.0, 0.0]),
    (lambda v: am.exp(v[0]) * v[1] * v[1] + am.sin(v[1]) * abs(v[1]) + (v[1] - v[0] ** 2) ** 2, [0.5, 0.0]),
]


@pytest.mark.parametrize(("f", "at"), SECOND_AT_LENGTHS)
def test_second_derivatives_at_lengths_of_zero_are_those_of_eager_mode(f, at):
    compiled = compile(f)
    assert compiled.grad(at) == am.grad(f)(at)
    expected = am.hessian(f)(at)
    assert numpy.allclose(compiled.hessian(at), expected, rtol=1e-14, atol=0.0, equal_nan=True)
    assert numpy.allclose(compiled.hessian(at, sparse=True).toarray(), expected, rtol=1e-14, atol=0.0, equal_nan=True)
    for vector in ([1.0, 0.0], [0.0, 1.0], [1.0, 1.0]):
        found = compiled.hvp(at, vector), am.hvp(f)(at, vector)
        assert numpy.allclose(*found, rtol=1e-14, atol=0.0, equal_nan=True)


def test_ties_in_different_examples_are_settled_together():
    """Each half is a kink in w, their sum is w itself."""
    f = compile(lambda w, s: s * am.relu(s * w), wrt="w", batch="s", reduce="sum")
    assert f.grad(0.0, numpy.array([1.0, -1.0])) == 1.0


def test_numbers_in_place_of_parameters_are_those_that_count():
    w = Value(3.0)
    f = compile(lambda x: am.relu(w * x) - am.relu(-w * x), batch=True, reduce="sum")
    _, slopes = f.value_and_parameter_grads(numpy.array([1.0, 2.0]), parameters=numpy.array([0.0]))
    assert slopes.tolist() == [3.0]


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_convention_stands_if_it_is_between_the_limits_towards_captured_values_too(backend):
    """The rules give 0 towards x, which is between 1 and -1; towards w they give 2, where both limits are 1."""
    w = Value(0.0)
    f = lambda x: am.abs(x) + am.relu(w) - am.relu(-w)
    assert grad(f)(0.0).data == 1.0
    assert compile(f, backend=backend).grad(0.0) == 1.0
    assert compile(f, batch=True, backend=backend).grad(numpy.zeros(2)).tolist() == [1.0, 1.0]


@pytest.mark.parametrize("backend", BACKENDS)
def test_what_eager_mode_settles_depends_on_captured_values(backend):
    """2x + |x|, whose limits are 3 and 1 where the rules alone give 4; towards x alone."""
    w = Value(0.0)
    straight = lambda x: am.relu(x) - am.relu(-x)

    def f(x):
        jump = am.floor(straight(x) + 0.5) * 0.0  # which is left to eager mode
        return straight(x) * grad(straight)(w * x) + am.sign(x) * straight(x) + straight(x) + jump

    assert grad(f)(0.0).data == 3.0
    assert compile(f, backend=backend).grad(0.0) == 3.0
    assert compile(f, batch=True, backend=backend).grad(numpy.zeros(2)).tolist() == [3.0, 3.0]


@pytest.mark.parametrize("backend", BACKENDS)
def test_eager_mode_settles_the_examples_that_share_a_variable_together(backend):
    """Each of them is 2wx + |wx|; the limits of their sum are 12 and 4, where the rules alone give 24."""
    straight = lambda x: am.relu(x) - am.relu(-x)

    def f(w, x):
        change = straight(w * x)
        return change + straight(change) + am.sign(w) * change + am.floor(change + 0.5) * 0.0

    xs = [1.0, 2.0, 1.0]
    total = lambda w: am.sum([f(w, x) for x in xs])
    summed = compile(f, batch="x", wrt="w", reduce="sum", backend=backend)
    assert grad(total)(0.0) == 12.0
    assert summed.grad(0.0, numpy.array(xs)) == 12.0
    assert compile(f, batch="x", wrt="w", backend=backend).grad(0.0, numpy.array(xs)).tolist() == [3.0, 6.0, 3.0]


INNER = {
    "a slope": lambda x: grad(lambda t: am.relu(t) - am.relu(-t))(x),
    "a slope times x": lambda x: x * grad(lambda t: am.abs(t) * t)(x),
    "a zero of the data": lambda x: grad(lambda t: am.sqrt(t) ** 2 + t)(x),
    "towards one of two": lambda x: grad(lambda s, t: am.maximum(s, t) + am.minimum(s, t) * t, 0)(x, 2.0 * x),
    "a norm": lambda x: am.sum(grad(lambda v: am.norm(v) ** 2)([x, 3.0 * x])),
    "twice": lambda x: grad(grad(lambda t: am.relu(t) ** 2 + am.relu(-t) ** 2))(x),
    "a loss": lambda x: (grad(lambda t: am.relu(t * x) - am.relu(-t * x))(x) - x) ** 2,
    "forward": lambda x: jvp(lambda t: am.relu(t) - am.relu(-t))(x, 1.0) * x,
    "forward by a Value": lambda x: jvp(lambda t: am.abs(t) * t - am.relu(t))(x, x + 1.0),
    "a Jacobian": lambda x: am.dot(jacobian(lambda t: [am.relu(t) - am.relu(-t), t * am.abs(t)])(x), [x, 1.0]),
    "a mask": lambda x: grad(lambda t: am.where(t > 0.0, am.log(t), 3.0 * t))(x) * x,
}


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", INNER)
def test_derivatives_that_the_function_takes_itself(name, backend):
    f = INNER[name]
    compiled = compile(f, backend=backend)
    batch = numpy.array([0.5, 0.0, -0.25, 0.0])
    each = compile(f, batch=True, backend=backend)
    total = compile(f, batch=True, reduce="sum", backend=backend)
    for x in batch[:2]:
        agree(compiled(x), f(x))
        agree(compiled.grad(x), grad(f)(x))
        agree(compiled.hessian(x), hessian(f)(x))
    agree(each(batch), [f(x) for x in batch])
    agree(each.grad(batch), [grad(f)(x) for x in batch])
    agree(total(batch), sum(f(x) for x in batch))
    agree(total.value_and_grad(batch)[0], sum(f(x) for x in batch))


SPECIAL = [0.0, -0.0, 5e-324, -5e-324, 1.0, -1.0, 2.5, 1e200]
TIED = [row for row in TABLE.values() if row.tied is not None]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("row", [*TIED, TABLE["relu"].variant(at_zero=0.0)], ids=repr)
def test_rows_are_watched_as_eager_mode_watches_them(row, backend):
    points = [*product(SPECIAL, repeat=row.arity or 2)]
    if row in (TABLE["dist"], TABLE["clip"]):
        points = [*product([0.0, -0.0, 1.0, 2.5], repeat=4 if row is TABLE["dist"] else 3)]
    columns = numpy.array(points).T
    compiled = compile(row if row.arity else lambda *xs: row(*xs), batch=True, backend=backend)
    compiled.value_and_grad(*columns)
    plan = compiled._latest.parts[0].plan
    executor = plan.executor(compiled._latest.request)
    leaves = dict(zip(plan.inputs, [*columns[:, None], numpy.empty((0, 1))]))
    expected = [bool(row.tied(row.forward(*point), *point)) for point in points]
    if not any(expected):
        assert "tied" not in executor(leaves, len(points)).rows
        return
    found = executor(leaves, len(points)).rows["tied"]
    assert (~numpy.isfinite(found[0])).tolist() == expected


def pooled(w, x):
    patches = [am.relu(w[0] * a + w[1] * b + w[2]) for a, b in zip(x, [*x[1:], x[0]])]
    return am.max(patches[:4]) * am.max(patches[4:]) + am.maximum(patches[0], patches[1])


SERVED = {
    "blank patches": (pooled, [numpy.array([0.5, -1.0, 0.25])], numpy.zeros((3, 8))),
    "dead units": (pooled, [numpy.array([0.5, -1.0, -9.0])], numpy.linspace(-1.0, 1.0, 24).reshape(3, 8)),
    "both": (pooled, [numpy.array([0.5, -1.0, -9.0])], numpy.zeros((3, 8))),
    "a constant at a kink": (lambda x: am.copysign(0.0, x[0]) + x[1], [], numpy.eye(2)),
    "masks": (lambda x: am.where(x[0] > 0.0, am.log(x[0]) * x[1], x[1] * x[1]), [], numpy.eye(2)),
    "masks of ties": (lambda x: am.where(x[0] > x[1], am.sqrt(x[0] - x[1]), 0.0) + x[1], [], numpy.zeros((2, 2))),
    "limits from both sides": (
        lambda x: am.relu(x[0]) - am.relu(-x[0]) + am.norm(x) + am.abs(x[1]),
        [],
        numpy.zeros((2, 2)),
    ),
}


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("reduce", [None, "sum"])
@pytest.mark.parametrize("name", SERVED)
def test_compiled_programs_serve(name, reduce, backend, monkeypatch):
    """Patterns that are common in networks are not left to eager mode."""
    f, given, batch = SERVED[name]
    expected = [grad(f)(*given, x.tolist()) for x in batch]

    def never(*args):
        raise AssertionError("eager mode is asked")

    monkeypatch.setattr(settling, "in_eager_mode", never)
    found = compile(f, batch=len(given), reduce=reduce, backend=backend).grad(*given, batch)
    if given and reduce is None:
        agree([*found[0]], [towards_w for towards_w, _ in expected])
    elif given:
        agree(found[0], numpy.sum([towards_w for towards_w, _ in expected], axis=0))
    agree(found[-1] if given else found, [each[-1] if given else each for each in expected])


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("batch", [False, True])
def test_ties_that_decide_nothing_where_a_rule_gives_nan(batch, backend):
    """The limit is known: of -log 2/x it is inf."""

    def f(x):
        t = am.log_softmax([x, x])[0]
        return am.maximum(t, t) / x

    assert grad(f)(0.0) == numpy.inf
    found = compile(f, batch=batch, backend=backend).grad(numpy.array([1.0, 0.0]) if batch else 0.0)
    assert numpy.ravel(found)[-1] == numpy.inf


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("size", [1, 40])
def test_watching_changes_no_bits(size, backend, monkeypatch):
    """For one point and for batches, by scalars and by packs."""
    numbers = numpy.random.default_rng(0)
    W, X = numbers.normal(size=(size, 6)), numbers.normal(size=(9, 6))

    def f(w, x):
        h = [am.relu(am.dot(row, x)) for row in w]
        return am.norm(h) + am.max([am.abs(each) for each in x]) * am.maximum(x[0], x[1]) + am.clip(x[2], -0.5, 0.5)

    def results():
        alone, each = compile(f, backend=backend), compile(f, batch="x", backend=backend)
        return [*alone.value_and_grad(W, X[0])[1], *each.value_and_grad(W, X)[1], *each.hessian(W[:1], X[:2])[0]]

    watched_results = results()
    monkeypatch.setattr(deriving, "watched", lambda scalars, *args, **options: scalars)
    for one, other in zip(watched_results, results(), strict=True):
        assert numpy.asarray(one).tobytes() == numpy.asarray(other).tobytes()


def test_what_cannot_be_tied_is_not_watched():
    f = compile(lambda x, y: am.where(x > y, am.exp(x), y) * am.softplus(x) + am.floor(y))
    f.value_and_grad(0.5, 0.25)
    scalars = f._latest.parts[0].plan.source.scalars
    assert watched(scalars, [0, 1]) is scalars
    g = compile(lambda x, y: am.relu(x) * y)
    g.value_and_grad(0.5, 0.25)
    scalars = g._latest.parts[0].plan.source.scalars
    assert watched(scalars, [1]) is scalars
    assert watched(scalars, [0]).tied is not None
    h = compile(lambda x, y: am.relu(am.floor(x)) * y)  # what jumps is no kink where it stands still
    h.value_and_grad(0.5, 0.25)
    scalars = h._latest.parts[0].plan.source.scalars
    assert watched(scalars, [0, 1]) is scalars
