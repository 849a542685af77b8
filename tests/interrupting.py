"""Raises Ctrl-C at every place where it can occur, one place in each run, and checks the state afterwards.

An interrupt is raised before every line of the package and of the run itself, and wherever Python checks for signals in
them: where a function begins, after a call, at a jump backwards; also in the functions of `contextlib` and NumPy's
`errstate` that these call. A `with` block is not interrupted between its last instruction and its `__exit__`, where no
signal is handled.
"""

import contextlib
import dis
import gc
import os
import sys
import threading
import warnings
from collections.abc import Callable, Sequence
from itertools import takewhile
from pathlib import Path
from typing import Any

import numpy
from numpy._core import _ufunc_config as numpy_errors

import autograd_mini
from autograd_mini.compiler import differentiable
from autograd_mini.compiler.code import engine
from autograd_mini.observing import Scope

PATIENCE = 60.0
ATTEMPTS = 4
PACKAGE = str(Path(autograd_mini.__file__).parent) + os.sep
OTHERS = {contextlib.__file__, numpy_errors.__file__}
LOOKS = ("RESUME", "CALL", "JUMP_BACKWARD", "POP_JUMP_BACKWARD", "POP_JUMP_IF", "SEND")
"""How the instructions begin that look for signals; those of the interpreter's own functions do not."""


class _Tracer:
    """Counts the places of each call of a function, or raises at one of them, given by number of call and place."""

    def __init__(self, file: str, within: Sequence[str], at: tuple[int, int] | None = None) -> None:
        self.file, self.within, self.at = file, tuple(PACKAGE + name for name in within), at
        self.counts: list[int] = []
        self.place = ""
        self._is_ours: dict[str, bool] = {}

    def __call__(self, frame: Any, event: str, arg: Any) -> Any:
        file = frame.f_code.co_filename
        if file in OTHERS and frame.f_back is not None:
            file = frame.f_back.f_code.co_filename
        if file not in self._is_ours:
            is_own = file == self.file and self.within == (PACKAGE,)
            self._is_ours[file] = is_own or file.startswith(self.within)
        if not self._is_ours[file]:
            return None
        number = len(self.counts)
        self.counts.append(0)
        frame.f_trace_opcodes = True  # where calls pass, too: one without ends it for its code, in 3.13
        if self.at is not None and self.at[0] != number:
            return None
        looking, exits = _analysed(frame.f_code)
        last = seen = line = -1

        def local(frame: Any, event: str, arg: Any) -> Any:
            nonlocal last, seen, line
            here = frame.f_lasti
            # a line that comes again was jumped to, where from 3.12 on no handler gets what a tracer raises: its
            # instruction comes next
            is_new, line = frame.f_lineno != line, frame.f_lineno
            has_looked = event == "opcode" and last in looking and seen != here
            if has_looked or (event == "line" and is_new):
                seen = here
                if here not in exits:
                    self._pass(frame, number)
            if event == "opcode":
                last, seen = here, -1
            return local

        return local

    def _pass(self, frame: Any, number: int) -> None:
        if self.at == (number, self.counts[number]):
            self.place = f"{frame.f_code.co_filename}, line {frame.f_lineno}, in {frame.f_code.co_name}"
            raise KeyboardInterrupt
        self.counts[number] += 1


_known: dict[Any, tuple[set[int], set[int]]] = {}


def _analysed(code: Any) -> tuple[set[int], set[int]]:
    """The instructions that look for signals, and those that leave a `with` block: three times None for its
    `__exit__`, under a result perhaps."""
    if code not in _known:
        found = [each for each in dis.get_instructions(code) if each.opname not in ("CACHE", "EXTENDED_ARG")]
        exits = set()
        for index in range(len(found) - 2):
            if all(each.opname == "LOAD_CONST" and each.argval is None for each in found[index : index + 3]):
                under = takewhile(lambda each: each.opname in ("SWAP", "NOP"), reversed(found[:index]))
                exits |= {found[index].offset, *[each.offset for each in under]}
        looking = [each for each in found if each.opname.startswith(LOOKS) and "INTRINSIC" not in each.opname]
        _known[code] = {each.offset for each in looking}, exits
    return _known[code]


