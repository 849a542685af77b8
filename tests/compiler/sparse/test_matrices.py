"""Sparse Jacobians and Hessians against dense ones of eager mode, and their patterns against patterns found in another
way."""

import builtins
import math
import random
from math import isfinite

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import autograd_mini as am
from autograd_mini import Value, compile, gradients, hessian, jacobian
from autograd_mini.graph import topological_order
from autograd_mini.testing import strategies
from tests.compiler.comparing import BACKENDS, disagreement
from tests.compiler.ties.test_ties import POINTS, programs

scipy_sparse = pytest.importorskip("scipy.sparse")

WAYS = ["jacobian", "hessian"]


@pytest.fixture(autouse=True)
def _silence():
    with numpy.errstate(all="ignore"):
        yield


def run(backend, test, *drawn, count=30):
    settings(max_examples=count if backend == "numpy" else 5, deadline=None)(given(*drawn)(test))()


def agree(found, expected, scale=4.0):
    wrong = disagreement(found, expected, scale=scale)
    assert not wrong, wrong


def check(matrix, dense, pattern=None, around=None):
    """Check a sparse matrix: its format, its numbers, and its pattern if one is given.

    Args:
        around: the dense matrices at points nearby: an entry that is 0 there may be nan here, if inf cancels on the
            way; in random programs also if one way of computing finds the limit and another does not.
    """
    assert type(matrix) is scipy_sparse.csr_array
    matrix.check_format(full_check=True)
    assert matrix.has_sorted_indices
    assert matrix.has_canonical_format
    dense = numpy.array(dense, dtype=float).reshape(matrix.shape)
    absent = numpy.isnan(dense) & ~as_mask(matrix)
    if around is not None and absent.any():
        assert (numpy.nanmax(numpy.abs(around()), axis=0)[absent] == 0.0).all()
        dense[absent] = 0.0
    if around is not None:
        unknown = numpy.isnan(dense) & numpy.isinf(matrix.toarray())
        dense[unknown] = matrix.toarray()[unknown]
    finite = dense[numpy.isfinite(dense)]
    agree(matrix.toarray(), dense, 16.0 * max(1.0, float(numpy.abs(finite).max(initial=0.0))))
    if pattern is not None:
        places = {(int(i), int(j)) for i, j in zip(*numpy.nonzero(as_mask(matrix)))}
        assert places == pattern(places), f"too many: {places - pattern(places)}"
        assert {(int(i), int(j)) for i, j in zip(*numpy.nonzero(dense))} <= places


def as_mask(matrix):
    """Where it has entries, be they 0."""
    return scipy_sparse.csr_array((numpy.ones(matrix.nnz), matrix.indices, matrix.indptr), matrix.shape).toarray() > 0.0


def around(f, x, way):
    """The matrix at points near x."""
    operator, chance = {"jacobian": jacobian, "hessian": hessian}[way](f), random.Random(repr(x))
    points = [[each + chance.gauss(0.0, 1e-3) for each in x] for _ in range(5)]
    return lambda: [numpy.reshape(operator(point), (-1, len(x))).astype(float) for point in points]


def dependences(results, variables):
    """By the graph of eager mode: the places of the Jacobian that are not 0 by form."""
    depends = {x: {place} for place, x in enumerate(variables)}
    for node in topological_order(*[y for y in results if isinstance(y, Value)]):
        if node in depends or not node.parents:
            continue
        locals_ = node.operation.partials(node, *[each.as_operand() for each in node.parents])
        given = [depends.get(x, set()) for x, c in zip(node.parents, locals_) if not (type(c) is float and c == 0.0)]
        depends[node] = set().union(*given)
    return {(row, column) for row, y in enumerate(results) for column in depends.get(y, ())}


def exact_pattern_of(program, f, x, way):
    """Of a program without choices: what depends on each of two that exclude each other is 0 all the same."""
    return None if any(step.primitive.policy for step in program.steps) else pattern_of(f, x, way)


