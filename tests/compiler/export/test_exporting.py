"""Functions exported to C: what they return, for which arguments, and how bad input is refused."""

import os
import re
import stat
import threading
from math import inf, nan

import numpy
import pytest

from autograd_mini import (
    Value,
    clip,
    compile,
    dot,
    exp,
    grad,
    lgamma,
    log,
    log_softmax,
    logsumexp,
    max,
    maximum,
    min,
    minimum,
    norm,
    prod,
    register_primitive,
    relu,
    scan,
    sin,
    softmax,
    sqrt,
    sum,
    tanh,
    where,
)
from autograd_mini.nn import MLP
from autograd_mini.primitives import TABLE
from autograd_mini.structures import flatten
from tests.compiler.export.in_c import built, needs_gcc

pytestmark = needs_gcc

X = [0.5, -1.25, 2.0, 0.75]


def rosenbrock(x):
    return sum([(1.0 - a) ** 2 + 100.0 * (b - a * a) ** 2 for a, b in zip(x, x[1:])])


def mixed(x, p):
    return [x[0] * x[1] + p[0] * sin(x[2]), exp(x[0]) * p[1], x[2] ** 3 / x[1]]


FUNCTIONS = {
    "rosenbrock": (rosenbrock, [X]),
    "mixed": (mixed, [[0.5, 1.2, 0.3], [2.0, 3.0]]),
    "vectors": (
        lambda x: dot(softmax(x), log_softmax([2.0 * each for each in x])) + logsumexp(x) * norm(x) + max(x) * min(x),
        [X],
    ),
    "products": (lambda x: [prod(x), sum(x), x[0] / x[3]], [X]),
    "matrices": (lambda w, x: sum([tanh(dot(row, x)) for row in w]), [numpy.arange(12.0).reshape(3, 4) / 7.0, X]),
    "linear": (lambda x: [2.0 * x[0] - x[1], x[2]], [X]),
    "constants": (lambda x: [x[0] * 1e300, 5e-324 + x[1], x[2] + 0.1, -0.0 * x[3]], [X]),
    "nested": (lambda x: {"a": (x[0], [x[1] * x[0]]), "b": numpy.array([[x[0], x[1]], [x[1], 3.0]])}, [X]),
    "inner": (lambda x, y: grad(lambda z: z**3 * x)(x * y), [2.0, 0.5]),
    "longer": (lambda x: max([a * a for a in x]) + norm(x) + logsumexp(x) + prod(x), [numpy.linspace(0.5, 1.5, 200)]),
    "unused": (lambda x, y, z: x * z[1], [1.5, 2.5, [1.0, 2.0, 3.0]]),
    "scanned": (
        lambda x, p: scan(lambda y, _: (y + 0.01 * sin(y) * p - 0.001 * y * y, None), x, length=300)[0],
        [0.5, 0.3],
    ),
    "scanned_rows": (lambda x, u: rows(x, u), [0.4, numpy.linspace(0.0, 1.0, 150)]),
    "scanned_constants": (
        lambda x: scan(lambda s, c: (s * c + x, None), x, [0.1 * (k % 9) for k in range(200)])[0] ** 2,
        [0.7],
    ),
    "recurrence": (lambda x, p: steps(x, p, 200), [0.5, 0.3]),
    "loops": (lambda x: sum([exp(-a * a) * sin(b) for a, b in zip(x, x[1:])]), [numpy.linspace(-1.0, 1.0, 300)]),
}


def rows(x, u):
    last, ys = scan(lambda s, v: ((s[0] * 0.9 + v * s[1], tanh(s[1] + x * v)), s[0] * s[1]), (x, 0.5), u)
    return [last[0], sum(ys), ys[3]]


def steps(x, p, n):
    for _ in range(n):
        x = x + 0.01 * sin(x) * p - 0.001 * x * x
    return x


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    folder = tmp_path_factory.mktemp("library")
    for name, (function, args) in FUNCTIONS.items():
        compile(function).export(folder / f"{name}.c", *args)
    return built(folder)


