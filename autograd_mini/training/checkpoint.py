"""Checkpoints: the state of a training in a file that is whole at any moment."""

from __future__ import annotations

import json
import os
from random import Random
from typing import Any

from autograd_mini.files import parse_json, read_within, write_whole
from autograd_mini.nn.activations import name_of
from autograd_mini.nn.divergences import Divergence
from autograd_mini.nn.state import StateError
from autograd_mini.primitives import brief
from autograd_mini.training.history import History
from autograd_mini.training.run import Plateau, Run

FORMAT = "autograd_mini checkpoint 1"
COUNTERS = ("best", "waited", "last", "rises")


def save_checkpoint(run: Run, path: str | os.PathLike[str]) -> None:
    """Write all that `run` needs to continue as if it had never stopped, as JSON: floats are restored bit by bit."""
    run.steps.write_back()
    state = {
        "format": FORMAT,
        "settings": _settings(run),
        "parameters": run.model.state_dict(),
        "optimizer": run.optimizer.state_dict(),
        "best": list(map(float, run.best)),
        "best_loss": run.best_loss,
        "plateaus": [[getattr(plateau, name) for name in COUNTERS] for plateau in _plateaus(run)],
        "generators": [generator.getstate() for generator in _generators(run)],
        "history": run.history.as_dict(),
    }
    write_whole(path, json.dumps(state).encode())


def load_checkpoint(run: Run, path: str | os.PathLike[str]) -> None:
    """Restore in `run` the state that `save_checkpoint` wrote; for a damaged file, or one of another model or
    training, raise StateError and change nothing."""

    def refuse(reason: str) -> StateError:
        return StateError(f"cannot resume from {os.fspath(path)}: {reason}")

    # Room for the parameters and a few numbers for each, and for the history of a long training.
    state = parse_json(read_within(path, 100_000_000 + 1_000 * len(run.steps.parameters), refuse), refuse)
    if not isinstance(state, dict) or state.get("format") != FORMAT:
        raise refuse("it is not a checkpoint of this version of autograd_mini")
    for name, here in _settings(run).items():
        there = state.get("settings", {}).get(name) if isinstance(state.get("settings"), dict) else None
        if there != here:
            raise refuse(f"it belongs to another training run: {name} is {brief(there)} there and {brief(here)} here")
    before = run.steps.numbers()
    try:
        best, best_loss = _floats(state["best"], len(before)), float(state["best_loss"])
        plateaus = [_floats(counters, len(COUNTERS)) for counters in state["plateaus"]]
        generators = [_as_generator(saved) for saved in state["generators"]]
        history = History.from_dict(state["history"])
        if len(plateaus) != len(_plateaus(run)) or len(generators) != len(_generators(run)):
            raise ValueError("it belongs to another model")
        run.model.load_state_dict(state["parameters"])
        run.optimizer.load_state_dict(state["optimizer"])
    except BaseException as error:
        run.steps.restore(before)
        if not isinstance(error, (LookupError, TypeError, ValueError, ArithmeticError, AttributeError)):
            raise
        raise refuse(f"it lacks {error}" if isinstance(error, KeyError) else str(error)) from error
    run.best, run.best_loss, run.good, run.history = best, best_loss, run.steps.numbers(), history
    for plateau, counters in zip(_plateaus(run), plateaus):
        for name, number in zip(COUNTERS, counters):
            setattr(plateau, name, number)
    for generator, saved in zip(_generators(run), generators):
        generator.setstate(saved.getstate())


def _settings(run: Run) -> dict[str, Any]:
    """The settings that must be the same for a resumed training to give the same numbers."""
    divergence = run.objective.divergence
    return {
        "examples": len(run.examples),
        "validation": len(run.validation),
        "batch_size": run.batch_size,
        "shuffle": bool(run.shuffle),
        "divergence": repr(divergence) if isinstance(divergence, Divergence) else name_of(divergence),
        "metrics": list(run.metrics),
        "compiled": run.is_compiled,
        "executor": run.is_on_executor or None,  # it sums in another order
    }


def _plateaus(run: Run) -> list[Plateau]:
    return [run.training_loss, run.validation_loss]


def _generators(run: Run) -> list[Random]:
    """The generator of the shuffling and those of the model, such as a randomised activation's."""
    found = [run.random]
    for module in run.model.modules():
        found += [part for part in vars(module).values() if isinstance(part, Random) and part not in found]
    return found


def _as_generator(saved: Any) -> Random:
    version, internal, gauss_next = saved
    generator = Random()
    generator.setstate((version, tuple(internal), gauss_next))
    return generator


def _floats(numbers: Any, count: int) -> list[float]:
    if len(numbers) != count:
        raise ValueError("it belongs to another model")
    return [float(number) for number in numbers]
