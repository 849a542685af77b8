"""Cleanup that always happens, writes that happen together, and a planted leak that the test finds."""

import contextlib
import gc

import numpy as np
import pytest

from autograd_mini import Value
from autograd_mini.interrupts import ensure, write
from autograd_mini.observing import Observer, active
from tests.interrupting import interrupt_everywhere

SETTINGS = {"open": 0}


def nothing():
    return None


def closed(_):
    assert SETTINGS == {"open": 0}


def test_what_is_ensured_happens():
    def work():
        SETTINGS.update(open=1)
        return sum(range(3))

    def run(_):
        assert ensure(lambda: SETTINGS.update(open=0), work) == 3

    assert interrupt_everywhere(nothing, run, closed) >= 15


def test_errors_go_on_through_what_is_ensured():
    endings = []
    with pytest.raises(ZeroDivisionError):
        ensure(lambda: endings.append(1), lambda: 1 / 0)
    assert endings == [1, 1]


def test_writes_come_together():
    def check(xs):
        assert [x.data for x in xs] in ([1.0, 2.0], [3.0, 4.0])

    assert interrupt_everywhere(
        lambda: [Value(1.0), Value(2.0)], lambda xs: write(xs, "_number", [3.0, 4.0]), check
    )  # fmt: skip


@contextlib.contextmanager
def opened():
    SETTINGS.update(open=1)
    try:
        yield
    finally:
        SETTINGS.update(open=0)


def forgotten(_):
    SETTINGS.update(open=1)
    sum(range(3))
    SETTINGS.update(open=0)


def once_only(_):
    SETTINGS.update(open=1)
    try:
        sum(range(3))
    finally:
        SETTINGS.update(open=0)


def as_context(_):
    with opened():
        sum(range(3))


@pytest.mark.parametrize("planted", [forgotten, once_only, as_context])
def test_a_planted_leak_is_found(planted):
    """The last two cases leak in one place only."""
    try:
        with pytest.raises(AssertionError) as caught:
            interrupt_everywhere(nothing, planted, closed)
    finally:
        SETTINGS.update(open=0)
    assert "after an interrupt at" in caught.value.__notes__[0]


def collector(_):
    gc.disable()
    gc.enable()


def errors_of_numpy(_):
    with np.errstate(all="ignore"):
        np.zeros(1)


class Entered(Observer):
    def __enter__(self):
        super().__enter__()
        self.held = self._ticket()


def observer(_):
    with Entered():
        Value(1.0) * 2.0


@pytest.mark.parametrize(
    ("planted", "what"), [(collector, "collector"), (errors_of_numpy, "NumPy's errors"), (observer, "open scopes")]
)
def test_a_state_of_the_process_left_changed_is_found(planted, what):
    errors = np.geterr()
    try:
        with pytest.raises(AssertionError, match=f"left something behind.*{what}"):
            interrupt_everywhere(nothing, planted, lambda _: None)
    finally:
        gc.enable()
        np.seterr(**errors)
        for observer in list(active.values()):
            del observer.held
    assert not active


def test_a_lock_left_is_found(monkeypatch):
    import threading

    monkeypatch.setattr("tests.interrupting.PATIENCE", 0.2)

    def run(lock):
        lock.acquire()
        lock.release()

    def check(lock):
        with lock:
            pass

    with pytest.raises(AssertionError, match="left something locked"):
        interrupt_everywhere(threading.RLock, run, check)
