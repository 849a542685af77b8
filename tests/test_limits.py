"""Ties and zeros in the data, where rules for single operations go wrong, and limits along a line are right."""

from ast import literal_eval
from itertools import permutations
from math import inf, isfinite, isnan, nan

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

import autograd_mini as am
from autograd_mini import (
    Value,
    abs,
    acos,
    asin,
    atan2,
    cbrt,
    clip,
    compile,
    copysign,
    cos,
    cosh,
    dist,
    elu,
    exp,
    grad,
    gradients,
    hessian,
    hvp,
    hypot,
    jacobian,
    leaky_relu,
    log,
    log1p,
    log2,
    log10,
    logsumexp,
    maximum,
    minimum,
    norm,
    prod,
    relu,
    sin,
    sqrt,
    tanh,
    topological_order,
    where,
)
from autograd_mini.limits import leaves_by_use, step, ties

KINDS = ["add", "sub", "scale", "maximum", "minimum", "max", "relu", "abs", "clip", "leaky"]


@st.composite
def piecewise_linear(draw, depth=5, kinds=KINDS):
    """A program as nested tuples over + - · max min relu abs clip leaky_relu, with integers and powers of two as
    coefficients, so that it is exact."""
    if depth == 0 or draw(st.integers(0, 5)) == 0:
        return ("x", draw(st.integers(0, 2)))
    kind = draw(st.sampled_from(kinds))
    factor = draw(st.sampled_from([-2.0, -1.0, 0.5, 1.0, 3.0]))
    inner = piecewise_linear(depth=depth - 1, kinds=kinds)
    return (kind, factor, draw(inner), draw(inner))


def run(program, xs):
    if program[0] == "x":
        return xs[program[1]]
    kind, factor, first, second = program
    a = run(first, xs)
    match kind:
        case "scale":
            return factor * a
        case "relu":
            return relu(factor * a)
        case "abs":
            return abs(a)
        case "length":
            return am.hypot(a, 0.0)
        case "clip":
            return clip(a, -1.0, 0.0)
        case "leaky":
            return leaky_relu(a, 0.25)
    b = run(second, xs)
    match kind:
        case "add":
            return a + b
        case "sub":
            return a - b
        case "max":
            return am.max([a, b, factor * a])
    return maximum(a, b) if kind == "maximum" else minimum(a, b)


def gradient_along(program, direction):
    """The gradient of the linear piece that the direction points into from the origin."""
    return grad(lambda xs: run(program, xs))([2.0**-40 * step for step in direction])


@settings(max_examples=300)
@given(piecewise_linear(), st.randoms(use_true_random=False))
def test_piecewise_linear_programs_at_the_origin(program, random):
    f = lambda xs: run(program, xs)
    found = grad(f)([0.0, 0.0, 0.0])
    xs = [Value(0.0, label="x") for _ in range(3)]
    y = f(xs)
    numbers = {id(x): number for number, x in enumerate(leaves_by_use(topological_order(y)))}
    steps = [step(numbers.get(id(x), 3), 0) for x in xs]
    above = gradient_along(program, steps)
    below = gradient_along(program, [-step for step in steps])
    others = [gradient_along(program, [random.gauss(0.0, 1.0) for _ in range(3)]) for _ in range(6)]
    if all(each == above for each in [below, *others]):
        assert found == above  # differentiable there, as far as one can see
    between = all(min(a, b) <= x <= max(a, b) for a, x, b in zip(above, found, below))
    assert found == above or between
    graph = gradients(y, xs, create_graph=True)
    assert [g.data for g in graph] == found
    y.backward()
    assert [x.grad for x in xs] == found
    assert [each.data for each in grad(f)([Value(0.0) for _ in xs])] == found  # of Values it is that of numbers


