"""Peers: process pools of Python in one program, each case in turns, their workers being ready.

Prints one JSON object: a row for each case and executor, and what cannot be measured here. Where a row is a
rate, its figures are tasks a second, else seconds. The first round of each case is not counted.
"""

import argparse
import contextlib
import importlib.metadata
import json
import os
import sys
import time

import numpy as np

import executor_tasks as tasks

# Bytes of an array that is sent or returned, and how many of them in one figure.
ARRAY = 100_000_000
PARTS = 4
CHUNK = 256


class Pool:
    """An executor as the cases use it. This one is for those of `concurrent.futures`."""

    package = None
    # Whether it has calls on their own.
    submits = True

    def __init__(self, workers):
        self.workers = workers
        self.pool = self.make()

    def submit(self, function, *arguments):
        """Submits a call; gives a function that waits for its result."""
        return self.pool.submit(function, *arguments).result

    def run_all(self, function, items):
        """All results, each item by a call of its own."""
        waits = [self.submit(function, item) for item in items]
        return [wait() for wait in waits]

    def map(self, function, items):
        """All results, by chunks of a good size."""
        return list(self.pool.map(function, items, chunksize=CHUNK))

    def close(self):
        self.pool.shutdown()


class Handoff(Pool):
    package = "handoff-pool"

    def make(self):
        from handoff_pool import ProcessPoolExecutor

        return ProcessPoolExecutor(self.workers, preload=["numpy"])

    def map(self, function, items):
        return list(self.pool.map(function, items))


class Standard(Pool):
    def make(self):
        import concurrent.futures
        import multiprocessing

        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(["numpy"])
        return concurrent.futures.ProcessPoolExecutor(self.workers, context)


class Loky(Pool):
    package = "joblib"

    def make(self):
        # Not the one that joblib uses again and again: that is joblib's here.
        from joblib.externals.loky import ProcessPoolExecutor

        return ProcessPoolExecutor(self.workers)


class Joblib(Pool):
    package = "joblib"
    submits = False

    def make(self):
        import joblib

        self.delayed = joblib.delayed
        return joblib.Parallel(n_jobs=self.workers, backend="loky")

    def run_all(self, function, items):
        return self.map(function, items)

    def map(self, function, items):
        return self.pool(self.delayed(function)(item) for item in items)

    def close(self):
        pass


class Pebble(Pool):
    package = "pebble"

    def make(self):
        import multiprocessing

        import pebble

        context = multiprocessing.get_context("forkserver")
        return pebble.ProcessPool(max_workers=self.workers, context=context)

    def submit(self, function, *arguments):
        return self.pool.schedule(function, args=arguments).result

    def map(self, function, items):
        return list(self.pool.map(function, items, chunksize=CHUNK).result())

    def close(self):
        self.pool.close()
        self.pool.join()


class Ray(Pool):
    package = "ray"

    def make(self):
        os.environ["PYTHONPATH"] = os.path.dirname(os.path.abspath(__file__))
        import ray

        self.ray = ray
        ray.init(num_cpus=self.workers, include_dashboard=False, log_to_driver=False, logging_level="error")
        self.remote = {}
        from ray.util.multiprocessing import Pool as RayPool

        return RayPool(self.workers)

    def submit(self, function, *arguments):
        remote = self.remote.get(function)
        if remote is None:
            # The pool's processes hold the processors that were given.
            remote = self.remote[function] = self.ray.remote(num_cpus=0)(function)
        reference = remote.remote(*arguments)
        return lambda: self.ray.get(reference)

    def map(self, function, items):
        return self.pool.map(function, items, chunksize=CHUNK)

    def close(self):
        self.pool.terminate()
        self.ray.shutdown()


KINDS = {
    "handoff_pool": Handoff,
    "executor": Standard,
    "loky": Loky,
    "joblib": Joblib,
    "pebble": Pebble,
    "ray": Ray,
}


def rate_of_submits(pool, scale):
    count = int(2000 * scale)
    started = time.perf_counter()
    assert pool.run_all(tasks.nothing, range(count)) == list(range(count))
    return count / (time.perf_counter() - started)


def rate_of_map(pool, scale):
    count = int(100_000 * scale)
    started = time.perf_counter()
    assert pool.map(tasks.nothing, range(count)) == list(range(count))
    return count / (time.perf_counter() - started)


def there_and_back(pool, scale):
    count = int(200 * scale)
    started = time.perf_counter()
    for number in range(count):
        assert pool.submit(tasks.nothing, number)() == number
    return (time.perf_counter() - started) / count


def arguments(pool, scale):
    arrays = np.ones((PARTS, int(ARRAY * scale) // 8))
    started = time.perf_counter()
    assert sum(pool.run_all(tasks.total, arrays)) == arrays.size
    return time.perf_counter() - started


def results(pool, scale):
    count = int(ARRAY * scale) // 8
    started = time.perf_counter()
    for array in pool.run_all(tasks.had, [count] * PARTS):
        assert array[-1] == 1
    return time.perf_counter() - started


# Name, what measures it, whether its figures are rates, and whether it needs calls on their own.
CASES = [
    ("submit, then result", rate_of_submits, True, True),
    ("map of tiny tasks", rate_of_map, True, False),
    ("there and back", there_and_back, False, True),
    ("arrays as arguments", arguments, False, False),
    ("arrays as results", results, False, False),
]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--executors", default=",".join(KINDS))
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--scale", type=float, default=1.0, help="of counts and sizes")
    options = parser.parse_args()

    rows, skipped, versions = [], [], {"python": sys.version.split()[0]}
    with contextlib.ExitStack() as stack:
        pools = {}
        for name in options.executors.split(","):
            kind = KINDS[name]
            try:
                if kind.package is not None:
                    versions[kind.package] = importlib.metadata.version(kind.package)
                pools[name] = kind(options.workers)
            except Exception as error:
                skipped.append({"executor": name, "reason": f"{type(error).__name__}: {error}"})
                continue
            stack.callback(pools[name].close)
        for case, measure, rate, alone in CASES:
            figures = {name: [] for name, pool in pools.items() if pool.submits or not alone}
            errors = {}
            for round in range(options.rounds + 1):
                for name in figures:
                    if name in errors:
                        continue
                    try:
                        figure = measure(pools[name], options.scale)
                    except Exception as error:
                        errors[name] = f"{type(error).__name__}: {error}"
                        continue
                    if round > 0:
                        figures[name].append(figure)
            rows += [
                {
                    "case": case,
                    "executor": name,
                    "rate": rate,
                    "figures": figures[name],
                    "void": errors.get(name),
                }
                for name in figures
            ]
    print(json.dumps({"versions": versions, "rows": rows, "skipped": skipped}))


if __name__ == "__main__":
    main()
