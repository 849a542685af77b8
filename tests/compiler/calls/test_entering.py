"""A call of one example in machine code gives the same bits as the long way, for any layout, and leaves to the long way
what it does not know."""

import copy
import gc
import sys
import threading
import tracemalloc
from itertools import product
from unittest import mock

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograd_mini import Value, compile, debug, exp, grad, relu, sin, tanh, value_and_grad
from autograd_mini import sum as total
from autograd_mini.compiler import pipeline
from autograd_mini.compiler.run import prepared
from autograd_mini.structures import flatten

pytest.importorskip("llvmlite")

numbers = st.floats(-2.0, 2.0).map(lambda x: x + 2.0**-30)
shapes = st.lists(st.integers(0, 3), max_size=3).map(tuple)
arrays = shapes.flatmap(
    lambda shape: st.integers(0, 10**6).map(lambda seed: numpy.random.default_rng(seed).normal(size=shape))
)
leaves = numbers | arrays | st.sampled_from([None, "text"])
nests = st.recursive(leaves, lambda parts: st.lists(parts, max_size=4) | st.lists(parts, max_size=4).map(tuple))


def mixed(*args):
    """A function of all numbers among the arguments."""
    xs, _ = flatten(args, "it", takes_others=True)
    return total([tanh(x * (i + 1.0)) * y for i, (x, y) in enumerate(zip(xs, [1.5, *xs]))]) + 0.25


def like(nest, factor):
    """A nest of the same structure with other numbers."""
    if isinstance(nest, (list, tuple)):
        return type(nest)(like(part, factor) for part in nest)
    if isinstance(nest, numpy.ndarray):
        return numpy.array(nest * factor)
    return nest if nest is None or isinstance(nest, str) else nest * factor


def same(ones, others):
    """Whether two nests have the same types, shapes and bits."""
    if type(ones) is not type(others):
        return False
    if isinstance(ones, (list, tuple)):
        return len(ones) == len(others) and all(map(same, ones, others))
    if isinstance(ones, numpy.ndarray):
        return (ones.shape, ones.dtype, ones.tobytes()) == (others.shape, others.dtype, others.tobytes())
    return repr(ones) == repr(others)


def long_way(compiled, how, args):
    compiled._short = compiled._short_value = None
    return getattr(compiled, how)(*args)


@pytest.fixture(params=["packs", "scalars"])
def form(request, monkeypatch):
    monkeypatch.setattr(pipeline, "suits_scalars", lambda *args: request.param == "scalars")


@settings(max_examples=60, deadline=None)
@given(st.lists(nests, min_size=1, max_size=3), st.sampled_from([None, 0]))
def test_any_layout(args, wrt):
    compiled = compile(mixed, backend="machine", wrt=wrt)
    for how, name in (("value_and_grad", "_short"), ("__call__", "_short_value")):
        getattr(compiled, how)(*args)
        short = getattr(compiled, name)
        if short is None:  # the program is no single kernel
            continue
        for factor in (1.0, 0.5):
            others = tuple(like(arg, factor) for arg in args)
            found = short(others)
            assert found is not None
            assert same(found, long_way(compiled, how, others))


@pytest.mark.usefixtures("form")
@pytest.mark.parametrize("options", [
    {"batch": "x"}, {"batch": "x", "reduce": "mean"}, {"batch": "x", "reduce": "sum", "wrt": "w"},
    {"batch": "x", "as_lists": True}, {"batch": ["x", "w"]},
])  # fmt: skip
def test_a_batch_of_one(options):
    def f(w, x):
        return sin(w[0] * x[0]) + relu(x[1] - w[1]) * w[1]

    compiled = compile(f, backend="machine", **options)
    for factor in (1.0, 0.5):
        w, x = numpy.array([0.3, 0.7]) * factor, numpy.array([[0.1, 2.0]]) * factor
        w = w[None] if "w" in options["batch"] else w
        for how, name in (("value_and_grad", "_short"), ("__call__", "_short_value")):
            expected = long_way(compiled, how, (w, x))
            short = getattr(compiled, name)
            assert short is None or same(short((w, x)), expected)
            assert same(getattr(compiled, how)(w, x), expected)
    two = numpy.array([[0.1, 2.0], [0.2, 3.0]])
    if "w" not in options["batch"]:
        assert same(compiled(w, two), compile(f, backend="machine", **options)(w, two))


