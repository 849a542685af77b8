"""`Module`: what layers, cells and networks have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from reprlib import recursive_repr
from typing import TYPE_CHECKING, Any
from warnings import warn
from weakref import ref

from autograd_mini.nn.state import assign, numbers_of
from autograd_mini.observing import write_numbers
from autograd_mini.primitives import is_real
from autograd_mini.structures import is_array
from autograd_mini.value import Constant, Value


class Module:
    """A function with parameters: the leaf Values among its attributes, also within lists, tuples, dicts,
    NumPy object arrays and other modules. Attributes whose names begin with an underscore are left out.

    A RuntimeWarning is given when a number, or a Value that was computed, takes the place of a parameter, since nothing
    would train it any more.

    The modules of this package raise a ValueError for a count below 1 or, when called, for a wrong number of inputs,
    and a TypeError for an argument or input of the wrong type.

    >>> from autograd_mini import Value
    >>> class Line(Module):
    ...     def __init__(self):
    ...         self.slope, self.offset = Value(2.0), Value(1.0)
    ...     def __call__(self, x):
    ...         return self.slope * x + self.offset
    >>> line = Line()
    >>> line(3.0).data
    7.0
    >>> [name for name, parameter in line.named_parameters()], len(line.parameters())
    (['slope', 'offset'], 2)
    >>> line.zero_grad()
    >>> [name for name, module in line.named_modules()], len(list(line.modules()))
    ([''], 1)
    >>> line.eval().training, line.train().training, line.details()
    (False, True, '')
    """

    training = True
    _shows_parts = True  # in its repr

    if TYPE_CHECKING:
        __call__: Callable[..., Any]

    if not TYPE_CHECKING:  # checkers would then allow every name

        def __setattr__(self, name: str, part: Any) -> None:
            before = [path for path, each in _walk(vars(self).get(name), name) if isinstance(each, Value)]
            super().__setattr__(name, part)
            if before and not name.startswith("_"):
                _warn_of_lost(before, self, {name: part})

    def parameters(self) -> list[Value]:
        """All parameters, each once, in the order of the attributes."""
        found = list(self.named_parameters())
        now = [path for path, _ in found]
        key = id(self)
        _, before = _known.get(key, (None, now))
        _known[key] = ref(self, lambda _: _known.pop(key, None)), now
        if before != now:
            _warn_of_lost(before, self, vars(self))
        return [parameter for _, parameter in found]

    def named_parameters(self) -> Iterator[tuple[str, Value]]:
        """Parameters with their paths, such as `layers.0.neurons.2.weights.1`; a parameter shared by several
        owners occurs once, under its first path."""
        seen: set[Value] = set()
        for path, part in _walk(self, ""):
            if isinstance(part, Value) and part not in seen:
                seen.add(part)
                yield path, part

    def modules(self) -> Iterator[Module]:
        """This module and all modules within it."""
        for _, module in self.named_modules():
            yield module

    def named_modules(self) -> Iterator[tuple[str, Module]]:
        """This module and all within it with their paths, such as `layers.0.neurons.2`; this module's is empty."""
        for path, part in _walk(self, ""):
            if isinstance(part, Module):
                yield path, part

    def zero_grad(self) -> None:
        """Set the `grad` of every parameter to 0, before the next backward pass adds to it."""
        parameters = self.parameters()
        write_numbers(parameters, "grad", [0.0] * len(parameters))

    def state_dict(self) -> dict[str, Any]:
        """The numbers of all parameters by name: a single parameter as a float, a list of parameters (nested ones of
        equal lengths too) as lists of floats. A parameter shared by several owners occurs under its first name.

        Raises:
            ValueError: two parameters have the same name (keys 1 and "1" of a dict).

        >>> from autograd_mini.nn import MLP
        >>> {name: len(numbers) for name, numbers in MLP(3, [2, 1]).state_dict().items()}
        {'layers.0.neurons.0.weights': 4, 'layers.0.neurons.1.weights': 4, 'layers.1.neurons.0.weights': 3}
        """
        return numbers_of(_tensors(self, "", set()))

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Set all parameters to the numbers that `state_dict` gave; NumPy arrays will do as well as lists.

        Raises:
            StateError: (a ValueError) the state is of another architecture or holds something other than numbers;
                nothing is changed then.

        >>> from autograd_mini.nn import Neuron
        >>> neuron = Neuron(2)
        >>> neuron.load_state_dict({"weights": [0.5, 1.0, -1.0]})
        >>> neuron([4.0, 2.0]).data
        2.5
        """
        assign(_tensors(self, "", set()), state)

    def train(self, training: bool = True) -> Module:
        """Switch to training mode, for modules that behave differently there (the randomised leaky ReLU)."""
        for module in self.modules():
            module.training = training
        return self

    def eval(self) -> Module:
        """Switch to evaluation mode."""
        return self.train(False)

    def details(self) -> str:
        """What `repr` shows of this module beside the modules within it."""
        return ""

    @recursive_repr("…")
    def __repr__(self) -> str:
        lines = []
        for key, part in vars(self).items() if self._shows_parts else ():
            inner = list(part.values()) if isinstance(part, dict) else part
            is_list = isinstance(inner, (list, tuple))
            modules = {f"{key}.{index}": each for index, each in enumerate(inner)} if is_list else {key: inner}
            if not key.startswith("_") and all(isinstance(module, Module) for module in modules.values()):
                lines += [f"\n  {path}: " + repr(module).replace("\n", "\n  ") for path, module in modules.items()]
        return f"{type(self).__name__}({self.details()}{''.join(lines)}" + ("\n)" if lines else ")")


_known: dict[int, tuple[ref[Module], list[str]]] = {}
"""The paths of each module's parameters when they were last asked for."""


