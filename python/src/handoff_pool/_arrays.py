"""NumPy arrays that travel as memory: shared, mapped from files, or copied once.

What a task receives is its own to write to: it is mapped copy-on-write. This module does not import NumPy;
it registers its reducers when the program has.
"""

from __future__ import annotations

import mmap
import os
import sys
import weakref
from typing import TYPE_CHECKING, Any, cast

from . import _native

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from ._pickle import Pickler

#: Reducers by type, for the pickler.
reducers: dict[type, Any] = {}
#: Whether this process is a worker: what lies in its memory or files may be gone when its result is read.
in_worker = False

_SMALL = 16 * 1024
_files: weakref.WeakKeyDictionary[mmap.mmap, tuple[int, str, int, int, int] | None] = (
    weakref.WeakKeyDictionary()
)


def register() -> None:
    """Register the reducers once NumPy is there."""
    if len(reducers) > 1 or "numpy" not in sys.modules:
        return
    import numpy as np

    reducers.update({np.ndarray: _reduce, np.memmap: _reduce, np.recarray: _reduce})


def _reduce_buffer(_: Pickler, buffer: _native.Buffer) -> Any:
    from pickle import PickleBuffer

    return _itself, (PickleBuffer(buffer),)


def _itself(buffer: Any) -> Any:
    return buffer


reducers[_native.Buffer] = _reduce_buffer


def _reduce(pickler: Pickler, array: np.ndarray[Any, Any]) -> Any:
    import numpy as np

    if array.dtype.hasobject:
        return NotImplemented
    record = type(array) is np.recarray
    if array.nbytes < _SMALL:
        # As older protocols have it: what comes out is writable.
        plain = np.asarray(array)
        if not array.dtype.isnative:
            # Those would come out in the native order.
            data = bytearray(plain.tobytes())
            return _contiguous, (data, array.dtype, array.shape, "C", record)
        return (_as_record, (plain,)) if record else plain.__reduce__()
    if not in_worker:
        elsewhere = _reduce_elsewhere(pickler, array)
        if elsewhere is not None:
            return (_as_record, (_Later(elsewhere),)) if record else elsewhere
    order = "F" if array.flags.f_contiguous and not array.flags.c_contiguous else "C"
    if not array.flags.contiguous and not array.flags.f_contiguous:
        array = np.ascontiguousarray(array)
    flat = np.asarray(array).reshape(-1, order=order).view(np.uint8)  # type: ignore[call-overload]
    from pickle import PickleBuffer

    return _contiguous, (PickleBuffer(flat), array.dtype, array.shape, order, record)


class _Later:
    """Something that is reduced in a way of its own."""

    def __init__(self, reduced: Any) -> None:
        self._reduced = reduced

    def __reduce__(self) -> Any:
        return self._reduced


def _reduce_elsewhere(pickler: Pickler, array: np.ndarray[Any, Any]) -> Any:
    """An array whose memory workers can reach: a shared one, or one mapped from a file."""
    import numpy as np

    base: Any = array.base
    while isinstance(base, np.ndarray):
        base = base.base
    if isinstance(base, memoryview):
        base = base.obj
    if type(base) is _native.Buffer:
        place = base.place
        if place is None:
            return None
        pid, fd, inode, start, _ = place
        low, length, inside = _extent(array)
        pickler.held.append(base)
        offset = start + low - base.address
        source: Any = (pid, fd, inode)
        return _strided, (
            "shared", source, offset, length, array.dtype, array.shape, array.strides, inside,
        )  # fmt: skip
    if type(base) is mmap.mmap:
        found = _file_of(base)
        if found is None:
            return None
        address, path, device, inode, start = found
        low, length, inside = _extent(array)
        pickler.held.append(base)
        source = (path, device, inode)
        offset = start + low - address
        return _strided, (
            "file", source, offset, length, array.dtype, array.shape, array.strides, inside,
        )  # fmt: skip
    return None


