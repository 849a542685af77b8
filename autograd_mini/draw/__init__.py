"""Pictures of computation graphs, networks and influences. The package can be called like its function `draw`."""

import sys
from types import ModuleType

from autograd_mini.draw.drawing import Drawing, draw
from autograd_mini.draw.frames.animation import Animation
from autograd_mini.draw.frames.backward_steps import draw_steps
from autograd_mini.draw.images.rendering import NoRendererError, RenderingError, UnknownFormatError
from autograd_mini.draw.networks.influence import draw_influence
from autograd_mini.draw.networks.network import draw_network
from autograd_mini.draw.pictures.from_graph import GraphTooLargeError
from autograd_mini.draw.pictures.scopes import Scopes, record_scopes, run_recorded
from autograd_mini.formulas import formula, label_locals

__all__ = [
    "Animation", "Drawing", "GraphTooLargeError", "NoRendererError", "RenderingError", "Scopes", "UnknownFormatError",
    "draw", "draw_influence", "draw_network", "draw_steps", "formula", "label_locals", "record_scopes", "run_recorded",
]  # fmt: skip

# Once it is imported, `autograd_mini.draw` is the package, not the function `draw`.
sys.modules[__name__].__class__ = type("_CallableModule", (ModuleType,), {"__call__": staticmethod(draw)})
