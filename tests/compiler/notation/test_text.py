"""Printed programs: what they say, that this is what they compute, and that every program can be printed legibly."""

import re
import subprocess
import sys

import numpy
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import autograd_mini
from autograd_mini import cos, dot, grad, log_softmax, relu, sin, sqrt, square, sum, tanh
from autograd_mini.compiler.notation.reading import Reading, text_of
from autograd_mini.nn import MLP, GRUCell, LSTMCell, kl_softmax, squared_error
from autograd_mini.testing.strategies import expressions
from tests.compiler.notation.formulas import Evaluator
from tests.compiler.test_networks import NETWORKS, lstm

random = numpy.random.default_rng(3)
N = 3


def compile(function, **options):
    """Compile without machine code: only the program matters here, not its speed."""
    return autograd_mini.compile(function, backend="numpy", **options)


def digits_by_arguments():
    def digits(W1, b1, W2, b2, x, d):
        y = [relu(dot(row, x) + b) for row, b in zip(W1, b1)]
        return -dot(d, log_softmax([dot(row, y) + b for row, b in zip(W2, b2)]))

    weights = [random.normal(size=size) for size in ((32, 64), 32, (10, 32), 10)]
    loss = compile(digits, batch=["x", "d"], wrt=["W1", "b1", "W2", "b2"], reduce="mean")
    loss.value_and_grad(*weights, random.normal(size=(N, 64)), numpy.eye(10)[[1, 5, 7]])
    return loss.program


def formulation(program):
    """The printed lines without their shapes, the summary and the legend."""
    lines = str(program).split("\n")
    end = next(number for number, line in enumerate(lines) if re.search(r"\d+ packs?, ", line))
    return [re.sub(r" {4,}.*", "", line) for line in lines[:end]]


def test_digits_read_as_the_lecture_has_them():
    assert formulation(digits_by_arguments()) == [
        "z₁ = W1 x + b1",
        "y₁ = relu(z₁)",
        "z₂ = W2 y₁ + b2",
        "y₂ = log_softmax(z₂)",
        "v₁ = Σ d ∘ y₂",
        "v₂ = -v₁",
        "value = Σₙ v₂",
        "",
        "∇v₁ = -1",
        "∇y₂ = ∇v₁ · d",
        "v₃ = softmax(z₂)",
        "∇z₂ = Σ≠(v₃) ∘ ∇y₂ - v₃ ∘ Σ≠(∇y₂)",
        "∇W2 = ∇z₂ y₁ᵀ",
        "∇b2 = Σₙ ∇z₂",
        "∇y₁ = W2ᵀ ∇z₂",
        "∇z₁ = relu′(z₁) ∘ ∇y₁",
        "∇W1 = ∇z₁ xᵀ",
        "∇b1 = Σₙ ∇z₁",
    ]


def test_captured_parameters_are_named_by_their_role():
    model = MLP(64, [32, 10], output="softmax")
    loss = compile(lambda x, d: kl_softmax.from_logits(model.logits(x), d), batch=True, reduce="mean")
    loss.value_and_parameter_grads(random.normal(size=(N, 64)), numpy.eye(10)[[1, 5, 7]])
    lines = formulation(loss.program)
    assert lines[:4] == ["z₁ = W₁ x + b₁", "y₁ = relu(z₁)", "z₂ = W₂ y₁ + b₂", "y₂ = log_softmax(z₂)"]
    assert lines[-6:] == [
        "∇W₂ = ∇z₂ y₁ᵀ",
        "∇b₂ = Σₙ ∇z₂",
        "∇y₁ = W₂ᵀ ∇z₂",
        "∇z₁ = relu′(z₁) ∘ ∇y₁",
        "∇W₁ = ∇z₁ xᵀ",
        "∇b₁ = Σₙ ∇z₁",
    ]
    shapes = dict(re.findall(r"^(\S+) = .* {4}(.*)$", str(loss.program), re.M))
    shown = [shapes[name] for name in ("z₁", "∇W₁", "∇b₂", "value")]
    assert shown == ["32 × N", "32 × 64", "10", "1"]
    assert "33 packs, 5 matrix products, 24 lines" in str(loss.program)


def test_a_layer_of_one_neuron_is_a_layer():
    model = MLP(3, [4, 1], activation="tanh")
    loss = compile(lambda x, d: squared_error([model(x)], d))
    loss.value_and_parameter_grads(random.normal(size=3), random.normal(size=1))
    assert formulation(loss.program)[:3] == ["z₁ = W₁ x + b₁", "y₁ = tanh(z₁)", "z₂ = W₂ y₁ + b₂"]


