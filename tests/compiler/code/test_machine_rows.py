"""Machine code of single rows is as precise as libm, and at special points gives the forward's own results."""

from functools import cache
from itertools import product
from math import inf, isfinite, nan, ulp

import mpmath
import numpy
import pytest

from autograd_mini import Primitive, compile
from autograd_mini.compiler.code import numpy_rows
from autograd_mini.compiler.code.machine_rows import VECTORS, has_emission
from autograd_mini.compiler.passes import packing
from autograd_mini.primitives import piecewise
from tests.compiler.code.kernels_of import WIDTHS, machine, reduction, vector
from tests.compiler.code.test_numpy_rows import (
    EDGES,
    FEW,
    FEWER,
    PRIMITIVES,
    SELECTORS,
    assert_same,
    columns,
    lengths,
)
from tests.primitives.points import PAIRED, ROWS

pytestmark = pytest.mark.usefixtures("as_packs", "small_tiles")

LEFT_TO_NUMPY = {
    "fsum", "sumprod",  # rounded once
    "digamma", "polygamma",
    "softmax_rest",
}  # fmt: skip

EMITTED = [primitive for primitive in PRIMITIVES if has_emission(primitive, lengths(primitive, 4)[-1])]
MORE_EDGES = [
    1e-300, 2.2e-308, 2.2250738585072014e-308, 1e-200, 1e-100, 1e-20, 1e-5, 0.49999999999999994, 0.9999999999999999,
    1.0000000000000002, 2.5, 3.0, 3.5, 5.9, 6.0, 22.0, 26.5, 27.3, 37.0, 170.6, 172.0, 700.0, 708.4, 709.79, 745.14,
    1023.5, 1024.0, 1074.5, 2100.5, 1e5, 1e9, 1e15, 2.0**52 + 1, 2.0**53 + 2, 1e22, 1e40, 1e100, 1.7e308,
]  # fmt: skip
MANY = [*EDGES, *MORE_EDGES, *(-x for x in MORE_EDGES)]
LAST_PLACES = 4.0

at_each_width = pytest.mark.parametrize("width", WIDTHS)
random = numpy.random.default_rng(5)


@pytest.fixture(autouse=True)
def _silence():
    with numpy.errstate(all="ignore"):
        yield


def test_every_row_has_machine_code_but_these():
    rows = [*ROWS.values(), *SELECTORS]
    assert {row.name for row in rows if not has_emission(row, lengths(row, 4)[-1])} == LEFT_TO_NUMPY
    assert VECTORS.keys() == numpy_rows.VECTORS.keys()


# What the last digits of some results are rounded by, where that is more than the result.
ROUNDED_BY = {
    "gelu": lambda x: max(abs(ROWS["gelu"].forward(x)), 1e-306) * (1.0 + x * x),  # exp(-x²/2)
    "pow_slope": lambda x, y: ROWS["pow"].forward(x, y - 1.0) * (1.0 + abs(y * ROWS["log"].forward(x))),
    "gamma": lambda x: 2.0 * abs(ROWS["gamma"].forward(x)),  # Python's is less exact than libm's,
    "lgamma": lambda x: 4.0 + x * x,  # and so is this
}


def assert_as_forward(primitive, args, got):
    rounded_by = ROUNDED_BY.get(primitive.base.name)
    if rounded_by is not None:
        rows = list(zip(*args.tolist()))
        forward = numpy.array([primitive.forward(*row) for row in rows])
        near = abs(got - forward) <= LAST_PLACES * 2.0**-52 * numpy.array([rounded_by(*row) for row in rows])
        got = numpy.where(near & (forward != 0.0), forward, got)
    assert_same(primitive, args, got)


@at_each_width
@pytest.mark.parametrize("primitive", EMITTED, ids=repr)
def test_edges(primitive, width):
    for count in lengths(primitive, 4 if primitive.name in PAIRED else 3):
        if primitive.name == "first_equal" and count == 1:
            continue
        rows = list(product({1: MANY, 2: EDGES, 3: FEW}.get(count, FEWER), repeat=count))
        args = columns(primitive, rows)
        assert_as_forward(primitive, args, machine(primitive, count, width)(*args))


