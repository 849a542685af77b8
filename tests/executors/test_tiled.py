"""A function on an executor is equivalent to the function: every method, every form of input, on threads, which all can
share."""

import builtins
import gc
import itertools
import pickle
import random
import threading
import weakref
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograd_mini import Value, compile, grad, tanh
from autograd_mini.executors import Draws
from autograd_mini.executors import tiled as tiling
from tests.executors import importable
from tests.executors.comparing import same_bits, same_matrices, same_numbers

METHODS = ("__call__", "value_and_grad", "grad", "jacobian", "hessian", "hvp", "jvp", "vjp")


@pytest.fixture(scope="module")
def pool():
    with ThreadPoolExecutor(2) as pool:
        yield pool


def call(function, method, args):
    return getattr(function, method)(*args)


@settings(deadline=None, max_examples=30)
@given(
    method=st.sampled_from(METHODS),
    reduce=st.sampled_from([None, "sum", "mean"]),
    wrt=st.sampled_from([None, "a", "x", ["a"], ["x", "a"]]),
    n=st.integers(0, 23),
    tile=st.integers(1, 9),
    workers=st.integers(1, 3),
)
def test_every_method_gives_what_the_function_gives(method, reduce, wrt, n, tile, workers):
    compiled = compile(importable.number, batch="x", wrt=wrt, reduce=reduce, backend="numpy")
    if method == "hessian" and reduce and wrt != "a" and wrt != ["a"]:
        wrt = "a"
        compiled = compile(importable.number, batch="x", wrt=wrt, reduce=reduce, backend="numpy")
    numbers = numpy.random.default_rng(n)
    args = [[0.3, 1.2], numbers.normal(size=(n, 2))]
    if method == "vjp":
        args.append(1.5 if reduce else numbers.normal(size=n))
    elif method in ("hvp", "jvp"):
        vectors = {"a": [1.0, -0.5], "x": numbers.normal(size=(n, 2))}
        names = ["a", "x"] if wrt is None else wrt
        args.append(vectors[wrt] if isinstance(wrt, str) else tuple(vectors[name] for name in names))
    with ThreadPoolExecutor(workers) as pool:
        found = call(compiled.on(pool, tile), method, args)
    same_numbers(found, call(compiled, method, args))


@pytest.mark.parametrize("method", METHODS)
def test_arguments_given_by_name(method, pool):
    def of_names(x, a=1.5, method=2.0, *, y):
        return tanh(x * a) * method * y**3

    compiled = compile(of_names, batch=["x", "y"], wrt=["y", "method"], backend="numpy")
    x, y = numpy.random.default_rng(1).normal(size=(2, 7))
    vector = {"vjp": (x + 1.0,), "jvp": ((x, 0.5),), "hvp": ((x, 0.5),)}.get(method, ())
    for keywords in ({"y": y}, {"y": y, "method": 0.7}):
        same_bits(*[getattr(f, method)(x, *vector, **keywords) for f in (compiled, compiled.on(pool, 3))])
    same_matrices(*[f.sparsity("jacobian", x, y=y) for f in (compiled, compiled.on(pool, 3))])


DERIVATIVES = [method for method in METHODS if method != "__call__"]


@pytest.mark.parametrize("method", DERIVATIVES)
@pytest.mark.parametrize("reduce", [None, "mean"])
def test_labels_of_pandas_come_back(method, reduce, pool):
    """Of columns and frames that carry the batch, whatever the tiles."""
    pandas = pytest.importorskip("pandas")
    rows, numbers = list("abcdefg"), numpy.random.default_rng(1).normal(size=(7, 3))
    frame = pandas.DataFrame(numbers[:, :2], columns=["u", "v"], index=rows)
    column = pandas.Series(numbers[:, 2], index=rows, name="s")
    w = pandas.Series([0.5, -1.0], index=["u", "v"])

    def of_rows(w, row, more):
        return w["u"] * tanh(row[0]) * more["s"] + w["v"] * row[1] ** 2 * more["s"] ** 2

    wrt = "w" if method == "hessian" and reduce else None
    compiled = compile(of_rows, batch=["row", "more"], wrt=wrt, reduce=reduce, backend="numpy")
    args = w, frame, {"s": column}
    if method in ("hvp", "jvp"):
        args += (args,)
    elif method == "vjp":
        args += (numpy.arange(7.0) if reduce is None else 1.5,)
    found = [getattr(compiled.on(pool, tile), method)(*args) for tile in (2, 7, None)]
    wanted = getattr(compiled, method)(*args)
    for each in found:
        if reduce is None:
            same_bits(each, wanted)
        else:
            same_numbers(each, wanted)


