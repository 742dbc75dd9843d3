"""What a worker process runs."""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import os
import pickle
import signal
import sys
from concurrent.futures.process import _ExceptionWithTraceback
from typing import Any, cast

from . import _arrays, _native, _pickle, _sight

_loads = pickle.loads
_by_name = False
#: What a forked worker finds in its memory: it need not be pickled.
_inherited: dict[str, Any] | None = None
_flush: list[Any] = []
#: The task that runs was asked to end.
_told = False


def run(data: bytes, buffers: list[Any] | None) -> Any:
    """Run a call; give kind, pickle and buffers of its result, as the native module takes them."""
    global _told
    _told = False
    try:
        try:
            function, args, kwargs = _loads(data) if buffers is None else _loads(data, buffers=buffers)
        except BaseException as error:
            from ._errors import TaskUnpicklingError

            raise TaskUnpicklingError(f"a task cannot be unpickled: {error!r}") from error
        del buffers
        value = function(*args, **kwargs)
        del function, args, kwargs
        return _pickle.dumps_result(value, _by_name)
    except BaseException as error:
        return _raised(error)
    finally:
        for stream in _flush:
            stream.flush()


def _raised(error: BaseException) -> tuple[int, bytes]:
    try:
        wrapped = _ExceptionWithTraceback(error, cast(Any, error.__traceback__))
        return 1, _pickle.dumps(wrapped, _by_name)[0]
    except BaseException as failed:
        shown = RuntimeError(f"{error!r} was raised, and cannot be pickled: {failed!r}")
        return 1, pickle.dumps(_ExceptionWithTraceback(shown, cast(Any, error.__traceback__)), 5)


def _end_task(*_: Any) -> None:
    """On the signal that comes with a request to end the task that runs, which may have ended since."""
    global _told
    if not _told and _native.cancelled():
        _told = True
        from ._errors import TaskCancelled

        raise TaskCancelled("the task was cancelled, or has run for longer than it may")


class Stopped:
    """What a chunk gave before one of its calls raised."""

    def __init__(self, values: list[Any], error: BaseException) -> None:
        self.values = values
        self.error = error


def run_chunk(function: Any, items: list[Any]) -> Any:
    """Call the function for each of the items."""
    values: list[Any] = []
    try:
        for item in items:
            values.append(function(item))
    except BaseException as error:
        return Stopped(values, _ExceptionWithTraceback(error, cast(Any, error.__traceback__)))  # type: ignore[arg-type]
    return values


def run_chunk_of_tuples(function: Any, items: list[tuple[Any, ...]]) -> Any:
    """As :func:`run_chunk`, where the function takes several arguments."""
    values: list[Any] = []
    try:
        for item in items:
            values.append(function(*item))
    except BaseException as error:
        return Stopped(values, _ExceptionWithTraceback(error, cast(Any, error.__traceback__)))  # type: ignore[arg-type]
    return values


def set_up(data: bytes, name: str) -> None:
    """Make this process a worker as the executor wants it. What is raised here breaks the executor."""
    global _by_name
    from multiprocessing import process

    _arrays.in_worker = True
    if _inherited is not None:
        name = name.replace("ForkServer", "Fork")
    settings = _settings(data, name)
    _by_name = settings["by_name"]
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(_native.CANCEL_SIGNAL, _end_task)
    process.current_process().name = name
    process.current_process()._config = dict(process.current_process()._config, daemon=False)  # type: ignore[attr-defined]
    if settings["prepare"] is not None:
        from multiprocessing import spawn

        spawn.prepare(settings["prepare"])
    with contextlib.suppress(Exception):
        import faulthandler

        # A copy of this process has had its handlers taken away.
        faulthandler.disable()
        faulthandler.enable(file=2)
    _native.divide_blocks(settings["workers"])
    _write_to_stderr()
    if settings["forward"]:
        sys.stdout = _sight.Forwarding(1)
    _flush[:] = [sys.stdout] if sys.stdout is not None else []
    if settings["log_level"] is not None:
        _sight.forward_logs(settings["log_level"])
    initializer, initargs = settings["initializer"]
    if initializer is not None:
        try:
            initializer(*initargs)
        except BaseException:
            import logging

            logging.getLogger("concurrent.futures").critical("Exception in initializer:", exc_info=True)
            # This process will be ended: what it has put into queues must have left by then.
            before_exit()
            raise
    for stream in _flush:
        stream.flush()


def _write_to_stderr() -> None:
    """Have ``sys.stderr`` be descriptor 2, which the parent reads, also in a copy of a notebook's process."""
    try:
        if sys.stderr is not None and sys.stderr.fileno() == 2:
            return
    except Exception:
        pass
    sys.stderr = open(2, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False)  # noqa: SIM115


def _settings(data: bytes, name: str) -> dict[str, Any]:
    settings: dict[str, Any] = pickle.loads(data)
    if "place" in settings:
        source, offset, length = settings["place"]
        settings = pickle.loads(_native.view_shared(source, offset, length))
    if settings["prepare"] is not None:
        settings["prepare"]["name"] = name
    if _inherited is not None:
        settings.update(_inherited)
    elif isinstance(settings["initializer"], bytes):
        # The paths of modules come with what is prepared.
        if settings["prepare"] is not None:
            sys.path[:] = settings["prepare"].get("sys_path", sys.path)
            _import_main(settings["prepare"])
        settings["initializer"] = pickle.loads(settings["initializer"])
    return settings


def _import_main(prepare: dict[str, Any]) -> None:
    if "init_main_from_name" in prepare or "init_main_from_path" in prepare:
        from multiprocessing import spawn

        spawn.prepare(prepare)


def before_exit() -> None:
    """What a forked worker still does, since it does not end as an interpreter does."""
    with contextlib.suppress(Exception):
        import threading

        threading._shutdown()  # type: ignore[attr-defined]
    with contextlib.suppress(Exception):
        from multiprocessing import util

        util._exit_function()  # type: ignore[attr-defined]
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):
            stream.flush()


def serve_snapshot(fd: int, inherited: dict[str, Any]) -> None:
    """The life of a process forked from the executor's: it forks workers until the executor is done."""
    global _inherited
    _inherited = inherited
    _native.serve(fd, None, run, set_up, True)


def main() -> None:
    """The life of a new process: a worker, or a forkserver."""
    config = json.loads(sys.argv[1])
    role, fd, _, parent = sys.argv[2:6]
    sys.argv[:] = sys.argv[:1]
    for name, value in config["environment"].items():
        if config["force"] or name not in os.environ:
            os.environ[name] = value
    forkserver = role == "--forkserver"
    if forkserver:
        _preload(config)
    try:
        _native.serve(int(fd), int(parent), run, set_up, forkserver)
    except RuntimeError as error:
        # A pool that ends while a worker is being started closes its socket.
        if "the stream ended" not in str(error):
            print(f"worker: {error}", file=sys.stderr)
        sys.exit(1)


def _preload(config: dict[str, Any]) -> None:
    sys.path[:] = config["sys_path"]
    if config["main"]:
        from multiprocessing import process

        process.current_process()._inheriting = True  # type: ignore[attr-defined]
        try:
            _import_main(config["main"])
        finally:
            del process.current_process()._inheriting  # type: ignore[attr-defined]
    for name in config["preload"]:
        importlib.import_module(name)
    # What was printed so far is printed once, not by each worker.
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOBase):
            stream.flush()
