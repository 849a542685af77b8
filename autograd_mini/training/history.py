"""What happened during training, in numbers and, with matplotlib, in curves."""

from __future__ import annotations

import io
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from autograd_mini.files import write_whole

# Okabe and Ito's colours, which the colour-blind can tell apart; styles and markers differ as well.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#000000")
STYLES = ("-", "--", "-.", ":")
LOOK: dict[Any, Any] = {
    "font.size": 16,
    "axes.titlesize": 18,
    "lines.linewidth": 3.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
}


@dataclass(frozen=True)
class Epoch:
    """One pass over the training set: its figures.

    >>> Epoch(loss=0.5, validation_loss=None, metrics={}, learning_rate=0.1, seconds=0.2).loss
    0.5
    """

    loss: float
    validation_loss: float | None
    metrics: dict[str, float]
    learning_rate: float
    seconds: float


@dataclass
class History:
    """The figures of every epoch, and how training ended.

    Attributes:
        epochs: the figures of each epoch.
        converged: whether training ended because the training loss had stopped improving.
        stopped_early: whether it ended because the validation loss had stopped improving.
        interrupted: whether Ctrl-C ended it.
        best_epoch: the epoch, from 0, with the lowest loss (of the validation set, if there is one).

    >>> from autograd_mini.nn import MLP, squared_error
    >>> from autograd_mini.optim import SGD
    >>> from autograd_mini.training import fit
    >>> model, line = MLP(1, [1]), [([0.0], 1.0), ([1.0], 3.0)]
    >>> history = fit(model, line, squared_error, SGD(model.parameters(), 0.5), epochs=3, progress=False)
    >>> history
    <History: 3 epochs, loss 1.066 → 0.01681>
    >>> len(history.losses), history.validation_losses, history.metrics, history.learning_rates
    (3, [], {}, [0.5, 0.5, 0.5])
    >>> len(history.seconds), history.plot().axes[0].get_title()
    (3, 'Loss')
    >>> History.from_dict(history.as_dict()) == history
    True
    """

    epochs: list[Epoch] = field(default_factory=list)
    converged: bool = False
    stopped_early: bool = False
    interrupted: bool = False
    best_epoch: int | None = None

    @property
    def losses(self) -> list[float]:
        """The mean divergence of each epoch, measured while the epoch trained."""
        return [epoch.loss for epoch in self.epochs]

    @property
    def validation_losses(self) -> list[float]:
        """The mean divergence over the validation set after each epoch; empty without one."""
        return [epoch.validation_loss for epoch in self.epochs if epoch.validation_loss is not None]

    @property
    def metrics(self) -> dict[str, list[float]]:
        """The mean of each metric after every epoch: over the validation set, or without one over the data."""
        names = self.epochs[0].metrics if self.epochs else {}
        return {name: [epoch.metrics[name] for epoch in self.epochs] for name in names}

    @property
    def learning_rates(self) -> list[float]:
        """The learning rate of each epoch's first step."""
        return [epoch.learning_rate for epoch in self.epochs]

    @property
    def seconds(self) -> list[float]:
        """How long each epoch took."""
        return [epoch.seconds for epoch in self.epochs]

    def plot(self, path: str | os.PathLike[str] | None = None) -> Any:
        """Draw the curves of losses and metrics, and write them into a file whole or not at all.

        Args:
            path: the file, whose ending says the format: .png, .svg or .pdf; None to draw only.

        Returns:
            The matplotlib `Figure`.

        Raises:
            ImportError: matplotlib is missing.
            ValueError: nothing has been trained yet, or matplotlib does not know the format.
        """
        if not self.epochs:
            raise ValueError("there is nothing to plot: no epoch was trained")
        try:
            from matplotlib import rc_context
            from matplotlib.figure import Figure
        except ImportError as error:
            raise ImportError("History.plot needs matplotlib; install it with: pip install matplotlib") from error

        with rc_context(LOOK):
            metrics = self.metrics
            figure = Figure(figsize=(13.3 if metrics else 9, 6), layout="constrained")  # no pyplot: needs no display
            panels = figure.subplots(1, 2 if metrics else 1, squeeze=False)[0]
            losses = {"training": self.losses, "validation": self.validation_losses}
            best = self.best_epoch if self.validation_losses else None  # without it, the last is kept
            _draw_panel(panels[0], losses, "Loss", best)
            smallest, largest = min(self.losses + self.validation_losses), max(self.losses + self.validation_losses)
            if smallest > 0.0 and largest > 20.0 * smallest:
                panels[0].set_yscale("log")
            if metrics:
                _draw_panel(panels[1], metrics, "Metrics", best)
            if path is not None:
                content = io.BytesIO()
                figure.savefig(content, format=Path(path).suffix.removeprefix(".") or "png", dpi=150)
                write_whole(path, content.getvalue())
        return figure

    def __len__(self) -> int:
        return len(self.epochs)

    def __bool__(self) -> bool:
        return True

    def __repr__(self) -> str:
        ends = [name for name in ("converged", "stopped_early", "interrupted") if getattr(self, name)]
        parts = [f"{len(self)} epoch{'' if len(self) == 1 else 's'}"]
        if self.epochs:
            parts.append(f"loss {self.losses[0]:.4g} → {self.losses[-1]:.4g}")
        if self.validation_losses:
            parts.append(f"validation {self.validation_losses[0]:.4g} → {self.validation_losses[-1]:.4g}")
        parts += [f"{name} {numbers[-1]:.4g}" for name, numbers in self.metrics.items()]
        return f"<History: {', '.join(parts + [end.replace('_', ' ') for end in ends])}>"

    def as_dict(self) -> dict[str, Any]:
        """The history as a dict of plain numbers, for a checkpoint."""
        return asdict(self)

    @classmethod
    def from_dict(cls, plain: Any) -> History:
        """The history that `as_dict` took apart; anything else raises a TypeError, ValueError or LookupError."""
        epochs = [
            Epoch(
                loss=float(epoch["loss"]),
                validation_loss=None if epoch["validation_loss"] is None else float(epoch["validation_loss"]),
                metrics={str(name): float(number) for name, number in epoch["metrics"].items()},
                learning_rate=float(epoch["learning_rate"]),
                seconds=float(epoch["seconds"]),
            )
            for epoch in plain["epochs"]
        ]
        flags = {name: bool(plain[name]) for name in ("converged", "stopped_early", "interrupted")}
        best_epoch = plain["best_epoch"]
        if best_epoch is not None:
            best_epoch = range(len(epochs))[best_epoch]
        return cls(epochs, **flags, best_epoch=best_epoch)


def _draw_panel(axes: Any, curves: dict[str, list[float]], title: str, best_epoch: int | None) -> None:
    for index, (name, numbers) in enumerate(curves.items()):
        if numbers:
            axes.plot(
                range(1, len(numbers) + 1),
                numbers,
                color=COLOURS[index % len(COLOURS)],
                linestyle=STYLES[index % len(STYLES)],
                marker="o" if len(numbers) <= 20 else None,
                label=name,
            )
    if best_epoch is not None:
        axes.axvline(best_epoch + 1, color="0.5", linewidth=1.5, linestyle=":", label=f"best epoch: {best_epoch + 1}")
    axes.set_title(title)
    axes.set_xlabel("epoch")
    if title == "Loss":
        axes.set_ylabel("mean over the examples")
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.grid(alpha=0.3)
    axes.legend(frameon=False)
