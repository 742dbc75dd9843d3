"""``map``: calls in chunks, results one by one."""

from __future__ import annotations

import itertools
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from typing import Any, TypeVar

from ._worker import Stopped, run_chunk, run_chunk_of_tuples

T = TypeVar("T")

#: Chunks for each worker where the length is known: the last one to end is at most this part late.
_CHUNKS_A_WORKER = 32
_LONGEST_CHUNK = 2048


def map_(
    executor: Executor,
    function: Callable[..., T],
    iterables: tuple[Iterable[Any], ...],
    timeout: float | None,
    chunksize: int | None,
    buffersize: int | None,
    ordered: bool,
) -> Iterator[T]:
    """What :meth:`ProcessPoolExecutor.map` does, over any executor."""
    if chunksize is not None and chunksize < 1:
        raise ValueError("chunksize must be >= 1.")
    if buffersize is not None:
        if not isinstance(buffersize, int):
            raise TypeError("buffersize must be an integer or None")
        if buffersize < 1:
            raise ValueError("buffersize must be None or > 0")
    deadline = None if timeout is None else time.monotonic() + timeout
    single = len(iterables) == 1
    items: Iterator[Any] = iter(iterables[0]) if single else zip(*iterables, strict=False)
    run: Callable[..., Any] = run_chunk if single else run_chunk_of_tuples
    workers: int = getattr(executor, "_max_workers", 1)
    if buffersize is not None:
        size = chunksize or 1
        ahead: int | None = max(1, buffersize // size)
    else:
        if chunksize is None:
            known = list(items)
            items = iter(known)
            size = min(_LONGEST_CHUNK, max(1, len(known) // (workers * _CHUNKS_A_WORKER)))
            if getattr(executor, "_terms", (None, None)) != (None, None):
                # Limits are those of single calls.
                size = 1
        else:
            size = chunksize
        ahead = None
    chunks = iter(lambda: list(itertools.islice(items, size)), [])
    if size == 1 and chunksize is None:
        submitted = (_single(executor, function, chunk[0], single) for chunk in chunks)
    else:
        submitted = (executor.submit(run, function, chunk) for chunk in chunks)
    first = list(itertools.islice(submitted, ahead))
    give = _in_order if ordered else _as_they_come
    plain = size == 1 and chunksize is None
    return give(deque(first), submitted, deadline, plain)


def _single(executor: Executor, function: Callable[..., T], item: Any, single: bool) -> Future[T]:
    return executor.submit(function, item) if single else executor.submit(function, *item)


def _in_order(
    waiting: deque[Future[Any]], more: Iterator[Future[Any]], deadline: float | None, plain: bool
) -> Iterator[Any]:
    results = _results(waiting, more, deadline)
    return results if plain else itertools.chain.from_iterable(_lists(results))


def _results(
    waiting: deque[Future[Any]], more: Iterator[Future[Any]], deadline: float | None
) -> Iterator[Any]:
    try:
        while waiting:
            # What was given must not be held here: the caller may want to free it.
            result = [_result(waiting.popleft(), deadline)]
            waiting.extend(itertools.islice(more, 1))
            yield result.pop()
    finally:
        if deadline is not None:
            for future in waiting:
                future.cancel()


def _lists(results: Iterator[Any]) -> Iterator[list[Any]]:
    for result in results:
        if type(result) is Stopped:
            yield result.values
            raise result.error
        yield result


def _as_they_come(
    waiting: deque[Future[Any]], more: Iterator[Future[Any]], deadline: float | None, plain: bool
) -> Iterator[Any]:
    left = set(waiting)
    waiting.clear()
    while left:
        done, left = wait(left, None if deadline is None else deadline - time.monotonic(), FIRST_COMPLETED)
        if not done:
            raise TimeoutError
        left.update(itertools.islice(more, len(done)))
        while done:
            if plain:
                yield done.pop().result()
            else:
                yield from _values(done.pop().result())


def _result(future: Future[Any], deadline: float | None) -> Any:
    return future.result() if deadline is None else future.result(deadline - time.monotonic())


def _values(result: Any) -> Iterator[Any]:
    if type(result) is not Stopped:
        yield from result
        return
    yield from result.values
    raise result.error