ORDERS = {
    "rows": numpy.ascontiguousarray,
    "columns": numpy.asfortranarray,
    "every other": lambda array: numpy.repeat(array, 2, axis=0)[::2],
    "backwards": lambda array: array[::-1].copy()[::-1],
    "with gaps": lambda array: numpy.repeat(array, 3, axis=-1)[..., ::3],
    "frozen": lambda array: numpy.frombuffer(array.tobytes()).reshape(array.shape),
    "odd": lambda array: numpy.frombuffer(b" " + array.tobytes(), offset=1).reshape(array.shape),
    "one for all": lambda array: numpy.broadcast_to(array[:1], array.shape),
    "single": lambda array: array.astype("f4"),
    "a list": lambda array: array.tolist(),
    "swapped": lambda array: array.astype(">f8"),
}
"""How arrays of a batch may lie in memory, and be given."""

lengths = st.sampled_from([1, 2, 3, 7, 8, 9, 16, 17, 127, 129])
calls = st.lists(st.tuples(lengths, st.sampled_from(sorted(ORDERS)), st.floats(0.25, 1.5)), min_size=2, max_size=6)
OPTIONS = [
    {"batch": [0, 1]}, {"batch": [0, 1], "wrt": [2, 0]}, {"batch": [0, 1], "reduce": "mean"},
    {"batch": [0, 1], "reduce": "mean", "wrt": 2}, {"batch": [0, 1], "reduce": "sum", "wrt": [1, 2]},
]  # fmt: skip


@settings(max_examples=25, deadline=None)
@given(st.lists(shapes, min_size=2, max_size=2), nests, st.sampled_from(OPTIONS), calls, st.booleans())
def test_any_batch(tails, rest, options, calls, as_scalars):
    """Batches of any length and memory order in any sequence; earlier results stay unchanged."""
    random, kept = numpy.random.default_rng(len(calls)), []
    with mock.patch.object(pipeline, "suits_scalars", return_value=as_scalars):
        compiled, slow = (compile(mixed, backend="machine", threads=1, **options) for _ in range(2))
        for n, order, factor in calls:
            batch = [ORDERS[order](random.normal(size=(n, *tail)) * factor) for tail in tails]
            args = *batch, like(rest, factor)
            for how in ("value_and_grad", "__call__"):
                found, expected = getattr(compiled, how)(*args), long_way(slow, how, args)
                assert same(found, expected)
                kept.append((found, copy.deepcopy(expected)))
    assert all(same(found, before) for found, before in kept)


at_kinks = st.lists(st.tuples(st.sampled_from([1, 2, 8, 9, 33]), st.sampled_from([0, 1, 3]), st.booleans()), max_size=8)


