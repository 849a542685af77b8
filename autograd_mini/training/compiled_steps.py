"""Steps of gradient descent by compiled functions, which keep the numbers of the model in arrays during training."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import KW_ONLY, dataclass
from functools import partial
from math import fsum
from random import Random
from typing import Any, Literal

import numpy

from autograd_mini.compiler import compile
from autograd_mini.interrupts import ensure
from autograd_mini.nn.divergences import SoftmaxKL
from autograd_mini.optim import Optimizer
from autograd_mini.optim.arrays import ParameterArrays
from autograd_mini.primitives import to_float
from autograd_mini.structures import Structure, flatten
from autograd_mini.training.examples import Example
from autograd_mini.training.objective import Objective, Scores, blaming
from autograd_mini.training.steps import Steps, keeping_modes
from autograd_mini.value import Value

EAGERLY = "train without compiled=True"
AT_ONCE = 1024
"""How many examples are evaluated at a time, so that memory does not grow with their number. Not tuned."""


@dataclass(eq=False)
class CompiledSteps(Steps):
    """The steps of `Steps`, compiled, for a model that does the same operations for every example.

    Args:
        executor: what runs them; None for this process. The other arguments are those of `Steps`.

    Raises:
        ValueError: the examples differ in shape, or the model draws random numbers in training.
        TypeError: an example does not consist of numbers.
        Exception: whatever the compiler refuses.
    """

    _: KW_ONLY
    executor: Any = None
    tile: int | None = None  # how many examples an executor takes at a time

    def __post_init__(self) -> None:
        super().__post_init__()
        self._arrays: ParameterArrays | None = None
        place = {parameter: index for index, parameter in enumerate(self.parameters)}
        self._held = _places([place[parameter] for parameter in self.optimizer.parameters])
        keeping_modes(self.objective.model, self._compile)

    def _compile(self) -> None:
        objective, optimizer, model = self.objective, self.optimizer, self.objective.model
        model.train()
        _refuse_chance(objective, self.examples[0])
        self._rows = _Rows(objective, self.examples, "data")
        self._loss = _Bound(self._rows.applied(objective), optimizer, reduce="mean")
        with _advice():
            self._loss.gradient(None, *self._rows[:1])
        used = [(self._loss, self._rows)]
        if self.metrics or self.measured is not self.examples:
            model.eval()
            is_same = self.measured is self.examples
            self._measured = self._rows if is_same else _Rows(objective, self.measured, "validation")
            _, self._structure = flatten(objective.output(objective.forward(self.measured[0][0])), "the output")
            results = partial(_results_of, objective, bool(self.metrics))
            self._results = _Bound(self._measured.applied(results), optimizer)
            with _advice():
                self._results(None, *self._measured[:1])
            used.append((self._results, self._measured))
        if self.executor is not None:
            for bound, rows in used:
                rows.share(bound.spread(self.executor, self.tile))

    def __enter__(self) -> None:
        self._numbers: Any = numpy.array(super().numbers())
        self._arrays = self.optimizer.on_arrays()

    def __exit__(self, *error: Any) -> None:
        self.write_back()
        self._arrays = None

    def restore(self, numbers: Sequence[float]) -> None:
        self.__exit__()  # an interrupt may have kept it from running
        super().restore(numbers)

    def numbers(self) -> Sequence[float]:
        if self._arrays is None:
            return super().numbers()
        self._numbers[self._held] = self._arrays.data
        return self._numbers.copy()  # type: ignore[no-any-return]

    def write_back(self) -> None:
        if self._arrays is not None:
            self._arrays.write_back()

    def find_gradient(self, batch: Sequence[int]) -> list[float]:
        assert self._arrays is not None
        mean, self._arrays.grad = self._loss.gradient(self._arrays, *self._rows[batch])
        return [mean * len(batch)]

    def has_finite_gradient(self) -> bool:
        assert self._arrays is not None
        return bool(numpy.isfinite(self._arrays.grad).all())

    def step(self) -> None:
        assert self._arrays is not None
        self._arrays.step()

    def has_finite_numbers(self) -> bool:
        return bool(numpy.isfinite(self.numbers()).all())

    def evaluate(self) -> tuple[float, dict[str, float]]:
        assert self._arrays is not None
        self.objective.model.eval()
        if self.metrics:
            self.write_back()
        divergences, scores, n = [], Scores(self.metrics), len(self.measured)
        at_once = AT_ONCE if self.executor is None else 64 * AT_ONCE
        for start in range(0, n, at_once):
            rows = self._measured[start : start + at_once]
            results = self._results(self._arrays, *rows)
            table = numpy.broadcast_to(results, (len(rows[0]), results.shape[-1])).tolist()
            for index, (divergence, *outputs) in enumerate(table, start):
                divergences.append(divergence)
                if self.metrics:
                    with blaming(index):
                        scores.add(self._structure.rebuild(list(map(Value, outputs))), self.measured[index][1])
        return fsum(divergences) / n, scores.means()


def _results_of(objective: Objective, has_outputs: bool, x: Any, d: Any) -> Any:
    """The divergence of an example, followed by the numbers of the output if metrics need them."""
    z = objective.forward(x)
    outputs = flatten(objective.output(z), "the output of the model")[0] if has_outputs else []
    results = numpy.empty(1 + len(outputs), dtype=object)
    results[:] = [objective.divergence_of(z, d), *outputs]
    return results


class _Bound:
    """A compiled function whose parameters are read from an optimizer's arrays; any others are read from their Values.

    If it branches on numbers, all are read from the Values, since each branch may have other parameters.
    """

    def __init__(
        self, function: Callable[[Any, Any], Any], optimizer: Optimizer, reduce: Literal["mean"] | None = None
    ) -> None:
        self._compiled: Any = compile(function, batch=True, reduce=reduce)
        self._place = {parameter: index for index, parameter in enumerate(optimizer.parameters)}
        self._branches = False

    def __call__(self, arrays: ParameterArrays | None, x: Any, d: Any) -> Any:
        """The results for some rows."""
        return self._run(self._compiled, arrays, x, d)

    def gradient(self, arrays: ParameterArrays | None, x: Any, d: Any) -> tuple[float, Any]:
        """The result, and its derivatives with respect to the optimizer's parameters."""
        value, slopes = self._run(self._compiled.value_and_parameter_grads, arrays, x, d)
        gradient = numpy.zeros(len(self._place))
        gradient[self._theirs] = slopes[self._ours]
        return value, gradient

    def spread(self, executor: Any, tile: int | None) -> Any:
        """Run on an executor from now on; returns the function on that executor."""
        self._compiled = self._compiled.on(executor, tile)
        self._compiled.hold()
        self._bind(branches=False)  # the workers handle them
        return self._compiled

    def _run(self, run: Callable[..., Any], arrays: ParameterArrays | None, x: Any, d: Any) -> Any:
        if arrays is not None and not self._branches:
            self._numbers[self._ours] = arrays.data[self._theirs]
            self._numbers[self._others] = [value.data for value in self._values]
            return run(x, d, parameters=self._numbers)
        if arrays is not None:
            arrays.write_back()
        results = run(x, d)
        self._bind(self._compiled.branches)
        return results

    def _bind(self, branches: bool) -> None:
        parameters = self._compiled.parameters
        self._branches = branches
        self._numbers = numpy.zeros(len(parameters))
        ours = [index for index, parameter in enumerate(parameters) if parameter in self._place]
        self._ours, self._theirs = _places(ours), _places([self._place[parameters[index]] for index in ours])
        others = [index for index, parameter in enumerate(parameters) if parameter not in self._place]
        self._others, self._values = _places(others), [parameters[index] for index in others]


