"""`fit` against gradient descent written by hand: batches, shuffling, metrics, modes, the progress bar."""

import sys
from math import isclose
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograd_mini import gradients, mean, square
from autograd_mini.nn import MLP, kl_sigmoid, kl_softmax, squared_error
from autograd_mini.optim import SGD, Adam
from autograd_mini.training import accuracy, fit, pairs
from autograd_mini.training.objective import EXAMPLES_A_GRAPH, Objective
from tests.training.scale import Scale

PROBLEMS = {
    "squared error": (
        lambda seed: MLP(2, [3, 2], "tanh", random=seed),
        squared_error,
        lambda r: [r.gauss(0, 1), r.random()],
    ),
    "sigmoid": (lambda seed: MLP(2, [3, 1], "tanh", "sigmoid", random=seed), kl_sigmoid, lambda r: r.randrange(2)),
    "softmax": (lambda seed: MLP(2, [3, 3], "tanh", "softmax", random=seed), kl_softmax, lambda r: r.randrange(3)),
}
problems = st.sampled_from(sorted(PROBLEMS))


def problem(name, seed, n):
    make, divergence, label = PROBLEMS[name]
    random = Random(seed)
    return make(seed), divergence, [([random.gauss(0, 1), random.gauss(0, 1)], label(random)) for _ in range(n)]


def numbers(model):
    return [parameter.data for parameter in model.parameters()]


def assert_close(found, expected, tolerance=1e-10):
    assert len(found) == len(expected)
    assert all(isclose(x, y, rel_tol=tolerance, abs_tol=tolerance) for x, y in zip(found, expected)), (found, expected)


@settings(deadline=None, max_examples=30)
@given(name=problems, seed=st.integers(0, 1000), n=st.integers(1, 20), epochs=st.integers(1, 4))
def test_whole_batches_are_gradient_descent_on_the_lectures_loss(name, seed, n, epochs):
    model, divergence, data = problem(name, seed, n)
    twin, _, _ = problem(name, seed, n)
    losses = []
    for _ in range(epochs):
        loss = mean([divergence(twin(x), d) for x, d in data])
        losses.append(loss.data)
        for parameter, gradient in zip(twin.parameters(), gradients(loss, twin.parameters())):
            parameter.data -= 0.1 * gradient
    history = fit(model, data, divergence, SGD(model.parameters(), 0.1), epochs=epochs, tolerance=0.0)
    assert_close(history.losses, losses)
    assert_close(numbers(model), numbers(twin))


@settings(deadline=None, max_examples=30)
@given(name=problems, seed=st.integers(0, 1000), n=st.integers(1, 20), size=st.integers(1, 25))
def test_batches_in_order_are_gradient_descent_batch_by_batch(name, seed, n, size):
    model, divergence, data = problem(name, seed, n)
    twin, _, _ = problem(name, seed, n)
    for _ in range(2):
        divergences = []
        for start in range(0, n, size):
            batch = [divergence(twin(x), d) for x, d in data[start : start + size]]
            divergences += [div.data for div in batch]
            for parameter, gradient in zip(twin.parameters(), gradients(mean(batch), twin.parameters())):
                parameter.data -= 0.1 * gradient
    history = fit(model, data, divergence, epochs=2, batch_size=size, shuffle=False, tolerance=0.0)
    assert_close(numbers(model), numbers(twin))
    assert isclose(history.losses[-1], sum(divergences) / n, rel_tol=1e-10)


@pytest.mark.parametrize("n", [1, EXAMPLES_A_GRAPH, EXAMPLES_A_GRAPH + 1, 3 * EXAMPLES_A_GRAPH])
def test_grouping_examples_into_graphs_leaves_the_gradient_exact(n):
    model, divergence, data = problem("softmax", 5, n)
    expected = gradients(mean([divergence.from_logits(model.logits(x), d) for x, d in data]), model.parameters())
    Objective(model, divergence).add_gradients(data, range(n))
    assert_close([parameter.grad for parameter in model.parameters()], expected, 1e-14)


@given(n=st.integers(2, 12), size=st.integers(1, 11), seed=st.integers(0, 99))
def test_shuffling_takes_each_example_once_an_epoch_in_new_batches(n, size, seed):
    seen = []

    def divergence(y, d):
        seen.append(d)
        return square(y - d)

    fit(Scale(), [(1.0, d) for d in range(n)], divergence, epochs=3, batch_size=size, seed=seed, tolerance=0.0)
    epochs = [seen[1 + k * n : 1 + (k + 1) * n] for k in range(3)]  # the first call tried the divergence out
    assert all(sorted(epoch) == list(range(n)) for epoch in epochs)
    if n >= 10 and size < n:
        assert not epochs[0] == epochs[1] == epochs[2]


def test_the_seed_decides_the_shuffling():
    def trained(seed):
        model, divergence, data = problem("softmax", 3, 10)
        fit(model, data, divergence, epochs=2, batch_size=3, seed=seed)
        return numbers(model)

    assert trained(1) == trained(1)
    assert trained(1) != trained(2)


def test_the_global_generator_is_left_alone():
    import random

    before = random.getstate()
    model, divergence, data = problem("softmax", 3, 10)
    fit(model, data, divergence, epochs=2, batch_size=3)
    assert random.getstate() == before


