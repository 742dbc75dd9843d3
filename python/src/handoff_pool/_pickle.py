"""Pickles of calls and results, with the memory of arrays outside them.

A function or class of ``__main__``, a lambda and what a notebook defines travel by value (cloudpickle). Where
workers import ``__main__`` as the standard library's do, what is found there travels by name.
"""

from __future__ import annotations

import io
import pickle
import sys
import types
from collections import ChainMap
from multiprocessing.reduction import ForkingPickler
from typing import Any, ClassVar

import cloudpickle

from . import _arrays

#: Arrays and buffers below this many bytes stay in the pickle.
OUTSIDE = 16 * 1024

_ATOMS = frozenset({int, float, bool, str, bytes, complex, type(None)})
_by_name: dict[Any, bool] = {}
_plain_dumps = pickle.dumps
loads = pickle.loads


class Pickler(cloudpickle.Pickler):  # type: ignore[misc,unused-ignore]
    """Pickles what the standard pickler cannot, and arrays without copying them into the stream."""

    # What multiprocessing knows to send: locks, queues, connections.
    dispatch_table: ClassVar[Any] = ChainMap(
        ForkingPickler._extra_reducers,  # type: ignore[attr-defined]
        cloudpickle.Pickler.dispatch_table,
    )

    def __init__(self, file: io.BytesIO, by_name: bool, outside: bool = True) -> None:
        buffers: list[memoryview] = []

        def take(buffer: pickle.PickleBuffer) -> bool:
            raw = buffer.raw()
            if raw.nbytes < OUTSIDE:
                return True
            buffers.append(raw)
            return False

        super().__init__(file, 5, buffer_callback=take if outside else None)
        self._main = sys.modules.get("__main__") if by_name else None
        self.buffers = buffers
        #: What has to stay alive until the pickle has been read.
        self.held: list[Any] = []

    def reducer_override(self, obj: Any) -> Any:
        kind = type(obj)
        if kind is types.FunctionType or issubclass(kind, type):
            if self._main is not None and _found_in(self._main, obj):
                return NotImplemented
            return super().reducer_override(obj)
        if kind is types.MethodType:
            # By the name under which its object has it, so that its function need not travel.
            if getattr(obj.__self__, obj.__func__.__name__, None) == obj:
                return obj.__reduce__()
            return NotImplemented
        reduce = _arrays.reducers.get(kind)
        return NotImplemented if reduce is None else reduce(self, obj)


def _found_in(module: types.ModuleType, obj: Any) -> bool:
    if getattr(obj, "__module__", None) not in ("__main__", "__mp_main__"):
        return False
    found: Any = module
    for name in obj.__qualname__.split("."):
        found = getattr(found, name, None)
    return found is obj


def _is_importable(function: Any) -> bool:
    """Whether the plain pickler does right by this function."""
    if len(_by_name) > 4096:
        _by_name.clear()
    if not isinstance(function, (types.FunctionType, types.BuiltinFunctionType, type)):
        return False
    name = getattr(function, "__module__", None)
    module = sys.modules.get(name) if isinstance(name, str) and name not in ("__main__", "") else None
    if module is None or getattr(module, function.__qualname__, None) is not function:
        # Not remembered: it may be gone soon, and what it holds with it.
        return False
    _by_name[function] = True
    return True


def dumps(value: Any, by_name: bool) -> tuple[bytes, list[memoryview] | None, list[Any] | None]:
    """A pickle, the buffers outside it, and what has to stay alive meanwhile."""
    _arrays.register()
    file = io.BytesIO()
    pickler = Pickler(file, by_name)
    pickler.dump(value)
    return file.getvalue(), pickler.buffers or None, pickler.held or None


def dumps_call(
    function: Any, args: tuple[Any, ...], kwargs: dict[str, Any], by_name: bool
) -> tuple[bytes, list[memoryview] | None, list[Any] | None]:
    """As :func:`dumps`, for a call."""
    try:
        known = _by_name.get(function)
        if known is None:
            known = _is_importable(function)
    except TypeError:
        known = False
    if known and not kwargs:
        for value in args:
            if type(value) not in _ATOMS:
                break
        else:
            return _plain_dumps((function, args, kwargs), 5), None, None
    return dumps((function, args, kwargs), by_name)


def dumps_result(value: Any, by_name: bool) -> tuple[int, bytes] | tuple[int, bytes, list[memoryview]]:
    """A result as the native module takes it: kind, pickle, buffers."""
    if type(value) in _ATOMS:
        return 0, _plain_dumps(value, 5)
    data, buffers, _ = dumps(value, by_name)
    return (0, data) if buffers is None else (2, data, buffers)
