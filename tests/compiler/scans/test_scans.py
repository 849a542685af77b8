"""Loops in compiled functions give the numbers and derivatives of the loop in eager mode."""

import numpy
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from mpmath import mp, mpf

import autograd_mini
from autograd_mini import (
    Value,
    compile,
    cos,
    dot,
    exp,
    grad,
    gradients,
    hessian,
    hvp,
    log,
    relu,
    root,
    scan,
    sin,
    sqrt,
    tanh,
    value_and_grad,
    where,
)
from autograd_mini.compiler.code.machine_rows import is_costly
from autograd_mini.compiler.ir.scalars import primitives_of
from autograd_mini.compiler.scans import looping, stepping, transforming
from autograd_mini.compiler.ties import settling
from autograd_mini.testing import strategies
from tests.compiler.comparing import BACKENDS, arrays_of, disagreement, flat

ARITHMETIC = ("sub", "mul", "neg", "maximum", "minimum", "abs", "square")
SMOOTH = ("add", "sub", "mul", "sin", "tanh", "exp", "sigmoid", "hypot", "atan", "erf")
PIECEWISE = ("add", "sub", "neg", "relu", "abs", "maximum", "minimum", "max")


@pytest.fixture(autouse=True)
def loops_of_any_size(monkeypatch):
    monkeypatch.setattr(looping, "FEW_OPERATIONS", 0)
    monkeypatch.setattr(looping, "FEW_WITHIN", 0)


def loops(compiled):
    """How many loops the function compiled last has; 0 if its steps were recorded one by one."""
    return len(compiled._latest.parts[0].plan.source.scalars.loops)


@pytest.fixture(params=BACKENDS)
def backend(request):
    return request.param


def network(w, u, h, xs):
    def step(h, x):
        h = [tanh(dot(row, h) + each * x) for row, each in zip(w, u)]
        return h, h[0] * x

    h, kept = scan(step, h, xs)
    return kept.sum() + h[1] ** 2


W, U, H = numpy.array([[0.5, -0.2], [0.3, 0.8]]), numpy.array([0.3, -0.1]), [0.1, 0.2]
XS = numpy.sin(numpy.arange(11.0))


def test_a_network_and_all_its_derivatives(backend):
    compiled = compile(network, backend=backend)
    assert disagreement(compiled.value_and_grad(W, U, H, XS), value_and_grad(network)(W, U, H, XS)) == ""
    assert loops(compiled) == 1
    direction = W * 0.3, U, [1.0, -1.0], XS[::-1]
    assert disagreement(compiled.hvp(W, U, H, XS, direction), hvp(network)(W, U, H, XS, direction)) == ""
    towards = compile(network, wrt=("w", "u"), backend=backend)
    assert disagreement(towards.hessian(W, U, H, XS), hessian(network, (0, 1))(W, U, H, XS)) == ""


@pytest.mark.parametrize("checkpoint", [1, 2, 3, 11, 1000, "auto"])
def test_checkpoints_change_no_bit(checkpoint, backend):
    def kept_so(a, xs):
        last, kept = scan(lambda s, x: ((s[1] * a - x, s[0] * s[1]), s[0]), (a, 0.3), xs, checkpoint=checkpoint)
        return last[0] + kept[3] + kept[10]

    compiled = compile(kept_so, backend=backend)
    found = compiled.value_and_grad(0.7, XS), compiled.hessian(0.7, XS[:11])
    whole = compile(lambda a, xs: kept_so(a, xs), backend=backend)
    assert disagreement(found, (value_and_grad(kept_so)(0.7, XS), hessian(kept_so)(0.7, XS))) == ""
    assert flat(found[0]).tobytes() == flat(whole.value_and_grad(0.7, XS)).tobytes()


@settings(max_examples=30, deadline=None)
@given(strategies.expressions(3, primitives=ARITHMETIC, max_size=5), st.integers(1, 12))
def test_arithmetic_has_the_bits_of_the_loop(program, length):
    assume(all(step.primitive.name != "sum" for step in program.steps))  # sums may be added in any order
    a, b, c = program.point

    def f(a, b):
        return scan(lambda s, x: ((program(*s, x), s[0] * 0.5), s[1]), (a, b), [c, 1.5, -b] * length)

    with numpy.errstate(all="ignore"):
        compiled = compile(f)
        found, expected = flat(compiled(a, b)), flat(f(a, b))
    for numbers in (found, expected):
        numbers[numpy.isnan(numbers)] = numpy.nan  # whose sign means nothing
    assert found.tobytes() == expected.tobytes()


