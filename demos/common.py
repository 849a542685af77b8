"""What the demos share: their options, how they time themselves, and pictures written whole."""

from __future__ import annotations

import argparse
import io
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

from autograd_mini.files import write_whole

# Okabe and Ito's colours, which the colour-blind can tell apart; lines and markers differ as well.
BLUE, ORANGE, GREEN, PURPLE = "#0072B2", "#D55E00", "#009E73", "#CC79A7"

# Legible on a projector.
plt.rcParams.update({"font.size": 15, "axes.titlesize": 16, "lines.linewidth": 2.5})
plt.rcParams.update({"axes.spines.top": False, "axes.spines.right": False})


def parse_arguments(description: str, *, can_compile: bool = False, out: Path = Path("out")) -> argparse.Namespace:
    """The options that every demo has, and `--compiled` where training can be compiled."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--out", type=Path, default=out, help="folder for the pictures (default: %(default)s)")
    parser.add_argument("--quick", action="store_true", help="work for a few seconds only")
    if can_compile:
        parser.add_argument("--compiled", action="store_true", help="train by compiled functions, in seconds")
    arguments = parser.parse_args()
    try:
        arguments.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        parser.error(f"cannot make the folder {str(arguments.out)!r}: {error.strerror}; give another with --out")
    return arguments


@contextmanager
def timed(what: str) -> Iterator[None]:
    """Say how many seconds the block took, by the clock and of this process alone."""
    begin, begin_process = time.perf_counter(), time.process_time()
    yield
    seconds, of_process = time.perf_counter() - begin, time.process_time() - begin_process
    print(f"{what}: {seconds:.1f} s, {of_process:.1f} s of them computing")


def save_figure(figure: plt.Figure, path: Path) -> None:
    """Write the figure whole or not at all."""
    content = io.BytesIO()
    figure.savefig(content, format=path.suffix[1:], dpi=150, bbox_inches="tight")
    write_whole(path, content.getvalue())
    plt.close(figure)