def pattern_of(f, x, way):
    """Which of some places are not 0 by form, here or at other points, where `where` and its like choose otherwise."""

    def confirmed(places):
        chance, found = random.Random(repr(x)), set()
        for turn in range(40):
            point = [each * chance.choice([1.0, -1.0, 0.5, 2.0]) + chance.gauss(0.0, 1.0) for each in x]
            variables = [Value(each) for each in (point if turn else x)]
            results = f(variables)
            if way == "hessian":
                results = gradients(results, variables, create_graph=True)
            found |= dependences(results, variables)
            if places <= found:
                return places
        return places & found

    return confirmed


def outputs(program):
    """Several results of one program."""
    return lambda x: [program(*x), program(*x[::-1]) if len(set(x)) == 1 else x[0] * 2.0, 3.0]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("way", WAYS)
def test_random_programs(way, backend):
    def test(program):
        f = (lambda x: [program(*x), x[0] * x[-1], 3.0]) if way == "jacobian" else (lambda x: program(*x))
        x = [*program.point]
        dense = {"jacobian": jacobian, "hessian": hessian}[way](f)(x)
        compiled = compile(f, backend=backend)
        found = getattr(compiled, way)(x, sparse=True)
        check(found, dense, exact_pattern_of(program, f, x, way), around(f, x, way))
        mask = compiled.sparsity(way, x)
        assert mask.dtype == bool
        assert (mask.indices == found.indices).all()
        assert (mask.indptr == found.indptr).all()

    run(backend, test, strategies.expressions(3), count=60)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("way", WAYS)
def test_sums_of_random_programs_on_neighbours(way, backend):
    """Lanes of packs that share variables, as most sparse problems are made of."""

    def test(program, n):
        pieces = lambda x: [program(*x[i : i + 2]) for i in range(n)]
        f = pieces if way == "jacobian" else lambda x: am.sum(pieces(x))
        x = [program.point[i % 2] for i in range(n + 1)]
        dense = {"jacobian": jacobian, "hessian": hessian}[way](f)(x)
        found = getattr(compile(f, backend=backend), way)(x, sparse=True)
        check(found, dense, exact_pattern_of(program, f, x, way), around(f, x, way))

    run(backend, test, strategies.expressions(2), st.integers(2, 5))


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("way", WAYS)
def test_ties_are_settled_as_in_dense_matrices(way, backend):
    def test(program, x):
        f = (lambda x: [program(x), program([x[0], x[0], x[1]])]) if way == "jacobian" else program
        compiled = compile(f, backend=backend)
        found = getattr(compiled, way)(x, sparse=True).toarray()
        dense = numpy.array({"jacobian": jacobian, "hessian": hessian}[way](f)(x))
        assert not disagreement(found, dense, scale=4.0)

    run(backend, test, programs(), POINTS)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("reduce", [None, "sum", "mean"])
@pytest.mark.parametrize("way", WAYS)
def test_batches(way, reduce, backend):
    def f(w, x):
        y = am.where(x[0] > 1.0, w[0] * w[0] * x[0] + w[1], w[0] * am.exp(w[1] * x[1]))
        return [y, w[1] * x[0], w[2], x[1]] if way == "jacobian" else y * w[1] + w[2]

    w, x = numpy.array([0.5, -1.0, 2.0]), numpy.array([[1.5, 2.0], [0.5, -1.0], [3.0, 0.25]])
    operator = {"jacobian": jacobian, "hessian": hessian}[way]
    compiled = compile(f, batch="x", wrt="w", reduce=reduce, backend=backend)
    found = getattr(compiled, way)(w, x, sparse=True)
    each = [numpy.array(operator(f, 0)([*w], [*row])) for row in x.tolist()]
    if reduce is None:
        assert isinstance(found, list)
        for matrix, dense in zip(found, each, strict=True):
            check(matrix, dense)
        both = compile(f, batch="x", backend=backend)
        for matrix, row in zip(getattr(both, way)(w, x, sparse=True), x.tolist(), strict=True):
            flat = operator(lambda z: f(z[:3], z[3:]))([*w, *row])
            check(matrix, flat)
        assert getattr(compiled, way)(w, x[:0], sparse=True) == []
    else:
        check(found, sum(each) / (3 if reduce == "mean" else 1))
        with pytest.raises(ValueError, match="f is reduced over its batch, and the columns of a sparse matrix with"):
            getattr(compile(f, batch="x", reduce=reduce, backend=backend), way)(w, x, sparse=True)