def test_steps_of_an_lstm_share_their_weights():
    cell = LSTMCell(3, 4)
    loss = compile(lambda xs: sum([h * h for h in cell.run(xs)[1].hidden]), batch=True, reduce="mean")
    loss.value_and_parameter_grads(random.normal(size=(N, 2, 3)))
    lines = formulation(loss.program)
    assert "z₁ = W₁ x[0:3] + b₁ + 0 Σ⟨16⟩ U₁" in lines or any("W₁ xs[0:3]" in line for line in lines)
    assert sum([line.startswith("∇W₁ = ∇z₂ xs[3:6]ᵀ + ∇z₁ xs[0:3]ᵀ") for line in lines]) == 1


def programs_of(network):
    """All kinds of programs, with and without a batch."""
    weights, x, d = NETWORKS[network]
    xs, ds = (random.normal(size=(N, *numpy.atleast_1d(size))) for size in (x, d))
    for options in ({"batch": [1, 2], "reduce": "mean"}, {"batch": [1, 2]}, {})[: 1 if network is lstm else 3]:
        compiled = compile(network, wrt=0, **options)
        args = (weights, xs, ds) if options else (weights, xs[0], ds[0])
        compiled(*args)
        yield compiled.program
        compiled.value_and_grad(*args)
        yield compiled.program
        compiled.jacobian(*args)
        yield compiled.program
        compiled.hvp(*args, weights)
        yield compiled.program


def check_names(program):
    reading = Reading(program)
    known = {name for name, _ in reading.names.leaves()}
    targets = [line.target for line in reading.lines if line.sign == "="]
    assert len(set(targets)) == len(targets)
    for line in reading.lines:
        assert known.issuperset(line.uses), line
        assert line.sign == "=" or known.issuperset(line.names)
        known.update(line.names)
    given = {reference.pack for name, reference in program.results.items() if name.startswith("adjoint")}
    assert all(any(line.is_backward for line in reading.lines) for pack in given if pack.lanes)
    assert str(program).count("\n") >= min(len(reading.lines), 200)


@pytest.mark.parametrize("network", NETWORKS, ids=lambda network: network.__name__)
def test_every_name_is_defined_before_it_is_used(network):
    for program in programs_of(network):
        check_names(program)


@settings(max_examples=40)
@given(expressions(3, max_size=8), st.booleans())
def test_random_programs_can_be_read(program, batched):
    x = numpy.array(program.point)
    compiled = compile(lambda x: program(*x), batch=batched, reduce="sum" if batched else None)
    compiled.value_and_grad(numpy.stack([x, x]) if batched else x)
    check_names(compiled.program)
    if not batched:
        compiled.hvp(x, numpy.ones(3))
        check_names(compiled.program)


def test_functions_that_are_each_others_derivatives_can_be_read():
    compiled = compile(lambda x: sin(x) * x)
    compiled.hvp(0.5, 1.0)
    check_names(compiled.program)
    compiled = compile(grad(lambda x: cos(sin(x)) * cos(x)))
    compiled.jacobian(0.5)
    check_names(compiled.program)


def evaluate(program, leaves):
    """The numbers of every name in a printed program."""
    reading = Reading(program)
    known = {name: leaves[reference.pack][reference.index] for name, reference in reading.names.leaves()}
    evaluator = Evaluator(known, N)
    for line in reading.lines:
        evaluator.assign(line)
    return evaluator.known, reading


