"""joblib's work, and so scikit-learn's, on this executor's workers.

>>> import handoff_pool.joblib, joblib
>>> handoff_pool.joblib.register()
>>> with joblib.parallel_config("handoff"):
...     joblib.Parallel(2)(joblib.delayed(abs)(i) for i in (-1, -2))
[1, 2]
"""

from __future__ import annotations

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


class HandoffBackend(AutoBatchingMixin, ParallelBackendBase):  # type: ignore[misc,unused-ignore]
    """A backend of joblib. Its executor is kept between calls that ask for the same."""

    supports_retrieve_callback = True
    supports_inner_max_num_threads = True
    supports_return_generator = True
    uses_threads = False
    supports_sharedmem = False

    _kept: tuple[Any, ProcessPoolExecutor] | None = None
    _lock = threading.Lock()

    def __init__(self, *args: Any, **options: Any) -> None:
        self._options = {name: options.pop(name) for name in _OPTIONS if name in options}
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
        self.parallel = parallel
        given = {name: value for name, value in arguments.items() if name in _OPTIONS}
        self._executor = self._take(n_jobs, {**self._options, **given})
        return n_jobs

    def _take(self, n_jobs: int, options: dict[str, Any]) -> ProcessPoolExecutor:
        asked = (n_jobs, self.inner_max_num_threads, repr(sorted(options.items())), _bounds())
        with HandoffBackend._lock:
            kept = HandoffBackend._kept
            if kept is not None:
                if kept[0] == asked and not kept[1]._broken and not kept[1]._shutdown_thread:
                    return kept[1]
                kept[1].shutdown(wait=False)
            made = ProcessPoolExecutor(n_jobs, inner_max_num_threads=self.inner_max_num_threads, **options)
            HandoffBackend._kept = (asked, made)
            return made

    def submit(self, func: Callable[[], Any], callback: Callable[[Any], Any] | None = None) -> Any:
        """Submit a batch."""
        future = self._executor.submit(_run, func)
        if callback is not None:
            future.add_done_callback(callback)
        return future

    def retrieve_result_callback(self, future: Any) -> Any:
        """The result of a batch."""
        return future.result()

    def abort_everything(self, ensure_ready: bool = True) -> None:
        """Give up what was submitted; the workers go on."""
        for future in tuple(self._executor._state.pending):
            future.cancel()

    def terminate(self) -> None:
        """The executor is kept for the next call."""
        self.reset_batch_stats()


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
    """End the executor that is kept between calls."""
    with HandoffBackend._lock:
        kept, HandoffBackend._kept = HandoffBackend._kept, None
    if kept is not None:
        kept[1].shutdown()
