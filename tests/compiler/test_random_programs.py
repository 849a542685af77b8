"""Random programs over the whole table, compiled, keep the contract of arithmetic, bits included."""

from math import inf, isfinite, nan

import numpy
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from autograd_mini import TABLE, Value, compile, dot, grad, gradients, hvp, jacobian, register_primitive
from autograd_mini.structures import flatten
from autograd_mini.testing import strategies
from tests.compiler.allowed import ROWS, applied, total
from tests.compiler.comparing import BACKENDS, disagreement
from tests.compiler.contract import (
    Contract,
    about,
    faults,
    is_tied,
    same_in_batches,
    wrong_among,
    wrong_second,
    wrong_slopes,
)
from tests.compiler.tricky import tricky

pytestmark = pytest.mark.usefixtures("between_margins")

EDGES = [0.0, -0.0, 1.0, -1.0, 0.5, 2.0, 5e-324, 1e-310, 1e-200, 1e200, 1e308, -1e308, inf, -inf, nan]
MODES = ["value", "gradient", "Hessian"]


@pytest.fixture(scope="module")
def own():
    """A user's primitive, which is in the table while these tests run."""
    own = register_primitive(
        "twist", lambda x, y: x * x * y, lambda out, x, y: (2.0 * x * y, x * x), arity=2, doc="x²y."
    )
    yield own
    del TABLE["twist"], Value.twist


@pytest.fixture(autouse=True)
def _silence():
    with numpy.errstate(all="ignore"):
        yield


