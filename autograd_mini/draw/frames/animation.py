"""Sequences of drawings, saved as one animated file or as a folder of images."""

from __future__ import annotations

import io
import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from math import inf
from pathlib import Path
from typing import Any, overload
from zlib import crc32

from autograd_mini.draw.drawing import Drawing
from autograd_mini.draw.images.rendering import SIZE, Shown, UnknownFormatError, format_of, png_of, render, svgs_of
from autograd_mini.files import write_whole

GIF_RESOLUTION, GIF_COLOURS = 96, 128  # dots per inch, as on screens; enough for smooth edges, chosen by eye
CONTROLS = 34  # points for the buttons
SCRIPT = Path(__file__).with_suffix(".js")

_IDENTITY = re.compile(r' id="[^"]*"')
_FONT = re.compile("<style>@font-face.*?</style>")


class Animation(Shown, Sequence[Drawing]):
    """A sequence of drawings, which can be saved as one animated file or as a folder of images.

    Attributes:
        captions: the lines of text below each drawing.

    >>> from autograd_mini import Value
    >>> from autograd_mini.draw import draw_steps
    >>> steps = draw_steps(Value(2.0, label="x").exp())
    >>> len(steps), steps[0]
    (2, <Drawing of 6 statements; save("graph.svg") writes it>)
    """

    def __init__(self, frames: Sequence[Drawing], captions: Sequence[tuple[str, ...]]) -> None:
        self._frames = tuple(frames)
        self.captions: tuple[tuple[str, ...], ...] = tuple(captions)

    def __len__(self) -> int:
        return len(self._frames)

    @overload
    def __getitem__(self, index: int) -> Drawing: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Drawing]: ...
    def __getitem__(self, index: int | slice) -> Drawing | Sequence[Drawing]:
        return self._frames[index]

    def save(self, path: str | os.PathLike[str], *, image_format: str = "svg", seconds: float = 2.0) -> list[str]:
        """Save all drawings, in one animated file or in a folder.

        Args:
            path: a name that ends in .svg or .gif for one animated file; a name without an ending for a folder, created
                if it does not exist, of `step-00.svg` and so on.
            image_format: the format of images in a folder: `"svg"`, `"png"`, `"pdf"` or `"dot"`.
            seconds: how long an animated file shows each drawing. Where scripts run, an .svg has buttons to pause and
                step it; for readers who ask for reduced motion, it moves only by these.

        Returns:
            The paths of the files.

        Raises:
            UnknownFormatError: a ValueError; the ending or the format is not one of these.
            ValueError: `seconds` is not a positive number.
            ModuleNotFoundError: a .gif needs the package pillow, and it is not installed.
            RenderingError: a RuntimeError; this machine cannot make the images.
            OSError: the files cannot be written.

        >>> import os, tempfile
        >>> from autograd_mini import Value
        >>> from autograd_mini.draw import draw_steps
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     paths = draw_steps(Value(2.0, label="x").exp()).save(folder)
        ...     [os.path.basename(path) for path in paths]
        ['step-00.svg', 'step-01.svg']
        """
        path = os.fspath(path)
        ending = os.path.splitext(path)[1].lower()
        if not ending:
            return self._save_folder(path, image_format)
        if not isinstance(seconds, (int, float)) or not 0.0 < seconds < inf:
            raise ValueError(f"seconds must be a positive number, got {seconds!r}")
        if ending == ".svg":
            content = self._svg(seconds).encode()
        elif ending == ".gif":
            content = _animated_gif([png_of(svg, GIF_RESOLUTION) for svg in self._svgs()], seconds)
        else:
            raise UnknownFormatError(
                f"cannot save an animation as {path!r}; choose a name that ends in .svg or .gif, or one without an "
                "ending for a folder of images"
            )
        write_whole(path, content)
        return [path]

    def _save_folder(self, path: str, image_format: str) -> list[str]:
        known = format_of(f".{image_format}" if image_format.startswith(".") else f"step.{image_format}")
        images = [frame.source.encode() if known == "dot" else render(frame.source, known) for frame in self]
        try:
            Path(path).mkdir(exist_ok=True)
        except OSError as error:
            raise type(error)(
                f"cannot make the folder {path!r} ({error.strerror}); choose a place that exists and is writable"
            ) from None
        digits = max(2, len(str(len(images) - 1)))
        paths = [os.path.join(path, f"step-{index:0{digits}}.{image_format}") for index in range(len(images))]
        for name, image in zip(paths, images):
            write_whole(name, image)
        return paths

    def _svgs(self) -> list[str]:
        return svgs_of([frame.source for frame in self])

    def _svg(self, seconds: float) -> str:
        return _animated_svg(self._svgs(), seconds)

    def _repr_svg_(self) -> str:
        return self._svg(2.0)

    def _as_png(self, svg: str) -> bytes:
        return self[-1]._repr_image_png()

    def __repr__(self) -> str:
        return f"<Animation of {len(self)} drawings; save it as .svg or .gif, or in a folder>"


