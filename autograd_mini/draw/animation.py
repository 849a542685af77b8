"""Several drawings as one animated file or a folder of images."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Iterator, Sequence
from math import inf
from pathlib import Path
from typing import overload

from autograd_mini.draw.drawing import Drawing
from autograd_mini.draw.rendering import UnknownFormatError, format_of, render
from autograd_mini.files import write_whole

_SIZE = re.compile(r'<svg width="([\d.]+)pt" height="([\d.]+)pt"')
_IDENTITY = re.compile(r' id="[^"]*"')


class Animation(Sequence[Drawing]):
    """Drawings in order: a sequence of them, saved as one animated file or as a folder of images.

    Attributes:
        captions: the lines of text below each drawing.
    """

    def __init__(self, frames: Sequence[Drawing], captions: Sequence[tuple[str, ...]]) -> None:
        self._frames = tuple(frames)
        self.captions = tuple(captions)

    def __len__(self) -> int:
        return len(self._frames)

    @overload
    def __getitem__(self, index: int) -> Drawing: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Drawing]: ...
    def __getitem__(self, index: int | slice) -> Drawing | Sequence[Drawing]:
        return self._frames[index]

    def save(self, path: str | os.PathLike[str], *, image_format: str = "svg", seconds: float = 2.0) -> list[str]:
        """Save all drawings.

        Args:
            path: a name that ends in .svg or .gif for one animated file; one without ending for a folder, made if it
                is not there, of `step-00.svg` and so on.
            image_format: of the images in a folder: `"svg"`, `"png"`, `"pdf"` or `"dot"`.
            seconds: how long an animated file shows each drawing.

        Returns:
            The paths of the files.

        Raises:
            UnknownFormatError: a ValueError; the ending or the format is another.
            ValueError: `seconds` is not a positive number.
            ModuleNotFoundError: a .gif needs the package pillow, and it is not installed.
            RenderingError: a RuntimeError; this machine cannot make the images.
            OSError: the files cannot be written there.

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
            content = _animated_svg([frame._repr_svg_() for frame in self], seconds).encode()
        elif ending == ".gif":
            content = _animated_gif([frame._repr_image_png() for frame in self], seconds)
        else:
            raise UnknownFormatError(
                f"cannot save an animation as {path!r}; choose a name that ends in .svg or .gif, or one without ending "
                "for a folder of images"
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

    def _repr_svg_(self) -> str:
        return _animated_svg([frame._repr_svg_() for frame in self], 2.0)


def _animated_svg(frames: Sequence[str], seconds: float) -> str:
    """All frames one upon the other, each visible in its turn; what does not animate shows the last one."""
    sizes = [tuple(map(float, _SIZE.search(frame).groups())) for frame in frames]  # type: ignore[union-attr]
    width, height = (max(extent) for extent in zip(*sizes))
    total = seconds * len(frames)
    share = 100.0 / len(frames)
    return "".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
            f'width="{width:g}pt" height="{height:g}pt" viewBox="0 0 {width:g} {height:g}">\n<style>\n'
            f".frame {{ animation: turn {total:g}s step-end infinite }}\n"
            f"@keyframes turn {{ 0% {{ visibility: visible }} {share:.6g}% {{ visibility: hidden }} }}\n</style>\n",
            *_layers(frames, seconds),
            "</svg>\n",
        ]
    )


def _layers(frames: Sequence[str], seconds: float) -> Iterator[str]:
    for index, frame in enumerate(frames):
        drawing = _SIZE.sub(r'<svg width="\1" height="\2"', _IDENTITY.sub("", frame[frame.index("<svg") :]))
        resting = "visible" if index == len(frames) - 1 else "hidden"
        yield f'<g class="frame" visibility="{resting}" style="animation-delay: {index * seconds:g}s">\n{drawing}</g>\n'


def _animated_gif(frames: Sequence[bytes], seconds: float) -> bytes:
    try:
        from PIL import Image
    except ModuleNotFoundError:
        raise ModuleNotFoundError(
            "an animated .gif needs the package pillow; install it with pip, or save the animation as .svg"
        ) from None
    images = [Image.open(io.BytesIO(frame)).convert("RGB") for frame in frames]
    size = max(image.width for image in images), max(image.height for image in images)
    canvases = []
    for image in images:
        canvas = Image.new("RGB", size, "white")
        canvas.paste(image)
        canvases.append(canvas)
    file = io.BytesIO()
    canvases[0].save(file, "GIF", save_all=True, append_images=canvases[1:], duration=round(seconds * 1000), loop=0)
    return file.getvalue()
