"""Random programs over the whole table: compiled and eager, they are one function."""

from math import inf, isfinite, nan

import numpy
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from autograd_mini import TABLE, Value, compile, grad, hessian, jacobian, register_primitive
from autograd_mini.testing import strategies
from tests.compiler.comparing import BACKENDS, REPLAYS, disagreement, moved

pytestmark = pytest.mark.usefixtures("between_margins")

MODES = {"value": lambda f: f, "gradient": grad, "Hessian": hessian}
COMPILED = {"value": "__call__", "gradient": "grad", "Hessian": "hessian"}

EDGES = [0.0, -0.0, 1.0, -1.0, 0.5, 2.0, 5e-324, 1e-310, 1e-200, 1e200, 1e308, -1e308, inf, -inf, nan]
ORDINARY = 0.01  # next to numbers of this size, what is left where terms cancel exactly is rounding

EVERYTHING_BUT = {"copysign": "of a nan, whose sign NumPy and math choose differently"}


@pytest.fixture(scope="module")
def own():
    """A primitive of the user's, in the table while these tests run."""
    own = register_primitive(
        "twist", lambda x, y: x * x * y, lambda out, x, y: (2.0 * x * y, x * x), arity=2, doc="x²y."
    )
    yield own
    del TABLE["twist"], Value.twist


