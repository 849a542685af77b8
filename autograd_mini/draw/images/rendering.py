"""Turns DOT source into images with whichever renderer the machine has, and shows pictures in notebooks."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sysconfig
from base64 import b64encode
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from autograd_mini.draw.style import font
from autograd_mini.draw.style.texts import with_font, with_larger_label, with_texts, without_texts

FORMATS = ("svg", "png", "pdf")
SOURCES = ("dot", "gv")
ENDINGS = ", ".join(f".{ending}" for ending in FORMATS) + " or .dot"
PNG_RESOLUTION = 192  # dots per inch: twice that of an ordinary screen
TIMEOUT = 60.0  # seconds; not tuned
PIXELS = 4 / 3  # per point
SLIDE = 960.0  # points: the width of a slide; scaled down to it, captions still have at least 14 points
SIZE = re.compile(r'<svg width="([\d.]+)pt" height="([\d.]+)pt"')
_PDF_DATE = re.compile(rb"(/CreationDate \(D:)\d{14}[^)]*")


class UnknownFormatError(ValueError):
    """A file name ends in none of the formats that pictures are saved in."""


class RenderingError(RuntimeError):
    """The renderers on this machine failed to make the image."""


class NoRendererError(RenderingError):
    """There is no renderer for the format on this machine."""


def format_of(path: str | os.PathLike[str]) -> str:
    """The format that the ending of a path names; an UnknownFormatError if it names none."""
    ending = os.path.splitext(os.fspath(path))[1].removeprefix(".").lower()
    if ending not in FORMATS + SOURCES:
        raise UnknownFormatError(f"cannot save a picture as {os.fspath(path)!r}; choose a name that ends in {ENDINGS}")
    return "dot" if ending in SOURCES else ending


def render(source: str, image_format: str, timeout: float | None = TIMEOUT) -> bytes:
    """Render DOT source to an image: the same source and renderer give the same bytes.

    Raises:
        NoRendererError: no program on this machine makes that format.
        RenderingError: the programs failed, or took longer than `timeout` seconds.
    """
    if image_format not in ("svg", "png"):
        image = _laid_out(source, image_format, timeout)
        return _PDF_DATE.sub(rb"\g<1>19700101000000Z", image) if image_format == "pdf" else image
    (svg,) = svgs_of([source], timeout)
    return svg.encode() if image_format == "svg" else png_of(svg)


def svgs_of(sources: Sequence[str], timeout: float | None = TIMEOUT) -> list[str]:
    """Render DOT sources to SVGs that share one font; errors are those of `render`.

    In pictures wider than a slide, captions are enlarged so that they have their size when scaled down to fit it.
    """
    svgs, letters = [], set[str]()
    for source in sources:
        svg, texts = _placed(source, timeout)
        scale = width_in_points(svg) / SLIDE
        if scale > 1.0:
            svg, texts = _placed(with_larger_label(source, scale), timeout)
        svgs.append(with_texts(svg, texts, letters))
    return [with_font(svg, letters) for svg in svgs]


def width_in_points(svg: str) -> float:
    """The width of an SVG in points."""
    return float(SIZE.search(svg)[1])  # type: ignore[index]


def _placed(source: str, timeout: float | None) -> tuple[str, list[re.Match[str]]]:
    bare, texts = without_texts(source)
    return _laid_out(bare, "svg", timeout).decode(), texts


def png_of(svg: str, resolution: float = PNG_RESOLUTION) -> bytes:
    """Render an SVG to a PNG with that many dots per inch."""
    try:
        from resvg_py import svg_to_bytes
    except ImportError:
        raise NoRendererError("a png needs the package resvg-py; install it with pip, or save an .svg") from None
    files, is_complete = [os.fspath(font.FILE)], font.is_complete(svg)
    try:
        return bytes(svg_to_bytes(svg_string=svg, dpi=resolution, font_files=files, skip_system_fonts=is_complete))
    except ValueError as error:
        raise RenderingError(f"the png could not be made ({error}); save the picture as .svg instead") from None


def _laid_out(source: str, image_format: str, timeout: float | None) -> bytes:
    """The image from the first program that can render the source; errors are those of `render`."""
    failure = ""
    for program in _renderers(image_format):
        try:
            done = subprocess.run(
                [program, f"-T{image_format}"], input=source.encode(), capture_output=True, timeout=timeout
            )
        except subprocess.TimeoutExpired:
            raise RenderingError(
                f"laying out the picture took more than {timeout:g} s; draw a smaller part of the graph, or save it as "
                ".dot"
            ) from None
        except OSError as error:
            failure = f"{program}: {error.strerror}"
            continue
        if done.returncode == 0 and done.stdout:
            return done.stdout
        failure = f"{program}: {done.stderr.decode(errors='replace').strip() or f'exit status {done.returncode}'}"
    if failure:
        raise RenderingError(
            f"the {image_format} could not be made ({failure[:500]}); save the picture as .dot instead"
        )
    remedy = (
        "install Graphviz (its program `dot` makes them), or save an .svg or .png"
        if image_format == "pdf"
        else "install the package graphviz-pure, or Graphviz itself"
    )
    raise NoRendererError(f"no program on this machine makes {image_format} files; {remedy}")


def _renderers(image_format: str) -> Iterator[str]:
    """The installed programs that make a format, best first: Graphviz itself, then the port `graphviz-pure`."""
    dot = shutil.which("dot")
    if dot:
        yield dot
    if image_format != "pdf":
        pure = shutil.which("graphviz-pure", path=sysconfig.get_path("scripts")) or shutil.which("graphviz-pure")
        if pure:
            yield pure


class Shown:
    """Mixin for pictures that notebooks show."""

    def _repr_svg_(self) -> str:
        raise NotImplementedError

    def _as_png(self, svg: str) -> bytes:
        return png_of(svg)

    def _repr_mimebundle_(
        self, include: Iterable[str] | None = None, exclude: Iterable[str] | None = None, **rest: Any
    ) -> dict[str, bytes | str]:
        """The picture in all formats that a notebook may choose from.

        The HTML embeds the SVG as a separate document, in which tooltips and scripts work. Where a notebook is not
        trusted, or does not show embedded documents, the PNG is shown instead.
        """
        bundle: dict[str, bytes | str] = {}
        try:
            svg = bundle["image/svg+xml"] = self._repr_svg_()
            png = bundle["image/png"] = self._as_png(svg)
            width = width_in_points(svg) * PIXELS
            data = {"svg+xml": b64encode(svg.encode()).decode(), "png": b64encode(png).decode()}
            bundle["text/html"] = (
                f'<object type="image/svg+xml" data="data:image/svg+xml;base64,{data["svg+xml"]}" '
                'style="max-width:100%">'
                f'<img src="data:image/png;base64,{data["png"]}" width="{width:.0f}" '
                'style="max-width:100%;height:auto" '
                'alt="The picture, which needs a trusted notebook for its tooltips"></object>'
            )
        except RenderingError as error:
            bundle["text/plain"] = str(error)
        kept = set(bundle if include is None else include) - set(exclude or ())
        return {mimetype: content for mimetype, content in bundle.items() if mimetype in kept}
