"""The built-in tasks `nansum` and `nansum_records`: their arguments, their input, their answer."""

import dataclasses
import struct

from npy import KINDS
from postcard import Reader, double, signed, varint


def nansum_args(column):
    """The argument of `nansum`: which values of the records to sum."""
    order = varint(1 if column.big_endian else 0)
    return varint(column.offset) + varint(column.stride) + varint(KINDS.index(column.kind)) + order


def nansum_records_args(field):
    """The argument of `nansum_records`: a field of the original study's records."""
    return varint(["index", "val"].index(field))


def encode_record(index, timestamp, val):
    """A record of the original study's layout, as `nansum_records` takes them one after the other."""
    return signed(index) + signed(timestamp) + double(val)


@dataclasses.dataclass
class Partial:
    """What `nansum` answers. `units` is the exact sum of the finite values, in units of 2^-1074."""

    count: int = 0
    nan_count: int = 0
    positive_infinity: bool = False
    negative_infinity: bool = False
    units: int = 0

    @classmethod
    def decode(cls, output):
        reader = Reader(output)
        partial = cls(reader.varint(), reader.varint(), reader.boolean(), reader.boolean())
        zeros, *limbs = reader.sequence(reader.varint) or [0]
        reader.end()
        low_first = b"".join(struct.pack("<Q", limb) for limb in limbs)
        partial.units = int.from_bytes(low_first, "little", signed=True) << 64 * zeros
        return partial

    def merge(self, other):
        """Both values together: plain addition, hence in any order."""
        return Partial(
            self.count + other.count,
            self.nan_count + other.nan_count,
            self.positive_infinity or other.positive_infinity,
            self.negative_infinity or other.negative_infinity,
            self.units + other.units,
        )

    def value(self):
        """The sum as a double, rounded once: dividing integers rounds to nearest, ties to even."""
        if self.positive_infinity or self.negative_infinity:
            if self.positive_infinity and self.negative_infinity:
                return float("nan")
            return float("inf" if self.positive_infinity else "-inf")
        try:
            return self.units / 2**1074
        except OverflowError:
            return float("inf" if self.units > 0 else "-inf")
