"""The ways in which training ends: converged, stopped early, interrupted, diverged."""

from math import log2

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd_mini import debug
from autograd_mini.nn import squared_error
from autograd_mini.optim import SGD
from autograd_mini.training import TrainingDiverged, fit
from autograd_mini.training.run import Plateau
from tests.training.scale import Scale


def test_it_stops_when_the_loss_has_converged():
    history = fit(Scale(1.0), [(0.0, 1.0)], squared_error, epochs=50, patience=3)
    assert history.losses == [0.5] * 4
    assert history.converged
    assert not history.stopped_early
    assert not history.interrupted


def test_it_goes_on_while_the_loss_improves():
    history = fit(Scale(0.0), [(1.0, 1.0)], squared_error, epochs=30, tolerance=0.1, patience=1)
    assert len(history) == 30
    assert not history.converged


@given(
    losses=st.lists(st.floats(-10, 10), min_size=1, max_size=30),
    tolerance=st.floats(0, 0.5),
    patience=st.integers(1, 5),
)
def test_a_plateau_is_patience_epochs_without_a_better_loss(losses, tolerance, patience):
    plateau = Plateau(tolerance, patience)
    answers = [plateau.update(loss) for loss in losses]
    best, since, expected = losses[0], 0, []
    for index, loss in enumerate(losses):
        if index and best - loss > tolerance * abs(best):
            best, since = loss, index
        expected.append(index - since >= patience)
    assert answers == expected


def test_validation_stops_early_and_brings_back_the_best():
    # Training draws the weight from 0 to 2; the held-out example is best met at about 1.
    model = Scale(0.0)
    history = fit(
        model, [(1.0, 2.0)], squared_error, SGD(model.parameters(), 0.1), validation=[(1.0, 1.0)], patience=2, epochs=99
    )
    assert history.stopped_early
    assert not history.converged
    best = min(range(len(history)), key=history.validation_losses.__getitem__)
    assert history.best_epoch == best == len(history) - 3
    assert squared_error(model(1.0), 1.0).data == history.validation_losses[best]
    assert model.weight.data == pytest.approx(2.0 - 2.0 * 0.9 ** (best + 1))


def test_the_best_parameters_of_the_validation_come_back_when_epochs_are_spent_too():
    model = Scale(1.0)
    history = fit(model, [(1.0, 2.0)], squared_error, validation=[(1.0, 1.0)], epochs=3)
    assert len(history) == 3
    assert model.weight.data == pytest.approx(1.1)


def test_without_validation_the_last_parameters_stay():
    model = Scale(0.0)
    fit(model, [(1.0, 1.0)], squared_error, SGD(model.parameters(), 0.5), epochs=1)
    assert model.weight.data == 0.5


@pytest.mark.parametrize("after", [0, 1, 5])
def test_ctrl_c_keeps_the_best_parameters(after):
    """A step with learning rate 3 doubles the distance to the optimum, so that the first parameters are best."""
    model = Scale(0.0)
    calls = iter(range(after + 1))

    def divergence(y, d):
        if next(calls, None) is None:
            raise KeyboardInterrupt
        return squared_error(y, d)

    history = fit(model, [(1.0, 1.0)], divergence, SGD(model.parameters(), 3.0), epochs=99)
    assert history.interrupted
    assert len(history) == after
    assert model.weight.data == 0.0
    assert history.best_epoch == (0 if after else None)


def test_ctrl_c_with_validation_keeps_what_was_best_there():
    model = Scale(0.0)
    seen = []

    def metric(y, d):
        seen.append(model.weight.data)
        if len(seen) == 5:
            raise KeyboardInterrupt
        return 0.0

    history = fit(model, [(1.0, 4.0)], squared_error, epochs=99, validation=[(1.0, 0.8)], metrics={"metric": metric})
    assert history.interrupted
    assert len(history) == 4
    assert model.weight.data == min(seen[:4], key=lambda weight: abs(weight - 0.8))


def test_a_loss_that_explodes_stops_training_at_the_last_good_parameters():
    model = Scale(0.0)
    with pytest.raises(
        TrainingDiverged, match=r"the loss became inf in epoch \d+, steps taken: \d+; .*debug\(\)"
    ) as caught:
        fit(model, [(1e3, 1.0)], squared_error, SGD(model.parameters(), 1.0), epochs=999)
    assert isinstance(caught.value, FloatingPointError)
    # The weight w gives the distance 1000·w - 1, and each step multiplies it by 1 - 10⁶.
    assert log2(abs(squared_error(model(1e3), 1.0).data)) < 1024
    assert abs(model.weight.data) > 1e140


def test_a_gradient_that_is_infinite_is_not_followed():
    model = Scale(0.0)
    with pytest.raises(TrainingDiverged, match="a gradient became nan or infinite in epoch 1, steps taken: 0"):
        fit(model, [(1.0, 0.0)], lambda y, d: y.sqrt())
    assert model.weight.data == 0.0


def test_a_parameter_that_overflows_is_taken_back():
    model = Scale(1e10)
    with pytest.raises(TrainingDiverged, match="a parameter became nan or infinite in epoch 1, steps taken: 1"):
        fit(model, [(1.0, 0.0)], squared_error, SGD(model.parameters(), 1e300), epochs=1)
    assert model.weight.data == 1e10


def test_a_validation_loss_that_is_nan_stops_training():
    model = Scale(1.0)
    with pytest.raises(TrainingDiverged, match="the validation loss became nan in epoch 1"):
        fit(model, [(1.0, 1.0)], lambda y, d: (y * d).sqrt(), validation=[(1.0, -1.0)])
    assert model.weight.data == 1.0


def test_debug_names_the_operation_and_the_parameters_stay_good():
    model = Scale(0.0)
    with debug(), pytest.raises(FloatingPointError, match="log"):
        fit(model, [(1.0, 1.0)], lambda y, d: y.log(), epochs=1)
    assert model.weight.data == 0.0
