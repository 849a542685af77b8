"""Which back end runs, messages if llvmlite is missing, machines without libmvec, and code that is compiled once."""

import subprocess
import sys
from pathlib import Path

import numpy
import pytest

from autograd_mini import compile, cos, dot, exp, log, pow, sin, sqrt, sum, tanh, where
from autograd_mini.compiler import partition
from autograd_mini.compiler.code import cells, engine, libraries
from autograd_mini.compiler.ir.request import Kind, Request
from autograd_mini.compiler.partition import COLUMNS, COLUMNS_A_THREAD
from autograd_mini.compiler.run import running
from autograd_mini.compiler.run.arena import ArenaExecutor
from autograd_mini.compiler.run.executing import INSTALL
from autograd_mini.compiler.run.numpy_executor import NumpyExecutor
from autograd_mini.nn import LSTMCell

pytestmark = pytest.mark.usefixtures("as_packs", "small_tiles")

ROOT = Path(__file__).parents[3]
random = numpy.random.default_rng(4)


WITHOUT = """
import sys, warnings
import numpy
from autograd_mini import compile, scan, tanh, value_and_grad

assert compile(lambda x: scan(lambda s, y: (s * y, None), x, [4.0, 0.25] * 9999)[0], backend="numpy").grad(3.0) == 1.0

def f(x, y):
    return tanh(x * y) + x

with warnings.catch_warnings(record=True) as heard:
    warnings.simplefilter("always")
    for _ in range(3):
        assert compile(f, backend="numpy")(1.0, 2.0) == f(1.0, 2.0)
    print(len(heard))
    first, second = compile(f), compile(f, batch=True, reduce="mean")
    for _ in range(3):
        value, slopes = first.value_and_grad(1.0, 2.0)
        numpy.testing.assert_allclose([value, *slopes], [x for nest in value_and_grad(f)(1.0, 2.0)
                                      for x in (nest if isinstance(nest, tuple) else [nest])], rtol=1e-13)
        second.value_and_grad(numpy.ones(5), numpy.zeros(5))
        first.hvp(1.0, 2.0, (1.0, 0.0))
    print(len(heard))
    print(heard[0].message, "at", heard[0].filename)
for call in (compile(f, backend="machine"), compile(f, batch=True, backend="machine").value_and_grad):
    try:
        call(*[numpy.ones(3)] * 2 if call.__class__.__name__ == "method" else (1.0, 2.0))
    except ModuleNotFoundError as error:
        print(error)
"""


@pytest.mark.parametrize(
    "how",
    ['import sys; sys.modules["llvmlite"] = None', "import llvmlite.binding as b; b.llvm_version_info = (15, 0, 7)"],
    ids=["missing", "too old"],
)
def test_without_llvmlite(how):
    command = [sys.executable, "-c", how + WITHOUT]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert result.returncode == 0, result.stderr
    before, after, notice, *refusals = result.stdout.splitlines()
    assert (before, after) == ("0", "1")
    assert notice.endswith(f"{INSTALL} at <string>")  # the user's line, not one of this package
    assert "llvmlite" in notice
    assert refusals == [f"machine code needs llvmlite 0.45 or newer; {INSTALL}, or choose backend='numpy'"] * 2


def executor_kind(backend):
    compiled = compile(lambda x: sin(x) * x, backend=backend)
    compiled(1.0)
    return type(compiled._latest.parts[0].plan.executor(Request(Kind.VALUE)))


def test_the_best_there_is():
    assert executor_kind("numpy") is NumpyExecutor
    assert executor_kind("machine") is executor_kind(None) is ArenaExecutor


def everything(x, y):
    return exp(-x * x) * sin(y) + log(1.0 + x * x) - cos(x * y) * tanh(x) + pow(1.0 + y * y, x)


@pytest.fixture
def fresh():
    """Forget what is known of the machine, and undo what a test pretends."""
    for function in (libraries.vector_name, cells.own_function):
        function.cache_clear()
    yield
    for function in (libraries.vector_name, cells.own_function):
        function.cache_clear()


def noting(texts):
    """Compile as usual, and keep the code."""
    return lambda given, **how: texts.extend(given) or engine.addresses(given, **how)


@pytest.mark.usefixtures("fresh")
@pytest.mark.parametrize("width", [1, 2, None])
@pytest.mark.parametrize("has_libmvec", [True, False])
def test_other_hosts(monkeypatch, width, has_libmvec):
    """Registers of two doubles, and no vector functions, as with another C library."""
    texts = []
    monkeypatch.setattr(
        running, "addresses", lambda given, **how: texts.extend(given) or engine.addresses(given, **how)
    )
    if not has_libmvec:
        monkeypatch.setattr(libraries, "_libmvec", lambda: None)
    if width is not None:
        monkeypatch.setattr(running, "host_width", lambda: width)
    x, y = random.normal(size=(2, 37))
    found = compile(everything, batch=True, backend="machine").value_and_grad(x, y)
    expected = compile(everything, batch=True, backend="numpy").value_and_grad(x, y)
    for one, two in ((found[0], expected[0]), *zip(found[1], expected[1])):
        numpy.testing.assert_allclose(one, two, rtol=1e-13, atol=1e-14)
    assert texts
    if not has_libmvec:
        assert not any("_ZGV" in text for text in texts)
        assert any("@autograd_mini.sin" in text for text in texts)


