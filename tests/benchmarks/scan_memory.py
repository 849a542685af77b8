"""The pendulum of `scan`: the time and peak memory of the first value and gradient, compiling included."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from pathlib import Path

from tests.benchmarks import scan

NAMES = ["autograd_mini, scan", scan.BASELINE]
SIZES = scan.SIZES[1]
PROGRAM = "from tests.benchmarks import scan_memory as m; m.measure({name!r}, {steps})"


def peak():
    """The peak memory of this program in MB; `resource` would count that of the process it was forked from too."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    return int(found[1]) / 2**10


def measure(name, steps):
    """Print one contender's processor seconds and MB, in this process, beyond what a few steps take."""
    scan.CONTENDERS[name](64)()
    before = peak()
    begin = time.process_time()
    scan.CONTENDERS[name](steps)()
    print(time.process_time() - begin, peak() - before)


def main():
    print("\nfirst value and gradient, seconds of computing, and memory at most, MB, of a pendulum in so many steps")
    found = {}
    for name in NAMES:
        for steps in SIZES:
            command = [sys.executable, "-c", PROGRAM.format(name=name, steps=steps)]
            answer = subprocess.run(command, capture_output=True, text=True)
            if answer.returncode:
                print(f"{name:24} {answer.stderr.splitlines()[-1]}")
                break
            seconds, megabytes = map(float, answer.stdout.split())
            found[f"{name}, {steps}"] = seconds, megabytes
            print(f"{name:24} {steps:9,}  {seconds:8.3f} s  {megabytes:8.1f} MB")
    return found