def close(found, expected):
    numpy.testing.assert_allclose(found, expected, rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_values_and_derivatives(name, library):
    function, args = FUNCTIONS[name]
    compiled = compile(function)
    shifted = [numpy.asarray(arg) * 1.25 for arg in args]
    for given in (args, shifted):
        status, (value,) = library(name, *given)
        assert status == 0
        close(value, flat(compiled(*given)))
        m, n = len(value), [numpy.size(arg) for arg in given]
        status, found = library(f"jac_{name}", *given)
        assert status == 0
        rows = compiled.jacobian(*given)
        rows = compile(lambda *xs: flatten(function(*xs), "a result")[0]).jacobian(*given)
        expected = flat(rows).reshape(m, -1)
        close(numpy.hstack([each.reshape(m, size) for each, size in zip(found, n)]), expected)
        weights = numpy.linspace(1.0, 2.0, m)
        status, found = library(f"adj1_{name}", *given, [], weights)
        assert status == 0
        close(numpy.concatenate(found), weights @ expected)
        assert (f"grad_{name}" in library) is (m == 1)
        if m == 1:
            status, found = library(f"grad_{name}", *given)
            assert status == 0
            close(numpy.concatenate(found), expected[0])


def flat(nest):
    return numpy.array(flatten(nest, "a result")[0], dtype=float)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_second_derivatives(name, library):
    """For several results, those of their weighted sum."""
    function, args = FUNCTIONS[name]
    m = len(library(name, *args)[1][0])
    weights = numpy.linspace(1.0, 2.0, m)
    n = [numpy.size(arg) for arg in args]

    def total(z):
        ends = numpy.cumsum(n)
        pieces = [z[end - size : end] for end, size in zip(ends, n)]
        given = [like(arg, piece) for arg, piece in zip(args, pieces)]
        return dot(weights, flatten(function(*given), "a result")[0]) if m > 1 else function(*given)

    expected = numpy.array(compile(total).hessian(numpy.concatenate([numpy.ravel(arg) for arg in args]).tolist()))
    status, found = library(f"hess_{name}", *args, *([weights] if m > 1 else []))
    assert status == 0
    close(matrix(found, n), expected)
    given = weights if m > 1 else [3.0]
    status, found = library(f"jac_adj1_{name}", *args, [], given)
    assert status == 0
    k = len(n)
    close(matrix([each for place in range(k) for each in found[place * (k + 2) :][:k]], n), expected * given[0])
    jacobian = library(f"jac_{name}", *args)[1]
    for place, size in enumerate(n):
        close(found[place * (k + 2) + k + 1].reshape(size, m), jacobian[place].reshape(m, size).T)


def like(arg, numbers):
    """The numbers in the structure of an argument."""
    if not numpy.ndim(arg):
        return numbers[0]
    return numpy.array(numbers).reshape(numpy.shape(arg)) if isinstance(arg, numpy.ndarray) else numbers


def matrix(blocks, n):
    found = [each.reshape(a, b) for each, (a, b) in zip(blocks, [(a, b) for a in n for b in n], strict=True)]
    return numpy.block([found[row * len(n) : (row + 1) * len(n)] for row in range(len(n))])


def test_pointers_may_be_null(library):
    """For arguments they mean zeros, for results that they are not wanted."""
    status, (value,) = library("linear")
    assert status == 0
    assert value.tolist() == [0.0, 0.0]
    untouched = library("mixed", *FUNCTIONS["mixed"][1], wanted=[])[1][0]
    assert (untouched == -1.2345e99).all()
    whole = library("jac_mixed", *FUNCTIONS["mixed"][1])[1]
    for place in (0, 1):
        found = library("jac_mixed", *FUNCTIONS["mixed"][1], wanted=[place])[1]
        assert (found[place] == whole[place]).all()
        assert not (found[1 - place] == whole[1 - place]).all()


def test_threads_do_not_mind_each_other(library):
    def bits(k):
        status, found = library("grad_loops", numpy.linspace(-k, 1.0, 300))
        return status, [array.tobytes() for array in found]

    expected = {k: bits(k) for k in range(4)}
    wrong = []

    def work(k):
        for _ in range(30):
            if bits(k) != expected[k]:
                wrong.append(k)

    threads = [threading.Thread(target=work, args=(k,)) for k in expected]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_names_and_sizes(library):
    assert library.names("mixed", "in") == ["x", "p"]
    assert library.names("mixed", "out") == ["value"]
    assert library.names("jac_mixed", "in") == ["x", "p", "out_value"]
    assert library.names("jac_mixed", "out") == ["jac_value_x", "jac_value_p"]
    assert library.sizes("jac_adj1_mixed")[:3] == [6, 8, 0]
    assert [shape for shape, _, _ in library.patterns("matrices", "in")] == [(12, 1), (4, 1)]


def branching(x, y):
    return x * y if x > y else exp(y)


def test_branches(tmp_path):
    """The file holds the example's path; on others, the status says so, and results are nan."""
    compiled = compile(branching)
    compiled.export(tmp_path / "above.c", 2.0, 1.0)
    compiled.export(tmp_path / "below.c", 1.0, 2.0)
    library = built(tmp_path)
    for name, good, bad in (("above", (3.0, -1.0), (-1.0, 3.0)), ("below", (-1.0, 3.0), (3.0, -1.0))):
        status, (value,) = library(name, *good)
        assert (status, value[0]) == (0, compiled(*good))
        status, found = library(f"grad_{name}", *good)
        close(numpy.ravel(found), compiled.grad(*good))
        for prefix in ("", "grad_", "jac_", "hess_"):
            status, found = library(prefix + name, *bad)
            assert status == 1
            assert all(
                numpy.isnan(each[rows, columns] if each.ndim == 2 else each[rows]).all()
                for each, (_, rows, columns) in zip(found, library.patterns(prefix + name, "out"))
            )


def test_numbers_that_count(tmp_path):
    compiled = compile(lambda x, n: sum(x[:n]) ** 2)
    compiled.export(tmp_path / "partly.c", X, 3)
    library = built(tmp_path)
    assert library("partly", X, 3)[1][0] == compiled(X, 3)
    status, (value,) = library("partly", X, 2)
    assert status == 1
    assert numpy.isnan(value).all()
    close(library("grad_partly", X, 3)[1][0], compiled.grad(X, 3)[0])


KINKED = {
    "line": (lambda x: relu(x[0]) - relu(-x[0]) + maximum(x[0], x[1]) ** 2, [0.0, 1.0]),
    "equal": (lambda x: maximum(x[0], x[1]) + minimum(x[0], x[1]), [2.0, 2.0]),
    "relu": (lambda x: relu(x[0]) * x[1], [0.0, 3.0]),
    "size": (lambda x: abs(x[0]) * 2.0 + x[1], [0.0, 3.0]),
    "largest": (lambda x: max([x[0], x[1], 1.0]), [1.0, 1.0]),
    "origin": (lambda x: norm([x[0], x[1]]) + x[0], [0.0, 0.0]),
    "two": (lambda x: [relu(x[0]) - relu(-x[0]), abs(x[1]), x[0] * x[1]], [0.0, 0.0]),
    "clipped": (lambda x: clip(x[0], -1.0, 1.0) * x[1], [1.0, 3.0]),
}


def test_kinks(tmp_path):
    """At ties, first derivatives are those of compiled functions, which are limits from both sides."""
    for name, (function, _) in KINKED.items():
        compile(function).export(tmp_path / f"{name}.c", [0.25, 0.5])
    library = built(tmp_path)
    for name, (function, x) in KINKED.items():
        compiled = compile(function)
        for point in (x, [0.25, 0.5], [-0.5, 1.5]):
            status, (found,) = library(f"jac_{name}", point)
            assert status == 0, name
            close(found.ravel(), flat(compiled.jacobian(point)))
    status, found = library("jac_adj1_two", [0.0, 0.0], [], [1.0, 2.0, 3.0])
    assert status == 2
    assert numpy.isnan(found[0][0, 1])
    slopes = library("adj1_two", [0.0, 0.0], [], [1.0, 2.0, 3.0])[1][0].tolist()
    assert slopes == compile(KINKED["two"][0]).vjp([0.0, 0.0], [1.0, 2.0, 3.0])


def test_loops_that_scan_makes(tmp_path):
    """They stay loops; derivatives at ties inside them are not given, and loops within loops are refused."""
    function = lambda x, u: scan(lambda s, v: (relu(s - v) * 0.5 + x, None), x, u)[0]
    sizes = []
    for n in (1000, 10_000):
        long = compile(lambda x, n=n: scan(lambda y, _: (y + 0.01 * sin(y), None), x, length=n)[0])
        long.export(tmp_path / f"long{n}.c", 0.5, order=1)
        sizes.append((tmp_path / f"long{n}.c").stat().st_size)
    assert sizes[1] < 1.02 * sizes[0]
    u = numpy.linspace(0.1, 1.0, 150)
    compiled = compile(function)
    compiled.export(tmp_path / "kinked.c", 0.4, u)
    library = built(tmp_path)
    assert library("grad_kinked", 0.4, u)[0] == 0
    u[0] = 0.4
    assert library("kinked", 0.4, u) == (0, [compiled(0.4, u)])
    status, found = library("grad_kinked", 0.4, u)
    assert status == 2
    assert all(numpy.isnan(each).all() for each in found)
    within = lambda x: scan(
        lambda s, _: (scan(lambda r, _: (r - sin(r) ** 2, None), s, length=3000)[0], None), x, length=3
    )[0]
    with pytest.raises(ValueError, match="no C for scan within scan in g"):
        compile(within, backend="numpy").export(tmp_path / "g.c", 0.4)


def test_second_derivatives_at_kinks(tmp_path):
    """They are not given, and the status says so."""
    compile(lambda x: maximum(x[0], x[1]) ** 2).export(tmp_path / "kinks.c", [1.0, 2.0])
    library = built(tmp_path)
    assert library("kinks", [2.0, 2.0]) == (0, [4.0])
    assert library("grad_kinks", [2.0, 2.0])[0] == 0
    status, (second,) = library("hess_kinks", [2.0, 2.0])
    assert status == 2
    assert numpy.isnan(second).all()


def test_numbers_that_are_not_finite(tmp_path):
    """No finite number is returned where the true one is not finite."""
    compiled = compile(
        lambda x: [log(x[0]), sqrt(x[1]), x[0] / x[1], where(x[0] > 0.0, 1.0 / x[0], 0.0), inf * x[1], nan]
    )
    compiled.export(tmp_path / "ends.c", [1.0, 1.0])
    library = built(tmp_path)
    for x in ([0.0, 0.0], [-0.0, inf], [inf, -1.0], [nan, 2.0]):
        with numpy.errstate(all="ignore"):
            expected = numpy.array(compiled(x))
        status, (value,) = library("ends", x)
        assert status == 0
        assert numpy.array_equal(value, expected, equal_nan=True)
        assert (numpy.signbit(value) == numpy.signbit(expected))[~numpy.isnan(expected)].all()


def test_parameters_are_constants(tmp_path):
    network = MLP(3, [4, 2], "tanh")
    compiled = compile(lambda x: network(x))
    compiled.export(tmp_path / "network.c", [0.1, 0.2, 0.3])
    library = built(tmp_path)
    x = [-0.4, 0.5, 1.5]
    close(library("network", x)[1][0], compiled(x))
    close(library("jac_network", x)[1][0], numpy.array(compiled.jacobian(x)))


def test_only_what_wrt_names(tmp_path):
    compile(lambda x, p: x * p * p, wrt="x").export(tmp_path / "towards.c", 2.0, 3.0)
    library = built(tmp_path)
    assert [each.tolist() for each in library("jac_towards", 2.0, 3.0)[1]] == [[9.0], [0.0]]
    assert [len(rows) for _, rows, _ in library.patterns("jac_towards", "out")] == [1, 0]
    assert library.names("grad_towards", "out") == ["grad_x"]
    assert [library.library.towards_diff_in(place) for place in (0, 1)] == [1, 0]


@pytest.mark.parametrize("order", [0, 1, 2])
def test_no_more_than_is_asked_for(order, tmp_path):
    compile(rosenbrock).export(tmp_path / "f.c", X, order=order)
    text = (tmp_path / "f.h").read_text()
    assert ("int grad_f(" in text) is (order >= 1)
    assert ("int hess_f(" in text) is (order >= 2)


def test_names_in_c(tmp_path):
    def odd(θ, double, x_, x__1, jac, *rest):
        return θ + double["a"] * double["b b"] + x_ + x__1 + jac + rest[0] + rest[1]

    compile(odd).export(tmp_path / "odd.c", 1.0, {"a": 2.0, "b b": numpy.array(3.0)}, 4.0, 5.0, 6.0, 7.0, 8.0)
    library = built(tmp_path)
    names = library.names("odd", "in")
    assert names[:2] == ["theta", "arg_double"]
    assert len({*names}) == 8
    assert all(re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name) and "__" not in name for name in names)
    assert library("odd", 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0)[1][0] == 37.0