def test_code_is_compiled_once(monkeypatch):
    compile(lambda v: exp(v[0]) + sin(v[1]), batch=True, backend="machine")(numpy.ones((20, 3)))  # and what both share
    compilations = []
    monkeypatch.setattr(
        engine,
        "_compiled",
        lambda texts, *rest, inner=engine._compiled: compilations.append(texts) or inner(texts, *rest),
    )
    x = random.normal(size=(20, 3))
    for _ in range(3):
        compile(lambda v: exp(v[0]) * 1.2345678 - sin(v[1] + v[2]), batch=True, backend="machine")(x.copy(order="F"))
    assert len(compilations) == 1
    texts = [text for texts in compilations for text in texts]
    assert len(set(texts)) == len(texts)


def bodies(monkeypatch, length):
    """The kernels of the gradient of a recurrent network of so many steps: how many bodies, how many texts."""
    texts = []
    with monkeypatch.context() as patched:
        patched.setattr(
            running, "addresses", lambda given, **how: texts.extend(given) or engine.addresses(given, **how)
        )
        cell = LSTMCell(2, 8, random=1)

        def run(xs):
            outputs, _ = cell.run(xs)
            return sum([each * each for each in outputs[-1]])

        compiled = compile(run, batch=True, reduce="mean", backend="machine")
        compiled.value_and_parameter_grads(random.normal(size=(16, length, 2)))
    return len(texts), len(set(texts))


def test_steps_of_a_recurrence_share_their_code(monkeypatch):
    counts = [bodies(monkeypatch, steps) for steps in (6, 12, 24)]
    assert counts[0][0] < counts[1][0] < counts[2][0]
    assert counts[0][1] == counts[1][1] == counts[2][1], counts


def test_functions_that_share_a_module():
    """Bodies with tables and declarations in common."""
    order = numpy.random.default_rng(0).permutation(30)

    def f(x):
        y = [tanh(x[i]) for i in order]
        z = [exp(-y[i] * x[j]) for j, i in enumerate(order)]
        return dot(y, [z[i] for i in order]) + sum(z)

    x = random.normal(size=(9, 30))
    found, expected = (compile(f, batch=True, backend=backend)(x) for backend in ("machine", "numpy"))
    numpy.testing.assert_allclose(found, expected, rtol=1e-12)


def with_pole(x, y):
    """A function in which, at x = 0, an adjoint of exactly 0 meets the infinite slope of sqrt."""
    return where(x > 0.0, sqrt(x) * y, y)


def with_pole_and_product(w, x):
    return sqrt(x[0]) * 0.0 + sum(tanh(dot(row, x)) for row in w)


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("place", [0, 1, COLUMNS, COLUMNS_A_THREAD + 7, -2, -1])
def test_what_is_not_finite_is_found_wherever_it_is(place, threads):
    """In the full registers of any thread and in the remainder; and nothing of it affects the next call."""
    x, y = random.uniform(0.5, 1.5, size=(2, 2 * COLUMNS_A_THREAD + 3))
    compiled = compile(with_pole, batch=True, backend="machine", threads=threads)
    compiled.value_and_grad(x, y)
    assert executors(compiled) == [False]
    x[place] = 0.0
    _, (slope_x, slope_y) = compiled.value_and_grad(x, y)
    assert executors(compiled) == [False, True]
    assert (slope_x[place], slope_y[place]) == (0.0, 1.0)
    others = numpy.delete(numpy.arange(len(x)), place)
    numpy.testing.assert_allclose(slope_x[others], 0.5 * y[others] / numpy.sqrt(x[others]), rtol=1e-15)
    made = compiled._latest.parts[0].plan._made
    for key in [key for key in made if key[0] == "careful"]:
        del made[key]
    x[place] = 1.0
    compiled.value_and_grad(x, y)
    assert executors(compiled) == [False]


def executors(compiled):
    """Of those that derivatives were run by, whether they are careful."""
    plan = compiled._latest.parts[0].plan
    made = [(key[0] == "careful", *key[1:]) for key in plan._made if key[0] in ("executor", "careful")]
    return sorted([is_careful for is_careful, request in made if request.kind == Kind.GRADIENT])


@pytest.mark.parametrize("place", [0, 700, -1])
def test_what_is_not_finite_is_found_in_every_tile(monkeypatch, place):
    monkeypatch.setattr(partition, "TILE_BYTES", 1)
    w, x = random.normal(size=(20, 20)), random.uniform(0.5, 1.5, size=(3 * COLUMNS * 2 + 5, 20))
    compiled = compile(with_pole_and_product, batch="x", wrt="x", backend="machine")
    finite = compiled.grad(w, x)
    assert executors(compiled) == [False]
    x[place, 0] = 0.0
    found = compiled.grad(w, x)
    assert executors(compiled) == [False, True]
    assert numpy.isfinite(found).all()
    assert compiled._latest.parts[0].plan.executor(Request(Kind.GRADIENT, (1,))).tiles is not None
    others = numpy.delete(numpy.arange(len(x)), place)
    numpy.testing.assert_allclose(found[others], finite[others], rtol=1e-12, atol=1e-14)
