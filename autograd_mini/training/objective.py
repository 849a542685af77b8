"""What training minimises: Loss(W) = 1/N Σᵢ Div(f(Xᵢ; W), dᵢ) (lecture: "Problem Statement")."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from autograd_mini.functions import fsum
from autograd_mini.nn.activations import is_vector, name_of
from autograd_mini.nn.divergences import Divergence
from autograd_mini.nn.layers import MLP
from autograd_mini.nn.module import Module
from autograd_mini.primitives import brief, to_float
from autograd_mini.training.examples import Example
from autograd_mini.value import Value

Metric = Callable[[Any, Any], float]

EXAMPLES_A_GRAPH = 8
"""A graph of several examples visits each parameter once for all of them, which saves a quarter of the time;
a graph of a large batch would fill the memory and save no more."""


class Objective:
    """The divergence of a model's output from the desired output, example by example and on average.

    It is computed from the logits if the model has them and the divergence belongs to its output activation, which
    is stable where probabilities round to 0 or 1.

    Raises:
        ValueError: the divergence belongs to another output activation.
        TypeError: the model is not a `Module`, or the divergence not a function.
    """

    def __init__(self, model: Module, divergence: Divergence | Callable[[Any, Any], Any]) -> None:
        if not isinstance(model, Module):
            raise TypeError(f"fit trains a Module, such as an MLP, got {brief(model)} ({type(model).__name__})")
        if not callable(divergence):
            raise TypeError(f"a divergence is a function of (y, d), such as squared_error, got {brief(divergence)}")
        self.model: Any = model
        self.divergence: Any = divergence
        wanted = getattr(divergence, "output", "")
        activation = getattr(model, "output_activation", None)
        if wanted and activation is not None and name_of(activation) != wanted:
            raise ValueError(
                f"{divergence!r} belongs to a {wanted} output, but the output of this model is {name_of(activation)}; "
                f"make the model with output={wanted!r} or choose another divergence"
            )
        self.uses_logits: bool = bool(wanted) and activation is not None and hasattr(model, "logits")

    def __call__(self, x: Any, d: Any) -> Any:
        """The divergence Div(f(x; W), d)."""
        return self.divergence_of(self.forward(x), d)

    def forward(self, x: Any) -> Any:
        """The logits if the divergence is computed from them, else the output."""
        return self.model.logits(x) if self.uses_logits else self.model(x)

    def divergence_of(self, z: Any, d: Any) -> Any:
        """The divergence, from what `forward` returned."""
        return self.divergence.from_logits(z, d) if self.uses_logits else self.divergence(z, d)

    def output(self, z: Any) -> Any:
        """The output of the model, from what `forward` returned."""
        if not self.uses_logits:
            return z
        activation = self.model.output_activation
        return [activation(part) for part in z] if isinstance(z, list) and not is_vector(activation) else activation(z)

    def add_gradients(self, examples: Sequence[Example], indices: Sequence[int]) -> list[float]:
        """Add the gradient of the mean divergence over `indices` to the parameters' `grad`.

        Returns:
            The divergence of each example.
        """
        numbers: list[float] = []
        for start in range(0, len(indices), EXAMPLES_A_GRAPH):
            divergences: list[Any] = []
            for index in indices[start : start + EXAMPLES_A_GRAPH]:
                with blaming(index):
                    divergences.append(self(*examples[index]))
            numbers += [divergence.data for divergence in divergences]
            fsum(divergences).backward(1.0 / len(indices))
        return numbers

    def evaluate(self, examples: Sequence[Example], metrics: Mapping[str, Metric]) -> tuple[float, dict[str, float]]:
        """The mean divergence and the mean of every metric, in evaluation mode."""
        self.model.eval()
        divergences: list[float] = []
        scores = Scores(metrics)
        for index, (x, d) in enumerate(examples):
            with blaming(index):
                z = self.forward(x)
                divergences.append(float(self.divergence_of(z, d)))
                if metrics:
                    scores.add(self.output(z), d)
        return fsum(divergences) / len(examples), scores.means()

    def try_out(self, examples: Sequence[Example], name: str) -> None:
        """Refuse what will not work, before any work: one example is run, and all labels are tried on its output
        unless the divergence is a function of the user's own. The inputs of an MLP are counted.

        Raises:
            ValueError: an input, a label or the divergence does not fit the model.
        """
        if isinstance(self.model, MLP):
            n_inputs = self.model.layers[0].n_inputs
            for index, (x, _) in enumerate(examples):
                if not hasattr(x, "__len__") or len(x) != n_inputs:
                    raise ValueError(f"the model takes {n_inputs} inputs, but example {index} of {name} has {brief(x)}")
        z = None
        tries_all = isinstance(self.model, MLP) or isinstance(self.divergence, Divergence)
        known = set[tuple[type, Any]]()
        for index, (x, d) in enumerate(examples if tries_all else examples[:1]):
            if isinstance(d, (int, float, str)):
                if (type(d), d) in known:
                    continue
                known.add((type(d), d))
            try:
                z = self.forward(x) if index == 0 else z
                divergence = self.divergence_of(z, d)
            except (TypeError, ValueError) as error:
                raise ValueError(f"example {index} of {name} does not fit: {error}") from error
            if not isinstance(divergence, Value):
                raise ValueError(
                    f"a divergence must give one Value made from the model's output, but that of example {index} of "
                    f"{name} is {brief(divergence)} ({type(divergence).__name__})"
                )


class Scores:
    """Collects the metrics of one example after the other."""

    def __init__(self, metrics: Mapping[str, Metric]) -> None:
        self._metrics = metrics
        self._scores: dict[str, list[float]] = {name: [] for name in metrics}

    def add(self, y: Any, d: Any) -> None:
        """Add the metrics of an output y where d was desired."""
        for name, metric in self._metrics.items():
            score = metric(y, d)
            number = score.data if isinstance(score, Value) else to_float(score, f"the mean of metric {name!r}")
            self._scores[name].append(number)

    def means(self) -> dict[str, float]:
        """The mean of each metric."""
        return {name: fsum(numbers) / len(numbers) for name, numbers in self._scores.items()}


def accuracy(y: Any, d: Any) -> float:
    """1 if the largest output is that of the desired class, else 0, as a metric: its mean is the fraction of
    examples that are recognised. A single output stands for class 1 from ½ on.

    Args:
        y: the outputs, or the single one.
        d: the class, an int, or a distribution over classes.

    >>> accuracy([0.1, 0.7, 0.2], 1), accuracy([0.1, 0.7, 0.2], [0, 0, 1]), accuracy(0.4, 1)
    (1.0, 0.0, 0.0)
    """
    if not hasattr(y, "__len__"):
        return float((y >= 0.5) == (d >= 0.5))
    return float(_place_of_largest(y) == (_place_of_largest(d) if hasattr(d, "__len__") else d))


def _place_of_largest(numbers: Sequence[Any]) -> int:
    return max(range(len(numbers)), key=numbers.__getitem__)


@contextmanager
def blaming(index: int) -> Iterator[None]:
    """Add a note to an error, saying on which example it happened."""
    try:
        yield
    except Exception as error:
        error.add_note(f"This happened on example {index} of the training or validation data.")
        raise