def test_the_last_call_is_the_example(tmp_path):
    compiled = compile(rosenbrock)
    with pytest.raises(ValueError, match="rosenbrock has not been called yet"):
        compiled.export(tmp_path / "f.c")
    compiled(X)
    compiled.export(tmp_path / "f.c", name="other")
    assert built(tmp_path)("other", X)[1][0] == compiled(X)


def test_examples_are_numbers(tmp_path):
    compiled = compile(rosenbrock)
    compiled(X)
    with pytest.raises(TypeError, match="export of rosenbrock takes plain numbers"):
        compiled.export(tmp_path / "f.c", [Value(x) for x in X])
    assert not [*tmp_path.iterdir()]


def test_the_same_twice(tmp_path):
    """The file does not depend on what was asked of the function before."""
    compiled = compile(FUNCTIONS["vectors"][0])
    compiled.export(tmp_path / "a.c", X, name="f")
    compiled.hessian(X)
    compiled.export(tmp_path / "b.c", X, name="f")
    first, second = ((tmp_path / f"{name}.c").read_text() for name in "ab")
    assert first.replace('"a.h"', '"b.h"') == second


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("my-file", "'my-file' is not a name in C and CasADi"),
        ("2f", "is not a name in C"),
        ("f__g", "is not a name in C"),
        ("été", "is not a name in C"),
        ("double", "'double' is taken in C already"),
        ("exp", "'exp' is taken in C already"),
        ("n3", "is taken in C already"),
    ],
)
def test_invalid_names(name, sentence, tmp_path):
    with pytest.raises(ValueError, match=f"{sentence}.*give the file another name"):
        compile(rosenbrock).export(tmp_path / f"{name}.c", X)
    assert not [*tmp_path.iterdir()]
    compile(rosenbrock).export(tmp_path / f"{name}.c", X, name="good")
    assert built(tmp_path)("good", X)[0] == 0