def _extent(array: np.ndarray[Any, Any]) -> tuple[int, int, int]:
    """The address of the lowest byte of an array, how many bytes it spans, and where it begins in them."""
    address: int = array.__array_interface__["data"][0]
    low = sum(min(0, (n - 1) * step) for n, step in zip(array.shape, array.strides, strict=True))
    high = sum(max(0, (n - 1) * step) for n, step in zip(array.shape, array.strides, strict=True))
    return address + low, high - low + array.itemsize, -low


def _file_of(mapped: mmap.mmap) -> tuple[int, str, int, int, int] | None:
    """Address, path, device, inode and offset of a file mapped read-only; None for any other memory."""
    try:
        return _files[mapped]
    except KeyError:
        pass
    import numpy as np

    address = np.frombuffer(mapped, np.uint8).__array_interface__["data"][0]
    found = None
    with open("/proc/self/maps") as maps:
        for line in maps:
            span, access, offset, _, _, *path = line.rstrip("\n").split(None, 5)
            first, last = (int(number, 16) for number in span.split("-"))
            if not first <= address < last:
                continue
            if access[1] == "-" and access[3] == "s" and path and path[0].startswith("/"):
                found = _identified(address, path[0], int(offset, 16) + address - first, line)
            break
    _files[mapped] = found
    return found


def _identified(address: int, path: str, offset: int, line: str) -> tuple[int, str, int, int, int] | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    if int(line.split()[4]) != status.st_ino:
        return None
    return address, path, status.st_dev, status.st_ino, offset


def _contiguous(
    buffer: Any, dtype: np.dtype[Any], shape: tuple[int, ...], order: Any, record: bool
) -> np.ndarray[Any, Any]:
    import numpy as np

    array: np.ndarray[Any, Any] = np.ndarray(shape, dtype, buffer=cast(Any, buffer), order=order)
    return array.view(np.recarray) if record else array


def _strided(
    kind: str, source: Any, offset: int, length: int,
    dtype: np.dtype[Any], shape: tuple[int, ...], strides: tuple[int, ...], inside: int,
) -> np.ndarray[Any, Any]:  # fmt: skip
    import numpy as np

    if kind == "shared":
        buffer = _native.view_shared(source, offset, length)
    else:
        path, device, inode = source
        buffer = _native.view_file(path, (device, inode), offset, length)
    return np.ndarray(shape, dtype, buffer=cast(Any, buffer), offset=inside, strides=strides)


def _as_record(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    import numpy as np

    return array.view(np.recarray)


def share(array: npt.ArrayLike) -> np.ndarray[Any, Any]:
    """A read-only copy of an array that tasks of every executor reach without copying it again.

    Pass it, or any view of it, to as many tasks as you like. The memory goes when the array and the
    tasks that have it are gone.
    """
    import numpy as np

    found = np.asarray(array)
    if found.dtype.hasobject:
        raise TypeError("an array of Python objects cannot be shared")
    found = np.ascontiguousarray(found) if found.nbytes else found
    if not found.nbytes:
        return found.copy()
    shape = np.shape(array)
    buffer = _native.share(found.reshape(-1).view(np.uint8))
    return np.ndarray(shape, found.dtype, buffer=cast(Any, buffer))


def empty(shape: int | tuple[int, ...], dtype: npt.DTypeLike = float) -> np.ndarray[Any, Any]:
    """An array to make a task's result in: where it is large, it is returned without a copy.

    As ``numpy.empty``, its contents are arbitrary. Outside a worker it is ``numpy.empty``.
    """
    import numpy as np

    kind = np.dtype(dtype)
    sizes = (shape,) if isinstance(shape, int) else tuple(shape)
    length = kind.itemsize
    for size in sizes:
        length *= size
    if not in_worker or length < 1 << 20 or kind.hasobject:
        return np.empty(sizes, kind)
    try:
        buffer = _native.lease(length)
    except OSError:
        # The parent keeps results in all blocks.
        return np.empty(sizes, kind)
    return np.ndarray(sizes, kind, buffer=cast(Any, buffer))
