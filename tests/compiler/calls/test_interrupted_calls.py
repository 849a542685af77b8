"""After Ctrl-C within a call of a compiled function, the next call gives the bits of a fresh function."""

import gc

import numpy
import pytest

from autograd_mini import Value, compile, exp, tanh
from autograd_mini import sum as total
from autograd_mini.compiler import partition, pipeline
from autograd_mini.compiler.ir.request import Kind, Request
from autograd_mini.compiler.run import running
from tests.interrupting import interrupt_everywhere

W = [Value(0.5), Value(-1.5)]


def function(v):
    return total([tanh(2.0 * x) * v[0] for x in v]) / (1.0 + exp(W[0] * v[1] - 0.25 * W[1]))


def results(compiled):
    """The bits of value, gradient and Hessian, and the number of packs that their programs start from."""
    point = [0.3, -0.2]
    found = repr((compiled.value_and_grad(point), compiled.hessian(point)))
    return found, len(compiled._latest.parts[0].plan.source.packed.packs)


ROOMS = {
    "all": ([""], 60),
    "plans": (
        [
            "compiler/calls/planning.py",
            "compiler/deriving.py",
            "compiler/calls/serving.py",
            "compiler/passes/tracing.py",
        ],
        60,
    ),
    "builder": (["compiler/ir/building.py", "compiler/passes/reversing.py", "compiler/passes/packing.py"], 60),
}


@pytest.mark.parametrize("room", ROOMS)
@pytest.mark.parametrize("backend", ["numpy", "machine"])
def test_the_next_call_is_that_of_a_fresh_function(room, backend, monkeypatch):
    if backend == "machine" and room == "builder":
        monkeypatch.setattr(pipeline, "suits_scalars", lambda *args: False)

    def fresh():
        return compile(function, backend=backend)

    expected = results(fresh())

    def check(compiled):
        assert results(compiled) == expected

    within, most = ROOMS[room]
    interrupt_everywhere(fresh, results, check, most=most, within=within)


def test_what_was_compiled_before_stays_after_an_interrupt():
    """A program derived after others is interrupted; the others still work."""
    point = [0.3, -0.2]

    def make():
        compiled = compile(function, backend="numpy")
        compiled.value_and_grad(point)
        return compiled

    def shown(compiled):
        (plan,) = compiled._plans.known(compiled._call((point,), {}).arguments)
        return str(plan.shown(Request(Kind.GRADIENT, (0,))))

    expected = results(compile(function, backend="numpy"))
    text = shown(make())

    def check(compiled):
        assert shown(compiled) == text
        assert results(compiled) == expected

    places = ["compiler/ir/building.py", "compiler/deriving.py", "compiler/pipeline.py", "compiler/passes/reversing.py"]
    interrupt_everywhere(make, lambda compiled: compiled.hessian(point), check, most=60, within=places)


def test_backward_adds_all_or_nothing():
    def make():
        parameters = [Value(0.5), Value(-1.5)]
        compiled = compile(lambda x: parameters[0] * x + parameters[1] * x * x, backend="numpy")
        compiled.backward(2.0)
        return parameters, compiled

    def check(subject):
        assert [parameter.grad for parameter in subject[0]] in ([2.0, 4.0], [4.0, 8.0])

    interrupt_everywhere(make, lambda subject: subject[1].backward(2.0), check, most=60)


def test_code_on_disk_is_whole_or_not_there(tmp_path):
    def make():
        for file in tmp_path.iterdir():
            file.unlink()
        return

    def run(_):
        compile(lambda x: exp(x) * tanh(x), cache=tmp_path).grad(0.5)

    def check(_):
        assert not [file for file in tmp_path.iterdir() if file.suffix != ".o"]
        run(None)

    interrupt_everywhere(make, run, check, most=40, within=["files.py", "compiler/code/caching.py"])


class Late:
    """Threads that start working only after the call that needed them was interrupted."""

    def __init__(self):
        self.work = []

    def map(self, work, *arguments):
        self.work += [(work, each) for each in zip(*arguments)]
        raise KeyboardInterrupt

    def do(self):
        for work, arguments in self.work:
            work(*arguments)


@pytest.mark.parametrize("suits_scalars", [False, True])
def test_threads_of_an_interrupted_call_do_no_harm(suits_scalars, monkeypatch):
    """They write to memory that still exists and that no later call uses."""
    monkeypatch.setattr(pipeline, "suits_scalars", lambda *args: suits_scalars)
    compiled = compile(lambda x: exp(x) * tanh(x), batch=True, backend="machine", threads=2)
    monkeypatch.setattr(partition, "POINTERS_A_THREAD", 0)
    n = 2 * partition.COLUMNS_A_THREAD
    x = numpy.linspace(-1.0, 1.0, n)
    expected = compiled.value_and_grad(x)
    late = Late()
    with monkeypatch.context() as patched:
        patched.setattr(running, "workers", lambda: late)
        with pytest.raises(KeyboardInterrupt):
            compiled.value_and_grad(x + 1.0)
    assert len(late.work) == 2
    gc.collect()
    found = compiled.value_and_grad(x)
    for after, before in zip(found, expected):
        assert (after == before).all()
        after[:] = 0.0
    late.do()
    for after in found:
        assert not after.any()
    again = compiled.value_and_grad(x)
    for after, before in zip(again, expected):
        assert (after == before).all()