def test_batches_are_refused(tmp_path):
    for compiled in (compile(lambda x: x * x, batch=True), compile(lambda x: x * x, batch="x", reduce="sum")):
        with pytest.raises(ValueError, match="for one example; compile it without batch="):
            compiled.export(tmp_path / "f.c", [1.0, 2.0])
    assert not [*tmp_path.iterdir()]


def test_what_has_no_c_is_named(tmp_path):
    compiled = compile(lambda x: lgamma(x) * 2.0)
    with pytest.raises(ValueError, match=r"there is no C for digamma in f or its derivatives.*order="):
        compiled.export(tmp_path / "f.c", 2.5)
    assert not [*tmp_path.iterdir()]
    compiled.export(tmp_path / "f.c", 2.5, order=0)
    close(built(tmp_path)("f", 2.5)[1][0], compiled(2.5))


def test_rows_of_the_users(tmp_path):
    try:
        written = register_primitive(
            "written", lambda x: x * tanh(x), lambda out, x: (tanh(x) + x * (1.0 - tanh(x) ** 2),)
        )
        by_hand = register_primitive("by_hand", lambda x: float(str(float(x))), lambda out, x: (1.0,))
        compile(lambda x: written(x) * 2.0).export(tmp_path / "f.c", 0.5)
        close(built(tmp_path)("f", 0.5)[1][0], 2.0 * 0.5 * numpy.tanh(0.5))
        with pytest.raises(ValueError, match="no C for by_hand in g"):
            compile(lambda x: by_hand(x) * 2.0).export(tmp_path / "g.c", 0.5)
    finally:
        for name in ("written", "by_hand"):
            TABLE.pop(name, None)
            if hasattr(Value, name):
                delattr(Value, name)


