import asyncio, multiprocessing, sys, time, tracemalloc
from handoff_pool import ProcessPoolExecutor
import numpy as np

def process(data):
    return np.nansum(data['val'])

async def main(data, method, workers):
    loop = asyncio.get_running_loop()
    total = 0
    start = time.time()
    context = multiprocessing.get_context(method)
    with ProcessPoolExecutor(max_workers=workers, initializer=tracemalloc.start, mp_context=context) as ppe:
        size = len(data) // workers
        batches = [loop.run_in_executor(ppe, process, data[i:i + size]) for i in range(0, len(data), size)]
        done, pending = await asyncio.wait(batches)
    assert not pending
    for batch in done:
        total += batch.result()
    print(f"total_time_s={time.time() - start:.3f} total_sum={total}")

if __name__ == "__main__":
    method, workers, path, mode = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4]
    data = np.load(path, mmap_mode='r' if mode == 'mmap' else None)
    asyncio.run(main(data, method, workers))
