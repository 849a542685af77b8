"""Machine code gives the numbers of NumPy, for whole programs over batches of every length and memory layout."""

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import autograd_mini as ag
from autograd_mini import compile, dot, sum, tanh
from autograd_mini.compiler.ir.building import elementwise
from autograd_mini.compiler.ir.program import Pack, Program, Segment, Sum, lanes_of
from autograd_mini.compiler.run.machine import MachineExecutor
from autograd_mini.compiler.run.numpy_executor import NumpyExecutor
from autograd_mini.compiler.run.scheduling import schedule
from autograd_mini.nn import MLP, LSTMCell, SelfAttention, kl_softmax
from autograd_mini.structures import flatten
from autograd_mini.testing import strategies
from tests.compiler.code.kernels_of import leaf
from tests.compiler.contract import faults
from tests.compiler.run.fences import Margined, fenced
from tests.compiler.test_networks import NETWORKS, attention, layered, lstm, maxout, perceptron, products
from tests.compiler.verifying import verified

pytestmark = pytest.mark.usefixtures("as_packs", "small_tiles")

TOLERANCE = 1e-12
LENGTHS = [*range(41), 63, 64, 65, 127, 128, 129, 255, 257, 383, 511, 513, 999, 1023, 1025, 1537]
random = numpy.random.default_rng(3)


def both(function, **options):
    return [compile(function, backend=backend, **options) for backend in ("machine", "numpy")]


def disagreement(found, expected):
    """What is wrong with a nest of numbers, in words: beyond rounding on the scale of each array's largest number."""
    for one, other in zip(*(leaves(nest) for nest in (found, expected)), strict=True):
        if one.shape != other.shape:
            return f"{one.shape} in place of {other.shape}"
        finite = numpy.isfinite(other)
        scale = numpy.abs(other[finite]).max(initial=0.0)
        with numpy.errstate(invalid="ignore"):
            near = numpy.abs(one - other) <= TOLERANCE * scale
        alike = (one == other) | (numpy.isnan(one) & numpy.isnan(other))
        if not numpy.where(finite, near, alike).all():
            return f"{one} in place of {other}"
    return ""


def leaves(nest):
    """The arrays of a nest, with its numbers as arrays."""
    if isinstance(nest, (list, tuple)):
        return [array for item in nest for array in leaves(item)]
    return [numpy.asarray(nest, dtype=float)]


def assert_agree(functions, *args, vector=None):
    machine, plain = functions
    for method in ("__call__", "value_and_grad", "value_and_grad"):  # what a call leaves behind must not matter
        wrong = disagreement(getattr(machine, method)(*args), getattr(plain, method)(*args))
        assert not wrong, f"{method}: {wrong}"
    if vector is not None:
        wrong = disagreement(machine.hvp(*args, vector), plain.hvp(*args, vector))
        assert not wrong, f"hvp: {wrong}"


