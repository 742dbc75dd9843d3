"""Peer: how many tasks that do nothing an executor runs in a second, its workers being ready."""

import argparse
import concurrent.futures
import json
import multiprocessing
import time


def nothing(number):
    return number


def mapped(options):
    """Runs tasks on an executor: gives it, and how it maps `nothing` over a range of numbers."""
    if options.executor == "loky":
        from joblib.externals.loky import get_reusable_executor

        pool = get_reusable_executor(max_workers=options.workers, timeout=60)
    else:
        pool = concurrent.futures.ProcessPoolExecutor(
            options.workers, multiprocessing.get_context("fork")
        )

    def run(tasks, chunk=options.chunk):
        return list(pool.map(nothing, range(tasks), chunksize=chunk))

    return pool, run


def batched(options):
    """The same on joblib, which finds the size of its batches by itself, as the tasks are done."""
    import joblib

    pool = joblib.Parallel(n_jobs=options.workers, backend="loky")

    def run(tasks, chunk=None):
        return pool(joblib.delayed(nothing)(number) for number in range(tasks))

    return pool, run


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--executor", choices=["executor", "loky", "joblib"], default="executor"
    )
    parser.add_argument("--tasks", type=int, default=10_000)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument(
        "--chunk", type=int, default=1, help="tasks in one message; joblib decides that"
    )
    options = parser.parse_args()

    pool, run = (batched if options.executor == "joblib" else mapped)(options)
    with pool:
        # Workers start on demand; some tasks for each of them bring all to life.
        run(options.workers * 8, chunk=1)
        started = time.perf_counter()
        results = run(options.tasks)
        seconds = time.perf_counter() - started
    assert results == list(range(options.tasks))
    name = f"tiny-{options.executor}"
    print(json.dumps({"name": name, "tasks": options.tasks, "seconds": seconds}))


if __name__ == "__main__":
    main()