@settings(max_examples=30, deadline=None)
@given(strategies.expressions(3, primitives=SMOOTH, max_size=5), st.integers(1, 9))
def test_random_steps_and_their_derivatives(program, length):
    a, b, _ = program.point

    def f(a, b):
        s, kept = scan(lambda s, x: ((sin(program(*s, x)), 0.5 * s[0]), s[1]), (a, b), [0.5, b] * length)
        return s[0] + kept.sum()

    compiled = compile(f)
    value, slopes = value_and_grad(f)(a, b)
    assume(max(map(abs, flat(slopes))) < 1e3)  # else steps that differ in a unit of exp are far apart in the end
    found = compiled.value_and_grad(a, b)
    assert flat(found) == pytest.approx(flat((value, slopes)), rel=1e-9, abs=1e-12)
    direction = 1.0, -0.5
    expected = pytest.approx(flat(hvp(f)(a, b, direction)), rel=1e-8, abs=1e-10, nan_ok=True)
    assert flat(compiled.hvp(a, b, direction)) == expected


@settings(max_examples=40, deadline=None)
@given(strategies.expressions(3, primitives=PIECEWISE, max_size=5), st.data())
def test_ties_are_settled_as_eagerly(program, data):
    a, b = (data.draw(st.sampled_from([-1.0, 0.0, 1.0])) for _ in range(2))

    def f(a, b):
        s, kept = scan(lambda s, x: ((program(*s, x), s[0]), s[1]), (a, b), [0.0, 1.0, b])
        return s[0] + 2.0 * s[1] - kept.sum()

    compiled = compile(f)
    assert flat(compiled.value_and_grad(a, b)) == pytest.approx(flat(value_and_grad(f)(a, b)), abs=1e-9)
    assert flat(compiled.hessian(a, b)) == pytest.approx(flat(hessian(f)(a, b)), abs=1e-9)


def test_ties_are_found_whatever_memory_held(backend, monkeypatch):
    """What is not written is 0 here, as if nothing were tied; the rules alone give 2 to the power of 800."""
    monkeypatch.setattr(numpy, "empty", numpy.zeros)

    def f(x):
        return scan(lambda s, factor: ((relu(s) - relu(-s)) * factor, None), x, [4.0, 0.25] * 400)[0]

    assert compile(f, backend=backend).grad(0.0) == 1.0
    assert compile(f, batch=True, backend=backend).grad(numpy.array([0.5, 0.0, -1.0, 0.0])).tolist() == [1.0] * 4


@pytest.mark.parametrize("longest", [1000, 0])
def test_numbers_that_change_places_from_step_to_step(longest, backend, monkeypatch):
    monkeypatch.setattr(stepping, "LONGEST_STRAIGHT", longest)
    monkeypatch.setattr(transforming, "MOST_STATES", 0)

    def f(a, b, c):
        (a, b, c), kept = scan(lambda s, x: ((s[2], s[0], s[1] * x), s), (a, b, c), [1.0, 2.0, 3.0, 4.0, 5.0])
        return a + 10.0 * b + 100.0 * c + kept[0][3] * kept[2][1]

    compiled = compile(f, backend=backend)
    assert compiled.value_and_grad(1.0, 2.0, 3.0) == value_and_grad(f)(1.0, 2.0, 3.0)


@pytest.mark.parametrize("function", [sin, cos, tanh, exp, log])
def test_the_way_back_calls_no_function_that_the_way_forth_called(function):
    compiled = compile(lambda a, b: scan(lambda s, _: (function(s + b) * a + 2.0, None), 1.0, length=40)[0])
    assert disagreement(compiled.value_and_grad(0.7, 0.2), value_and_grad(compiled.function)(0.7, 0.2)) == ""
    (loop,) = compiled._latest.parts[0].plan.source.scalars.loops
    primitives = primitives_of(loop.scan.body.program("back").needed())
    assert not any(is_costly(*each) for each in primitives)
    assert any(is_costly(*each) for each in primitives_of(loop.scan.body.program("keeps").needed()))