def close(found, expected):
    return numpy.allclose(found.ravel(), expected.ravel(), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("n_layers", [1, 2, 3])
@pytest.mark.parametrize("activation", ["tanh", "sigmoid", "relu"])
def test_the_formulas_of_networks_hold(n_layers, activation):
    """The printed lines, evaluated one by one, give the gradient."""
    model = MLP(3, [4, 3, 2][-n_layers:], activation=activation)
    loss = compile(lambda x, d: squared_error(model(x), d), batch=True, reduce="sum")
    check_gradient(loss, random.normal(size=(N, 3)), random.normal(size=(N, 2)))


def test_the_formulas_of_an_lstm_hold():
    cell = LSTMCell(3, 4)

    def loss(x, h, c):
        return sum([tanh(each) for each in cell(x[3:], cell(x[:3], (h, c))).hidden])

    check_gradient(compile(loss, batch=True, reduce="sum"), *(random.normal(size=(N, size)) for size in (6, 4, 4)))


def test_the_formulas_of_a_gru_hold():
    cell = GRUCell(3, 4)
    loss = compile(lambda x, h: sum([tanh(each) for each in cell(x, h)]), batch=True, reduce="sum")
    check_gradient(loss, random.normal(size=(N, 3)), random.normal(size=(N, 4)))


ARITHMETIC = [
    lambda a, b: a + b,
    lambda a, b: a - b,
    lambda a, b: a * b,
    lambda a, b: a / (2.0 + b * b),
    lambda a, b: -a / (2.0 + b * b),
    lambda a, b: 0.5 - a * (-b),
    lambda a, b: sqrt(2.0 + a * a) * b,
    lambda a, b: tanh(a) / 2.0 - square(b),
]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(ARITHMETIC), st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=5))
def test_the_formulas_of_arithmetic_hold(steps):
    """Signs, brackets and divisions are printed as they are meant, forward and backward."""

    def loss(x, y):
        def each(*known):
            for step, i, j in steps:
                known = (*known, step(known[i % len(known)], known[j % len(known)]))
            return known[-1]

        return sum([each(a, b) for a, b in zip(x, y)])

    compiled, args = compile(loss, batch=True, reduce="sum"), random.normal(size=(2, N, 4))
    value, slopes = compiled.value_and_grad(*args)
    program = compiled.program
    assume(not re.search(r"⟨|\([\d.]+, ", str(program)))  # the evaluator knows neither arrangements nor lists
    known, _ = evaluate(program, {leaf: arg.T for leaf, arg in zip(program.leaves("input"), args)})
    assert close(known["value"], numpy.array(value))
    for name, slope in zip("xy", slopes):
        found = known.get(f"∇{name}", numpy.zeros((1, 1)))
        assert close(numpy.broadcast_to(found, (4, N)), slope.T)


def test_it_says_of_which_run_it_is():
    compiled = autograd_mini.compile(lambda x: tanh(x[0] * x[1]) + x[2])
    compiled.grad([1.0, 2.0, 3.0])
    text = str(compiled.program)
    assert re.search(r"^vector formulation of value and gradient: \d+ packs, 0 matrix products, 6 lines$", text, re.M)


def test_printing_a_program_imports_neither_networks_nor_graphviz():
    program = (
        "import sys\n"
        "from autograd_mini import compile, dot, tanh\n"
        "f = compile(lambda w, x: tanh(dot(w, x)))\n"
        "f.grad([1.0, 2.0], [3.0, 4.0])\n"
        "text = str(f.program)\n"
        "print(text, *sorted(sys.modules), sep='\\n')"
    )
    printed = subprocess.check_output([sys.executable, "-c", program], text=True, encoding="utf-8").splitlines()
    assert printed[0].startswith("v₁ = Σ w ∘ x")
    modules = {name.removeprefix("autograd_mini.").split(".")[0] for name in printed}
    assert modules.isdisjoint({"graphviz", "draw", "nn"})
    assert "compiler" in modules


def check_gradient(loss, *args):
    value, slopes = loss.value_and_parameter_grads(*args)
    program = loss.program
    inputs = [leaf for leaf in program.leaves("input") if leaf.lanes]
    (parameters,) = program.leaves("parameter")
    leaves = {leaf: arg.T for leaf, arg in zip(inputs, args)}
    leaves[parameters] = numpy.array([parameter.data for parameter in loss.parameters])[:, None]
    known, reading = evaluate(program, leaves)
    assert close(known["value"], numpy.array(value))
    blocks = [(name, reference) for name, reference in reading.names.leaves() if reference.pack is parameters]
    assert sorted(numpy.concatenate([reference.index.ravel() for _, reference in blocks])) == list(range(len(slopes)))
    for name, reference in blocks:
        assert close(known[f"∇{name}"], slopes[reference.index])


def test_long_programs_are_cut():
    def chain(x):
        for _ in range(50):
            x = tanh(x) * x
        return x

    compiled = compile(chain)
    compiled(0.5)
    whole = text_of(compiled.program, most_lines=100).splitlines()
    assert whole[-1].endswith("100 lines")
    *lines, more, counts = text_of(compiled.program, most_lines=10).splitlines()
    assert [line.split() for line in lines] == [line.split() for line in whole[:10]]
    assert (more, counts) == ("… and more", whole[-1].rpartition(",")[0])
    compiled.grad(0.5)
    *lines, more, counts = text_of(compiled.program, most_lines=120).splitlines()
    whole = text_of(compiled.program, most_lines=1000).splitlines()
    assert [line.split() for line in lines] == [line.split() for line in whole[:121]]  # and an empty line between
    assert more.endswith(" more lines")
    assert counts == whole[-1]


def test_arguments_keep_their_names_and_packs_get_others():
    compiled = compile(lambda value, v: value * v[0] + tanh(v[1]) * v[1])
    compiled(2.0, [1.0, 2.0])
    assert "value_ =" in str(compiled.program)
