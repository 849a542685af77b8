"""What a process keeps of what was sent to it, so that it travels once: compiled functions and arrays.

Functions are pickled without the numbers of the Values that they hold, which travel with every task: so a function
stays the same, and is not compiled anew, while these change.
"""

from __future__ import annotations

import io
import os
import pickle
import sys
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from functools import cache, partial
from hashlib import sha256
from importlib import import_module
from typing import Any

import numpy

from autograd_mini.executors.sending import Memory, Packed
from autograd_mini.observing import write_numbers
from autograd_mini.value import Value

MOST = 16
"""How many things are kept; the least recently used one is evicted, and sent again if it is needed."""

SLOPES, SPARSITY = "value_and_parameter_grads", "sparsity"
TAKE_NUMBERS = "__call__", SLOPES
"""The methods of compiled functions that take numbers in place of the Values' own."""

CONSTANT = (int, float, str, bytes, type(None))

_kept: dict[Any, Any] = {}
_lock = threading.Lock()
_dumping = threading.RLock()


def keep(token: Any, thing: Any = None) -> Any:
    """What is kept under a token, or else the thing, which is kept from then on; None if there is neither. Without a
    token nothing is kept. A forked process has none of its parent's things, which other threads may have been using."""
    with _lock:
        found = _kept.pop((os.getpid(), token), thing)
        if found is not None and token:
            _kept[os.getpid(), token] = found
        while len(_kept) > MOST:
            del _kept[next(iter(_kept))]
        return found


class Parcel:
    """A compiled function to be sent, with options: its pickle, and a token that only equal ones have.

    What it reads from modules goes with it. Without cloudpickle that can only be compared with what is there.

    Attributes:
        values: the Values that the function holds, whose numbers are not in the pickle.

    Raises:
        TypeError: it cannot be pickled.
    """

    def __init__(self, compiled: Any, options: Any) -> None:
        buffer, data = io.BytesIO(), compiled._data_read()
        self._by_value = {module for module, _ in data if module in sys.modules}
        pickler = _pickler()(buffer, self._by_value, {})
        advice = "" if pickler.has_cloudpickle else ", or install cloudpickle, which takes lambdas, closures and these"
        try:
            foreign = [f"{module}.{name}" for (module, name), each in data.items() if not isinstance(each, CONSTANT)]
            if foreign and not pickler.has_cloudpickle:
                raise TypeError(f"it reads {foreign[0]}, which may differ there")
            pickler.dump((compiled, options, {} if pickler.has_cloudpickle else data))
        except (pickle.PicklingError, AttributeError, TypeError) as error:
            raise TypeError(
                f"{compiled._name} cannot be sent to another process ({error}); make it of functions that a module "
                f"names, and of arguments{advice}"
            ) from None
        self.values: list[Value] = [*pickler.values]
        self.content: Packed = Packed(buffer.getvalue())
        self.token: str = sha256(self.content.stream).hexdigest()

    def beside(self, arguments: Any) -> Packed:
        """The pickle of what the function is given, with the classes that the function knows."""
        return packed(arguments, self._by_value)


def packed(thing: Any, by_value: Collection[str] = ()) -> Packed:
    """The pickle of a thing, which includes the classes of the modules `by_value`; `opened` returns the thing."""
    stream, buffers = io.BytesIO(), list[pickle.PickleBuffer]()
    _pickler()(stream, by_value, None, buffers.append).dump(thing)
    return Packed(stream.getvalue(), buffers)