def _warn_of_lost(before: Iterable[str], module: Module, parts: dict[str, Any]) -> None:
    """Warn if numbers, or Values that were computed, have taken the places of parameters."""
    gone = set(before).difference([path for path, part in _walk(parts, "") if isinstance(part, Value)])
    numbers = dict(_numbers_in(parts, "")) if gone else {}
    for path in sorted(gone):
        steps = path.split(".")
        place = next((each for end in range(len(steps), 0, -1) if (each := ".".join(steps[:end])) in numbers), None)
        if place is not None:
            warn(
                f"{path} of {type(module).__name__} was a parameter and is {numbers[place]} now, so that nothing "
                f"trains it any more: write {path}.data = … to change its number, or put a new Value(…) there; if it "
                "is not to be a parameter, give it a name with an underscore, or delete it first",
                RuntimeWarning,
                stacklevel=3,
            )
            return


def _numbers_in(part: Any, path: str, outer: tuple[Any, ...] = ()) -> Iterator[tuple[str, str]]:
    """The paths of numbers and of Values that were computed, each with words for which of both it is."""
    for below, value in _items(part, path):
        if isinstance(value, Value):
            if value.parents:
                yield below, "a Value computed from others"
        elif is_real(type(value)) or (is_array(value) and value.dtype != object):
            yield below, "a number"
        elif not any(value is each for each in outer):
            yield from _numbers_in(value, below, (*outer, value))


def _walk(part: Any, path: str, seen: set[int] | None = None) -> Iterator[tuple[str, Any]]:
    """The modules, each once, and the parameters in `part`, itself included, with their paths."""
    seen = set() if seen is None else seen
    if isinstance(part, Value):
        if not part.parents and not isinstance(part, Constant):
            yield path, part
        return
    if isinstance(part, Module):
        if id(part) in seen:
            return
        seen.add(id(part))
        yield path, part
    for below, value in _items(part, path):
        if not isinstance(value, Value):
            yield from _walk(value, below, seen)
        elif not value.parents and not isinstance(value, Constant):
            yield below, value


def _tensors(part: Any, path: str, seen: set[int]) -> Iterator[tuple[str, Any]]:
    """The parameters in `part` with their paths; a list of nothing but parameters is kept in one piece."""
    if _shape(part) is not None:
        parameters = {id(parameter) for _, parameter in _walk(part, "")}
        if not parameters <= seen:
            seen |= parameters
            yield path, part
        return
    if isinstance(part, Module):
        if id(part) in seen:
            return
        seen.add(id(part))
    for below, value in _items(part, path):
        yield from _tensors(value, below, seen)


def _shape(part: Any) -> tuple[int, ...] | None:
    """The shape of parameters: () of one alone, (n, …) of a list of n parts of equal shape; None of anything else."""
    if isinstance(part, Value):
        return None if part.parents or isinstance(part, Constant) else ()
    if _is_object_array(part):
        part = list(part)
    if not isinstance(part, (list, tuple)) or not part:
        return None
    first, *others = map(_shape, part)
    return None if first is None or any(other != first for other in others) else (len(part), *first)


def _items(part: Any, path: str) -> list[tuple[str, Any]]:
    """What a module, dict or list holds, with paths that continue its own."""
    items: Iterable[tuple[Any, Any]] = ()
    if isinstance(part, Module):
        items = [(key, value) for key, value in vars(part).items() if not key.startswith("_")]
    elif isinstance(part, dict):
        items = part.items()
    elif isinstance(part, (list, tuple)) or _is_object_array(part):
        items = enumerate(part)
    above = f"{path}." if path else ""
    return [(f"{above}{key!s}", value) for key, value in items]


def _is_object_array(part: Any) -> bool:
    return is_array(part) and part.dtype == object and part.ndim > 0
