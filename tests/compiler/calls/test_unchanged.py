"""Whatever a function reads from outside, and however that changes, no result is out of date."""

import array
import collections
import sys
import types
from copy import deepcopy

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograd_mini import compile
from autograd_mini.compiler.calls import unchanged
from autograd_mini.compiler.calls.captured import Captured
from autograd_mini.compiler.calls.unchanged import State
from autograd_mini.compiler.run.executing import Target
from autograd_mini.compiler.run.watch import Watch


class OwnList(list):
    k = 2.0


class OwnDict(dict):
    k = 2.0


class OwnTuple(tuple):
    k = 2.0


class InSlot:
    __slots__ = ("k",)


def with_k(thing, k=2.0):
    thing.k = k
    return thing


def space(**attributes):
    return types.SimpleNamespace(**attributes)


def put(at, thing):
    return lambda holder: holder.__setitem__(at, thing)


def set_k(k=3.0):
    return lambda holder: setattr(holder, "k", k)


def replace_one_by_true(ones):
    ones.remove(1)
    ones.add(True)


CASES = {
    "an attribute of a list": (with_k(OwnList([1.0])), set_k(), lambda x, o: x * o.k),
    "an attribute of a dict": (with_k(OwnDict(a=1.0)), set_k(), lambda x, o: x * o.k),
    "an attribute of a tuple": (with_k(OwnTuple([1.0])), set_k(), lambda x, o: x * o.k),
    "an equal one in a set": (
        {1, 5.0}, replace_one_by_true, lambda x, o: x * (3.0 if any(e is True for e in o) else 2.0)),
    "an equal one in a list": ([1], put(0, True), lambda x, o: x * (3.0 if o[0] is True else 2.0)),
    "a zero's sign": ([0.0], put(0, -0.0), lambda x, o: x + (3.0 if str(o[0]) == "-0.0" else 2.0)),
    "a deque": (collections.deque([2.0]), put(0, 3.0), lambda x, o: x * o[0]),
    "an array": (array.array("d", [2.0]), put(0, 3.0), lambda x, o: x * o[0]),
    "bytes": (bytearray(b"ab"), put(0, 3), lambda x, o: x * o[0]),
    "a view of bytes": (memoryview(bytearray(b"ab")), put(0, 3), lambda x, o: x * o[0]),
    "a view of an array": (numpy.arange(10.0)[::2], put(1, 7.0), lambda x, o: x * float(o[1])),
    "an array of objects": (numpy.array([2.0, None]), put(0, 3.0), lambda x, o: x * o[0]),
    "named columns": (
        numpy.array([(1.0,)], dtype=[("a", "f8")]), put(0, (3.0,)), lambda x, o: x * float(o["a"][0])),
    "the order of a dict": (
        {"a": 2.0, "b": 3.0}, lambda o: o.update(a=o.pop("a")), lambda x, o: x * next(iter(o.values()))),
    "deep in a nest": ({"a": ([2.0],)}, lambda o: o["a"][0].append(1.0), lambda x, o: x * len(o["a"][0])),
    "a slice": (space(v=[1.0, 2.0]), lambda o: put(slice(None), [4.0, 5.0])(o.v), lambda x, o: x * sum(o.v)),
    "an object": (space(k=2.0), set_k(), lambda x, o: x * o.k),
    "an object in an object": (space(o=space(k=2.0)), lambda o: set_k()(o.o), lambda x, o: x * o.o.k),
    "an object in a list": ([space(k=2.0)], lambda o: set_k()(o[0]), lambda x, o: x * o[0].k),
    "an object in a dict": ({"a": space(k=2.0)}, lambda o: set_k()(o["a"]), lambda x, o: x * o["a"].k),
    "an object in a deque": (collections.deque([space(k=2.0)]), lambda o: set_k()(o[0]), lambda x, o: x * o[0].k),
    "another object in a list": ([space(k=2.0)], lambda o: o.append(space(k=3.0)), lambda x, o: x * o[-1].k),
    "a slot": (with_k(InSlot()), set_k(), lambda x, o: x * o.k),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("backend", ["machine", "numpy"])
def test_what_a_helper_is_handed(name, backend):
    """The function itself does not name it."""
    if backend == "machine":
        pytest.importorskip("llvmlite")
    thing, change, read = CASES[name]
    thing = memoryview(bytearray(thing)) if isinstance(thing, memoryview) else deepcopy(thing)
    compiled = compile(lambda x: read(x, thing), backend=backend)
    expected = []
    for _ in range(2):
        expected.append(read(2.0, thing))
        for _ in range(2):
            assert compiled(2.0) == expected[-1]
            assert compiled.value_and_grad(2.0)[0] == expected[-1]
        change(thing)
    assert expected[0] != expected[1]


entries = st.sampled_from([1.0, 1, True, 0.0, -0.0, "a", None, (1.0,), 2.5])
edits = st.lists(st.tuples(st.sampled_from(["put", "append", "pop", "replace", "nothing"]), st.integers(0, 3), entries))


@settings(max_examples=100, deadline=None)
@given(st.lists(entries, min_size=1, max_size=4), edits)
def test_both_ways_to_tell_agree(items, changes):
    """The check in machine code, and the one in Python."""
    pytest.importorskip("llvmlite")
    held = {"list": [*items], "dict": dict(enumerate(items)), "cell": items[0]}
    cell = items[0]

    def f(x):
        return x, held, cell

    watches = [Captured(f, Target(backend)) for backend in ("machine", "numpy")]
    for each in watches:
        each.look()
    states = [[each.state() for each in watches]]
    seen = [each.seen for each in watches]
    assert all(isinstance(each, State) and each.is_same() for each in seen)
    for how, place, entry in changes:
        if how == "put":
            held["list"][place % max(len(held["list"]), 1) :][:1] = [entry]
            held["list"].insert(place, entry)
        elif how == "append":
            held["dict"][len(held["dict"])] = entry
        elif how == "pop" and held["list"]:
            held["list"].pop()
        elif how == "replace":
            cell = entry
        assert len({each.is_same() for each in seen}) == 1
        states.append([each.state() for each in watches])
        assert states[-1][0] == states[-1][1]


@pytest.mark.parametrize("backend", ["machine", "numpy"])
def test_references_to_what_is_watched_are_counted(backend):
    """However often it is looked at: in a cell, a list, a dict, an attribute and a slot."""
    if backend == "machine":
        pytest.importorskip("llvmlite")
    cell, items, entries = (1.5,), [(2.5,), (3.5,)], {"a": (4.5,)}
    thing, in_slot = space(k=(5.5,)), with_k(InSlot(), (6.5,))

    def f(x):
        return x, cell, items, entries, thing.k, in_slot.k

    watch = Captured(f, Target(backend))
    watch.look()
    watch.state()
    assert watch.seen.places
    watched = [cell, items, *items, entries, *entries.values(), thing, thing.k, in_slot, in_slot.k]
    before = [*map(sys.getrefcount, watched)]
    assert all(watch.seen.is_same() for _ in range(50))
    assert [*map(sys.getrefcount, watched)] == before


@pytest.mark.parametrize("backend", ["machine", "numpy"])
@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_ctrl_c_is_not_lost_while_it_is_looked(backend, error, monkeypatch):
    """Machine code looks by a function of Python here, which an interrupt may end; it comes once."""
    settings = collections.OrderedDict(scale=2.0)
    f = compile(lambda x: x * settings["scale"], backend=backend)
    assert f.grad(1.0) == f.grad(1.0) == 2.0
    content = unchanged._content

    def interrupted(container):
        monkeypatch.setattr(unchanged, "_content", content)
        raise error

    monkeypatch.setattr(unchanged, "_content", interrupted)
    with pytest.raises(error):
        f.grad(1.0)
    assert f.grad(1.0) == 2.0
    settings["scale"] = 3.0
    assert f.grad(1.0) == 3.0


def test_other_errors_while_machine_code_looks_are_met_again_on_the_long_way():
    def broken():
        raise OSError

    assert not Watch.of([(broken, None)], []).is_same()


class Interrupting:
    """A thing during whose reading an interrupt comes, once."""

    has_come = False

    @property
    def __class__(self):
        if not Interrupting.has_come:
            Interrupting.has_come = True
            raise KeyboardInterrupt
        return float

    def __float__(self):
        return 1.0


def test_ctrl_c_is_not_lost_while_machine_code_reads_arguments():
    f = compile(lambda x: x * 2.0, backend="machine")
    assert f.grad(1.0) == f.grad(1.0) == 2.0
    with pytest.raises(KeyboardInterrupt):
        f.grad(Interrupting())
    assert f.grad(1.0) == 2.0
