import asyncio, multiprocessing, sys, time
from handoff_pool import ProcessPoolExecutor
from multiprocessing.managers import SharedMemoryManager
from multiprocessing.shared_memory import SharedMemory
import numpy as np

def process(name, shape, dtype, offset, size):
    shm = SharedMemory(name)
    data = np.ndarray(shape=shape, dtype=dtype, buffer=shm.buf)
    try:
        return float(np.nansum(data[offset:offset + size]['val']))
    finally:
        del data
        shm.close()

async def main(data, name, method, workers):
    loop = asyncio.get_running_loop()
    start = time.time()
    context = multiprocessing.get_context(method)
    with ProcessPoolExecutor(max_workers=workers, mp_context=context) as ppe:
        size = len(data) // workers
        batches = [loop.run_in_executor(ppe, process, name, data.shape, data.dtype, i, size) for i in range(0, len(data), size)]
        done, pending = await asyncio.wait(batches)
    print(f"total_time_s={time.time() - start:.3f} total_sum={sum(b.result() for b in done)}")

if __name__ == "__main__":
    data = np.load(sys.argv[3])
    with SharedMemoryManager() as smm:
        shm = smm.SharedMemory(data.nbytes)
        shared = np.ndarray(shape=data.shape, dtype=data.dtype, buffer=shm.buf)
        np.copyto(shared, data)
        asyncio.run(main(shared, shm.name, sys.argv[1], int(sys.argv[2])))
        del shared
