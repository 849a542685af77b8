"""Matrix products in kernels are right for every shape, batch and register width, and each example is independent of
the others."""

from unittest import mock

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograd_mini import compile, dot, relu, sum, tanh
from autograd_mini.compiler.code import register_products
from autograd_mini.compiler.code.libraries import host_width
from autograd_mini.compiler.code.register_products import Matrix, Outer
from autograd_mini.compiler.code.scalar_programs import ScalarProgram
from autograd_mini.compiler.ir.program import Leaf, Pack
from autograd_mini.compiler.ir.scalars import ONE, Application, Input, Number, Terms
from autograd_mini.compiler.partition import SMALLEST_OUTER
from autograd_mini.compiler.run import running
from autograd_mini.compiler.run.one_kernel import ScalarExecutor
from autograd_mini.primitives import TABLE
from tests.compiler.run.fences import Margined, fenced

pytest.importorskip("llvmlite")

WEIGHTS, INPUTS = 40, 7
WIDTHS = sorted({2, host_width(), 2 * host_width()})
LENGTHS = [0, 1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 128, 133, 259]


@st.composite
def programs(draw):
    """Random scalars: weights, inputs and functions of these; sums that share factors; and sums of sums."""
    scalars = [Number(1.0), *[Input(0, 1)] * WEIGHTS, *[Input(1, 1 + WEIGHTS)] * INPUTS]
    weights, inputs = range(1, 1 + WEIGHTS), range(1 + WEIGHTS, len(scalars))
    scalars += [Application(TABLE["square"], (each,)) for each in inputs[:3]]
    scalars += [Number(2.5), Number(1.0)]
    known = [*range(inputs[0], len(scalars) - 2)]
    sums = []
    for _ in range(draw(st.integers(1, 3))):
        n_rows, n_factors = draw(st.integers(1, 37)), draw(st.integers(1, 11))
        factors = draw(st.lists(st.sampled_from([*known, ONE, len(scalars)]), min_size=n_factors, max_size=n_factors))
        factors = [each if each < len(scalars) else ONE for each in factors]
        signs = draw(st.lists(st.sampled_from([1.0, 1.0, -1.0]), min_size=n_factors, max_size=n_factors))
        how = draw(st.sampled_from(["plain", "from zero", "started", "went on", "constants"]))
        for row in range(n_rows):
            ws = [weights[(3 * row + 5 * k) % WEIGHTS] for k in range(n_factors)]
            if how == "constants":
                ws = [weights[0] if row == 0 else 1 + WEIGHTS + INPUTS + 3] * n_factors  # those of one row differ
            terms = Terms.of(zip(signs, ws, factors), how == "from zero")
            if how in ("started", "went on"):
                start = known[row % len(known)]
                if how == "went on":
                    scalars.append(Terms.of(zip(signs, ws[::-1], factors)))
                    start = len(scalars) - 1
                terms = Terms.of([(1.0, start, ONE), *zip(signs, ws, factors)])
            scalars.append(terms)
            sums.append(len(scalars) - 1)
        known += sums[-n_rows:][:4]
    return scalars, sums


def outer_sums(draw, known):
    """Sums of products of two scalars, some of them of all pairs of two groups."""
    ys = draw(st.lists(st.sampled_from(known), min_size=1, max_size=9, unique=True))
    n_rows, n_terms, step = draw(st.integers(1, 9)), draw(st.integers(1, 3)), draw(st.integers(1, 4))
    found = []
    for i in range(n_rows):
        for j in range(len(ys)):
            pairs = [(known[(i + step * k) % len(known)], ys[(j + k) % len(ys)]) for k in range(n_terms)]
            found.append(Terms.of([(1.0, x, y) for x, y in pairs]))
    return found


def exact(scalars, arrays, n):
    """All scalars in extended precision, [n], and the sums of the magnitudes of their terms."""
    values, sizes = [], []
    counts = {0: 0, 1: 0}
    for scalar in scalars:
        size = None
        if isinstance(scalar, Input):
            value = numpy.broadcast_to(arrays[scalar.array][counts[scalar.array]], n)
            counts[scalar.array] += 1
        elif isinstance(scalar, Number):
            value = numpy.full(n, scalar.number, numpy.longdouble)
        elif isinstance(scalar, Application):
            value = values[scalar.args[0]] ** 2
        else:
            terms = [c * values[x] * values[y] for c, x, y in scalar]
            value = numpy.sum(terms, axis=0)
            reach = [max(sizes[x].max(initial=0), 1.0) * max(sizes[y].max(initial=0), 1.0) for _, x, y in scalar]
            size = numpy.sum([numpy.abs(term) * r for term, r in zip(terms, reach)], axis=0)
        values.append(value.astype(numpy.longdouble))
        sizes.append(numpy.abs(values[-1]) if size is None else size)
    return values, sizes


def executor(scalars, results, width, registers, summed=()):
    arrays = {0: Pack(WEIGHTS, False, Leaf("input", 0, "w")), 1: Pack(INPUTS, True, Leaf("input", 1, "x"))}
    with (
        mock.patch.object(running, "host_width", return_value=width),
        mock.patch.object(register_products, "host_registers", return_value=registers),
    ):
        return arrays, ScalarExecutor(ScalarProgram(scalars, arrays, [], results, summed), 1)


def heads(found):
    (step,) = found.steps
    return [type(step.kernel.heads[form.steps[0][0]]) for form in step.kernel.forms if form.is_alone]


