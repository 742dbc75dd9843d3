"""Peer: how many tasks that do nothing an executor runs in a second, its workers being ready."""

import argparse
import concurrent.futures
import json
import multiprocessing
import time


def nothing(number):
    return number


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--executor", choices=["executor", "loky"], default="executor")
    parser.add_argument("--tasks", type=int, default=10_000)
    parser.add_argument("--workers", type=int, default=1)
    options = parser.parse_args()

    if options.executor == "loky":
        from joblib.externals.loky import get_reusable_executor

        pool = get_reusable_executor(max_workers=options.workers, timeout=60)
    else:
        pool = concurrent.futures.ProcessPoolExecutor(
            options.workers, multiprocessing.get_context("fork")
        )
    with pool:
        # Both start workers on demand; some tasks for each of them bring all to life.
        list(pool.map(nothing, range(options.workers * 8), chunksize=1))
        started = time.perf_counter()
        results = list(pool.map(nothing, range(options.tasks), chunksize=1))
        seconds = time.perf_counter() - started
    assert results == list(range(options.tasks))
    name = f"tiny-{options.executor}"
    print(json.dumps({"name": name, "tasks": options.tasks, "seconds": seconds}))


if __name__ == "__main__":
    main()