@settings(max_examples=300)
@given(
    piecewise_linear(kinds=[*KINDS, "length"]),
    st.lists(st.sampled_from([0.0, 1.0, -0.5]), min_size=3, max_size=3),
    st.booleans(),
)
@example(  # one limit is 2⁻⁵³, which is not above the convention's 0
    ("abs", 1.0, ("add", 1.0, ("x", 0), ("length", 1.0, ("add", 1.0, ("x", 0), ("x", 1)), ("x", 0))), ("x", 0)),
    [0.0, 0.0, 0.0],
    False,
)
@example(("sub", 1.0, ("x", 0), ("length", 1.0, ("x", 0), ("x", 0))), [1.0, 0.0, 0.0], True)
def test_the_length_of_one_number_is_its_absolute_value(program, point, is_curved):
    """Also where functions touch, so that one side is unknown."""
    inputs = (lambda xs: [1.0 - x * x for x in xs]) if is_curved else list
    with_abs = literal_eval(repr(program).replace("length", "abs"))
    expected = grad(lambda xs: run(with_abs, inputs(xs)))(point)
    assert grad(lambda xs: run(program, inputs(xs)))(point) == pytest.approx(expected, rel=1e-12)


def test_a_length_between_functions_that_touch_keeps_its_convention():
    assert grad(lambda t: norm([1 - (t * t + norm([1 - t * t]))]))(1.0) == 0.0

    def of_both_parts(t):  # 2·|y|, where y is 0 to first order on one side alone
        y = 2 * (t - 1) - norm([1 - t * t])
        return norm([y - norm([y]), y + norm([y])])

    assert grad(of_both_parts)(1.0) == compile(of_both_parts).grad(1.0) == 0.0


@settings(max_examples=100)
@given(piecewise_linear(depth=3), piecewise_linear(depth=3))
def test_second_derivatives_of_products_at_the_origin(first, second):
    """Where the product of two such programs is twice differentiable, its Hessian is that of the product of the two
    linear pieces, whichever they are."""
    lines = [[step(number, 0) for number in order] for order in permutations(range(3))]
    directions = [*lines, *[[-step for step in line] for line in lines], [1.0, -2.0, 0.3], [-1.0, 0.4, 2.0]]
    pieces = [(gradient_along(first, d), gradient_along(second, d)) for d in directions]
    hessians = [[[a * d + b * c for b, d in zip(p, q)] for a, c in zip(p, q)] for p, q in pieces]
    assume(all(each == hessians[0] for each in hessians))
    assert hessian(lambda xs: run(first, xs) * run(second, xs))([0.0, 0.0, 0.0]) == hessians[0]


OUTER = [lambda u: u, lambda u: 0.5 * exp(u), sin, lambda u: u * u, lambda u: log1p(2.0 * u)]
"""Smooth functions whose derivatives at 0 are exact."""


@settings(max_examples=150)
@given(
    st.lists(piecewise_linear(depth=3), min_size=1, max_size=3),
    st.lists(st.tuples(st.sampled_from(OUTER), st.integers(0, 2), st.integers(0, 2)), min_size=1, max_size=3),
)
def test_a_hessian_is_that_of_one_function(programs, terms):
    """It is symmetric, and the same by whichever way it is asked for. Where the gradient is that of one side of the
    line alone, so is the Hessian."""

    def composed(inner):
        return am.sum([outer(inner[i % len(inner)]) * (1.0 + inner[j % len(inner)]) for outer, i, j in terms])

    f = lambda xs: composed([run(program, xs) for program in programs])

    def on_side(direction):
        slopes = [gradient_along(program, direction) for program in programs]
        smooth = lambda xs: composed([am.dot(each, xs) for each in slopes])
        return grad(smooth)([0.0] * 3), hessian(smooth)([0.0] * 3)

    xs = [Value(0.0) for _ in range(3)]
    y = f(xs)
    places = {id(x): place for place, x in enumerate(leaves_by_use(topological_order(y)))}
    line = [step(places.get(id(x), 3), 0) for x in xs]
    slopes = gradients(y, xs, create_graph=True)
    found = [gradients(each, xs) for each in slopes]
    assert found == [list(column) for column in zip(*found)]
    assert hessian(f)([0.0] * 3) == found
    assert [am.hvp(f)([0.0] * 3, [float(i == j) for j in range(3)]) for i in range(3)] == found
    assert [grad(lambda at, i=i: grad(f)(at)[i])([0.0] * 3) for i in range(3)] == found
    assert jacobian(grad(f), mode="forward")([0.0] * 3) == found
    sides = [on_side(line), on_side([-x for x in line])]
    ours = [second for first, second in sides if first == [each.data for each in slopes]]
    if len(ours) == 1:
        assert found == ours[0]


