"""Tasks on an executor of the user's: so many at a time, in order, and again where a worker was lost."""

from __future__ import annotations

import os
import threading
import warnings
import weakref
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import (
    BrokenExecutor,
    CancelledError,
    InvalidStateError,
    ProcessPoolExecutor,
    ThreadPoolExecutor,
)
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import Any

from autograd_mini.executors.sending import HAS_MEMORY, SHORT, Memory, Packed, in_memory, opened
from autograd_mini.executors.working import Done, Failed, Missing, Task, work, work_nearby
from autograd_mini.primitives import brief

TASKS_A_WORKER = 3
"""So many are under way at a time, so that no worker waits for the next one."""
PATIENCE = 20.0
"""Seconds: a result that Dask has, and cannot bring for so long, went with its worker; so a pool may take to see that
a process died, or to end."""
SILENCE = 1.0
"""Seconds without news, after which it is seen whether a pool has broken and does not tell."""
LARGE = 2**20
"""Bytes: what is larger is put where all workers find it; Dask spreads it from worker to worker."""


class Pool:
    """Whatever has `submit` or `map`: executors of `concurrent.futures` and their like, a client of Dask.

    It is the user's, and is not shut down. Where a process of a ProcessPoolExecutor dies, which breaks it for good, a
    pool of the same kind takes its place here.

    Raises:
        TypeError: it has neither.
    """

    workers: int

    def __init__(self, executor: Any) -> None:
        self.executor: Any = executor
        self._mending = threading.Lock()
        self._silence = 0.0  # seconds, since a process has died of which nothing was heard
        self.is_dask: bool = hasattr(executor, "scheduler_info") and hasattr(executor, "scatter")
        self.is_here: bool = isinstance(executor, ThreadPoolExecutor)
        self.is_near: bool = isinstance(executor, ProcessPoolExecutor) and HAS_MEMORY
        self._spread: weakref.WeakKeyDictionary[Packed, Any] = weakref.WeakKeyDictionary()
        self._client: Any = executor if self.is_dask else getattr(executor, "_client", None)
        self._is_warned = False
        names = "_max_workers", "_processes", "num_workers"
        found = next((getattr(executor, name) for name in names if hasattr(executor, name)), None)
        self.workers = found if isinstance(found, int) and found > 0 else os.cpu_count() or 1
        if self._client is not None:
            self.workers = max(1, sum(self._client.nthreads().values()))
        if callable(getattr(executor, "submit", None)):
            self._taker: tuple[Any, Callable[..., Any]] = executor, executor.submit
        elif callable(getattr(executor, "map", None)):
            threads = ThreadPoolExecutor(self.workers)
            weakref.finalize(self, threads.shutdown, wait=False)
            self._taker = executor, lambda *call: threads.submit(lambda: next(iter(executor.map(_called, [call]))))
        else:
            raise TypeError(
                "on(…) takes an executor with submit or map, such as those of concurrent.futures or a client of Dask, "
                f"got {brief(executor)} ({type(executor).__name__})"
            )

    def submit(self, attempt: _Attempt) -> None:
        """Give a task its future.

        Raises:
            BrokenExecutor: a process has died.
        """
        attempt.executor, submit = self._taker
        task, given, attempt.memories = attempt.task, attempt.given, None
        contents = [attempt.contents.get(token) for token in task.tokens]
        if self.is_dask:
            contents = [self._once(each, self._scattered) for each in contents]
            attempt.future = submit(work, task, contents, *given, pure=False)
        elif self.is_near:
            contents = [self._once(each, in_memory) for each in contents]
            letter: Any = Packed.of((task, contents, *given))
            attempt.memories = in_memory(letter) if len(letter) > SHORT else letter, Memory()
            attempt.future = submit(work_nearby, *attempt.memories)
        else:
            attempt.future = submit(work, task, contents, *given)

    def _once(self, content: Any, send: Callable[[Packed], Any]) -> Any:
        """What stands for something large wherever it is needed."""
        if content is None or len(content) < LARGE:
            return content
        if content not in self._spread:
            self._spread[content] = send(content)
        return self._spread[content]

    def _scattered(self, content: Packed) -> Any:
        return self.executor.scatter(content, broadcast=True, hash=False)

    def outcome(self, attempt: _Attempt) -> Any:
        """What became of a task that is done.

        Raises:
            Exception: it was lost, or could not travel.
        """
        outcome = attempt.future.result(timeout=PATIENCE)
        if attempt.memories is None:
            return outcome
        if outcome is None:
            self.is_near = False  # from now on everything goes through pipes
            return Missing([])
        _, reply = attempt.memories
        return opened(outcome if isinstance(outcome, Packed) else reply.get())

    def computed(self, array: Any) -> Any:
        """An array of Dask, computed here; or its future, where Dask brings it to where it is needed."""
        return self.executor.compute(array) if self.is_dask else array.compute()

    def mend(self, error: BaseException) -> None:
        """Go on after a worker was lost."""
        self._spread.clear()
        if not (isinstance(error, BrokenExecutor) or getattr(self.executor, "_broken", False)):
            return
        if not isinstance(self.executor, ProcessPoolExecutor):
            raise RuntimeError(
                f"{type(self.executor).__name__} broke ({type(error).__name__}): a process of it died; make a new one, "
                "and call again"
            ) from error
        if self._replaced():
            warnings.warn(
                f"a process of the pool died; what it was working on is computed again, in a new pool of "
                f"{self.workers} processes, since the one given is broken for good",
                RuntimeWarning,
                stacklevel=2,
            )

    def _replaced(self) -> bool:
        """Put a new pool in the place of a broken one; whether it was broken."""
        with self._mending:
            broken = self.executor
            if not getattr(broken, "_broken", False):
                return False  # another thread has done so
            # It waits for the end of all its processes, but did not end one that started as it broke. New processes
            # would hold the pipes open for which its threads wait.
            for each in _processes(broken):
                each.kill()
            closing = threading.Thread(target=broken.shutdown, daemon=True)
            closing.start()
            closing.join(PATIENCE)
            options = {name: getattr(broken, f"_{name}") for name in ("mp_context", "initializer", "initargs")}
            self.executor = ProcessPoolExecutor(self.workers, **options)
            self._taker = self.executor, self.executor.submit
            weakref.finalize(self, self.executor.shutdown, wait=True, cancel_futures=True)
            return True

    def tell(self, attempts: Collection[_Attempt]) -> None:
        """End those that a broken pool has forgotten: Python 3.11 tells nothing of what was submitted as it broke. A
        cluster may wait for its workers for hours, and says so."""
        if self._client is not None and not self._is_warned and not self._client.nthreads():
            self._is_warned = True
            warnings.warn(
                "the cluster of Dask has no worker; this call waits until it has one", RuntimeWarning, stacklevel=2
            )
        error = BrokenProcessPool("the pool broke while this was submitted")
        if getattr(self.executor, "_broken", False):
            self.mend(error)
        elif isinstance(self.executor, ProcessPoolExecutor):
            self._wake()
        for each in attempts:
            if each.executor is not self.executor and not each.future.cancel():
                with suppress(InvalidStateError):
                    each.future.set_exception(error)

    def _wake(self) -> None:
        """End the wait of a pool for the rest of a message, part of which a process wrote that died."""
        has_dead = any(not each.is_alive() for each in _processes(self.executor))
        self._silence = self._silence + SILENCE if has_dead else 0.0
        if self._silence > 2 * PATIENCE:
            raise RuntimeError(
                "a process of the pool died, which the pool does not see; make a new one, and call again"
            )
        if self._silence > PATIENCE:
            for each in _processes(self.executor):
                each.kill()
            self.executor._result_queue._writer.close()  # the last who could write the rest


