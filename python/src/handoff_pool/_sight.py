"""What workers print, log and report, on its way to the parent.

The worker's half sends notes; the parent's half hands them to ``sys.stdout``, to ``logging``, and to the
function that asked for progress.
"""

from __future__ import annotations

import contextlib
import io
import json
import logging
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Sized
from typing import Any, TypeVar

from . import _native

T = TypeVar("T")

#: Characters in one note.
_LONGEST = 3500
#: Bytes in one note.
_MOST = 16_000
#: Seconds between two notes of one progress.
_EVERY = 0.1


#: Held while text is added or sent, for threads that print. A handler of a signal may print in between.
_printing = threading.RLock()
# Another thread may hold it when this one forks.
os.register_at_fork(after_in_child=_printing._at_fork_reinit)  # type: ignore[attr-defined]


class Forwarding(io.TextIOBase):
    """A text stream of a worker, whose text the parent prints."""

    encoding = "utf-8"
    errors = "strict"

    def __init__(self, number: int) -> None:
        self._number = number
        self._waiting: list[str] = []

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._number

    def write(self, text: str) -> int:
        with _printing:
            self._waiting.append(text)
            if "\n" in text:
                self.flush()
        return len(text)

    def flush(self) -> None:
        with _printing:
            waiting, self._waiting = self._waiting, []
            text = "".join(waiting)
            for start in range(0, len(text), _LONGEST):
                _native.note("out", text[start : start + _LONGEST])


class ForwardingHandler(logging.Handler):
    """A worker's log records, as the parent's loggers take them."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            kept = dict(record.__dict__)
            kept["msg"], kept["args"] = record.getMessage(), None
            if record.exc_info:
                kept["exc_text"] = "".join(traceback.format_exception(*record.exc_info))
            kept["exc_info"] = None
            _native.note("log", _shortened(kept))
        except Exception:
            self.handleError(record)


def _shortened(kept: dict[str, Any]) -> str:
    """A record as text that fits into a note: long fields lose their middle."""
    longest = _LONGEST
    while True:
        # What is no text in UTF-8 becomes an escape, which JSON has as well.
        data = json.dumps(kept, default=str, ensure_ascii=False).encode("utf-8", "backslashreplace")
        if len(data) <= _MOST or longest < 20:
            return data.decode()
        kept = {name: _cut(value, longest) for name, value in kept.items()}
        longest //= 2


def _cut(value: Any, longest: int) -> Any:
    if value is None or isinstance(value, (bool, int, float)):
        return value
    text = value if isinstance(value, str) else str(value)
    if len(text) <= longest:
        return text
    return f"{text[: longest // 2]} … {text[-longest // 2 :]}"


def forward_logs(level: int) -> None:
    """Have the root logger of this worker send its records to the parent."""
    root = logging.getLogger()
    root.handlers[:] = [ForwardingHandler()]
    root.setLevel(level)


def handle_log(text: str) -> None:
    """In the parent: give a record to the logger that it was meant for."""
    record = logging.makeLogRecord(json.loads(text))
    logger = logging.getLogger(record.name)
    if logger.isEnabledFor(record.levelno):
        logger.handle(record)


def progress(iterable: Iterable[T], total: float | None = None, desc: str | None = None) -> Iterator[T]:
    """Iterate in a task, and let the parent know how far it is.

    The parent finds it as ``future.progress``, and ``ProcessPoolExecutor(progress=...)`` is called with it.
    """
    if total is None and isinstance(iterable, Sized):
        total = len(iterable)
    done, told = 0, time.monotonic()
    _tell(done, total, desc)
    for item in iterable:
        yield item
        done += 1
        now = time.monotonic()
        if now - told >= _EVERY:
            _tell(done, total, desc)
            told = now
    _tell(done, total, desc)


def _tell(done: float, total: float | None, desc: str | None) -> None:
    _native.note("progress", json.dumps([done, total, desc]))


def print_out(text: str) -> None:
    """In the parent: print what a worker printed."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except Exception:
        pass


def print_line(line: str) -> None:
    """In the parent: print a line of a worker's stderr."""
    with contextlib.suppress(Exception):
        sys.stderr.write(line + "\n")


Told = Callable[[str, float, "float | None", "str | None"], Any]
