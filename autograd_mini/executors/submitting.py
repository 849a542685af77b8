"""Tasks submitted to the user's executor: a few at a time, in order, and again if a worker was lost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import BrokenExecutor, CancelledError
from queue import Empty, SimpleQueue
from typing import Any

from autograd_mini.executors import pools
from autograd_mini.executors.pools import Attempt, Pool
from autograd_mini.executors.sending import opened
from autograd_mini.executors.working import Done, Failed, Missing, Task

TASKS_A_WORKER = 3
"""How many tasks are under way at a time for each worker, so that none waits for its next one."""


def results(
    pool: Pool, tasks: Iterator[tuple[Task, list[Any]]], job: Any, contents: Mapping[str, Any], retries: int, name: str
) -> Iterator[Done]:
    """The results of all tasks, in order, each as soon as it and those before it are done.

    Args:
        tasks: the tasks, each with what the engine is to bring to it; taken as they are needed.
        job: what is the same in all of them; pickled, unless it stays in one process.
        contents: what to send to a worker that does not know a token.
        retries: how many times a task is submitted again after the worker that had it was lost.
        name: the name of the function, for messages.

    Raises:
        RuntimeError: a task was lost more often; the message names its rows.
        Exception: what the function raised; a note says where.
    """
    done: SimpleQueue[Attempt] = SimpleQueue()
    running: set[Attempt] = set()
    order: list[Attempt] = []
    suspects: list[Attempt] = []
    ready: dict[Attempt, Done] = {}

    def submit(attempt: Attempt) -> None:
        try:
            pool.submit(attempt, job)
        except (BrokenExecutor, OSError) as error:  # a pool's pipes may close before it says that it is broken
            pool.mend(error)
            pool.submit(attempt, job)
        running.add(attempt)
        attempt.future.add_done_callback(lambda _: done.put(attempt))

    def lost(attempt: Attempt, error: BaseException) -> None:
        attempt.losses += 1
        attempt.future.cancel()
        attempt.future = None  # its error refers to this frame
        is_last = type(error).__name__ == "KilledWorker"  # Dask has tried again itself
        if is_last or attempt.losses > retries:
            raise RuntimeError(
                f"{attempt.task.rows()} of {name} were lost {'too often' if is_last else f'{attempt.losses} times'}, "
                "each time with a worker that died; see whether they crash it or need too much memory (a smaller "
                "tile=… needs less), or whether workers cannot start"
            ) from error
        pool.mend(error)
        if isinstance(error, BrokenExecutor):  # some task under way broke it: to learn which, they go one by one
            suspects.append(attempt)
            for other in running:
                other.future.cancel()  # if it came too late to be told
        else:
            submit(attempt)

    pool.enter(name)
    try:
        while True:
            while len(order) < TASKS_A_WORKER * pool.workers and not suspects and (item := next(tasks, None)):
                order.append(Attempt(*item))
                submit(order[-1])
            if suspects and not running:
                submit(suspects.pop(0))
            if not order:
                return
            try:
                attempt = done.get(timeout=pools.SILENCE)
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
                attempt.future = attempt.held = attempt.reply = None
                ready[attempt] = outcome
            while order and order[0] in ready:
                yield ready.pop(order.pop(0))
    finally:
        for attempt in running:
            attempt.future.cancel()
        pool.leave()
