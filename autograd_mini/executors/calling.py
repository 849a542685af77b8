"""One call on an executor: its arguments cut into tasks, and the results put together."""

from __future__ import annotations

import math
import uuid
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from hashlib import sha256
from itertools import chain, repeat, zip_longest
from typing import TYPE_CHECKING, Any

import numpy

from autograd_mini.executors.cutting import Form, Rows, Taken, from_leaf, is_rows, leaves_of, length, recut, rows_of
from autograd_mini.executors.keeping import SLOPES, SPARSITY, Function, keep
from autograd_mini.executors.sending import Packed, opened
from autograd_mini.executors.submitting import results
from autograd_mini.executors.summing import Total
from autograd_mini.executors.working import LARGE, Done, Job, Task
from autograd_mini.primitives import brief
from autograd_mini.structures import NUMBER, Structure

if TYPE_CHECKING:
    from autograd_mini.executors.tiled import Tiled

TILE = 2**20
"""About how many numbers a tile has by default, and at most how many a task has that consists of several tiles: some
milliseconds of work, 8 MiB to send."""

IN_THREAD = 16
"""How many times larger a task may be if its rows need not travel."""

MAY_HAVE_ROWS = ("value_and_grad", "grad", "jacobian", "hvp", "vjp")
"""Methods that give derivatives with respect to each example of a batch, though it is reduced."""

OF_ARGUMENTS, OF_RESULT = ("hvp", "jvp"), ("vjp",)
"""Methods whose last argument is a vector in the structure of the arguments, or of the result."""