@at_each_width
@pytest.mark.parametrize("primitive", EMITTED, ids=repr)
def test_numbers_of_all_sizes(primitive, width):
    for count in list(lengths(primitive, 4))[:2]:
        if primitive.name == "first_equal" and count == 1:
            continue
        bits = random.integers(-(2**63), 2**63 - 1, size=(400, count)).view(numpy.float64)
        rows = numpy.concatenate([bits, random.normal(size=(800, count)) * random.choice([0.1, 1, 30], size=(800, 1))])
        if primitive.base.name in ("lgamma", "gamma"):
            rows = numpy.where(rows < 0.0, numpy.trunc(rows), rows)  # of others no forward is exact
        args = columns(primitive, [tuple(row) for row in rows.tolist()])
        assert_as_forward(primitive, args, machine(primitive, count, width)(*args))


@pytest.mark.parametrize("primitive", EMITTED, ids=repr)
def test_the_same_bits_at_every_width_and_place(primitive):
    """A single point, a batch and the remainder of a batch, whatever is beside them."""
    count = list(lengths(primitive, 3))[-1]
    if primitive.name == "first_equal" and count == 1:
        return
    rows = numpy.concatenate(
        [
            random.normal(size=(300, count)) * random.choice([0.1, 1, 30, 1e10], size=(300, 1)),
            random.choice(MANY, (300, count)),
        ]
    )
    rows = rows[random.permutation(len(rows))]
    args = columns(primitive, [tuple(row) for row in rows.tolist()])

    def bits(width, shift):
        found = machine(primitive, count, width)(*[numpy.roll(arg, shift) for arg in args])
        parts = found if isinstance(found, tuple) else (found,)
        parts = [numpy.where(numpy.isnan(part), numpy.nan, part) for part in parts]
        return b"".join(numpy.roll(part, -shift).tobytes() for part in parts)

    alone = bits(1, 0)
    for width in WIDTHS:
        for shift in (0, 3):
            assert bits(width, shift) == alone


def logistic(x):
    return 1 / (1 + mpmath.exp(-x))


EXACT = {
    "exp2": lambda x: mpmath.mpf(2) ** x,
    "log2": lambda x: mpmath.log(x) / mpmath.log(2),
    "cbrt": lambda x: mpmath.sign(x) * mpmath.cbrt(abs(x)),
    "pow": mpmath.power,
    "erfc": lambda x: mpmath.erfc(x) if x < 30 else mpmath.mpf(0),
    "lgamma": mpmath.loggamma,
    "degrees": mpmath.degrees,
    "radians": mpmath.radians,
    "reciprocal": lambda x: 1 / x,
    "sigmoid": logistic,
    "softplus": lambda x: mpmath.log1p(mpmath.exp(x)),
    "log_sigmoid": lambda x: -mpmath.log1p(mpmath.exp(-x)),
    "silu": lambda x: x * logistic(x),
    **{
        name: getattr(mpmath, name)
        for name in (
            "exp expm1 log log10 log1p sqrt sin cos tan asin acos atan atan2 sinh cosh tanh asinh acosh atanh erf "
            "gamma hypot sech"
        ).split()
    },
}


def sample(primitive):
    """Arguments of every size over the domain, more densely where functions are hard."""
    rng, n = numpy.random.default_rng(11), 70
    found = []
    for low, high in (primitive.domain * 2)[: primitive.arity or 2]:
        near = [end + side * 10.0 ** rng.uniform(-16, -1, 20) for end in (-1.0, 0.0, 1.0) for side in (-1, 1)]
        signs = rng.choice([-1.0, 1.0], n)
        spread = [rng.normal(size=n), rng.normal(size=n) * 5, rng.uniform(-745, 709, n), rng.uniform(-30, 30, n)]
        scales = [signs * 10.0 ** rng.uniform(-20, 2, n), signs * 10.0 ** rng.uniform(-320, 308, n)]
        numbers = rng.permutation(numpy.concatenate([*near, *spread, *scales]))
        inside = (numbers > low) & (numbers < high)
        found.append(numpy.where(inside, numbers, min(max(low, -1.0) + 2.0**-20, high)))
    if primitive.name == "pow":
        found[0] = numpy.where(abs(found[1]) > 1e3, 1.0 + found[0] / (1.0 + found[0]) / abs(found[1]), found[0])
    return found


