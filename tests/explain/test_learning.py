"""The page in which a network learns: in Node, its epochs are those of Python; and which models it refuses."""

import json
import math
import re
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograd_mini import Value, explain, fsum, gradients, where
from autograd_mini.nn import MLP, Layer, Module, kl_sigmoid, kl_softmax, squared_error
from autograd_mini.optim import SGD
from autograd_mini.training import fit
from tests.explain.node import Node, needs_node

ASSETS = Path(explain.__file__).parent / "assets"
EPOCHS = 12

DESCEND = """
const task = TASK;
task.programs = programsOf(task);
const answers = {
  descend([rate, epochs]) {
    let weights = Float64Array.from(task.weights, Number);
    const losses = [];
    for (let i = 0; i < epochs; i++) {
      const {loss, gradient} = lossAndGradient(task, weights);
      losses.push(loss);
      weights = stepped(weights, gradient, rate);
    }
    return [...losses, ...weights];
  },
  outputs(inputs) {
    return outputsFor(task, Float64Array.from(task.weights, Number), inputs);
  },
  kinks() {
    return [lossAndGradient(task, Float64Array.from(task.weights, Number)).kinks];
  },
};
"""


def task_of(page):
    return re.search(r'<script type="application/json" id="graph">(.*?)</script>', page.html)[1]


def node_of(page, folder):
    rows = re.search(r"^const rows = .*?^}\)\(\);$", page.html, re.DOTALL | re.MULTILINE)[0]
    descent = (ASSETS / "descent.js").read_text()
    return Node(rows + descent + DESCEND.replace("TASK", task_of(page)), folder)


def points(n, count=20, seed=0):
    random = Random(seed)
    return [[random.gauss(0.0, 1.0) for _ in range(n)] for _ in range(count)]


class Recurrent(Module):
    """One layer, applied several times."""

    def __init__(self):
        self.layer = Layer(3, 3, "tanh", random=2)

    def __call__(self, x):
        state = [0.0, 0.0, 0.0]
        for number in x:
            state = self.layer([number, *state[:2]])
        return state[0]


class Stopping(Module):
    """A module with a detached factor: a constant for derivatives, but not for the next epoch."""

    def __init__(self):
        self.weight = Value(0.5)

    def __call__(self, x):
        return self.weight * self.weight.detach() * x[0]


def absolute(y, d):
    return abs(y - d)


def mixed(y, d):
    """A module that does other operations for other examples."""
    return (y - d) ** 2 if d > 0 else fsum([y * y, -2.0 * d * y]) + d * d


CASES = {
    "two inputs": (MLP(2, [5, 1], "tanh"), [(x, math.copysign(1.0, x[0] * x[1])) for x in points(2)], squared_error),
    "one input": (MLP(1, [6, 1], "gelu"), [(x, math.sin(x[0])) for x in points(1)], squared_error),
    "sigmoid": (MLP(3, [4, 1], "silu", "sigmoid"), [(x, int(x[0] > x[1])) for x in points(3)], kl_sigmoid),
    "classes": (MLP(2, [6, 3], "relu", "softmax"), [(x, i % 3) for i, x in enumerate(points(2))], kl_softmax),
    "shares": (MLP(2, [4, 2], "softplus", "softmax"), [(x, [0.25, 0.75]) for x in points(2)], kl_softmax),
    "vectors": (MLP(2, [3, 2], "leaky_relu"), [(x, [x[1], x[0]]) for x in points(2)], squared_error),
    "a recurrent network": (Recurrent(), [(x, x[-1]) for x in points(4)], squared_error),
    "a model that detaches": (Stopping(), [(x, 3.0 * x[0]) for x in points(1)], squared_error),
    "an own divergence": (MLP(2, [4, 1], "tanh"), [(x, x[0] + 3.0) for x in points(2)], absolute),
    "several graphs": (MLP(2, [4, 1], "sin"), [(x, x[0]) for x in points(2)], mixed),
}


def losses_and_weights(model, data, divergence, rate, epochs):
    history = fit(model, data, divergence, SGD(model.parameters(), rate), epochs=epochs, tolerance=0.0, patience=epochs,
                  progress=False)  # fmt: skip
    return [*history.losses, *(weight.data for weight in model.parameters())]


@needs_node()
@pytest.mark.parametrize("name", CASES)
def test_epochs_are_those_of_python(name, tmp_path):
    model, data, divergence = CASES[name]
    node = node_of(explain(model, data, divergence), tmp_path)
    (found,) = node.ask("descend", [[0.1, EPOCHS]])
    node.close()
    expected = losses_and_weights(model, data, divergence, 0.1, EPOCHS)
    assert found == pytest.approx(expected, rel=1e-9, abs=1e-12)
    assert len(set(found[:EPOCHS])) == EPOCHS  # it moved


@needs_node()
@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 1000), widths=st.lists(st.integers(1, 4), max_size=3), rate=st.floats(0.001, 0.3))
def test_epochs_of_any_network_are_those_of_python(seed, widths, rate, tmp_path_factory):
    model = MLP(2, [*widths, 1], "tanh", random=seed)
    data = [(x, x[0] - x[1]) for x in points(2, 5, seed)]
    node = node_of(explain(model, data, squared_error), tmp_path_factory.mktemp("node"))
    (found,) = node.ask("descend", [[rate, 3]])
    node.close()
    assert found == pytest.approx(losses_and_weights(model, data, squared_error, rate, 3), rel=1e-9, abs=1e-12)


