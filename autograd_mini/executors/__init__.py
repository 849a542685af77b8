"""Compiled functions run elsewhere: tiles of a batch on threads, processes and clusters."""

from autograd_mini.executors.cutting import Draws
from autograd_mini.executors.tiled import Tiled

__all__ = ["Draws", "Tiled"]
