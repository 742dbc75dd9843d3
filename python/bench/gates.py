"""Measures this executor beside the standard library's, in one run and in turn: python gates.py [NAME ...].

Names: ends, submit, map, result, peak, made, behind, arguments, mapped. A line has medians and their ratio.
"""

from __future__ import annotations

import functools
import multiprocessing
import os
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import Executor
from concurrent.futures import ProcessPoolExecutor as Standard
from operator import neg
from typing import Any

import numpy as np

import handoff_pool
from handoff_pool import ProcessPoolExecutor as Ours

#: The original study has 200 million records; by default a tenth of them.
RECORDS = int(os.environ.get("RECORDS", "20_000_000"))
GIGABYTE = int(os.environ.get("RESULT_BYTES", "1_000_000_000"))
ROUNDS = int(os.environ.get("ROUNDS", "5"))
STAMPED = np.dtype([("index", "i8"), ("timestamp", "M8[ns]"), ("val", "f8")])
KEPT: np.ndarray | None = None


def submitted(pool: Executor, count: int) -> float:
    started = time.perf_counter()
    futures = [pool.submit(neg, number) for number in range(count)]
    for future in futures:
        future.result()
    return count / (time.perf_counter() - started)


def mapped(pool: Executor, count: int, **options: int) -> float:
    started = time.perf_counter()
    total = sum(pool.map(neg, range(count), **options))
    assert total == -count * (count - 1) // 2
    return count / (time.perf_counter() - started)


