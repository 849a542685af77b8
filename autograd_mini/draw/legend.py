"""What the shapes and colours of a picture mean, and its caption: one table below it."""

from __future__ import annotations

from math import isfinite

from autograd_mini.draw.colours import ACCENT, MODULE, NOT_FINITE, heat
from autograd_mini.draw.escaping import markup, width_in_points
from autograd_mini.draw.picture import Kind, Picture

CAPTION_SIZE, LEGEND_SIZE = 16, 13
STEPS = 9
SAMPLES = {
    Kind.INPUT: 'BORDER="1" CELLBORDER="0" CELLSPACING="0" STYLE="ROUNDED" BGCOLOR="#ececec"',
    Kind.PARAMETER: 'BORDER="3" CELLBORDER="0" CELLSPACING="0" BGCOLOR="#d4d4d4"',
    Kind.CONSTANT: 'BORDER="1" CELLBORDER="0" CELLSPACING="0" STYLE="DASHED"',
    Kind.INTERMEDIATE: 'BORDER="1" CELLBORDER="0" CELLSPACING="0"',
    Kind.RESULT: 'BORDER="1" CELLBORDER="1" CELLSPACING="3"',
    Kind.MODULE: f'BORDER="2" CELLBORDER="0" CELLSPACING="0" STYLE="ROUNDED" COLOR="{ACCENT}" BGCOLOR="{MODULE}"',
    Kind.OPERATION: 'BORDER="1" CELLBORDER="0" CELLSPACING="0" STYLE="ROUNDED" BGCOLOR="#444444"',
}


def caption_and_legend(picture: Picture) -> str:
    """The table in HTML-like markup; empty if there is nothing to tell."""
    rows = [_caption(picture.caption, picture.caption_width)] if picture.caption else []
    if picture.legend:
        rows += [_side_by_side(_samples(picture)), _side_by_side(_scale(picture))]
    if not any(rows):
        return ""
    lines = "".join(f"<TR><TD>{row}</TD></TR>" for row in rows if row)
    return f'<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="4">{lines}</TABLE>'


def _caption(lines: tuple[str, ...], width: int) -> str:
    def text(line: str) -> str:
        return f'<FONT POINT-SIZE="{CAPTION_SIZE}">{markup(line) or "&#160;"}</FONT>'

    width = max(width, *(width_in_points(line, CAPTION_SIZE) for line in lines))
    cells = "".join(f'<TR><TD ALIGN="LEFT" WIDTH="{width}">{text(line)}</TD></TR>' for line in lines)
    return f'<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0">{cells}</TABLE>'


def _side_by_side(cells: list[str]) -> str:
    sides = ["RIGHT"] + ["LEFT"] * len(cells)  # where there is room to spare, together rather than spread
    row = "".join(f'<TD ALIGN="{side}">{cell}</TD>' for side, cell in zip(sides, cells))
    return f'<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="3"><TR>{row}</TR></TABLE>' if cells else ""


def _samples(picture: Picture) -> list[str]:
    """A small box of every kind in the picture."""
    present = {box.kind for box in picture.boxes}
    samples = []
    for kind, style in SAMPLES.items():
        if kind in present:
            text = f'<FONT COLOR="#ffffff">{kind.value}</FONT>' if kind is Kind.OPERATION else kind.value
            samples.append(f'<TABLE CELLPADDING="3" {style}><TR><TD>{text}</TD></TR></TABLE>')
    if Kind.OPERATION in present:
        samples.append(f'<FONT COLOR="{ACCENT}">local derivative</FONT>')
    return samples


def _scale(picture: Picture) -> list[str]:
    """The colours of gradients from 0 to the largest, and of those that are not finite."""
    gradients = [row.gradient for box in picture.boxes for row in box.rows if row.gradient is not None]
    largest, cells = picture.largest_gradient, []
    if largest > 0.0:
        bar = "".join(
            f'<TD WIDTH="16" HEIGHT="12" BGCOLOR="{heat(step * largest / (STEPS - 1), largest)[0]}"></TD>'
            for step in range(STEPS)
        )
        cells = ["|grad| 0", f'<TABLE CELLBORDER="0" CELLSPACING="0"><TR>{bar}</TR></TABLE>', f"{largest:.3g}"]
    if not all(map(isfinite, gradients)):
        fill, colour = NOT_FINITE
        cells.append(
            f'<TABLE BORDER="0" CELLBORDER="0" CELLPADDING="3"><TR><TD BGCOLOR="{fill}"><FONT COLOR="{colour}">'
            "inf or nan</FONT></TD></TR></TABLE>"
        )
    return cells
