"""One time step of 100 bodies that attract each other: the kinetic energy after it, and its derivatives with respect to
all positions, velocities and masses."""

from __future__ import annotations

from functools import partial

import numpy

TITLE = "compiled: one step of 100 bodies under gravity, kinetic energy and 700 derivatives"
BASELINE = "torch"
BODIES, DT, SOFTENING = 100, 0.01, 0.01


def data():
    """Positions, velocities and masses."""
    random = numpy.random.default_rng(1)
    shape = BODIES, 3
    return random.normal(size=shape), random.normal(size=shape) * 0.1, random.uniform(0.5, 1.5, size=BODIES) / BODIES


def energy(positions, velocities, masses):
    """The kinetic energy after the step, in scalars, pair by pair."""
    from autograd_mini import sqrt, square, sum

    pulls = [[[] for _ in range(3)] for _ in masses]
    for i, (here, mass) in enumerate(zip(positions, masses)):
        for j in range(i):
            apart = [q - p for p, q in zip(here, positions[j])]
            squared = sum(square(each) for each in apart) + SOFTENING
            weight = 1.0 / (squared * sqrt(squared))
            for axis, each in enumerate(apart):
                pull = weight * each
                pulls[i][axis].append(masses[j] * pull)
                pulls[j][axis].append(-mass * pull)
    total = []
    for mass, velocity, pull in zip(masses, velocities, pulls):
        total.append(mass * sum(square(v + DT * sum(each)) for v, each in zip(velocity, pull)))
    return sum(total) / 2


def scalars():
    return energy, data()


def compiled(backend):
    from autograd_mini import compile

    return partial(compile(energy, backend=backend).value_and_grad, *data())


def by_arrays(positions, velocities, masses, sums):
    """The same with arrays; `sums` is the library's sum over an axis."""
    apart = positions[None] - positions[:, None]
    squared = sums(apart * apart, 2) + SOFTENING
    pull = sums(apart * (masses / squared**1.5)[:, :, None], 1)
    moved = velocities + DT * pull
    return sums(masses * sums(moved * moved, 1), 0) / 2


def torch():
    import torch

    args = [torch.tensor(each, requires_grad=True) for each in data()]

    def run():
        value = by_arrays(*args, torch.sum)
        return value, torch.autograd.grad(value, args)

    return run


def jax():
    import jax

    args = [jax.numpy.array(each) for each in data()]
    derive = jax.jit(jax.value_and_grad(partial(by_arrays, sums=jax.numpy.sum), argnums=(0, 1, 2)))
    return lambda: jax.block_until_ready(derive(*args))


def autograd():
    import autograd.numpy
    from autograd import value_and_grad

    derive = value_and_grad(partial(by_arrays, sums=autograd.numpy.sum), argnum=(0, 1, 2))
    return partial(derive, *data())


CONTENDERS = {
    "autograd_mini, machine code": partial(compiled, "machine"),
    "autograd_mini, NumPy": partial(compiled, "numpy"),
    "torch": torch,
    "JAX, jit": jax,
    "autograd": autograd,
}
