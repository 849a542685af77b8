"""Is your derivative right? Derivatives from three sources, checked against extrapolated differences.

They are a derivative written by hand, the rule of a user's own primitive, and that of a PyTorch or JAX function if one
of these is installed. The first two come in a right and in a faulty version; the check shows what is wrong, where, and
by how many times the estimated error.

    f'(x) ≈ (f(x + h) - f(x - h)) / 2h, extrapolated to h = 0, with an estimate of the remaining error

    python demos/check_your_gradients.py [--out FOLDER] [--quick]
"""

from __future__ import annotations

import importlib.util
import math
import random

import numpy as np
from common import parse_arguments, timed

from autograd_mini import register_primitive, sigmoid, softplus, tanh
from autograd_mini.nn import MLP
from autograd_mini.testing import GradientError, check_gradients, check_module


def loss(w, x):
    """The logistic loss of a linear classifier for a point of class +1."""
    return math.log1p(math.exp(-float(w @ x)))


def gradient_by_hand(w, x):
    """dLoss/dw and dLoss/dx."""
    slope = -1.0 / (1.0 + math.exp(float(w @ x)))
    return slope * x, slope * w


def wrong_gradient_by_hand(w, x):
    """The same with a typical mistake: the sign in the exponential is lost."""
    slope = -1.0 / (1.0 + math.exp(-float(w @ x)))
    return slope * x, slope * w


def mish(right):
    """x·tanh(log(1 + eˣ)) as a primitive; the wrong rule forgets the inner derivative."""

    def partials(out, x):
        t = tanh(softplus(x))
        outer = x * (1.0 - t * t)
        return (t + outer * sigmoid(x) if right else t + outer,)

    name = "mish" if right else "wrong_mish"
    return register_primitive(name, lambda x: x * math.tanh(math.log1p(math.exp(x))), partials)


def of_another_library():
    """A function of an array, its gradient, and the library they are from; None if neither library is installed."""
    if importlib.util.find_spec("torch"):
        import torch

        def f(x):
            return torch.logsumexp(torch.sin(torch.tensor(x)), 0)

        def gradient(x):
            variable = torch.tensor(x, requires_grad=True)
            torch.logsumexp(torch.sin(variable), 0).backward()
            return variable.grad

        return f, gradient, "PyTorch"
    if importlib.util.find_spec("jax"):
        import jax

        jax.config.update("jax_enable_x64", True)

        def f(x):
            return jax.nn.logsumexp(jax.numpy.sin(x))

        return f, jax.grad(f), "JAX"
    return None


def check(what, *arguments, **options):
    """Run one check and print its table; return whether it passed."""
    print(f"\n{what}")
    try:
        report = check_gradients(*arguments, **options)
    except GradientError as error:
        print(error)
        return False
    print(report)
    return True


def main():
    arguments = parse_arguments(__doc__)
    generator = random.Random(1)
    results = {}
    with timed("all checks"):
        w, x = np.array([1.0, -2.0]), np.array([0.5, 0.75])
        results["by hand"] = check("A gradient by hand", loss, w, x, gradient=gradient_by_hand)
        results["by hand, sign lost"] = check("The same with a sign lost", loss, w, x, gradient=wrong_gradient_by_hand)
        results["primitive"] = check("A primitive, to third order", mish(right=True), 0.7, order=3)
        results["primitive, inner derivative lost"] = check(
            "The same without the inner derivative", mish(right=False), 0.7
        )
        other = of_another_library()
        if other:
            f, gradient, library = other
            results[library] = check(f"A function of {library}", f, np.array([0.5, -1.0]), gradient=gradient)
        else:
            print("\nNeither PyTorch nor JAX is installed, so none of their functions is checked.")
        model = MLP(2, [4, 3] if arguments.quick else [8, 8, 3], activation="tanh", random=3)
        point = [generator.uniform(-1, 1) for _ in range(2)]
        n = len(check_module(model, point).comparisons)
        print(f"\nA network: all {n} derivatives of its 3 outputs in its {len(model.parameters())} weights agree")

    summary = "\n".join(f"{name}: {'passes' if passed else 'fails'}" for name, passed in results.items())
    (arguments.out / "checks.txt").write_text(summary + "\n", encoding="utf-8")
    print(f"\n{summary}")
    unexpected = [name for name, passed in results.items() if passed == ("lost" in name)]
    if unexpected:
        raise SystemExit(f"not as expected: {', '.join(unexpected)}")


if __name__ == "__main__":
    main()
