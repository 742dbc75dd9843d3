"""The executor."""

from __future__ import annotations

import json
import multiprocessing
import os
import threading
import time
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor
from concurrent.futures.process import BrokenProcessPool
from typing import Any, ParamSpec, TypeVar, cast

from . import _map, _native, _settings, _sight, _start
from ._future import Future
from ._pickle import dumps_call
from ._state import Process, State, is_exiting

P = ParamSpec("P")
T = TypeVar("T")


class ProcessPoolExecutor(Executor):
    """An executor whose tasks run in supervised processes.

    The arguments up to ``max_tasks_per_child`` are those of ``concurrent.futures.ProcessPoolExecutor``.

    preload: modules that the fork server imports once, for start method forkserver.
    timeout: seconds that a task may run before it is ended as one that is cancelled.
    cancel_grace: seconds that a task has to end after ``TaskCancelled`` was raised in it; its worker is ended
        then, by SIGTERM, and after ``grace`` seconds by SIGKILL. With 0, nothing is raised.
    retries: how often a task is run again whose worker died.
    max_memory_per_child: resident bytes (or "2 GiB") above which a worker is replaced after a task.
    inner_max_num_threads: threads of numerical libraries in each worker.
    log_level: forward the workers' log records from this level on.
    stdout: "forward" sends what workers print to ``sys.stdout`` here, "inherit" leaves them its descriptor.
    on_death: "task" fails the task whose worker died, "break" the whole executor as the standard library.
    spare: ready workers that are kept to take the place of one that ends.
    idle_timeout: seconds after which an idle worker leaves.
    progress: called with worker, done, total and description by ``handoff_pool.progress`` in tasks.
    """

    def __init__(
        self,
        max_workers: int | None = None,
        mp_context: Any = None,
        initializer: Callable[..., Any] | None = None,
        initargs: tuple[Any, ...] = (),
        *,
        max_tasks_per_child: int | None = None,
        start_method: str | None = None,
        preload: Sequence[str] = (),
        timeout: float | None = None,
        retries: int = 0,
        max_memory_per_child: int | str | None = None,
        spare: int = 0,
        idle_timeout: float | None = None,
        inner_max_num_threads: int | None = None,
        log_level: int | str | None = None,
        stdout: str | None = None,
        on_death: str | None = None,
        progress: _sight.Told | None = None,
        start_timeout: float = 600.0,
        grace: float = 1.0,
        cancel_grace: float = 0.5,
        trace: bool = False,
    ) -> None:
        self._max_workers = _settings.checked_workers(max_workers)
        if initializer is not None and not callable(initializer):
            raise TypeError("initializer must be a callable")
        if max_tasks_per_child is not None and start_method is None:
            start_method = "spawn"
        method = _settings.method_of(mp_context, start_method)
        _settings.check_tasks(max_tasks_per_child, method if mp_context is not None else None)
        if spare < 0:
            raise ValueError("spare must not be negative")
        if idle_timeout is not None and idle_timeout < 0:
            raise ValueError("idle_timeout must not be negative")
        on_death = on_death or self._on_death
        if on_death not in ("task", "break"):
            raise ValueError('on_death is "task" or "break"')
        self._mp_context = mp_context or multiprocessing.get_context(method)
        self._method = method
        self._terms: tuple[float | None, int | None] = (None, None)
        self._state = State(on_death, progress)
        self._initializer, self._initargs = initializer, initargs
        prepare = _start.prepared(main=mp_context is not None)
        self._by_name = mp_context is not None and (method == "fork" or _start.imports_main(prepare))
        self._settings: dict[str, Any] = {
            "workers": self._max_workers,
            # As the standard library: copies of this process at once, others while tasks wait.
            "min_workers": self._max_workers if method == "fork" and idle_timeout is None else 0,
            "spare": spare,
            "idle_timeout": idle_timeout,
            "retries": retries,
            "timeout": timeout,
            "start_timeout": start_timeout,
            "grace": grace,
            "cancel_grace": cancel_grace,
            "recycle_after": max_tasks_per_child,
            "recycle_above": _settings.bytes_of(max_memory_per_child),
            "traces": trace,
            # What is printed past Python, by libraries and by programs that tasks start.
            "capture_stdout": _settings.forwards(stdout),
            "running": None,
        }
        self._setup: dict[str, Any] = {
            "method": method,
            "by_name": self._by_name,
            "workers": self._max_workers,
            "prepare": None if method == "fork" else prepare,
            "forward": _settings.forwards(stdout),
            "log_level": _settings.level_of(log_level, mp_context),
            "initializer": (None, ()),
        }
        self._config = {
            "environment": _start.environment(
                inner_max_num_threads, self._max_workers, method == "forkserver"
            ),
            "force": inner_max_num_threads is not None,
            "preload": list(preload),
            "main": {},
            "sys_path": prepare["sys_path"],
        }
        if method == "forkserver" and self._by_name:
            self._config["main"] = {
                name: value for name, value in prepare.items() if name.startswith("init_main")
            }
        if method == "fork":
            # Workers are copies of this process, made now.
            self._settings["running"] = _start.snapshot({"initializer": (initializer, initargs)})
        weakref.finalize(self, State.request_shutdown, self._state).atexit = False

    _on_death = "task"

    # ---------------------------------------------------------------- starting

    def _start(self) -> _native.Pool:
        """Start the pool. Its state's lock is held."""
        state = self._state
        setup = dict(self._setup)
        if self._method == "fork":
            self._settings["program"], self._settings["args"] = "", []
        else:
            if self._initializer is not None:
                pair = (self._initializer, self._initargs)
                setup["initializer"] = _start.pickled_initializer(pair, self._by_name)
            self._settings["program"], self._settings["args"] = _start.program(self._config)
        self._settings["setup"], self._kept = _start.packed(setup)
        self._settings["method"] = self._method
        state.native = _native.Pool(self._settings)
        state.thread = threading.Thread(target=state.serve, name="handoff results", daemon=False)
        state.thread.start()
        return state.native

    # ---------------------------------------------------------------- submitting

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Submit a call. What cannot be pickled is the future's exception."""
        return self._submit(fn, args, kwargs, self._terms)

    def _submit(
        self, fn: Callable[..., T], args: tuple[Any, ...], kwargs: dict[str, Any],
        terms: tuple[float | None, int | None],
    ) -> Future[T]:  # fmt: skip
        state = self._state
        future: Future[T] = Future()
        with state.lock:
            if state.broken is not None:
                raise BrokenProcessPool(state.broken)
            if state.shutting_down:
                if is_exiting():
                    raise RuntimeError("cannot schedule new futures after interpreter shutdown")
                raise RuntimeError("cannot schedule new futures after shutdown")
            if state.over:
                raise BrokenProcessPool("the pool has ended")
            native = state.native or self._start()
            state.pending.add(future)
        try:
            data, buffers, held = dumps_call(fn, args, kwargs, self._by_name)
            if buffers is not None:
                state.sent_buffers = True
            if held is not None:
                future._held = held
            if state.on_death == "break":
                future._strict = True
            future._call = native.submit(data, buffers, future, *terms)
            future._pool = native
            if state.cancelling:
                # Who ended the executor meanwhile could not cancel it.
                native.cancel(future._call, queued=True)
        except BaseException as error:
            state.pending.discard(future)
            if not isinstance(error, Exception):
                raise
            future._finish(None, error)
            if state.shutting_down and not state.pending:
                state.end(drain=True)
        return future

    def map(
        self,
        fn: Callable[..., T],
        *iterables: Iterable[Any],
        timeout: float | None = None,
        chunksize: int | None = None,
        buffersize: int | None = None,
        ordered: bool = True,
    ) -> Iterator[T]:
        """Call ``fn`` for each item, or each tuple of items, and give the results in order.

        chunksize: calls that are sent at once; chosen by itself where it is left out.
        buffersize: how many calls may be submitted ahead of the results that were taken.
        ordered: with False, results come in the order in which they are there.
        """
        return _map.map_(self, fn, iterables, timeout, chunksize, buffersize, ordered)

    async def run(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Submit a call and await its result. Cancelling the await gives the task up."""
        import asyncio

        return await asyncio.wrap_future(self.submit(fn, *args, **kwargs))

    def options(self, *, timeout: float | None = None, retries: int | None = None) -> Executor:
        """The same executor, with other terms for what is submitted through it."""
        return _Options(self, (timeout, retries))

    # ---------------------------------------------------------------- ending

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more tasks; end the workers once those that were submitted are done."""
        state = self._state
        with state.lock:
            state.shutting_down = True
            if cancel_futures:
                state.cancelling = True
                for future in tuple(state.pending):
                    if future._pool is not None:
                        future._pool.cancel(future._call, queued=True)
            if state.native is None:
                self._end_unused()
            state.request_shutdown()
        if wait:
            self._join()

    def _end_unused(self) -> None:
        running, self._settings["running"] = self._settings["running"], None
        if running is not None:
            pid, fd = cast("tuple[int, int]", running)
            os.close(fd)
            os.waitpid(pid, 0)

    def _join(self) -> None:
        thread = self._state.thread
        if thread is not None and thread is not threading.current_thread():
            thread.join()
            native = self._state.native
            while native is not None and not native.wait_ended(0.1):
                pass

    def terminate_workers(self) -> None:
        """End the workers at once; everything that is pending fails."""
        self._break("the workers were terminated")

    def kill_workers(self) -> None:
        """As :meth:`terminate_workers`."""
        self._break("the workers were killed")

    def _break(self, why: str) -> None:
        with self._state.lock:
            self._state.shutting_down = True
            if self._state.native is None:
                self._end_unused()
            self._state.break_(why)
        self._join()

    # ---------------------------------------------------------------- looking

    def stats(self) -> dict[str, int]:
        """What the pool has done and is doing."""
        native = self._state.native
        return {} if native is None else native.counters()

    def trace(self, path: str | os.PathLike[str]) -> None:
        """Write what was traced (``trace=True``) as a Chrome or Perfetto trace."""
        native = self._state.native
        events: list[dict[str, Any]] = []
        begun: dict[int, tuple[int, int]] = {}
        traced, dropped = native.traced() if native is not None else ([], 0)
        for name, pid, at, what, task in traced:
            if what == "sent" and task is not None:
                begun[pid] = (task, at)
            elif what in ("done", "retried") and pid in begun:
                task, since = begun.pop(pid)
                events.append({"name": f"task {task}", "ph": "X", "pid": pid, "tid": pid,
                               "ts": since / 1000, "dur": (at - since) / 1000})  # fmt: skip
            elif what in ("ready", "ended"):
                if what == "ready":
                    events.append({"name": "process_name", "ph": "M", "pid": pid, "args": {"name": name}})
                events.append({"name": what, "ph": "i", "s": "p", "pid": pid, "tid": pid, "ts": at / 1000})
        with open(path, "w") as out:
            json.dump({"traceEvents": events, "dropped": dropped}, out)

    @property
    def _processes(self) -> dict[int, Process] | None:
        state = self._state
        if state.native is None or state.shutting_down:
            return {} if not state.shutting_down else None
        # Those that pending tasks ask for are about to be there.
        wanted = self._settings["min_workers"] or min(self._max_workers, len(state.pending))
        if wanted:
            state.ready.wait(60)
        deadline = time.monotonic() + 5
        while len(state.processes) < wanted and time.monotonic() < deadline:
            if state.broken is not None:
                break
            time.sleep(0.001)
        return state.processes

    @property
    def _broken(self) -> str | bool:
        return self._state.broken or False

    @property
    def _executor_manager_thread(self) -> threading.Thread | None:
        return None if self._state.shutting_down else self._state.thread

    @property
    def _call_queue(self) -> _NoQueue:
        return _NoQueue()

    @property
    def _shutdown_thread(self) -> bool:
        return self._state.shutting_down

    @property
    def _pending_work_items(self) -> dict[int, Future[Any]]:
        return dict(enumerate(tuple(self._state.pending)))


class _NoQueue:
    """Stands where the standard library's executor has a queue with a thread."""

    def join_thread(self) -> None:
        """There is none."""

    def close(self) -> None:
        """There is none."""


class _Options(Executor):
    """An executor with terms of its own, over the workers of another."""

    def __init__(self, executor: ProcessPoolExecutor, terms: tuple[float | None, int | None]) -> None:
        self._executor = executor
        self._terms = terms
        self._max_workers = executor._max_workers

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        return self._executor._submit(fn, args, kwargs, self._terms)

    def map(
        self,
        fn: Callable[..., T],
        *iterables: Iterable[Any],
        timeout: float | None = None,
        chunksize: int | None = None,
        buffersize: int | None = None,
        ordered: bool = True,
    ) -> Iterator[T]:
        return _map.map_(self, fn, iterables, timeout, chunksize, buffersize, ordered)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Does nothing: the workers are the executor's."""
