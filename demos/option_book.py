"""Option prices and their sensitivities over a book of 100,000 contracts, from the price formula alone.

The price of a European option by Black and Scholes (1973), in plain scalar code, ω = 1 for a call and -1 for a put:

    V = ω S Φ(ω d₁) - ω K e^(-rτ) Φ(ω d₂)        d₁ = (log(S/K) + (r + σ²/2) τ) / (σ √τ)        d₂ = d₁ - σ √τ

`compile` turns it into a function of the whole book. One call gives all prices and first derivatives, the "Greeks"; a
second one gives the derivatives of delta, as the product of each Hessian with the unit vector of S:

    delta = ∂V/∂S    vega = ∂V/∂σ    rho = ∂V/∂r    theta = -∂V/∂τ    gamma = ∂²V/∂S²

All are compared with the closed forms of the textbooks; a difference beyond rounding makes the script fail.

    python demos/option_book.py [--out FOLDER] [--quick]
"""

from __future__ import annotations

import sys
import time
from math import sqrt as root
from pathlib import Path
from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np
from common import BLUE, GREEN, ORANGE, PURPLE, parse_arguments, save_figure, seconds_of
from scipy.special import ndtr

from autograd_mini import compile, erfc, exp, hvp, log, sqrt, value_and_grad

SPOT = 100.0
TOLERANCE = 1e-11  # relative to the largest number in the book
VARIABLES = ["spot", "volatility", "rate", "years"]


def normal(x):
    """Φ(x), the normal distribution function."""
    return 0.5 * erfc(-root(0.5) * x)


def price(spot, volatility, rate, years, strike, kind):
    """The price of one contract in €; its kind ω is 1 for a call, -1 for a put."""
    spread = volatility * sqrt(years)
    d1 = (log(spot / strike) + (rate + volatility**2 / 2) * years) / spread
    d2 = d1 - spread
    return kind * (spot * normal(kind * d1) - strike * exp(-rate * years) * normal(kind * d2))


compiled = compile(price, batch=True, wrt=VARIABLES)


class Greeks(NamedTuple):
    """A price in € and its derivatives; volatility and rate are plain numbers, 0.2 for 20%."""

    price: np.ndarray
    delta: np.ndarray
    vega: np.ndarray
    rho: np.ndarray
    theta: np.ndarray
    gamma: np.ndarray


def greeks_of(*contracts) -> Greeks:
    """Prices and derivatives by automatic differentiation."""
    value, (delta, vega, rho, decay) = compiled.value_and_grad(*contracts)
    one, zero = np.ones_like(value), np.zeros_like(value)
    gamma, *_ = compiled.hvp(*contracts, (one, zero, zero, zero))
    return Greeks(value, delta, vega, rho, -decay, gamma)


def greeks_by_hand(spot, volatility, rate, years, strike, kind) -> Greeks:
    """The same by the closed forms."""
    spread = volatility * np.sqrt(years)
    d1 = (np.log(spot / strike) + (rate + volatility**2 / 2) * years) / spread
    d2 = d1 - spread
    density = np.exp(-(d1**2) / 2) / root(2 * np.pi)
    paid = strike * np.exp(-rate * years) * ndtr(kind * d2)  # the discounted strike, times the chance of exercise
    return Greeks(
        price=kind * (spot * ndtr(kind * d1) - paid),
        delta=kind * ndtr(kind * d1),
        vega=spot * density * np.sqrt(years),
        rho=kind * years * paid,
        theta=-spot * density * volatility / (2 * np.sqrt(years)) - kind * rate * paid,
        gamma=density / (spot * spread),
    )


def draw_book(n: int, seed: int) -> tuple[tuple[np.ndarray, ...], np.ndarray]:
    """Contracts on one share, and how many of each the book holds: a dealer's book, with more sold than bought."""
    random = np.random.default_rng(seed)
    strike = np.round(SPOT * np.exp(random.normal(0.0, 0.2, n)))
    years = random.integers(1, 24, n, endpoint=True) / 12
    volatility = 0.2 + 0.15 * np.log(strike / SPOT) ** 2 - 0.05 * np.log(strike / SPOT)
    contracts = np.full(n, SPOT), volatility, np.full(n, 0.03), years, strike, random.choice([-1.0, 1.0], n)
    return contracts, random.integers(-10, 8, n, endpoint=True)


def eager_seconds(contracts, n: int) -> float:
    """How long the same takes for the first n contracts, one by one on Values."""
    first_and_value, along_spot = value_and_grad(price, (0, 1, 2, 3)), hvp(price, (0, 1, 2, 3))
    rows = list(zip(*(column[:n].tolist() for column in contracts)))
    begin = time.perf_counter()
    for row in rows:
        first_and_value(*row)
        along_spot(*row, (1.0, 0.0, 0.0, 0.0))
    return time.perf_counter() - begin


