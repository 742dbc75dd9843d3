"""joblib's work, and so scikit-learn's, on this executor's workers.

>>> import handoff_pool.joblib, joblib
>>> handoff_pool.joblib.register()
>>> with joblib.parallel_config("handoff"):
...     joblib.Parallel(2)(joblib.delayed(abs)(i) for i in (-1, -2))
[1, 2]
"""

from __future__ import annotations

import copy
import os
import threading
from collections.abc import Callable
from typing import Any

from joblib import register_parallel_backend
from joblib._parallel_backends import AutoBatchingMixin, ParallelBackendBase
from joblib.parallel import BACKENDS

from ._executor import ProcessPoolExecutor
from ._start import THREADS

#: Arguments of the executor that a call of joblib may give.
_OPTIONS = ("start_method", "timeout", "retries", "preload", "initializer", "initargs")


class _Shared:
    """An executor that calls of joblib have in common."""

    def __init__(self, asked: Any, executor: ProcessPoolExecutor) -> None:
        self.asked = asked
        self.executor = executor
        #: Calls that use it now.
        self.users = 0

    def fits(self, asked: Any) -> bool:
        """Whether a call that asks for this can use it."""
        return self.asked == asked and not self.executor._broken and not self.executor._shutdown_thread


#: Decides who uses which executor. A generator of results that is collected in between gives one back.
_lock = threading.RLock()
#: What the next call will find.
_kept: _Shared | None = None


def _in_child() -> None:
    """A forked child has none of the executor's workers, and the lock as another thread had it."""
    global _lock, _kept
    _lock, _kept = threading.RLock(), None


os.register_at_fork(after_in_child=_in_child)


class HandoffBackend(AutoBatchingMixin, ParallelBackendBase):  # type: ignore[misc,unused-ignore]
    """A backend of joblib, for one call at a time. Executors are kept between calls that ask for the same."""

    supports_retrieve_callback = True
    supports_inner_max_num_threads = True
    supports_return_generator = True
    uses_threads = False
    supports_sharedmem = False

    #: While there is a call.
    _shared: _Shared | None = None

    def __init__(self, *args: Any, **options: Any) -> None:
        self._options = {name: options.pop(name) for name in _OPTIONS if name in options}
        #: What the call has submitted and not received.
        self._futures: set[Any] = set()
        super().__init__(*args, **options)

    def effective_n_jobs(self, n_jobs: int | None) -> int:
        """How many workers ``n_jobs`` are."""
        from joblib import cpu_count

        if n_jobs == 0:
            raise ValueError("n_jobs == 0 in Parallel has no meaning")
        if n_jobs is None:
            return 1
        found: int = n_jobs if n_jobs > 0 else max(int(cpu_count()) + 1 + n_jobs, 1)
        return found

    def configure(
        self, n_jobs: int = 1, parallel: Any = None, prefer: Any = None, require: Any = None, **arguments: Any
    ) -> int:
        """Take the executor for this call."""
        from joblib._parallel_backends import FallbackToBackend, SequentialBackend

        n_jobs = self.effective_n_jobs(n_jobs)
        if n_jobs == 1:
            raise FallbackToBackend(SequentialBackend(nesting_level=self.nesting_level))
        if self._shared is not None:
            # As where a generator of results is not at its end: the next call must not take its place.
            raise FallbackToBackend(self._another())
        self.parallel = parallel
        given = {name: value for name, value in arguments.items() if name in _OPTIONS}
        self._shared = self._take(n_jobs, {**self._options, **given})
        return n_jobs

    def _another(self) -> HandoffBackend:
        another = copy.copy(self)
        another._shared, another._futures = None, set()
        another.reset_batch_stats()
        return another

    def _take(self, n_jobs: int, options: dict[str, Any]) -> _Shared:
        global _kept
        asked = (n_jobs, self.inner_max_num_threads, repr(sorted(options.items())), _bounds())
        with _lock:
            if _kept is None or not _kept.fits(asked):
                if _kept is not None and not _kept.users:
                    _kept.executor.shutdown(wait=False)
                made = ProcessPoolExecutor(
                    n_jobs, inner_max_num_threads=self.inner_max_num_threads, **options
                )
                _kept = _Shared(asked, made)
            _kept.users += 1
            return _kept

    def submit(self, func: Callable[[], Any], callback: Callable[[Any], Any] | None = None) -> Any:
        """Submit a batch."""
        if self._shared is None:
            raise RuntimeError("the call that submits this has ended")
        future = self._shared.executor.submit(_run, func)
        self._futures.add(future)
        future.add_done_callback(self._futures.discard)
        if callback is not None:
            future.add_done_callback(callback)
        return future

    def retrieve_result_callback(self, future: Any) -> Any:
        """The result of a batch."""
        return future.result()

    def abort_everything(self, ensure_ready: bool = True) -> None:
        """Give up what the call has submitted; the workers go on."""
        for future in tuple(self._futures):
            future.cancel()

    def terminate(self) -> None:
        """The executor is kept for the next call, unless another has taken its place."""
        self.reset_batch_stats()
        with _lock:
            shared, self._shared = self._shared, None
            if shared is None:
                return
            shared.users -= 1
            if not shared.users and shared is not _kept:
                shared.executor.shutdown(wait=False)


def _run(batch: Callable[[], Any]) -> Any:
    """In a worker: what the batch calls may name this backend, too."""
    if "handoff" not in BACKENDS:
        register()
    return batch()


def _bounds() -> list[str | None]:
    return [os.environ.get(name) for name in THREADS]


def register(make_default: bool = False) -> None:
    """Register the backend ``handoff`` with joblib."""
    register_parallel_backend("handoff", HandoffBackend, make_default=make_default)


def shutdown() -> None:
    """End the executor that is kept between calls; where calls use it, after them."""
    global _kept
    with _lock:
        kept, _kept = _kept, None
        if kept is None or kept.users:
            return
    kept.executor.shutdown()
