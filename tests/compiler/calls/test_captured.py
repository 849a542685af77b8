"""If something changes that a compiled function reads from outside its arguments, the function is compiled again."""

import ctypes
import importlib
import inspect
import math
import mmap
import multiprocessing
import os
import sys
import threading
import types
import warnings
import weakref
from argparse import Namespace
from collections import UserDict
from contextvars import ContextVar
from dataclasses import dataclass, field
from decimal import Decimal, getcontext
from functools import cached_property, lru_cache, partial, partialmethod, wraps
from itertools import product
from operator import attrgetter, methodcaller
from unittest import mock

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array

from autograd_mini import Value, compile, grad, tanh
from autograd_mini.compiler.calls.captured import Captured
from autograd_mini.compiler.calls.searching import searched
from autograd_mini.compiler.ir import keys
from autograd_mini.nn import MLP, Layer

scale = 2.0
table = {"a": [1.0, 2.0], "b": 3.0}
weights = numpy.array([1.0, 2.0])
settings_of = types.SimpleNamespace(k=2.0, other=1.0)
module = types.ModuleType("module_of_test_captured")
module.k = 2.0
sys.modules[module.__name__] = module


class Model:
    """An object with numbers in all kinds of places."""

    of_class = 3.0
    __slots__ = ("__dict__", "in_slot")

    def __init__(self):
        self.k = 2.0
        self.rows = [[1.0, 2.0], [3.0]]
        self.in_slot = 5.0
        self.inner = types.SimpleNamespace(k=7.0)

    @property
    def doubled(self):
        return 2.0 * self.k

    def helper(self, x):
        return x * self.rows[1][0]

    def times(self, x):
        return self.k * x * self.of_class * self.in_slot * self.inner.k

    def indirectly(self, x):
        return self.helper(x) * self.doubled

    def __call__(self, x):
        return self.times(x)


class Held:
    """Numbers that a function reads without naming them."""

    def __init__(self):
        self.numbers, self.w0, self.w1 = [1.0, 2.0], 3.0, 4.0

    def __getitem__(self, place):
        return self.numbers[place]

    def __iter__(self):
        return iter(self.numbers)

    def __len__(self):
        return len(self.numbers)

    def __rmul__(self, x):
        return x * self.numbers[0]

    def __lt__(self, x):
        return self.numbers[0] < x

    def __getattr__(self, name):
        if name != "tenfold":
            raise AttributeError(name)
        return 10.0 * self.numbers[0]

    def one(self, x):
        return x * self.w0

    @property
    def two(self):
        return self.w1

    @classmethod
    def three(cls, x):
        return cls.factor * x

    factor = 2.0


class Below(Held):
    def one(self, x):
        return super().one(x) + 1.0


class Named(numpy.ndarray):
    """An array with attributes."""


class NamedFloat(float):
    """A float with attributes."""


class Foreign:
    """An array of another library."""

    __slots__ = ("numbers",)

    def __array__(self, dtype=None, copy=None):
        return self.numbers

    def item(self):
        return float(self.numbers[0])


Foreign.__module__ = "frames"


def helped(x):
    return x * scale


def with_an_attribute(x):
    return x * with_an_attribute.k


with_an_attribute.k = 2.0


def importing(x):
    import module_of_test_captured
    from module_of_test_captured import k

    return x * module_of_test_captured.k + k


def decorated(f):
    @wraps(f)
    def wrapped(*args):
        return f(*args)

    return wrapped


def with_defaults(x, a=2.0, b=(3.0,), *, c=5.0):
    return x * a * b[0] * c


def set_global(name, number):
    globals()[name] = number


def closure():
    number = 2.0

    def inner(x):
        return number * x

    def change(to):
        nonlocal number
        number = to

    return inner, change


def cases():
    """Functions, each with ways to change what it reads."""
    model = Model()
    inner, change = closure()
    copied = types.FunctionType(with_defaults.__code__, globals(), "copied", with_defaults.__defaults__)
    copied.__kwdefaults__ = {"c": 5.0}
    held = [1.5, [2.5]]
    bound = partial(with_defaults, b=[3.0])
    return {
        "a cell": (inner, [lambda: change(5), lambda: change(True), lambda: change(-0.0)]),
        "a global": (lambda x: x * scale, [lambda: set_global("scale", 5), lambda: set_global("scale", 2.0)]),
        "a global of a helper": (lambda x: helped(x) + 1.0, [lambda: set_global("scale", 7.0)]),
        "of a decorated function": (decorated(helped), [lambda: set_global("scale", 8.0)]),
        "in a list comprehension": (lambda x: sum([x * scale for _ in range(2)]), [lambda: set_global("scale", 9.0)]),
        "a dict": (lambda x: x * table["a"][1] * table["b"], [
            lambda: table["a"].__setitem__(1, 7.0), lambda: table.update(b=1.0)]),
        "a list in a cell": (lambda x: x * held[1][0], [lambda: held[1].__setitem__(0, 9.0)]),
        "an array": (lambda x: x * weights[0] + weights[1], [
            lambda: weights.__setitem__(0, 9.0), lambda: set_global("weights", numpy.array([0.0, 1.0]))]),
        "a namespace": (lambda x: x * settings_of.k, [lambda: setattr(settings_of, "k", 5.0)]),
        "a module": (lambda x: x * module.k, [lambda: setattr(module, "k", 5.0)]),
        "a method": (model.times, [
            lambda: setattr(model, "k", 5.0), lambda: setattr(Model, "of_class", 4.0),
            lambda: setattr(model, "of_class", 6.0), lambda: setattr(model, "in_slot", 1.0),
            lambda: setattr(model.inner, "k", 1.0)]),
        "a method that calls another": (model.indirectly, [
            lambda: model.rows[1].__setitem__(0, 11.0), lambda: setattr(model, "k", 1.5)]),
        "an object that is called": (model, [lambda: setattr(model, "k", 2.5)]),
        "an object in a cell": (lambda x: model.times(x), [lambda: setattr(model, "k", 3.5)]),
        "objects in a list": (lambda x, models=(model,): sum(m.times(x) for m in models), [
            lambda: setattr(model, "k", 4.5)]),
        "defaults": (copied, [
            lambda: setattr(copied, "__defaults__", (7.0, (3.0,))), lambda: copied.__kwdefaults__.update(c=6.0)]),
        "a partial": (bound, [lambda: bound.keywords["b"].__setitem__(0, 4.0)]),
        "a derivative": (grad(lambda x: x * x * scale), [lambda: set_global("scale", 3.5)]),
        "a compiled function": (lambda x: COMPILED.function(x), [lambda: set_global("scale", 4.5)]),
    }  # fmt: skip


