"""Pickles of graphs, which may be interrupted at any time."""

import pickle

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


def test_gradients_recorded_at_ties_can_be_pickled():
    """They contain operations that rules chose by, which have no row in the table."""
    xs = [Value(0.0), Value(0.0)]
    y = relu(xs[0]) * (2.0 + xs[1]) + maximum(*xs) * clip(xs[0], 0.0, 1.0)
    copies, slopes = pickle.loads(pickle.dumps((xs, gradients(y, xs, create_graph=True))))
    assert [slope.data for slope in slopes] == gradients(y, xs)
    assert gradients(slopes[0], copies) == [2.0, 1.0]