@settings(max_examples=25, deadline=None)
@given(strategies.expressions(3), st.integers(0, 40) | st.sampled_from([129, 257]), st.sampled_from([None, "sum"]))
def test_random_programs(program, n, reduce):
    jitter = 1.0 + 1e-3 * numpy.random.default_rng(n).normal(size=(3, n))
    args = list(numpy.array(program.point)[:, None] * jitter)
    wild = n // 3
    for arg, number in zip(args, (numpy.inf, numpy.nan, 0.0)):
        arg[n - wild : n - wild // 2] = number
    with numpy.errstate(all="ignore"):
        with fenced(Margined):
            value, gradient = compile(program, batch=True, reduce=reduce, backend="machine").value_and_grad(*args)
        for example in {0, n // 2, n - wild, n - wild // 2, n - 1} & {*range(n)}:
            point, slopes = ([float(each[example]) for each in rows] for rows in (args, gradient))
            wrong = faults(program, point, "machine", None if reduce else value[example], slopes)
            assert not wrong, f"{program} at {point}: {wrong}"


def batches(network, n):
    weights, x, d = NETWORKS[network]
    return weights, *(random.normal(size=(n, *numpy.atleast_1d(size))) for size in (x, d))


@pytest.mark.parametrize("network", NETWORKS, ids=lambda network: network.__name__)
def test_batches_of_every_length(network):
    functions = both(network, batch=[1, "d"], reduce="mean")
    for n in LENGTHS if network in (perceptron, attention) else LENGTHS[::5]:
        with numpy.errstate(all="ignore"):  # the mean of no example is nan
            assert_agree(functions, *batches(network, n))


@pytest.mark.parametrize("network", [perceptron, attention, maxout, products], ids=lambda network: network.__name__)
def test_results_for_each_example(network):
    functions = both(network, batch=[1, "d"])
    for n in [0, 1, 2, 3, 4, 5, 7, 8, 9, 31, 129, 1027]:
        args = batches(network, n)
        weights = [numpy.ones_like(w) for w in args[0]] if isinstance(args[0], list) else numpy.ones_like(args[0])
        vector = (weights, *(random.normal(size=arg.shape) for arg in args[1:])) if n in (1, 5) else None
        assert_agree(functions, *args, vector=vector)


@pytest.mark.parametrize("network", NETWORKS, ids=lambda network: network.__name__)
def test_one_example(network):
    weights, x, d = NETWORKS[network]
    args = weights, random.normal(size=x), random.normal(size=d)
    ones = [numpy.ones_like(w) for w in weights] if isinstance(weights, list) else numpy.ones_like(weights)
    vector = (ones, *(numpy.ones_like(arg) for arg in args[1:])) if network is not lstm else None  # that takes long
    assert_agree(both(network), *args, vector=vector)


@pytest.mark.parametrize("count", [1, 2, 9, 20])
@pytest.mark.parametrize("name", ["prod", "max", "min", "norm", "logsumexp", "softmax", "log_softmax"])
def test_functions_of_many(name, count):
    function = getattr(ag, name)

    def run(xs, w):
        out = function([a * b for a, b in zip(xs, w)])
        return sum([(i + 1.0) * each for i, each in enumerate(out)]) if isinstance(out, list) else out

    functions = both(run, batch="xs")
    for n in (1, 6, 301):
        xs = random.normal(size=(n, count))
        if n == 6:
            xs[1], xs[2], xs[3, 0], xs[4, -1] = 1.0, -numpy.inf, numpy.nan, numpy.inf
        with numpy.errstate(all="ignore"):
            assert_agree(functions, xs, numpy.ones(count))


@pytest.mark.parametrize("name", ["prod", "max", "min", "norm", "logsumexp", "softmax", "log_softmax"])
@pytest.mark.parametrize("rows", [2, 30])
def test_functions_of_many_rows(name, rows):
    """So many rows that they are computed in a loop, side by side and as columns."""
    function = getattr(ag, name)

    def run(xs, w):
        y = [tanh(each) * a for row, a in zip(xs, w) for each in row]
        groups = [y[4 * i : 4 * i + 4] for i in range(rows)] + [y[i::rows] for i in range(rows)]
        found = [function(group) for group in groups]
        return sum([(i + 1.0) * each for i, each in enumerate(flatten(found, "these")[0])])

    functions = both(run, batch="xs")
    for n in (1, 3, 8, 131):
        assert_agree(functions, random.normal(size=(n, rows, 4)), random.normal(size=rows))
    assert_agree(both(run), random.normal(size=(rows, 4)), random.normal(size=rows))


def many_lanes(x, w):
    """Packs of 40 lanes: whole, permuted, evenly spaced, one lane for all, and sums of them."""
    order = numpy.random.default_rng(0).permutation(40)
    y = [tanh(each) for each in x]
    z = [y[i] * y[j] + w[i] for i, j in enumerate(order)]
    u = [ag.sigmoid(z[i] - z[0]) * 2.0 + z[39 - i] for i in range(40)]
    v = [ag.maximum(u[i // 2], z[order[i]]) for i in range(40)]
    t = [tanh(v[2 * i]) / (1.5 + v[2 * i + 1] ** 2) for i in range(20)]
    return dot(t, t) + ag.logsumexp(v[:10]) + v[3] * sum(y) + 3.0


def few_lanes(x, w):
    y = [ag.exp(-each * each) * w[i] for i, each in enumerate(x[:5])]
    z = [ag.sin(a + b) - ag.cos(a * b) for a, b in zip(y, y[1:])]
    return ag.softplus(z[0] * z[1]) + z[2] / (1.0 + z[3] ** 2)


def mixed(x, w):
    """Straight bodies, loops and NumPy's steps one after the other."""
    y = [tanh(each) for each in x]
    a, b = few_lanes(y, w), few_lanes(y[5:], w)
    z = [ag.digamma(1.0 + each**2 + a * a) for each in y[:12]]
    return dot(z, y[:12]) * b + ag.fsum(z) + many_lanes(z + y[12:], w)


@pytest.mark.parametrize(
    ("function", "reduce"), [(many_lanes, None), (few_lanes, None), (many_lanes, "mean"), (mixed, "mean")]
)
def test_lanes(function, reduce):
    functions = both(function, batch="x", reduce=reduce)
    w = random.normal(size=40)
    for n in [1, 2, 3, 4, 5, 11, 127, 128, 129, 131, 300, 1030]:
        assert_agree(functions, random.normal(size=(n, 40)), w)


@pytest.mark.parametrize("function", [many_lanes, few_lanes], ids=lambda function: function.__name__)
def test_lanes_of_one_point(function):
    x, w = random.normal(size=40), random.normal(size=40)
    assert_agree(both(function), x, w, vector=(w, x) if function is few_lanes else None)


@st.composite
def sums_over_batch(draw):
    """Sums over the batch of lanes and of products of two lanes; some have no term, or several."""
    n_lanes, n = draw(st.integers(1, 5)), draw(st.integers(1, 20))
    sources = [leaf(0, n_lanes), leaf(1, n_lanes)]
    lanes = st.lists(st.integers(0, n_lanes - 1), min_size=1, max_size=6)
    segments = []
    for _ in range(draw(st.integers(1, 2))):
        lane = draw(lanes | st.just([*range(n_lanes)]))
        a, b = (draw(st.lists(st.integers(0, n_lanes - 1), min_size=len(lane), max_size=len(lane))) for _ in range(2))
        a = [*range(len(lane))] if len(lane) <= n_lanes and draw(st.booleans()) else a
        other = draw(st.sampled_from([None, *sources]))
        index = None if other is None else numpy.array(b)
        block = elementwise(numpy.array(lane), numpy.array(a), index, draw(st.sampled_from([1.0, -1.0])))
        segments.append(Segment(draw(st.sampled_from(sources)), other, [block]))
    return sources, Pack(n_lanes + draw(st.integers(0, 2)), False, Sum(tuple(segments))), n


@settings(max_examples=150, deadline=None)
@given(sums_over_batch())
def test_sums_over_the_batch(drawn):
    sources, pack, n = drawn
    program = verified(Program([*sources, pack], {"all": lanes_of(pack)}))
    given = {source: random.normal(size=(source.lanes, n)) for source in sources}
    found = MachineExecutor(schedule(program))(given, n).rows["all"]
    expected = NumpyExecutor(program)(given, n).rows["all"]
    numpy.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("lanes", [2, 12])
def test_zeros_of_both_signs_among_constants(lanes):
    signs = [(-1.0) ** i for i in range(lanes)]

    def run(xs):
        return [ag.copysign(x, 0.0 * sign) for x, sign in zip(xs, signs)]

    found = compile(run, batch=True, backend="machine")(numpy.ones((9, lanes)))
    assert found.tolist() == [signs] * 9


def test_what_all_examples_share():
    """Parts that do not depend on the batch, before and after those that do."""

    def run(w, x):
        shared = [tanh(each) for each in w]
        scale = ag.exp(sum(shared))
        y = [a * b for a, b in zip(shared, x)]
        return sum(y) * scale + scale, scale, y, 7.0, x[0]

    random = numpy.random.default_rng(3)  # the same numbers in whichever order tests run: some sums may cancel
    functions = both(lambda w, x: run(w, x)[0], batch="x")
    wide = both(run, batch="x")
    for n in (0, 1, 2, 5, 9, 130):
        args = random.normal(size=20), random.normal(size=(n, 20))
        assert_agree(functions, *args)
        assert not disagreement(*[each(*args) for each in wide])
        assert not disagreement(*[each.jacobian(*args) for each in wide])


@pytest.mark.parametrize("activation", ["tanh", "relu", "gelu", "softplus", "silu"])
def test_modules(activation):
    model = MLP(9, [24, 11, 3], activation=activation, output="softmax", random=1)
    functions = both(lambda x, d: kl_softmax(model(x), d), batch=True, reduce="mean")
    for n in (1, 3, 8, 130, 1100):
        xs, ds = random.normal(size=(n, 9)), numpy.eye(3)[random.integers(3, size=n)]
        found, expected = (each.value_and_parameter_grads(xs, ds) for each in functions)
        assert not disagreement(found, expected)


def test_blocks():
    block, cell = SelfAttention(4, random=1), LSTMCell(3, 9, random=1)

    def run(tokens):
        return sum(each * each for row in block(tokens) for each in row)

    def steps(xs):
        outputs, _ = cell.run(xs)
        return dot(outputs[-1], outputs[0])

    for function, shape in ((run, (3, 4)), (steps, (4, 3))):
        functions = both(function, batch=True)
        for n in (1, 5, 129):
            assert_agree(functions, random.normal(size=(n, *shape)))


def layouts(xs):
    """The same numbers in arrays of other memory layouts."""
    n, k = xs.shape
    spaced = numpy.zeros((2 * n, 3 * k))
    spaced[::2, ::3] = xs
    backwards = xs[::-1, ::-1].copy()
    packed = numpy.zeros(n, dtype=[("first", "i4"), ("x", "f8", (k,)), ("last", "i1")])
    packed["x"] = xs
    unaligned = numpy.frombuffer(b"abc" + xs.tobytes(), dtype=numpy.float64, offset=3).reshape(n, k)
    frozen = xs.copy()
    frozen.flags.writeable = False
    return {
        "by columns": numpy.asfortranarray(xs),
        "spaced": spaced[::2, ::3],
        "backwards": backwards[::-1, ::-1],
        "part of rows": numpy.hstack([xs, xs])[:, :k],
        "columns of more rows": numpy.asfortranarray(numpy.vstack([xs, xs]))[:n],
        "backwards columns": numpy.asfortranarray(backwards)[::-1, ::-1],
        "packed records": packed["x"],
        "unaligned": unaligned,
        "unaligned by columns": numpy.frombuffer(b"abc" + xs.T.tobytes(), dtype=float, offset=3).reshape(k, n).T,
        "byte order": xs.astype(">f8"),
        "read only": frozen,
    }


@pytest.mark.parametrize("n", [1, 3, 4, 9, 133])
@pytest.mark.parametrize("function", [many_lanes, lambda x, w: x[1] * w[0] + x[0]], ids=["many", "few"])
def test_layouts_of_memory(function, n):
    compiled = compile(function, batch="x", backend="machine")
    k = 40 if function is many_lanes else 2
    xs, w = random.normal(size=(n, k)), random.normal(size=k)
    value, gradient = compiled.value_and_grad(xs, w)
    for name, other in layouts(xs).items():
        before = other.tobytes()
        again, (towards_x, towards_w) = compiled.value_and_grad(other, w)
        assert other.tobytes() == before
        for one, two in ((again, value), (towards_x, gradient[0]), (towards_w, gradient[1])):
            numpy.testing.assert_array_equal(one, two, err_msg=name)
    for same in (numpy.broadcast_to(xs[:1], xs.shape), numpy.broadcast_to(2.0, xs.shape)):
        numpy.testing.assert_array_equal(compiled(same, w), compiled(same.copy(), w))
    whole = numpy.round(xs * 10.0)
    for kind in (numpy.int32, numpy.float32, numpy.int8, numpy.float16):
        numpy.testing.assert_array_equal(compiled(whole.astype(kind), w), compiled(whole, w))


def test_arguments_that_share_memory():
    functions = both(lambda x, y, w: layered([w, w[0]], [x[0] * y[1], x[1] + y[0]])[0] * x[0], batch=["x", "y"])
    base, w = random.normal(size=(50, 2)), random.normal(size=(2, 2))
    before = base.copy()
    assert_agree(functions, base, base, w)
    assert_agree(functions, base[:-1], base[1:], base[:2])
    numpy.testing.assert_array_equal(base, before)