def had(size: int) -> np.ndarray:
    global KEPT
    if KEPT is None or KEPT.nbytes != size:
        KEPT = np.ones(size // 8)
    return KEPT


def made(size: int) -> np.ndarray:
    array = handoff_pool.empty(size // 8) if handoff_pool._arrays.in_worker else np.empty(size // 8)
    array[0] = array[-1] = 1
    return array


def seconds_of(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    value = call()
    taken = time.perf_counter() - started
    del value
    return taken


def gigabyte(pool: Executor, task: Callable[[int], np.ndarray]) -> float:
    return seconds_of(lambda: pool.submit(task, GIGABYTE).result())


def nansum(part: np.ndarray) -> float:
    return float(np.nansum(part["val"]))


def by_arguments(pool: Executor, data: np.ndarray, parts: int) -> float:
    started = time.perf_counter()
    size = len(data) // parts
    futures = [pool.submit(nansum, data[at : at + size]) for at in range(0, len(data), size)]
    sum(future.result() for future in futures)
    return time.perf_counter() - started


def behind(pool: Executor) -> float:
    """How long the last of 40 tiny tasks takes that follow a task of a second."""
    started = time.perf_counter()
    long = pool.submit(time.sleep, 1)
    tiny = [pool.submit(neg, number) for number in range(40)]
    for future in tiny:
        future.result()
    taken = time.perf_counter() - started
    long.result()
    return taken


def numpy_alone(path: str, offset: int, count: int, barrier: object, results: object) -> None:
    part = np.load(path, mmap_mode="r")[offset : offset + count]
    nansum(part)
    while True:
        barrier.wait()
        results.put(nansum(part))


def pairs(name: str, ours: Callable[[], float], theirs: Callable[[], float], higher: bool) -> None:
    ours(), theirs()
    both = [(ours(), theirs()) for _ in range(ROUNDS)]
    mine, other = (statistics.median(side) for side in zip(*both, strict=True))
    ratio = mine / other if higher else other / mine
    spread = sorted(a / b if higher else b / a for a, b in both)
    low, high = spread[0], spread[-1]
    print(
        f"{name:44} ours {mine:12.4g}  other {other:12.4g}  {ratio:6.2f} x  ({low:.2f}-{high:.2f})",
        flush=True,
    )


def measure_mapped(directory: str) -> None:
    path = os.path.join(directory, "data.npy")
    data = np.zeros(RECORDS, STAMPED)
    data["val"] = np.arange(RECORDS) % 3
    np.save(path, data)
    del data
    view = np.load(path, mmap_mode="r")
    context = multiprocessing.get_context("spawn")
    barrier, results = context.Barrier(3), context.SimpleQueue()
    half = RECORDS // 2
    alone = [
        context.Process(target=numpy_alone, args=(path, at, half, barrier, results), daemon=True)
        for at in (0, half)
    ]
    for process in alone:
        process.start()

    def numpy() -> float:
        barrier.wait()
        started = time.perf_counter()
        results.get(), results.get()
        return time.perf_counter() - started

    with Ours(2, preload=["numpy"]) as pool:
        pairs("mapped file, against NumPy alone (s)", lambda: by_arguments(pool, view, 2), numpy, False)
    for process in alone:
        process.kill()
        process.join()


def resident(what: str) -> int:
    """Bytes of this process: VmRSS, or VmHWM for its peak."""
    with open("/proc/self/status") as status:
        (line,) = (line for line in status if line.startswith(what))
    return int(line.split()[1]) * 1024


def measure_peak(context: Any) -> None:
    """How far this process grows for one result, after a first one that was dropped."""
    with Ours(1, context) as ours:
        ours.submit(had, GIGABYTE).result()
        before = resident("VmRSS")
        with open("/proc/self/clear_refs", "w") as clear:
            clear.write("5")
        value = ours.submit(had, GIGABYTE).result()
        assert value[0] == value[-1] == value.sum() / len(value)
        peak = resident("VmHWM") - before
    print(f"peak of the parent for a result of {GIGABYTE / 1e9:g} GB: {peak / GIGABYTE:.2f} x", flush=True)


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def measure_ends() -> None:
    """How long it takes until a future fails whose task is ended, and until its worker takes another."""
    with Ours(1) as ours:
        spent: dict[str, list[float]] = {}
        for _ in range(ROUNDS):
            for how in ("killed", "over its limit", "cancelled"):
                ours.submit(neg, 1).result()
                limit = 0.2 if how == "over its limit" else None
                pool = ours.options(timeout=limit)
                future = pool.submit(die) if how == "killed" else pool.submit(time.sleep, 100)
                if how == "cancelled":
                    while not future.running():
                        time.sleep(0.001)
                started = time.perf_counter()
                if how == "cancelled":
                    future.cancel()
                else:
                    assert future.exception() is not None
                failed = time.perf_counter() - started - (limit or 0)
                ours.submit(neg, 1).result()
                again = time.perf_counter() - started - (limit or 0)
                spent.setdefault(f"a task that is {how}: its future fails (ms)", []).append(failed)
                spent.setdefault(f"a task that is {how}: the next result (ms)", []).append(again)
        for name, seconds in spent.items():
            print(f"{name:56} {1000 * statistics.median(seconds):8.1f}  (at most {1000 * max(seconds):.1f})")


def main() -> None:
    everything = ["ends", "peak", "submit", "map", "result", "made", "behind", "arguments", "mapped"]
    asked = sys.argv[1:] or everything
    if unknown := set(asked) - set(everything):
        raise SystemExit(f"no such measurements: {', '.join(unknown)}")
    context = multiprocessing.get_context("spawn")
    if "ends" in asked:
        measure_ends()
    if "peak" in asked:
        measure_peak(context)
    with Standard(2, context) as theirs, Ours(2, context) as ours:
        if "submit" in asked:
            pairs("submit and result (a second)", lambda: submitted(ours, 50_000),
                  lambda: submitted(theirs, 10_000), True)  # fmt: skip
        if "map" in asked:
            pairs("map of integers, against chunksize=256", lambda: mapped(ours, 1_000_000),
                  lambda: mapped(theirs, 1_000_000, chunksize=256), True)  # fmt: skip
        if "behind" in asked:
            pairs("40 tiny tasks behind one of a second (s)", functools.partial(behind, ours),
                  functools.partial(behind, theirs), False)  # fmt: skip
    with Standard(1, context) as theirs, Ours(1, context) as ours:
        for name, task in (("result", had), ("made", made)):
            if name in asked:
                title = f"a result of {GIGABYTE / 1e9:g} GB, {task.__name__} (s)"
                one = functools.partial(gigabyte, ours, task)
                other = functools.partial(gigabyte, theirs, task)
                pairs(title, one, other, False)
    if "arguments" in asked:
        data = np.zeros(RECORDS, STAMPED)
        data["val"] = np.arange(RECORDS) % 3
        with Standard(2, context) as theirs, Ours(2, context) as ours:
            pairs(f"{RECORDS / 1e6:g}M records by arguments (s)", lambda: by_arguments(ours, data, 8),
                  lambda: by_arguments(theirs, data, 8), False)  # fmt: skip
        del data
    if "mapped" in asked:
        with tempfile.TemporaryDirectory() as directory:
            measure_mapped(directory)


if __name__ == "__main__":
    main()
