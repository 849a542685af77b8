"""One picture of all measurements: each contender relative to its workload's baseline, and the sweeps over sizes."""

from __future__ import annotations

import io
import textwrap
from collections import defaultdict
from pathlib import Path
from typing import Any

from autograd_mini.files import write_whole

OURS = {"autograd_mini, machine code": "#D55E00", "autograd_mini, NumPy": "#F0A860", "autograd_mini, eager": "#B8860B"}
OTHERS = {  # mostly Okabe and Ito's colours, which colour-blind readers can tell apart; markers differ as well
    "torch": ("#0072B2", "s"),
    "JAX": ("#009E73", "^"),
    "ddx": ("#CC79A7", "D"),
    "CasADi": ("#56B4E9", "v"),
    "NumPy": ("#000000", "P"),
    "XAD": ("#7A5195", "X"),
    "micrograd": ("#8C6D46", "<"),
    "autograd": ("#909090", ">"),
}
ROW = 0.2
"""The height of a contender's bar in inches."""

Row = tuple[str, dict[str, Any] | None]
"""A contender with its measurements, or a line of text and None."""


def save_plot(found: dict[str, Any], path: Path) -> None:
    """Draw what `--json` writes, into a file of the format that its ending names."""
    from matplotlib import rc_context

    content = io.BytesIO()
    with rc_context({"font.size": 9, "axes.spines.top": False, "axes.spines.right": False}):
        _figure(found).savefig(content, format=path.suffix[1:], dpi=130)
    write_whole(path, content.getvalue())


