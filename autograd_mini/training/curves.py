"""The curves of a training, drawn with matplotlib."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

from autograd_mini.files import write_whole
from autograd_mini.training.history import History

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


def draw_curves(history: History, path: str | os.PathLike[str] | None) -> Any:
    """The figure of `History.plot`."""
    if not history.epochs:
        raise ValueError("there is nothing to plot: no epoch was trained")
    try:
        from matplotlib import rc_context
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError("History.plot needs matplotlib; install it with: pip install matplotlib") from error

    with rc_context(LOOK):
        metrics = history.metrics
        figure = Figure(figsize=(14 if metrics else 9, 6), layout="constrained")  # no pyplot: needs no display
        panels = figure.subplots(1, 2 if metrics else 1, squeeze=False)[0]
        losses = {"training": history.losses, "validation": history.validation_losses}
        best = history.best_epoch if history.validation_losses else None  # else training ends with the last
        _draw_panel(panels[0], losses, "Loss", best)
        if min(history.losses + history.validation_losses) > 0.0 and _spans_decades(history):
            panels[0].set_yscale("log")
        if metrics:
            _draw_panel(panels[1], metrics, "Metrics", best)
        if path is not None:
            content = io.BytesIO()
            figure.savefig(content, format=Path(path).suffix.removeprefix(".") or "png", dpi=150)
            write_whole(path, content.getvalue())
    return figure


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


def _spans_decades(history: History) -> bool:
    numbers = history.losses + history.validation_losses
    return max(numbers) > 20.0 * min(numbers)