def draw_greeks(path: Path) -> None:
    """Plot the price and the Greeks of a call over the spot price, for several maturities."""
    spots = np.linspace(60.0, 140.0, 161)
    figure, panels = plt.subplots(2, 2, figsize=(14, 9), layout="constrained", sharex=True)
    labels = {
        "price": "price V, €",
        "delta": "delta ∂V/∂S, € per €",
        "gamma": "gamma ∂²V/∂S², 1/€",
        "vega": "vega ∂V/∂σ, € per unit of σ",
    }
    for years, name, colour, style in (
        (1 / 12, "1 month", BLUE, "-"),
        (0.5, "6 months", ORANGE, "--"),
        (2.0, "2 years", GREEN, "-."),
    ):
        ones = np.ones_like(spots)
        greeks = greeks_of(spots, 0.2 * ones, 0.03 * ones, years * ones, SPOT * ones, ones)
        for axes, field in zip(panels.flat, labels):
            axes.plot(spots, getattr(greeks, field), color=colour, linestyle=style, label=name)
    for axes, label in zip(panels.flat, labels.values()):
        axes.set_ylabel(label)
        axes.axvline(SPOT, color="0.8", linewidth=1, zorder=0)
    for axes in panels[1]:
        axes.set_xlabel("spot price S, €")
    panels[0, 0].legend(title="time left", frameon=False)
    figure.suptitle(f"A call with strike {SPOT:g} €, σ = 20%, r = 3%")
    save_figure(figure, path)


def draw_risk(contracts, held, greeks: Greeks, path: Path) -> None:
    """Plot the book's sensitivities by time left, and what it gains or loses when the spot price moves."""
    spot, *others = contracts
    years = others[2]
    figure, panels = plt.subplots(2, 2, figsize=(15, 10), layout="constrained")
    edges = np.array([0.0, 0.25, 0.5, 1.0, 1.5, 2.0])
    names = ["to 3", "3 to 6", "6 to 12", "12 to 18", "18 to 24"]
    bucket = np.digitize(years, edges, right=True) - 1
    bars = (
        ("delta, shares", held * greeks.delta, BLUE),
        ("gamma, shares per €", held * greeks.gamma, PURPLE),
        ("vega, € per percentage point of σ", held * greeks.vega / 100, GREEN),
    )
    for axes, (label, each, colour) in zip(panels.flat, bars):
        axes.bar(names, np.bincount(bucket, each, len(names)), color=colour)
        axes.axhline(0.0, color="0.4", linewidth=1)
        axes.set(xlabel="months left", ylabel=label)
    moves = np.linspace(-10.0, 10.0, 41)
    begin = held @ greeks.price
    exact = [held @ compiled(spot + move, *others) - begin for move in moves]
    line, curve = held @ greeks.delta * moves, held @ greeks.gamma * moves**2 / 2
    axes = panels[1, 1]
    axes.plot(moves, np.array(exact) / 1e3, color=BLUE, label="all contracts repriced")
    axes.plot(moves, (line + curve) / 1e3, color=ORANGE, linestyle="--", label="delta and gamma")
    axes.plot(moves, line / 1e3, color=GREEN, linestyle=":", label="delta alone")
    axes.set(xlabel="move of the spot price, €", ylabel="gain of the book, 1000 €")
    axes.legend(frameon=False)
    figure.suptitle(f"Risk of a book of {len(held):,} contracts, by time left")
    save_figure(figure, path)


def main():
    arguments = parse_arguments(__doc__)
    n_contracts, n_eager, repeats = (100_000, 40, 3) if arguments.quick else (100_000, 500, 15)
    contracts, held = draw_book(n_contracts, seed=849)

    begin = time.perf_counter()
    greeks = greeks_of(*contracts)
    print(f"V = ω S Φ(ω d₁) - ω K e^(-rτ) Φ(ω d₂): {time.perf_counter() - begin:.2f} s to compile and run once")
    first = seconds_of(lambda: compiled.value_and_grad(*contracts), repeats)
    both = seconds_of(lambda: greeks_of(*contracts), repeats)
    eager = eager_seconds(contracts, n_eager) / n_eager * n_contracts
    print(
        f"{n_contracts:,} contracts: price and first derivatives {1e3 * first:.1f} ms, with gamma {1e3 * both:.1f} ms"
    )
    print(
        f"one by one on Values: {eager:.0f} s ({n_eager} of them measured), "
        f"about {round(eager / both, -2):,.0f} times as long"
    )

    print("\n         formula        the book holds   largest difference from the closed form")
    formulas = ("V", "∂V/∂S", "∂V/∂σ", "∂V/∂r", "-∂V/∂τ", "∂²V/∂S²")
    differences = []
    for name, formula, ours, by_hand in zip(Greeks._fields, formulas, greeks, greeks_by_hand(*contracts)):
        differences.append(float(np.max(np.abs(ours - by_hand)) / np.max(np.abs(by_hand))))
        print(f"{name:8} {formula:8} {held @ ours:20,.2f}   {differences[-1]:.0e} of the largest number")

    draw_greeks(arguments.out / "option_greeks.png")
    draw_risk(contracts, held, greeks, arguments.out / "option_book.png")
    print(f"\npictures in {arguments.out}/: option_greeks.png, option_book.png")
    if not max(differences) <= TOLERANCE:
        sys.exit(f"derivatives and closed forms differ by more than {TOLERANCE:g} of the largest number")


if __name__ == "__main__":
    main()
