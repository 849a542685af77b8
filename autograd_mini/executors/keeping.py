"""What a process keeps of what was sent to it, so that it travels once: compiled functions and arrays.

Functions are pickled without the numbers of the Values that they hold, which travel with every task: so a function
stays the same, and is not compiled anew, while these change.
"""

from __future__ import annotations

import io
import os
import pickle
import threading
from collections.abc import Sequence
from functools import cache
from hashlib import sha256
from typing import Any

import numpy

from autograd_mini.observing import write_numbers
from autograd_mini.value import Value

MOST = 16
"""So many things are kept; the least recently used is evicted, and sent again where it is needed."""

SLOPES = "value_and_parameter_grads"
TAKE_NUMBERS = "__call__", SLOPES
"""The methods of compiled functions that take numbers in place of those of Values."""

_kept: dict[Any, Any] = {}
_lock = threading.Lock()


def keep(token: Any, thing: Any = None) -> Any:
    """What is kept under that token, which is the thing if nothing was; None if there is none. A forked process has
    nothing of its parent's, which another thread may have been using just then."""
    with _lock:
        found = _kept.pop((os.getpid(), token), thing)
        if found is not None:
            _kept[os.getpid(), token] = found
        while len(_kept) > MOST:
            del _kept[next(iter(_kept))]
        return found


class Parcel:
    """A thing on its way: its pickle, and a token that only its like has.

    Attributes:
        values: the Values in it, whose numbers the pickle does not hold.

    Raises:
        TypeError: it cannot be pickled.
    """

    def __init__(self, thing: Any, what: str) -> None:
        buffer = io.BytesIO()
        pickler = _pickler()(buffer, protocol=5)
        try:
            pickler.dump(thing)
        except (pickle.PicklingError, AttributeError, TypeError) as error:
            has_cloudpickle = _pickler().__mro__[1] is not pickle.Pickler
            advice = "" if has_cloudpickle else ", or install cloudpickle, which takes lambdas and closures"
            raise TypeError(
                f"{what} cannot be sent to another process ({error}); make it of functions that a module names{advice}"
            ) from None
        self.values: list[Value] = [*pickler.values]
        self.content = buffer.getvalue()
        self.token = sha256(self.content).hexdigest()


class Function:
    """A compiled function where it runs, and the Values that it holds there.

    Args:
        content: the parcel's; or in one process the function itself, with the options that it is compiled with.
    """

    def __init__(self, content: Any) -> None:
        self.values: Sequence[Value] = []
        if isinstance(content, bytes):
            unpickler = _Unpickler(io.BytesIO(content))
            content, self.values = unpickler.load(), unpickler.values
        compiled, options = content
        self.compiled = type(compiled)(compiled.function, options)
        self._places = {value: place for place, value in enumerate(self.values)}
        self._order: Any = None  # which of them are its parameters, unless that depends on the way that it takes
        self._lock = threading.Lock()

    def run(self, method: str, args: Sequence[Any], numbers: Any) -> Any:
        """The result of a method; derivatives towards parameters are given towards all Values, 0 for those unused."""
        call = getattr(self.compiled, method)
        if not self.values:
            return call(*args)
        order = self._order
        if order is not None and method in TAKE_NUMBERS:
            result = call(*args, parameters=numbers[order])
        else:
            with self._lock:
                write_numbers(self.values, "data", numbers.tolist())
                result = call(*args)
                order = [self._places[parameter] for parameter in self.compiled.parameters]
                if not (self.compiled.branches or "parameters" in self.compiled._names):
                    self._order = order
        if method != SLOPES:
            return result
        value, slopes = result
        found = numpy.zeros((*slopes.shape[:-1], len(self.values)))
        found[..., order] = slopes
        return value, found


class _Unpickler(pickle.Unpickler):
    """Its Values are 0 until they are given numbers."""

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
    """That of cloudpickle, where it is installed; it leaves the numbers of Values out."""
    base: Any = pickle.Pickler
    try:
        import cloudpickle

        base = cloudpickle.Pickler
    except ImportError:
        pass

    class Pickler(base):  # type: ignore[misc]
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            self.values: dict[Value, int] = {}

        def persistent_id(self, thing: Any) -> Any:
            if type(thing) is not Value or thing.parents:
                return None
            return self.values.setdefault(thing, len(self.values)), thing.label

        def reducer_override(self, thing: Any) -> Any:
            if base is pickle.Pickler:
                return NotImplemented
            if hasattr(type(thing), "on") and getattr(thing, "__module__", "") == "__main__":
                return type(thing), (thing.function, thing._options)  # by name another __main__ would have none
            return super().reducer_override(thing)

    return Pickler
