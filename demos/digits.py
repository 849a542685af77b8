"""What the digit recognisers share: the images, a fixed split, and pictures of them."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from random import Random

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

SIDE = 8
N_HELD_OUT = 450

Example = tuple[list[float], int]


def digits() -> tuple[list[Example], list[Example]]:
    """Training and held-out images of scikit-learn's 1,797 digits: 64 numbers in [0, 1] each, and the digit."""
    bunch = load_digits()
    examples = [([float(p) / 16.0 for p in image], int(d)) for image, d in zip(bunch.data, bunch.target)]
    Random(849).shuffle(examples)
    return examples[N_HELD_OUT:], examples[:N_HELD_OUT]


def parse_arguments(description: str) -> argparse.Namespace:
    """The options that every recogniser has."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--out", type=Path, default=Path("out"), help="folder for the pictures (default: out/)")
    parser.add_argument("--quick", action="store_true", help="train for a few seconds only")
    arguments = parser.parse_args()
    try:
        arguments.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        parser.error(f"cannot make the folder {str(arguments.out)!r}: {error.strerror}; give another with --out")
    return arguments


def save_figure(figure: plt.Figure, path: Path) -> None:
    """Write the figure whole or not at all."""
    part = path.with_name(f".{path.name}")
    figure.savefig(part, format=path.suffix[1:], dpi=150, bbox_inches="tight")
    part.replace(path)
    plt.close(figure)


def draw_sheet(
    images: Sequence[Sequence[float]], captions: Sequence[str], wrong: Sequence[bool], title: str, path: Path
) -> None:
    """A sheet of digits with a caption each; wrong answers stand out by a frame and bold type."""
    columns = 10
    rows = -(-len(images) // columns)
    figure, axes = plt.subplots(
        rows, columns, figsize=(columns * 1.05, rows * 1.35 + 0.4), squeeze=False, layout="constrained"
    )
    figure.suptitle(title)
    for axis in axes.flat:
        axis.axis("off")
    for axis, image, caption, is_wrong in zip(axes.flat, images, captions, wrong):
        axis.imshow(np.reshape(image, (SIDE, SIDE)), cmap="gray_r", vmin=0, vmax=1)
        axis.set_title(
            caption,
            fontsize=9,
            color="#b2182b" if is_wrong else "#222222",
            weight="bold" if is_wrong else "normal",
        )
        if is_wrong:
            axis.axis("on")
            axis.set(xticks=[], yticks=[])
            for spine in axis.spines.values():
                spine.set(color="#b2182b", linewidth=2)
    save_figure(figure, path)


def draw_weights(weights: Sequence[Sequence[float]], captions: Sequence[str], title: str, path: Path) -> None:
    """The 64 weights of each hidden unit as an image: orange excites, blue inhibits."""
    bound = max(abs(w) for unit in weights for w in unit)
    columns = min(4, len(weights))
    rows = -(-len(weights) // columns)
    figure, axes = plt.subplots(
        rows, columns, figsize=(columns * 1.9, rows * 2.2 + 0.5), squeeze=False, layout="constrained"
    )
    figure.suptitle(title)
    for axis in axes.flat:
        axis.axis("off")
    for axis, unit, caption in zip(axes.flat, weights, captions):
        image = axis.imshow(np.reshape(unit, (SIDE, SIDE)), cmap="PuOr_r", vmin=-bound, vmax=bound)
        axis.set_title(caption, fontsize=10)
    figure.colorbar(image, ax=axes, shrink=0.8, label="weight")
    save_figure(figure, path)
