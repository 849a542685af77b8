"""A book of 10,000,000 options with all sensitivities, on a Dask cluster: processes of this machine, or a real cluster.

One function of one contract returns the price of `option_book.py`, its first derivatives and ∂²V/∂S². `compile` turns
it into a function of a batch, and `on` into one that has tiles of the batch computed by an executor's workers:

    V, ∂V/∂S, ∂V/∂σ, ∂V/∂r, -∂V/∂τ, ∂²V/∂S²

The book is drawn chunk by chunk and never in memory as a whole. Any number of workers must give the same bits, and the
closed forms the same numbers up to rounding; otherwise the script fails. To use a real cluster, pass the address of its
scheduler as `--scheduler`, which goes to Dask's `Client(...)`, and install this package on its workers.

When is one process faster? Whenever a row takes less time to compute than to send, as here, where it takes less than a
microsecond. A cluster pays off if a row takes longer (paths, solvers, networks), or is drawn or read where it is used.

    python demos/cluster.py [--out FOLDER] [--quick] [--scheduler ADDRESS]
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import nullcontext
from hashlib import sha256
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from common import BLUE, GREEN, ORANGE, parse_arguments, save_figure
from option_book import Greeks, draw_book, greeks_by_hand, price

from autograd_mini import compile, hvp, value_and_grad

TOLERANCE = 1e-11  # relative to the largest number in the book
CHUNK = 100_000


def greeks(spot, volatility, rate, years, strike, kind):
    """The price, delta, vega, rho, theta and gamma of one contract."""
    contract = spot, volatility, rate, years, strike, kind
    value, (delta, vega, rho, decay) = value_and_grad(price, (0, 1, 2, 3))(*contract)
    gamma, *_ = hvp(price, (0, 1, 2, 3))(*contract, (1.0, 0.0, 0.0, 0.0))
    return [value, delta, vega, rho, -decay, gamma]


compiled = compile(greeks, batch=True)


def chunks(n: int) -> Iterator[tuple[np.ndarray, ...]]:
    """Yield the contracts of a book of n, one chunk at a time."""
    for seed, start in enumerate(range(0, n, CHUNK)):
        yield draw_book(min(CHUNK, n - start), seed)[0]


def run(executor, n: int, shows: bool = False) -> tuple[float, str, np.ndarray]:
    """Evaluate a book; return contracts a second, a digest of all bits, and the sums over the book."""
    evaluate = compiled.on(executor) if executor else lambda contracts: (compiled(*chunk) for chunk in contracts)
    digest, total, done = sha256(), np.zeros(6), 0
    begin = time.perf_counter()
    for found in evaluate(chunks(n)):
        digest.update(found.tobytes())
        total += found.sum(axis=0)
        done += len(found)
        if shows:
            print(f"\r  {done:>12,} of {n:,} contracts, {done / (time.perf_counter() - begin):,.0f} a second", end="")
            sys.stdout.flush()
    if shows:
        print()
    return n / (time.perf_counter() - begin), digest.hexdigest(), total


def workers_of_this_machine(n: int):
    """A cluster of n processes on this machine, of one thread each."""
    from dask.distributed import LocalCluster

    return LocalCluster(n_workers=n, threads_per_worker=1, processes=True, dashboard_address=":0")


def draw_throughput(found: dict[int, float], alone: float, path: Path) -> None:
    """Plot contracts a second against the number of workers."""
    figure, axes = plt.subplots(figsize=(10, 7), layout="constrained")
    workers, rates = list(found), np.array(list(found.values())) / 1e6
    axes.plot(workers, rates, color=BLUE, marker="o", label="on the cluster")
    axes.plot(workers, rates[0] * np.array(workers) / workers[0], color=GREEN, linestyle=":", label="linear speed-up")
    axes.axhline(alone / 1e6, color=ORANGE, linestyle="--", label="one process, nothing is sent")
    axes.set(xlabel="workers", ylabel="million contracts a second", xticks=workers, yscale="log")
    axes.legend(frameon=False)
    axes.set_title("Price and five sensitivities of an option book")
    save_figure(figure, path)


def largest_difference() -> float:
    """The largest difference from the closed forms in a chunk, relative to the largest number in it."""
    contracts, _ = draw_book(CHUNK, seed=0)
    by_hand = greeks_by_hand(*contracts)
    found = Greeks(*compiled(*contracts).T)
    return max(float(np.max(np.abs(ours - right)) / np.max(np.abs(right))) for ours, right in zip(found, by_hand))


def most_memory() -> str:
    """The most memory this process has used, as text; "" if the system does not tell."""
    try:
        import resource
    except ModuleNotFoundError:  # Windows
        return ""
    unit = 2**20 if sys.platform == "darwin" else 2**10
    return f"at most {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit:,.0f} MB in this process; "


def main():
    arguments = parse_arguments(__doc__, others={"scheduler": "address of a Dask scheduler (default: this machine)"})
    try:
        from dask.distributed import Client
    except ImportError:
        sys.exit("this demo needs Dask: pip install -e '.[cluster]'")
    n, trial = (200_000, 100_000) if arguments.quick else (10_000_000, 1_000_000)
    run(None, CHUNK)
    alone, digest, _ = run(None, trial)
    print(f"one process, {trial:,} contracts: {alone:,.0f} a second")
    rates, digests = {}, {digest}
    for count in [0] if arguments.scheduler else [2] if arguments.quick else [1, 2, 3]:
        cluster = workers_of_this_machine(count) if count else nullcontext(arguments.scheduler)
        with cluster as address, Client(address) as client:
            run(client, CHUNK * max(1, 2 * count))  # compiles
            workers = sum(client.nthreads().values())
            rates[workers], digest, _ = run(client, trial)
            digests.add(digest)
            print(f"{workers} workers: {rates[workers]:,.0f} a second, {rates[workers] / alone:.2f} times one process")
            if count in (0, 2):
                _, _, total = run(client, n, shows=True)
    print("\n         sums over the whole book, one contract each")
    for name, number in zip(Greeks._fields, total):
        print(f"{name:8} {number:20,.2f}")
    difference = largest_difference()
    print(f"\n{most_memory()}the book and its results have {n * 12 * 8 / 2**20:,.0f} MB")
    print(f"largest difference from the closed forms: {difference:.0e} of the largest number")
    draw_throughput(rates, alone, arguments.out / "cluster.png")
    print(f"picture in {arguments.out}/: cluster.png")
    if len(digests) > 1:
        sys.exit("the bits depend on the number of workers")
    if not difference <= TOLERANCE:
        sys.exit(f"derivatives and closed forms differ by more than {TOLERANCE:g} of the largest number")


if __name__ == "__main__":
    main()
