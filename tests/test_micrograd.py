"""The classes of `autograd_mini.micrograd` against those of the package micrograd, to the last digit.

micrograd visits the operands of an operation in the order of a set of addresses, which varies from run to run, and
the last digits of its gradients with it. To make the answer unique, its `set` is replaced by the operands in their
order, which is one of the orders that it may take.
"""

import copy
import math
import pickle
import random

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from micrograd import engine, nn

import autograd_mini
from autograd_mini import grad, micrograd, softmax, topological_order


@pytest.fixture(autouse=True)
def one_order(monkeypatch):
    monkeypatch.setattr(engine, "set", lambda items=(): list(dict.fromkeys(items)) if items else set(), raising=False)


def bits(number):
    """The number so that equal ones are the same double; micrograd keeps ints, which have no -0."""
    return float(number).hex() if number else 0


NUMBERS = st.one_of(st.integers(-4, 4), st.floats(-4.0, 4.0))
OPERATIONS = {
    "x + y": lambda x, y, c: x + y,
    "x - y": lambda x, y, c: x - y,
    "x * y": lambda x, y, c: x * y,
    "x / y": lambda x, y, c: x / y,
    "x + c": lambda x, y, c: x + c,
    "c + x": lambda x, y, c: c + x,
    "x - c": lambda x, y, c: x - c,
    "c - x": lambda x, y, c: c - x,
    "x * c": lambda x, y, c: x * c,
    "c * x": lambda x, y, c: c * x,
    "x / c": lambda x, y, c: x / c,
    "c / x": lambda x, y, c: c / x,
    "x ** c": lambda x, y, c: x**c,
    "-x": lambda x, y, c: -x,
    "relu": lambda x, y, c: x.relu(),
    "sum": lambda x, y, c: sum([x, y, x, c]),
}
PROGRAMS = st.lists(
    st.tuples(st.sampled_from(sorted(OPERATIONS)), st.integers(0, 99), st.integers(0, 99), NUMBERS),
    min_size=1,
    max_size=25,
)


def run(Value, program, point):
    nodes = [Value(number) for number in point]
    for name, i, j, c in program:
        nodes.append(OPERATIONS[name](nodes[i % len(nodes)], nodes[j % len(nodes)], c))
        assume(not isinstance(nodes[-1].data, complex))  # micrograd's power of a negative number
    return nodes


@given(PROGRAMS, st.lists(NUMBERS, min_size=1, max_size=3), st.lists(st.integers(0, 99), min_size=1, max_size=3))
def test_data_and_gradients_of_random_programs(program, point, roots):
    """Several calls of `backward()` included, with what they leave behind in nodes in between."""
    try:
        theirs = run(engine.Value, program, point)
        assume(all(not isinstance(node.data, complex) and abs(node.data) < 2**53 for node in theirs))
        for root in roots:
            theirs[root % len(theirs)].backward()
    except (ZeroDivisionError, OverflowError):
        assume(False)
    ours = run(micrograd.Value, program, point)
    for root in roots:
        ours[root % len(ours)].backward()
    assert [bits(node.data) for node in ours] == [bits(node.data) for node in theirs]
    assert [bits(node.grad) for node in ours] == [bits(node.grad) for node in theirs]
    assert all(type(node) is micrograd.Value for node in ours)


def max_margin(model, points, signs):
    scores = [model(point) for point in points]
    losses = [(1 + -sign * score).relu() for sign, score in zip(signs, scores)]
    return sum(losses) * (1.0 / len(losses)) + 1e-4 * sum(p * p for p in model.parameters())


def squares(model, points, signs):
    return sum((model(point) - sign) ** 2 for sign, point in zip(signs, points)) / len(points)


@pytest.mark.parametrize("loss_of", [max_margin, squares])
@pytest.mark.parametrize("seed", [1, 1337])
def test_training_gives_the_same_losses_gradients_and_parameters(loss_of, seed):
    histories = []
    for module in (nn, micrograd):
        random.seed(seed)
        model = module.MLP(2, [5, 4, 1])
        points = [[random.gauss(0.0, 1.0), random.gauss(0.0, 1.0)] for _ in range(8)]
        points[0] = [0, 0]  # every neuron of the first layer is at the kink of relu
        signs = [1 if x > y else -1 for x, y in points]
        history = [repr(model), len(model.parameters())]
        for step in range(12):
            loss = loss_of(model, points, signs)
            model.zero_grad()
            loss.backward()
            history.append((bits(loss.data), [bits(p.grad) for p in model.parameters()]))
            for p in model.parameters():
                p.data -= (0.5 - 0.02 * step) * p.grad
        histories.append([*history, [bits(p.data) for p in model.parameters()], random.random()])
    assert histories[0] == histories[1]