COMPILED = compile(helped)


def unnamed_cases():
    """The same for things that code reads without naming them."""
    kind = type("Held", (Held,), {"__module__": __name__})
    held, below, named = kind(), Below(), numpy.ones(2).view(Named)
    nested = numpy.array([1.0, [2.0]], dtype=object)
    named.k = 2.0
    users, hidden, sparse = UserDict(a=1.0), {"a": 1.0}, csr_array(numpy.eye(2))
    proxy, cycle = types.MappingProxyType(hidden), {"k": 2.0}
    cycle["self"] = cycle

    def first(change_to=7.0):
        held.numbers[0] = change_to

    def called(x):
        return x * 2.0

    def replace_code():
        called.__code__ = (lambda x: x * 17.0).__code__

    return {
        "items": (lambda x: x * held[0], [first]),
        "all items": (lambda x: sum(x * each for each in held), [first, lambda: held.numbers.append(5.0)]),
        "a length": (lambda x: x * len(held), [lambda: held.numbers.append(5.0)]),
        "an operator": (lambda x: x * held, [first]),
        "a comparison": (lambda x: x if held < 5.0 else -x, [first]),
        "what is no attribute": (lambda x: x * held.tenfold, [first]),
        "attributes by names that are made": (lambda x: sum(getattr(held, f"w{i}") * x for i in range(2)), [
            lambda: setattr(held, "w1", 9.0)]),
        "all attributes": (lambda x: x * sum(each for each in vars(held).values() if type(each) is float), [
            lambda: setattr(held, "w1", 9.0), lambda: setattr(held, "w2", 9.0)]),
        "a dict of attributes": (lambda x: x * held.__dict__["w0"], [lambda: setattr(held, "w0", 9.0)]),
        "a method that is replaced": (lambda x: held.one(x), [
            lambda: setattr(kind, "one", lambda self, x: x * 7.0), lambda: setattr(held, "one", lambda x: x * 9.0)]),
        "a method of the class above": (below.one, [lambda: setattr(below, "w0", 9.0)]),
        "a property that is replaced": (lambda x: held.two * x, [
            lambda: setattr(kind, "two", property(lambda self: 7.0))]),
        "a method of a class": (lambda x: held.three(x), [lambda: setattr(kind, "factor", 5.0)]),
        "code that is replaced": (lambda x: called(x), [replace_code]),
        "an attribute of a function": (with_an_attribute, [lambda: setattr(with_an_attribute, "k", 5.0)]),
        "what is imported within": (importing, [lambda: setattr(module, "k", 9.0)]),
        "a list in an array": (lambda x: x * nested[1][0], [lambda: nested[1].__setitem__(0, 5.0)]),
        "an attribute of an array": (lambda x: x * named.k, [lambda: setattr(named, "k", 5.0)]),
        "a mapping of a library": (lambda x: x * users["a"], [lambda: users.update(a=5.0)]),
        "a mapping that shows another": (lambda x: x * proxy["a"], [lambda: hidden.update(a=5.0)]),
        "a matrix of a library": (lambda x: x * sparse[0, 0], [lambda: sparse.data.__setitem__(0, 5.0)]),
        "what holds itself": (lambda x: x * cycle["self"]["self"]["k"], [lambda: cycle.update(k=5.0)]),
    }  # fmt: skip