@pytest.mark.skipif(os.name != "posix" or os.getuid() == 0, reason="needs folders that refuse")
def test_folders_that_cannot_be_written(tmp_path):
    tmp_path.chmod(stat.S_IRUSR | stat.S_IXUSR)
    with pytest.raises(OSError, match="choose a file in a folder that exists and is writable"):
        compile(rosenbrock).export(tmp_path / "f.c", X)


def test_both_files_or_none(tmp_path):
    compiled = compile(rosenbrock)
    with pytest.raises(OSError, match="choose a file in a folder that exists and is writable"):
        compiled.export(tmp_path / "missing" / "f.c", X)
    (tmp_path / "f.h").mkdir()
    with pytest.raises(OSError, match="cannot write"):
        compiled.export(tmp_path / "f.c", X)
    assert [path.name for path in tmp_path.iterdir()] == ["f.h"]
    (tmp_path / "f.c").write_text("before")
    with pytest.raises(OSError, match="cannot write"):
        compiled.export(tmp_path / "f.c", X)
    assert (tmp_path / "f.c").read_text() == "before"


@pytest.mark.parametrize("order", [3, -1, True, "2", 1.0])
def test_invalid_orders(order, tmp_path):
    with pytest.raises(TypeError, match="order must be that of the highest derivatives, 0, 1 or 2"):
        compile(rosenbrock).export(tmp_path / "f.c", X, order=order)


