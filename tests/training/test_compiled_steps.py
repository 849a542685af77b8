"""Compiled training agrees with eager training up to rounding: numbers, history, endings, checkpoints, refusals."""

import subprocess
import sys
from math import isclose
from random import Random

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from autograd_mini import Value, mean, sum, where
from autograd_mini.nn import (
    MLP,
    Conv2d,
    LSTMCell,
    MaxPool2d,
    Module,
    RandomisedLeakyReLU,
    SelfAttention,
    Sequential,
    kl_sigmoid,
    kl_softmax,
    squared_error,
)
from autograd_mini.nn.state import StateError
from autograd_mini.optim import SGD, Adam, AdamW, Cosine
from autograd_mini.training import TrainingDiverged, accuracy, fit, pairs
from tests.optim.test_arrays import Sign
from tests.training.scale import Scale
from tests.training.test_checkpoint import without_seconds
from tests.training.test_fit import numbers, problem, problems

OPTIMIZERS = {
    "SGD": lambda w: SGD(w, 0.1),
    "momentum": lambda w: SGD(w, 0.05, momentum=0.9, nesterov=True),
    "Adam": lambda w: Adam(w, Cosine(0.1, 20)),
    "AdamW": lambda w: AdamW(w, 0.05),
    "of the user": lambda w: Sign(w, 0.01),
}
SETTINGS = {"deadline": None, "suppress_health_check": [HealthCheck.function_scoped_fixture]}


def assert_alike(found, expected, tolerance=1e-9):
    """Assert that two nests are equal up to rounding."""
    if isinstance(expected, dict):
        assert found.keys() == expected.keys()
        for key in expected:
            assert_alike(found[key], expected[key], tolerance)
    elif isinstance(expected, list):
        assert len(found) == len(expected)
        for x, y in zip(found, expected):
            assert_alike(x, y, tolerance)
    elif isinstance(expected, float):
        assert isclose(found, expected, rel_tol=tolerance, abs_tol=tolerance), (found, expected)
    else:
        assert found == expected


def trained_both_ways(make, data, divergence, optimizer="momentum", **kwargs):
    """Model, optimizer and history of eager and of compiled training."""
    results = []
    for compiled in (False, True):
        model = make()
        stepper = OPTIMIZERS[optimizer](model.parameters())
        results.append((model, stepper, fit(model, data, divergence, stepper, compiled=compiled, **kwargs)))
    return results


def assert_same_training(make, data, divergence, optimizer="momentum", **kwargs):
    (eager, of_eager, expected), (model, stepper, history) = trained_both_ways(
        make, data, divergence, optimizer, **kwargs
    )
    assert_alike(numbers(model), numbers(eager))
    assert_alike([w.grad for w in model.parameters()], [w.grad for w in eager.parameters()])
    assert_alike(stepper.state_dict(), of_eager.state_dict())
    assert_alike(without_seconds(history), without_seconds(expected))
    assert [module.training for module in model.modules()] == [module.training for module in eager.modules()]


@settings(max_examples=25, **SETTINGS)
@given(
    name=problems,
    optimizer=st.sampled_from(sorted(OPTIMIZERS)),
    seed=st.integers(0, 99),
    n=st.integers(1, 12),
    batch_size=st.sampled_from([None, 1, 3, 5]),
    shuffle=st.booleans(),
    held_out=st.booleans(),
)
def test_it_is_eager_training(name, optimizer, seed, n, batch_size, shuffle, held_out):
    _, divergence, data = problem(name, seed, n + 2)
    assert_same_training(
        lambda: problem(name, seed, 1)[0],
        data[2:],
        divergence,
        optimizer,
        epochs=4,
        batch_size=batch_size,
        shuffle=shuffle,
        seed=seed,
        tolerance=0.01,
        patience=2,
        validation=data[:2] if held_out else None,
        metrics={"first": lambda y, d: y[0] if isinstance(y, list) else y} if seed % 2 else None,
    )


@pytest.mark.parametrize("labels", ["int", "list", "mixed", "array"])
def test_labels_may_be_classes_or_distributions(labels):
    random = Random(3)
    classes = [random.randrange(3) for _ in range(6)]
    spread = [[float(i == d) for i in range(3)] for d in classes]
    ds = {"int": classes, "list": spread, "mixed": [*classes[:3], *spread[3:]], "array": list(map(np.array, spread))}
    data = [([random.gauss(0, 1), random.gauss(0, 1)], d) for d in ds[labels]]
    metrics = {"accuracy": accuracy}
    assert_same_training(lambda: MLP(2, [3], output="softmax"), data, kl_softmax, epochs=3, metrics=metrics)


