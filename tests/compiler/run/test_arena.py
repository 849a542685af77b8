"""Programs of one example in columns: repeated computations, gathered numbers, and the memory between them."""

from contextlib import contextmanager

import numpy
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from autograd_mini import clip, compile, dot, exp, floor, norm, relu, softmax, sqrt, sum, tanh
from autograd_mini import max as largest
from autograd_mini.compiler.run import arena
from autograd_mini.compiler.run.arena import ArenaExecutor
from tests.compiler.run.fences import POISON, Margined, fenced
from tests.compiler.run.guarded import compare, numbers

pytest.importorskip("llvmlite")
pytestmark = pytest.mark.usefixtures("in_columns")


@contextmanager
def gaps():
    """Put gaps between all memory that is kept, and check that they stay unchanged."""
    made = []
    room, ready = ArenaExecutor._room, ArenaExecutor.ready

    def with_gap(executor, count):
        first = room(executor, count)
        executor.__dict__.setdefault("gaps", []).append((executor.size - arena.GAP, executor.size))
        return first

    def kept(executor):
        found = ready(executor)
        made.append((executor, found.numbers))
        return found

    with pytest.MonkeyPatch.context() as patch, fenced(Margined):
        patch.setattr(arena, "GAP", 16)
        patch.setattr(ArenaExecutor, "_room", with_gap)
        patch.setattr(ArenaExecutor, "ready", kept)
        yield
    assert made
    for executor, found in made:
        for start, stop in executor.gaps:
            assert (found[start:stop].view(numpy.int64) == POISON[0]).all()


def executor_of(compiled):
    return compiled._latest.parts[0].plan.executor(compiled._latest.request)


STEPS = {
    "each": lambda xs, chance: [tanh(x) * (x + 0.5) for x in xs],
    "kink": lambda xs, chance: [relu(x - 0.25) for x in xs],
    "shifted": lambda xs, chance: [x - 0.5 * y for x, y in zip(xs, [*xs[3:], *xs[:3]])],
    "mixed": lambda xs, chance: [x * xs[i] for x, i in zip(xs, chance.permutation(len(xs)))],
    "pairs": lambda xs, chance: [sqrt(1.0 + (x - y) ** 2) for i, x in enumerate(xs) for y in xs[:i]][:300],
    "threes": lambda xs, chance: [sum(xs[i : i + 3]) / 3.0 for i in range(0, len(xs), 3)],
    "products": lambda xs, chance: [
        dot([0.1 * j + x for j in range(4)], [*xs[i : i + 4], *xs, *xs, *xs][:4]) for i, x in enumerate(xs)
    ],
    "ragged": lambda xs, chance: [sum(xs[: 1 + i % 7]) - 0.5 * x for i, x in enumerate(xs)],
    "uneven": lambda xs, chance: [
        dot(xs[i : i + n], xs[-i - n : len(xs) - i]) for i in range(0, len(xs) - 2, 3) for n in (1, 2, 3)
    ],
    "shares": lambda xs, chance: [y for i in range(0, len(xs), 3) for y in softmax([*xs[i : i + 3], 0.5, xs[0]])],
    "largest": lambda xs, chance: [largest(x, y) for x, y in zip(xs, reversed(xs))],
    "clipped": lambda xs, chance: [clip(x, -0.5, 1.0 + y) for x, y in zip(xs, [*xs[1:], xs[0]])],
    "against all": lambda xs, chance: [x / (1.0 + exp(-total)) for total in [sum(xs)] for x in xs],
    "sizes": lambda xs, chance: [norm([x, y, 1.0]) for x, y in zip(xs, [*xs[1:], xs[0]])],
}


def chained(names, seed):
    """A function that applies these steps one after another."""

    def function(x, w):
        chance = numpy.random.default_rng(seed)
        xs = [dot(row, [x[i], x[(2 * i + 1) % len(x)], 1.0]) for i in range(len(x)) for row in w]
        for name in names:
            xs = STEPS[name](xs, chance)[:300]
        return sum([0.1 * i * x for i, x in enumerate(xs)]) + sum([w * w for row in w for w in row])

    return function


@given(
    st.lists(st.sampled_from([*STEPS]), min_size=1, max_size=4), st.integers(0, 10**6), st.sampled_from([2, 9, 16, 33])
)
@example(["clipped"], 0, 9)
@example(["uneven"], 0, 16)
@settings(max_examples=25, deadline=None)
def test_as_numpy_within_margins(names, seed, n):
    """Value and gradient, by the long way and the short one to the same bits, in memory of which nothing else is
    touched."""
    function, chance = chained(names, seed), numpy.random.default_rng(seed)
    args = chance.normal(size=n), chance.normal(size=(3, 3))
    with gaps():
        machine, plain = (compile(function, backend=each) for each in ("machine", "numpy"))
        first = machine.value_and_grad(*args)
        assert isinstance(executor_of(machine), ArenaExecutor)
        compare(first, plain.value_and_grad(*args), f"{names} {seed} {n}")
        for _ in range(2):
            assert numbers(machine.value_and_grad(*args)).tobytes() == numbers(first).tobytes()
        assert machine(*args) == first[0]


def test_every_column_has_the_same_layer():
    """Whose weights lie where they are given, and are not copied side by side as for a batch."""

    def function(x, w):
        rows = [[a, b, a * a, a + 1.0] for a, b in zip(x, [*x[1:], x[0]])]
        return sum([tanh(sum([tanh(dot(weights, row)) ** 2 for weights in w])) for row in rows])

    chance = numpy.random.default_rng(2)
    args = chance.normal(size=40), chance.normal(size=(5, 4))
    with gaps():
        machine, plain = (compile(function, backend=each) for each in ("machine", "numpy"))
        found = machine.value_and_grad(*args)
        assert isinstance(executor_of(machine), ArenaExecutor)
        compare(found, plain.value_and_grad(*args), "a layer")


def test_what_nothing_depends_on_has_the_slope_0_of_one_sign():
    """In the first call, and by the short way."""
    function = compile(lambda x, y: floor(exp(x) * exp(x)) * exp(x / x), backend="machine", wrt="y")
    assert [repr(function.grad(0.5, 0.5)) for _ in range(3)] == ["0.0"] * 3