@pytest.mark.parametrize("path", ["f.h", "f", "f.cpp"])
def test_paths_that_are_not_c_files(path, tmp_path):
    with pytest.raises(ValueError, match=r"takes the path of a C file, such as 'f\.c'"):
        compile(rosenbrock).export(tmp_path / path, X)


def test_files_stay_small(tmp_path):
    """Loops stay loops: for ten times the length, the file hardly grows."""
    sizes = []
    for n in (200, 2000):
        compile(rosenbrock, backend="numpy").export(tmp_path / f"f{n}.c", numpy.linspace(0.0, 1.0, n), order=1)
        sizes.append((tmp_path / f"f{n}.c").stat().st_size)
    assert sizes[1] < 1.1 * sizes[0] < 15_000


def test_nothing_at_all(tmp_path):
    compile(lambda x: []).export(tmp_path / "nothing.c", X)
    assert built(tmp_path)("nothing", X)[0] == 0


def test_derivatives_that_the_function_takes_at_kinks(tmp_path):
    compile(lambda x: grad(lambda y: abs(y) * x)(x - 2.0)).export(tmp_path / "f.c", 3.0)
    library = built(tmp_path)
    assert library("f", 3.0) == (0, [3.0])
    status, (value,) = library("f", 2.0)
    assert status == 2
    assert numpy.isnan(value).all()


