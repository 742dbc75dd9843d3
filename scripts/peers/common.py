"""What all peers share: their command line, the cutting into batches, the one line they print."""

import argparse
import json
import math
import time

import numpy as np


class Clock:
    """Seconds of each phase, one after the other."""

    def __init__(self):
        self.seconds = {"load": 0.0, "share": 0.0, "start": 0.0, "run": 0.0}
        self._last = time.perf_counter()

    def phase(self, name):
        """Says that the phase `name` has just ended."""
        now = time.perf_counter()
        self.seconds[name] += now - self._last
        self._last = now


def arguments(description):
    """A parser with what every peer takes."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("data", help="a .npy file of records")
    parser.add_argument("--field", default="val")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument(
        "--count",
        action="store_true",
        help="count the values too, after the clock has stopped",
    )
    return parser


def column(records, field):
    """The column to sum: of a plain array, all of it."""
    return records[field] if records.dtype.names else records


def batches(length, count):
    """Bounds of `count` batches whose sizes differ by at most one."""
    bounds = [length * i // count for i in range(count + 1)]
    return list(zip(bounds[:-1], bounds[1:]))


def answer(name, options, total, clock):
    """Prints the peer's line."""
    total = float(total)
    count = None
    if options.count:
        values = column(np.load(options.data, mmap_mode="r"), options.field)
        count = int(np.count_nonzero(~np.isnan(values)))
    seconds = dict(clock.seconds)
    seconds["total"] = seconds["start"] + seconds["run"]
    line = {
        "name": name,
        "sum": total if math.isfinite(total) else None,
        "sum_hex": total.hex(),
        "count": count,
        "seconds": seconds,
    }
    print(json.dumps(line))
