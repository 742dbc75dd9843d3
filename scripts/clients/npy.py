"""Just enough of NumPy's .npy format to find a column: where the records begin, and what they hold."""

import ast
import dataclasses
import struct

# In the order in which crates/dataset numbers them; the place is the tag.
KINDS = ["f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "b1", "f2"]


@dataclasses.dataclass(frozen=True)
class Column:
    """Where the values of one field lie within records; byte counts."""

    offset: int
    stride: int
    kind: str
    big_endian: bool


@dataclasses.dataclass(frozen=True)
class Dataset:
    """One column of a file: its records are the bytes `[start, start + records * stride)`."""

    path: str
    start: int
    records: int
    column: Column

    @property
    def end(self):
        return self.start + self.records * self.column.stride


def open_column(path, field=None):
    """The column `field` of the dataset at `path`; of a plain array, with no field, all of it."""
    with open(path, "rb") as file:
        magic, major, _minor = struct.unpack("<6sBB", file.read(8))
        if magic != b"\x93NUMPY":
            raise ValueError(f"{path} is not a .npy file")
        (length,) = struct.unpack("<H", file.read(2)) if major == 1 else struct.unpack("<I", file.read(4))
        header = ast.literal_eval(file.read(length).decode("latin1" if major < 3 else "utf8"))
        start = file.tell()
    (records,) = header["shape"]
    descr = header["descr"]
    if isinstance(descr, str):
        descr = [("", descr)]
    offset, found = 0, None
    for name, code, *_ in descr:
        if name == (field or ""):
            found = (offset, code)
        offset += _size(code)
    if found is None:
        raise ValueError(f"{path} has no field {field!r}")
    at, code = found
    if code[1:] not in KINDS:
        raise ValueError(f"field {field!r} is {code}, which cannot be summed")
    column = Column(offset=at, stride=offset, kind=code[1:], big_endian=code[0] == ">")
    return Dataset(path, start, records, column)


def _size(code):
    """Bytes of a value: `<f8`, `|S5`, `<U3` (four bytes a character), `<M8[ns]`."""
    count = int(code[2:].partition("[")[0])
    return 4 * count if code[1] == "U" else count