@cache
def exact_values(name):
    args = sample(ROWS[name])
    with mpmath.workdps(50):
        return args, [EXACT[name](*map(mpmath.mpf, row)) for row in zip(*(x.tolist() for x in args))]


def units_in_the_last_place(exact, got):
    if abs(exact) >= mpmath.mpf(2) ** 1024:
        return 0.0 if got == (inf if exact > 0 else -inf) else inf
    if not isfinite(got):
        return inf
    return float(abs(mpmath.mpf(got) - exact) / ulp(float(abs(exact))))


@pytest.mark.parametrize("width", sorted({*WIDTHS, 2}))
@pytest.mark.parametrize("name", EXACT)
def test_units_in_the_last_place(name, width):
    args, exact = exact_values(name)
    got = machine(ROWS[name], len(args), width)(*args).tolist()
    with mpmath.workdps(50):
        errors = [units_in_the_last_place(*each) for each in zip(exact, got)]
    worst = int(numpy.argmax(errors))
    assert errors[worst] <= LAST_PLACES, f"{name}{tuple(x[worst] for x in args)}: {got[worst]}, not {exact[worst]}"


@at_each_width
def test_rounded_once(width):
    random = numpy.random.default_rng(1)
    x, y = random.normal(size=(2, 200))
    z = -x * y
    expected = [ROWS["fma"].forward(*row) for row in zip(x.tolist(), y.tolist(), z.tolist())]
    assert machine(ROWS["fma"], 3, width)(x, y, z).tolist() == expected


@at_each_width
def test_whole_numbers(width):
    """Remainders and quotients are exact, halves go to even, and scaling by a power of two rounds once."""
    random = numpy.random.default_rng(2)
    x = numpy.concatenate([random.integers(-50, 50, 600) / 2.0, random.normal(size=200) * 1e16])
    y = numpy.concatenate([random.integers(-9, 9, 600) / 2.0, random.normal(size=200)])
    for name in ("mod", "fmod", "remainder", "floordiv"):
        expected = [ROWS[name].forward(*row) for row in zip(x.tolist(), y.tolist())]
        numpy.testing.assert_array_equal(machine(ROWS[name], 2, width)(x, y), expected)
    n = random.integers(-1100, 1100, 800) + 0.0
    expected = [ROWS["ldexp"].forward(*row) for row in zip(y.tolist(), n.tolist())]
    assert machine(ROWS["ldexp"], 2, width)(y, n).tolist() == expected
    for name in ("rint", "floor", "ceil", "trunc", "frac"):
        assert machine(ROWS[name], 1, width)(x).tolist() == list(map(ROWS[name].forward, x.tolist()))


@at_each_width
@pytest.mark.parametrize(
    ("primitive", "position", "numbers"),
    [
        (ROWS["pow"], 1, [-2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0, 3.0, inf, nan]),
        (ROWS["pow"], 0, [-1.0, 0.0, 0.5, 1.0, 2.0, 10.0, inf, nan]),
        (ROWS["maximum"], 0, [0.0, -0.0, 1.0, inf, nan]),
        (ROWS["maximum"], 1, [0.0, -0.0, 1.0, inf, nan]),
        (ROWS["minimum"], 1, [0.0, -0.0, 1.0, inf, nan]),
        (ROWS["mul"], 0, [0.0, -0.0, 1.0, -1.0, inf, nan]),
        (ROWS["scale"], 0, [0.0, -0.0, 1.0, -1.0, inf]),
        (ROWS["div"], 1, [0.0, -0.0, 3.0, inf, nan]),
        (ROWS["ratio"], 0, [0.0, 1.0]),
        (ROWS["leaky_relu"], 1, [0.0, 0.01, -1.0]),
        (ROWS["elu"], 1, [0.0, 1.0]),
        (ROWS["hypot"], 0, [0.0, 1.0]),
        (ROWS["ldexp"], 1, [0.5, -3.0, 1024.0, -1075.0, inf]),
        (piecewise.step, 1, [0.0, 0.5, 1.0]),
        (piecewise.at_least, 1, [0.0, nan]),
    ],
    ids=repr,
)
def test_constant_arguments(primitive, position, numbers, width):
    for number in numbers:
        args = numpy.array([MANY, MANY])
        args[position] = number
        assert_same(primitive, args, machine(primitive, 2, width, {position: number})(*args))


