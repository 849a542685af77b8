"""SGD, Adam and AdamW against PyTorch, closed forms, and runs that are stopped and resumed."""

import json
from math import fsum, inf, isclose, sqrt
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograd_mini import Value
from autograd_mini.optim import SGD, Adam, AdamW

# Each case: a class, its arguments, and where PyTorch 2.13.0 ends after the 100 steps of `walk` from START.
START = [1.0, -2.0, 0.5]
RECORDED = {
    "SGD": (SGD, {"learning_rate": 0.1}, [1.1422805534181417, -2.2037394227693623, 13.75631909247063]),
    "SGD, decay": (
        SGD,
        {"learning_rate": 0.1, "weight_decay": 0.01},
        [1.0376762601346514, -2.024751929709859, 12.83424856041785],
    ),
    "momentum": (
        SGD,
        {"learning_rate": 0.05, "momentum": 0.9},
        [1.6727206114192628, -2.5863568449517227, 62.22017049309128],
    ),
    "momentum, decay": (
        SGD,
        {"learning_rate": 0.05, "momentum": 0.9, "weight_decay": 0.02},
        [0.7508467116568225, -1.791113782411597, 35.753031366253225],
    ),
    "Nesterov": (
        SGD,
        {"learning_rate": 0.05, "momentum": 0.9, "nesterov": True},
        [1.6765888269864062, -2.629590871841234, 62.676312990017465],
    ),
    "Nesterov, decay": (
        SGD,
        {"learning_rate": 0.05, "momentum": 0.8, "nesterov": True, "weight_decay": 0.02},
        [0.8721300977427142, -1.8460994361777652, 24.132510767271935],
    ),
    "Adam": (Adam, {"learning_rate": 0.01}, [1.139823930962983, -2.035760326617124, 0.67653839870152]),
    "Adam, other betas": (
        Adam,
        {"learning_rate": 0.01, "betas": (0.7, 0.95), "epsilon": 1e-4},
        [1.120559123073866, -2.029716045327754, 0.6392461489453171],
    ),
    "Adam, decay": (
        Adam,
        {"learning_rate": 0.01, "weight_decay": 0.1},
        [0.4774357050575, -1.790398211807505, 0.6708025668576196],
    ),
    "AdamW": (AdamW, {"learning_rate": 0.01}, [1.1289733193627864, -2.01572921494259, 0.6702768477954404]),
    "AdamW, more decay": (
        AdamW,
        {"learning_rate": 0.01, "weight_decay": 0.3},
        [0.8559933505563144, -1.5134116414494276, 0.5126163590224254],
    ),
}
TORCH_NAMES = {"learning_rate": "lr", "epsilon": "eps"}

rates = st.floats(1e-4, 1.0)
fractions = st.floats(0.0, 0.99)
gradients = st.lists(st.floats(-100.0, 100.0), min_size=1, max_size=20)
settings_of_sgd = st.fixed_dictionaries(
    {"learning_rate": rates},
    optional={"weight_decay": st.floats(0.0, 0.5), "momentum": st.floats(0.01, 0.99), "nesterov": st.booleans()},
).filter(lambda kwargs: "momentum" in kwargs or not kwargs.get("nesterov"))
settings_of_adam = st.fixed_dictionaries(
    {"learning_rate": rates},
    optional={
        "betas": st.tuples(fractions, st.floats(0.5, 0.999)),
        "epsilon": st.floats(1e-8, 1e-2),
        "weight_decay": st.floats(0.0, 0.5),
    },
)
optimizers = st.one_of(
    st.tuples(st.just(SGD), settings_of_sgd), st.tuples(st.sampled_from([Adam, AdamW]), settings_of_adam)
)


def drawn_gradients(steps=100):
    """Gradients of three parameters on three scales."""
    random = Random(849)
    return [[random.gauss(0.0, 10.0 ** (i - 1)) for i in range(3)] for _ in range(steps)]


def walk(optimizer, all_gradients):
    for step in all_gradients:
        for parameter, gradient in zip(optimizer.parameters, step):
            parameter.grad = gradient
        optimizer.step()
    return [parameter.data for parameter in optimizer.parameters]


def torch_walk(torch, kind, kwargs, start, all_gradients):
    """The parameters after each step of PyTorch's optimizer of that name."""
    weights = torch.tensor(start, dtype=torch.float64, requires_grad=True)
    optimizer = getattr(torch.optim, kind.__name__)(
        [weights], **{TORCH_NAMES.get(name, name): argument for name, argument in kwargs.items()}
    )
    places = []
    for step in all_gradients:
        weights.grad = torch.tensor(step, dtype=torch.float64)
        optimizer.step()
        places.append(weights.tolist())
    return places


def assert_close(found, expected, tolerance=1e-12):
    assert len(found) == len(expected)
    for x, y in zip(found, expected):
        assert isclose(x, y, rel_tol=tolerance, abs_tol=tolerance), (found, expected)


@pytest.mark.parametrize("name", RECORDED)
def test_a_hundred_steps_are_pytorchs_as_recorded(name):
    kind, kwargs, expected = RECORDED[name]
    assert_close(walk(kind(map(Value, START), **kwargs), drawn_gradients()), expected)


