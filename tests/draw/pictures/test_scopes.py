"""Which module a Value belongs to, whatever else computes, and whatever goes wrong."""

import gc
import threading
import weakref

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd_mini import Value, functions, observing
from autograd_mini.draw import Scopes, draw, record_scopes, run_recorded
from autograd_mini.draw.pictures.scopes import describe
from autograd_mini.graph import topological_order
from autograd_mini.nn import MLP, Conv2d, GRUCell, Layer, LSTMCell, Module, Neuron, Sequential
from tests.draw.reading import expected, read_source, shown_texts
from tests.interrupting import interrupt_everywhere

WIDTHS = st.lists(st.integers(1, 3), min_size=1, max_size=3)
ACTIVATIONS = st.sampled_from(["relu", "tanh", "softmax", "identity"])


@given(st.integers(1, 3), WIDTHS, ACTIVATIONS, ACTIVATIONS)
def test_each_node_belongs_to_the_module_that_computed_it(n_inputs, widths, activation, output):
    model = MLP(n_inputs, widths, activation, output)
    y, scopes = run_recorded(model, [Value(0.5) for _ in range(n_inputs)])
    owners = {parameter: path for path, parameter in model.named_parameters()}
    for node in topological_order(*(y if isinstance(y, list) else [y])):
        if node in owners:
            assert owners[node].startswith(f"{scopes.paths[node]}.weights")
        elif not node.parents:
            assert node not in scopes.paths
        elif node.operation.name == "dot":
            assert scopes.paths[node] == scopes.paths[node.parents[0]]
        else:
            assert isinstance(scopes.modules[scopes.paths[node]], Layer)


@given(st.integers(1, 2), WIDTHS, ACTIVATIONS)
def test_clusters_lose_nothing(n_inputs, widths, activation):
    y, scopes = run_recorded(MLP(n_inputs, widths, activation), [Value(0.5) for _ in range(n_inputs)])
    source = draw(y, scopes=scopes).source
    assert read_source(source) == expected(*(y if isinstance(y, list) else [y]))
    assert source.count("subgraph cluster") == len(scopes.modules)


def test_methods_other_than_the_call_and_helpers_of_a_submodule_count():
    model = MLP(2, [2, 2], output="softmax")
    with record_scopes(model) as scopes:
        z = model.logits([1.0, 2.0])[0]
    assert scopes.paths[z] == "layers.1.neurons.0"
    state, scopes = run_recorded(LSTMCell(2, 2), [1.0, 2.0])
    assert scopes.paths[state.hidden[0]] == ""
    assert {"", "input_gate", "input_gate.neurons.1", "output_gate"} <= set(scopes.paths.values())


def test_what_is_computed_around_the_model_is_outside():
    model = Neuron(2)

    def loss(model, x):
        return functions.square(model(x) - 1)

    with record_scopes(model) as scopes:
        result = loss(model, [1.0, 2.0])
    assert result not in scopes.paths
    assert result.parents[0] not in scopes.paths
    assert scopes.paths[result.parents[0].parents[0]] == ""


def test_a_module_in_two_places_belongs_to_the_first():
    shared = Neuron(1)
    y, scopes = run_recorded(Sequential(lambda x: [shared(x)], shared, Sequential(shared)).steps[2], [1.0])
    assert scopes.paths[y] == "steps.0"
    model = Sequential(Layer(1, 1), MLP(1, [1]))
    model.steps[1].layers = model.steps[:1]
    assert list(Scopes(model).modules) == ["", "steps.0", "steps.0.neurons.0", "steps.1"]


def test_nothing_leaks_after_exceptions():
    class Broken(Module):
        def __init__(self):
            self.inner = Neuron(1)

        def __call__(self, x):
            self.inner(x)
            raise RuntimeError("broken")

    model = Broken()
    with pytest.raises(RuntimeError, match="broken"), record_scopes(model) as scopes:
        model([1.0])
    assert not observing.active
    assert observing.current_observers() == []
    before = dict(scopes.paths)
    model.inner([1.0])
    assert scopes.paths == before
    with record_scopes(model) as scopes:
        with pytest.raises(RuntimeError, match="broken"):
            model([1.0])
        outside = Value(1.0) + 1
    assert outside not in scopes.paths


def test_recorders_within_recorders_hear_the_same():
    model = MLP(1, [1])
    with record_scopes(model) as outer, record_scopes(model.layers[0]) as inner:
        y = model([1.0])
    assert (outer.paths[y], inner.paths[y]) == ("layers.0.neurons.0", "neurons.0")


def test_threads_do_not_hear_each_other():
    model, ready, found = Neuron(1), threading.Barrier(2), {}

    def run(name):
        with record_scopes(model) as scopes:
            ready.wait()
            found[name] = model([1.0]), scopes
            ready.wait()

    threads = [threading.Thread(target=run, args=(name,)) for name in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for (y, scopes), (other, _) in (found.values(), reversed(found.values())):
        assert y in scopes.paths
        assert other not in scopes.paths


def test_graphs_die_with_the_scopes():
    class Witness:
        pass

    witness = Witness()
    dead = weakref.ref(witness)
    y, scopes = run_recorded(Neuron(1), [1.0])
    y.label = witness
    del y, witness
    assert dead() is not None
    del scopes
    gc.collect()
    assert dead() is None


@pytest.mark.parametrize(
    ("module", "text"),
    [
        (Neuron(3, "tanh"), "Neuron 3→1 tanh"),
        (Layer(64, 10, "softmax"), "Layer 64→10 softmax"),
        (MLP(2, [3, 1]), "MLP 2→3→1"),
        (GRUCell(2, 3), "GRUCell 2→3"),
        (Module(), "Module"),
    ],
)
def test_descriptions(module, text):
    assert describe(module) == text


def test_other_modules_describe_themselves():
    convolution = Conv2d(4, 4, 3)
    assert describe(convolution) == f"Conv2d {convolution.details()}"


@pytest.mark.parametrize("model", [None, 3, len, MLP])
def test_things_that_are_not_models(model):
    with pytest.raises(TypeError, match="scopes are recorded of a Module, got"):
        run_recorded(model, [1.0])
    with pytest.raises(TypeError, match=r"must come from record_scopes\(model\), got"):
        draw(Value(1.0), scopes=model or "scopes")


def test_parameters_carry_the_lectures_indices_or_the_name_of_their_module():
    y, scopes = run_recorded(MLP(2, [2, 1]), [1.0, 2.0])
    texts = shown_texts(draw(y, scopes=scopes)._repr_svg_())
    names = {"w₁₁⁽¹⁾", "w₂₁⁽¹⁾", "w₁₂⁽¹⁾", "w₂₂⁽¹⁾", "b₁⁽¹⁾", "b₂⁽¹⁾", "w₁₁⁽²⁾", "w₂₁⁽²⁾", "b₁⁽²⁾"}
    assert names <= set(texts)
    state, scopes = run_recorded(LSTMCell(1, 1), [1.0])
    texts = shown_texts(draw(state.hidden, scopes=scopes)._repr_svg_())
    assert {f"{gate}.{w}" for gate in ("input_gate", "candidate") for w in ("w₁₁", "w₂₁", "b₁")} <= set(texts)


def test_ctrl_c_ends_recording():
    model = MLP(1, [1])

    def run(_):
        with record_scopes(model) as outer, record_scopes(model.layers[0]):
            outer.paths[model([1.0])]
        run_recorded(model, [1.0])

    def check(_):
        y, scopes = run_recorded(model, [1.0])
        assert scopes.paths[y] == "layers.0.neurons.0"

    interrupt_everywhere(lambda: None, run, check, most=200)