def test_matches_many_digits():
    def f(r, x):
        return scan(lambda x, _: (r * x * (1.0 - x), None), x, length=30)[0]

    with mp.workdps(60):
        x, to_r, to_x = mpf(0.3), mpf(0), mpf(1)
        for _ in range(30):
            to_r, to_x = x * (1 - x) + 2.9 * mpf(1) * (1 - 2 * x) * to_r, mpf(2.9) * (1 - 2 * x) * to_x
            x = mpf(2.9) * x * (1 - x)
        expected = float(x), (float(to_r), float(to_x))
    assert disagreement(compile(f).value_and_grad(2.9, 0.3), expected) == ""


def branching(a, x):
    def step(x, t):
        if x > 1.0:
            x = sqrt(x - 1.0) * a + 0.1 * log(x - 1.0)
        elif x * a < 0.5:
            x = x + a + t
        else:
            x = x * 1.7
        return x + where(x > 1.2, sqrt(x - 1.2), 0.3), x

    last, kept = scan(step, x, [0.1 * t for t in range(20)])
    return last + kept.sum()


def test_branches_within_a_step(backend, monkeypatch):
    monkeypatch.setattr(settling, "in_eager_mode", None)  # what is not chosen spoils nothing
    compiled = compile(branching, backend=backend)
    for a, x in ((0.7, 0.2), (0.4, 3.0), (1.3, -2.0)):
        assert disagreement(compiled.value_and_grad(a, x), value_and_grad(branching)(a, x)) == ""
        assert disagreement(compiled.hessian(a, x), hessian(branching)(a, x)) == ""
    assert loops(compiled) == 1
    assert not compiled.branches


def test_branches_on_what_comes_from_outside_are_guards():
    def f(a, x):
        def step(x, _):
            return (x * a if a > 1.0 else x - a), None

        return scan(step, x, length=20)[0]

    compiled = compile(f, batch=True)
    a, x = numpy.array([0.5, 1.1, 2.0, 0.9]), numpy.array([1.0, 2.0, 3.0, 4.0])
    value, slopes = compiled.value_and_grad(a, x)
    assert value.tolist() == [f(*each) for each in zip(a, x)]
    assert disagreement(slopes, tuple(zip(*[grad(f)(*each) for each in zip(a, x)]))) == ""


def test_a_step_that_never_ends_to_branch_is_recorded_step_by_step():
    def f(a):
        def step(x, _):
            while x > 1.0:
                x = x * 0.5
            return x * a, None

        return scan(step, 3.0 * a, length=5)[0]

    compiled = compile(f)
    assert compiled.value_and_grad(1.7) == value_and_grad(f)(1.7)
    assert loops(compiled) == 0


def test_whole_numbers_count_and_index(backend):
    data = [1.5, 2.5, 3.5]

    def f(a):
        return scan(lambda s, i: (s * a + data[i], s), a, range(3))[0]

    compiled = compile(f, backend=backend)
    assert compiled.value_and_grad(2.0) == value_and_grad(f)(2.0)


@pytest.mark.parametrize("reduce", [None, "sum", "mean"])
@pytest.mark.parametrize("n", [1, 2, 3, 7, 8, 9, 300])
def test_over_a_batch(n, reduce, backend):
    xs = numpy.random.default_rng(3).normal(size=(n, 6))
    compiled = compile(network, batch="xs", reduce=reduce, backend=backend)
    value, slopes = compiled.value_and_grad(W, U, H, xs)
    some = range(n) if reduce or n < 10 else (0, 7, n - 1)
    expected = [value_and_grad(network)(W, U, H, xs[row]) for row in some]
    values, each = numpy.array([e[0] for e in expected]), [e[1] for e in expected]
    if reduce is None:
        assert disagreement(value[[*some]], values) == ""
        for place in range(4):
            found = numpy.stack(slopes[place], axis=-1) if isinstance(slopes[place], list) else slopes[place]
            assert disagreement(found[[*some]], [flat(e[place]) for e in each]) == ""
        return
    total = {"sum": 1.0, "mean": 1.0 / n}[reduce]
    assert value == pytest.approx(values.sum() * total, rel=1e-12)
    for place in range(3):
        whole = total * numpy.sum([flat(e[place]) for e in each], axis=0)
        assert flat(slopes[place]) == pytest.approx(whole, rel=1e-11, abs=1e-13)


def test_over_no_examples(backend):
    compiled = compile(network, batch="xs", wrt="w", backend=backend)
    value, slopes = compiled.value_and_grad(W, U, H, numpy.zeros((0, 6)))
    assert (value.shape, slopes.shape) == ((0,), (0, 2, 2))
    whole = compile(network, batch="xs", wrt="w", reduce="sum", backend=backend)
    assert disagreement(whole.value_and_grad(W, U, H, numpy.zeros((0, 6))), (0.0, numpy.zeros((2, 2)))) == ""


