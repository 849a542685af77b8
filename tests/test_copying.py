"""Copies and pickles of graphs, however these are interrupted."""

import pickle
from copy import deepcopy
from functools import partial

import pytest

from autograd_mini import Value, clip, gradients, maximum, relu, tanh
from autograd_mini import sum as total
from tests.interrupting import interrupt_everywhere


def test_an_interrupted_pickle_does_not_change_the_next():
    """Graphs are pickled parents first; what that needs must not outlast the pickling."""
    y = total([tanh(0.1 * Value(float(i))) for i in range(4)])
    expected = pickle.dumps(y)
    deep = Value(1.0)
    for _ in range(3000):
        deep = deep * 1.0
    pickled = pickle.dumps(deep)

    def check(_):
        assert pickle.dumps(y) == expected

    interrupt_everywhere(lambda: None, lambda _: pickle.dumps(y), check)
    assert pickle.dumps(deep) == pickled


class Measured(Value):
    __slots__ = ("unit",)


class Private(Measured):
    __slots__ = ("__own", "empty")

    def keep(self, own):
        self.__own = own
        return self

    def kept(self):
        return self.__own


@pytest.mark.parametrize(
    "copied",
    [deepcopy, Value.copy, *[partial(lambda n, x: pickle.loads(pickle.dumps(x, n)), n) for n in range(6)]],
)
def test_slots_of_subclasses_are_copied(copied):
    x = Private(2.0, label="x").keep([1.0])
    x.unit, x.note = "m", "in the dict"
    twin = copied(x)
    assert (type(twin), twin.data, twin.label, twin.unit, twin.note, twin.kept()) == (
        Private, 2.0, "x", "m", "in the dict", [1.0],
    )  # fmt: skip
    assert not hasattr(twin, "empty")
    assert copied(x * x).data == 4.0


def test_gradients_recorded_at_ties_can_be_pickled():
    """They contain operations that rules chose by, which have no row in the table."""
    xs = [Value(0.0), Value(0.0)]
    y = relu(xs[0]) * (2.0 + xs[1]) + maximum(*xs) * clip(xs[0], 0.0, 1.0)
    copies, slopes = pickle.loads(pickle.dumps((xs, gradients(y, xs, create_graph=True))))
    assert [slope.data for slope in slopes] == gradients(y, xs)
    assert gradients(slopes[0], copies) == [2.0, 1.0]


CHOSEN = {
    "at a product of halves": lambda x, y: relu(x) * x + relu(-x) + y * y,
    "of two variables": lambda x, y: maximum(x * x, y * x) + relu(y) * y - relu(x) * x,
    "in the direction of the other": lambda x, y: relu(x - y) * x + relu(y - x) * x + relu(-y),
}


def copies_of(things):
    yield deepcopy(things)
    memo = {}
    yield tuple(deepcopy(each, memo) for each in things)
    for protocol in (2, pickle.HIGHEST_PROTOCOL):
        yield pickle.loads(pickle.dumps(things, protocol))


@pytest.mark.parametrize("f", CHOSEN.values(), ids=CHOSEN)
def test_copies_of_gradients_keep_what_was_chosen_at_ties(f):
    """All rows of a Hessian are second derivatives of one function, and so are those of a copy, and third ones."""
    xs = [Value(0.0), Value(0.0)]
    slopes = gradients(f(*xs), xs, create_graph=True)
    expected = [gradients(slope, xs) for slope in slopes]
    bends = gradients(slopes[0], xs, create_graph=True)
    for copied, again, bent in copies_of((xs, slopes, bends)):
        assert [gradients(slope, copied) for slope in again] == expected
        assert [gradients(bend, copied) for bend in bent] == [gradients(bend, xs) for bend in bends]
    for slope, row in zip(slopes, expected):
        assert gradients(deepcopy(slope), xs) == row


def test_choices_of_deep_graphs_are_copied_without_recursion():
    x = Value(0.0)
    deep = relu(x) * x + relu(-x)
    for _ in range(3000):
        deep = deep + x
    (slope,) = gradients(deep, [x], create_graph=True)
    assert gradients(deepcopy(slope), [x]) == gradients(slope, [x]) == [0.0]
    copied, again = pickle.loads(pickle.dumps((x, slope)))
    assert gradients(again, [copied]) == [0.0]