@settings(max_examples=60, deadline=None)
@given(programs(), st.sampled_from(WIDTHS), st.sampled_from([16, 32]), st.sampled_from(LENGTHS), st.data())
def test_sums_of_the_same_factors(drawn, width, registers, n, data):
    """Each right up to rounding, with the same bits in a batch of another length, elsewhere in it, and alone."""
    scalars, sums = drawn
    arrays, found = executor(scalars, {"value": sums}, width, registers)
    random = numpy.random.default_rng(n)
    w, x = random.normal(size=(WEIGHTS, 1)), random.normal(size=(INPUTS, n))
    with fenced(Margined):
        got = found(dict(zip(arrays.values(), (w, x))), n).rows["value"]
    values, sizes = exact(scalars, (w, x), n)
    for row, number in zip(got, sums):
        assert (numpy.abs(row - values[number]) <= 1e-14 * (1.0 + sizes[number])).all()
    if n:
        places = data.draw(st.lists(st.integers(0, n - 1), min_size=1, max_size=40))
        again = found(dict(zip(arrays.values(), (w, x[:, places]))), len(places)).rows["value"]
        assert again.tobytes() == got[:, places].tobytes()


@settings(max_examples=60, deadline=None)
@given(st.data(), st.sampled_from(WIDTHS), st.sampled_from([16, 32]), st.sampled_from(LENGTHS))
def test_sums_over_the_batch(data, width, registers, n):
    """Each right up to rounding, whatever is in memory beyond the last example."""
    scalars = [Number(1.0), *[Input(0, 1)] * WEIGHTS, *[Input(1, 1 + WEIGHTS)] * INPUTS]
    inputs = range(1 + WEIGHTS, len(scalars))
    scalars += [Application(TABLE["square"], (each,)) for each in inputs]
    scalars += [Number(2.5), Number(1.0)]
    known = [*inputs, *range(inputs[-1] + 1, len(scalars)), ONE]
    sums = outer_sums(data.draw, known) + data.draw(
        st.lists(st.sampled_from([Terms([1.0, 1, inputs[1], -1.0, inputs[0], ONE])]), max_size=1)
    )
    goes_on = data.draw(st.booleans())  # each from all but its last term, which stand by themselves
    numbers = []
    for terms in sums:
        if goes_on and len(terms) > 1:
            scalars.append(Terms(terms.flat[:-3]))
            terms = Terms([1.0, len(scalars) - 1, ONE, *terms.flat[-3:]])
        numbers.append(len(scalars))
        scalars.append(terms)
    arrays, found = executor(scalars, {"value": numbers}, width, registers, ["value"])
    random = numpy.random.default_rng(n)
    w, x = random.normal(size=(WEIGHTS, 1)), random.normal(size=(INPUTS, n))
    with fenced(Margined):
        got = found(dict(zip(arrays.values(), (w, x))), n).rows["value"]
        values, _ = exact(scalars, (w, x), n)
        for total, number in zip(got[:, 0], numbers):
            assert abs(total - values[number].sum()) <= 1e-13 * (1.0 + numpy.abs(values[number]).sum())


@pytest.mark.usefixtures("as_scalars")
def test_what_becomes_a_matrix():
    """The layers, their transposes, and the gradients of their weights; nothing of it is left to be added up by rows
    but the loss and what no other example shares."""

    def loss(w, v, x):
        y = [tanh(dot(row, x)) for row in w]
        return dot(v, y)

    f = compile(loss, batch="x", wrt=["w", "v"], reduce="mean", backend="machine")
    w, v, x = numpy.ones((12, 6)), numpy.ones(12), numpy.ones((40, 6))
    f.value_and_grad(w, v, x)
    found = f._latest.parts[0].plan.executor(f._latest.request)
    kinds = heads(found)
    assert Matrix in kinds
    assert Outer in kinds
    outers = [head for head in found.steps[0].kernel.heads if isinstance(head, Outer)]
    assert sum(head.n_rows for head in outers if head.n_rows * head.n_columns * head.n_terms < SMALLEST_OUTER) <= 1


@pytest.mark.usefixtures("as_scalars")
@pytest.mark.parametrize("wild", [numpy.inf, numpy.nan, 1e308])
def test_an_example_spoils_no_other(wild):
    """In products for each example, neither others in its block nor those in the same register."""
    f = compile(lambda w, x: [relu(dot(row, x)) for row in w], batch="x", backend="machine")
    w, x = numpy.random.default_rng(1).normal(size=(9, 5)), numpy.random.default_rng(2).normal(size=(21, 5))
    alone = f(w, x)
    spoilt = x.copy()
    spoilt[[3, 20]] = wild
    with numpy.errstate(all="ignore"):
        found = f(w, spoilt)
    others = [row for row in range(21) if row not in (3, 20)]
    assert numpy.array_equal(found[others], alone[others])


@pytest.mark.usefixtures("as_scalars")
@pytest.mark.parametrize("n", [1024, 1027, 1999])
def test_sums_do_not_depend_on_threads(n):
    def loss(w, x):
        return sum([relu(dot(row, x)) for row in w])

    random = numpy.random.default_rng(n)
    w, x = random.normal(size=(9, 5)), random.normal(size=(n, 5))
    options = {"batch": "x", "wrt": "w", "reduce": "mean", "backend": "machine"}
    found = [compile(loss, **options, threads=threads).value_and_grad(w, x) for threads in (1, 3)]
    assert found[0][0] == found[1][0]
    assert numpy.array_equal(found[0][1], found[1][1])
