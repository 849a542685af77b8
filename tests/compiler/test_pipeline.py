"""The stages of the pipeline are pure: the same input gives the same result twice, and is not changed."""

import functools
import random
from collections.abc import Mapping
from collections.abc import Set as AnySet
from contextlib import suppress
from dataclasses import fields, is_dataclass

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd_mini import TABLE, Value, compile, fsum, lgamma, register_primitive, sum, value_and_grad
from autograd_mini.compiler import pipeline
from autograd_mini.compiler.code.expanding import expanded
from autograd_mini.compiler.code.scalar_programs import differentiate_scalars
from autograd_mini.compiler.ir.program import Leaf
from autograd_mini.compiler.ir.request import Kind, Request
from autograd_mini.compiler.passes.normalising import normalise
from autograd_mini.compiler.passes.packing import forms_of, pack, sizes_of
from autograd_mini.compiler.passes.reversing import differentiate
from autograd_mini.compiler.run.scheduling import phases_of, schedule
from tests.compiler.many_programs import ordinary
from tests.compiler.test_networks import NETWORKS


class Content:
    """What things hold, so that it can be compared: objects by where they are first met, but for leaves and Values,
    which must stay the same ones."""

    def __init__(self):
        self.met = {}

    def of(self, thing):
        if isinstance(thing, numpy.ndarray):
            return thing.dtype.str, thing.shape, thing.tobytes()
        if isinstance(thing, float):
            return thing.hex()
        if isinstance(thing, Value):
            return id(thing), float(thing.data).hex(), float(thing.grad).hex(), [*map(id, thing.parents)]
        if isinstance(thing, Mapping):
            return [(self.of(key), self.of(held)) for key, held in thing.items()]
        if isinstance(thing, AnySet):
            return sorted(repr(self.of(each)) for each in thing)
        if isinstance(thing, list | tuple):
            return [type(thing).__name__, *map(self.of, thing)]
        if not is_dataclass(thing):
            return thing
        if id(thing) in self.met:
            return self.met[id(thing)]
        self.met[id(thing)] = f"{type(thing).__name__} {len(self.met)}"
        is_given = isinstance(thing, Leaf) and thing.role in ("input", "parameter")
        held = [(field.name, self.of(getattr(thing, field.name))) for field in fields(thing)]
        return [self.met[id(thing)], id(thing) if is_given else None, *held]


def content(*things):
    return Content().of(things)


def pure(stage, *given):
    """Run a stage twice, check that it is pure, and return its result."""
    before = content(*given)
    result = stage(*given)
    found = content(result)
    again = stage(*given)
    assert content(again) == found
    assert content(result) == found
    assert content(*given) == before
    return result


@pytest.mark.parametrize("stage", [lambda given: given.append(1.0), lambda given: random.random()])
def test_a_stage_that_is_not_pure_is_found(stage):
    with pytest.raises(AssertionError):
        pure(stage, [0.5])


def run_stages(plan, kinds):
    """Run all stages for several kinds of programs."""
    frame = plan.frame
    scalars = pure(normalise, plan.trace)
    forms = pure(forms_of, scalars, [leaf.lanes for leaf in frame.inputs])
    pure(sizes_of, scalars, forms)
    packed = pure(pack, scalars, forms, frame.inputs)
    wrt = tuple(slot for slot, leaf in enumerate(frame.inputs[:-1]) if leaf.lanes)
    for request in [Request(kind, wrt) for kind in kinds]:
        with suppress(NotImplementedError):  # a row without machine code
            pure(differentiate_scalars, scalars, request, frame)
        program = pure(expanded, pure(differentiate, packed, request, frame))
        pure(phases_of, pure(schedule, program))


@pytest.mark.parametrize("batch", [{}, {"batch": [1, "d"]}, {"batch": [1, "d"], "reduce": "sum"}])
@pytest.mark.parametrize("network", NETWORKS, ids=lambda network: network.__name__)
def test_stages_are_pure(network, batch):
    weights, x, d = NETWORKS[network]
    compiled = compile(network, backend="numpy", **batch)
    compiled(weights, *(numpy.ones((3, *numpy.atleast_1d(size)) if batch else size) for size in (x, d)))
    run_stages(compiled._latest.parts[0].plan, Kind)


@given(st.integers(0, 2**32))
def test_stages_are_pure_whatever_the_rows(seed):
    program = ordinary(random.Random(seed))
    compiled = compile(program, backend="numpy")
    with numpy.errstate(all="ignore"):
        compiled(*program.point)
        run_stages(compiled._latest.parts[0].plan, [Kind.GRADIENT])


def test_long_loops_are_told_of_scan(monkeypatch):
    monkeypatch.setattr(pipeline, "MOST_UNNOTICED", 1000)
    monkeypatch.setattr(pipeline, "_notice", functools.cache(pipeline._notice.__wrapped__))

    def loop(x):
        for _ in range(600):
            x = x * 0.5 + 1.0
        return x

    with pytest.warns(UserWarning, match=r"scan\(f, init, xs\) compiles one step") as heard:
        assert compile(loop)(2.0) == 2.0
    assert heard[0].filename == __file__
    assert compile(lambda x: loop(x) + 1.0)(2.0) == 3.0  # it is said once


@pytest.mark.parametrize("way", ["in_columns", "as_scalars", "as_packs"])
def test_derivatives_without_machine_code(way, request):
    """The value has machine code; digamma, of which its derivative is made, has none."""
    pytest.importorskip("llvmlite")
    request.getfixturevalue(way)

    def f(xs):
        return sum([lgamma(1.0 + x * x) * x for x in xs])

    xs = [0.5 + 0.04 * i for i in range(40)]
    compiled = compile(f, backend="machine")
    value, slopes = compiled.value_and_grad(xs)
    assert compiled(xs) == pytest.approx(value, rel=1e-14)
    expected, expected_slopes = value_and_grad(f)(xs)
    assert [value, *slopes] == pytest.approx([expected, *expected_slopes], rel=1e-13)


@pytest.fixture
def squared():
    """x² by a user's row, of which only the second derivative has no machine code."""
    rate = register_primitive("rate_of_squared", lambda x: 2.0 * x, lambda out, x: (fsum([2.0, 0.0 * x]),), doc="2x.")
    yield register_primitive("squared", lambda x: x * x, lambda out, x: (rate(x),), doc="x².")
    for name in ("squared", "rate_of_squared"):
        del TABLE[name]
        delattr(Value, name)


@pytest.mark.parametrize("way", ["in_columns", "as_scalars", "as_packs"])
def test_second_derivatives_without_machine_code(way, request, squared):
    pytest.importorskip("llvmlite")
    request.getfixturevalue(way)
    compiled = compile(lambda xs: sum([0.5 * squared(x) for x in xs]), backend="machine")
    xs = [0.5 + 0.25 * i for i in range(20)]
    assert compiled.value_and_grad(xs)[1] == xs
    assert numpy.array_equal(compiled.hessian(numpy.array(xs)), numpy.eye(20))