def shown_cases():
    """The same for things that refer to what is elsewhere, or does not exist yet."""
    kind = type("Kind", (), {"__module__": __name__, "nothing": None})
    thing, hidden, number = kind(), {"k": 2.0}, NamedFloat(3.0)
    thing.k = number.k = 2.0
    variable, of_thread, foreign = ContextVar("variable"), threading.local(), Foreign()
    of_thread.k, foreign.numbers = 2.0, numpy.ones(1)
    weak, by_name, called = weakref.ref(thing), attrgetter("k"), methodcaller("get", "k")
    things, view, options = weakref.WeakValueDictionary(k=thing), hidden.values(), Namespace(k=2.0)
    series, w = numpy.polynomial.Polynomial([1.0, 2.0]), Value(3.0)
    w.k = 2.0

    class Cached:
        @cached_property
        def k(self):
            return hidden["k"]

    class Halved:
        def __get__(self, holder, kind):
            return holder.whole / self.parts

    class Refusing:
        def __getattr__(self, name):
            return hidden[name]

        def __call__(self, x):
            return x * self.k

    cached, refusing, halved = Cached(), Refusing(), Halved()
    holder = type("Holder", (), {"__module__": __name__, "half": halved})()
    holder.whole, halved.parts = 2.0, 4.0
    get, item, total = {"a": 2.0}.get, [2.0, 3.0].__getitem__, numpy.ones(2).sum

    @lru_cache
    def kept():
        return hidden["k"]

    lazy = {}

    def memo(x):
        if "k" not in lazy:
            lazy["k"] = hidden["k"]
        return x * lazy["k"]

    def tried(x):
        try:
            return x * kind.later + named_later
        except (AttributeError, NameError):
            return x

    def forget():
        del cached.k

    change = [lambda: setattr(thing, "k", 5.0)]
    globals().pop("named_later", None)
    notebook = {"__name__": "notebook", "scale": 2.0}
    for cell in ("def shown(x): return x * globals()['scale']", "def run(x): return x * eval('scale + 1.0')"):
        exec(cell, notebook)
    return {
        "the environment": (lambda x: x * float(os.environ["AUTOGRAD_MINI_TEST"]), [
            lambda: os.environ.update(AUTOGRAD_MINI_TEST="5.0")]),
        "a variable of the environment": (lambda x: x * float(os.getenv("AUTOGRAD_MINI_TEST")), [
            lambda: os.environ.update(AUTOGRAD_MINI_TEST="5.0")]),
        "globals": (notebook["shown"], [lambda: notebook.update(scale=5.5)]),
        "a string that is evaluated": (notebook["run"], [lambda: notebook.update(scale=6.5)]),
        "modules": (lambda x: x * sys.modules["module_of_test_captured"].k, [lambda: setattr(module, "k", 5.5)]),
        "a module by name": (lambda x: x * __import__("module_of_test_captured").k, [
            lambda: setattr(module, "k", 6.5)]),
        "a context variable": (lambda x: x * (variable.get(None) or 2.0), [
            lambda: variable.set(3.0), lambda: variable.set(5.0)]),
        "what a thread has": (lambda x: x * of_thread.k, [lambda: setattr(of_thread, "k", 5.0)]),
        "a weak reference": (lambda x: x * weak().k, change),
        "a mapping of weak references": (lambda x: x * things["k"].k, change),
        "a getter of attributes": (lambda x: x * by_name(thing), change),
        "a caller of methods": (lambda x: x * called(hidden), [lambda: hidden.update(k=5.0)]),
        "a view of a dict": (lambda x: x * sum(view), [lambda: hidden.update(k=5.0), lambda: hidden.update(m=5.0)]),
        "a namespace of a library": (lambda x: x * options.k, [lambda: setattr(options, "k", 5.0)]),
        "a function object of a library": (lambda x: series(x), [lambda: series.coef.__setitem__(0, 5.0)]),
        "an array of another library": (lambda x: x * foreign.item(), [lambda: foreign.numbers.__setitem__(0, 5.0)]),
        "an attribute of a float": (lambda x: x * number.k, [lambda: setattr(number, "k", 5.0)]),
        "an attribute of a Value": (lambda x: x * w.k, [lambda: setattr(w, "k", 5.0)]),
        "None in a class": (lambda x: x * (kind.nothing or 2.0), [lambda: setattr(kind, "nothing", 5.0)]),
        "a property that is kept": (lambda x: x * cached.k, [lambda: (forget(), hidden.update(k=7.0))]),
        "a property that is kept after the change": (lambda x: x * cached.k, [lambda: hidden.update(k=7.0), forget]),
        "a result that is kept": (lambda x: x * kept(), [lambda: hidden.update(k=7.0), kept.cache_clear]),
        "what the function keeps itself": (memo, [
            lambda: hidden.update(k=7.0), lazy.clear, lambda: lazy.update(k=9.0)]),
        "a descriptor": (lambda x: x * holder.half, [
            lambda: setattr(holder, "whole", 5.0), lambda: setattr(halved, "parts", 5.0),
            lambda: setattr(type(holder), "half", property(lambda holder: 7.0))]),
        "an object that refuses other names": (lambda x: refusing(x), [lambda: hidden.update(k=5.0)]),
        "a method of a dict": (lambda x: x * get("a"), [lambda: get.__self__.update(a=5.0)]),
        "a special method of a list": (lambda x: x * item(0), [lambda: item.__self__.__setitem__(0, 5.0)]),
        "a method of an array": (lambda x: x * float(total()), [lambda: total.__self__.__setitem__(0, 5.0)]),
        "what a class may have": (lambda x: x * (kind.m if hasattr(kind, "m") else 2.0), [
            lambda: setattr(kind, "m", 5.0)]),
        "what an object may have": (lambda x: x * getattr(thing, "m", 2.0), [
            lambda: setattr(kind, "m", 5.0), lambda: setattr(thing, "m", 7.0)]),
        "what is tried": (tried, [lambda: setattr(kind, "later", 5.0), lambda: set_global("named_later", 7.0)]),
    }  # fmt: skip


@dataclass
class Counted:
    """What its maker reads."""

    k: float = field(default_factory=lambda: settings_of.k)

    def __post_init__(self):
        self.j = settings_of.other


class Made:
    def __new__(cls):
        made = super().__new__(cls)
        made.k = settings_of.k
        return made

    def __setattr__(self, name, number):
        super().__setattr__(name, number * settings_of.other)


