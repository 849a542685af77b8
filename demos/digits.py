"""Code shared by the digit recognisers: the images, their fixed split, and pictures of results."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from common import SIGNS, save_figure
from common import parse_arguments as parse_arguments
from sklearn.datasets import load_digits
from sklearn.metrics import ConfusionMatrixDisplay
from sklearn.model_selection import train_test_split

SIDE = 8
N_HELD_OUT = 450

Example = tuple[list[float], int]


def digits() -> tuple[list[Example], list[Example]]:
    """Training and held-out images of scikit-learn's 1,797 digits: each is 64 numbers in [0, 1], and its digit."""
    images, digits = load_digits(return_X_y=True)
    parts = train_test_split(images / 16.0, digits, test_size=N_HELD_OUT, stratify=digits, random_state=849)
    training, held_out, *labels = [part.tolist() for part in parts]
    return list(zip(training, labels[0])), list(zip(held_out, labels[1]))


def most_likely(outputs: Sequence[float]) -> int:
    """The class with the largest output."""
    return max(range(len(outputs)), key=outputs.__getitem__)


def draw_sheet(
    images: Sequence[Sequence[float]], captions: Sequence[str], wrong: Sequence[bool], title: str, path: Path
) -> None:
    """Draw a sheet of digits, each with a caption; wrong answers stand out by a frame and bold type."""
    columns = 10
    rows = -(-len(images) // columns)
    figure, axes = plt.subplots(
        rows, columns, figsize=(columns * 1.33, rows * 1.5 + 0.4), squeeze=False, layout="constrained"
    )
    figure.suptitle(title)
    for axis in axes.flat:
        axis.axis("off")
    for axis, image, caption, is_wrong in zip(axes.flat, images, captions, wrong):
        axis.imshow(np.reshape(image, (SIDE, SIDE)), cmap="gray_r", vmin=0, vmax=1)
        axis.set_title(
            caption,
            fontsize=14,
            color="#b2182b" if is_wrong else "#222222",
            weight="bold" if is_wrong else "normal",
        )
        if is_wrong:
            axis.axis("on")
            axis.set(xticks=[], yticks=[])
            for spine in axis.spines.values():
                spine.set(color="#b2182b", linewidth=2, visible=True)
    save_figure(figure, path)


def draw_weights(weights: Sequence[Sequence[float]], captions: Sequence[str], title: str, path: Path) -> None:
    """Draw the 64 weights of each hidden unit as an image: blue excites, orange inhibits."""
    bound = max(abs(w) for unit in weights for w in unit)
    columns = min(4, len(weights))
    rows = -(-len(weights) // columns)
    figure, axes = plt.subplots(
        rows, columns, figsize=(columns * 2.3, rows * 2.4 + 0.5), squeeze=False, layout="constrained"
    )
    figure.suptitle(title)
    for axis in axes.flat:
        axis.axis("off")
    for axis, unit, caption in zip(axes.flat, weights, captions):
        image = axis.imshow(np.reshape(unit, (SIDE, SIDE)), cmap=SIGNS, vmin=-bound, vmax=bound)
        axis.set_title(caption, fontsize=14)
    figure.colorbar(image, ax=axes, shrink=0.8, label="weight")
    save_figure(figure, path)


def draw_confusion(
    truths: Sequence[int], answers: Sequence[int], classes: Sequence[str], title: str, path: Path
) -> None:
    """Draw how many images of each class (rows) got each answer (columns)."""
    figure, axes = plt.subplots(figsize=(9, 8), layout="constrained")
    display = ConfusionMatrixDisplay.from_predictions(
        truths, answers, labels=range(len(classes)), display_labels=classes, cmap="Blues", colorbar=False, ax=axes
    )
    for count, text in zip(display.confusion_matrix.flat, display.text_.flat):
        text.set_visible(bool(count))
    axes.set(xlabel="answer", ylabel="truth", title=title)
    save_figure(figure, path)
