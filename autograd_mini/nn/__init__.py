"""Networks made of Value operations alone: neurons, layers, multi-layer perceptrons, cells, divergences."""

from autograd_mini.nn.activations import VectorActivation
from autograd_mini.nn.attention import SelfAttention
from autograd_mini.nn.convolution import Conv2d
from autograd_mini.nn.divergences import Divergence, kl_sigmoid, kl_softmax, squared_error
from autograd_mini.nn.grids import flatten_grid, unflatten_grid
from autograd_mini.nn.layers import MLP, Layer, Neuron, Sequential
from autograd_mini.nn.module import Module
from autograd_mini.nn.multiplicative import Gate, PairProducts, ProductUnits, multiply
from autograd_mini.nn.pooling import Maxout, MaxOver, MaxPool2d
from autograd_mini.nn.rectifiers import PReLU, RandomisedLeakyReLU
from autograd_mini.nn.recurrent import GRUCell, LSTMCell, LSTMState, RecurrentCell
from autograd_mini.nn.saving import load, save
from autograd_mini.nn.state import StateError

__all__ = [
    "MLP", "Conv2d", "Divergence", "GRUCell", "Gate", "LSTMCell", "LSTMState", "Layer", "MaxOver", "MaxPool2d",
    "Maxout", "Module", "Neuron", "PReLU", "PairProducts", "ProductUnits", "RandomisedLeakyReLU", "RecurrentCell",
    "SelfAttention", "Sequential", "StateError", "VectorActivation", "flatten_grid", "kl_sigmoid", "kl_softmax", "load",
    "multiply", "save", "squared_error", "unflatten_grid",
]  # fmt: skip