class Holding:
    def __init__(self, j=(1.0, weights)):
        self.k, self.j = scale, j[1][0]


def own_kinds():
    """User-defined containers and numbers whose methods read more, and functions that create them."""
    hidden, thing = [2.0], types.SimpleNamespace(k=2.0)

    class OwnDict(dict):
        def __missing__(self, key):
            return hidden[0]

    class OwnList(list):
        def __getitem__(self, place):
            return super().__getitem__(place) * thing.k

    class OwnTuple(tuple):
        __slots__ = ()

        @property
        def first(self):
            return self[0] * thing.k

    class OwnFloat(float):
        def __rmul__(self, x):
            return x * hidden[0]

        __mul__ = __rmul__

    class Key:
        pass

    key = Key()
    key.k = 2.0
    own_dict, own_list, own_tuple, own_float, keyed = (
        OwnDict(),
        OwnList([3.0]),
        OwnTuple([3.0]),
        OwnFloat(3.0),
        {key: 1},
    )
    bound = types.MethodType(partial(lambda factor, owner, x: x * owner.k * factor[0], hidden), thing)
    shared, in_c, mapped = (ctypes.c_double * 2)(1.0, 2.0), ctypes.c_double(2.0), mmap.mmap(-1, 8)
    locked = multiprocessing.Value("d", 1.0)
    changed = [lambda: hidden.__setitem__(0, 5.0)]
    of_thing = [lambda: setattr(thing, "k", 5.0)]
    of_settings = [lambda: setattr(settings_of, "k", 6.0), lambda: setattr(settings_of, "other", 7.0)]
    deep = inner = [1.0]
    for _ in range(30):
        deep = [deep]

    def deepest(x):
        at = deep
        while isinstance(at[0], list):
            at = at[0]
        return x * at[0]

    return {
        "a dict": (lambda x: x * own_dict["a"], changed),
        "a list": (lambda x: x * own_list[0], of_thing),
        "a tuple": (lambda x: x * own_tuple.first, of_thing),
        "a float": (lambda x: own_float * x, changed),
        "an object as a key": (lambda x: x * sum(each.k for each in keyed), [lambda: setattr(key, "k", 5.0)]),
        "a method of something else than a function": (lambda x: bound(x), [*changed, *of_thing]),
        "an array in C": (lambda x: x * shared[0], [lambda: shared.__setitem__(0, 5.0)]),
        "a number in C": (lambda x: x * in_c.value, [lambda: setattr(in_c, "value", 5.0)]),
        "a file in memory": (lambda x: x * mapped[0], [lambda: mapped.__setitem__(0, 5)]),
        "what processes share": (lambda x: x * locked.value, [lambda: setattr(locked, "value", 5.0)]),
        "a dataclass that is made": (lambda x: x * Counted().k + Counted().j, of_settings),
        "an object that is made": (lambda x: x * Made().k, of_settings),
        "an object with defaults": (lambda x: x * Holding().k + Holding().j, [
            lambda: set_global("scale", 6.25), lambda: weights.__setitem__(0, 6.5)]),
        "deep in a list": (deepest, [lambda: inner.__setitem__(0, 5.0)]),
    }  # fmt: skip


@dataclass(order=True)
class Compared:
    k: float = 1.0
    inner: object = None


@dataclass(unsafe_hash=True)
class Hashed:
    k: float = 1.0


class Shown:
    """It shows an attribute that no code names but its own."""

    def __init__(self):
        self.name = "one"

    def __repr__(self):
        return self.name


class Falling:
    """What it lacks it looks for elsewhere."""

    def __init__(self):
        self.inner = types.SimpleNamespace(k=2.0)

    def __getattr__(self, name):
        if name == "k":
            return self.inner.k
        raise AttributeError(name)