def test_chunks_of_frames_keep_their_own_labels(pool):
    pandas = pytest.importorskip("pandas")
    frames = [pandas.DataFrame({"u": [1.0, 2.0], "v": [3.0, 4.0]}, index=rows) for rows in (["a", "b"], ["c", "d"])]
    compiled = compile(lambda row: row[0] ** 2 * row[1], batch=True)
    for tile in (1, 2, None):
        for found, frame in zip(compiled.on(pool, tile).grad(iter(frames)), frames, strict=True):
            same_bits(found, compiled.grad(frame))


def test_columns_in_another_order_are_refused(pool):
    """By place, numbers of one column would be taken for those of another."""
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"u": [1.0, 2.0], "v": [3.0, 4.0]})
    turned = frame[["v", "u"]]
    compiled = compile(lambda row: row[0] ** 2 * row[1], batch=True, reduce="sum")
    for tile in (1, None):
        with pytest.raises(
            ValueError, match=r"the chunks of a batch must have one structure, got .*'u', 'v'.*'v', 'u'"
        ):
            compiled.on(pool, tile)(iter([frame, turned]))
        with pytest.raises(TypeError, match=r"hvp's vector for <lambda> must have the structure and the labels of"):
            compiled.on(pool, tile).hvp(frame, turned)
        same_bits(compiled.on(pool, tile).hvp(frame, frame.to_numpy()), compiled.hvp(frame, frame))


@pytest.mark.parametrize("reduce", [None, "sum", "mean"])
@pytest.mark.parametrize("wrt", ["a", "x", ["a", "x"]])
def test_jacobians_of_several_numbers(pool, reduce, wrt):
    compiled = compile(importable.vector, batch="x", wrt=wrt, reduce=reduce)
    args = 0.7, numpy.random.default_rng(1).normal(size=(11, 2))
    for tile in (1, 2, 3, 20):
        same_numbers(compiled.on(pool, tile).jacobian(*args), compiled.jacobian(*args))
        same_numbers(compiled.on(pool, tile)(*args), compiled(*args))
        directions = {"a": -1.5, "x": numpy.random.default_rng(2).normal(size=(11, 2))}
        v = directions[wrt] if isinstance(wrt, str) else tuple(directions[each] for each in wrt)
        same_numbers(compiled.on(pool, tile).jvp(*args, v), compiled.jvp(*args, v))
        w = [0.5, -2.0] if reduce else numpy.random.default_rng(3).normal(size=(11, 2))
        same_numbers(compiled.on(pool, tile).vjp(*args, w), compiled.vjp(*args, w))


def sparse(function, which, *args):
    if which.startswith("sparsity"):
        return function.sparsity(which.split()[1], *args)
    return getattr(function, which)(*args, sparse=True)


@settings(deadline=None, max_examples=30)
@given(
    which=st.sampled_from(["jacobian", "hessian", "sparsity jacobian", "sparsity hessian"]),
    reduce=st.sampled_from([None, "sum", "mean"]),
    wrt=st.sampled_from([None, "a", "x", ["x", "a"]]),
    n=st.integers(0, 23),
    tile=st.integers(1, 9),
    workers=st.integers(1, 3),
)
def test_sparse_matrices_are_those_of_the_function(which, reduce, wrt, n, tile, workers):
    pytest.importorskip("scipy.sparse")
    function = importable.sparse if which.endswith("jacobian") else importable.sparse_number
    compiled = compile(function, batch="x", wrt=wrt, reduce=reduce, backend="numpy")
    args = [0.3, 1.2], numpy.random.default_rng(n).normal(size=(n, 2))
    with ThreadPoolExecutor(workers) as pool:
        tiled = compiled.on(pool, tile)
        if reduce and wrt != "a":
            for each in (compiled, tiled):
                with pytest.raises(
                    ValueError, match="is reduced over its batch, and the columns of a sparse matrix wi"
                ):
                    sparse(each, which, *args)
        else:
            found, expected = sparse(tiled, which, *args), sparse(compiled, which, *args)
            if n == 0 and not isinstance(expected, list):  # whose path is any that was taken before
                assert found.shape == expected.shape
            else:
                same_matrices(found, expected, tolerance=1e-13)


