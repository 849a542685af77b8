"""Measurements, side by side in one run: `python -m tests.benchmarks [workload …]`.

Each module here is one workload, except `run`, `plot`, `perceptron`, `peers` and `__main__`.
"""