def whole_cases():
    """The same for objects that are compared, ordered, hashed or shown as a whole, and for functions that are asked
    for attributes."""
    one, two = (types.SimpleNamespace(k=1.0, inner=types.SimpleNamespace(z=1.0)) for _ in range(2))
    some, more, shown, hashed, falling = Compared(), Compared(), Shown(), Hashed(), Falling()
    numbers = {Hashed(1.0): 2.0, Hashed(5.0): 7.0}
    given, bound, cached = (lambda x: x), partial(lambda x: x), lru_cache(lambda: 2.0)
    falls = types.ModuleType("falls")
    exec("held = {'k': 2.0}\ndef __getattr__(name): return held[name]", falls.__dict__)
    getcontext().prec = 28

    def of_namespaces():
        return [lambda: setattr(one, "k", 2.0), lambda: setattr(two, "k", 2.0), lambda: setattr(one.inner, "z", 3.0)]

    def of_fields():
        return [lambda: setattr(some, "k", 2.0), lambda: setattr(more, "k", 2.0), lambda: setattr(more, "inner", 1)]

    def asked(x, function):
        return x * getattr(function, "scale", 1.0)

    def guarded(x):
        if x > 1e300:
            raise ValueError(f"{x} is too large")
        return x * len(repr(shown))

    return {
        "namespaces compared": (lambda x: x * (2.0 if one == two else 3.0), of_namespaces()),
        "namespaces in lists": (lambda x: x * (2.0 if [one] != [two] else 3.0), of_namespaces()),
        "a namespace among others": (lambda x: x * [one, two].index(two), of_namespaces()),
        "a namespace in a text": (lambda x: x * len(f"{one}"), [lambda: setattr(one, "k", 123.0)]),
        "dataclasses compared": (lambda x: x * (2.0 if some == more else 3.0), of_fields()),
        "dataclasses in a dict": (lambda x: x * (2.0 if some in {"a": more}.values() else 3.0), of_fields()),
        "dataclasses ordered": (lambda x: x * (2.0 if max(some, more) is some else 3.0), [
            lambda: setattr(more, "k", 7.0), lambda: setattr(some, "k", 9.0)]),
        "a dataclass as a key": (lambda x: x * numbers[hashed], [lambda: setattr(hashed, "k", 5.0)]),
        "a dataclass in a text": (lambda x: x * len(str(some)), [lambda: setattr(some, "k", 123.0)]),
        "an object in a text": (lambda x: x * len(f"{shown}"), [lambda: setattr(shown, "name", "three")]),
        "a text beside an error": (lambda x: guarded(x) * len(repr(shown)), [lambda: setattr(shown, "name", "three")]),
        "an attribute that a function lacks": (lambda x: asked(x, given), [
            lambda: setattr(given, "scale", 3.0), lambda: delattr(given, "scale")]),
        "one that a partial lacks": (lambda x: asked(x, bound), [lambda: setattr(bound, "scale", 3.0)]),
        "one that a cache lacks": (lambda x: asked(x, cached), [lambda: setattr(cached, "scale", 3.0)]),
        "what comes to hide what is looked for": (lambda x: x * falling.k, [
            lambda: setattr(falling.inner, "k", 3.0), lambda: vars(falling).update(k=5.0)]),
        "what a module looks for": (lambda x: x * falls.k, [lambda: falls.held.update(k=3.0)]),
        "decimal numbers": (lambda x: x * float(Decimal(1) / Decimal(3)), [
            lambda: setattr(getcontext(), "prec", 3), lambda: setattr(getcontext(), "prec", 28)]),
    }  # fmt: skip


CASES = {"named": cases, "unnamed": unnamed_cases, "shown": shown_cases, "own": own_kinds, "whole": whole_cases}


@pytest.mark.parametrize(("kind", "name"), [pair for kind in CASES for pair in product([kind], CASES[kind]())])
@pytest.mark.parametrize("batch", [False, True])
def test_what_changes_is_compiled_anew(kind, name, batch, monkeypatch):
    monkeypatch.setenv("AUTOGRAD_MINI_TEST", "2.0")
    f, changes = CASES[kind]()[name]
    compiled = compile(f, batch=batch)
    xs = numpy.array([3.0, -2.0])

    def check():
        if batch:
            assert compiled(xs).tolist() == [f(x) for x in xs.tolist()]
        else:
            for _ in range(3):
                assert compiled(3.0) == f(3.0)
                assert compiled.value_and_grad(3.0) == (f(3.0), grad(f)(3.0))

    check()
    for change in changes:
        change()
        check()


def test_values_in_other_places():
    """Another Value in the same place is another parameter."""
    held = [Value(3.0)]
    w = Value(3.0)
    compiled = compile(lambda x: w * x * held[0])
    assert compiled(2.0) == 18.0
    w = Value(5.0)
    assert compiled(2.0) == 30.0
    assert compiled.parameters[0] is w
    w.data = 7.0
    assert compiled(2.0) == 42.0


def test_values_in_containers():
    """The parameters are the Values that are in the container now; an equal Value is a different one."""
    ws, table, array = [Value(1.0), Value(2.0)], {"w": Value(3.0)}, numpy.array([Value(1.0), Value(4.0)])
    nested = ([Value(2.0)], {"inner": [[Value(5.0)]]})

    def f(x):
        return x * sum(ws) * table["w"] + (array * x).sum() - nested[0][0] * nested[1]["inner"][0][0]

    compiled = compile(f)

    def replace(holder, key):
        holder[key] = Value(holder[key].data)

    for change in (
        lambda: ws.append(Value(5.0)),
        lambda: ws.pop(0),
        ws.reverse,
        lambda: replace(ws, 0),
        lambda: replace(table, "w"),
        lambda: replace(array, 1),
        lambda: replace(nested[0], 0),
        lambda: replace(nested[1]["inner"][0], 0),
    ):
        assert compiled(2.0) == f(2.0).data
        change()
        for w in (ws[0], table["w"], array[1], nested[0][0], nested[1]["inner"][0][0]):
            w.data += 1.0
            assert compiled(2.0) == f(2.0).data


def test_networks_are_watched_whole():
    net = MLP(2, [3, 1], activation="tanh", random=0)
    model = {"net": net}
    compiled = compile(lambda x: model["net"](x))
    x = [0.5, -1.0]

    def check():
        expected = model["net"]([Value(each) for each in x])
        assert numpy.allclose(compiled(x), numpy.array(expected).astype(float), rtol=1e-12)

    for change in (
        lambda: None,
        lambda: net.layers[0].neurons[0].weights.__setitem__(1, Value(9.0)),
        lambda: net.layers.insert(1, Layer(3, 3, "relu")),
        lambda: setattr(net.layers[0].neurons[1], "activation", abs),
        lambda: model.update(net=MLP(2, [3, 1], activation="tanh", random=1)),
        lambda: (
            model["net"].layers[0].neurons.__setitem__(0, MLP(2, [1], activation="tanh", random=5).layers[0].neurons[0])
        ),
    ):
        change()
        check()