def _processes(executor: Any) -> list[Any]:
    return [*(executor._processes or {}).values()]


def _called(call: tuple[Any, ...]) -> Any:
    function, *args = call
    return function(*args)


@dataclass(eq=False)
class _Attempt:
    """A task under way: what the engine is to bring to it, what is sent along, who has it, how often it was lost."""

    task: Task
    given: list[Any]
    future: Any = None
    executor: Any = None
    memories: Any = None
    contents: dict[str, Any] = field(default_factory=dict)
    losses: int = 0


def results(
    pool: Pool, tasks: Iterator[tuple[Task, list[Any]]], contents: Mapping[str, Any], retries: int, name: str
) -> Iterator[Done]:
    """Those of all tasks, in order, each as soon as it and those before it are done.

    Args:
        tasks: with what the engine is to bring to each; taken as they are needed.
        contents: what to send where a token is not known.
        retries: how many times a task is submitted again after the worker was lost that had it.
        name: of the function.

    Raises:
        RuntimeError: one was lost more often; it says which rows.
        Exception: what the function raised; a note says where.
    """
    done: SimpleQueue[_Attempt] = SimpleQueue()
    running: set[_Attempt] = set()
    order: list[_Attempt] = []
    suspects: list[_Attempt] = []
    ready: dict[_Attempt, Done] = {}

    def submit(attempt: _Attempt) -> None:
        try:
            pool.submit(attempt)
        except (BrokenExecutor, OSError) as error:  # its pipes may be closed before it says that it is broken
            pool.mend(error)
            pool.submit(attempt)
        running.add(attempt)
        attempt.future.add_done_callback(lambda _: done.put(attempt))

    def lost(attempt: _Attempt, error: BaseException) -> None:
        attempt.losses += 1
        attempt.future.cancel()
        attempt.future = None  # whose error refers to this frame
        is_last = type(error).__name__ == "KilledWorker"  # Dask has tried again itself
        if is_last or attempt.losses > retries:
            raise RuntimeError(
                f"{attempt.task.rows()} of {name} were lost {'too often' if is_last else f'{attempt.losses} times'}, "
                "each time with a worker that died; see whether they crash it or need too much memory, of which a "
                "smaller tile=… takes less"
            ) from error
        pool.mend(error)
        if isinstance(error, BrokenExecutor):  # one of those under way broke it: to learn which, they go one by one
            suspects.append(attempt)
            for other in running:
                other.future.cancel()  # that came too late to be told
        else:
            submit(attempt)

    try:
        while True:
            while len(order) < TASKS_A_WORKER * pool.workers and not suspects and (item := next(tasks, None)):
                order.append(_Attempt(*item))
                submit(order[-1])
            if suspects and not running:
                submit(suspects.pop(0))
            if not order:
                return
            try:
                attempt = done.get(timeout=SILENCE)
            except Empty:
                pool.tell(running)
                continue
            running.remove(attempt)
            try:
                outcome = pool.outcome(attempt)
            except Exception as error:
                is_lost = isinstance(error, (BrokenExecutor, CancelledError, OSError))
                if not is_lost and type(error).__name__ != "KilledWorker":
                    error.add_note(f"This happened to {attempt.task.rows()} of {name}, on the way to a worker or back.")
                    raise
                lost(attempt, error)
                continue
            if isinstance(outcome, Missing):
                attempt.contents = {token: contents[token] for token in outcome.tokens}
                submit(attempt)
            elif isinstance(outcome, Failed):
                raised = opened(outcome.error)
                raised.add_note(f"This happened in {outcome.rows} of {name}, in a worker:\n{outcome.text}")
                raise raised
            else:
                attempt.future = attempt.memories = None
                ready[attempt] = outcome
            while order and order[0] in ready:
                yield ready.pop(order.pop(0))
    finally:
        for attempt in running:
            attempt.future.cancel()