def _figure(found: dict[str, Any]) -> Any:
    from matplotlib.figure import Figure

    workloads = {name: each for name, each in found["workloads"].items() if each and "measured" in each}
    sweeps = [each for name, each in workloads.items() if name.startswith("sweep_")]
    columns = _in_two_columns([each for name, each in workloads.items() if not name.startswith("sweep_")])
    n_rows, n_lines = max(map(len, columns)), -(-len(sweeps) // 2)
    heights = [each for each in (ROW * n_rows + 0.8 * bool(n_rows), 4.0 * n_lines) if each]
    figure = Figure(figsize=(16, 0.7 + sum(heights)), layout="constrained")  # no pyplot: needs no display
    figure.suptitle(
        f"{found['machine']}, one thread for each contender; medians of processor time, thin lines from the slowest "
        "turn to the fastest"
    )
    areas = iter(figure.subfigures(len(heights), 1, height_ratios=heights, squeeze=False)[:, 0] if heights else [])
    if n_rows:
        panels = next(areas).subplots(1, 2, sharex=True)
        for axes, rows in zip(panels, columns):
            _draw_rows(axes, rows, n_rows)
        panels[0].set_xlim(right=12 * panels[0].get_xlim()[1])  # for the text beside the bars
    if sweeps:
        grid = next(areas).subplots(n_lines, 2, squeeze=False).ravel()
        for axes, sweep in zip(grid, sweeps):
            _draw_sweep(axes, sweep)
        for axes in grid[len(sweeps) :]:
            axes.set_axis_off()
    return figure


def _in_two_columns(workloads: list[dict[str, Any]]) -> tuple[list[Row], list[Row]]:
    """The rows of the two columns, which are about equally long."""
    groups = [group for workload in workloads for group in _groups(workload)]
    left: list[Row] = []
    right: list[Row] = []
    half = sum(map(len, groups)) / 2
    for group in groups:
        column = left if not right and len(left) + len(group) / 2 <= half else right
        column += group
    return left, right


def _groups(workload: dict[str, Any]) -> list[list[Row]]:
    """For each size its rows: the title, the measured contenders with their ratios, the missing ones, an empty line."""
    groups: dict[int | str | None, list[Row]] = {}
    for size in dict.fromkeys(each["size"] for each in [*workload["measured"], *workload["missing"]]):
        measured = [each for each in workload["measured"] if each["size"] == size]
        title, rows = workload["title"], []
        if size is not None:
            title += f", {workload['counted']}: {size if isinstance(size, str) else format(size, ',')}"
        if measured:
            base = next((each for each in measured if each["name"].startswith(workload["baseline"])), measured[0])
            title += f" [1 = {base['name']}]".replace(" ", "\u00a0")  # no line break within
            for each in measured:
                turns = max(each["cpu"]), each["cpu_median"], min(each["cpu"])
                ratios = [base["cpu_median"] / seconds for seconds in turns]
                rows.append((each["name"], {"ratios": ratios, "seconds": each["cpu_median"]}))
        missing = [f"{each['name']} {each['reason']}" for each in workload["missing"] if each["size"] == size]
        notes = [f"    {textwrap.shorten(each, 90)}" for each in missing]
        groups[size] = [
            *((line, None) for line in textwrap.wrap(title, 80)),
            *rows,
            *((note, None) for note in [*notes, ""]),
        ]
    return list(groups.values())


def _draw_rows(axes: Any, rows: list[Row], n_rows: int) -> None:
    """Draw a bar for each contender, from 1 to its speed relative to the baseline."""
    for y, (name, figures) in enumerate(rows):
        if figures is None:
            look = {"style": "italic"} if name.startswith(" ") else {"weight": "bold"}
            box = {"facecolor": "white", "edgecolor": "none", "pad": 1}
            place = {"xycoords": axes.get_yaxis_transform(), "xytext": (-126, 0), "textcoords": "offset points"}
            text = axes.annotate(name, (0, y), **place, **look, va="center", bbox=box)
            text.set_in_layout(False)
            continue
        slowest, ratio, fastest = figures["ratios"]
        colour = OURS.get(name, "#D55E00") if name.startswith("autograd_mini") else "#A9B4BD"
        axes.barh(y, ratio - 1, left=1, height=0.74, color=colour)
        axes.plot([slowest, fastest], [y, y], color="black", linewidth=1)
        axes.text(
            max(1, fastest) * 1.15,
            y,
            f"{ratio:{'.3g' if ratio < 100 else ',.0f'}} ×   {_duration(figures['seconds'])}",
            va="center",
        )
    named = [(y, name) for y, (name, figures) in enumerate(rows) if figures]
    axes.set_yticks([y for y, _ in named], [name for _, name in named])
    for label in axes.get_yticklabels():
        if label.get_text().startswith("autograd_mini"):
            label.set_color("#A84300")
    axes.set_ylim(n_rows - 0.5, -0.8)
    axes.set_xscale("log")
    axes.axvline(1, color="black", linewidth=0.8)
    axes.grid(axis="x", color="#DDDDDD", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines.left.set_visible(False)
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel("times as fast as the baseline of its workload: right of 1 is faster, left is slower")


def _draw_sweep(axes: Any, sweep: dict[str, Any]) -> None:
    """Draw the time of a run by size, one line for each contender; for this package also the first run, dashed."""
    lines = defaultdict(list)
    for each in sweep["measured"]:
        lines[each["name"]].append((each["size"], each["cpu_median"], each["first_cpu"]))
    for name, points in lines.items():
        sizes, seconds, first = zip(*points)
        if name.startswith("autograd_mini"):
            colour, marker, width = OURS.get(name, "#7F3B08"), "o", 2.6
        else:
            (colour, marker), width = next(look for peer, look in OTHERS.items() if name.startswith(peer)), 1.2
        axes.plot(sizes, seconds, color=colour, marker=marker, linewidth=width, markersize=5, label=name)
        if name == "autograd_mini, machine code":
            axes.plot(sizes, first, color=colour, linestyle="--", linewidth=1.5, label="… its first run, compiling")
    absent = defaultdict(list)
    for each in sweep["missing"]:
        absent[each["name"], each["reason"]].append(f"{each['size']:,}")
    for (name, reason), sizes in absent.items():
        axes.plot([], [], " ", label=textwrap.fill(f"{name} at {', '.join(sizes)} {reason}", 34))
    axes.set(xscale="log", yscale="log", xlabel=sweep["counted"], ylabel="seconds a run")
    axes.set_title(textwrap.fill(sweep["title"], 70), loc="left", fontsize=9, weight="bold")
    axes.grid(color="#DDDDDD", linewidth=0.6)
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False)


def _duration(seconds: float) -> str:
    unit, a_second = next(
        (each for each in (("s", 1), ("ms", 1e3), ("µs", 1e6)) if seconds * each[1] >= 1), ("ns", 1e9)
    )
    return f"{seconds * a_second:.3g} {unit}"