def test_what_a_gradient_chose_decides_about_nothing_else():
    kinked = lambda x: x * abs(x)  # at 0 all of its derivatives are 0 by convention
    assert hessian(kinked)(0.0) == 0.0
    assert grad(lambda x: x * grad(kinked)(x) + relu(x) - relu(-x))(0.0) == 1.0
    assert grad(lambda x, y: x * grad(kinked)(y) + maximum(x, y) + minimum(x, y))(0.0, 0.0) == (1.0, 1.0)


def test_second_derivatives_are_those_of_the_side_that_the_gradient_is_of():
    assert hessian(lambda x: relu(x) + x * abs(x))(0.0) == 2.0
    assert hessian(lambda x: relu(-x) + x * abs(x))(0.0) == -2.0
    f = lambda x: elu(x, 1.0) * minimum(x, 0.0)
    assert [hessian(f)(0.0), grad(grad(grad(f)))(0.0)] == [2.0, 3.0]


CONVENTIONS = [
    (relu, [0.0], [1.0]),
    (lambda x: relu(x, at_zero=0.0), [0.0], [0.0]),
    (lambda x: leaky_relu(x, 0.1), [0.0], [1.0]),
    (lambda x: elu(x, 2.0), [0.0], [1.0]),
    (abs, [0.0], [0.0]),
    (maximum, [1.0, 1.0], [1.0, 0.0]),
    (minimum, [1.0, 1.0], [1.0, 0.0]),
    (lambda x, y, z: am.max([x, y, z]), [1.0, 2.0, 2.0], [0.0, 1.0, 0.0]),
    (lambda x, y, z: am.min([x, y, z]), [2.0, 1.0, 1.0], [0.0, 1.0, 0.0]),
    (lambda x: clip(x, -1.0, 1.0), [1.0], [1.0]),
    (lambda x, y: norm([x, y]), [0.0, 0.0], [0.0, 0.0]),
    (lambda x: norm([1.0 - (x + norm([1.0 - x]))]), [1.0], [0.0]),  # between 0 and 2
    (lambda x: 3 * relu(2 * x) + 1, [0.0], [6.0]),
    (lambda x, y: am.dist([(z := maximum(x, exp(y))), 1.0], [z, x]) + relu(0.0 * x), [1.0, 0.0], [0.0, 0.0]),
]


@pytest.mark.parametrize(("f", "at", "expected"), CONVENTIONS)
def test_single_rows_keep_their_convention(f, at, expected):
    found = grad(f)(*at)
    assert (list(found) if len(at) > 1 else [found]) == expected


