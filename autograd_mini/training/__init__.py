"""Training: fit a network to examples, watch it converge, stop and continue."""

from autograd_mini.training.examples import pairs
from autograd_mini.training.fitting import fit
from autograd_mini.training.history import Epoch, History
from autograd_mini.training.objective import accuracy
from autograd_mini.training.run import TrainingDiverged

__all__ = ["Epoch", "History", "TrainingDiverged", "accuracy", "fit", "pairs"]
