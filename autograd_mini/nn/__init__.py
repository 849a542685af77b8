"""Networks made of Value operations alone: neurons, layers, multi-layer perceptrons, divergences."""

from autograd_mini.nn.activations import VectorActivation
from autograd_mini.nn.divergences import Divergence, kl_sigmoid, kl_softmax, squared_error
from autograd_mini.nn.layers import MLP, Layer, Neuron
from autograd_mini.nn.module import Module

__all__ = [
    "MLP",
    "Divergence",
    "Layer",
    "Module",
    "Neuron",
    "VectorActivation",
    "kl_sigmoid",
    "kl_softmax",
    "squared_error",
]