@at_each_width
@pytest.mark.parametrize("bounds", [(-1.0, 1.0), (1.0, -1.0), (-inf, inf), (nan, 1.0), (0.0, nan), (-0.0, 0.0)])
def test_constant_bounds(bounds, width):
    args = numpy.array([MANY, [bounds[0]] * len(MANY), [bounds[1]] * len(MANY)])
    for clip in (ROWS["clip"], piecewise._clip_branch):
        assert_same(clip, args, machine(clip, 3, width, dict(enumerate(bounds, 1)))(*args))


TIES = [0.0, -0.0, 1.0, 2.0, 2.0 + 2**-51, -1e-310, inf, -inf, nan, -750.0, 1e300]


def vectors(count):
    """Columns of [count] numbers: with ties, of ordinary size, and of all sizes."""
    random = numpy.random.default_rng(count)
    ties = random.choice(TIES, size=(count, 60))
    finite = random.choice(TIES[:6], size=(count, 30))
    everyday = random.normal(size=(count, 60)) * random.choice([0.1, 1.0, 30.0], size=60)
    large = random.integers(-(2**63), 2**63 - 1, size=(count, 60)).view(numpy.float64)
    return numpy.concatenate([ties, finite, everyday, large, numpy.full((count, 1), -inf)], axis=1)


@at_each_width
@pytest.mark.parametrize("count", [1, 2, 3, 5, 20])
@pytest.mark.parametrize("name", sorted({row.name for row in packing.REDUCTIONS} - LEFT_TO_NUMPY))
def test_reductions(name, count, width):
    xs = vectors(count)
    assert_same(ROWS[name], xs, reduction(ROWS[name], count, width)(xs))


@at_each_width
@pytest.mark.parametrize("count", [1, 2, 3, 5, 20])
def test_vectors(count, width):
    xs = vectors(count)
    unsure, certain = (vector("softmax", count, width, empty)(xs) for empty in (nan, 0.0))
    logs = vector("log_softmax", count, width)(xs)
    others = vector("sum_of_others", count, width)(certain)
    for i in range(count):
        assert_same(ROWS["softmax"].variant(index=i), xs, unsure[i])
        assert_same(ROWS["softmax"].variant(index=i, empty=0.0), xs, certain[i])
        assert_same(ROWS["log_softmax"].variant(index=i), xs, logs[i])
        assert_same(ROWS["softmax_rest"].variant(index=i, empty=0.0), xs, others[i])
    for name, extreme in (("first_max", piecewise.largest), ("first_min", piecewise.smallest)):
        out = [extreme(*row) for row in xs.T.tolist()]
        expected = [piecewise.first_equal.forward(*row) for row in zip(out, *xs.tolist())]
        assert vector(name, count, width)(xs).T.tolist() == list(map(list, expected))


def test_primitives_of_users():
    """A user's primitive with the name of a row is a different one."""
    root = Primitive("sqrt", lambda x, shift=0.0: (abs(x) + shift) ** 0.5, lambda out, x, shift=0.0: (0.5 / out,))
    assert has_emission(root.variant(shift=7.0), 1)
    total = compile(lambda x: root(x) + root.variant(shift=7.0)(x), batch=True, backend="machine")
    assert total(numpy.array([-9.0, 4.0])).tolist() == [7.0, 2.0 + 11.0**0.5]