def test_helpers_and_objects_that_are_replaced():
    """As happens when a notebook cell is run again."""
    names = {"__name__": "notebook", "tanh": tanh, "act": tanh}
    cells = ["def helper(x): return 2.0 * x", "class Model:\n    k = 2.0\nmodel = Model()", "k = {1.0, 2.0}"]
    for cell in cells:
        exec(cell, names)
    exec("def f(x): return helper(x) * model.k + act(x) * tanh(x) * len(k)", names)
    compiled = compile(names["f"])
    assert compiled(3.0) == pytest.approx(names["f"](3.0), rel=1e-14)
    plans = len(compiled._plans._by_layout)
    for cell in cells[:1]:
        exec(cell, names)
    assert compiled(3.0) == pytest.approx(names["f"](3.0), rel=1e-14)
    assert len(compiled._plans._by_layout) == plans  # the same code again
    for cell in ("def helper(x): return 5.0 * x", cells[1].replace("2.0", "7.0"), "k.add(5.0)", "act = abs"):
        exec(cell, names)
        assert compiled(3.0) == pytest.approx(names["f"](3.0), rel=1e-14)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.sampled_from([2.0, 2, True, 1.0, 0.0, -0.0, math.inf, 3.5]), min_size=1, max_size=8))
def test_states_that_return_are_known(numbers):
    number = 2.0
    compiled = compile(lambda x: 1.0 / (number * x), backend="numpy")
    for number in numbers:
        assert compiled(3.0) == (Value(1.0) / (number * Value(3.0))).data
    assert len(compiled._plans._by_layout) == len({repr(number) for number in numbers})


def test_what_the_function_itself_writes_is_not_what_it_reads():
    calls, last = [], None

    def f(x):
        nonlocal last
        calls.append(1)
        last = len(calls)
        return x * scale

    compiled = compile(f)
    for x in (1.0, 2.0, 3.0):
        assert compiled(x) == x * scale
        compiled.grad(x)
    assert len(calls) == 2
    compiled([1.0][0])
    set_global("scale", scale + 1.0)
    assert compiled(2.0) == 2.0 * scale
    assert len(calls) == 4


def test_nothing_else_is_watched_where_nothing_can_change():
    assert _watched(lambda x: math.pi * x + numpy.pi * Value(1.0) * abs(x)) == ["__code__"]
    assert not _watched(math.sin)
    assert _watched(helped) == ["__code__", "scale"]


def test_fields_that_code_does_not_name_are_not_watched():
    """But a comparison of dataclasses reads all of them."""
    settings = Settings()
    assert _watched(lambda x: x * settings.k) == ["__code__", "cell_contents", "k"]

    def checked(x):
        if x > 1e300:
            raise ValueError(f"{settings} with {x}")
        return x * settings.k

    assert _watched(checked) == ["__code__", "cell_contents", "k"]
    assert {*_watched(lambda x: x if settings == 1.0 else -x)} == {"__code__", "cell_contents", "k", "steps"}


def _watched(f):
    found = Captured(f)
    found.look()
    return [name for _, name in found._watched]


@dataclass
class Settings:
    k: float = 2.0
    steps: int = 0


def test_names_that_are_not_there_yet():
    def f(x):
        return x * not_there_yet  # noqa: F821

    compiled = compile(f)
    with pytest.raises(NameError):
        compiled(2.0)
    globals()["not_there_yet"] = 3.0
    try:
        assert compiled(2.0) == 6.0
        globals()["not_there_yet"] = 5.0
        assert compiled(2.0) == 10.0
    finally:
        del globals()["not_there_yet"]


def test_numbers_that_never_stop_changing():
    number = 0.0
    compiled = compile(lambda x: x + number, backend="numpy")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for number in range(70):
            assert compiled(1.0) == 1.0 + number
    (warning,) = caught
    assert "make numbers that change arguments or Values" in str(warning.message)


def test_large_arrays_count_by_identity(monkeypatch):
    monkeypatch.setattr(keys, "LARGEST", 10)
    large = numpy.zeros(11)
    compiled = compile(lambda x: x * len(large) + large[0])
    assert compiled(1.0) == 11.0
    large[0] = 1.0
    assert compiled(1.0) == 11.0
    large = numpy.zeros(12)
    assert compiled(1.0) == 12.0


def test_arrays_that_are_less_large_count_by_content():
    weights = numpy.zeros(2**20 + 1)
    compiled = compile(lambda x: x * weights[5])
    assert compiled(1.0) == 0.0
    weights[5] = 3.0
    assert compiled(1.0) == 3.0


class Called:
    """By a method that is made of another."""

    def __init__(self, factor):
        self.factor = factor

    def _run(self, of, x):
        return of * self.factor * x

    __call__ = partialmethod(_run, 1.0)
    twice = partialmethod(_run, 2.0)


def test_methods_made_of_others():
    called = Called(3.0)
    functions = [compile(each) for each in (called, called.twice, lambda x: called(x), lambda x: called.twice(x))]
    assert [each(1.0) for each in functions] == [3.0, 6.0, 3.0, 6.0]
    called.factor = 5.0
    assert [each(1.0) for each in functions] == [5.0, 10.0, 5.0, 10.0]