def _animated_svg(frames: Sequence[str], seconds: float) -> str:
    """All frames on top of each other, each visible in turn, first to last; viewers that do not animate show the last.

    Where scripts run, a script adds buttons below; elsewhere, pointing at the picture pauses it.
    """
    sizes = [tuple(map(float, SIZE.search(frame).groups())) for frame in frames]  # type: ignore[union-attr]
    width, height = (max(extent) for extent in zip(*sizes))
    (font,) = {match[0] for frame in frames for match in _FONT.finditer(frame)}
    layers = "".join(_layers(frames, seconds))
    name = f"steps-{crc32(layers.encode()):08x}"  # several animations in one page must not share a name
    script = SCRIPT.read_text("utf-8").replace("NAME", name).replace("MILLISECONDS", f"{1000 * seconds:g}")
    return (
        f'<svg width="{width:g}pt" height="{height + CONTROLS:g}pt" viewBox="0 0 {width:g} {height + CONTROLS:g}" '
        f'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        f'style="max-width:100%;height:auto">{font}\n<style>\n'
        f".{name} > g {{ animation: {name} {seconds * len(frames):g}s step-end infinite }}\n"
        f".{name}:hover > g {{ animation-play-state: paused }}\n"
        f"@keyframes {name} {{ 0% {{ visibility: visible }} {100 / len(frames):.6g}% {{ visibility: hidden }} }}\n"
        f"@media (prefers-reduced-motion: reduce) {{ .{name} > g {{ animation: none }} }}\n</style>\n"
        f'<g class="{name}">\n{layers}</g>\n<script>{script}</script></svg>\n'
    )


def _layers(frames: Sequence[str], seconds: float) -> Iterator[str]:
    for index, frame in enumerate(frames):
        drawing = _FONT.sub("", _IDENTITY.sub("", frame[frame.index("<svg") :]))
        drawing = SIZE.sub(r'<svg width="\1" height="\2"', drawing).replace(
            ' style="max-width:100%;height:auto"', "", 1
        )
        resting = "visible" if index == len(frames) - 1 else "hidden"
        delay = (index - len(frames)) * seconds
        yield f'<g visibility="{resting}" style="animation-delay: {delay:g}s">\n{drawing}</g>\n'


def _animated_gif(frames: Sequence[bytes], seconds: float) -> bytes:
    try:
        from PIL import Image
    except ModuleNotFoundError:
        raise ModuleNotFoundError(
            "an animated .gif needs the package pillow; install it with pip, or save the animation as .svg"
        ) from None
    images = [Image.open(io.BytesIO(frame)).convert("RGB") for frame in frames]
    size = max(image.width for image in images), max(image.height for image in images)
    canvases, counts = [], Counter[Any]()
    for image in images:
        canvas = Image.new("RGB", size, "white")
        canvas.paste(image)
        canvases.append(canvas)
        counts.update({colour: count for count, colour in canvas.getcolors(canvas.width * canvas.height) or ()})
    palette = Image.new("P", (1, 1))  # the most frequent colours, so that areas keep theirs
    palette.putpalette([part for colour, _ in counts.most_common(GIF_COLOURS) for part in colour])
    canvases = [canvas.quantize(palette=palette, dither=Image.Dither.NONE) for canvas in canvases]
    file, duration = io.BytesIO(), round(seconds * 1000)
    canvases[0].save(file, "GIF", save_all=True, append_images=canvases[1:], duration=duration, loop=0, optimize=True)
    return file.getvalue()
