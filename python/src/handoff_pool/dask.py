"""Dask's graphs on this executor's workers.

>>> from handoff_pool.dask import get
>>> # dask.compute(x, scheduler=get)  or  dask.config.set(scheduler=get)

An executor may be given as dask's scheduler, too: ``dask.config.set(scheduler=pool)``.
"""

from __future__ import annotations

from typing import Any

from ._executor import ProcessPoolExecutor


def get(dsk: Any, keys: Any, *, pool: ProcessPoolExecutor | None = None, **options: Any) -> Any:
    """Compute a graph; on an executor of its own, where none is given."""
    from dask.multiprocessing import get as of_processes

    if pool is not None:
        return of_processes(dsk, keys, pool=pool, **options)
    with ProcessPoolExecutor(options.pop("num_workers", None)) as own:
        return of_processes(dsk, keys, pool=own, **options)
