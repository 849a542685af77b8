"""Networks of this package as scikit-learn estimators."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Any

import numpy
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from autograd_mini.compiler import compile
from autograd_mini.nn import MLP, kl_softmax, squared_error
from autograd_mini.optim import Adam
from autograd_mini.training import fit, pairs


@dataclass(eq=False, repr=False)
class _Perceptron(BaseEstimator):  # type: ignore[misc]
    """The common base of both estimators: a network, trained by `fit` with compiled functions.

    Its options have scikit-learn's names where scikit-learn has them.
    """

    hidden_layer_sizes: Sequence[int] = (32,)
    activation: str = "tanh"
    _: KW_ONLY
    learning_rate_init: float = 0.01
    batch_size: int | None = 64
    max_iter: int = 200
    tol: float = 1e-4
    n_iter_no_change: int = 10
    random_state: Any = None

    def _train(self, x: Any, d: Any, width: int, output: str, divergence: Any) -> None:
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        widths = [*self.hidden_layer_sizes, width]
        model = MLP(x.shape[1], widths, activation=self.activation, output=output, random=seed)
        history = fit(
            model,
            pairs(x, d),
            divergence,
            Adam(model.parameters(), learning_rate=self.learning_rate_init),
            epochs=self.max_iter,
            batch_size=None if self.batch_size is None else min(self.batch_size, len(x)),
            tolerance=self.tol,
            patience=self.n_iter_no_change,
            seed=seed,
            compiled=True,
            progress=False,
        )
        self.network_ = model
        self.loss_curve_: list[float] = [epoch.loss for epoch in history.epochs]
        self.n_iter_: int = len(history.epochs)
        self._run = compile(model, batch=True)

    def _outputs(self, x: Any) -> Any:
        check_is_fitted(self)
        x = validate_data(self, x, reset=False, dtype=float)
        return self._run(x).reshape(len(x), -1)


class MLPClassifier(ClassifierMixin, _Perceptron):  # type: ignore[misc]
    """A multi-layer perceptron with a softmax output, trained on the Kullback-Leibler divergence by Adam.

    Args:
        hidden_layer_sizes: the widths of the hidden layers.
        activation: the name of their activation.
        learning_rate_init: Adam's learning rate.
        batch_size: the number of examples in a step; None for all.
        max_iter: the most epochs.
        tol, n_iter_no_change: training stops after `n_iter_no_change` epochs in which the loss fell by less than the
            fraction `tol`.
        random_state: the source of the initial weights and of the shuffling: None, a seed or a generator.

    Attributes:
        classes_: the labels.
        network_: the trained `MLP`.
        loss_curve_: the loss of each epoch.
        n_iter_: the number of epochs.

    Raises:
        ValueError: when fitted: the inputs hold nan, the labels are not classes, or there is only one class.

    >>> from sklearn.datasets import load_iris
    >>> x, y = load_iris(return_X_y=True)
    >>> classifier = MLPClassifier((8,), random_state=0).fit(x, y)
    >>> classifier.score(x, y) > 0.95, classifier.predict(x[:2]), classifier.predict_proba(x).shape
    (True, array([0, 0]), (150, 3))
    """

    def fit(self, x: Any, y: Any) -> MLPClassifier:
        """Train a new network on inputs [N, D] and N labels."""
        x, y = validate_data(self, x, y, dtype=float)
        check_classification_targets(y)
        self.classes_, d = numpy.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(f"MLPClassifier needs labels of two classes or more, got one class, {self.classes_[0]}")
        self._train(x, d.tolist(), len(self.classes_), "softmax", kl_softmax)
        return self

    def predict_proba(self, x: Any) -> Any:
        """The probability of each class, [N, classes]."""
        return self._outputs(x)

    def predict(self, x: Any) -> Any:
        """The most probable class of each example, [N]."""
        chosen = self._outputs(x).argmax(axis=1)  # first, since it checks that there are classes
        return self.classes_[chosen]


class MLPRegressor(RegressorMixin, _Perceptron):  # type: ignore[misc]
    """A multi-layer perceptron with affine outputs, trained on the squared error by Adam.

    Arguments and attributes are those of `MLPClassifier`, without the classes. Targets have the shape [N] or [N, M].

    Raises:
        ValueError: when fitted: the inputs or the targets hold nan.

    >>> import numpy
    >>> x = numpy.linspace(-1.0, 1.0, 50)[:, None]
    >>> regressor = MLPRegressor((8,), random_state=0).fit(x, x[:, 0] ** 2)
    >>> regressor.score(x, x[:, 0] ** 2) > 0.95, regressor.predict(x).shape
    (True, (50,))
    """

    def fit(self, x: Any, y: Any) -> MLPRegressor:
        """Train a new network on inputs [N, D] and targets [N] or [N, M]."""
        x, y = validate_data(self, x, y, dtype=float, multi_output=True, y_numeric=True)
        d = y.reshape(len(y), -1).astype(float)
        self._is_flat = y.ndim == 1
        self._mean, self._scale = d.mean(axis=0), numpy.where(d.std(axis=0) > 0, d.std(axis=0), 1.0)
        self._train(x, (d - self._mean) / self._scale, d.shape[1], "identity", squared_error)
        return self

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def predict(self, x: Any) -> Any:
        """The predicted targets, [N] or [N, M] like the targets it was fitted to."""
        found = self._outputs(x) * self._scale + self._mean
        return found[:, 0] if self._is_flat else found