class Shaped(Module):
    """A model that takes inputs of any structure."""

    def __init__(self, compute):
        self.w = [Value(0.5), Value(-0.25)]
        self.compute = compute

    def __call__(self, x):
        return self.compute(self.w, x)


@pytest.mark.parametrize(
    ("compute", "make"),
    [
        (lambda w, x: w[0] * x + w[1], lambda r: r.random()),
        (lambda w, x: w[0] * x["a"] + w[1] * x["b"][1], lambda r: {"a": r.random(), "b": [r.random(), r.random()]}),
        (lambda w, x: w[0] * x[0] + w[1] * x[1][0], lambda r: (r.random(), [r.random()])),
        (lambda w, x: (w[0] * x).sum() + w[1], lambda r: np.array([[r.random(), 1.0], [2.0, r.random()]])),
        (lambda w, x: [[w[0] * x[0]], [w[1] * x[1], w[1]]], lambda r: [1, True]),
    ],
)
def test_inputs_and_outputs_may_have_any_structure(compute, make):
    random = Random(5)
    data = [(make(random), random.random()) for _ in range(7)]

    def divergence(y, d):
        y = y[0][0] + y[1][1] if isinstance(y, list) else y
        return squared_error(y, d)

    metrics = {"first": lambda y, d: float(y[1][0] if isinstance(y, list) else y) * d}
    assert_same_training(lambda: Shaped(compute), data, divergence, epochs=3, batch_size=2, metrics=metrics)


class Last(Module):
    """A model that gives the last output of a cell along a sequence."""

    def __init__(self):
        self.cell = LSTMCell(1, 2, random=1)

    def __call__(self, sequence):
        outputs, _ = self.cell.run([[x] for x in sequence])
        return outputs[-1]


def test_sequences_of_one_length():
    random = Random(1)
    data = [([random.gauss(0, 1) for _ in range(4)], [random.random(), 0.5]) for _ in range(6)]
    assert_same_training(Last, data, squared_error, "Adam", epochs=4, batch_size=4)


class Attentive(Module):
    """A model with attention over tokens, pooled and classified."""

    def __init__(self):
        self.attention = SelfAttention(2, causal=True, random=1)
        self.classify = MLP(2, [3], output="softmax", random=2)

    def __call__(self, tokens):
        return self.classify([mean(feature) for feature in zip(*self.attention(tokens))])


@pytest.mark.parametrize(
    ("make", "x"),
    [
        (lambda: Sequential(Conv2d(4, 4, kernel=3), MaxPool2d(2, 2, window=2), MLP(1, [3], output="softmax")), (16,)),
        (Attentive, (3, 2)),
    ],
)
def test_convolution_and_attention(make, x):
    random = np.random.default_rng(3)
    data = [(random.normal(size=x).tolist(), int(random.integers(3))) for _ in range(7)]
    metrics = {"accuracy": accuracy}
    assert_same_training(make, data, kl_softmax, "Adam", epochs=3, batch_size=3, validation=data[:2], metrics=metrics)


def test_frozen_and_unused_parameters():
    class Partly(Scale):
        def __init__(self):
            super().__init__(2.0)
            self.frozen, self.unused = Value(3.0), Value(4.0)

        def __call__(self, x):
            return self.frozen + self.weight * x

    models = [Partly(), Partly()]
    for compiled, model in enumerate(models):
        optimizer = SGD([model.unused, model.weight], 0.1, weight_decay=0.5)
        fit(model, [(1.0, 2.0), (2.0, 1.0)], squared_error, optimizer, epochs=5, compiled=bool(compiled))
    assert_alike(numbers(models[1]), numbers(models[0]))
    assert models[1].frozen.data == 3.0
    assert models[1].unused.data < 4.0


def test_other_values_may_change_from_epoch_to_epoch():
    """Such as a temperature that a metric lowers."""
    ends = []
    for compiled in (False, True):
        model, temperature = Scale(1.0), Value(4.0)

        def divergence(y, d, temperature=temperature):
            return squared_error(y, d) * temperature

        def lower(y, d, temperature=temperature):
            temperature.data *= 0.5
            return 0.0

        fit(model, [(1.0, 3.0)], divergence, metrics={"lower": lower}, epochs=3, compiled=compiled)
        ends.append(model.weight.data)
    assert isclose(*ends, rel_tol=1e-12)


def test_metrics_may_look_at_the_model():
    seen = []
    for compiled in (False, True):
        model = Scale(0.0)
        seen.append([])

        def look(y, d, model=model, seen=seen[-1]):
            seen.append((model.weight.data, type(y), y.data))
            return 0.0

        fit(model, [(1.0, 4.0)], squared_error, epochs=3, metrics={"look": look}, compiled=compiled)
    assert seen[0] == seen[1]


