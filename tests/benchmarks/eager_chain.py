"""How time and memory of a chain of binary nodes grow from 10⁴ to 10⁶ nodes."""

from __future__ import annotations

import copy
import pickle
import time
import tracemalloc

from autograd_mini import Value

LENGTHS = (10_000, 100_000, 1_000_000)


def chain(length):
    x = y = Value(1.0)
    for _ in range(length // 2):
        y = y * x + x
    return y


def timed(action):
    begin = time.perf_counter()
    result = action()
    return result, time.perf_counter() - begin


def measure(length):
    """Seconds of each action, and bytes a node after the backward pass."""
    seconds = {}
    y, seconds["build"] = timed(lambda: chain(length))
    _, seconds["backward"] = timed(y.backward)
    frozen, seconds["pickle"] = timed(lambda: pickle.dumps(y))
    _, seconds["unpickle"] = timed(lambda: pickle.loads(frozen))
    _, seconds["deepcopy"] = timed(lambda: copy.deepcopy(y))
    holder = [y]
    del y
    _, seconds["free"] = timed(holder.clear)
    tracemalloc.start()
    y = chain(length)
    y.backward()
    size = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    return seconds, size / length


def main():
    print("\neager: chain of binary nodes, microseconds a node and bytes a node")
    actions = ["build", "backward", "pickle", "unpickle", "deepcopy", "free"]
    print(f"  {'nodes':>9} " + " ".join(f"{action:>9}" for action in actions) + f" {'bytes':>7}")
    for length in LENGTHS:
        seconds, size = measure(length)
        figures = " ".join(f"{1e6 * seconds[action] / length:9.2f}" for action in actions)
        print(f"  {length:9,} {figures} {size:7.0f}")
