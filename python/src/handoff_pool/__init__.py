"""A drop-in ``concurrent.futures`` process pool whose workers may die, hang or leak.

Change the import, and one killed worker costs one task; a task has a time limit, can be cancelled while it
runs, and hands large arrays over without copying them.
"""

from ._arrays import empty, share
from ._errors import (
    DeathReport,
    ResultUnpicklingError,
    TaskCancelled,
    TaskTimeout,
    TaskUnpicklingError,
    WorkerDied,
)
from ._executor import ProcessPoolExecutor
from ._future import Future
from ._sight import progress

__all__ = [
    "DeathReport",
    "Future",
    "ProcessPoolExecutor",
    "ResultUnpicklingError",
    "TaskCancelled",
    "TaskTimeout",
    "TaskUnpicklingError",
    "WorkerDied",
    "empty",
    "progress",
    "share",
]