def examples(count, backend):
    """Machine code takes long to make."""
    return settings(max_examples=max(5, count // 10) if backend == "machine" else count)


def check(program, point, mode, backend, *, is_exact=False, **options):
    """Twice, because a second call may go another way."""
    expected = MODES[mode](program)(*point)
    compiled = getattr(compile(program, backend=backend), COMPILED[mode])
    replays = () if is_exact else (MODES[mode](moved(program, seed))(*point) for seed in range(REPLAYS))
    first = compiled(*point)
    wrong = disagreement(first, expected, replays, **options)
    assert not wrong, f"{mode} of {program} at {point}: {wrong}"
    assert not disagreement(compiled(*point), first)


def run(strategy, count, backend, test):
    """A property for one back end."""
    examples(count, backend)(given(strategy)(test))()


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("mode", MODES)
def test_within_domains(mode, backend, own):
    """Where second derivatives do not exist, as of atan2 at the origin, only eager mode need say so."""
    options = {"scale": ORDINARY, "may_be_better": mode == "Hessian"}
    count = 60 if mode != "Hessian" else 40
    run(strategies.expressions(3), count, backend, lambda p: check(p, p.point, mode, backend, **options))


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("mode", MODES)
def test_on_kinks_and_ties(mode, backend):
    run(strategies.kinks(), 40, backend, lambda program: check(program, program.point, mode, backend, is_exact=True))


def anywhere(max_size):
    """A program and a point that need not lie in its domain."""
    rows = [row for name, row in TABLE.items() if name not in EVERYTHING_BUT]
    point = st.lists(st.sampled_from(EDGES) | st.floats(-3.0, 3.0), min_size=2, max_size=2)
    return st.tuples(strategies.expressions(2, primitives=rows, max_size=max_size), point)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("mode", ["value", "gradient"])
def test_at_the_ends_of_the_doubles(mode, backend, own):
    run(anywhere(3), 100, backend, lambda drawn: check(*drawn, mode, backend, may_be_better=True))


@pytest.mark.parametrize("backend", BACKENDS)
def test_second_derivatives_at_the_ends_of_the_doubles(backend, own):
    """Between huge and tiny factors the order decides which product overflows: there, only finite numbers count."""

    def test(drawn):
        program, point = drawn
        assume(all(x == 0.0 or not isfinite(x) or 1e-3 < abs(x) < 1e3 for x in point))
        assume(all(isfinite(slope) for row in hessian(program)(*point) for slope in row))
        check(program, point, "Hessian", backend, scale=ORDINARY)

    run(anywhere(3), 60, backend, test)


def batches(max_size=8):
    """A program, points around its own for a batch, and which of its three inputs carry it."""

    @st.composite
    def drawn(draw):
        program = draw(strategies.expressions(3, max_size=max_size))
        n = draw(st.integers(1, 5))
        shifts = draw(st.lists(st.lists(st.floats(-0.5, 0.5), min_size=3, max_size=3), min_size=n, max_size=n))
        batched = draw(st.sets(st.integers(0, 2), min_size=1))
        points = [
            [x + (shift if i in batched else 0.0) for i, (x, shift) in enumerate(zip(program.point, row))]
            for row in shifts
        ]
        return program, points, sorted(batched)

    return drawn()


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("reduce", [None, "sum", "mean"])
def test_batches(reduce, backend):
    def test(drawn):
        program, points, batched = drawn
        n = len(points)
        args = [numpy.array([p[i] for p in points]) if i in batched else points[0][i] for i in range(3)]
        values, slopes = (numpy.array([MODES[mode](program)(*p) for p in points]) for mode in ("value", "gradient"))
        assume(numpy.abs(slopes[numpy.isfinite(slopes)]).max(initial=0.0) < 1e100)

        def function(x0, x1, x2):
            return program(x0, x1, x2)

        named = [f"x{i}" for i in batched] if n % 2 else batched
        compiled = compile(function, batch=named, reduce=reduce, backend=backend)
        for _ in range(2):
            value, gradient = compiled.value_and_grad(*args)
            assert_is_close(value, values, lambda f, p: f(*p), program, points, reduce)
            for i, slope in enumerate(gradient):
                expected = slopes[:, i]
                if i in batched and reduce is not None:  # for each example its own
                    scaled = expected / n if reduce == "mean" else expected
                    assert_is_close(slope, scaled, lambda f, p, i=i: grad(f)(*p)[i], program, points, None)
                else:
                    assert_is_close(slope, expected, lambda f, p, i=i: grad(f)(*p)[i], program, points, reduce)
        assert_is_close(compiled(*args), values, lambda f, p: f(*p), program, points, reduce)

    run(batches(), 40, backend, test)


def assert_is_close(found, each, computed, program, points, reduce):
    """`each`: the number of every example; `computed` gives it from a function and a point."""
    with numpy.errstate(all="ignore"):
        total = {None: lambda x: x, "sum": numpy.sum, "mean": numpy.mean}[reduce]
        others = (numpy.array([computed(moved(program, seed), p) for p in points]) for seed in range(REPLAYS))
        if reduce is None:
            wrong = disagreement(found, each, others, may_be_better=True, scale=ORDINARY)
        else:  # what cancels in the sum counts, as reordered
            size = numpy.abs(each[numpy.isfinite(each)]).sum(initial=ORDINARY)
            wrong = disagreement([found, size], [total(each), size], ([total(o), size] for o in others))
    assert not wrong, f"{program} at {points}: {wrong}"


@pytest.mark.parametrize("backend", BACKENDS)
def test_wrt_by_position_and_by_name(backend):
    def test(program):
        def function(x0, x1, x2):
            return program(x0, x1, x2)

        whole = grad(function)(*program.point)
        for wrt, places in ((1, 1), ("x1", 1), (-1, 2), (["x2", 0], [2, 0]), ((), [])):
            found = compile(function, wrt=wrt, backend=backend).grad(*program.point)
            expected = whole[places] if isinstance(places, int) else [whole[i] for i in places]
            replays = (grad(moved(program, seed))(*program.point) for seed in range(REPLAYS))
            chosen = ((r[places] if isinstance(places, int) else [r[i] for i in places]) for r in replays)
            assert not disagreement(found, expected, chosen, scale=ORDINARY)
            assert isinstance(found, float if isinstance(wrt, int | str) else tuple)

    run(strategies.expressions(3), 12, backend, test)


@pytest.mark.parametrize("backend", BACKENDS)
def test_compiled_derivatives(backend):
    """A derivative is a function like others: to compile, and to differentiate again."""

    def test(program):
        expected = grad(program)(*program.point)
        slope = compile(grad(program), backend=backend)
        replays = [grad(moved(program, seed))(*program.point) for seed in range(REPLAYS)]
        assert not disagreement(slope(*program.point), expected, replays, scale=ORDINARY)
        curved = hessian(program)(*program.point)
        replays = (hessian(moved(program, seed))(*program.point) for seed in range(REPLAYS))
        assert not disagreement(slope.jacobian(*program.point), curved, replays, may_be_better=True, scale=ORDINARY)

    run(strategies.expressions(2, max_size=5), 30, backend, test)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("kind", ["list", "array", "dict"])
def test_jacobians(kind, backend):
    made = {
        "list": lambda a, b, c: [a, (b, c)],
        "array": lambda a, b, c: numpy.array([[a, b], [c, a]]),
        "dict": lambda a, b, c: {"first": a, "rest": [b, c]},
    }[kind]

    def test(programs):
        first, second = programs

        def several(f, g):
            return lambda x: made(f(x[0], x[1]), g(x[1], x[0]), x[0] * x[1])

        function = several(first, second)
        moves = [several(moved(first, seed), moved(second, seed)) for seed in range(REPLAYS)]
        point = list(first.point)
        compiled = compile(function, backend=backend)
        replays = (each(point) for each in moves)
        assert not disagreement(compiled(point), function(point), replays, may_be_better=True)
        expected = jacobian(function)(point)
        found = compiled.jacobian(point)
        assert not disagreement(
            found, expected, (jacobian(each)(point) for each in moves), may_be_better=True, scale=ORDINARY
        )
        assert shape_of(found) == shape_of(expected)

    few = strategies.expressions(2, max_size=4)
    run(st.tuples(few, few), 20, backend, test)


def shape_of(nest):
    """The nest without its numbers."""
    if isinstance(nest, dict):
        return {key: shape_of(part) for key, part in nest.items()}
    if isinstance(nest, list | tuple):
        return type(nest)(map(shape_of, nest))
    return getattr(nest, "shape", None)


@pytest.mark.parametrize("backend", BACKENDS)
def test_products_with_the_hessian(backend):
    def test(drawn):
        program, vector = drawn
        vector = tuple(vector)
        expected = numpy.array(hessian(program)(*program.point)) @ numpy.array(vector)
        compiled = compile(program, backend=backend)
        compiled.jacobian(*program.point)  # has seeds of its own
        found = compiled.hvp(*program.point, vector)
        replays = (numpy.array(hessian(moved(program, s))(*program.point)) @ vector for s in range(REPLAYS))
        assert not disagreement(found, expected, replays, may_be_better=True, scale=ORDINARY)

    run(st.tuples(strategies.expressions(2, max_size=6), strategies.points(2)), 30, backend, test)
