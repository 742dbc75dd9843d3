"""How workers are started: the program, what is sent to them first, and snapshots of this process."""

from __future__ import annotations

import contextlib
import io
import json
import os
import pickle
import socket
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable, Sequence
from multiprocessing import context as mp_context_module
from multiprocessing import process, spawn, util
from typing import Any

from . import _native

_PACKAGES = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
#: Variables that bound the threads of numerical libraries.
THREADS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "NUMBA_NUM_THREADS",
)
_CODE = (
    "import sys\n"
    "try:\n"
    " from handoff_pool._worker import main\n"
    "except ImportError:\n"
    " sys.path.insert(0, {packages!r})\n"
    " from handoff_pool._worker import main\n"
    "main()"
)
#: What is longer is not sent with the set-up of a worker.
_LONGEST_SETUP = 256 * 1024


class _Popen:
    """Stands in for what ``multiprocessing`` is starting while arguments of an initializer are pickled."""

    def duplicate_for_child(self, fd: int) -> int:
        return fd

    @staticmethod
    def DupFd(fd: int) -> Descriptor:
        return Descriptor(os.getpid(), fd, os.get_blocking(fd))


class Descriptor:
    """A pipe of the parent's, opened again by a worker."""

    def __init__(self, pid: int, fd: int, blocking: bool) -> None:
        self._place = (pid, fd)
        with open(f"/proc/self/fdinfo/{fd}") as info:
            flags = next(line for line in info if line.startswith("flags:"))
        self._mode = int(flags.split()[1], 8) & os.O_ACCMODE
        self._blocking = blocking

    def detach(self) -> int:
        pid, fd = self._place
        opened = os.open(f"/proc/{pid}/fd/{fd}", self._mode | os.O_CLOEXEC)
        os.set_blocking(opened, self._blocking)
        return opened


def pickled_initializer(pair: tuple[Any, Any], by_name: bool) -> bytes:
    """Pickle an initializer with its arguments, among which may be locks and queues."""
    from ._pickle import Pickler

    mp_context_module.set_spawning_popen(_Popen())  # type: ignore[arg-type]
    try:
        file = io.BytesIO()
        Pickler(file, by_name, outside=False).dump(pair)
        return file.getvalue()
    finally:
        mp_context_module.set_spawning_popen(None)


def prepared(main: bool) -> dict[str, Any]:
    """What a worker takes over from this process, as ``multiprocessing`` has it."""
    data = spawn.get_preparation_data("handoff")
    data["authkey"] = bytes(data["authkey"])
    if not main:
        data.pop("init_main_from_name", None)
        data.pop("init_main_from_path", None)
    return data


def imports_main(data: dict[str, Any]) -> bool:
    """Whether workers find ``__main__``: it is a file or a module."""
    path = data.get("init_main_from_path")
    return "init_main_from_name" in data or (path is not None and os.path.exists(path))


def environment(threads: int | None, workers: int, forkserver: bool) -> dict[str, str]:
    """Bounds for the threads of numerical libraries, for variables that are not set."""
    if threads is None:
        # A forkserver must have one thread: it is to fork.
        threads = 1 if forkserver else max(1, (os.cpu_count() or 1) // workers)
    return {name: str(threads) for name in THREADS}


def program(config: dict[str, Any]) -> tuple[str, list[str]]:
    """The program of a worker or a forkserver, and its arguments."""
    executable = spawn.get_executable()
    path = os.fsdecode(executable) if executable else sys.executable
    flags: list[str] = subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined]
    return path, [*flags, "-c", _CODE.format(packages=_PACKAGES), json.dumps(config)]


def packed(setup: dict[str, Any]) -> tuple[bytes, Any]:
    """The set-up as workers are sent it, and what has to live as long as they do."""
    data = pickle.dumps(setup, 5)
    if len(data) <= _LONGEST_SETUP:
        return data, None
    kept = _native.share(data)
    pid, fd, inode, offset, length = kept.place or (0, 0, 0, 0, 0)
    return pickle.dumps({"place": ((pid, fd, inode), offset, length)}, 5), kept


def snapshot(inherited: dict[str, Any]) -> tuple[int, int]:
    """Fork a process that will fork workers; give its id, and the descriptor of our end of its socket."""
    others = threading.active_count() - 1
    if others:
        warnings.warn(
            f"start method fork copies a process that has {others} other threads: a lock that one of them "
            "holds stays locked in the workers; use forkserver or spawn",
            DeprecationWarning,
            stacklevel=5,
        )
    ours, theirs = socket.socketpair()
    util._flush_std_streams()  # type: ignore[attr-defined]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        pid = os.fork()
    if pid == 0:
        _live_as_snapshot(ours, theirs, inherited)
    theirs.close()
    with contextlib.suppress(OSError):
        os.setpgid(pid, pid)
    return pid, ours.detach()


def _live_as_snapshot(ours: socket.socket, theirs: socket.socket, inherited: dict[str, Any]) -> None:
    code = 1
    try:
        ours.close()
        os.setpgid(0, 0)
        util._close_stdin()  # type: ignore[attr-defined]
        process._parent_process = process._ParentProcess(  # type: ignore[attr-defined]
            process.current_process().name, os.getppid(), None
        )
        # These are the parent's to join and to clean up.
        process._children.clear()  # type: ignore[attr-defined]
        util._finalizer_registry.clear()  # type: ignore[attr-defined]
        util._run_after_forkers()  # type: ignore[attr-defined]
        from . import _worker

        _worker.serve_snapshot(theirs.detach(), inherited)
        code = 0
    finally:
        os._exit(code)


Initializer = Callable[..., Any]
Names = Sequence[str]
