"""Pickles of graphs, however they are interrupted."""

import pickle

from autograd_mini import Value, tanh
from autograd_mini import sum as total
from tests.interrupting import interrupt_everywhere


def test_an_interrupted_pickle_does_not_change_the_next():
    """Graphs are pickled parents first, which must hold no longer than while one is."""
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