def test_an_example_is_on_its_own():
    xs = numpy.random.default_rng(5).normal(size=(150, 6))
    compiled = compile(network, batch="xs")
    value, slopes = compiled.value_and_grad(W, U, H, xs)
    for row in (0, 3, 127, 128, 149):
        one, slope = compiled.value_and_grad(W, U, H, xs[row : row + 1])
        assert one[0].hex() == value[row].hex()
        for alone, among in zip(arrays_of(slope), arrays_of(slopes)):
            assert alone[0].tobytes() == among[row].tobytes()


def test_weights_from_outside_and_jacobians(backend):
    w = Value(0.7)

    def f(x):
        last, kept = scan(lambda s, u: (s * w + u * w, {"s": s, "two": [s, u * w]}), x, [1.0, 2.0, 3.0])
        return last, kept

    compiled = compile(f, backend=backend)
    jacobian = autograd_mini.jacobian(f)(0.4)
    assert disagreement(compiled.jacobian(0.4), jacobian) == ""
    last = compile(lambda x: f(x)[0], backend=backend)
    value, slopes = last.value_and_parameter_grads(0.4)
    w.grad = 0.0
    f(0.4)[0].backward()
    assert disagreement((value, slopes), (f(0.4)[0].data, [w.grad])) == ""
    w.data = 0.9
    assert last(0.4) == f(0.4)[0].data


def test_several_loops_one_after_the_other_and_within_each_other(backend):
    def f(a, b):
        first, kept = scan(lambda s, x: (s * a - x, s), b, [0.5, 1.0, 1.5])

        def outer(s, x):
            inner, _ = scan(lambda t, _: (sin(t) * b + x, None), s, length=4)
            return inner, inner * x

        last, rows = scan(outer, first, kept)
        return last + rows.sum()

    compiled = compile(f, backend=backend)
    assert disagreement(compiled.value_and_grad(0.8, 0.3), value_and_grad(f)(0.8, 0.3)) == ""
    assert disagreement(compiled.hessian(0.8, 0.3), hessian(f)(0.8, 0.3)) == ""
    assert loops(compiled) == 2


def test_a_loop_within_what_a_step_may_not_choose(backend):
    def f(a, b):
        def outer(s, x):
            if s > 1.0:
                s = scan(lambda t, _: (sqrt(t - 1.0) + a, sin(t)), s, length=3)[0]
            else:
                s = s + b
            return s * 0.9 + x, None

        return scan(outer, a, [0.1, 0.2, 0.3, 0.4, 0.5, 0.6])[0]

    compiled = compile(f, backend=backend)
    for point in ((0.3, 0.4), (1.7, 0.4)):
        assert disagreement(compiled.value_and_grad(*point), value_and_grad(f)(*point)) == ""
        assert disagreement(compiled.hessian(*point), hessian(f)(*point)) == ""


def test_short_loops_within_others_are_part_of_the_step(monkeypatch, backend):
    monkeypatch.setattr(looping, "FEW_WITHIN", 100)

    def f(a):
        return scan(lambda s, x: (scan(lambda t, _: (sin(t) * a, None), s, length=3)[0] + x, None), a, [0.5] * 4)[0]

    compiled = compile(f, backend=backend)
    assert disagreement(compiled.value_and_grad(0.7), value_and_grad(f)(0.7)) == ""
    assert loops(compiled) == 1


def test_derivatives_within_and_around():
    def f(a):
        return scan(lambda s, x: (sin(s) * a + x, None), a, [0.5, 1.0, 1.5])[0]

    assert disagreement(compile(grad(f)).value_and_grad(0.8), value_and_grad(grad(f))(0.8)) == ""
    within = compile(lambda a: scan(lambda s, _: (s - 0.1 * grad(lambda z: sin(z) * a)(s), None), a, length=9)[0])
    assert disagreement(within.value_and_grad(0.8), value_and_grad(within.function)(0.8)) == ""
    assert grad(compile(f))(0.8) == grad(f)(0.8)