class _Rows:
    """All examples as two arrays, inputs and desired outputs, with one row for each example."""

    def __init__(self, objective: Objective, examples: Sequence[Example], name: str) -> None:
        xs, ds = [x for x, _ in examples], [d for _, d in examples]
        divergence = objective.divergence
        if isinstance(divergence, SoftmaxKL):
            outputs, _ = flatten(objective.forward(xs[0]), "the output of the model")
            ds = [divergence.distribution(d, len(outputs)) for d in ds]
        self._x, self._x_structure = _stacked(xs, "input", name)
        self._d, self._d_structure = _stacked(ds, "desired output", name)
        self._name = f"the loss of {type(objective.model).__name__}"
        self._arrays = {uuid.uuid4().hex: self._x, uuid.uuid4().hex: self._d}

    def __getitem__(self, batch: Sequence[int] | slice) -> tuple[Any, Any]:
        if isinstance(batch, range):
            batch = slice(batch.start, batch.stop)
        return self._x[batch], self._d[batch]

    def applied(self, function: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
        """`function(X, d)` as a function of a row of each array."""
        of_rows = partial(_of_rows, function, self._x_structure, self._d_structure)
        vars(of_rows)["__name__"] = self._name
        return of_rows

    def share(self, tiled: Any) -> None:
        """Send all examples to workers, which from now on are told only which of them to use."""
        from autograd_mini.executors.cutting import Taken

        for token, array in self._arrays.items():
            tiled.share(token, array)
        self._x, self._d = (
            Taken(token, numpy.arange(len(array)), array.shape[1:]) for token, array in self._arrays.items()
        )


def _of_rows(
    function: Callable[[Any, Any], Any], x_structure: Structure, d_structure: Structure, x: Any, d: Any
) -> Any:
    return function(x_structure.rebuild(list(x)), d_structure.rebuild(list(d)))


def _stacked(parts: Sequence[Any], role: str, name: str) -> tuple[Any, Structure]:
    """An array with the numbers of each part in a row, and the structure that all parts have."""
    _, structure = _numbers_of(parts[0], f"the {role} of example 0 of {name}")
    try:
        array = numpy.array(parts)
    except ValueError:  # the parts differ in shape
        array = numpy.array(None)
    if array.dtype.kind in "biuf" and array.size == len(parts) * structure.size:
        return array.astype(float).reshape(len(parts), -1), structure
    rows = []
    for index, part in enumerate(parts):
        numbers, found = _numbers_of(part, f"the {role} of example {index} of {name}")
        if found != structure:
            raise ValueError(
                f"compiled training needs examples of one shape, but the {role} of example {index} of {name} is "
                f"{found!r} and that of example 0 {structure!r}; {EAGERLY}"
            )
        rows.append(numbers)
    return numpy.array(rows, dtype=float), structure


def _numbers_of(part: Any, what: str) -> tuple[list[float], Structure]:
    try:
        leaves, structure = flatten(part, what)
        return [to_float(leaf, what) for leaf in leaves], structure
    except TypeError as error:
        raise TypeError(f"compiled training needs examples made of numbers: {error}; {EAGERLY}") from None


def _places(indices: list[int]) -> Any:
    """Indices into an array, as a slice if they are consecutive."""
    start = indices[0] if indices else 0
    if indices == list(range(start, start + len(indices))):
        return slice(start, start + len(indices))
    return numpy.array(indices)


def _refuse_chance(objective: Objective, example: Example) -> None:
    """Refuse a model that draws random numbers in its forward pass: compiled, it would draw them only once."""
    generators = [
        (path, part, part.getstate())
        for path, module in objective.model.named_modules()
        for part in vars(module).values()
        if isinstance(part, Random)
    ]

    def draw() -> list[str]:
        objective(*example)
        return [path for path, generator, before in generators if generator.getstate() != before]

    def give_back() -> None:
        for _, generator, before in generators:
            generator.setstate(before)

    drawn = ensure(give_back, draw)
    if drawn:
        raise ValueError(
            f"compiled training repeats one recorded forward pass, but the model draws random numbers in it, in "
            f"{drawn[0] or 'itself'}; {EAGERLY}"
        )


@contextmanager
def _advice() -> Iterator[None]:
    try:
        yield
    except (TypeError, ValueError) as error:
        error.add_note(
            "The model or its divergence cannot be compiled as it is: X and d are Values in it, all alike for every "
            f"example (a class as desired output is a number, too, unless the divergence is kl_softmax). Or {EAGERLY}."
        )
        raise
