"""Bars of tqdm for what runs in workers.

>>> from handoff_pool.tqdm import process_map
>>> process_map(abs, [-1, -2], max_workers=2, disable=True)
[1, 2]

For bars of what tasks report with ``handoff_pool.progress``, give an executor ``progress=Bars()``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import as_completed
from typing import Any, TypeVar

from tqdm.auto import tqdm

from ._executor import ProcessPoolExecutor

T = TypeVar("T")

__all__ = ["Bars", "process_map"]


class Bars:
    """Shows the progress of each worker's task; the arguments are tqdm's."""

    def __init__(self, **options: Any) -> None:
        self._options = {"leave": False, **options}
        self._bars: dict[str, Any] = {}

    def __call__(self, worker: str, done: float, total: float | None, desc: str | None) -> None:
        bar = self._bars.get(worker)
        if bar is None or done < bar.n:
            self._end(worker)
            bar = tqdm(total=total, desc=desc or worker, **self._options)
            self._bars[worker] = bar
        bar.update(done - bar.n)
        if total is not None and done >= total:
            self._end(worker)

    def _end(self, worker: str) -> None:
        bar = self._bars.pop(worker, None)
        if bar is not None:
            bar.close()

    def close(self) -> None:
        """Take all bars down."""
        for worker in list(self._bars):
            self._end(worker)


def process_map(
    fn: Callable[..., T],
    *iterables: Iterable[Any],
    max_workers: int | None = None,
    executor: ProcessPoolExecutor | None = None,
    **options: Any,
) -> list[T]:
    """Call ``fn`` for each item in workers, under a bar that counts the items; the results are in order.

    executor: one to run it on; without one, an executor is made for this call.
    options: arguments of tqdm.
    """
    if executor is None:
        with ProcessPoolExecutor(max_workers) as own:
            return process_map(fn, *iterables, executor=own, **options)
    calls = list(zip(*iterables, strict=False))
    futures = [executor.submit(fn, *arguments) for arguments in calls]
    with tqdm(**{"total": len(futures), **options}) as bar:
        try:
            for future in as_completed(futures):
                # One that failed ends it here.
                future.result()
                bar.update()
        except BaseException:
            for future in futures:
                future.cancel()
            raise
    return [future.result() for future in futures]
