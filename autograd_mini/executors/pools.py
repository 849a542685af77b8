"""The user's executors and clusters, which run functions elsewhere, and what they do not do themselves."""

from __future__ import annotations

import os
import threading
import time
import warnings
import weakref
from collections.abc import Callable, Collection
from concurrent.futures import BrokenExecutor, Future, InvalidStateError, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from autograd_mini.executors.cutting import is_dask
from autograd_mini.executors.sending import HAS_MEMORY, SHORT, Memory, Packed, in_memory, opened
from autograd_mini.executors.working import Missing, Task, work, work_nearby
from autograd_mini.primitives import brief

PATIENCE = 20.0
"""Seconds after which a result that Dask has but cannot bring counts as lost with its worker; also how long a pool may
take to see that a process died, or to end."""
SILENCE = 1.0
"""Seconds without news, after which a pool is examined, as it may have broken without telling."""
MOMENT = 0.001
"""Seconds between two looks at something that will happen soon."""
NEAR, LARGE = 2**16, 2**19
"""Bytes above which something is put where all workers find it: in shared memory, or by Dask, which spreads it among
them. With 100,000 weights and 16 tasks a call took 33 ms without and 15 to 19 with memory, 261 without and 221 with
Dask; with 10,000 weights it took 17 without and 13 with memory, and the same either way with Dask."""


@dataclass(eq=False)
class Attempt:
    """A task under way: what the engine is to bring to it, the future and executor that have it, what must stay in
    memory meanwhile, where its result may be put, what is sent along, how often it was lost."""

    task: Task
    given: list[Any]
    future: Any = None
    executor: Any = None
    held: Any = None
    reply: Memory | None = None
    contents: dict[str, Any] = field(default_factory=dict)
    losses: int = 0