def test_products_with_the_jacobian_and_sparse_matrices(backend):
    def f(v):
        (a, b), kept = scan(lambda s, x: ((sin(s[0]) * v[2] + x, s[1] * s[0]), s[0]), (v[0], v[1]), [0.1, 0.2, 0.3])
        return [a, b, kept[1]]

    compiled, point, change = compile(f, backend=backend), [0.3, 0.5, 0.7], [1.0, -1.0, 0.5]
    assert disagreement(compiled.jvp(point, change), autograd_mini.jvp(f)(point, change)) == ""
    assert disagreement(compiled.vjp(point, change), autograd_mini.vjp(f)(point, change)) == ""
    sparse = compiled.jacobian(point, sparse=True).toarray()
    assert disagreement(sparse, numpy.array(autograd_mini.jacobian(f)(point))) == ""

    def total(v):
        return f(v)[0] + f(v)[1] * f(v)[2]

    sparse = compile(total, backend=backend).hessian(point, sparse=True).toarray()
    assert disagreement(sparse, numpy.array(hessian(total)(point))) == ""
    assert compiled.sparsity("jacobian", point).toarray().all()


def test_what_does_not_take_loops_says_so():
    compiled = compile(lambda v: scan(lambda s, x: (s * x, s), v[0], v)[1])
    with pytest.raises(ValueError, match="sparse derivatives go through a scan of at most 64 numbers"):
        compiled.jacobian([1.5] * 70, sparse=True)


def test_steps_that_solve_equations_or_use_rows_of_users(backend):
    def f(a):
        return scan(lambda s, _: (root(lambda x: x**3 + x - s * a, 0.5), None), a, length=4)[0]

    compiled = compile(f, backend=backend)
    assert disagreement(compiled.value_and_grad(0.7), value_and_grad(f)(0.7)) == ""
    assert disagreement(compiled.hessian(0.9), hessian(f)(0.9)) == ""
    assert loops(compiled) == 1


def test_derivatives_of_what_came_out_are_refused_in_one_sentence():
    def f(a):
        last, _ = scan(lambda s, _: (sin(s) * a, None), a, length=5)
        return gradients(last, [a], create_graph=True)[0]

    with pytest.raises(TypeError, match="take the derivative, by grad, jacobian and the like, of a function that"):
        compile(f)(0.7)


def test_comparisons_of_what_stays_the_same_are_used():
    def f(a):
        return scan(lambda s, _: (s * where(a > 0.5, a, 2.0), None), a, length=5)[0]

    assert disagreement(compile(f).value_and_grad(0.7), value_and_grad(f)(0.7)) == ""


def test_nothing_varies_or_nothing_is_carried():
    assert compile(lambda a: a + scan(lambda s, x: (s + x, None), 0.0, [1.0, 2.0])[0])(3.0) == 6.0
    squares = compile(lambda a: scan(lambda _, x: (None, x * a), None, [1.0, 2.0])[1])
    assert squares(3.0).tolist() == [3.0, 6.0]
    assert squares.jacobian(3.0).tolist() == [1.0, 2.0]
    none = compile(lambda a: scan(lambda s, x: (s * a, s), a, [])[0])
    assert none.value_and_grad(3.0) == (3.0, 1.0)


def test_a_tie_at_one_step_of_one_example_only():
    def f(a, xs):
        return scan(lambda s, x: (relu(s - x) - relu(x - s) + a * s, None), a, xs)[0]

    xs = numpy.random.default_rng(1).normal(size=(9, 5))
    xs[4, 0] = 0.5
    compiled = compile(f, batch="xs")
    value, (slopes, others) = compiled.value_and_grad(0.5, xs)
    for row in range(9):
        assert disagreement((value[row], slopes[row], others[row]), [flat(value_and_grad(f)(0.5, xs[row]))]) == ""


def test_refuses_what_eager_mode_refuses():
    for f in (lambda a: scan(lambda s, x: ([s], x), a, [1.0])[0], lambda a: scan(lambda s, x: s, a, [1.0])[0]):
        with pytest.raises(TypeError, match="scan "):
            compile(f)(1.0)
    with pytest.raises(TypeError, match="reads the number of a Value"):
        compile(lambda a: scan(lambda s, x: (s * float(s), None), a, [1.0])[0])(1.0)


def test_long_loops_at_a_tie_are_refused(monkeypatch):
    monkeypatch.setattr(settling, "MOST_RECORDED", 10)
    compiled = compile(lambda a: scan(lambda s, _: (relu(s) - relu(-s) + a, None), 0.0 * a, length=20)[0])
    assert compiled(1.0) == 20.0
    with pytest.raises(ValueError, match="meets a tie or kink"):
        compiled.grad(1.0)


