"""Fills cells with PyTorch's weights, so that both compute with the same numbers."""

import numpy as np


def wave(shape, start):
    """A reproducible array of numbers in ±1."""
    return np.sin(start + np.arange(int(np.prod(shape)))).reshape(shape)


def fill_layer(layer, weight, bias):
    """z = W y + b."""
    for neuron, row, b in zip(layer.neurons, weight, bias, strict=True):
        for parameter, number in zip(neuron.weights, [b, *row], strict=True):
            parameter.data = number


def fill_lstm(cell, weight_ih, weight_hh, bias_ih, bias_hh):
    """PyTorch's gates come in the order i, f, g, o; its two biases add up."""
    gates = [cell.input_gate, cell.forget_gate, cell.candidate, cell.output_gate]
    weights = np.split(np.hstack([weight_ih, weight_hh]), 4)
    for gate, weight, bias in zip(gates, weights, np.split(bias_ih + bias_hh, 4)):
        fill_layer(gate, weight, bias)
    return cell


def fill_gru(cell, weight_ih, weight_hh, bias_ih, bias_hh):
    """PyTorch's gates come in the order r, z, n; its two biases of n stay separate."""
    of_input, of_hidden = np.split(weight_ih, 3), np.split(weight_hh, 3)
    biases, hidden_biases = np.split(bias_ih, 3), np.split(bias_hh, 3)
    for k, gate in enumerate([cell.reset_gate, cell.update_gate]):
        fill_layer(gate, np.hstack([of_input[k], of_hidden[k]]), biases[k] + hidden_biases[k])
    fill_layer(cell.candidate_of_input, of_input[2], biases[2])
    fill_layer(cell.candidate_of_hidden, of_hidden[2], hidden_biases[2])
    return cell


def fill_attention(attention, in_weight, in_bias, out_weight, out_bias):
    layers = [attention.query, attention.key, attention.value]
    for layer, weight, bias in zip(layers, np.split(in_weight, 3), np.split(in_bias, 3)):
        fill_layer(layer, weight, bias)
    fill_layer(attention.output, out_weight, out_bias)
    return attention
