"""Black–Scholes over more and more points."""

from __future__ import annotations

from tests.benchmarks import black_scholes

TITLE = "sweep: Black–Scholes, price and 5 derivatives, by points"
BASELINE = black_scholes.BASELINE
SIZES = "points", (100, 1_000, 10_000, 100_000, 1_000_000)
CONTENDERS = black_scholes.CONTENDERS
