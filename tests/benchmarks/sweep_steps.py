"""The LSTM of 8 units over longer and longer sequences, 256 of them."""

from __future__ import annotations

from tests.benchmarks import lstm

TITLE = "sweep: LSTM of 8 units over 256 sequences, loss and gradient in all weights, by steps"
BASELINE = lstm.BASELINE
SIZES = "steps", (3, 12, 48, 192)
CONTENDERS = lstm.contenders(lambda steps: (256, steps))


def scalars(steps):
    return lstm.scalars(256, steps)
