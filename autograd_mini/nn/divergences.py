"""Divergences Div(Y, d): how far an output Y is from the desired output d."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from numbers import Integral
from typing import Any

from autograd_mini.functions import dot, fsum, log, log_sigmoid, square, sum, where
from autograd_mini.primitives import TABLE, brief, to_float
from autograd_mini.value import Value

_log_softmax = TABLE["log_softmax"]

ROUNDED = 1e-9
"""How far outside [0, 1] a probability may lie by rounding."""


class Divergence:
    """A divergence of an output Y from the desired output d; its result is a Value if Y or d holds Values.

    A d of Values is taken as it is: nothing is checked and nothing decided from its data, so that what is recorded
    for one d holds for every other.

    Attributes:
        name: its name in messages.
        output: the name of the output activation it belongs to; empty if any will do.

    >>> class Absolute(Divergence):
    ...     name, output = "absolute", "identity"
    ...     def __call__(self, y, d):
    ...         return abs(y - d)
    ...     def from_logits(self, z, d):
    ...         return self(z, d)
    >>> Absolute()(Value(2.0), 5.0).data, Absolute().from_logits(2.0, 5.0)
    (3.0, 3.0)
    """

    name = ""
    output = ""

    def __call__(self, y: Any, d: Any) -> Any:
        """Div(Y, d), from the output itself.

        Raises:
            ValueError: a number is not one that the output activation can give, or d does not fit.
        """
        raise NotImplementedError

    def from_logits(self, z: Any, d: Any) -> Any:
        """Div(f(z), d) from the input z of the output activation; stable at any z."""
        raise NotImplementedError

    def __repr__(self) -> str:
        return self.name


class SquaredError(Divergence):
    """½ Σ (y - d)², for any output: y and d are numbers, or lists of equal length.

    Raises:
        ValueError: when called: the lengths differ.

    >>> squared_error([1.0, 2.0], [1.0, 4.0])
    2.0
    """

    name = "squared_error"

    def __call__(self, y: Any, d: Any) -> Any:
        ys, ds = _as_list(y), [_number(each, "a desired output") for each in _as_list(d)]
        _require_same_length(ys, ds)
        return 0.5 * sum([square(y - d) for y, d in zip(ys, ds)])


class SigmoidKL(Divergence):
    """The Kullback-Leibler divergence d log(d/Y) + (1 - d) log((1 - d)/(1 - Y)) of one sigmoid output Y from
    d in [0, 1] (lecture: "Setting up for digit recognition"); for d 0 or 1 it is -log(1 - Y) or -log Y.

    Raises:
        ValueError: when called: there are several outputs, or Y or d is not in [0, 1].

    >>> round(kl_sigmoid(0.5, 1), 6), round(kl_sigmoid.from_logits(0.0, 1), 6)
    (0.693147, 0.693147)
    >>> kl_sigmoid.from_logits(-1000.0, 1)
    1000.0
    """

    name: str = "kl_sigmoid"
    output: str = "sigmoid"

    def __call__(self, y: Any, d: Any) -> Any:
        y, d = self._one(y), self._desired(d)
        _require_probabilities([y], self)
        return _weigh([d, 1.0 - d], [y, 1.0 - y], log)

    def from_logits(self, z: Any, d: Any) -> Any:
        z, d = self._one(z), self._desired(d)
        return _weigh([d, 1.0 - d], [z, -z], log_sigmoid)

    def _one(self, y: Any) -> Any:
        if hasattr(y, "__len__") and len(y) != 1:
            raise ValueError(f"kl_sigmoid takes one output, got {len(y)}; for several classes use kl_softmax")
        return y[0] if hasattr(y, "__len__") else y

    def _desired(self, d: Any) -> Any:
        number = _number(d, "the desired output")
        if not isinstance(number, Value) and not 0.0 <= number <= 1.0:
            raise ValueError(f"the desired output of a sigmoid must be in [0, 1], got {brief(d)}")
        return number


class SoftmaxKL(Divergence):
    """The Kullback-Leibler divergence Σᵢ dᵢ log(dᵢ/Yᵢ) of a softmax output from the distribution d, or from
    the class d given as an int (lecture: "Recognizing the digit": one output goes to 1, the others to 0). It is
    defined for any Y in [0, 1]: that their sum is 1 is not asked of them, so that one can vary while others stay.

    Raises:
        ValueError: when called: an output is not in [0, 1], or d is neither a class nor a distribution over all.

    >>> round(kl_softmax([0.25, 0.75], 1), 6) == round(kl_softmax([0.25, 0.75], [0, 1]), 6)
    True
    >>> kl_softmax.from_logits([0.0, -1000.0], 1)
    1000.0
    """

    name: str = "kl_softmax"
    output: str = "softmax"

    def __call__(self, y: Any, d: Any) -> Any:
        ys = _as_list(y)
        _require_probabilities(ys, self)
        return _weigh(self.distribution(d, len(ys)), ys, log)

    def from_logits(self, z: Any, d: Any) -> Any:
        zs = _as_list(z)
        return _weigh(self.distribution(d, len(zs)), range(len(zs)), lambda i: _log_softmax.variant(index=i)(*zs))

    def distribution(self, d: Any, n_classes: int) -> list[Any]:
        """The distribution over the classes that d stands for."""
        if not n_classes:
            raise ValueError("kl_softmax takes the outputs of one class or more, got none")
        if isinstance(d, Integral):
            if not 0 <= int(d) < n_classes:
                raise ValueError(f"a label must be a class from 0 to {n_classes - 1}, got {brief(d)}")
            return [float(i == d) for i in range(n_classes)]
        if not isinstance(d, Iterable):
            raise TypeError(f"a label is a class (an int) or a distribution (a list), got {brief(d)}")
        distribution = [_number(p, "a distribution") for p in d]
        _require_same_length(range(n_classes), distribution)
        if _has_values(distribution):
            return distribution
        if not all(0.0 <= p <= 1.0 for p in distribution) or abs(fsum(distribution) - 1.0) > 1e-9:
            raise ValueError(f"a distribution has entries in [0, 1] with sum 1, got {brief(distribution)}")
        return distribution


squared_error: SquaredError = SquaredError()
kl_sigmoid: SigmoidKL = SigmoidKL()
kl_softmax: SoftmaxKL = SoftmaxKL()


def _require_probabilities(ys: Iterable[Any], divergence: Divergence) -> None:
    """Refuse numbers that the activation cannot give: the z before it, passed by mistake, gives a finite divergence."""
    for y in ys:
        number = y._number if isinstance(y, Value) else y
        if isinstance(number, (int, float)) and (number < -ROUNDED or number > 1.0 + ROUNDED):
            raise ValueError(
                f"{divergence} takes what a {divergence.output} gives, in [0, 1], got {brief(number)}; for the z "
                f"before the {divergence.output}, use {divergence}.from_logits(z, d)"
            )


def _weigh(ds: Sequence[Any], ys: Sequence[Any], log_of: Callable[[Any], Any]) -> Any:
    """The sum Σ d (log d - log_of(y)) over d > 0: where d is 0 the term is 0, whatever y is."""
    if _has_values(ds):  # by operations that are the same for every d
        log_ys, counts = [log_of(y) for y in ys], [d > 0.0 for d in ds]
        entropy = sum([where(positive, d * log(d), 0.0) for positive, d in zip(counts, ds)])
        return entropy - dot(ds, [where(positive, log_y, 0.0) for positive, log_y in zip(counts, log_ys)])
    wanted = [(d, log_of(y)) for d, y in zip(ds, ys) if d > 0.0]
    if len(wanted) == 1 and wanted[0][0] == 1.0:
        return -wanted[0][1]
    entropy = fsum(d * log(d) for d, _ in wanted)
    cross = -dot([d for d, _ in wanted], [log_y for _, log_y in wanted])
    return cross + entropy if entropy else cross


def _has_values(numbers: Iterable[Any]) -> bool:
    return any(isinstance(number, Value) for number in numbers)


def _number(number: Any, taker: str) -> Any:
    return number if isinstance(number, Value) else to_float(number, taker)


def _as_list(numbers: Any) -> list[Any]:
    return list(numbers) if hasattr(numbers, "__iter__") else [numbers]


def _require_same_length(ys: Sequence[Any], ds: Sequence[Any]) -> None:
    if len(ys) != len(ds):
        raise ValueError(f"the desired output must have as many numbers as the output, {len(ys)}, got {len(ds)}")