@pytest.mark.parametrize("name", RECORDED)
def test_the_record_is_what_pytorch_gives(name):
    torch = pytest.importorskip("torch")
    kind, kwargs, expected = RECORDED[name]
    assert_close(torch_walk(torch, kind, kwargs, START, drawn_gradients())[-1], expected, 1e-14)


@settings(deadline=None)
@given(case=optimizers, seed=st.integers(0, 2**32))
def test_each_of_any_hundred_steps_is_pytorchs(case, seed):
    """Each step starts where PyTorch's did: with large rates and weight decay the walk may be chaotic, and
    roundings would grow from step to step."""
    torch = pytest.importorskip("torch")
    kind, kwargs = case
    random = Random(seed)
    place = [random.uniform(-3.0, 3.0) for _ in range(4)]
    steps = [[random.gauss(0.0, 1.0) for _ in place] for _ in range(100)]
    optimizer = kind(map(Value, place), **kwargs)
    for step, expected in zip(steps, torch_walk(torch, kind, kwargs, place, steps)):
        assert_close(walk(optimizer, [step]), expected)
        for parameter, number in zip(optimizer.parameters, expected):
            parameter.data = number


@given(start=st.floats(-10, 10), rate=rates, steps=gradients)
def test_plain_sgd_moves_by_the_sum_of_the_gradients(start, rate, steps):
    (end,) = walk(SGD([Value(start)], rate), [[g] for g in steps])
    assert isclose(end, start - rate * fsum(steps), rel_tol=1e-12, abs_tol=1e-11)


@given(rate=rates, momentum=st.floats(0.01, 0.99), steps=gradients, nesterov=st.booleans())
def test_momentum_is_a_geometric_sum_of_gradients(rate, momentum, steps, nesterov):
    velocities = [fsum(momentum ** (t - k) * steps[k] for k in range(t + 1)) for t in range(len(steps))]
    moves = [g + momentum * v for g, v in zip(steps, velocities)] if nesterov else velocities
    (end,) = walk(SGD([Value(0.0)], rate, momentum=momentum, nesterov=nesterov), [[g] for g in steps])
    assert isclose(end, -rate * fsum(moves), rel_tol=1e-10, abs_tol=1e-9)


@given(rate=rates, beta1=fractions, beta2=fractions, steps=gradients)
def test_adams_moments_are_weighted_means_of_the_gradients(rate, beta1, beta2, steps):
    end = 0.0
    for t in range(1, len(steps) + 1):
        seen = steps[:t]
        mean = fsum(beta1 ** (t - k) * g for k, g in enumerate(seen, 1)) / fsum(beta1**k for k in range(t))
        square = fsum(beta2 ** (t - k) * g * g for k, g in enumerate(seen, 1)) / fsum(beta2**k for k in range(t))
        end -= rate * mean / (sqrt(square) + 1e-3)
    (found,) = walk(Adam([Value(0.0)], rate, betas=(beta1, beta2), epsilon=1e-3), [[g] for g in steps])
    assert isclose(found, end, rel_tol=1e-9, abs_tol=1e-9)


@given(start=st.floats(-10, 10), rate=rates, decay=st.floats(0, 0.9), n=st.integers(1, 20))
def test_adamw_without_a_gradient_only_decays(start, rate, decay, n):
    (end,) = walk(AdamW([Value(start)], rate, weight_decay=decay), [[0.0]] * n)
    assert isclose(end, start * (1 - rate * decay) ** n, rel_tol=1e-12, abs_tol=1e-300)


@given(case=optimizers, split=st.integers(0, 20))
def test_a_saved_state_goes_on_bit_by_bit(case, split):
    kind, kwargs = case
    steps = drawn_gradients(20)
    whole = kind(map(Value, START), **kwargs)
    first = kind(map(Value, START), **kwargs)
    walk(first, steps[:split])
    second = kind([Value(w.data) for w in first.parameters], **kwargs)
    second.load_state_dict(json.loads(json.dumps(first.state_dict())))
    assert walk(second, steps[split:]) == walk(whole, steps)
    assert second.state_dict() == whole.state_dict()


def test_the_state_is_a_copy():
    optimizer = SGD([Value(1.0)], 0.1, momentum=0.9)
    state = optimizer.state_dict()
    optimizer.parameters[0].grad = 1.0
    optimizer.step()
    assert state == {"optimizer": "SGD", "steps": 0, "velocity": [0.0]}