@pytest.mark.parametrize("make", [lambda m: m.Neuron(3), lambda m: m.Neuron(3, nonlin=False), lambda m: m.Layer(2, 3)])
def test_parts_draw_the_same_numbers_and_tell_of_themselves_alike(make):
    seen = []
    for module in (nn, micrograd):
        random.seed(7)
        part = make(module)
        outputs = part([1.0, -2, 0.5])
        outputs = outputs if isinstance(outputs, list) else [outputs]
        seen.append((repr(part), [p.data for p in part.parameters()], [bits(y.data) for y in outputs], random.random()))
        assert isinstance(part, module.Module)
    assert seen[0] == seen[1]


@pytest.mark.parametrize("number", [0.0, -0.0, 0, 5e-324, -5e-324, math.inf, -math.inf])
def test_relu_at_special_numbers(number):
    slopes = []
    for Value in (engine.Value, micrograd.Value):
        x = Value(number)
        y = x.relu()
        y.backward()
        slopes.append((bits(y.data), bits(x.grad)))
    assert slopes[0] == slopes[1]


def test_division_rounds_twice():
    numbers = [(x, y) for x in range(1, 30) for y in range(1, 30)]
    for x, y in numbers:
        assert (micrograd.Value(x) / micrograd.Value(y)).data == (engine.Value(x) / engine.Value(y)).data
    assert any((micrograd.Value(x) / y).data != x / y for x, y in numbers)
    with pytest.raises(ZeroDivisionError):
        micrograd.Value(1.0) / 0


def test_every_result_is_of_its_class():
    x = micrograd.Value(0.5)
    results = [x % 2, x // 2, 2 % x, 2**x, abs(x), x.exp(), x.tanh(), autograd_mini.sin(x), *softmax([x, 1.0]), +x]
    assert {type(y) for y in results} == {micrograd.Value}
    mixed = [autograd_mini.Value(2.0) * x, x * autograd_mini.Value(2.0)]
    assert {type(y) for y in mixed} == {micrograd.Value}
    assert isinstance(x, autograd_mini.Value)


def test_parts_have_its_names():
    for Value in (engine.Value, micrograd.Value):
        x, y = Value(2.0), Value(0.5)
        for node, operands in ((x + y, [x, y]), (x * y, [x, y]), (x**2, [x]), (x**0.5, [x]), (x.relu(), [x]), (x, [])):
            assert len(node._prev) == len(operands)
            assert all(operand in node._prev for operand in operands)
        assert [(x + y)._op, (x * y)._op, (x**2)._op, (x**-0.5)._op, x.relu()._op, x._op] == [
            "+", "*", "**2", "**-0.5", "ReLU", ""
        ]  # fmt: skip
    assert micrograd.Value(2.0).tanh()._op == "tanh"
    assert len((micrograd.Value(2.0) ** micrograd.Value(3.0))._prev) == 2


def test_constants_get_gradients_as_there():
    x = micrograd.Value(3.0)
    y = x * 5
    y.backward()
    assert y._prev[1].grad == 3.0
    assert all(isinstance(node, micrograd.Value) for node in y._prev)
    assert (x * 5)._prev[1] not in y._prev


def test_identity_and_truth():
    x, y = micrograd.Value(0.0), micrograd.Value(0.0)
    assert x
    assert x != y
    assert x in [y, x]
    assert y not in [x]
    assert len({x, y}) == 2


def test_depth_is_no_limit():
    x = y = micrograd.Value(1.0)
    for _ in range(20_000):
        y = y * x
    y.backward()
    assert x.grad == 20_001.0


def test_functions_assigned_to_backward_are_called():
    """A sine by hand, the way it is done there."""
    x = micrograd.Value(0.3)
    out = micrograd.Value(math.sin(x.data))

    def step():
        x.grad += math.cos(x.data) * out.grad

    out._backward = step
    (out * 2).backward()
    assert x.grad == 2.0 * math.cos(0.3)


@pytest.mark.parametrize("clone", [copy.deepcopy, lambda thing: pickle.loads(pickle.dumps(thing))])
def test_models_and_graphs_copy(clone):
    model = micrograd.MLP(2, [3, 1])
    twin = clone(model)
    for each in (model, twin):
        each([1.0, 2.0]).backward()
    assert [p.grad for p in model.parameters()] == [p.grad for p in twin.parameters()]
    y = clone(model([1.0, 2.0]))
    assert {type(node) for node in topological_order(y)} <= {micrograd.Value, micrograd.Constant}


def test_other_tools_take_it():
    x = micrograd.Value(3.0)
    assert grad(lambda v: v * v / 2)(2.0) == 2.0
    (slope,) = autograd_mini.gradients(x**3, [x], create_graph=True)
    assert autograd_mini.gradients(slope, [x]) == [18.0]


def test_what_is_compared_branches_when_compiled():
    """There, the answer is a Value, but none that counts as true whatever it is."""
    weight = micrograd.Value(-2.0)

    def step(x):
        is_up = weight * x > 0.0
        return weight * x * is_up + (3.0 if is_up else 7.0) + max([weight * x, weight])

    compiled = autograd_mini.compile(step)
    assert [compiled(x) for x in (1.0, -1.0)] == [step(x).data for x in (1.0, -1.0)] == [5.0, 7.0]