class Call:
    """One call: its arguments, the parts of a vector last, and its batch as a sequence of chunks.

    Raises:
        TypeError, ValueError: the arguments do not fit the function, or each other.
    """

    _pack: Callable[[Any], Packed]

    def __init__(self, tiled: Tiled, method: str, args: tuple[Any, ...], keywords: dict[str, Any]) -> None:
        self.tiled: Tiled = tiled
        self.method: str = method
        self.name: Any = tiled.compiled._name
        self._streams: list[Iterator[tuple[Any, ...]]] = []
        self._contents: dict[str, Any] = {}
        which, args = (args[:1], args[1:]) if method == SPARSITY else ((), args)
        sparse = keywords.pop("sparse", None) if method in ("jacobian", "hessian") else None
        sparse, keywords = tiled.compiled._told_apart("sparse", sparse, args, keywords)
        self.is_sparse: bool = bool(which or sparse)
        args, vectors = (args[:-1], args[-1:]) if method in OF_ARGUMENTS + OF_RESULT else (args, ())
        args = tuple(chain.from_iterable(map(self._opened, args)))
        keywords = {key: each for key, arg in keywords.items() for each in self._opened(arg)}
        roles, args = tiled.compiled._arranged(args, keywords)
        batched = [*roles.batched]
        self.by_name: dict[int, str] = dict(enumerate(roles.by_name, len(which) + len(args) - len(roles.by_name)))
        self.is_mean: bool = tiled.compiled._options.reduce == "mean" and method != SPARSITY
        self.is_sum: bool = tiled.options.reduce is not None or method == SPARSITY
        self.wrt: tuple[Sequence[int], bool] = roles.wrt
        places, is_single = roles.wrt
        self.may_have_rows: bool = self.is_sum and method in MAY_HAVE_ROWS and any(batched[place] for place in places)
        self.vector: int = 0
        if method in OF_RESULT:
            batched += [not self.is_sum] * len(vectors)
        elif vectors:
            if not is_single and isinstance(vectors[0], tuple) and len(vectors[0]) == len(places):
                self.vector, vectors = len(places), vectors[0]
            batched += [batched[place] for place in places] if len(vectors) == len(places) else [False]
        everything, batched = [*which, *args, *vectors], [False] * len(which) + batched
        carrying = [each for each, rows in zip(everything, batched) if rows]
        self.places: list[int] = [place for place, rows in enumerate(batched) if rows]
        self.fixed: Sequence[Any] = [None if rows else each for each, rows in zip(everything, batched)]
        self.form: Form = Form()
        first = [_as_rows(each.first if isinstance(each, _Column) else each) for each in carrying]
        self.first: list[Any] = self.form.leaves_of(first)
        if method in OF_ARGUMENTS and self.form.latest.row_labels():
            self._require_labels(vectors[0] if not self.vector else tuple(vectors))
        if self._streams:
            self._refuse_rows(everything)
            self.fixed = _own(self.fixed)  # chunks are computed later
            self.lengths: deque[int] = deque()
            self.given: deque[Structure] = deque()
            self.chunks: Iterable[list[Any]] = map(_own, chain([self.first], self._later(carrying)))
        self.n: int | None = None if self._streams else length(self.first, self.name)
        self.rows: int = self.n or 0
        self.sizes: tuple[int, int] = self._sizes()
        self.is_one_task: bool = self.n is not None and self.n <= math.prod(self.sizes)

    def again(self, args: Sequence[Any]) -> Call:
        """The same call with other arguments of the same layout, in this process."""
        call = Call.__new__(Call)
        call.__dict__.update(self.__dict__)
        call.fixed, call.first = args, [args[place] for place in self.places]
        return call

    def _opened(self, arg: Any) -> list[Any]:
        """A list of the argument alone or, if it is a stream of chunks, of the stream's columns."""
        if hasattr(arg, "__len__") or not hasattr(arg, "__iter__"):
            return [arg]
        stream = map(self._parts, arg)
        first = next(stream, ())
        if not first:
            raise ValueError(f"{self.name} was given a stream without any chunk")
        self._streams.append(stream)
        return [_Column(len(self._streams) - 1, place, each) for place, each in enumerate(first)]

    def _parts(self, chunk: Any) -> tuple[Any, ...]:
        if any(isinstance(leaf, Rows) for leaf in leaves_of(chunk)[0]):
            raise ValueError(f"a stream of chunks for {self.name} must hold arrays; pass Draws without a stream")
        return chunk if type(chunk) is tuple else (chunk,)

    def _refuse_rows(self, everything: Sequence[Any]) -> None:
        if [place for place, each in enumerate(everything) if isinstance(each, _Column)] != self.places:
            raise ValueError(
                f"if {self.name} is given a stream of chunks, every argument that carries the batch must come in a "
                "stream, and no other may"
            )
        if self.may_have_rows:
            raise ValueError(
                f"derivatives of {self.name} with respect to a stream of chunks would be as large as the stream; "
                "name the arguments to differentiate in wrt=…"
            )

    def _like(self, given: Structure) -> Structure:
        """The structure of derivatives, if arguments that carry the batch have the given one; of others it has none."""
        known, (places, is_single) = dict(zip(self.places, given.children)), self.wrt
        parts = [known.get(place, NUMBER) for place in places]
        return parts[0] if is_single else Structure(tuple, tuple, parts)

    def _require_labels(self, vector: Any) -> None:
        like = self._like(self.form.latest)
        try:
            [*like.leaves_of(vector)]
        except (TypeError, KeyError, ValueError, AttributeError):
            raise TypeError(
                f"{self.method}'s vector for {self.name} must have the structure and the labels of its arguments, "
                f"{like!r}"
            ) from None

    def _later(self, columns: Sequence[_Column]) -> Iterator[list[Any]]:
        """The chunks after the first."""
        for chunks in zip_longest(*self._streams):
            if None in chunks:
                raise ValueError(f"the streams of {self.name} must have equally many chunks, but one ended first")
            if (count := sum(map(len, chunks))) != len(columns):
                raise ValueError(f"all chunks of {self.name} must have equally many parts, {len(columns)}, got {count}")
            yield self.form.leaves_of([_as_rows(chunks[column.stream][column.place]) for column in columns])

    def result(self, numbers: Any) -> Any:
        """The result of the call; for a stream that is not reduced, an iterator over the results for each chunk."""
        done = self._done(self._job(numbers))
        if self.n is None and not self.is_sum:
            return self._chunks_of(done)
        if self.is_one_task:
            (found,) = [each.result for each in done]
        else:
            total = Total(self.n or 0)
            for each in done:
                total.add(each.result, each.axes)
            found = total.result((self.rows or numpy.nan) if self.is_mean else None)
        return self._finished(found, self.form.latest)

    def _chunks_of(self, done: Iterator[Done]) -> Iterator[Any]:
        """The results for each chunk of a stream."""
        form, lengths = Form(), iter(self.lengths.popleft, None)
        for rows in recut((form.leaves_of(each.result) for each in done), lengths, self.name):
            yield self._finished(form.of(rows), self.given.popleft())

    def _finished(self, found: Any, given: Structure) -> Any:
        """A result as the function gives it; derivatives with the labels of the arguments that carry the batch."""
        if self.is_sparse:
            return from_leaf(found)
        if self.method not in (*MAY_HAVE_ROWS, "hessian") or not given.row_labels():
            return found
        like = self._like(given)
        return self.form.labelled(
            found, Structure(tuple, tuple, [NUMBER, like]) if self.method == "value_and_grad" else like
        )

    def _job(self, given: Any) -> Any:
        """The job: what is the same in all tasks, with the numbers of the Values, or those `given` in their place. It
        is pickled, unless it stays in this process."""
        tiled = self.tiled
        try:
            parcel = tiled.parcel()
        except TypeError:
            if not tiled.pool.is_here or self.method == SLOPES:
                raise
            parcel = None
        values = parcel.values if parcel else []
        numbers = numpy.array([value.data for value in values] if given is None else given, dtype=float)
        if parcel and numbers.shape != (len(values),):
            raise ValueError(f"{self.name} holds {len(values)} Values, got numbers of shape {numbers.shape}")
        how = self.is_sum, self.may_have_rows, self.is_sparse
        job = Job(self.method, self.fixed, self.places, self.by_name, self.vector, numbers, *how)
        if tiled.pool.is_here:  # what cannot be pickled is taken as it is
            token, content = (parcel.token, parcel.content) if parcel else (tiled.token, tiled.content)
            job.function, job.things = keep(token) or keep(token, Function(content)), {**tiled.held}
            return job
        assert parcel is not None
        self._pack, self._tokens = parcel.beside, [parcel.token, "", *tiled.held]
        self._contents = {parcel.token: parcel.content, **tiled.held}
        job.fixed = self._packed(self.fixed)
        if len(job.fixed) < LARGE:  # kept by workers, so that nothing is compiled anew for objects among them
            job.name = sha256(b"".join(job.fixed.parts())).hexdigest()
        return Packed.of(job)

    def _packed(self, arguments: Any) -> Any:
        try:
            return self._pack(arguments)
        except Exception as error:
            error.add_note(f"This happened to arguments of {self.name}, on the way to a worker.")
            raise

    def _done(self, job: Any) -> Iterator[Done]:
        """The results of all tasks, in order."""
        tiled, samples = self.tiled, {}  # type: Tiled, dict[str, str]
        is_given_on = self.n is None or self.is_one_task  # results are returned as they are, not put together
        tasks = iter([self._task(self.first, self.sizes[0], 0, self.rows)]) if self.is_one_task else self._tasks()
        for each in results(tiled.pool, tasks, job, self._contents, tiled.retries, self.name):
            if each.worker:
                tiled.compare(each, samples)
                each.result = opened(each.result, stays=is_given_on)
            yield each

    def _counted(self) -> Iterator[list[Any]]:
        """The chunks of a stream, except those without rows; the lengths and labels of the others are noted."""
        for chunk in self.chunks:
            count = length(chunk, self.name)
            if count:
                self.rows += count
                if not self.is_sum:
                    self.lengths.append(count)
                    self.given.append(self.form.latest)
                yield chunk

    def _sizes(self) -> tuple[int, int]:
        """The number of rows in a tile, and of tiles in a task."""
        arrays = [leaf for leaf in self.first if is_rows(leaf)]
        in_row = max(1, sum([math.prod(array.shape[1:]) for array in arrays]))
        tile = self.tiled.tile or 1 << max(0, (TILE // in_row).bit_length() - 1)
        blocks = [max(array.chunks[0]) for array in arrays if hasattr(array, "chunks")]  # Dask's
        most = max(blocks, default=TILE // in_row)
        share = length(self.first, self.name) if self.n is None else self.n // self.tiled.pool.workers
        size = min(most, share)
        if self.tiled.pool.is_here and not blocks:  # nothing travels: some tasks for each thread
            size = max(size, min(IN_THREAD * most, share if self.tiled.pool.workers == 1 else share // 2))
        return tile, 1 << max(0, (size // tile).bit_length() - (self.n is None or size < self.n))

    def _tasks(self) -> Iterator[tuple[Task, list[Any]]]:
        """The tasks of a call that has several, each with what the engine is to bring to it."""
        tile, tiles = self.sizes
        number, chunks = -1, self._counted() if self.n is None else [self.first]
        for number, chunk in enumerate(recut(chunks, repeat(tiles * tile), self.name)):
            yield self._task(chunk, tile, number * tiles, length(chunk, self.name))
        if number < 0 and self.is_sum:
            yield self._task(self.first, tile, 0, 0)

    def _task(self, chunk: list[Any], tile: int, first: int, n: int) -> tuple[Task, list[Any]]:
        given: list[Any] = []
        divisor = (self.rows or numpy.nan) if self.is_mean and self.is_one_task else None
        batch = [leaf if type(leaf) is numpy.ndarray else self._brought(leaf, given) for leaf in chunk]
        if self.tiled.pool.is_here:
            return Task([], (batch, self.form.structure), tile, first, n, divisor), given
        task = Task([*self._tokens], self._packed(self.form.of(batch)), tile, first, n, divisor)
        if first == 0 and not given:
            self._tokens[1] = task.tokens[1] = uuid.uuid4().hex
            self._contents[self._tokens[1]] = self._packed(self.form.of(rows_of(batch, 0, min(tile, task.n))))
        return task, given

    def _brought(self, leaf: Any, given: list[Any]) -> Any:
        """A part of the batch as the task holds it; what the engine is to bring is added to `given` instead."""
        block = self.tiled.pool.computed(leaf)
        if block is leaf or is_rows(block):
            return block
        given.append(block)
        return Taken(len(given) - 1, range(len(leaf)), leaf.shape[1:])


class _Column:
    """One place in the chunks of a stream: it stands for the part that each chunk has there."""

    def __init__(self, stream: int, place: int, first: Any) -> None:
        self.stream, self.place, self.first = stream, place, first


def _own(nest: Any) -> Any:
    """The nest with its arrays copied, since a stream may fill the same arrays anew with the next chunk."""
    leaves, structure = leaves_of(nest)
    return structure.rebuild([leaf.copy() if isinstance(leaf, numpy.ndarray) else leaf for leaf in leaves])


def _as_rows(nest: Any) -> Any:
    """An argument that carries a batch, as arrays; it may be a list of numbers, or of lists of equal lengths."""
    if not isinstance(nest, (list, tuple)) or any(map(is_rows, leaves_of(nest)[0])):
        return nest
    try:
        return numpy.asarray(nest, dtype=float)
    except (TypeError, ValueError):
        raise TypeError(f"what carries a batch must be an array or a list of numbers, got {brief(nest)}") from None
