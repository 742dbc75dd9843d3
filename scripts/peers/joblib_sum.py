"""Peer: joblib with its own worker processes (loky).

`array` hands over slices of an array in memory, which joblib writes to a shared file of its own;
`mmap` hands over slices of a mapped array, which joblib passes by file name and offset.
"""

import joblib
import numpy as np

import common


def work(records, field):
    return np.nansum(common.column(records, field))


def main():
    parser = common.arguments(__doc__)
    parser.add_argument("--input", choices=["array", "mmap"], default="array")
    options = parser.parse_args()

    clock = common.Clock()
    records = np.load(options.data, mmap_mode="r" if options.input == "mmap" else None)
    clock.phase("load")
    with joblib.Parallel(n_jobs=options.workers, backend="loky") as parallel:
        sums = parallel(
            joblib.delayed(work)(records[start:end], options.field)
            for start, end in common.batches(len(records), options.workers)
        )
        total = sum(sums)
        clock.phase("run")
    common.answer(f"joblib-{options.input}", options, total, clock)


if __name__ == "__main__":
    main()
