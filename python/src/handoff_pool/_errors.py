"""Why a task has no result."""

from __future__ import annotations

import signal as _signal
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class DeathReport:
    """How a worker died, as far as is known."""

    worker: str
    pid: int
    exit_code: int | None
    signal: int | None
    reason: str | None
    attempts: int
    peak_rss: int | None
    oom: bool
    stderr: tuple[str, ...]

    @property
    def signal_name(self) -> str | None:
        """``SIGSEGV`` and the like."""
        if self.signal is None:
            return None
        try:
            return _signal.Signals(self.signal).name
        except ValueError:
            return f"signal {self.signal}"


class WorkerDied(BrokenProcessPool):
    """The worker died while it ran this task. The executor goes on."""

    def __init__(self, message: str, report: DeathReport | None = None) -> None:
        super().__init__(message)
        self.report = report

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (str(self), self.report)


class TaskTimeout(TimeoutError):
    """The task took longer than its limit."""


class TaskCancelled(BaseException):
    """Raised in a task that was cancelled, or that has run for longer than it may.

    As ``KeyboardInterrupt``, it is no ``Exception``, so that a task that handles its errors does not handle
    this one. A task that goes on all the same is ended with its worker.
    """


class TaskUnpicklingError(BrokenProcessPool):
    """The worker could not unpickle the task."""


class ResultUnpicklingError(BrokenProcessPool):
    """The result, or the exception, of the task could not be unpickled."""


def worker_died(message: str, death: dict[str, Any] | None, lines: list[str]) -> WorkerDied:
    """The exception for a death, with what the worker last printed as a note."""
    report = None
    if death is not None:
        death = dict(death, stderr=tuple(lines or death["stderr"]))
        report = DeathReport(**death)
        message = message.split("; its stderr:")[0]
    error = WorkerDied(message, report)
    if report is not None and report.stderr:
        shown = "\n".join(f"  {line}" for line in report.stderr)
        error.add_note(f"last lines of stderr of {report.worker} (pid {report.pid}):\n{shown}")
    return error