@needs_node()
@pytest.mark.parametrize("name", ["two inputs", "one input", "classes"])
def test_outputs_are_those_of_the_model(name, tmp_path):
    model, data, divergence = CASES[name]
    node = node_of(explain(model, data, divergence), tmp_path)
    inputs = [[x + 0.25 for x in point] for point, _ in data]
    found = node.ask("outputs", inputs)
    node.close()
    for point, outputs in zip(inputs, found):
        expected = model(point)
        expected = [y.data for y in (expected if isinstance(expected, list) else [expected])]
        assert outputs == pytest.approx(expected, rel=1e-12, abs=1e-12)


@needs_node()
def test_kinks_are_told(tmp_path):
    node = node_of(explain(MLP(2, [3, 1], "relu"), [([0.0, 0.0], 1.0)], squared_error), tmp_path)
    assert node.ask("kinks", [[]]) == [[3.0]]
    node.close()


def test_examples_of_one_kind_share_a_program():
    task = json.loads(task_of(explain(*CASES["two inputs"])))
    assert len(task["programs"]) == 2  # of the loss, and of the output
    assert len(json.loads(task_of(explain(*CASES["several graphs"])))["programs"]) == 3


def test_the_page_is_one_small_file():
    page = explain(MLP(2, [8, 8, 1], "tanh"), CASES["two inputs"][1], squared_error)
    assert len(page.html.encode()) < 150_000
    script = page.html.rpartition("<script>")[2]
    assert len(script.encode()) < 40_000
    assert not re.search(r"https?://(?!www\.w3\.org)", page.html)
    assert "default-src 'none'" in page.html


def test_names_are_texts():
    class Odd(Module):
        def __init__(self):
            self.weights = {"</script><b>": Value(1.0)}

        def __call__(self, x):
            return self.weights["</script><b>"] * x[0]

    page = explain(Odd(), [([1.0], 2.0)], squared_error)
    assert "</script><b>" not in page.html
    assert "weights.</script><b>" in json.loads(task_of(page))["groups"][0][0]
    assert json.loads(task_of(page))["names"] == ["weights.</script><b>"]


class Branching(Module):
    def __init__(self, decide):
        self.weight, self.decide = Value(0.5), decide

    def __call__(self, x):
        y = self.weight * x[0]
        return y if self.decide(y) else -y


class Noisy(Module):
    def __init__(self):
        self.weight, self.random = Value(0.5), Random(0)

    def __call__(self, x):
        return self.weight * x[0] * self.random.random()


LINE = [([1.0], 2.0), ([2.0], 3.0)]


@pytest.mark.parametrize("decide", [lambda y: y > 0, bool, lambda y: y.data > 0.0, lambda y: y == 1.0])
def test_models_that_branch_on_weights_are_refused(decide):
    with pytest.raises(ValueError, match="the same operations whatever its weights are"):
        explain(Branching(decide), LINE, squared_error)


def slope(y):
    return gradients(y, y.parents, create_graph=True)[0] is not None


def written(y):
    y.parents[0].data = 1.0
    return True


@pytest.mark.parametrize("decide", [slope, written, float, lambda y: gradients(y, y.parents)[0] > 0.0])
def test_models_that_take_numbers_out_or_derive_are_refused(decide):
    with pytest.raises(ValueError, match="takes them out of the graph or sets them, or takes a derivative"):
        explain(Branching(decide), LINE, squared_error)


def test_branches_on_inputs_are_as_good_as_any():
    class Forked(Module):
        def __init__(self):
            self.weight = Value(0.5)

        def __call__(self, x):
            return self.weight * x[0] if x[0] > 1.5 else where(x[0], self.weight, 0.0)

    assert json.loads(task_of(explain(Forked(), LINE, squared_error)))["output"] is None


@pytest.mark.parametrize(
    ("model", "data", "divergence", "message"),
    [
        (Noisy(), LINE, squared_error, "leave random numbers out"),
        (MLP(20, [25, 1]), [([0.0] * 20, 1.0)], squared_error, "1 to 500 weights, but this MLP has 551"),
        (MLP(2, [20, 1]), [([0.1, 0.2], 1.0)] * 3000, squared_error, "operations an epoch"),
        (MLP(50, [1]), [([0.1 * i for i in range(50)], 1.0)] * 200, squared_error, "characters of data"),
        (MLP(1, [2]), [], squared_error, "holds no examples"),
        (MLP(1, [1]), [([1.0], math.nan)], squared_error, "nan or inf"),
        (MLP(1, [1]), [([1.0, 2.0], 1.0)], squared_error, "takes 1 inputs"),
        (MLP(1, [1], output="tanh"), LINE, kl_sigmoid, "belongs to a sigmoid output"),
    ],
)
def test_what_does_not_go_is_told_in_one_sentence(model, data, divergence, message):
    with pytest.raises(ValueError, match=message) as error:
        explain(model, data, divergence)
    assert "\n" not in str(error.value)


def test_a_divergence_by_name_is_refused():
    with pytest.raises(TypeError, match="a divergence is a function of \\(y, d\\), such as squared_error"):
        explain(MLP(1, [1]), LINE, "squared_error")


def test_what_is_no_module_is_refused():
    with pytest.raises(TypeError, match="Module"):
        explain(lambda x: x, LINE, squared_error)