COMPOSITIONS = {
    "relu(x) - relu(-x)": (lambda x: relu(x) - relu(-x), [1.0, 0.0]),
    "max + min with 0": (lambda x: maximum(x, 0) + minimum(x, 0), [1.0, 0.0]),
    "leaky": (lambda x: leaky_relu(x, 0.1) - leaky_relu(-x, 0.1), [1.1, 0.0]),
    "clips": (lambda x: clip(x, 0.0, 1.0) + clip(x, -1.0, 0.0), [1.0, 0.0]),
    "norm - max": (lambda x: norm([x]) - maximum(x, -x), [0.0]),
    "|x|²": (lambda x: abs(x) ** 2, [0.0, 2.0, 0.0]),
    "|x|·|x|": (lambda x: abs(x) * abs(x), [0.0, 2.0, 0.0]),
    "max(x, -x)²": (lambda x: maximum(x, -x) ** 2, [0.0, 2.0, 0.0]),
    "relu² + relu(-)²": (lambda x: relu(x) ** 2 + relu(-x) ** 2, [0.0, 2.0, 0.0]),
    "sin of both halves": (lambda x: sin(relu(x)) - sin(relu(-x)), [1.0, 0.0]),
    "|x|³": (lambda x: abs(x) ** 3, [0.0, 0.0]),
    "norm²": (lambda x: norm([x, 2 * x]) ** 2, [0.0, 10.0]),
    "|x| by its sign": (lambda x: copysign(x, -0.0) + copysign(x, 0.0) + x, [1.0, 0.0]),
    "copysign(x, x)": (lambda x: copysign(x, x), [1.0, 0.0]),
    "copysign(x, -x)": (lambda x: copysign(x, copysign(x, -x)), [-1.0, 0.0]),
    "copysign(x, x³)": (lambda x: copysign(x, x**3) + x, [2.0, 0.0]),
    "x² with the sign of x, twice": (lambda x: copysign(x, copysign(x * x, x)) * x, [0.0, 2.0, 0.0]),
    "copysign by a rest": (lambda x: copysign(x + (x - x) % 1.0, x), [1.0, 0.0]),
    "max(⌊x⌋, x)": (lambda x: am.max([am.floor(x), x, 0.5 * am.floor(x)]), [1.0, 0.0]),
    "min(⌈x⌉, x)": (lambda x: minimum(am.ceil(x), x), [1.0, 0.0]),
    "max(trunc, x)": (lambda x: maximum(am.trunc(1.0 + x) - 1.0, x), [1.0, 0.0]),
    "min(rint, x)": (lambda x: minimum(am.rint(0.5 + x), x), [1.0, 0.0]),
    "max(x // 2, x)": (lambda x: maximum(x // 2.0, x), [1.0, 0.0]),
    "min(x % 1, 0)": (lambda x: minimum(x % 1.0, 0.0) + x, [1.0, 0.0]),
    "min(-x % -2, 0)": (lambda x: maximum(-x % -2.0, 0.0) - x, [-1.0, 0.0]),
    "max(-fmod, x)": (lambda x: maximum(-am.fmod(1.0 + x, 1.0), x), [1.0, 0.0]),
    "max(fmod below 0, -x)": (lambda x: maximum(am.fmod(x - 1.0, 1.0), x), [1.0, 0.0]),
    "max(remainder, x)": (lambda x: maximum(2.0 * am.remainder(0.5 + x, 1.0) - 1.0, x), [1.0, 0.0]),
    "cos below 1": (lambda x: maximum(cos(x), 1.0), [0.0, 0.0]),
    "relu(1 - cos x)": (lambda x: relu(1.0 - cos(x)), [0.0, 1.0]),
    "|cosh x - 1|": (lambda x: abs(cosh(x) - 1.0) + x, [1.0, 1.0]),
    "from a point to itself": (lambda x: exp(dist([x, 1.0], [x, 1.0])) + x, [1.0, 0.0]),
}


@pytest.mark.parametrize("name", COMPOSITIONS)
def test_compositions_that_are_smooth_have_their_derivatives(name):
    f, expected = COMPOSITIONS[name]
    found = []
    for _ in expected:
        f = grad(f)
        found.append(f(0.0))
    assert found == expected


def test_several_variables():
    assert grad(lambda x, y: maximum(x, y) + minimum(x, y))(1.0, 1.0) == (1.0, 1.0)
    assert grad(lambda x, y: maximum(x, y) - maximum(y, x))(1.0, 1.0) == (0.0, 0.0)
    assert jacobian(lambda x, y: [maximum(x, y) + minimum(x, y), maximum(x, y)])(1.0, 1.0) == [(1.0, 1.0), (1.0, 0.0)]


def test_what_moves_slowly_is_settled_as_well():
    straight = lambda x: relu(x) - relu(-x)
    slope = lambda w, x: grad(straight)(w * x)  # w·x is above 0 on either side
    assert slope(Value(0.0), Value(0.0)).data == slope(0.0, 0.0) == 1.0
    assert grad(lambda x: minimum(sqrt(abs(x)), x * x))(0.0) == 0.0


def test_the_choice_at_a_tie_is_that_of_the_derivative_before():
    f = lambda x1, x2: 1.0 / (1.5 * sin(16.0 * am.max([x2, x1, 0.0])) + 2.0)
    assert grad(f)(0.0, 0.0) == (0.0, -6.0)
    assert hessian(f)(0.0, 0.0) == ((0.0, 0.0), (0.0, 144.0))


@pytest.mark.parametrize(
    ("f", "at", "right"),
    [
        (lambda x: maximum(x + 1.0, exp(x)), 0.0, 1.0),
        (lambda x: minimum(exp(x), x + 1.0), 0.0, 0.0),
        (lambda x: relu(x - am.expm1(x)), 0.0, 0.0),
        (lambda x: abs(exp(x) - 1.0 - x), 0.0, 1.0),
        (lambda x: clip(x**x, 0.0, x), 1.0, 0.0),
        (lambda x: maximum(sin(x), sin(x)), 1.0, -sin(1.0)),
    ],
)
def test_second_derivatives_where_functions_touch_are_right_or_nan(f, at, right):
    for found in (hessian(f)(at), grad(grad(f))(at), am.hvp(f)(at, 1.0)):
        assert found == right or isnan(found)


def test_an_explicit_choice_is_the_users():
    f = lambda x: relu(x, at_zero=1.0) - relu(-x, at_zero=1.0)
    assert grad(f)(0.0) == 2.0
    assert grad(lambda x: relu(x, at_zero=0.0) - relu(-x, at_zero=0.0))(0.0) == 0.0
    touching = [abs, lambda x: am.hypot(x * x, x)]  # which are settled by different means
    assert [grad(lambda x, g=g: relu(x, at_zero=0.0) + x - g(x))(0.0) for g in touching] == [1.0, 1.0]


def test_dead_units_are_no_tie():
    x = Value(-1.0)
    pooled = am.max([relu(x), relu(2 * x)])
    assert not ties([relu(x), pooled])
    alive = Value(0.0)
    assert ties([am.max([relu(x), alive])])


ZEROS = {
    "√x²": (lambda x: sqrt(x) ** 2, 0.0, 1.0),
    "e^log x": (lambda x: exp(log(x)), 0.0, 1.0),
    "x√x + 2x": (lambda x: x * sqrt(x) + 2 * x, 0.0, 2.0),
    "acos³ + x": (lambda x: acos(x) ** 3 + x, 1.0, 1.0),
    "asin (√(1-x)) at the edge": (lambda x: asin(sqrt(x)) ** 2, 0.0, 1.0),
    "∛x³": (lambda x: cbrt(x) ** 3, 0.0, 1.0),
    "tanh²√x": (lambda x: tanh(sqrt(x)) ** 2, 0.0, 1.0),
    "|x|^1.5": (lambda x: abs(x) ** 1.5, 0.0, 0.0),
    "relu(x)·e^-x": (lambda x: relu(x) * exp(-x), -1000.0, 0.0),
    "log(x²)": (lambda x: log(x * x), 0.0, nan),
    "√(x²)": (lambda x: sqrt(x * x), 0.0, nan),
    "log(0·x)": (lambda x: log(0 * x), 1.0, 0.0),
    "√x - √x": (lambda x: (lambda s: s - s)(sqrt(x)), 0.0, 0.0),
    "√x - 2√x": (lambda x: sqrt(x) - 2 * sqrt(x), 0.0, -inf),
    "√x - log x": (lambda x: sqrt(x) - log(x), 0.0, -inf),
    "√x of another - √x": (lambda x: sqrt(x) - sqrt(+x), 0.0, nan),  # it cancels: the slope is 0, which is not known
}

OF_MINUS_ZERO = [
    lambda x: sqrt(-x),
    lambda x: sqrt(-(x * 1.0)),
    lambda x: log(-x),
    lambda x: log2(-(x * 2.0)),
    lambda x: log10(-1.0 * x),
]
"""Decreasing where they are defined, which is below 0."""


@pytest.mark.parametrize("f", OF_MINUS_ZERO)
def test_minus_zero_is_approached_from_where_functions_are_defined(f):
    x = Value(0.0)
    (slope,) = gradients(f(x), [x], create_graph=True)
    assert [*gradients(f(x), [x]), slope.data, grad(f)(0.0), hessian(f)(0.0)] == [-inf] * 4


@pytest.mark.parametrize("name", ZEROS)
def test_zeros_of_the_data_give_the_limit_or_nan(name):
    f, at, expected = ZEROS[name]
    x = Value(at)
    y = f(x)
    numbers, graph = gradients(y, [x]), gradients(y, [x], create_graph=True)
    for found in (numbers[0], graph[0].data, grad(f)(at)):
        assert found == pytest.approx(expected, rel=1e-14, abs=0.0, nan_ok=True)


OF_INFINITIES = [
    lambda x: exp(sqrt(x)),
    lambda x: exp(sqrt(x - 0.5 * (x.detach() if isinstance(x, Value) else x))),
    lambda x: exp(sqrt(-x)),
    lambda x: sqrt(x) + 1e-3 * x * log(x),
]
"""Of second derivatives that are sums of inf and -inf."""


def test_second_derivatives_where_inf_meets_minus_inf():
    assert [hessian(f)(0.0) for f in OF_INFINITIES] == [-inf] * len(OF_INFINITIES)


def test_second_derivatives_of_lengths_at_the_origin():
    """Along a line they are those of |x|, or of the length of a vector, whose limits are infinite."""
    for length in (lambda x: norm([x]), lambda x: hypot(x, x), lambda x: dist([x, x], [0.0, 3 * x])):
        assert (grad(length)(0.0), hessian(length)(0.0), hvp(length)(0.0, 1.0)) == (0.0, 0.0, 0.0)
    assert hessian(lambda v: norm([v[0] + v[1]]))([0.0, 0.0]) == [[0.0, 0.0], [0.0, 0.0]]
    assert hessian(norm)([0.0, 0.0]) == [[inf, -inf], [-inf, inf]]
    for length in (lambda x, y: abs(x - y), lambda x, y: norm([x - y]), lambda x, y: dist([x], [y])):
        assert hessian(lambda v: v[1] * v[0] ** 2 - length(*v))([0.5, 0.5]) == [[1.0, 1.0], [1.0, 0.0]]  # noqa: B023
    assert isnan(hessian(lambda x: norm([sin(x)]))(0.0))  # of |sin x| it is 0


@pytest.mark.parametrize("vector", [(1.0, 0.0), (0, 1), (1.0, 1.0), (0.0, 0.0)])
def test_products_with_an_infinite_hessian_leave_out_what_does_not_move(vector):
    expected = [-inf if any(vector) else 0.0] * 2
    assert hvp(lambda v: log(abs(v[0] + v[1])))([0.0, 0.0], list(vector)) == expected


@pytest.mark.parametrize("size", [5e-324, 1e-320, 1e-310, 1e-300])
def test_what_is_beyond_the_range_of_numbers_is_not_finite(size):
    """1/size² is inf; of a sum of such terms nothing is known. Germs took it for 0."""
    (of_y, across), (_, of_x) = hessian(lambda v: atan2(v[0], v[1]))([size, size])
    assert (of_y, of_x) == (-inf, inf)
    assert across == 0.0 or isnan(across)
    assert isnan(grad(lambda x: size / (x * x) - size / (x * x))(size))


def test_second_derivatives_at_zeros_of_the_data():
    assert hessian(lambda v: norm(v) ** 2)([0.0, 0.0]) == [[2.0, 0.0], [0.0, 2.0]]
    found = hessian(lambda v: exp(-(norm([v[0] - 1, v[1] - 2]) ** 2)))([1.0, 2.0])
    assert found == [[-2.0, 0.0], [0.0, -2.0]]
    assert not isfinite(hessian(lambda x: log(x * x))(0.0))
    assert grad(grad(lambda x: x * sqrt(x)))(0.0) == inf
    for f in (log, log2, log10, lambda x: log1p(x - 1.0)):  # each has one side
        assert grad(lambda x: f(x + x * x) * 2.0)(0.0) == inf  # noqa: B023


BRANCHES = [
    lambda x: where(x > 0, sqrt(x), x),
    lambda x: where(x > 0, log(x), x),
    lambda x: where(x > 0, 1 / x, x),
    lambda x: where(x > 0, x**0.5, x),
    lambda x: where(x > 0, x * log(x), x),
    lambda x: where(x > 0, asin(1 + x), x),
    lambda x: where(x > 0, exp(1000 + x), x),
    lambda x: where(x > 0, sqrt(x) / x, x),
    lambda x: where(x > 0, log(sqrt(x)), x),
]


@pytest.mark.parametrize("f", BRANCHES)
def test_branches_not_taken_carry_nothing(f):
    assert grad(f)(0.0) == 1.0
    assert grad(grad(f))(0.0) == 0.0
    x = Value(0.0)
    assert [g.data for g in gradients(f(x), [x], create_graph=True)] == [1.0]


def test_what_was_right_stays_right():
    assert hessian(prod)([0.0, 0.0, 3.0]) == [[0.0, 3.0, 0.0], [3.0, 0.0, 0.0], [0.0, 0.0, 0.0]]
    assert grad(logsumexp)([-inf, -inf]) == [0.0, 0.0]
    assert grad(lambda x: x**2 + x**0)(0.0) == 0.0
    assert hessian(lambda v: v[0] ** v[1])([2.0, 0.0])[0][1] == 0.5


def test_infinite_variables_are_not_approached():
    assert grad(lambda x: maximum(x, -inf))(-inf) == 1.0


def test_directions_in_which_the_function_is_not_defined_do_not_count():
    """sqrt(-w) is defined on one side only; on the other, max would choose its other argument."""
    chosen = lambda w: am.max([w[0] * -1.0, w[2] + sqrt(w[0] * -1.0)])
    assert grad(lambda w: chosen(w) + relu(w[1]))([0.0, 0.0, 1.0]) == [-inf, 0.0, 1.0]


def test_what_is_nan_has_no_gradient():
    """Neither at a tie nor elsewhere."""
    for tied in (lambda x: x, lambda x: am.maximum(x, x)):
        value, slopes = am.value_and_grad(lambda x, y: am.max([y, acos(2.0 - tied(x))]))(9.0, 2.0)  # noqa: B023
        assert isnan(value)
        assert isnan(slopes[0])
        assert slopes[1] == 0.0


@pytest.mark.parametrize(
    ("f", "limit"),
    [
        (lambda s: (s * s) ** s, -inf),
        (lambda s: am.reciprocal(am.digamma(am.sinh(s))), -1.0),
        (lambda s: am.sigmoid(am.log(s)), 1.0),
    ],
)
def test_where_no_limit_is_known_beside_a_pole_nothing_finite_is_made_up(f, limit):
    """The conventions would give (2, 0) times the slope, where both components are the slope itself."""
    for slope in grad(lambda v: f(am.maximum(v[0], v[1]) + am.minimum(v[0], v[1])))([0.0, 0.0]):
        assert slope == limit or isnan(slope)


def test_powers_of_what_is_negative_are_not_defined_unless_the_exponent_is_constant():
    bend = hessian(lambda v: am.gelu(am.maximum(v[0], v[1])) ** am.gelu(am.maximum(v[0], v[1])))([0.0, 0.0])[0][0]
    assert bend == inf or isnan(bend)