@pytest.mark.parametrize("backend", BACKENDS)
def test_ties_in_batches(backend):
    f = lambda x: am.relu(x[0]) - am.relu(-x[0]) + am.max([x[1], x[2] * x[2]]) * x[0]
    points = [[0.0, 1.0, 1.0], [0.5, 2.0, 1.0], [0.0, 3.0, 0.0]]
    row = lambda x: [f(x)]
    for way, operator, g in (("jacobian", jacobian, row), ("hessian", hessian, f)):
        matrices = getattr(compile(g, batch=True, backend=backend), way)(numpy.array(points), sparse=True)
        for matrix, x in zip(matrices, points, strict=True):
            check(matrix, operator(g)(x))
    w = [0.0, 1.0]
    loss = lambda w, x: am.abs(w[0] * x) * w[1] + am.relu(w[0]) * x
    summed = compile(loss, batch="x", wrt="w", reduce="sum", backend=backend)
    xs = numpy.array([1.0, -2.0, 0.5])
    total = lambda w: am.sum([loss(w, x) for x in xs.tolist()])
    check(summed.hessian(w, xs, sparse=True), hessian(total)(w))
    check(summed.jacobian(w, xs, sparse=True), jacobian(lambda w: [total(w)])(w))


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_pattern_is_that_of_the_path(backend):
    def f(x):
        return [x[0] * x[1], x[2]] if x[0] > 0 else [x[2] * 2.0, x[0] * x[1] * x[2]]

    compiled = compile(f, backend=backend)
    for x in ([1.0, 2.0, 3.0], [-1.0, 2.0, 3.0], [0.0, 1.0, 0.0], [2.0, 0.0, 1.0]):
        check(compiled.jacobian(x, sparse=True), jacobian(f)(x), pattern_of(f, x, "jacobian"))
        assert compiled.sparsity("jacobian", x).nnz == (3 if x[0] > 0 else 4)
    batch = numpy.array([[1.0, 2.0, 3.0], [-1.0, 2.0, 3.0], [2.0, 0.0, 1.0]])
    many = compile(f, batch=True, backend=backend)
    for matrix, x in zip(many.jacobian(batch, sparse=True), batch.tolist(), strict=True):
        check(matrix, jacobian(f)(x), pattern_of(f, x, "jacobian"))
    assert many.sparsity("jacobian", batch).toarray().tolist() == [[True, True, True], [True, True, True]]
    summed = compile(lambda w, x: f([w[0] * x, w[1], w[2]]), batch="x", wrt="w", reduce="sum", backend=backend)
    w, xs = [2.0, 3.0, 0.5], [1.0, -1.0, 0.5]
    each = [numpy.array(jacobian(lambda w, x=x: f([w[0] * x, w[1], w[2]]))(w)) for x in xs]
    check(summed.jacobian(w, numpy.array(xs), sparse=True), sum(each))


