"""What workers do: how tiles are computed, in another process or thread."""

from __future__ import annotations

import math
import os
import platform
import socket
import traceback
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy

import autograd_mini
from autograd_mini.executors.blas import OneThread
from autograd_mini.executors.cutting import Rows, Taken, as_leaf, is_rows, leaves_of, numbers_of, rows_of
from autograd_mini.executors.keeping import SPARSITY, Function, keep, packed
from autograd_mini.executors.sending import SHORT, Memory, OutOfReach, Packed, opened
from autograd_mini.executors.summing import Axes, Total
from autograd_mini.structures import Structure

LARGE = 2**20
"""Bytes above which something stays with a worker only if it is certain to be used again."""


@dataclass
class Job:
    """What is the same in all tasks of a call.

    Attributes:
        fixed: all arguments, the parts of a vector last, except those that are rows, whose places are `places`;
            pickled, unless it stays in one process.
        by_name: the names of those arguments that the function is given by name, by their places.
        vector: the number of parts if the vector of a product is a tuple; 0 if it is not, or there is none.
        numbers: the numbers of the function's Values.
        is_sum: whether results are sums over the batch; `may_have_rows` says whether some may have rows nevertheless.
        is_sparse: whether results are sparse matrices.
        name: a name of `fixed`, which only equal ones have; "" if it is not to be kept.
        function: in the worker, the function; and `things` what was sent or brought by the engine.
    """

    method: str
    fixed: Any
    places: list[int]
    by_name: dict[int, str]
    vector: int
    numbers: Any
    is_sum: bool
    may_have_rows: bool
    is_sparse: bool
    name: str = ""
    function: Any = None
    things: Mapping[Any, Any] = field(default_factory=dict)


@dataclass
class Task:
    """Neighbouring tiles of a batch, to be computed one after the other.

    Attributes:
        tokens: the tokens of what it needs and is sent only once: the function, the first tile of the call if workers
            are to be compared by it, and arrays.
        batch: those arguments that are rows, pickled; in one process the arrays in them, and their structure.
        tile: the number of rows in a tile.
        first: the number of the first tile.
        n: the number of rows.
        divisor: what the result is to be divided by, if anything.
    """

    tokens: list[str]
    batch: Any
    tile: int
    first: int
    n: int
    divisor: float | None = None

    def rows(self, start: int = 0, stop: int | None = None) -> str:
        """Some of the task's rows, in words."""
        row = self.first * self.tile
        return f"rows {row + start} to {row + max(start, (self.n if stop is None else stop) - 1)}"


@dataclass
class Missing:
    """The tokens of what must be sent along with the task, since the worker does not have it."""

    tokens: list[str]


@dataclass
class Failed:
    """What the function raised, at which rows, and the text of its traceback."""

    error: Any
    rows: str
    text: str


@dataclass
class Done:
    """The results of a task, and along which axis each array in them has rows; None if it is a sum.

    Attributes:
        worker: who found them; `host` is what the last digits depend on there. Both are empty in one process.
        sample: for the first task of a worker, a digest of its result on the first tile of the call.
    """

    result: Any
    axes: Axes
    worker: str = ""
    host: dict[str, str] = field(default_factory=dict)
    sample: str = ""


def work(task: Task, job: Any, contents: Sequence[Any], *given: Any) -> Done | Failed | Missing:
    """Do a task.

    Args:
        job: the job that it is part of; pickled, perhaps in memory, unless it stays in one process.
        contents: what was sent along, in the order of the tokens: pickles, perhaps in memory.
        given: what the engine has brought.

    Raises:
        OutOfReach: what is in memory cannot be read.
    """
    rows: list[int] = []
    try:
        with OneThread():
            if isinstance(job, Job):
                return Done(*Tiles(task, job, *task.batch).total(rows))
            return _work(task, job, dict(zip(task.tokens, contents)), given, rows)
    except OutOfReach:
        raise
    except Exception as error:
        text, content = "".join(traceback.format_exception(error)), error  # type: str, Any
        if not isinstance(job, Job):
            try:
                content = packed(error)
                opened(content)
            except Exception:  # it cannot travel
                content = packed(RuntimeError(f"{type(error).__name__}: {error}"))
        return Failed(content, task.rows(*rows), text)


def work_nearby(letter: Packed | Memory, reply: Memory) -> Any:
    """Do a task in another process of the same machine.

    Args:
        letter: the arguments of `work`.
        reply: where the result is put if it is long; `reply` is returned then. None if memory is out of reach.
    """
    with suppress(OSError):
        result = Packed.of(work(*opened(letter)))
        if len(result) > SHORT:
            reply.put(result)
            return reply
        return result
    return None


