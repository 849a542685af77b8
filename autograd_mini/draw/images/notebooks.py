"""What notebooks show of pictures."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Iterable

from autograd_mini.draw.images.rendering import RenderingError, width_in_points

PIXELS = 4 / 3  # a point


def for_notebooks(
    make_svg: Callable[[], str],
    make_png: Callable[[str], bytes],
    include: Iterable[str] | None = None,
    exclude: Iterable[str] | None = None,
) -> dict[str, bytes | str]:
    """A picture in all formats that a notebook may choose from.

    The HTML holds the SVG as a document of its own, in which tooltips and scripts work. Where the notebook is not
    trusted, or does not show documents within documents, what is left of it is the PNG.
    """
    bundle: dict[str, bytes | str] = {}
    try:
        svg = bundle["image/svg+xml"] = make_svg()
        png = bundle["image/png"] = make_png(svg)
        width = width_in_points(svg) * PIXELS
        data = {"svg+xml": b64encode(svg.encode()).decode(), "png": b64encode(png).decode()}
        bundle["text/html"] = (
            f'<object type="image/svg+xml" data="data:image/svg+xml;base64,{data["svg+xml"]}" style="max-width:100%">'
            f'<img src="data:image/png;base64,{data["png"]}" width="{width:.0f}" style="max-width:100%;height:auto" '
            'alt="The picture, which needs a trusted notebook for its tooltips"></object>'
        )
    except RenderingError as error:
        bundle["text/plain"] = str(error)
    kept = set(bundle if include is None else include) - set(exclude or ())
    return {mimetype: content for mimetype, content in bundle.items() if mimetype in kept}