def test_what_is_0_by_form_is_no_entry_and_what_is_0_by_its_data_is_one():
    x = [0.0, 3.0, 2.0]
    f = compile(lambda x: [x[0] * x[1], x[1] - x[1] + x[2], 0.0 * x[0] + am.floor(x[1]), am.sign(x[0]) * x[2]])
    found = f.jacobian(x, sparse=True)
    assert [*zip(*(each.tolist() for each in found.tocoo().coords))] == [(0, 0), (0, 1), (1, 2), (3, 2)]
    assert found.data.tolist() == [3.0, 0.0, 1.0, 0.0]
    g = compile(lambda x: x[0] * x[0] * 0.0 + x[1] ** 1 + 3.0 * x[2] + (x[0] - x[1]) ** 2 + x[0] * am.relu(x[2]))
    assert g.sparsity("hessian", x).toarray().tolist() == [
        [True, True, True],
        [True, True, False],
        [True, False, False],
    ]
    assert compile(lambda x: am.softmax([x])[0] + am.log_softmax([x])[0]).sparsity("jacobian", 1.0).nnz == 0
    assert compile(lambda x: 2.0 * x[0] + x[1]).hessian([1.0, 2.0], sparse=True).nnz == 0


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("f", [
    lambda x: [x[1] + am.log(x[0] - x[0])],
    lambda x: [x[1] * am.sqrt(x[0] - x[0])],
    lambda x: [am.sqrt((x[0] - x[0]) * x[1])],
    lambda x: [x[1] + 0.0 * am.log(x[0] - x[0])],
])  # fmt: skip
def test_slopes_that_cancel_are_multiplied_by_inf(f, backend):
    x = [0.5, 2.0]
    check(compile(f, backend=backend).jacobian(x, sparse=True), jacobian(f)(x))


@pytest.mark.parametrize("backend", BACKENDS)
def test_structures_are_flattened_from_left_to_right(backend):
    def f(a, w):
        return {
            "one": a["n"] * w[1, 0],
            "two": (numpy.array([a["x"][0] * a["m"], w[0, 0]]), am.exp(a["x"][1] * w[0, 1])),
        }

    a = {"n": 2.0, "x": numpy.array([0.5, -1.0]), "m": 3.0}
    w = numpy.array([[1.0, 2.0], [-1.0, 0.5]])

    def flat(z):
        result = f({"n": z[0], "x": numpy.array(z[1:3]), "m": z[3]}, numpy.array(z[4:]).reshape(2, 2))
        return [result["one"], *result["two"][0], result["two"][1]]

    z = [2.0, 0.5, -1.0, 3.0, *w.ravel().tolist()]
    compiled = compile(f, backend=backend)
    check(compiled.jacobian(a, w, sparse=True), jacobian(flat)(z), pattern_of(flat, z, "jacobian"))
    g = lambda a, w: am.sum([each * each for each in flat([a["n"], *a["x"], a["m"], *w.ravel()])])
    summed = lambda z: am.sum([each * each for each in flat(z)])
    check(compile(g, backend=backend).hessian(a, w, sparse=True), hessian(summed)(z), pattern_of(summed, z, "hessian"))


@pytest.mark.parametrize("backend", BACKENDS)
def test_arrows_and_chains_cost_what_they_hold(backend):
    """A full row, a full column and a diagonal; and long chains on the way to all results, and from all variables."""

    def arrow(x):
        total, factor = am.sum([each * each for each in x]), x[0]
        for _ in range(20):
            total, factor = am.sin(total) + 1.0, am.tanh(factor) * 1.5
        return [total, *[each * factor for each in x[1:]]]

    n = 60
    x = numpy.linspace(0.1, 0.9, n).tolist()
    compiled = compile(arrow, backend=backend)
    check(compiled.jacobian(x, sparse=True), jacobian(arrow)(x), pattern_of(arrow, x, "jacobian"))
    n_lanes = builtins.sum(pack.lanes for pack in compiled.program.packs)
    assert n_lanes < 20 * n


def test_factors_that_are_0_by_form():
    """Alone, and among lanes that are not."""
    for f in (lambda x: am.prod([x[0], 0.0, x[1]]), lambda x: x[0] * 0.0 * x[1], lambda x: am.prod([x[0], x[1], 0.0])):
        compiled = compile(f)
        assert compiled.sparsity("hessian", [1.5, 2.0]).nnz == 0
        assert numpy.isnan(compiled.jacobian([math.inf, 2.0], sparse=True).toarray()[0, 1])
    assert compile(lambda x: am.prod([*x, 2.0, x[0]])).sparsity("hessian", [1.5, 2.0]).nnz == 3


