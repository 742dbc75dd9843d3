"""What an executor and its thread share: the native pool, what is pending, and how it is to end."""

from __future__ import annotations

import contextlib
import json
import os
import pickle
import select
import signal
import sys
import threading
import weakref
from collections import deque
from concurrent.futures import CancelledError
from concurrent.futures.process import BrokenProcessPool
from typing import TYPE_CHECKING, Any

from . import _errors, _native, _sight

if TYPE_CHECKING:
    from ._future import Future
    from ._native import Pool

_loads = pickle.loads
_live: weakref.WeakSet[State] = weakref.WeakSet()
_exiting = False

_ABRUPTLY = "A process in the process pool was terminated abruptly while the future was running or pending."
#: Seconds without news after which memory goes back that is kept for the next arrays. New memory is several
#: times as slow to fill as memory that was used before.
_KEPT_SECONDS = 30.0
#: Lines of each worker's stderr that are kept for a report of its death.
_KEPT_LINES = 60


class Process:
    """A worker, as the standard library's executor shows its processes."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._pidfd: int | None = None
        with contextlib.suppress(OSError):
            self._pidfd = os.pidfd_open(pid)

    def __del__(self) -> None:
        if self._pidfd is not None:
            os.close(self._pidfd)

    def __repr__(self) -> str:
        return f"<Process pid={self.pid} {'running' if self.is_alive() else 'ended'}>"

    def is_alive(self) -> bool:
        """Whether it runs."""
        return self._pidfd is not None and not select.select([self._pidfd], [], [], 0)[0]

    def join(self, timeout: float | None = None) -> None:
        """Wait for its end."""
        if self._pidfd is not None:
            select.select([self._pidfd], [], [], timeout)

    def terminate(self) -> None:
        """Ask it to end."""
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it."""
        self._signal(signal.SIGKILL)

    def _signal(self, number: int) -> None:
        if self._pidfd is not None:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._pidfd, number)