def test_sparse_matrices_of_a_stream(pool):
    pytest.importorskip("scipy.sparse")
    a, x = [0.3, 1.2], numpy.random.default_rng(0).normal(size=(23, 2))
    for reduce in (None, "mean"):
        compiled = compile(importable.sparse, batch="x", wrt="a", reduce=reduce)
        tiled = compiled.on(pool, 4)
        stream = lambda: iter([x[:5], x[5:5], x[5:7], x[7:]])
        found, expected = tiled.jacobian(a, stream(), sparse=True), compiled.jacobian(a, x, sparse=True)
        if reduce is None:
            chunks = list(found)
            assert [*map(len, chunks)] == [5, 2, 16]
            found = [*itertools.chain(*chunks)]
        same_matrices(found, expected, tolerance=1e-13)
        same_matrices(tiled.sparsity("jacobian", a, stream()), compiled.sparsity("jacobian", a, x))
    with pytest.raises(ValueError, match="sparsity of sparse takes 'jacobian' or 'hessian' first, got 'gradient'"):
        tiled.sparsity("gradient", a, x)


def test_results_of_any_structure_and_paths(pool):
    compiled = compile(importable.nested, batch=True)
    x = {"one": numpy.arange(7.0), "two": numpy.arange(7.0, 14.0)}
    same_bits(compiled.on(pool, 2)(x), compiled(x))
    branching = compile(importable.branching, batch=True)
    points = numpy.linspace(0.0, 1.0, 13)
    same_bits(branching.on(pool, 3).value_and_grad(points), branching.value_and_grad(points))
    same_bits(branching.on(pool, 3).value_and_grad(points.tolist()), branching.value_and_grad(points))


@pytest.mark.parametrize("reduce", ["sum", "mean"])
@pytest.mark.parametrize("wrt", ["x", ["a", "x"]])
def test_rows_of_a_path_are_found_whatever_path_was_taken_before(pool, reduce, wrt):
    compiled = compile(importable.of_two_shapes, batch="x", wrt=wrt, reduce=reduce)
    x = numpy.array([[1.0, 2.0], [0.5, -2.0], [3.0, 1.0], [0.25, 1.5]])
    for tile in (1, 2, 3, 4):
        for points in (x, -x, x):
            same_numbers(compiled.on(pool, tile).jacobian(2.0, points), compiled.jacobian(2.0, points))


@pytest.mark.parametrize("reduce", [None, "sum", "mean"])
@pytest.mark.parametrize("tile", [1, 2])
def test_tiles_whose_results_differ_in_shape_are_refused(pool, reduce, tile):
    tiled = compile(importable.of_two_shapes, batch="x", wrt="a", reduce=reduce).on(pool, tile)
    x = numpy.array([[1.0, 2.0], [3.0, 1.0], [-1.0, 2.0], [-0.5, 1.0]])
    for run in (tiled, tiled.jacobian):
        with pytest.raises(ValueError, match="the tiles of a batch must have results of one shape"):
            run(2.0, x)


def test_bits_depend_on_the_tile_alone(pool):
    weights, examples = importable.data(1000)
    compiled = importable.loss()
    found = {}
    for workers, tile in itertools.product((1, 2, 3), (32, 100)):
        with ThreadPoolExecutor(workers) as pool:
            value, slopes = compiled.on(pool, tile).value_and_grad(*weights, *examples)
        found.setdefault(tile, set()).add((value, *(slope.tobytes() for slope in slopes)))
    assert [len(each) for each in found.values()] == [1, 1]


calls = st.tuples(
    st.sampled_from(["__call__", "value_and_grad", "jacobian", "hvp"]),
    st.integers(1, 9),
    st.sampled_from([numpy.asarray, numpy.asfortranarray, numpy.rint, numpy.ndarray.tolist, numpy.flipud]),
)


