"""The arguments of an executor, checked and converted."""

from __future__ import annotations

import itertools
import os
from typing import Any

_UNITS = {"b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "kib": 2**10, "mib": 2**20, "gib": 2**30}


def checked_workers(asked: int | None) -> int:
    """The number of workers; by default that of the processors that this process may use."""
    if asked is None:
        return min(len(os.sched_getaffinity(0)), 1024)
    if asked <= 0:
        raise ValueError("max_workers must be greater than 0")
    return asked


def method_of(mp_context: Any, start_method: str | None) -> str:
    """The start method, by its name."""
    if mp_context is not None:
        method = mp_context.get_start_method(allow_none=False)
    else:
        method = start_method or "forkserver"
    if method not in ("fork", "spawn", "forkserver"):
        raise ValueError(f"start_method is fork, spawn or forkserver, not {method!r}")
    return str(method)


def check_tasks(max_tasks_per_child: int | None, method: str | None) -> None:
    """Raise where this number of tasks per child is refused."""
    if max_tasks_per_child is None:
        return
    if not isinstance(max_tasks_per_child, int):
        raise TypeError("max_tasks_per_child must be an integer")
    if max_tasks_per_child <= 0:
        raise ValueError("max_tasks_per_child must be >= 1")
    if method == "fork":
        raise ValueError(
            "max_tasks_per_child is incompatible with the 'fork' multiprocessing start method; "
            "supply a different mp_context."
        )


def bytes_of(size: int | str | None) -> int | None:
    """A size in bytes: a number, or a text with a unit."""
    if size is None or isinstance(size, int):
        return size
    digits = "".join(itertools.takewhile(lambda c: c.isdigit() or c == ".", size.strip()))
    unit = size.strip()[len(digits) :].strip().lower() or "b"
    if not digits or unit not in _UNITS:
        raise ValueError(f'{size!r} is no size; write an integer or, say, "2 GiB"')
    return int(float(digits) * _UNITS[unit])


def level_of(asked: int | str | None, mp_context: Any) -> int | None:
    """The level from which on records of workers are forwarded; None for none."""
    import logging

    if asked is None:
        # With a context, existing programs see what they saw.
        return None if mp_context is not None else logging.getLogger().getEffectiveLevel()
    if isinstance(asked, int):
        return asked
    level: Any = logging.getLevelName(asked.upper())
    if not isinstance(level, int):
        raise ValueError(f"{asked!r} is no level of logging")
    return level


def forwards(asked: str | None) -> bool:
    """Whether the output of workers goes through sys.stdout of this process."""
    import sys

    if asked not in (None, "forward", "inherit"):
        raise ValueError('stdout is "forward" or "inherit"')
    if asked is not None:
        return asked == "forward"
    try:
        return sys.stdout is not None and sys.stdout.fileno() != 1
    except Exception:
        return True
