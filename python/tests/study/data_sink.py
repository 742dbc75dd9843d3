"""Workers sum slices of an array that they get as arguments: data_sink.py METHOD WORKERS FILE [mapped]."""

import asyncio
import multiprocessing
import sys
import time
import tracemalloc
from concurrent.futures import ProcessPoolExecutor

import numpy as np


def add_up(part):
    process = multiprocessing.current_process().name
    print(f"{process} received {len(part)}", flush=True)
    total = np.nansum(part["val"])
    print(f"{process} peak {tracemalloc.get_traced_memory()[1]}", flush=True)
    return total


async def main(data, method, workers):
    loop = asyncio.get_running_loop()
    size = -(-len(data) // workers)
    context = multiprocessing.get_context(method)
    started = time.perf_counter()
    with ProcessPoolExecutor(workers, initializer=tracemalloc.start, mp_context=context) as executor:
        parts = [data[first : first + size] for first in range(0, len(data), size)]
        totals = await asyncio.gather(*[loop.run_in_executor(executor, add_up, part) for part in parts])
    print(f"total {sum(totals)} in {time.perf_counter() - started:.2f} s")


if __name__ == "__main__":
    method, workers, path, *mapped = sys.argv[1:]
    tracemalloc.start()
    array = np.load(path, mmap_mode="r" if mapped else None)
    asyncio.run(main(array, method, int(workers)))