@pytest.mark.parametrize(
    ("state", "message"),
    [
        (None, "Adam needs the state of an optimizer of its kind, got None"),
        (SGD([Value(1.0)], 0.1).state_dict(), "Adam needs the state of an optimizer of its kind, got .*SGD"),
        ({"optimizer": "Adam", "steps": -1}, "counts its steps, from 0, got -1"),
        ({"optimizer": "Adam", "steps": True}, "counts its steps, from 0, got True"),
        ({"optimizer": "Adam", "steps": 3, "first_moment": [1.0]}, "second_moment as a list of numbers, got None"),
        ({"optimizer": "Adam", "steps": 3, "first_moment": ["1"], "second_moment": [1.0]}, "first_moment as a list of"),
        ({"optimizer": "Adam", "steps": 3, "first_moment": [1.0] * 2, "second_moment": [1.0]}, "holds 2 parameters"),
    ],
)
def test_a_state_that_does_not_fit_changes_nothing(state, message):
    optimizer = Adam([Value(1.0)], 0.1)
    walk(optimizer, [[1.0], [2.0]])
    before = optimizer.state_dict()
    with pytest.raises(ValueError, match=message):
        optimizer.load_state_dict(state)
    assert optimizer.state_dict() == before


def test_whole_numbers_that_are_no_doubles_are_rounded_as_everywhere():
    optimizer = Adam([Value(1.0)], 0.1)
    optimizer.load_state_dict({"optimizer": "Adam", "steps": 3, "first_moment": [1], "second_moment": [10**400]})
    assert (optimizer.steps, optimizer.first_moment, optimizer.second_moment) == (3, [1.0], [inf])


def test_zero_grad_clears_all_gradients():
    parameters = [Value(1.0), Value(2.0)]
    (parameters[0] * parameters[1]).backward()
    SGD(parameters, 0.1).zero_grad()
    assert [p.grad for p in parameters] == [0.0, 0.0]


def test_a_schedule_is_asked_before_each_step():
    asked = []

    def schedule(step):
        asked.append(step)
        return 0.5**step

    (end,) = walk(SGD([Value(0.0)], schedule), [[1.0]] * 4)
    assert (asked, end) == ([0, 1, 2, 3], -1.875)


def test_the_learning_rate_can_be_changed():
    optimizer = SGD([Value(0.0)], lambda step: 1.0)
    walk(optimizer, [[1.0]])
    optimizer.learning_rate = 0.25
    assert walk(optimizer, [[1.0]]) == [-1.25]
    assert optimizer.learning_rate == 0.25
    with pytest.raises(ValueError, match="learning_rate must be a finite number > 0, got 0"):
        optimizer.learning_rate = 0
    assert optimizer.learning_rate == 0.25


@pytest.mark.parametrize("rate", [-0.1, float("nan"), float("inf")])
def test_a_schedule_must_give_a_sound_rate(rate):
    optimizer = SGD([Value(1.0)], lambda step: rate)
    with pytest.raises(ValueError, match="a schedule must give a finite learning rate ≥ 0, got .* at step 0"):
        optimizer.step()
    assert optimizer.parameters[0].data == 1.0


def test_a_schedule_must_give_a_number():
    with pytest.raises(TypeError, match="the learning rate from a schedule takes a real number, got None"):
        SGD([Value(1.0)], lambda step: None).step()


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda w: SGD([], 0.1), ValueError, "at least one parameter, got none"),
        (lambda w: SGD(w, 0.1), TypeError, "takes a list of parameters, got Value"),
        (lambda w: SGD([1.0], 0.1), TypeError, r"must be a Value, got 1.0 \(float\)"),
        (lambda w: SGD([w * 2], 0.1), ValueError, "not a result or a constant"),
        (lambda w: SGD([w.detach()], 0.1), ValueError, "not a result or a constant"),
        (lambda w: SGD([w, w], 0.1), ValueError, "one of them is given twice"),
        (lambda w: SGD([w], 0), ValueError, "learning_rate must be a finite number > 0, got 0"),
        (lambda w: SGD([w], -1.0), ValueError, "learning_rate must be a finite number > 0, got -1.0"),
        (lambda w: SGD([w], float("nan")), ValueError, "learning_rate must be a finite number > 0, got nan"),
        (lambda w: SGD([w], True), ValueError, "learning_rate must be a finite number > 0, got True"),
        (lambda w: SGD([w], "fast"), TypeError, "learning_rate takes a real number, got 'fast'"),
        (lambda w: SGD([w], 0.1, momentum=1.0), ValueError, r"momentum must be in \[0, 1\), got 1.0"),
        (lambda w: SGD([w], 0.1, weight_decay=-1), ValueError, "weight_decay must be a finite number ≥ 0, got -1"),
        (lambda w: SGD([w], 0.1, weight_decay=True), ValueError, "weight_decay must be a finite number ≥ 0, got True"),
        (lambda w: SGD([w], 0.1, nesterov=True), ValueError, "needs a momentum > 0"),
        (lambda w: Adam([w], betas=(0.9, 1.0)), ValueError, r"a beta must be in \[0, 1\), got 1.0"),
        (lambda w: Adam([w], betas=0.9), ValueError, "betas must be two numbers"),
        (lambda w: Adam([w], betas=(0.9, 0.9, 0.9)), ValueError, "betas must be two numbers"),
        (lambda w: Adam([w], epsilon=0.0), ValueError, "epsilon must be a finite number > 0, got 0.0"),
        (lambda w: AdamW([w], weight_decay=float("inf")), ValueError, "weight_decay must be a finite number ≥ 0"),
    ],
)
def test_bad_arguments_are_refused(make, error, message):
    with pytest.raises(error, match=message):
        make(Value(1.0))
