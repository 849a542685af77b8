"""`draw`, which makes a picture of a graph, and the `Drawing` that shows and saves it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from autograd_mini.draw.arguments import check_options, values_of
from autograd_mini.draw.images.dot import EDGE, NODE, body, graph_attributes
from autograd_mini.draw.images.rendering import TIMEOUT, NoRendererError, Shown, format_of, render
from autograd_mini.draw.pictures.folding import NOT_FOLDED, Fold, check_scopes, fold_modules
from autograd_mini.draw.pictures.from_graph import ordered, picture_of, require_room
from autograd_mini.draw.pictures.picture import Picture
from autograd_mini.draw.pictures.scopes import Scopes
from autograd_mini.files import write_whole
from autograd_mini.formulas import naming
from autograd_mini.mathematics import number_formatter
from autograd_mini.value import Value

if TYPE_CHECKING:
    from autograd_mini.signatures import Digraph
else:
    from graphviz import Digraph


class Drawing(Shown, Digraph):
    """A picture in the DOT language that shows itself in notebooks and saves itself in any format.

    >>> from autograd_mini import Value
    >>> drawing = draw(Value(2.0, label="x") * 3)
    >>> drawing
    <Drawing of 9 statements; save("graph.svg") writes it>
    >>> drawing.source.startswith("digraph")
    True
    """

    @classmethod
    def of(cls, picture: Picture) -> Drawing:
        """Create the drawing of a picture."""
        return cls(graph_attr=graph_attributes(picture), node_attr=NODE, edge_attr=EDGE, body=list(body(picture)))

    def save(
        self,
        filename: str | os.PathLike[str] | None = None,
        directory: str | os.PathLike[str] | None = None,
        *,
        skip_existing: bool | None = False,
        timeout: float | None = TIMEOUT,
    ) -> str:
        """Save the picture in the format that the file's ending names. The file is written whole or not at all.

        Args:
            filename: a name that ends in .svg, .png, .pdf, or .dot for the source; the default is the
                drawing's own `filename`, by graphviz's custom the source "Drawing.gv" until another is set.
            directory: the folder to save it in.
            skip_existing: leave a file that already exists as it is.
            timeout: after how many seconds to give up on the layout; `None` for never.

        Returns:
            The path of the file.

        Raises:
            UnknownFormatError: a ValueError; the file name has another ending.
            NoRendererError: a RuntimeError; no program on this machine makes that format. The source is then
                saved instead, under the same name with .dot.
            RenderingError: a RuntimeError; the layout failed or took too long.
            OSError: the file cannot be written.

        >>> import os, tempfile
        >>> from autograd_mini import Value
        >>> y = Value(2.0, label="x") * 3
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = draw(y).save("y.svg", folder)
        ...     os.path.getsize(path) > 1000
        True
        """
        path = os.path.join(directory or "", os.fspath(self.filename if filename is None else filename))
        image_format = format_of(path)
        if skip_existing and os.path.exists(path):
            return path
        if image_format == "dot":
            write_whole(path, self.source.encode())
            return path
        try:
            image = render(self.source, image_format, timeout)
        except NoRendererError as error:
            source = os.path.splitext(path)[0] + ".dot"
            write_whole(source, self.source.encode())
            raise NoRendererError(f"{error}; the picture's source is in {source!r}") from None
        write_whole(path, image)
        return path

    def render(self, *arguments: Any, **options: Any) -> str:
        """Refused, and so is `view`, which calls it: they would write a source file beside the image. Use `save`.

        >>> from autograd_mini import Value
        >>> draw(Value(2.0, label="x") * 3).render("picture")
        Traceback (most recent call last):
        NotImplementedError: a drawing has no render(); save("graph.svg") writes the image, in the format of its ending
        """
        raise NotImplementedError(
            'a drawing has no render(); save("graph.svg") writes the image, in the format of its ending'
        )

    def __repr__(self) -> str:
        return f'<{type(self).__name__} of {len(self.body)} statements; save("graph.svg") writes it>'

    def _repr_svg_(self) -> str:
        return render(self.source, "svg").decode()

    def _repr_image_png(self) -> bytes:
        return render(self.source, "png")


def draw(
    *results: Any,
    parameters: Iterable[Value] = (),
    scopes: Scopes | None = None,
    fold: Fold | None = None,
    names: Mapping[str, object] | None = None,
    direction: str = "LR",
    number_format: str = ".4g",
    formulas: bool = True,
    legend: bool = True,
    max_nodes: int = 500,
) -> Drawing:
    """Draw the computation graph of one or several Values.

    Boxes are Values with their data and gradient, dark discs are operations, and the number on an arrow is the
    local derivative of the operation with respect to that operand. The background of a gradient shows its magnitude.

    Args:
        results: the Values, one by one or in lists; they may belong to a gradient graph.
        parameters: the leaves that are parameters rather than inputs; those of the model in `scopes` always are.
        scopes: what `record_scopes(model)` returned; modules are then drawn as clusters.
        fold: which modules to draw as one box each: `"modules"` for the outermost ones within the model, a depth
            (0 for the model itself), or a list of their names, such as `["layers.0"]`.
        names: variables by name, such as `locals()`, which name Values that have no label.
        direction: `"LR"` from left to right, `"TB"` from top to bottom.
        number_format: a Python format specification for all numbers.
        formulas: whether computed Values are headed by their formula, where it is short.
        legend: whether shapes and colours are explained below.
        max_nodes: how many Values and folded modules the picture may have.

    Returns:
        A `graphviz.Digraph`, with `.save("graph.svg")` and `.source`; notebooks show it.

    Raises:
        TypeError: something to be drawn is not a Value, or an option has the wrong type.
        ValueError: there is nothing to draw or fold, an option has an invalid value, or the graph is cyclic.
        GraphTooLargeError: a ValueError; the picture would have more than `max_nodes` Values and folded modules.

    >>> from autograd_mini import Value
    >>> x = Value(2.0, label="x")
    >>> y = x * x
    >>> y.backward()
    >>> drawing = draw(y)
    >>> "v0 -> e1" in drawing.source and "e1 -> o1" in drawing.source
    True
    """
    roots = values_of(results, "draw")
    if not roots:
        raise ValueError("draw needs at least one Value, got none")
    check_options(direction, max_nodes=max_nodes)
    check_scopes(scopes, fold)
    number = number_formatter(number_format)
    order = ordered(roots, max_nodes if fold is None else None)
    known = frozenset(values_of(parameters, "draw's option parameters"))
    folding = NOT_FOLDED
    if scopes is not None:
        folding = fold_modules(order, roots, known, scopes, fold, number)
        known |= scopes.parameters
        require_room(folding.count(order), max_nodes, "even folded like this, the graph has")
    picture = picture_of(
        roots,
        order,
        parameters=known,
        name_of=naming(names) if scopes is None else scopes.naming(order, naming(names)),
        number=number,
        formulas=formulas,
        direction=direction,
        legend=legend,
        folding=folding,
    )
    return Drawing.of(picture)
