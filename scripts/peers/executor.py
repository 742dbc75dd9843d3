"""Peer: the standard library's ProcessPoolExecutor, each start method with each way to hand over."""

import concurrent.futures
import multiprocessing
import multiprocessing.shared_memory

import numpy as np

import common

# What a forked worker inherits.
INHERITED = None


def sum_bytes(records, field):
    return np.nansum(common.column(records, field))


def sum_shm(name, dtype, start, end, field):
    memory = multiprocessing.shared_memory.SharedMemory(name)
    try:
        # The view has to be gone before the memory can be closed, hence no name for it.
        return np.nansum(
            common.column(
                np.frombuffer(
                    memory.buf,
                    dtype=dtype,
                    count=end - start,
                    offset=start * dtype.itemsize,
                ),
                field,
            )
        )
    finally:
        memory.close()


def sum_mmap(path, start, end, field):
    return np.nansum(common.column(np.load(path, mmap_mode="r")[start:end], field))


def sum_inherit(start, end, field):
    return np.nansum(common.column(INHERITED[start:end], field))


def main():
    global INHERITED
    parser = common.arguments(__doc__)
    parser.add_argument(
        "--start-method", choices=["fork", "spawn", "forkserver"], default="fork"
    )
    parser.add_argument(
        "--transport", choices=["bytes", "shm", "mmap", "inherit"], default="bytes"
    )
    options = parser.parse_args()
    if options.transport == "inherit" and options.start_method != "fork":
        parser.error("only a forked worker inherits: use --start-method fork")

    clock = common.Clock()
    mapped = options.transport == "mmap"
    records = np.load(options.data, mmap_mode="r" if mapped else None)
    length, dtype = len(records), records.dtype
    clock.phase("load")

    memory = None
    if options.transport == "shm":
        memory = multiprocessing.shared_memory.SharedMemory(
            create=True, size=max(records.nbytes, 1)
        )
        np.copyto(np.frombuffer(memory.buf, dtype=dtype, count=length), records)
        records = None
        clock.phase("share")
    elif options.transport == "inherit":
        INHERITED = records

    try:
        context = multiprocessing.get_context(options.start_method)
        with concurrent.futures.ProcessPoolExecutor(options.workers, context) as pool:
            futures = []
            for start, end in common.batches(length, options.workers):
                if options.transport == "bytes":
                    job = (sum_bytes, records[start:end], options.field)
                elif options.transport == "shm":
                    job = (sum_shm, memory.name, dtype, start, end, options.field)
                elif options.transport == "mmap":
                    job = (sum_mmap, options.data, start, end, options.field)
                else:
                    job = (sum_inherit, start, end, options.field)
                futures.append(pool.submit(*job))
            total = sum(future.result() for future in futures)
            # Workers start inside `submit`, so there is no phase of starting to tell apart.
            clock.phase("run")
    finally:
        if memory is not None:
            memory.close()
            memory.unlink()
    name = f"executor-{options.start_method}-{options.transport}"
    common.answer(name, options, total, clock)


if __name__ == "__main__":
    main()