def test_the_matrix_is_the_callers():
    compiled = compile(lambda x: [x[0] * x[1], x[1]])
    first = compiled.jacobian([2.0, 0.0], sparse=True)
    first.eliminate_zeros()
    first.data[:] = 7.0
    first.indices[:] = 0
    assert compiled.jacobian([2.0, 0.0], sparse=True).toarray().tolist() == [[0.0, 2.0], [0.0, 1.0]]
    assert compiled.jacobian([2.0, 0.0], sparse=True).nnz == 3


def test_bad_input():
    f = compile(lambda x: [x[0], x[1]])
    with pytest.raises(TypeError, match="a gradient needs one number as the result of"):
        f.hessian([1.0, 2.0], sparse=True)
    with pytest.raises(TypeError, match="a gradient needs one number as the result of"):
        f.sparsity("hessian", [1.0, 2.0])
    with pytest.raises(ValueError, match="takes 'jacobian' or 'hessian' first, got 'jac'"):
        f.sparsity("jac", [1.0, 2.0])
    with pytest.raises(TypeError, match="jacobian with sparse=True of <lambda> takes plain numbers"):
        f.jacobian([Value(1.0), 2.0], sparse=True)
    with pytest.raises(TypeError, match="takes plain numbers"):
        am.grad(lambda x: f.jacobian([x, x], sparse=True)[0, 0])(1.0)
    assert compile(lambda x: x * x).hessian(3.0, sparse=True).toarray().tolist() == [[2.0]]
    assert isfinite(compile(lambda x: am.sqrt(x[0]) * x[1]).jacobian([4.0, 2.0], sparse=True)[0, 0])


def test_without_scipy(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "scipy.sparse", None)
    monkeypatch.setitem(sys.modules, "scipy", None)
    with pytest.raises(ModuleNotFoundError, match="sparse matrices are SciPy's; install it with: pip install scipy"):
        compile(lambda x: x * x).hessian(1.0, sparse=True)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("way", WAYS)
def test_one_function_at_many_points_one_after_the_other(way, backend):
    """The second call and those after it go a shorter way, but not where a branch, a tie or a captured number says
    otherwise."""
    scale = [2.0]

    def value(x):
        y = am.abs(x[0]) * x[1] * scale[0] if x[2] > 0 else x[1] * x[1] * x[2] + x[0]
        return [y, x[0] * x[2]] if way == "jacobian" else y + x[0] * x[2]

    operator = {"jacobian": jacobian, "hessian": hessian}[way]
    compiled = compile(value, backend=backend)
    points = [[1.0, 2.0, 3.0], [-1.0, 0.5, 2.0], [0.0, 3.0, 1.0], [1.0, 2.0, -1.0], [1.0, 0.0, 1.0], [2.0, 1.0, 1.0]]
    for turn, x in enumerate([*points, *points[::-1]]):
        scale[0] = 2.0 if turn < 9 else 5.0
        check(getattr(compiled, way)(x, sparse=True), operator(value)(x))
        check(getattr(compiled, way)([*x], sparse=True), operator(value)(x))
        agree(numpy.array(getattr(compiled, way)(numpy.array(x))), operator(value)(x), 16.0)


@pytest.mark.parametrize("backend", BACKENDS)
def test_columns_of_one_number_at_many_points(backend):
    def f(t):
        return {"a": [am.abs(t), am.exp(t) * (2.0 if t < 2 else 3.0)], "b": numpy.array([1.0, t * t]), "c": 4.0}

    compiled = compile(f, backend=backend)
    for t in (0.5, -1.0, 0.0, 3.0, -2.0, 0.5):
        found = compiled.jacobian(t)
        agree(found, jacobian(f)(t), 100.0)
        assert isinstance(found["c"], float)
        assert found["b"].shape == (2,)


def test_a_matrix_that_is_not_sparse(monkeypatch):
    from autograd_mini.compiler.sparse import eliminating

    f = compile(lambda x: am.exp(am.sum(x)) * am.sin(am.sum([each * each for each in x])))
    monkeypatch.setattr(eliminating, "MOST_PRODUCTS", 100)
    with pytest.raises(ValueError, match="the entries of this matrix take more than 100 products, so it is not"):
        f.hessian(numpy.ones(20), sparse=True)
