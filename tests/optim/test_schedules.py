"""Learning-rate schedules: their shapes; they can be pickled and compared."""

import pickle
from math import isclose

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd_mini.optim import ConstantRate, Cosine, StepDecay, WarmUp

rates = st.floats(1e-6, 10.0)
counts = st.integers(1, 1000)
steps = st.integers(0, 3000)
schedules = st.one_of(
    st.builds(ConstantRate, rates),
    st.builds(StepDecay, rates, counts, st.floats(0.01, 1.0)),
    st.builds(Cosine, rates, counts, st.floats(0.0, 1e-6)),
)


@given(schedule=schedules, step=steps)
def test_schedules_never_rise_nor_leave_their_range(schedule, step):
    assert schedule(0) == schedule.learning_rate
    assert schedule.learning_rate >= schedule(step) >= schedule(step + 1) >= 0.0


@given(rate=rates, every=counts, exponent=st.integers(0, 5), offset=st.integers(0, 999))
def test_step_decay_falls_by_its_factor_every_so_many_steps(rate, every, exponent, offset):
    schedule = StepDecay(rate, every, factor=0.5)
    assert schedule(exponent * every + offset % every) == rate / 2**exponent


@given(rate=rates, length=counts, final=st.floats(0.0, 1.0), data=st.data())
def test_cosine_is_symmetric_about_its_middle(rate, length, final, data):
    schedule = Cosine(rate, length, final)
    step = data.draw(st.integers(0, length))
    assert isclose(schedule(step) + schedule(length - step), rate + final, rel_tol=1e-12)
    assert schedule(length + step) == final


def test_cosine_at_a_third_is_three_quarters():
    assert isclose(Cosine(1.0, 3)(1), 0.75)


@given(schedule=schedules | rates, length=counts, step=steps)
def test_warm_up_rises_in_a_straight_line_and_hands_over(schedule, length, step):
    warm_up = WarmUp(schedule, length)
    following = schedule if callable(schedule) else ConstantRate(schedule)
    if step < length:
        assert isclose(warm_up(step), following(0) * (step + 1) / (length + 1), rel_tol=1e-12)
        assert 0.0 < warm_up(step) < following(0)
    else:
        assert warm_up(step) == following(step - length)


@given(schedule=schedules, length=counts, step=steps)
def test_pickled_schedules_are_equal(schedule, length, step):
    for original in (schedule, WarmUp(schedule, length)):
        copy = pickle.loads(pickle.dumps(original))
        assert copy == original
        assert copy(step) == original(step)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ConstantRate(0.0), "learning_rate must be a finite number > 0, got 0.0"),
        (lambda: StepDecay(0.1, 0), "every must be an int of 1 or more, got 0"),
        (lambda: StepDecay(0.1, True), "every must be an int of 1 or more, got True"),
        (lambda: StepDecay(0.1, 10, factor=1.5), r"factor must be in \(0, 1\], got 1.5"),
        (lambda: StepDecay(0.1, 10, factor=0.0), "factor must be a finite number > 0, got 0.0"),
        (lambda: Cosine(float("inf"), 10), "learning_rate must be a finite number > 0, got inf"),
        (lambda: Cosine(0.1, 1.5), "steps must be an int of 1 or more, got 1.5"),
        (lambda: Cosine(0.1, 10, final=-0.1), "final must be a finite number ≥ 0, got -0.1"),
        (lambda: WarmUp(0.1, 0), "steps must be an int of 1 or more, got 0"),
        (lambda: WarmUp(-1.0, 5), "learning_rate must be a finite number > 0, got -1.0"),
    ],
)
def test_bad_arguments_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
