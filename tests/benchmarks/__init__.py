"""Measurements, side by side in one run: `python -m tests.benchmarks [workload …]`.

Each module here but `run`, `plot`, `perceptron`, `peers` and `__main__` is one workload.
"""