class State:
    """The part of an executor that its thread needs. It does not keep the executor alive."""

    def __init__(self, on_death: str, told: _sight.Told | None) -> None:
        self.lock = threading.Lock()
        self.native: Pool | None = None
        self.thread: threading.Thread | None = None
        self.pending: set[Future[Any]] = set()
        self.shutting_down = False
        #: Whether what has not begun is given up.
        self.cancelling = False
        self.ending = False
        #: Whether nobody takes results any more.
        self.over = False
        self.sent_buffers = False
        self.broken: str | None = None
        self.on_death = on_death
        self.told = told
        self.ready = threading.Event()
        self.processes: dict[int, Process] = {}
        self.lines: dict[int, deque[str]] = {}
        _live.add(self)

    def request_shutdown(self) -> None:
        """End the pool once nothing is pending."""
        self.shutting_down = True
        if not self.pending:
            self.end(drain=True)

    def end(self, drain: bool) -> None:
        """End the pool."""
        if self.native is not None and not (self.ending and drain):
            self.ending = True
            self.native.begin_shutdown(drain)

    def break_(self, why: str) -> None:
        """Fail everything, now and from now on."""
        if self.broken is None:
            self.broken = why
        self.end(drain=False)

    def serve(self) -> None:
        """The life of the thread: gives results to futures, and what workers print and log to the parent."""
        assert self.native is not None
        take = self.native.take
        pending = self.pending
        while (batch := take(_KEPT_SECONDS if self.sent_buffers else 3600.0)) is not None:
            if not batch and not pending:
                # Nothing has happened for a while: memory that is kept for later goes back.
                self.sent_buffers = False
                _native.clear_blocks()
            for future, kind, payload, buffers in batch:
                try:
                    if future is None:
                        self._news(kind, payload, buffers)
                        continue
                    if kind == "value":
                        value = _loads(payload) if buffers is None else _loads(payload, buffers=buffers)
                        future._finish(value, None)
                    else:
                        self._failed(future, kind, payload)
                except BaseException as error:
                    if future is None:
                        continue
                    future._finish(None, _unpickled(error))
                pending.discard(future)
                if future._held is not None:
                    future._held = None
            # What was given must not live until the next batch comes.
            future = payload = buffers = value = batch = None
            if self.shutting_down and not pending:
                self.end(drain=True)
        self._ended()

    def _failed(self, future: Future[Any], kind: str, payload: Any) -> None:
        if kind == "raised":
            error = _loads(payload)
        else:
            error = self._reason(*payload)
            if error is None:
                future.cancel()
                return
        future._finish(None, error)

    def _reason(self, kind: str, message: str, death: dict[str, Any] | None) -> BaseException | None:
        if kind == "cancelled":
            return None
        if self.broken is not None:
            return BrokenProcessPool(self.broken)
        if kind == "timed out":
            return _errors.TaskTimeout(message)
        if kind == "died":
            lines = list(self.lines.get(death["pid"], ())) if death is not None else []
            if self.on_death == "break":
                self.break_(_ABRUPTLY)
                return BrokenProcessPool(self.broken)
            return _errors.worker_died(message, death, lines)
        if kind == "pool":
            self.broken = self.broken or _broken_by(message)
            return BrokenProcessPool(self.broken)
        if kind == "shut down":
            return CancelledError() if _exiting else RuntimeError("the executor was shut down")
        if kind == "lost":
            return _errors.ResultUnpicklingError(message)
        return RuntimeError(message)

    def _news(self, kind: str, name: Any, rest: Any) -> None:
        if kind == "line":
            pid, line = rest
            self.lines.setdefault(pid, deque(maxlen=_KEPT_LINES)).append(line)
            _sight.print_line(line)
        elif kind == "printed":
            _sight.print_out(rest + "\n")
        elif kind == "note":
            pid, call, about, text = rest
            if about == "out":
                _sight.print_out(text)
            elif about == "log":
                _sight.handle_log(text)
            elif about == "progress":
                self._progressed(name, call, json.loads(text))
        elif kind == "worker":
            pid, ending = rest
            if ending is None:
                self.processes[pid] = Process(pid)
                self.ready.set()
            else:
                self._worker_ended(pid)
                if self.on_death == "break" and not self.ending and ending != "exited with code 0":
                    self.break_(_ABRUPTLY)
        elif kind == "state" and name == "pool":
            self.broken = self.broken or _broken_by(rest)

    def _worker_ended(self, pid: int) -> None:
        self.processes.pop(pid, None)
        # Its last lines are for the report of its death, which comes at about the same time.
        while len(self.lines) > 256:
            self.lines.pop(next(iter(self.lines)))

    def _progressed(self, worker: str, call: int | None, news: list[Any]) -> None:
        done, total, desc = news
        for future in tuple(self.pending):
            if future._call == call and not future.done():
                future._progress = (done, total)
        if self.told is not None:
            self.told(worker, done, total, desc)

    def _ended(self) -> None:
        self.ready.set()
        with self.lock:
            # Who submits has put a future among these, or finds that the pool is gone.
            self.over = True
            left = tuple(self.pending)
            self.pending.clear()
        for future in left:
            # What was submitted as the pool ended: it answers every call that reaches it before.
            future._finish(None, BrokenProcessPool(self.broken or "the pool has ended"))
            future._held = None
        self.processes.clear()
        _native.clear_blocks()


def _broken_by(message: str) -> str:
    if "initializer failed" in message:
        return (
            "A process in the process pool was terminated abruptly, since its initializer failed: " + message
        )
    return message


def _unpickled(error: BaseException) -> BaseException:
    failed = _errors.ResultUnpicklingError(f"a result cannot be unpickled: {error!r}")
    failed.__cause__ = error
    return failed


def _at_exit() -> None:
    """As the standard library: what was submitted is done before the interpreter ends."""
    global _exiting
    _exiting = True
    states = list(_live)
    for state in states:
        with state.lock:
            state.request_shutdown()
    for state in states:
        if state.thread is not None:
            state.thread.join()


def _in_child() -> None:
    """A child that the program forks has none of our threads."""
    for state in list(_live):
        state.lock = threading.Lock()
        state.thread = None
        # Nothing is said to the pool, which is another process's.
        state.shutting_down = state.ending = True
        state.broken = "the executor belongs to the process that this one was forked from"
    _live.clear()


threading._register_atexit(_at_exit)  # type: ignore[attr-defined]
os.register_at_fork(after_in_child=_in_child)


def is_exiting() -> bool:
    """Whether the interpreter is about to end."""
    return _exiting or sys.is_finalizing()
