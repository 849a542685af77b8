"""Code shared by the demos: options, timing, and saving pictures."""

from __future__ import annotations

import argparse
import io
import re
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import LinearSegmentedColormap

from autograd_mini.draw.style.colours import BLUES, ORANGES
from autograd_mini.files import write_whole

# Okabe and Ito's colours, which colour-blind readers can tell apart; lines and markers differ as well.
BLUE, ORANGE, GREEN, PURPLE = "#0072B2", "#D55E00", "#009E73", "#CC79A7"

SIGNS = LinearSegmentedColormap.from_list("signs", np.array([*reversed(ORANGES), *BLUES[1:]]) / 255)
"""The colours of numbers from -1 to 1: orange, white, blue."""

SLIDE = (13.33, 7.5)  # inches
# Legible on a projector.
plt.rcParams.update({"font.size": 15, "axes.titlesize": 16, "lines.linewidth": 2.5})
plt.rcParams.update({"axes.spines.top": False, "axes.spines.right": False})


def parse_arguments(
    doc: str, *, can_compile: bool = False, out: Path = Path("out"), others: Mapping[str, str] | None = None
) -> argparse.Namespace:
    """Parse the options that every demo has, and print the demo's formulas.

    Args:
        doc: the demo's docstring: its first line describes the demo, indented lines are its formulas.
        can_compile: whether the demo has the option `--compiled`.
        out: the default folder for pictures.
        others: the demo's further options, each with its help text.
    """
    parser = argparse.ArgumentParser(description=doc.splitlines()[0])
    parser.add_argument("--out", type=Path, default=out, help="folder for the pictures (default: %(default)s)")
    parser.add_argument("--quick", action="store_true", help="work for a few seconds only")
    if can_compile:
        parser.add_argument("--compiled", action="store_true", help="train with compiled functions, in seconds")
    for name, purpose in (others or {}).items():
        parser.add_argument(f"--{name}", help=purpose)
    sys.stdout.reconfigure(errors="replace")  # formulas have characters that some consoles lack
    arguments = parser.parse_args()
    try:
        arguments.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        parser.error(f"cannot make the folder {str(arguments.out)!r}: {error.strerror}; give another with --out")
    print("\n".join(line for line in doc.splitlines() if re.match(r"    (?!python )\S", line)), end="\n\n")
    return arguments


@contextmanager
def timed(what: str) -> Iterator[None]:
    """Print how many seconds a block took, by the clock and in processor time of this process."""
    begin, begin_process = time.perf_counter(), time.process_time()
    yield
    seconds, of_process = time.perf_counter() - begin, time.process_time() - begin_process
    print(f"{what}: {seconds:.1f} s, {of_process:.1f} s of processor time")


def seconds_of(function: Callable[[], object], repeats: int) -> float:
    """The median time of several runs, after one that is not counted."""
    function()
    times = []
    for _ in range(repeats):
        begin = time.perf_counter()
        function()
        times.append(time.perf_counter() - begin)
    return statistics.median(times)


def draw_parameters(axes: plt.Axes, names: Sequence[str], shares: np.ndarray, errors: np.ndarray) -> None:
    """Plot fitted parameters, divided by the true ones, with their standard errors."""
    places = range(len(names))
    axes.errorbar(shares, places, xerr=errors, fmt="o", color=BLUE, capsize=5, markersize=9)
    axes.axvline(1.0, color="0.35", linestyle=":")
    axes.set(yticks=places, yticklabels=names, xlabel="fit / truth, with standard error")
    axes.invert_yaxis()


def save_figure(figure: plt.Figure, path: Path) -> None:
    """Save a figure, whole or not at all, and no larger than a slide, so that its text stays legible there."""
    width, height = figure.get_size_inches()
    figure.set_size_inches(min(width, SLIDE[0]), min(height, SLIDE[1]))
    content = io.BytesIO()
    figure.savefig(content, format=path.suffix[1:], dpi=150)
    write_whole(path, content.getvalue())
    plt.close(figure)
