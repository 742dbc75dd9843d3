"""Peer: numpy alone, one process, the file read or mapped."""

import numpy as np

import common


def main():
    parser = common.arguments(__doc__)
    parser.add_argument("--input", choices=["array", "mmap"], default="array")
    options = parser.parse_args()

    clock = common.Clock()
    records = np.load(options.data, mmap_mode="r" if options.input == "mmap" else None)
    clock.phase("load")
    total = np.nansum(common.column(records, options.field))
    clock.phase("run")
    common.answer(f"numpy-{options.input}", options, total, clock)


if __name__ == "__main__":
    main()
