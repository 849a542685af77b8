"""Machine code is freed with its owner, and not earlier."""

import gc
import weakref

import numpy
import pytest

from autograd_mini import compile, exp, sin
from autograd_mini import sum as total
from autograd_mini.compiler.code import engine
from autograd_mini.compiler.code.engine import addresses

pytestmark = pytest.mark.usefixtures("as_packs", "small_tiles")


def few(k):
    return lambda x, y: exp(k * x) * y + sin(x * y * k)


def many(k):
    """A function of so many scalars that they are compiled one by one."""
    return lambda x, y: total([exp(k * x / (j + 1.0)) * y / (j + x * x) for j in range(1, 40)])


def modules():
    """The number of modules in memory now."""
    return {id(function.engine) for function in engine._known.values()}


@pytest.fixture(autouse=True)
def _nothing_held(monkeypatch):
    """Of what was compiled lately."""
    monkeypatch.setattr(engine, "_recent", engine.deque(maxlen=0))


@pytest.mark.parametrize("f", [few, many])
@pytest.mark.parametrize("batch", [False, True])
def test_code_goes_with_its_function(f, batch):
    x, y = (numpy.linspace(0.1, 0.9, 5), numpy.ones(5)) if batch else (0.3, 0.7)

    def use(k):
        compiled = compile(f(k), batch=batch, backend="machine")
        compiled(x, y)
        compiled.value_and_grad(x, y)
        return compiled

    use(0.125)  # what all functions share stays
    gc.collect()
    before = modules()
    compiled = use(0.126)
    assert len(modules()) > len(before)
    del compiled
    gc.collect()
    assert modules() == before


@pytest.mark.parametrize("f", [few, many])
def test_code_stays_as_long_as_it_may_run(f):
    """The short way, results and functions with shared code keep what they need."""
    first, second = (compile(f(0.25), backend="machine") for _ in range(2))
    expected = first.value_and_grad(0.3, 0.7)
    assert second.value_and_grad(0.3, 0.7) == expected
    assert second.value_and_grad(0.3, 0.7) == expected
    del first
    gc.collect()
    for k in range(20):
        compile(f(0.5 + k), backend="machine").value_and_grad(0.1, 0.2)
    gc.collect()
    assert second.value_and_grad(0.3, 0.7) == expected
    short = second._short
    assert short is not None
    compiled = weakref.ref(second)
    del second
    gc.collect()
    assert compiled() is None
    assert short((0.3, 0.7)) == expected


def test_tables_hold_their_code():
    text = "define void @BODY() {\nentry:\n  ret void ; only here\n}"
    code = addresses([text])
    table = code.table(code)
    del code
    gc.collect()
    assert text in engine._known
    assert table[0] == addresses([text])[0]
    del table
    gc.collect()
    assert text not in engine._known


def test_what_is_kept_stays():
    text = "define void @BODY() {\nentry:\n  ret void ; for ever\n}"
    addresses([text], keep=True)
    gc.collect()
    assert text in engine._known
    engine._kept.discard(engine._known[text])
    gc.collect()
    assert text not in engine._known