def test_evaluation_in_pieces(monkeypatch):
    monkeypatch.setattr("autograd_mini.training.compiled_steps.AT_ONCE", 2)
    _, divergence, data = problem("softmax", 3, 9)
    metrics = {"accuracy": accuracy}
    assert_same_training(
        lambda: problem("softmax", 3, 1)[0], data[:4], divergence, epochs=3, validation=data[4:], metrics=metrics
    )


def test_a_model_that_differs_between_training_and_evaluation():
    class Doubling(Scale):
        def __call__(self, x):
            return super().__call__(x) * (2.0 if self.training else 1.0)

    data = [(1.0, 4.0), (2.0, 1.0)]
    assert_same_training(lambda: Doubling(1.0), data, squared_error, "SGD", epochs=4, validation=data)


def test_a_model_that_draws_numbers_is_refused():
    model = MLP(2, [3, 1], RandomisedLeakyReLU(random=3))
    with pytest.raises(ValueError, match=r"draws random numbers in it, in layers\.0\.activation; train without"):
        fit(model, [([1.0, 2.0], 1.0)], squared_error, epochs=1, compiled=True)


@settings(max_examples=8, **SETTINGS)
@given(
    optimizer=st.sampled_from(sorted(OPTIMIZERS)),
    stops=st.lists(st.integers(1, 6), min_size=1, max_size=2),
    batch_size=st.sampled_from([None, 1, 3]),
    held_out=st.booleans(),
)
def test_resumed_training_gives_the_numbers_of_uninterrupted_training(tmp_path, optimizer, stops, batch_size, held_out):
    path = tmp_path / "checkpoint.json"
    path.unlink(missing_ok=True)
    _, divergence, data = problem("softmax", 1, 9)

    def train(epochs, **kwargs):
        model = problem("softmax", 1, 1)[0]
        history = fit(
            model,
            data[2:],
            divergence,
            OPTIMIZERS[optimizer](model.parameters()),
            epochs=epochs,
            batch_size=batch_size,
            tolerance=0.0,
            validation=data[:2] if held_out else None,
            compiled=True,
            **kwargs,
        )
        return numbers(model), without_seconds(history)

    whole = train(6)
    for epochs in [*sorted(stops), 6]:
        resumed = train(epochs, checkpoint=path, resume=True)
    assert resumed == whole


def test_a_checkpoint_of_eager_training_is_of_another_training(tmp_path):
    path = tmp_path / "checkpoint.json"
    fit(Scale(), [(1.0, 2.0)], squared_error, epochs=2, checkpoint=path)
    with pytest.raises(StateError, match="another training run: compiled is False there and True here"):
        fit(Scale(), [(1.0, 2.0)], squared_error, epochs=3, checkpoint=path, resume=True, compiled=True)


def test_ctrl_c_keeps_the_best_parameters():
    """A step with learning rate 3 doubles the distance to the optimum, so that the first parameters are best."""
    model = Scale(0.0)
    calls = iter(range(5))

    def metric(y, d):
        if next(calls, None) is None:
            raise KeyboardInterrupt
        return 0.0

    optimizer = SGD(model.parameters(), 3.0)
    history = fit(model, [(1.0, 1.0)], squared_error, optimizer, epochs=99, metrics={"m": metric}, compiled=True)
    assert history.interrupted
    assert len(history) == 5
    assert model.weight.data == 0.0
    assert optimizer.steps == 6


def test_validation_brings_back_the_best():
    model = Scale(0.0)
    optimizer = SGD(model.parameters(), 0.1)
    history = fit(
        model, [(1.0, 2.0)], squared_error, optimizer, validation=[(1.0, 1.0)], patience=2, epochs=99, compiled=True
    )
    assert history.stopped_early
    assert squared_error(model(1.0), 1.0).data == pytest.approx(history.validation_losses[history.best_epoch])
    assert type(model.weight.data) is float


@pytest.mark.parametrize(
    ("make", "data", "divergence", "rate", "message"),
    [
        (Scale, [(1e3, 1.0)], squared_error, 1.0, r"the loss became inf in epoch \d+, .*train without compiled=True"),
        (Scale, [(1.0, 0.0)], lambda y, d: y.sqrt(), 0.1, "a gradient became nan or infinite in epoch 1, .* taken: 0"),
        (lambda: Scale(1e10), [(1.0, 0.0)], squared_error, 1e300, "a parameter became nan or infinite in epoch 1"),
    ],
)
def test_divergence_leaves_the_last_good_parameters(make, data, divergence, rate, message):
    ends = []
    for compiled in (False, True):
        model = make()
        with pytest.raises(TrainingDiverged, match=message if compiled else None):
            fit(model, data, divergence, SGD(model.parameters(), rate), epochs=999, compiled=compiled)
        ends.append(model.weight.data)
    assert isclose(*ends, rel_tol=1e-9)