@pytest.mark.parametrize("kind", ["objects", "tuples", "functions"])
def test_what_is_of_any_depth(kind):
    """Chains of objects, nests and calls are followed to their end."""
    length = 3000 if kind != "functions" else 200  # Python calls functions to no greater depth
    chain = scale = Namespace(number=1.0, next=None)
    for _ in range(length):
        chain = Namespace(number=0.0, next=chain) if kind == "objects" else (0.0, chain)
    source = [f"def call{n}(x): return call{n + 1}(x)" for n in range(length)]
    calls = {"scale": scale}
    exec("\n".join([*source, f"def call{length}(x): return scale.number * x"]), calls)

    def through_objects(x):
        here = chain
        while here.next is not None:
            here = here.next
        return here.number * x

    def through_tuples(x):
        here = chain
        while isinstance(here, tuple):
            here = here[1]
        return here.number * x

    compiled = compile({"objects": through_objects, "tuples": through_tuples, "functions": calls["call0"]}[kind])
    assert compiled.grad(2.0) == 1.0
    scale.number = 5.0
    assert compiled.grad(2.0) == 5.0


ASKED = Namespace(base=2.0)


def asked_scale():
    return ASKED.scale if hasattr(ASKED, "scale") else 1.0


def test_what_is_asked_for_behind_what_reads_the_object():
    """The object is met before the function that asks it for an attribute that does not exist yet."""

    def between():
        return asked_scale()

    compiled = compile(lambda x: ASKED.base * between() * x)
    assert compiled(1.0) == 2.0
    ASKED.scale = 5.0
    try:
        assert compiled(1.0) == 10.0
    finally:
        del ASKED.scale


SETTINGS = types.ModuleType("settings_of_a_user")
SETTINGS.part, SETTINGS.base, SETTINGS.scale = types.ModuleType("settings_of_a_user.part"), 1.0, 3.0
SETTINGS.part.base, SETTINGS.part.scale = 1.0, 3.0
HOLDER = Namespace(module=SETTINGS)


def scale_of(module):
    return module.scale


@pytest.mark.parametrize(
    ("function", "module"),
    [
        (lambda x: SETTINGS.part.base * scale_of(SETTINGS.part) * x, SETTINGS.part),
        (lambda x: HOLDER.module.base * scale_of(HOLDER.module) * x, SETTINGS),
        (lambda x: scale_of(SETTINGS) * x, SETTINGS),
        (lambda x: scale_of([SETTINGS][0].part) * x, SETTINGS.part),
    ],
)
def test_modules_that_functions_hand_to_each_other(function, module):
    compiled = compile(function)
    assert compiled(1.0) == 3.0
    module.scale = 5.0
    try:
        assert compiled(1.0) == 5.0
    finally:
        module.scale = 3.0


class InSlots:
    __slots__ = ("base", "k")


class Based:
    base = 1.0


def count_of(held):
    return float(len([name for name in vars(held) if name[:2] != "__"]))


def read_as(held, name):
    return getattr(held, name) if name in dir(held) else 1.0


COMING_AND_GOING = {
    "in vars": lambda held, x: 2.0 * x if "k" in vars(held) else x,
    "in __dict__": lambda held, x: 2.0 * x if "k" in held.__dict__ else x,
    "in dir": lambda held, x: 2.0 * x if "k" in dir(held) else x,
    "how many": lambda held, x: len(vars(held)) * x,
    "how many keys": lambda held, x: len(held.__dict__.keys()) * x,
    "one by one": lambda held, x: len([*vars(held)]) * x,
    "get": lambda held, x: vars(held).get("k", 1.0) * x,
    "numbers": lambda held, x: sum(each for each in vars(held).values() if type(each) is float) * x,
    "by a name that is made": lambda held, x: getattr(held, "".join("k"), 1.0) * x,
    "by members": lambda held, x: len(inspect.getmembers(held)) * x,
    "by a function": lambda held, x: count_of(held) * x,
    "by a function and a name that is made": lambda held, x: read_as(held, "".join("k")) * x,
}


@pytest.mark.parametrize("kind", ["object", "namespace", "arguments", "class", "module", "function"])
@pytest.mark.parametrize("read", COMING_AND_GOING)
def test_attributes_that_come_and_go(read, kind):
    held = {
        "object": Based, "namespace": types.SimpleNamespace, "arguments": Namespace,
        "class": lambda: type("Kind", (Based,), {"__module__": __name__}),
        "module": lambda: types.ModuleType("a_module_of_a_user"), "function": lambda: lambda x: x,
    }[kind]()  # fmt: skip
    f = COMING_AND_GOING[read]
    if kind == "function":  # which hold little that another one asks for
        f = {"by a name that is made": COMING_AND_GOING["in vars"]}.get(read, f)
    compiled = compile(lambda x: f(held, x), backend="numpy")
    expected, found = [], []
    for number in (None, 7.0, None, 5.0, 6.0):
        if number is not None:
            held.k = number
        elif hasattr(held, "k"):
            del held.k
        expected += [f(held, 3.0)] * 2
        found += [compiled(3.0), compiled(3.0)]
    assert found == expected


def test_slots_that_are_read_by_names_that_are_made():
    held = InSlots()
    held.k = 2.0
    compiled = compile(lambda x: getattr(held, "".join("k"), 1.0) * x, backend="numpy")
    assert compiled(1.0) == 2.0
    held.k = 3.0
    assert compiled(1.0) == 3.0
    del held.k
    assert compiled(1.0) == 1.0


def test_lists_that_refuse_to_be_added():
    """As those of names in pandas do."""

    class Fixed(list):
        def __radd__(self, other):
            raise TypeError

    numbers = Fixed([2.0, [3.0]])
    compiled = compile(lambda x: x * numbers[0] * numbers[1][0], backend="numpy")
    assert compiled(1.0) == 6.0
    numbers[1][0] = 5.0
    assert compiled(1.0) == 10.0


