"""Self-attention: every token becomes a mixture of all tokens, weighted by how well they fit."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from math import sqrt
from random import Random
from typing import Any

from autograd_mini.functions import dot, softmax
from autograd_mini.nn.initialisers import Initialiser
from autograd_mini.nn.layers import Layer, as_generator, as_inputs, require_count
from autograd_mini.nn.module import Module
from autograd_mini.primitives import brief
from autograd_mini.value import Value

Vectors = list[list[Any]]
"""Numbers or Values as [token][feature]."""


class SelfAttention(Module):
    """Scaled dot-product self-attention with several heads: Vaswani et al. 2017 (lecture: "Special Case 2:
    Multiplicative networks", "attention models").

    With q = W_q x + b_q, k = W_k x + b_k, v = W_v x + b_v for each token x, cut into as many parts of d
    features as there are heads, each head gives token t the mixture Σ_s a_ts v_s, where
    a_t = softmax over s of (q_t · k_s / √d). The heads' mixtures, joined, pass through y = W_o · + b_o.

    These are the equations of `torch.nn.MultiheadAttention`, and its weights row by row: `in_proj_weight` holds
    those of query, key and value in this order. Masked scores take no part in the softmax at all.

    Args:
        n_features: how many features a token has, on input and output.
        n_heads: how many heads there are; they share the features equally.
        causal: whether token t sees only the tokens up to t.
        bias, initialise, random: as for `Neuron`.

    Raises:
        ValueError: the heads cannot share the features equally, or (when called) there is no token.

    >>> attention = SelfAttention(4, n_heads=2, causal=True, random=7)
    >>> tokens = [[1.0, 0.0, 0.0, 0.5], [0.0, 1.0, 0.0, 0.5], [0.0, 0.0, 1.0, 0.5]]
    >>> [len(y) for y in attention(tokens)]
    [4, 4, 4]
    >>> [[round(weight.data, 2) for weight in row] for row in attention.weights(tokens)[0]]
    [[1.0], [0.53, 0.47], [0.23, 0.52, 0.26]]
    """

    _shows_parts = False

    def __init__(
        self,
        n_features: int,
        n_heads: int = 1,
        *,
        causal: bool = False,
        bias: bool = True,
        initialise: Initialiser | None = None,
        random: int | Random = 0,
    ) -> None:
        self.n_features: int = require_count(n_features, "n_features")
        self.n_heads: int = require_count(n_heads, "n_heads")
        if n_features % n_heads:
            raise ValueError(f"n_heads must divide n_features, {n_features}, got {n_heads}")
        self.causal = causal
        layer = partial(Layer, bias=bias, initialise=initialise, random=as_generator(random))
        projection = partial(layer, n_features, n_features, "identity")
        self.query: Layer = projection()
        self.key: Layer = projection()
        self.value: Layer = projection()
        self.output: Layer = projection()

    def __call__(self, tokens: Iterable[Iterable[Any]]) -> list[list[Value]]:
        """The output of each token, as [token][feature]."""
        xs = self._as_tokens(tokens)
        values = [self.value.affine(x) for x in xs]
        mixtures: Vectors = [[] for _ in xs]
        for head, rows in enumerate(self._weights(xs)):
            features = list(zip(*(v[self._part(head)] for v in values)))
            for mixture, weights in zip(mixtures, rows):
                mixture += [dot(weights, feature[: len(weights)]) for feature in features]
        return [self.output.affine(mixture) for mixture in mixtures]

    def weights(self, tokens: Iterable[Iterable[Any]]) -> list[Vectors]:
        """How much each token attends to each other, a_ts as [head][token t][token s]; rows sum to 1, and causal
        ones end with the token itself. Raises the same errors as calling the module.

        >>> heads = SelfAttention(2).weights([[1.0, 0.0], [0.0, 1.0]])
        >>> [round(sum(row).data, 12) for row in heads[0]]
        [1.0, 1.0]
        """
        return self._weights(self._as_tokens(tokens))

    def _weights(self, xs: list[tuple[Value, ...]]) -> list[Vectors]:
        scale = 1.0 / sqrt(self.n_features // self.n_heads)
        queries = [[q * scale for q in self.query.affine(x)] for x in xs]
        keys = [self.key.affine(x) for x in xs]
        heads = []
        for head in range(self.n_heads):
            part = self._part(head)
            head_keys = [k[part] for k in keys]
            seen = [head_keys[: t + 1] if self.causal else head_keys for t in range(len(xs))]
            heads.append([softmax([dot(q[part], k) for k in visible]) for q, visible in zip(queries, seen)])
        return heads

    def _part(self, head: int) -> slice:
        """The features that belong to a head."""
        width = self.n_features // self.n_heads
        return slice(head * width, (head + 1) * width)

    def _as_tokens(self, tokens: Iterable[Iterable[Any]]) -> list[tuple[Value, ...]]:
        if not hasattr(tokens, "__iter__"):
            raise TypeError(f"{self!r} takes a list of tokens, each a list of features, got {brief(tokens)}")
        xs = [as_inputs(token, self.n_features, self) for token in tokens]
        if not xs:
            raise ValueError(f"{self!r} takes one token or more, got none")
        return xs

    def details(self) -> str:
        return f"{self.n_features}, n_heads={self.n_heads}, causal={self.causal}"