def _run(run: Callable[[], Any], tracer: _Tracer) -> BaseException | None:
    """Run with an interrupt and return it; no frame in its traceback refers to it, so it is freed when dropped."""
    before = sys.gettrace()
    sys.settrace(tracer)
    try:
        run()
    except KeyboardInterrupt as raised:
        return raised
    finally:
        sys.settrace(before)
    return None


def interrupt_everywhere(
    make: Callable[[], Any],
    run: Callable[[Any], Any],
    check: Callable[[Any], None],
    *,
    most: int = 300,
    within: Sequence[str] = ("",),
) -> int:
    """Interrupt runs at every place, one each, or at `most` of the places, evenly spaced.

    Args:
        make: makes what a run works on.
        run: called with that, and interrupted.
        check: called with that after each interrupt, in another thread and while the error is still held, as an
            interactive session holds it; raises where something is not as it should be.
        most: so many places at the most; 50 times that in a long hunt.
        within: only in files of the package whose paths begin so; all of them and the run itself by default.

    Returns:
        How many runs were interrupted.

    Raises:
        AssertionError: a run was not interrupted, or left something behind; it says where the interrupt came.
    """
    if os.environ.get("HYPOTHESIS_PROFILE") == "long":  # a hunt
        most *= 50
    subject = make()
    run(subject)  # what is made once and kept
    check(subject)
    file = run.__code__.co_filename
    counts = _counted(make, run, within)
    places = [(call, place) for call, count in enumerate(counts) for place in range(count)]
    chosen = places if len(places) <= most else [places[len(places) * index // most] for index in range(most)]
    interrupted = 0
    for at in chosen:
        subject = make()
        before = state()
        for _ in range(ATTEMPTS):
            tracer = _Tracer(file, within, at)
            error = _run(_of(run, subject), tracer)
            if tracer.place:
                break
            subject = make()  # this run was shorter: fewer things had to be made anew, or the collector did not call
        else:
            continue
        interrupted += 1
        try:
            after = state()
            changed = {name: (before[name], after[name]) for name in before if before[name] != after[name]}
            assert not changed, f"it left something behind: {changed}"
            _elsewhere(check, subject)
        except BaseException as found:
            found.add_note(f"after an interrupt at {tracer.place} (place {at} among {len(places)})")
            raise
        del error
    assert interrupted > 0.9 * len(chosen)
    return interrupted


def _counted(make: Callable[[], Any], run: Callable[[Any], Any], within: Sequence[str]) -> list[int]:
    """The places of each call of a run, as two runs in a row have them: what the collector frees calls functions of the
    package, too, which shifts the calls after it."""
    gc.collect()
    counts: list[int] = []
    for _ in range(ATTEMPTS):
        counting = _Tracer(run.__code__.co_filename, within)
        _run(_of(run, make()), counting)
        if counting.counts == counts:
            break
        counts = counting.counts
    return counts


def _of(run: Callable[[Any], Any], subject: Any) -> Callable[[], Any]:
    def call() -> Any:
        return run(subject)

    call.__code__ = call.__code__.replace(co_filename=run.__code__.co_filename)
    return call


def _elsewhere(check: Callable[[Any], None], subject: Any) -> None:
    """Run the check in another thread, which a lock that was left behind would block for ever."""
    errors: list[BaseException] = []

    def work() -> None:
        try:
            check(subject)
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(PATIENCE)
    assert not thread.is_alive(), "it left something locked"
    if errors:
        raise errors[0]


def state() -> dict[str, Any]:
    """The state of the process that must be the same before and after any call."""
    return {
        "open scopes": {kind.__name__: (len(kind.opened), kind.here()) for kind in Scope.__subclasses__()},
        "collector": gc.isenabled(),
        "NumPy's errors": numpy.geterr(),
        "filters of warnings": list(warnings.filters),
        "locks": [differentiable._accumulating.locked(), engine._lock.locked()],
        "open files": _listed("/proc/self/fd"),
        "children": _children(),
    }


def _listed(folder: str) -> int:
    return len(os.listdir(folder)) if os.path.isdir(folder) else 0


def _children() -> list[str]:
    files = Path("/proc/self/task").glob("*/children") if os.path.isdir("/proc/self/task") else []
    found = []
    for file in files:
        with contextlib.suppress(OSError):  # a thread that ended meanwhile
            found += file.read_text().split()
    return found