def _work(task: Task, sent_job: Any, sent: dict[str, Any], given: Sequence[Any], rows: list[int]) -> Done | Missing:
    """Do a task that was sent; `rows` holds where the tile at work starts and stops."""
    name, sample_name, *arrays = task.tokens
    things: dict[Any, Any] = {each: keep(each) for each in (name, *arrays)}
    lacking = [each for each, thing in things.items() if thing is None]
    sample = sample_name if name in lacking else ""
    if missing := [each for each in (*lacking, sample) if each and sent[each] is None]:
        return Missing(missing)
    for each in lacking:
        content = sent[each]
        things[each] = keep(each, Function(content) if each == name else opened(content, stays=True))
    job: Job = opened(sent_job)
    job.function, job.things = things[name], {**things, **dict(enumerate(given))}
    job.fixed = keep(job.name) or keep(job.name, opened(job.fixed, stays=bool(job.name)))
    if sample:
        found = sha256()
        first = Tiles(task, job, *leaves_of(opened(sent[sample])))
        for leaf in leaves_of(first.result(0, task.tile, 0))[0]:
            found.update(b"".join(numbers_of(leaf)))
        sample = found.hexdigest()
    result, axes = Tiles(task, job, *leaves_of(opened(task.batch))).total(rows)
    return Done(packed(result), axes, f"process {os.getpid()} on {socket.gethostname()}", host(), sample)


class Tiles:
    """The tiles of a task, whose rows are loaded once.

    Args:
        leaves: the arrays of the arguments that are rows, or of a part of them.
        structure: the structure of these arguments.
    """

    def __init__(self, task: Task, job: Job, leaves: Sequence[Any], structure: Structure) -> None:
        self._task, self._job, self._structure = task, job, structure
        self._leaves = [leaf.load(0, job.things) if isinstance(leaf, Taken) else leaf for leaf in leaves]
        options = {"sparse": True} if job.is_sparse and job.method != SPARSITY else {}
        self._run = job.function.method(job.method, job.numbers, options)
        self._is_plain: bool = structure.is_flat and {*map(type, self._leaves)} == {numpy.ndarray}

    def total(self, rows: list[int]) -> tuple[Any, Axes]:
        """The results of all tiles, and their axes of rows; `rows` holds where the tile at work starts and stops."""
        task, structures, axes = self._task, self._job.function.structures, None  # type: Task, dict[str, Any], Axes
        total = Total(task.n, structures.get(self._job.method))
        for start in range(0, task.n, task.tile) or [0]:
            stop = min(task.n, start + task.tile)
            rows[:] = start, stop
            result = self.result(start, stop, task.first + start // task.tile)
            axes = self.axes(result, start, stop) if not start else axes
            total.add(result, axes)
        structures[self._job.method] = total.structure
        return total.result(task.divisor), axes

    def result(self, start: int, stop: int, number: int, copies: int = 1) -> Any:
        """The result for some rows of the tile of this number, with `copies` of each row."""
        some = rows_of(self._leaves, start, stop)
        if not self._is_plain or copies > 1:
            some = [leaf.load(number, {}) if isinstance(leaf, Rows) else leaf for leaf in some]
            if copies > 1:
                some = [leaf.repeat(copies, axis=0) if is_rows(leaf) else leaf for leaf in some]
            some = self._structure.rebuild(some)
        job = self._job
        args = [*job.fixed]
        for place, rows in zip(job.places, some):
            args[place] = rows
        if job.vector:
            args[-job.vector :] = [tuple(args[-job.vector :])]
        keywords = {name: args[place] for place, name in job.by_name.items()}
        result = self._run(*[arg for place, arg in enumerate(args) if place not in job.by_name], **keywords)
        return as_leaf(result) if job.is_sparse else result

    def axes(self, result: Any, start: int, stop: int) -> Axes:
        """The axis along which each array in the first tile's result has rows; None for a sum.

        It is where the shape differs from that for the first row alone or, if the tile has only one, for two copies.
        """
        if not self._job.may_have_rows or start == stop:
            return None if self._job.is_sum else 0
        leaves, _ = leaves_of(result)
        copies = 2 if stop - start == 1 else 1
        others, _ = leaves_of(self.result(start, start + 1, self._task.first, copies))
        shapes = [map(numpy.shape, pair) for pair in zip(leaves, others, strict=True)]
        return [next((axis for axis, (one, two) in enumerate(zip(*pair)) if one != two), None) for pair in shapes]


@cache
def host() -> dict[str, str]:
    """What the last digits of results depend on: versions, libraries, the processor; and a digest of such digits."""
    from importlib.metadata import distributions

    source = sha256()
    for path in sorted(Path(autograd_mini.__file__).parent.rglob("*.py")):
        source.update(path.read_bytes())
    points = numpy.linspace(0.1, 20.0, 333)
    square = numpy.outer(points, 1.0 / points)
    by_numpy = [numpy.exp(-points), numpy.log(points), numpy.sin(points), numpy.tanh(points), square @ square]
    by_libm = [[function(x) for x in points.tolist()] for function in (math.exp, math.log, math.sin, math.erfc)]
    digits = sha256((square.reshape(1, -1) @ square.reshape(-1, 1)).tobytes())
    for each in [*by_numpy, *by_libm]:
        digits.update(numpy.asarray(each).tobytes())
    features = numpy._core._multiarray_umath.__cpu_features__  # type: ignore[attr-defined]
    llvmlite = [each.version for each in distributions(name="llvmlite")]
    return {
        "autograd_mini": source.hexdigest()[:16],
        "NumPy": numpy.__version__,
        "llvmlite": llvmlite[0] if llvmlite else "not installed",
        "C library": " ".join(platform.libc_ver()),
        "processor": " ".join([platform.machine(), *(name for name, has in features.items() if has)]),
        "digits of exp, log, sin, erfc and products of matrices": digits.hexdigest()[:16],
    }