def test_a_million_steps():
    def f(rate, start):
        return scan(lambda x, _: (x + 1e-6 * (rate - x), None), start, length=10**6)[0]

    value, (to_rate, to_start) = compile(f).value_and_grad(2.9, 0.3)
    still = (1.0 - 1e-6) ** 10**6
    assert value == pytest.approx(2.9 - 2.6 * still, rel=1e-9)
    assert (to_rate, to_start) == pytest.approx((1.0 - still, still), rel=1e-9)


def test_programs_are_read():
    compiled = compile(lambda a, b: scan(lambda s, x: (s * a + x, None), b, [1.0] * 9)[0])
    compiled.grad(2.0, 3.0)
    assert "scan⟨9⟩(b, a)" in str(compiled.program) or "scan⟨9⟩(a, b)" in str(compiled.program)
    assert "scan′⟨9⟩" in str(compiled.program)


@pytest.mark.parametrize("block", [1, 500, 2**19])
def test_long_steps_in_chunks_give_the_bits_of_short_ones(block, monkeypatch):
    monkeypatch.setattr(stepping, "BLOCK_BYTES", block)
    compiled = compile(network, batch="xs")
    xs = numpy.random.default_rng(7).normal(size=(37, 6))
    expected = compiled.value_and_grad(W, U, H, xs)
    monkeypatch.setattr(stepping, "LONGEST_STRAIGHT", 0)
    found = compile(lambda *args: network(*args), batch=3).value_and_grad(W, U, H, xs)
    assert flat(found[0]).tobytes() == flat(expected[0]).tobytes()
    assert disagreement(found[1], expected[1]) == ""


SINGULAR = {
    "overflow": lambda c, x, r: r * c * c,
    "towers": lambda c, x, r: exp(c) * r + x,
    "logarithms": lambda c, x, r: log(c) * x + r,
    "roots": lambda c, x, r: sqrt(c) * r - x,
    "a choice": lambda c, x, r: where(c > r, c * x, log(c)),
    "poles": lambda c, x, r: x / c + r,
    "differences": lambda c, x, r: (c - r) * (c - r) * c - c * c + x,
    "waves": lambda c, x, r: sin(c * c) * x + r * c,
    "a product": lambda c, x, r: c * x * r,
}
"""Steps whose numbers and derivatives become 0, inf and nan."""

odd_numbers = st.sampled_from([0.0, -0.0, 1.0, -1.0, 2.0, 0.5, 1e200, 1e-200, numpy.inf, -numpy.inf, numpy.nan])


points = st.integers(1, 6).flatmap(
    lambda n: st.lists(st.tuples(odd_numbers, odd_numbers, st.lists(odd_numbers, min_size=n, max_size=n)), min_size=6)
)


@settings(max_examples=25, deadline=None)
@given(st.sampled_from(sorted(SINGULAR)), points, st.sampled_from([None, "numpy"]))
def test_inf_and_nan_are_those_of_eager_mode(name, points, backend):
    def f(start, r, xs):
        carry, kept = scan(lambda c, x: (SINGULAR[name](c, x, r), c * r), start, xs)
        return carry + 0.5 * kept[0] * r

    compiled = compile(f, backend=backend)
    for start, r, xs in points:
        found, expected = flat(compiled.value_and_grad(start, r, xs)), flat(value_and_grad(f)(start, r, xs))
        numpy.testing.assert_allclose(found, expected, rtol=1e-12)


@pytest.mark.parametrize("start", [3.0, numpy.inf, numpy.nan])
def test_inf_and_nan_need_no_eager_mode(start, backend, monkeypatch):
    """Where no zero meets them; the columns of a batch that are smooth stay as they are."""

    def f(x, r):
        return scan(lambda c, _: (r * c * c + 0.5 * c, None), x, length=30)[0]

    expected = [value_and_grad(f)(each, 1.5) for each in (0.25, start)]
    compiled = compile(f, batch="x", wrt="x", backend=backend)
    monkeypatch.setattr(settling, "in_eager_mode", None)
    values, slopes = compiled.value_and_grad(numpy.array([0.25, start]), 1.5)
    numpy.testing.assert_allclose(values, [value for value, _ in expected], rtol=1e-12)
    numpy.testing.assert_allclose(slopes, [slope for _, (slope, _) in expected], rtol=1e-12)
