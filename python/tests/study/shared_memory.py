"""Workers sum ranges of an array in a named shared segment: shared_memory.py METHOD WORKERS FILE."""

import asyncio
import multiprocessing
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing.managers import SharedMemoryManager
from multiprocessing.shared_memory import SharedMemory

import numpy as np


def add_up(name, count, dtype, first, last):
    print(f"{multiprocessing.current_process().name} received {last - first}", flush=True)
    segment = SharedMemory(name)
    records = np.ndarray(count, dtype, segment.buf)
    total = float(np.nansum(records["val"][first:last]))
    del records
    segment.close()
    return total


async def main(name, records, method, workers):
    loop = asyncio.get_running_loop()
    count, dtype = len(records), records.dtype
    size = -(-count // workers)
    context = multiprocessing.get_context(method)
    started = time.perf_counter()
    with ProcessPoolExecutor(workers, mp_context=context) as executor:
        calls = [
            loop.run_in_executor(executor, add_up, name, count, dtype, first, min(first + size, count))
            for first in range(0, count, size)
        ]
        totals = await asyncio.gather(*calls)
    print(f"total {sum(totals)} in {time.perf_counter() - started:.2f} s")


if __name__ == "__main__":
    loaded = np.load(sys.argv[3])
    with SharedMemoryManager() as manager:
        segment = manager.SharedMemory(loaded.nbytes)
        shared = np.ndarray(loaded.shape, loaded.dtype, segment.buf)
        shared[:] = loaded
        asyncio.run(main(segment.name, shared, sys.argv[1], int(sys.argv[2])))
        del shared