@settings(deadline=None, max_examples=30)
@given(st.lists(calls, min_size=2, max_size=8), st.sampled_from([None, "mean"]), st.sampled_from([None, 3]))
def test_calls_before_change_nothing(calls, reduce, tile):
    """Results do not depend on earlier calls, with the same or another layout."""
    factor, weight = 0.5, Value(1.0)
    compiled = compile(
        lambda a, x: factor * weight * a * x[0] + a * x[1] ** 2, batch="x", wrt="a", reduce=reduce, backend="numpy"
    )
    with ThreadPoolExecutor(1) as pool:
        tiled = compiled.on(pool, tile)
        for number, (method, n, layout) in enumerate(calls):
            factor = weight.data = float(number // 2)
            x = numpy.random.default_rng(number).normal(size=(n, 2))
            args = [number % 3 or 1.5, layout(x)] + [2.0] * (method == "hvp")
            found, expected = (call(each, method, args) for each in (tiled, compiled.on(pool, tile)))
            same_bits(found, expected)
            same_numbers(found, call(compiled, method, args))


def test_arguments_are_not_kept(pool):
    tiled = compile(lambda a, x: a[0] * x[0], batch="x", reduce="sum").on(pool)
    for _ in range(3):
        a, x = numpy.ones(3), numpy.ones((5, 1))
        held = [weakref.ref(a), weakref.ref(x)]
        assert tiled.value_and_grad(a, x)[0] == 5.0
    del a, x
    gc.collect()
    assert [each() is None for each in held] == [True, True]


def test_threads_of_the_caller_share_one(pool):
    weights, examples = importable.data(200)
    compiled = importable.loss()
    tiled = compiled.on(pool, 8)
    factors = [0.1 * factor for factor in range(1, 17)]
    args = [([factor * each for each in weights], examples) for factor in factors]
    with ThreadPoolExecutor(4) as callers:
        found = [*callers.map(lambda each: tiled.value_and_grad(*each[0], *each[1]), args)]
    same_bits(found, [compiled.on(pool, 8).value_and_grad(*scaled, *rows) for scaled, rows in args])


class Shuffled:
    """An executor that ends tasks in random order."""

    def __init__(self, seed):
        self.random, self.waiting, self.lock = random.Random(seed), [], threading.Lock()

    def submit(self, function, *args):
        future: Future[Any] = Future()
        with self.lock:
            self.waiting.append((future, function, args))
            if len(self.waiting) < 3:
                threading.Timer(0.01, self.run).start()
                return future
        self.run()
        return future

    def run(self):
        with self.lock:
            waiting, self.waiting = self.waiting, []
        self.random.shuffle(waiting)
        for future, function, args in waiting:
            future.set_result(function(*args))


def test_the_order_of_completion_changes_nothing(pool):
    weights, examples = importable.data(700)
    for compiled in (importable.loss(), importable.loss(reduce=None)):
        expected = compiled.on(pool, 10).value_and_grad(*weights, *examples)
        for seed in range(3):
            same_bits(compiled.on(Shuffled(seed), 10).value_and_grad(*weights, *examples), expected)


def test_what_has_only_map(pool):
    weights, examples = importable.data(50)
    compiled = importable.loss()
    expected = compiled.on(pool, 8).value_and_grad(*weights, *examples)
    same_bits(compiled.on(builtins, 8).value_and_grad(*weights, *examples), expected)


# Streams


def chunks(examples, lengths):
    cuts = numpy.cumsum([0, *lengths])
    return (tuple(each[a:b] for each in examples) for a, b in zip(cuts, cuts[1:]))


@settings(deadline=None, max_examples=20)
@given(st.lists(st.integers(0, 30), min_size=1, max_size=8))
def test_a_stream_has_the_bits_of_the_array(lengths):
    weights, examples = importable.data(sum(lengths))
    with ThreadPoolExecutor(2) as pool:
        total = importable.loss(backend="numpy").on(pool, 7)
        same_bits(total.value_and_grad(*weights, chunks(examples, lengths)), total.value_and_grad(*weights, *examples))
        each = importable.loss(reduce=None, backend="numpy").on(pool, 7)
        found = list(each(*weights, chunks(examples, lengths)))
        assert [len(part) for part in found] == [n for n in lengths if n]
        same_bits(numpy.concatenate([numpy.empty(0), *found]), each(*weights, *examples))


def test_streams_side_by_side_and_by_name(pool):
    weights, (x, d) = importable.data(20)
    total = importable.loss().on(pool, 4)
    expected = total(*weights, x, d)
    assert total(*weights, iter([x[:9], x[9:]]), iter([d[:9], d[9:].tolist()])) == expected
    assert total(*weights, x=iter([x]), d=iter([d])) == expected


def test_a_stream_is_read_as_it_is_needed(pool):
    read = []

    def source():
        for start in range(0, 10_000, 10):
            read.append(start)
            yield numpy.arange(start, start + 10.0)

    found = compile(importable.branching, batch=True).on(pool, 10)(source())
    next(found)
    assert len(read) < 20
    found.close()
    assert len(read) < 20


def test_streams_that_are_refused(pool):
    weights, (x, d) = importable.data(20)
    total = importable.loss().on(pool, 4)
    with pytest.raises(ValueError, match="must have equally many chunks, but one ended first"):
        total(*weights, iter([x, x]), iter([d]))
    with pytest.raises(ValueError, match="every argument that carries the batch must come in a"):
        total(*weights, iter([x]), d)
    with pytest.raises(ValueError, match="every argument that carries the batch must come in a"):
        total(iter([weights[0]]), *weights[1:], x, d)
    with pytest.raises(ValueError, match="a stream without any chunk"):
        total(*weights, iter([]))
    with pytest.raises(ValueError, match=r"name the arguments to differentiate in wrt="):
        compile(importable.network, batch=["x", "d"], reduce="sum").on(pool).grad(*weights, iter([(x, d)]))
    with pytest.raises(ValueError, match=r"of one length .* got shape \(20, 3\), shape \(19,\)"):
        total(*weights, x, d[1:])


def filled_anew():
    """One array that is refilled for each chunk."""
    chunk = numpy.empty(5)
    for start in range(0, 30, 5):
        chunk[:] = numpy.arange(start, start + 5)
        yield chunk


@pytest.mark.parametrize("tile", [4, 5, 7])
def test_chunks_may_be_filled_anew(pool, tile):
    compiled = compile(importable.branching, batch=True)
    same_bits(numpy.concatenate([*compiled.on(pool, tile)(filled_anew())]), compiled(numpy.arange(30.0)))
    total = compile(importable.branching, batch=True, reduce="sum").on(pool, tile)
    assert total(filled_anew()) == total(numpy.arange(30.0))


def test_arguments_are_those_at_the_time_of_the_call(pool):
    scale = Value(3.0)
    tiled = compile(lambda w, v, x: w[0] * v[0] * x * scale, batch="x").on(pool, 2)
    w, v = numpy.ones(1), [1.0]
    found = tiled(w, v, iter([numpy.ones(2)] * 9))
    for number in (5.0, 7.0):
        w[0] = v[0] = scale.data = number
        assert next(found).tolist() == [3.0, 3.0]
    assert [*map(sum, found)] == [6.0] * 7


def test_chunks_that_differ(pool):
    product = compile(lambda x, y: x * y, batch=True).on(pool, 4)
    x = numpy.ones(4)
    for chunk, count in (((x,), 1), ((x, x, x), 3), (x, 1)):
        with pytest.raises(ValueError, match=f"must have equally many parts, 2, got {count}"):
            [*product(iter([(x, x), chunk]))]
    with pytest.raises(ValueError, match=r"rows of one shape, got \[\(2,\)\] and \[\(3,\)\]"):
        [*compile(sum, batch=True).on(pool, 4)(iter([numpy.ones((4, 2)), numpy.ones((4, 3))]))]
    for chunks in ([Draws(4)], [x, Draws(4)]):
        with pytest.raises(ValueError, match="must hold arrays; pass Draws without a stream"):
            [*compile(importable.branching, batch=True).on(pool, 4)(iter(chunks))]


def test_draws(pool):
    compiled = compile(lambda a, z: a * z[0] * z[1], batch="z", wrt="a", reduce="mean")
    draws = Draws(1000, (2,), seed=4)
    value, slope = compiled.on(pool, 64).value_and_grad(3.0, draws)
    z = numpy.concatenate([draws[a : a + 64].load(a // 64, {}) for a in range(0, 1000, 64)])
    same_numbers((value, slope), compiled.value_and_grad(3.0, z))


# Values that functions hold


def test_derivatives_towards_values_come_back_to_them(pool):
    _, (x, d) = importable.data(30)
    compiled = compile(importable.with_values, batch=True, reduce="mean")
    tiled = compiled.on(pool, 8)
    value, slopes = tiled.value_and_parameter_grads(x, d)
    expected, expected_slopes = compiled.value_and_parameter_grads(x, d)
    same_numbers(value, expected)
    place = dict(zip(compiled.parameters, expected_slopes))
    same_numbers(slopes, numpy.array([place[parameter] for parameter in tiled.parameters]))
    for parameter in tiled.parameters:
        parameter.grad = 1.0
    assert tiled.backward(x, d) == value
    same_numbers(numpy.array([parameter.grad - 1.0 for parameter in tiled.parameters]), slopes)
    per_example = compile(importable.with_values, batch=True)
    value, slopes = per_example.on(pool, 8).value_and_parameter_grads(x, d)
    assert slopes.shape == (30, len(tiled.parameters))
    with pytest.raises(TypeError, match=r"backward\(\) needs one number"):
        per_example.on(pool, 8).backward(x, d)


def test_values_are_read_anew_and_may_be_replaced(pool):
    compiled = compile(importable.with_values, batch=True, reduce="mean")
    _, (x, d) = importable.data(30)
    tiled = compiled.on(pool, 8)
    before = importable.scale.data
    try:
        for number in (2.0, -3.0):
            importable.scale.data = number
            same_numbers(tiled(x, d), compiled(x, d))
            same_numbers(tiled.value_and_grad(x, d), compiled.value_and_grad(x, d))
    finally:
        importable.scale.data = before
    numbers = numpy.array([parameter.data for parameter in tiled.parameters])
    assert tiled(x, d, parameters=numbers) == tiled(x, d)
    numbers[tiled.parameters.index(importable.scale)] *= 2.0
    same_numbers(tiled(x, d, parameters=numbers), 2.0 * tiled(x, d))
    with pytest.raises(ValueError, match="holds 22 Values, got numbers of shape"):
        tiled(x, d, parameters=numbers[1:])


def test_tiles_that_use_other_values(pool):
    compiled = compile(importable.with_branches, batch=True, reduce="sum")
    x = numpy.linspace(-1.0, 1.0, 20)
    tiled = compiled.on(pool, 5)
    slopes = dict(zip(tiled.parameters, tiled.value_and_parameter_grads(x)[1].tolist()))
    assert slopes[importable.scale] == pytest.approx(x[x > 0].sum())
    used = importable.model.parameters()
    assert [slopes[each] for each in used[:2]] == pytest.approx([x[x <= 0].sum()] * 2)
    assert {slopes[each] for each in used[2:] if each in slopes} <= {0.0}


def test_what_it_captures_is_that_of_the_call(pool):
    factor, shifts, weight = 2.0, [0.0], Value(1.0)

    def shifted(x):
        return x + shifts[0]

    def scaled(x):
        return factor * weight * shift(x)

    shift = shifted
    tiled = compile(scaled, batch=True).on(pool)
    assert tiled([1.0]).tolist() == [2.0]
    factor = 5.0
    assert tiled([1.0]).tolist() == [5.0]
    shifts[0] = 3.0
    assert tiled([1.0]).tolist() == [20.0]
    factor, shifts[0] = 2.0, 0.0
    assert tiled([1.0]).tolist() == [2.0]
    weight = Value(3.0)
    assert tiled([1.0]).tolist() == [6.0]
    assert tiled.parameters == [weight]
    shift = abs
    assert tiled([-1.0]).tolist() == [6.0]


def test_threads_take_what_cannot_be_pickled(pool):
    lock, weight = threading.Lock(), Value(2.0)

    def locked(x):
        with lock:
            return weight * x

    tiled = compile(locked, batch=True, reduce="sum").on(pool, 2)
    assert tiled.value_and_grad([1.0, 2.0, 3.0])[0] == 12.0
    weight.data = 3.0
    assert tiled([1.0, 2.0, 3.0]) == 18.0
    with pytest.raises(TypeError, match="locked cannot be sent to another process"):
        tiled.backward([1.0])


def test_that_a_function_cannot_be_pickled_is_found_out_once(pool, monkeypatch):
    """Until something that it reads is something else."""
    tried, lock, factor = [], threading.Lock(), 2.0

    def locked(x):
        with lock:
            return factor * x

    class Counted(tiling.Parcel):
        def __init__(self, *args):
            tried.append(args)
            super().__init__(*args)

    monkeypatch.setattr(tiling, "Parcel", Counted)
    tiled = compile(locked, batch=True, reduce="sum").on(pool, 2)
    for number in (2.0, 2.0, 5.0, 5.0):
        factor = number
        assert tiled([1.0, 2.0, 3.0]) == 6.0 * number
    assert len(tried) == 2


def test_it_is_the_function_where_a_derivative_is_taken(pool):
    compiled = compile(lambda x: tanh(x) * x, batch=True, reduce="sum")
    tiled = compiled.on(pool)
    assert grad(lambda a: tiled([a, 2.0 * a]))(0.3) == grad(lambda a: compiled([a, 2.0 * a]))(0.3)
    x = Value(0.3)
    tiled([x, 1.0]).backward()
    assert x.grad == pytest.approx(compiled.grad([0.3])[0])


def test_errors_of_the_function_tell_the_rows(pool):
    with pytest.raises(ZeroDivisionError, match="that is too large") as found:
        compile(importable.failing, batch=True).on(pool, 10)(numpy.linspace(0.0, 10.0, 101))
    (note,) = found.value.__notes__
    assert note.startswith("This happened in rows 90 to 99 of failing, in a worker:\nTraceback")
    assert "importable.py" in note


def test_what_is_refused(pool):
    compiled = importable.loss()
    with pytest.raises(TypeError, match=r"takes an executor with submit or map.* got 3 \(int\)"):
        compiled.on(3)
    for wrong in ({"tile": 0}, {"tile": 2.0}, {"tile": True}, {"retries": -1}):
        with pytest.raises(ValueError, match="takes a whole number of"):
            compiled.on(pool, **wrong)
    with pytest.raises(ValueError, match="mixed must be"):
        compiled.on(pool, mixed="maybe")
    with pytest.raises(AttributeError, match="export of network does not run on executors; use the"):
        compiled.on(pool).export("network.c")
    with pytest.raises(AttributeError, match="'Tiled' object has no attribute 'nothing'"):
        assert compiled.on(pool).nothing
    with pytest.raises(ValueError, match="branching has no batch to be cut into tiles"):
        compile(importable.branching).on(pool)
    with pytest.raises(TypeError, match="must be an array or a list of numbers"):
        compile(importable.branching, batch=True).on(pool)([1.0, [2.0, 3.0]])
    with pytest.raises(ValueError, match=r"takes arrays whose first axis is the batch.* got no array"):
        compile(importable.branching, batch=True).on(pool)(3.0)


def test_the_executor_stays_open(pool):
    importable.loss().on(pool, 2)(*importable.data(5)[0], *importable.data(5)[1])
    assert pool.submit(len, "ab").result() == 2


@dataclass
class Elsewhere:
    """An executor whose workers seem to differ."""

    change: dict
    sample: str = ""

    def submit(self, function, *args):
        future: Future[Any] = Future()
        done = pickle.loads(pickle.dumps(function(*args)))
        if hasattr(done, "host"):
            done.host = {**done.host, **self.change} if args[0].first else done.host
            done.worker += str(args[0].first)
            done.sample = (done.sample or "first") + self.sample * bool(args[0].first)
        future.set_result(done)
        return future


def test_workers_that_differ_are_noticed(pool):
    args = numpy.linspace(0.0, 1.0, 40)
    compiled = compile(importable.branching, batch=True)
    with pytest.warns(RuntimeWarning, match=r"the workers of branching differ.* in NumPy \(.*; 0\.1\)"):
        found = compiled.on(Elsewhere({"NumPy": "0.1"}), 20)(args)
    same_bits(found, compiled(args))
    with pytest.raises(RuntimeError, match=r"the workers of branching differ"):
        compiled.on(Elsewhere({"processor": "abacus"}), 20, mixed="refuse")(args)
    with pytest.raises(RuntimeError, match="differ.* in their results on the first rows"):
        compiled.on(Elsewhere({}, sample="other"), 20, mixed="refuse")(args)