def run(strategy, count, backend, test):
    """Check a property for one back end; machine code takes long to compile."""
    count = max(5, count // 10) if backend == "machine" else count
    settings(max_examples=count)(given(strategy)(test))()


def gradient_of(program):
    """The gradient as a function of Values that returns Values."""

    def slopes(*xs):
        return gradients(program(*xs), xs, create_graph=True)

    return slopes


def check(program, point, mode, backend):
    """Check twice, because a second call may take another way."""
    compiled = compile(program, backend=backend)
    if mode == "Hessian":
        found, again = compiled.hessian(*point), compiled.hessian(*point)
        rows = [found] if len(point) == 1 else found
        wrong = wrong_second(program, point, backend, gradient_of(program), rows)
    else:
        method = compiled if mode == "value" else compiled.grad
        found, again = method(*point), method(*point)
        wrong = faults(program, point, backend, **{mode: found})
    assert not wrong, f"{program} at {point}: {wrong}"
    assert repr(found) == repr(again)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("mode", MODES)
def test_within_domains(mode, backend, own):
    count = 60 if mode != "Hessian" else 40
    run(strategies.expressions(3), count, backend, lambda program: check(program, program.point, mode, backend))


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("mode", MODES)
def test_on_kinks_and_ties(mode, backend):
    run(strategies.kinks(), 40, backend, lambda program: check(program, program.point, mode, backend))


@st.composite
def tricky_programs(draw):
    return tricky(lambda first, last: draw(st.integers(first, last)))


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("mode", ["value", "gradient"])
def test_where_an_algebra_of_real_numbers_shows(mode, backend):
    run(tricky_programs(), 200, backend, lambda program: check(program, program.point, mode, backend))


def anywhere(max_size):
    """A random program and a point that may lie outside its domain."""
    point = st.lists(st.sampled_from(EDGES) | st.floats(-3.0, 3.0), min_size=2, max_size=2)
    return st.tuples(strategies.expressions(2, max_size=max_size), point)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("mode", ["value", "gradient"])
def test_at_the_ends_of_the_doubles(mode, backend, own):
    def test(drawn):
        program, point = drawn
        check(program, point, mode, backend)

    run(anywhere(3), 100, backend, test)


@pytest.mark.parametrize("backend", BACKENDS)
def test_second_derivatives_at_the_ends_of_the_doubles(backend, own):
    """Between huge and tiny factors the order decides which product overflows: there, only finite numbers count."""

    def test(drawn):
        program, point = drawn
        assume(all(x == 0.0 or not isfinite(x) or 1e-3 < abs(x) < 1e3 for x in point))
        check(program, point, "Hessian", backend)

    run(anywhere(3), 60, backend, test)


@pytest.mark.parametrize("backend", BACKENDS)
def test_an_example_is_on_its_own(backend):
    """In batches of all lengths, next to numbers of any kind, and with its gradient or without."""

    def test(drawn):
        program, length = drawn
        wrong = same_in_batches(program, program.point, backend, [length, 17])
        assert not wrong, f"{program} at {program.point}: {wrong}"

    programs = strategies.expressions(2, max_size=8) | tricky_programs()
    run(st.tuples(programs, st.integers(2, 40)), 60, backend, test)


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
        args = [numpy.array([p[i] for p in points]) if i in batched else points[0][i] for i in range(3)]

        def function(x0, x1, x2):
            return program(x0, x1, x2)

        named = [f"x{i}" for i in batched] if len(points) % 2 else batched
        compiled = compile(function, batch=named, reduce=reduce, backend=backend)
        found = compiled.value_and_grad(*args)
        for libraries in [backend, "numpy"]:
            contracts = [Contract(function, point, libraries) for point in points]
            slopes = [contract.gradient() for contract in contracts]
            if reduce is not None and any(contract.is_settled for contract in contracts):
                return  # examples are settled together
            wrong = wrong_of_batch(found, [contract.values[0] for contract in contracts], slopes, batched, reduce)
            if not wrong or not any(contract.is_careful for contract in contracts):
                break
        assert not wrong, f"{program} at {points}: {wrong}"
        assert repr(compiled(*args)) == repr(found[0])
        assert repr(compiled.value_and_grad(*args)) == repr(found)

    run(batches(), 40, backend, test)


def wrong_of_batch(found, values, slopes, batched, reduce):
    """How a value and a gradient over a batch differ from what its examples allow."""
    n = len(values)
    value, gradient = found

    def reduced(numbers):
        out = total([(number,) for number in numbers], slopes[0][0].library)
        return applied(ROWS["div"], (out, float(n))) if reduce == "mean" else out

    if values[0] is not None:
        wrong = wrong_among(value, values if reduce is None else [reduced(values)], "value", signs=reduce is None)
        if wrong:
            return wrong
        for place, slope in enumerate(gradient):
            each = [row[place] for row in slopes]
            if place in batched and reduce == "mean":
                each = [applied(ROWS["div"], (number, float(n))) for number in each]
            elif place not in batched and reduce is not None:
                each = [reduced(each)]
            wrong = wrong_among(slope, each, f"gradient {place}", signs=False)
            if wrong:
                return wrong
    return ""


@pytest.mark.parametrize("backend", BACKENDS)
def test_wrt_by_position_and_by_name(backend):
    def test(program):
        def function(x0, x1, x2):
            return program(x0, x1, x2)

        for wrt, places in ((1, [1]), ("x1", [1]), (-1, [2]), (["x2", 0], [2, 0]), ((), [])):
            found = compile(function, wrt=wrt, backend=backend).grad(*program.point)
            contract = Contract(function, program.point, backend)
            if contract.outputs[0] is not None:
                allowed = contract.gradient()
                chosen = [allowed[place] for place in places]
                assert contract.is_careful or not wrong_among(found, chosen, "gradient", signs=False)
            assert isinstance(found, float if isinstance(wrt, int | str) else tuple)

    run(strategies.expressions(3), 12, backend, test)


@pytest.mark.parametrize("backend", BACKENDS)
def test_compiled_derivatives(backend):
    """A derivative is a function like others: to compile, and to differentiate again."""

    def test(program):
        slope = compile(grad(program), backend=backend)
        function, point = gradient_of(program), program.point
        values = Contract(function, point, backend).values
        if is_tied(program, function, point):  # told by eager mode
            values = about(flatten(grad(program)(*point), "a gradient")[0], None)
        wrong = wrong_among(slope(*point), values, "gradient", signs=False)
        wrong = wrong or wrong_second(program, point, backend, function, slope.jacobian(*point))
        assert not wrong, f"{program} at {point}: {wrong}"

    run(strategies.expressions(2, max_size=5), 30, backend, test)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("others", [[], [0.5, -3.0]])
@pytest.mark.parametrize("kind", ["list", "array", "dict"])
def test_jacobians(kind, others, backend):
    """Of more results than variables by sweeps forward, else by sweeps backward: to the bit of that direction."""
    made = {
        "list": lambda a, b, c: [a, (b, c)],
        "array": lambda a, b, c: numpy.array([[a, b], [c, a]]),
        "dict": lambda a, b, c: {"first": a, "rest": [b, c]},
    }[kind]

    def test(programs):
        first, second = programs

        def function(x):
            return made(first(x[0], x[1]), second(x[1], x[0]), x[-2] * x[-1])

        point = [*first.point, *others]
        n = len(point)
        compiled = compile(function, backend=backend)
        found = compiled(point)
        contract = Contract(lambda *xs: function(list(xs)), point, backend)
        assert not wrong_among(found, contract.values, "value")
        found_rows = compiled.jacobian(point)
        if kind == "array":  # for each number of the point an array
            rows = numpy.stack(found_rows, axis=-1).reshape(-1, n)
        else:
            rows = numpy.array(flatten(found_rows, "a Jacobian")[0]).reshape(-1, n)
        wrong = wrong_columns(contract, rows) if n < len(rows) else wrong_rows(contract, rows)
        assert not wrong, f"{first} and {second} at {point}: {wrong}"
        assert shape_of(found) == shape_of(made(1.0, 1.0, 1.0))

    few = strategies.expressions(2, max_size=4)
    run(st.tuples(few, few), 20, backend, test)


def wrong_rows(contract, rows):
    for output in range(len(rows)):  # where one is careful, all are: they are the batch
        _ = contract.outputs[output] is None or contract.gradient(output)
    made = [output for output, y in enumerate(contract.outputs) if y is not None]
    return "".join(wrong_slopes(contract, rows[output].tolist(), output) for output in made)


def wrong_columns(contract, rows):
    columns = [contract.changes(place) for place in range(rows.shape[1])]
    if contract.is_careful or contract.is_settled:  # by the gradients, and their limits
        expected = jacobian(lambda xs: flatten(contract.function(*xs), "a result")[0])([*contract.point])
        columns = [about(column, None) for column in zip(*expected)]
    found = rows.T.tolist()
    return "".join(wrong_among(*each, "column", signs=False) for each in zip(found, columns, strict=True))


def shape_of(nest):
    """The structure of a nest, without its numbers."""
    if isinstance(nest, dict):
        return {key: shape_of(part) for key, part in nest.items()}
    if isinstance(nest, list | tuple):
        return type(nest)(map(shape_of, nest))
    return getattr(nest, "shape", None)


@pytest.mark.parametrize("backend", BACKENDS)
def test_products_with_the_hessian(backend):
    def test(drawn):
        program, vector = drawn
        compiled = compile(program, backend=backend)
        compiled.jacobian(*program.point)  # has seeds of its own
        found = compiled.hvp(*program.point, tuple(vector))
        if is_tied(program, gradient_of(program), program.point):
            expected = hvp(program)(*program.point, tuple(vector))
            assert not disagreement(found, expected), f"{program} at {program.point}"
            return
        slope = Contract(lambda *xs: dot(gradient_of(program)(*xs), vector), program.point, backend, slack=4)
        wrong = "" if slope.outputs[0] is None else wrong_slopes(slope, found)
        assert not wrong, f"{program} at {program.point}: {wrong}"

    run(st.tuples(strategies.expressions(2, max_size=6), strategies.points(2)), 30, backend, test)