def test_a_validation_loss_that_is_nan_stops_training():
    model = Scale(1.0)
    with pytest.raises(TrainingDiverged, match="the validation loss became nan in epoch 1"):
        fit(model, [(1.0, 1.0)], lambda y, d: (y * d).sqrt(), validation=[(1.0, -1.0)], compiled=True)
    assert model.weight.data == 1.0


def of_length(x):
    return mean(x) * 2.0


class Mean(Scale):
    def __call__(self, x):
        return self.weight * sum(x)


class Frozen(Scale):
    def __call__(self, x):
        return self.weight.data * self.weight * x


class Crossing(Module):
    """A model that uses its parameters in another order where one of them is negative."""

    def __init__(self):
        self.a, self.b, self.c = Value(0.25), Value(2.0), Value(1.0)

    def __call__(self, x):
        return self.a * x + self.b if self.a > 0 else self.b * 3 + self.c * self.a * x


@pytest.mark.parametrize("validation", [None, [(1.0, 1.0)]])
def test_branches_on_parameters(validation):
    data = [(1.0, -1.0), (2.0, -3.0)]
    metrics = {"sign": lambda y, d: y > 0}
    assert_same_training(Crossing, data, squared_error, "SGD", epochs=6, validation=validation)
    assert_same_training(Crossing, data, squared_error, "SGD", epochs=6, metrics=metrics)


class Branching(Scale):
    def __call__(self, x):
        return self.weight * x if x > 0 else self.weight


REFUSED = {
    "lengths": (Mean, [([1.0], 1.0), ([1.0, 2.0], 1.0)], squared_error, ValueError,
                r"of one shape, but the input of example 1 of data is \[·, ·\] and that of example 0 \[·\]; train"),
    "labels": (Mean, [([1.0], 1.0), ([1.0], [1.0])], lambda y, d: y * y, ValueError,
               r"the desired output of example 1 of data is \[·\] and that of example 0 ·; train"),
    "text": (lambda: Shaped(lambda w, x: w[0] * len(x)), [("ab", 1.0)], squared_error, TypeError,
             r"made of numbers: the input of example 0 of data holds 'ab' \(str\).*; train without compiled=True"),
    "Values": (Scale, [(Value(1.0), 1.0)], squared_error, TypeError, "made of numbers: the input of example 0 of data"),
    "a number read": (Frozen, [(1.0, 1.0)], squared_error, TypeError, "the loss of Frozen reads the number of a Value"),
    "a class of one's own": (lambda: MLP(1, [2]), [([1.0], 1)], lambda y, d: y[d] * 1.0, TypeError, "indices must be"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_compiled_is_refused_before_any_work(name):
    make, data, divergence, error, message = REFUSED[name]
    model = make()
    before = numbers(model)
    with pytest.raises(error, match=message) as caught:
        fit(model, data, divergence, epochs=1, compiled=True)
    assert numbers(model) == before
    assert all(module.training for module in model.modules())
    assert "ithout compiled=True" in "".join([str(caught.value), *getattr(caught.value, "__notes__", [])])


def test_branches_that_differ_within_a_batch():
    data = [(1.0, 1.0), (-1.0, 1.0), (2.0, 3.0)]
    assert_same_training(lambda: Branching(1.0), data, squared_error, "SGD", epochs=3)

    class Choosing(Scale):
        def __call__(self, x):
            return where(x > 0, self.weight * x, self.weight)

    assert_same_training(lambda: Choosing(1.0), [(1.0, 1.0), (-1.0, 1.0)], squared_error, "SGD", epochs=3)


def test_eager_training_loads_no_compiler():
    program = (
        "import sys; from autograd_mini.training import fit; from autograd_mini.nn import MLP, squared_error;"
        "fit(MLP(1, [1]), [([1.0], 1.0)], squared_error, epochs=1);"
        "print('autograd_mini.compiler' in sys.modules, 'numpy' in sys.modules)"
    )
    assert subprocess.check_output([sys.executable, "-c", program], text=True) == "False False\n"


def test_pairs_of_arrays():
    random = np.random.default_rng(1)
    data = pairs(random.normal(size=(20, 3)), random.integers(0, 2, size=20))
    assert_same_training(lambda: MLP(3, [4, 1], "relu", "sigmoid"), data, kl_sigmoid, epochs=5, batch_size=8)