def test_what_a_namespace_of_arguments_has():
    """By methods of the library, which name nothing."""
    held = Namespace(base=1.0)
    compiled = compile(lambda x: 2.0 * x if "k" in held else x, backend="numpy")
    assert compiled(1.0) == 1.0
    held.k = 3.0
    assert compiled(1.0) == 2.0


INSTALLED = """
from installed_for_tests import inner
from installed_for_tests.inner import Config, Context, scaled

SCALE, table, config, context, memo = 2.0, {"k": 2.0}, Config(), Context(), 2.0

def by_global(x): return x * SCALE
def by_table(x): return x * table["k"]
def by_attribute(x): return x * config.scale
def handed_on(x): return scaled(config, x)
def by_method(x): return config.times(x)
def by_property(x): return context.number * x
def by_objects_between(x): return context.apply(x)
def by_another_module(x): return inner.deep(x)
def by_what_is_not_there_yet(x): return x * getattr(config, "late", 2.0)
def by_a_default(x, numbers=[2.0]): return x * numbers[0]
def by_what_it_sets(x): return x * memo
def set_memo(number):
    global memo
    memo = number
"""
INNER = """
LEVEL = 2.0

class Config:
    of_class = 2.0
    def __init__(self): self.scale = 2.0
    def times(self, x): return x * self.of_class

class Context:
    def __init__(self): self._number = 2.0
    number = property(lambda self: self._number)
    def apply(self, x): return Applied(self).times(x)

class Applied:
    def __init__(self, context): self.context = context
    def times(self, x): return x * self.context._number

def scaled(given, x): return x * given.scale
def deep(x): return deeper(x)
def deeper(x): return x * LEVEL
"""


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """A package among those that are installed, of which the code is searched less."""
    folder = tmp_path / "site-packages" / "installed_for_tests"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text(INSTALLED)
    (folder / "inner.py").write_text(INNER)
    monkeypatch.syspath_prepend(folder.parent)
    yield importlib.import_module("installed_for_tests")
    for name in ("installed_for_tests", "installed_for_tests.inner"):
        del sys.modules[name]


def test_what_users_change_in_installed_packages(installed):
    cases = {
        "by_global": lambda number: setattr(installed, "SCALE", number),
        "by_table": lambda number: installed.table.update(k=number),
        "by_attribute": lambda number: setattr(installed.config, "scale", number),
        "handed_on": lambda number: setattr(installed.config, "scale", number),
        "by_method": lambda number: setattr(installed.Config, "of_class", number),
        "by_property": lambda number: setattr(installed.context, "_number", number),
        "by_objects_between": lambda number: setattr(installed.context, "_number", number),
        "by_another_module": lambda number: setattr(installed.inner, "LEVEL", number),
        "by_what_is_not_there_yet": lambda number: setattr(installed.config, "late", number),
        "by_a_default": lambda number: installed.by_a_default.__defaults__[0].__setitem__(0, number),
        "by_what_it_sets": installed.set_memo,
    }
    for name, change in cases.items():
        change(2.0) if name != "by_what_is_not_there_yet" else None
        f = vars(installed)[name]
        compiled, direct = compile(partial(lambda f, x: 1.0 * f(x), f), backend="numpy"), compile(f, backend="numpy")
        for number in (2.0, 3.0, 5.0, 3.0):
            if number != 2.0:
                change(number)
            assert (name, direct(1.0), direct(1.0)) == (name, number, number)
            assert (name, compiled(1.0), compiled(1.0)) == (name, number, number)


def test_what_users_hand_to_installed_packages(installed):
    given = types.SimpleNamespace(scale=2.0)
    own = Based()
    own.scale = 3.0
    compiled = compile(lambda x: installed.scaled(given, x) * installed.scaled(own, 1.0), backend="numpy")
    assert compiled(1.0) == 6.0
    given.scale = 5.0
    assert compiled(1.0) == 15.0
    own.scale = 7.0
    assert compiled(1.0) == 35.0


def test_what_users_replace_in_installed_packages(installed):
    for f, holder, name, replacement in (
        (lambda x: installed.by_global(x), installed, "by_global", lambda x: 7.0 * x),
        (lambda x: installed.by_another_module(x), installed.inner, "deeper", lambda x: 7.0 * x),
        (lambda x: installed.config.times(x), installed.Config, "times", lambda self, x: 7.0 * x),
        (lambda x: installed.config.times(x), installed.config, "times", lambda x: 9.0 * x),
    ):
        compiled = compile(f, backend="numpy")
        assert compiled(1.0) == f(1.0)
        setattr(holder, name, replacement)
        assert compiled(1.0) == f(1.0)


def test_few_places_are_watched_in_installed_packages():
    """Of some hundred functions of a package, thousands were, most of them names that are not there."""
    mpmath = pytest.importorskip("mpmath")
    two = lambda x: x * float(mpmath.mpf(2.0))
    assert compile(two, backend="numpy")(3.0) == 6.0
    assert len(searched(two).found) <= 1000


def test_objects_that_answer_to_every_name_and_wrappers_of_themselves():
    """Each `__wrapped__` of `mock.call` is another object that has one."""

    class Itself:
        factor = 2.0

        def __call__(self, x):
            return self.factor * x

    itself = Itself()
    itself.__wrapped__ = itself
    compiled = compile(lambda x: itself(x) if mock.call is not None else x)
    assert compiled.value_and_grad(3.0) == (6.0, 2.0)
    itself.factor = 5.0
    assert compiled.value_and_grad(3.0) == (15.0, 5.0)
