"""Programs in the notation of the lecture: as text, and as a picture."""

from autograd_mini.compiler.notation.picture import draw_program
from autograd_mini.compiler.notation.text import text_of

__all__ = ["draw_program", "text_of"]