def test_hessians_that_are_too_large(tmp_path):
    compiled = compile(lambda x: sum(x) ** 2, backend="numpy")
    with pytest.raises(
        ValueError, match="the Hessian of f may have 25,000,000 entries.*first derivatives alone by order=1"
    ):
        compiled.export(tmp_path / "f.c", numpy.ones(5000))
    compiled.export(tmp_path / "f.c", numpy.ones(5000), order=1)
    compiled = compile(lambda x: [y * each for y in [sum(x) ** 2] for each in x], backend="numpy")
    with pytest.raises(ValueError, match="the Jacobian of g may have 25,000,000 entries.*the value alone by order=0"):
        compiled.export(tmp_path / "g.c", numpy.ones(5000))


SPARSE = {
    "chain": (rosenbrock, 300),
    "stencil": (lambda x: [exp(a) * b - c * c for a, b, c in zip(x, x[1:], x[2:])], 300),
    "arrow": (lambda x: sum([x[0] * sin(each) for each in x[1:]]), 100),
    "kinked": (lambda x: [relu(a - b) * c for a, b, c in zip(x, x[1:], x[2:])], 100),
    "guarded": (lambda x: [a * b if a > 0.0 else b for a, b in zip(x, x[1:])], 80),
    "few": (lambda x: x[3] ** 2 * x[7], 90),
}


@pytest.mark.parametrize("name", SPARSE)
def test_patterns(name, tmp_path):
    """Those of sparse matrices in Python, and the same numbers."""
    function, n = SPARSE[name]
    compiled = compile(function)
    x = numpy.linspace(0.1, 1.3, n)
    compiled.export(tmp_path / f"{name}.c", x)
    library = built(tmp_path)
    m = library.patterns(name, "out")[0][0][0]
    if m > 1:
        _, (found,) = library(f"jac_{name}", x)
        expected = compiled.jacobian(x, sparse=True)
        close(found, expected.toarray())
        assert len(library.patterns(f"jac_{name}", "out")[0][1]) == expected.nnz
    weights = numpy.linspace(1.0, 2.0, m)
    total = compile(lambda x: dot(weights, function(x)) if m > 1 else function(x))
    expected = total.hessian(x, sparse=True)
    status, (found,) = library(f"hess_{name}", x, *([weights] if m > 1 else []))
    assert status == 0
    close(found, expected.toarray())
    assert len(library.patterns(f"hess_{name}", "out")[0][1]) == expected.nnz
    turned = library(f"jac_adj1_{name}", x, [], weights)[1]
    close(turned[0], expected.toarray())
    close(turned[2].reshape(n, m), library(f"jac_{name}", x)[1][0].reshape(m, n).T)


def test_other_paths_of_sparse_matrices(tmp_path):
    function, n = SPARSE["guarded"]
    x = numpy.linspace(0.1, 1.3, n)
    compile(function).export(tmp_path / "f.c", x)
    library = built(tmp_path)
    for name in ("f", "jac_f", "hess_f", "adj1_f", "jac_adj1_f"):
        assert library(name, x)[0] == 0
        assert library(name, -x)[0] == 1


def test_ties_of_sparse_jacobians(tmp_path):
    function, n = SPARSE["kinked"]
    x = numpy.linspace(0.1, 1.3, n)
    x[10] = x[11]
    compiled = compile(function)
    compiled.export(tmp_path / "f.c", x)
    library = built(tmp_path)
    status, (found,) = library("jac_f", x)
    assert status == 0
    close(found, compiled.jacobian(x))
    status, found = library("jac_adj1_f", x)
    assert status == 2


def test_clip_and_others_at_their_ends(tmp_path):
    compiled = compile(lambda x: [clip(x[0], -1.0, 1.0), max([x[0], x[1]]), min([x[0], x[1]])])
    compiled.export(tmp_path / "clipped.c", [0.3, 0.4], order=0)
    library = built(tmp_path)
    for x in ([2.0, -2.0], [-0.0, 0.0], [nan, 1.0], [1.0, nan], [-inf, inf]):
        found = library("clipped", x)[1][0]
        assert repr(found.tolist()) == repr(compiled(x))