class Function:
    """A compiled function where it runs, and the Values that it holds there.

    Args:
        content: that of the parcel, or in one process the function itself, with the options it is compiled with.
    """

    def __init__(self, content: Any) -> None:
        self.values: Sequence[Value] = []
        if isinstance(content, Memory):
            content = content.get()
        if isinstance(content, Packed):
            unpickler = _Unpickler(io.BytesIO(content.stream))
            content, self.values = unpickler.load(), unpickler.values
        compiled, options, data = content
        for (module, name), here in data.items():
            if (there := getattr(sys.modules[module], name, None)) != here:
                raise ValueError(f"{module}.{name} is {there!r} in this process and {here!r} where the call comes from")
        self.compiled: Any = type(compiled)(compiled.function, options)
        self._places = {value: place for place, value in enumerate(self.values)}
        self._order: Any = None  # which of them are its parameters, unless that depends on its branches
        self._lock = threading.Lock()
        self.structures: dict[str, Any] = {}  # of the latest result of each method

    def method(self, name: str, numbers: Any, options: Mapping[str, Any]) -> Callable[..., Any]:
        """A method at these numbers of the Values; derivatives by parameters have a 0 for each Value that is unused."""
        call = partial(getattr(self.compiled, name), **options)
        return partial(self._run, name, call, numbers) if self.values else call

    def _run(self, method: str, call: Callable[..., Any], numbers: Any, /, *args: Any, **keywords: Any) -> Any:
        order = self._order
        if order is not None and method in TAKE_NUMBERS:
            result = call(*args, parameters=numbers[order], **keywords)
        else:
            with self._lock:
                write_numbers(self.values, "data", numbers.tolist())
                result = call(*args, **keywords)
                order = [self._places[parameter] for parameter in self.compiled.parameters]
                if not (self.compiled.branches or "parameters" in self.compiled._names + self.compiled._by_name):
                    self._order = order
        if method != SLOPES:
            return result
        value, slopes = result
        found = numpy.zeros((*slopes.shape[:-1], len(self.values)))
        found[..., order] = slopes
        return value, found


class _Unpickler(pickle.Unpickler):
    """Reads a parcel's pickle; the Values in it are 0 until they are given numbers."""

    def __init__(self, file: io.BytesIO) -> None:
        super().__init__(file)
        self.values: list[Value] = []

    def persistent_load(self, name: tuple[int, str]) -> Value:
        place, label = name
        if place == len(self.values):
            self.values.append(Value(0.0, label=label) if label else Value(0.0))
        return self.values[place]


@cache
def _pickler() -> Any:
    """The class of picklers, cloudpickle's if that is installed, which leave the numbers of Values out."""
    cloudpickle: Any = None
    with suppress(ImportError):
        cloudpickle = import_module("cloudpickle")
    base: Any = cloudpickle.Pickler if cloudpickle else pickle.Pickler

    class Pickler(base):  # type: ignore[misc]
        has_cloudpickle = cloudpickle is not None

        def __init__(
            self,
            file: io.BytesIO,
            by_value: Collection[str],
            values: dict[Value, int] | None,
            take: Callable[[pickle.PickleBuffer], None] | None = None,
        ) -> None:
            super().__init__(file, protocol=5, buffer_callback=take)
            self.values = values  # those whose numbers are left out
            # Another process has other modules of these names; the main module has several.
            self._modules = {sys.modules[name] for name in ("__main__", *by_value)}
            self._by_value = {"__main__", *by_value, *(module.__name__ for module in self._modules)}

        def dump(self, thing: Any) -> None:
            if cloudpickle is None:
                super().dump(thing)
                return
            with _dumping:  # modules are registered for all threads
                known = cloudpickle.list_registry_pickle_by_value()
                modules = {module for module in self._modules if module.__name__ not in known}
                for module in modules:
                    cloudpickle.register_pickle_by_value(module)
                try:
                    super().dump(thing)
                finally:
                    for module in modules:
                        cloudpickle.unregister_pickle_by_value(module)

        def persistent_id(self, thing: Any) -> Any:
            if self.values is None or type(thing) is not Value or thing.parents:
                return None
            return self.values.setdefault(thing, len(self.values)), thing.label

        def reducer_override(self, thing: Any) -> Any:
            if cloudpickle is None:
                return NotImplemented
            if hasattr(type(thing), "on") and getattr(thing, "__module__", "") in self._by_value:
                return type(thing), (thing.function, thing._options)
            return super().reducer_override(thing)

    return Pickler
