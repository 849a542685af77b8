"""A whole surface of volatilities implied by option prices, with all sensitivities, from the price formula alone.

A price V observed in the market implies the volatility σ that solves

    V(S, σ, r, τ, K) = V of the market

`root` solves this equation by Newton's method, and differentiates σ with respect to any a by the implicit function
theorem,

    ∂σ/∂a = -(∂r/∂σ)⁻¹ ∂r/∂a        r = V(σ, a) - V of the market

to second order too; `compile` does it for all quotes at once. The closed forms are quotients of the textbooks'
"Greeks":

    ∂σ/∂V = 1/vega    ∂σ/∂S = -delta/vega    ∂σ/∂r = -rho/vega    ∂²σ/∂V² = -volga/vega³

The prices are computed from a known surface with a smile as in markets, which must be found again. A difference beyond
rounding makes the script fail.

    python demos/implied_volatility.py [--out FOLDER] [--quick]
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np
from common import BLUE, GREEN, ORANGE, PURPLE, parse_arguments, save_figure
from option_book import SPOT, greeks_by_hand, price

from autograd_mini import compile, root

RATE = 0.03
TOLERANCE = 1e-9  # relative; a quote determines σ to about the rounding error of V, divided by vega


def implied(quote, spot, rate, years, strike, kind):
    """The volatility at which the formula gives the quoted price."""
    return root(lambda volatility: price(spot, volatility, rate, years, strike, kind) - quote, 0.3)


compiled = compile(implied, batch=True, wrt=["quote", "spot", "rate"])


class Sensitivities(NamedTuple):
    """A volatility, 0.2 for 20%, and its derivatives."""

    volatility: np.ndarray
    to_price: np.ndarray
    to_spot: np.ndarray
    to_rate: np.ndarray
    to_price_twice: np.ndarray


def sensitivities(*quotes) -> Sensitivities:
    """Implied volatilities and their derivatives, by automatic differentiation."""
    volatility, (to_price, to_spot, to_rate) = compiled.value_and_grad(*quotes)
    one, zero = np.ones_like(volatility), np.zeros_like(volatility)
    to_price_twice, *_ = compiled.hvp(*quotes, (one, zero, zero))
    return Sensitivities(volatility, to_price, to_spot, to_rate, to_price_twice)


def sensitivities_by_hand(volatility, spot, rate, years, strike, kind) -> Sensitivities:
    """The same by the closed forms, from the volatilities that the prices were computed from."""
    greeks = greeks_by_hand(spot, volatility, rate, years, strike, kind)
    spread = volatility * np.sqrt(years)
    d1 = (np.log(spot / strike) + (rate + volatility**2 / 2) * years) / spread
    volga = greeks.vega * d1 * (d1 - spread) / volatility
    return Sensitivities(
        volatility, 1 / greeks.vega, -greeks.delta / greeks.vega, -greeks.rho / greeks.vega, -volga / greeks.vega**3
    )


def surface(strike, years):
    """Volatilities as in markets: higher for low strikes, and more so the less time is left."""
    moneyness = np.log(strike / SPOT) / np.sqrt(years + 0.1)
    return 0.19 + 0.03 * np.exp(-years) - 0.06 * moneyness + 0.09 * moneyness**2


def draw_quotes(n_strikes: int, n_maturities: int) -> tuple[np.ndarray, tuple[np.ndarray, ...]]:
    """Volatilities, and quotes computed from them: for puts below the forward price and calls above, as in markets."""
    years, steps = np.meshgrid(np.linspace(0.1, 2.0, n_maturities), np.linspace(-1.8, 1.8, n_strikes), indexing="ij")
    strike = SPOT * np.exp(steps * 0.2 * np.sqrt(years))
    columns = [column.ravel() for column in (years, strike)]
    kind = np.where(columns[1] < SPOT * np.exp(RATE * columns[0]), -1.0, 1.0)
    volatility = surface(columns[1], columns[0])
    spot, rate = np.full(kind.shape, SPOT), np.full(kind.shape, RATE)
    quote = greeks_by_hand(spot, volatility, rate, *columns, kind).price
    return volatility, (quote, spot, rate, *columns, kind)


def draw_surface(quotes, found: Sensitivities, n_maturities: int, path: Path) -> None:
    """Plot the surface, and its error if a quote is off by a cent."""
    years, strike, volatility, to_price = (
        each.reshape(n_maturities, -1) for each in (quotes[3], quotes[4], found.volatility, found.to_price)
    )
    figure, panels = plt.subplots(1, 2, figsize=(15, 6), layout="constrained")
    filled = panels[0].contourf(strike, years, 100 * volatility, levels=16, cmap="cividis")
    figure.colorbar(filled, ax=panels[0], label="implied volatility σ, %")
    panels[0].set(xlabel="strike K, €", ylabel="years left τ", title="from the prices alone")
    rows = np.linspace(0, n_maturities - 1, 4).astype(int)
    for row, colour, style in zip(rows, (BLUE, ORANGE, GREEN, PURPLE), ("-", "--", "-.", ":")):
        label = f"{years[row, 0]:.1f} years"
        panels[1].semilogy(strike[row], to_price[row], color=colour, linestyle=style, label=label)
    panels[1].set(
        xlabel="strike K, €", ylabel="∂σ/∂V, percentage points per cent", title="what an error in the price does to σ"
    )
    panels[1].legend(frameon=False)
    save_figure(figure, path)


def main():
    arguments = parse_arguments(__doc__)
    n_strikes, n_maturities = (15, 8) if arguments.quick else (61, 32)
    volatility, quotes = draw_quotes(n_strikes, n_maturities)
    found = sensitivities(*quotes)
    begin = time.perf_counter()
    compiled.value_and_grad(1.001 * quotes[0], *quotes[1:])  # new quotes, since results for the last ones are cached
    seconds = time.perf_counter() - begin
    print(
        f"{len(volatility):,} quotes: volatilities and first derivatives in {seconds:.2f} s, "
        f"{1e3 * seconds / len(volatility):.2f} ms each\n"
    )
    print("                 formula     largest difference from the closed form")
    formulas = ("σ", "∂σ/∂V", "∂σ/∂S", "∂σ/∂r", "∂²σ/∂V²")
    by_hand = sensitivities_by_hand(volatility, *quotes[1:])
    differences = []
    for name, formula, ours, expected in zip(Sensitivities._fields, formulas, found, by_hand):
        scale = np.maximum(np.abs(expected), np.median(np.abs(expected)))  # ∂²σ/∂V² is 0 near the forward price
        differences.append(float(np.max(np.abs(ours - expected) / scale)))
        print(f"{name:16} {formula:9} {differences[-1]:9.0e}")

    draw_surface(quotes, found, n_maturities, arguments.out / "implied_volatility.png")
    print(f"\npicture in {arguments.out}/: implied_volatility.png")
    if not max(differences) <= TOLERANCE:
        sys.exit(f"derivatives and closed forms have a relative difference of more than {TOLERANCE:g}")


if __name__ == "__main__":
    main()