@settings(max_examples=15, deadline=None)
@given(st.sampled_from([{}, {"reduce": "mean"}, {"reduce": "sum", "wrt": 1}]), at_kinks)
def test_batches_that_are_tied_again_and_again(options, calls):
    """The way a batch takes may depend on the one before; the bits of its results do not."""

    def f(x, y):
        return abs(x[0] * y) + relu(x[1]) * sin(y) + relu(x[0] - x[1])

    random = numpy.random.default_rng(len(calls))
    compiled, slow = (compile(f, backend="machine", batch=True, threads=1, **options) for _ in range(2))
    for n, n_tied, is_infinite in calls:
        x, y = random.normal(size=(n, 2)), random.normal(size=n)
        x[random.permutation(n)[:n_tied]] = 0.0
        x[: n // 9 * is_infinite] = numpy.inf
        is_plain = n_tied == 0 and not (is_infinite and n >= 9)
        for how, name in (("value_and_grad", "_short"), ("__call__", "_short_value")):
            for _ in range(2):
                assert same(getattr(compiled, how)(x, y), long_way(slow, how, (x, y)))
            short = getattr(compiled, name)
            if is_plain:
                assert same(short((x, y)), long_way(slow, how, (x, y)))
            elif n > 1 and how == "value_and_grad":
                assert short is None


@pytest.mark.usefixtures("as_scalars")
@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("tails", [((2, 4), ()), ((8,), (17,)), ((0,), (1, 1))])
def test_batches_that_are_taken(options, tails):
    random = numpy.random.default_rng(1)
    compiled = compile(mixed, backend="machine", threads=1, **options)

    def args(n, order):
        return *(ORDERS[order](random.normal(size=(n, *tail))) for tail in tails), [0.5, numpy.ones(2)]

    for how, name in (("value_and_grad", "_short"), ("__call__", "_short_value")):
        long_way(compiled, how, args(200, "rows"))
        short = getattr(compiled, name)
        for n, order in [*product([9], ORDERS), *((n, "rows") for n in (1, 2, 7, 8, 131, 256))]:
            others, is_array = args(n, order), order not in ("single", "a list", "swapped", "odd")
            found = short(others)
            assert found is not None or not is_array or (order == "columns" and tails[0] == (2, 4))
            assert found is None or same(found, long_way(compiled, how, others))
        assert short(args(257, "rows")) is None  # there is room for no more


@pytest.mark.usefixtures("as_scalars")
@pytest.mark.parametrize("count", [9, 90])
def test_constants_beside_numbers_of_all_examples(count):
    """Many constants are not part of the code; they lie before the numbers that all examples share."""
    compiled = compile(
        lambda w, x: total([tanh(x[0] * (0.5 + k) + w[k % 2]) * x[1] for k in range(count)]), batch="x",
        backend="machine", threads=1,
    )  # fmt: skip
    args = [0.25, -0.75], numpy.random.default_rng(3).normal(size=(20, 2))
    expected = long_way(compiled, "value_and_grad", args)
    assert same(compiled._short(args), expected)
    for factor in (0.5, 2.0):
        args = [0.25 * factor, -0.75], args[1][::-1] * factor
        found = compiled._short(args)
        assert same(found, long_way(compiled, "value_and_grad", args))


def batches():
    """Arguments that are not a batch of the layout of 20 rows of 3 numbers, and 20 numbers."""
    x, y = numpy.ones((20, 3)), numpy.ones(20)
    return {
        "a row less": (x[:19], y), "none": (x[:0], y[:0]), "none of one": (x[:0], y), "none of another": (x, y[:0]),
        "a column less": (x[:, :2], y), "an axis less": (x[0], y), "an axis more": (x[:, :, None], y),
        "turned": (x.T, y), "one row": (x, y[:1]), "a number": (x, 1.0), "nan": (x * numpy.nan, y),
        "inf": (x, y * numpy.inf), "texts": (x.astype(str), y), "one argument": (x,), "three": (x, y, y),
        "Values": (x, [Value(1.0)] * 20), "masked": (numpy.ma.masked_array(x), y), "whole": (x.astype(int), y),
        "tied": (x * 0.0, y), "on other paths": (-x, y), "on some": (numpy.vstack([x[:3], -x[3:]]), y),
    }  # fmt: skip


@pytest.mark.usefixtures("form")
@pytest.mark.parametrize("reduce", [None, "mean"])
@pytest.mark.parametrize("name", batches())
def test_batches_that_take_the_long_way(name, reduce):
    def f(x, y):
        z = relu(x[0] * y) + sin(x[1])
        return z * x[2] if x[2] > -0.5 else z + y

    options = {"backend": "machine", "batch": True, "reduce": reduce}
    compiled, args, others = compile(f, **options), (numpy.ones((20, 3)), numpy.ones(20)), batches()[name]
    expected = compiled.value_and_grad(*args)
    if compiled._short is not None:
        assert compiled._short(others) is None
    assert outcome(compiled, others) == outcome(compile(f, **options), others)
    for _ in range(2):
        assert same(compiled.value_and_grad(*args), expected)


def test_what_is_taken():
    """Layouts as in networks, with their numbers as parameters."""
    w = [numpy.ones((3, 2)), [0.5, -0.25, 2.0], 1.5]
    v = Value(0.75)

    def net(w, x, mode=None):
        hidden = [tanh(row[0] * x[0] + row[1] * x[1]) for row in w[0]]
        return total([h * b for h, b in zip(hidden, w[1])]) * w[2] * v

    compiled = compile(net, backend="machine", wrt=0)
    args = w, (0.5, 0.25)
    expected = compiled.value_and_grad(*args)
    assert same(compiled._short(args), expected)
    v.data = 0.5
    assert compiled._short(args)[0] == pytest.approx(expected[0] * 0.5 / 0.75)
    assert same(compiled._short(args), long_way(compiled, "value_and_grad", args))
    assert compiled._latest.parameters == [v]


def outcome(compiled, args):
    """The result of a call, or the error it raises, as text."""
    try:
        return repr(compiled.value_and_grad(*args))
    except Exception as error:
        return repr(error)


def other_things():
    array = numpy.arange(6.0).reshape(2, 3)
    return {
        "another shape": (array[:1], [1.0, 2.0]),
        "another axis": (array.ravel(), [1.0, 2.0]),
        "single": (array.astype("f4"), [1.0, 2.0]),
        "bytes swapped": (array.astype(">f8"), [1.0, 2.0]),
        "integers": (array.astype(int), [1.0, 2.0]),
        "complex": (array.astype(complex), [1.0, 2.0]),
        "objects": (array.astype(object), [1.0, 2.0]),
        "a matrix": (array.view(type("Sub", (numpy.ndarray,), {})), [1.0, 2.0]),
        "masked": (numpy.ma.masked_array(array), [1.0, 2.0]),
        "a list for an array": (array.tolist(), [1.0, 2.0]),
        "a longer list": (array, [1.0, 2.0, 3.0]),
        "a shorter list": (array, [1.0]),
        "a tuple for a list": (array, (1.0, 2.0)),
        "a list of ones own": (array, type("Own", (list,), {})([1.0, 2.0])),
        "an int in it": (array, [1.0, 2]),
        "a text in it": (array, [1.0, "2"]),
        "a Value in it": (array, [1.0, Value(2.0)]),
        "nan": (array, [1.0, numpy.nan]),
        "nothing": (None, [1.0, 2.0]),
        "one argument": (array,),
        "three arguments": (array, [1.0, 2.0], 3.0),
    }


@pytest.mark.parametrize("name", other_things())
def test_what_takes_the_long_way(name):
    def f(a, b):
        return total([total(list(row)) for row in a]) * b[0] + b[1]

    args = numpy.arange(6.0).reshape(2, 3), [1.0, 2.0]
    fresh, compiled = compile(f, backend="machine"), compile(f, backend="machine")
    compiled.value_and_grad(*args)
    others = other_things()[name]
    assert compiled._short(others) is None
    assert outcome(compiled, others) == outcome(fresh, others)
    assert compiled.value_and_grad(*args)[0] == 17.0


def test_arrays_in_any_order():
    array = numpy.arange(1.0, 7.0).reshape(2, 3)
    compiled = compile(lambda a: exp(a[0][1]) * a[1][2] + a[1][0], backend="machine")
    expected = compiled.value_and_grad(array)
    for other in (numpy.asfortranarray(array), numpy.repeat(array, 2, 1)[:, ::2], array[::-1].copy()[::-1]):
        assert same(compiled._short((other,)), expected)


def test_arrays_that_do_not_begin_where_numbers_do():
    room = numpy.zeros(8 * 6 + 1, dtype=numpy.uint8)
    odd = room[1:].view(numpy.float64).reshape(2, 3)
    odd[...] = numpy.arange(6.0).reshape(2, 3)
    compiled = compile(lambda a: exp(a[0][1]) * a[1][2], backend="machine")
    expected = compiled.value_and_grad(odd.copy())
    assert not odd.flags.aligned
    assert same(compiled.value_and_grad(odd), expected)
    fixed = odd.copy()
    fixed.flags.writeable = False
    assert same(compiled._short((fixed,)), expected)


def test_within_what_is_differentiated_it_is_the_function_itself():
    w = Value(2.0)
    compiled = compile(lambda x: w * x * x, backend="machine")
    assert compiled(3.0) == compiled(3.0) == 18.0
    assert grad(lambda x: x * compiled(3.0))(5.0) is not None
    v = value_and_grad(lambda x: compiled(x) + x)(3.0)
    assert [float(each) for each in v] == [21.0, 13.0]
    with debug():
        assert compiled(3.0) == 18.0


def test_the_program_of_the_last_call():
    compiled = compile(lambda x: x * x, backend="machine")
    for _ in range(3):
        compiled(2.0)
        assert compiled.program.run == "the value"
        compiled.value_and_grad(2.0)
        assert compiled.program.run == "value and gradient"
    assert compiled._short is not None
    assert compiled._short_value is not None


def test_memory_is_constant():
    """Memory does not grow over many calls, whether the short way applies or not."""
    held = [1.0, 2.0]
    compiled = compile(lambda w, x: w[0][0] * x[0] * held[1] + w[1] * x[1] if x[1] > 0 else w[1], backend="machine")
    w, x = [numpy.array([2.0]), 3.0], [0.5, 0.25]
    args = w, x
    compiled.value_and_grad(*args)
    counted = [w, w[0], x, x[0], None, float, list, numpy.ndarray, held, held[1], args]
    others = [(w, [0.5, -1.0]), (w, [0.5, "x"]), (w, (0.5, 0.25)), ([w[0][:0], 3.0], x), (w, [numpy.inf, 1.0]), (w,)]
    for each in (args, *others):
        assert (compiled._short(each) is None) == (each is not args)
    gc.collect()
    before = [*map(sys.getrefcount, counted)]
    tracemalloc.start()
    try:
        for _ in range(100_000 // 8):
            for each in (args, args, *others):
                compiled._short(each)
        gc.collect()
        first, _ = tracemalloc.get_traced_memory()
        for _ in range(100_000 // 8):
            for each in (args, args, *others):
                compiled._short(each)
        gc.collect()
        assert tracemalloc.get_traced_memory()[0] - first < 10_000
    finally:
        tracemalloc.stop()
    assert all(abs(sys.getrefcount(each) - count) < 1000 for each, count in zip(counted, before))


def test_arguments_that_others_change_meanwhile():
    xs = [1.0, 2.0, 3.0]
    compiled = compile(lambda xs: total([x * x for x in xs]), backend="machine")
    compiled.value_and_grad(xs)
    stop = threading.Event()

    def change():
        while not stop.is_set():
            xs.append(4.0)
            xs[0] += 1.0
            xs.pop()

    other = threading.Thread(target=change)
    other.start()
    try:
        for _ in range(2000):
            found = compiled._short((xs,))
            assert found is None or len(found[1][0] if isinstance(found[1], tuple) else found[1]) == 3
    finally:
        stop.set()
        other.join()


@pytest.mark.parametrize("options", [{}, {"batch": True, "threads": 1}, {"batch": True, "reduce": "sum", "threads": 1}])
def test_programs_that_let_others_run(monkeypatch, options):
    """Several threads are at work at once, each with its own numbers."""
    monkeypatch.setattr(prepared, "MOST_ALONE", 0)
    n = 400 if not options else 130

    def f(xs):
        ys = [sin(x * (i % 7 + 1.0)) for i, x in enumerate(xs)]
        return total([a * b for a, b in zip(ys, ys[1:])])

    compiled = compile(f, backend="machine", **options)
    points = [[0.001 * i + 0.1 * k for i in range(n)] for k in range(4)]
    if options:
        points = [numpy.outer(numpy.linspace(1.0, 2.0, 64 + k), point) for k, point in enumerate(points)]
    expected = [long_way(compiled, "value_and_grad", (point,)) for point in points]
    compiled.value_and_grad(points[0])
    wrong = []

    def work(k):
        for _ in range(100):
            if not same(compiled.value_and_grad(points[k]), expected[k]):
                wrong.append(k)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


@pytest.mark.parametrize("batch", [False, True])
@pytest.mark.usefixtures("as_scalars")
def test_a_call_within_a_call(batch):
    """The garbage collector may run while results are built, and what it calls may call the same function."""
    compiled = compile(lambda xs: total([x * y for x, y in xs]), backend="machine", batch=batch)
    row = numpy.arange(9.0) if batch else 0.0
    xs, others = [[(x + i + row, 3.0 + row) for i in range(40)] for x in (2.0, 5.0)]
    expected = [long_way(compiled, "value_and_grad", (each,)) for each in (xs, others)]
    seen = []

    def call(phase, info):
        if phase == "start" and len(seen) < 100:
            seen.append(0)
            seen[-1] = compiled.value_and_grad(others)

    before = gc.get_threshold()
    gc.callbacks.append(call)
    gc.set_threshold(1)
    try:
        found = [compiled._short((xs,)) for _ in range(100)]
    finally:
        gc.set_threshold(*before)
        gc.callbacks.remove(call)
    assert seen
    assert all(same(each, expected[1]) for each in seen)
    assert all(same(each, expected[0]) for each in found)