class Pool:
    """Whatever has `submit` or `map`: executors of `concurrent.futures` and their like, a client of Dask.

    It is the user's, and is not shut down. If a process of a ProcessPoolExecutor dies, which breaks it for good, a
    pool of the same kind takes its place here.

    Raises:
        TypeError: the executor has neither method.
    """

    def __init__(self, executor: Any) -> None:
        self.executor: Any = executor
        self._mending = threading.Lock()
        self._silence = 0.0  # seconds since a process died without the pool's noticing
        self.is_dask: bool = hasattr(executor, "scheduler_info") and hasattr(executor, "scatter")
        self.is_here: bool = isinstance(executor, ThreadPoolExecutor)
        self.is_near: bool = isinstance(executor, ProcessPoolExecutor) and HAS_MEMORY
        self._spread: weakref.WeakKeyDictionary[Packed, Any] = weakref.WeakKeyDictionary()
        self._client: Any = executor if self.is_dask else getattr(executor, "_client", None)
        self._is_warned = False
        self._entered = 0  # the process that entered it last
        names = "_max_workers", "_processes", "num_workers"
        found = next((getattr(executor, name) for name in names if hasattr(executor, name)), None)
        self.workers: int = found if isinstance(found, int) and found > 0 else os.cpu_count() or 1
        if self._client is not None:
            self.workers = max(1, sum(self._client.nthreads().values()))
        if isinstance(executor, type):
            raise TypeError(f"on(…) takes an executor, got the class {executor.__name__}; make an instance of it")
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

    def submit(self, attempt: Attempt, job: Any) -> None:
        """Submit a task of a job, which gives the attempt its future.

        Raises:
            BrokenExecutor: a process has died.
        """
        attempt.executor, submit = self._taker
        task, given, attempt.reply = attempt.task, attempt.given, None
        contents = [attempt.contents.get(token) for token in task.tokens]
        if self.is_dask:
            scatter = partial(self.executor.scatter, broadcast=True, hash=False)
            job, *contents = [self._once(each, scatter, LARGE) for each in (job, *contents)]
            attempt.future = submit(work, task, job, contents, *given, pure=False)
        elif self.is_near:
            job, *contents = [self._once(each, in_memory, NEAR) for each in (job, *contents)]
            letter: Any = Packed.of((task, job, contents, *given))
            letter, attempt.reply = in_memory(letter) if len(letter) > SHORT else letter, Memory()
            attempt.held = letter, job, contents
            attempt.future = submit(work_nearby, letter, attempt.reply)
        elif self.is_here and self._is_own_thread():  # there may be no other thread free
            attempt.future = Future()
            attempt.future.set_result(work(task, job, contents, *given))
        else:
            attempt.future = submit(work, task, job, contents, *given)
        if not hasattr(attempt.future, "add_done_callback"):
            raise TypeError(f"submit of {type(self.executor).__name__} must return a future like concurrent.futures'")

    def _is_own_thread(self) -> bool:
        with self.executor._shutdown_lock:  # held while a thread starts, before it is in the set
            return threading.current_thread() in self.executor._threads

    def enter(self, name: str) -> None:
        """Refuse an executor that is a forked process's copy, without its threads: a call would wait forever.

        Raises:
            RuntimeError: it is such a copy.
        """
        pool, is_copy = self.executor, False
        if isinstance(pool, ProcessPoolExecutor):
            is_copy = any(each._parent_pid != os.getpid() for each in _processes(pool))
        elif self.is_here and self._entered != os.getpid() and not pool._shutdown:
            is_copy = not all(each.is_alive() for each in pool._threads)
        if is_copy:
            raise RuntimeError(
                f"the executor of {name} belongs to the process that this one was forked from; make one here, or call "
                "the function itself"
            )
        self._entered = os.getpid()

    def _once(self, content: Any, send: Callable[[Packed], Any], least: int) -> Any:
        """What stands for `content` wherever it is needed: itself or, if it is large, what `send` returns, once."""
        if content is None or len(content) < least:
            return content
        if content not in self._spread:
            self._spread[content] = send(content)
        return self._spread[content]

    def outcome(self, attempt: Attempt) -> Any:
        """The outcome of an attempt whose future is done.

        Raises:
            Exception: the task was lost, or could not travel.
        """
        outcome = attempt.future.result(timeout=PATIENCE)
        if attempt.reply is None:
            return outcome
        if outcome is None:
            self.is_near = False  # from now on everything goes through pipes
            return Missing([])
        return opened(outcome if isinstance(outcome, Packed) else attempt.reply.get())

    def computed(self, array: Any) -> Any:
        """The numbers of a Dask array, or their future if Dask can bring them to where they are needed; any other array
        as it is."""
        if not is_dask(array):
            return array
        return self.executor.compute(array) if self.is_dask else array.compute()

    def mend(self, error: BaseException) -> None:
        """Go on after a worker was lost, with a new pool if it broke; RuntimeError if only the caller can make one."""
        self._spread.clear()
        if not (isinstance(error, BrokenExecutor) or getattr(self.executor, "_broken", False)):
            return
        if not isinstance(self.executor, ProcessPoolExecutor):
            kind, reason = type(self.executor).__name__, str(error) or type(error).__name__
            raise RuntimeError(f"{kind} broke ({reason}); make a new one, and call again") from error
        if self._replaced():
            warnings.warn(
                f"a process of the pool died; what it was working on is computed again, in a new pool of "
                f"{self.workers} processes, since the one given is broken for good",
                RuntimeWarning,
                stacklevel=2,
            )

    def _replaced(self) -> bool:
        """Put a new pool in the place of a broken one; returns whether it was broken."""
        with self._mending:
            broken = self.executor
            if not getattr(broken, "_broken", False):
                return False  # another thread has done so
            # The pool waits for all its processes to end, but did not end one that started as it broke. Processes
            # started meanwhile would keep open the pipes for which its threads wait.
            for each in _processes(broken):
                each.kill()
            closing = threading.Thread(target=broken.shutdown, daemon=True)
            closing.start()
            closing.join(PATIENCE)
            options = {name: getattr(broken, f"_{name}") for name in ("mp_context", "initializer", "initargs")}
            self.executor = ProcessPoolExecutor(self.workers, **options)
            self._taker = self.executor, self.executor.submit
            weakref.finalize(self, _shut_down, self.executor)
            return True

    def tell(self, attempts: Collection[Attempt]) -> None:
        """Fail the attempts that a broken pool has forgotten: Python 3.11 reports nothing of a task submitted as it
        broke. Warn of a cluster without workers, which may wait for them for hours."""
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

    def leave(self) -> None:
        """Wait until a pool knows of its dead processes. If it is shut down before, it waits forever for others that
        wait for what a dead one was holding."""
        pool, patience = self.executor, PATIENCE
        while isinstance(pool, ProcessPoolExecutor) and patience > 0.0:
            if pool._broken or pool._shutdown_thread or all(each.is_alive() for each in _processes(pool)):
                return
            if patience == PATIENCE:
                _rouse(pool)
            time.sleep(MOMENT)
            patience -= MOMENT

    def _wake(self) -> None:
        """Make a pool look for dead processes, and end its wait for the rest of a message that one of them began."""
        has_dead = any(not each.is_alive() for each in _processes(self.executor))
        self._silence = self._silence + SILENCE if has_dead else 0.0
        if has_dead:
            _rouse(self.executor)
        if self._silence > 2 * PATIENCE:
            raise RuntimeError(
                "a process of the pool died without the pool's noticing; make a new pool, and call again"
            )
        if self._silence > PATIENCE:
            for each in _processes(self.executor):
                each.kill()
            self.executor._result_queue._writer.close()  # the last that could write the rest


def _rouse(pool: Any) -> None:
    """Make a pool look at its processes: until it hears something, it does not look at the one it started last."""
    with pool._shutdown_lock:
        if pool._executor_manager_thread_wakeup is not None:
            pool._executor_manager_thread_wakeup.wakeup()


def _shut_down(pool: Any) -> None:
    """Shut a pool down; its last reference may be dropped in its own thread, which cannot wait for itself."""
    pool.shutdown(wait=threading.current_thread() is not pool._executor_manager_thread, cancel_futures=True)


def _processes(executor: Any) -> list[Any]:
    return [*(executor._processes or {}).values()]


def _called(call: tuple[Any, ...]) -> Any:
    function, *args = call
    return function(*args)