def test_xor_is_learnt():
    data = [([0.0, 0.0], 0), ([0.0, 1.0], 1), ([1.0, 0.0], 1), ([1.0, 1.0], 0)]
    model = MLP(2, [4, 1], "tanh", "sigmoid", random=1)
    history = fit(model, data, kl_sigmoid, Adam(model.parameters(), 0.1), epochs=200, metrics={"accuracy": accuracy})
    assert history.metrics["accuracy"][-1] == 1.0
    assert history.losses[-1] < 0.05 < history.losses[0]


def test_the_loss_stays_finite_where_probabilities_round_to_zero():
    model = MLP(1, [2], output="softmax", bias=False)
    model.load_state_dict({"layers.0.neurons.0.weights": [-1000.0], "layers.0.neurons.1.weights": [1000.0]})
    assert float(model([1.0])[0]) == 0.0
    assert fit(model, [([1.0], 0)], kl_softmax, epochs=1).losses == [2000.0]


def test_metrics_are_means_over_the_validation_set_else_the_data():
    def is_positive(y, d):
        return y > 0

    data = [(1.0, 1.0), (-1.0, 1.0), (2.0, 1.0), (3.0, 1.0)]
    with_validation = fit(
        Scale(1.0), data, squared_error, epochs=1, metrics={"positive": is_positive}, validation=data[:2]
    )
    without = fit(Scale(1.0), data, squared_error, epochs=1, metrics={"positive": is_positive})
    assert with_validation.metrics == {"positive": [0.5]}
    assert without.metrics == {"positive": [0.75]}


@pytest.mark.parametrize("name", PROBLEMS)
def test_metrics_get_the_output_not_the_logits(name):
    model, divergence, data = problem(name, 4, 3)
    seen = []

    def metric(y, d):
        seen.append([float(part) for part in y] if isinstance(y, list) else [float(y)])
        return 0.0

    fit(model, data, divergence, epochs=1, metrics={"metric": metric})
    expected = [model(x) for x, _ in data]
    assert seen == [[float(part) for part in y] if isinstance(y, list) else [float(y)] for y in expected]


def test_training_and_evaluation_modes():
    class Watchful(Scale):
        def __call__(self, x):
            modes.append((x, self.training))
            return super().__call__(x)

    for is_training in (True, False):
        modes = []
        model = Watchful()
        model.train(is_training)
        fit(model, [(1.0, 1.0)], squared_error, epochs=1, validation=[(2.0, 1.0)])
        assert modes[-2:] == [(1.0, True), (2.0, False)]
        assert model.training == is_training
        fit(model, [(1.0, 1.0)], squared_error, epochs=1)
        assert model.training == is_training


def test_the_learning_rates_of_a_schedule_are_kept():
    model = Scale()
    history = fit(
        model, [(1.0, 1.0)] * 4, squared_error, SGD(model.parameters(), lambda step: 0.5**step), epochs=2, batch_size=2
    )
    assert history.learning_rates == [1.0, 0.25]


def test_parameters_that_the_optimizer_lacks_stay_frozen():
    model = MLP(1, [2, 1], "tanh", random=3)
    hidden = [w.data for w in model.layers[0].parameters()]
    output = [w.data for w in model.layers[1].parameters()]
    fit(model, [([1.0], 2.0)], squared_error, SGD(model.layers[1].parameters(), 0.1), epochs=2)
    assert [w.data for w in model.layers[0].parameters()] == hidden
    assert [w.data for w in model.layers[1].parameters()] != output


def test_a_model_that_fails_says_on_which_example():
    def divergence(y, d):
        if d == 3.0:
            raise RuntimeError("broken")
        return squared_error(y, d)

    with pytest.raises(RuntimeError, match="broken") as caught:
        fit(Scale(), [(1.0, 0.0), (1.0, 3.0)], divergence)
    assert caught.value.__notes__ == ["This happened on example 1 of the training or validation data."]


def test_it_is_silent_unless_asked(capfd):
    fit(Scale(), [(1.0, 1.0)], squared_error, epochs=2)
    assert capfd.readouterr() == ("", "")


def test_the_progress_bar_shows_epoch_and_loss(capfd):
    pytest.importorskip("tqdm")
    fit(Scale(), [(1.0, 1.0)], squared_error, epochs=2, progress=True, metrics={"accuracy": accuracy})
    error = capfd.readouterr().err
    assert "2/2" in error
    assert "epoch 2, loss 0.405, accuracy 0" in error


def test_without_tqdm_training_goes_on_without_a_bar(capfd, monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm", None)
    assert len(fit(Scale(), [(1.0, 1.0)], squared_error, epochs=2, progress=True)) == 2
    assert capfd.readouterr() == ("", "")


def test_numpy_data_trains_to_the_same_numbers():
    numpy = pytest.importorskip("numpy")
    model, divergence, data = problem("softmax", 3, 10)
    twin, _, _ = problem("softmax", 3, 10)
    fit(model, data, divergence, epochs=2)
    inputs = numpy.array([x for x, _ in data])
    fit(twin, zip(inputs, numpy.array([d for _, d in data])), divergence, epochs=1)
    fit(twin, pairs(inputs, numpy.array([d for _, d in data])), divergence, epochs=1)
    assert numbers(model) == numbers(twin)
