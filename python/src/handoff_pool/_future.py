"""A future that costs little until somebody waits for it.

A condition, a lock and two lists for every future cost more than a small task does. Here they are created
when they are first looked at; ``concurrent.futures`` (``wait``, ``as_completed``) sees what it always sees.
"""

from __future__ import annotations

import os
import threading
from concurrent.futures import Future as _Future
from concurrent.futures._base import CANCELLED, CANCELLED_AND_NOTIFIED, FINISHED, PENDING, RUNNING
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from ._native import Pool

T = TypeVar("T")


class _Lazy(Generic[T]):
    """An attribute that is made when it is first read, once, whichever thread is first."""

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, instance: Any, owner: type) -> T:
        # Who gives the outcome has done so, or finds this, and wakes waiters.
        with _claims:
            instance._looked = True
        found: T = instance.__dict__.setdefault(self._name, self._make())
        return found


#: Held for an instant, to decide between an outcome and a cancellation, and who has to be woken. What runs in
#: between in the same thread (a handler of a signal, a finalizer) may want it too.
_claims = threading.RLock()
# Another thread may hold it when this one forks.
os.register_at_fork(after_in_child=_claims._at_fork_reinit)  # type: ignore[attr-defined]


class Future(_Future[T]):
    """The result of a task, to come."""

    _state = PENDING
    _result: T | None = None
    _exception: BaseException | None = None
    _condition: Any = _Lazy(threading.Condition)
    _waiters: Any = _Lazy(list)
    _done_callbacks: Any = _Lazy(list)

    #: Who was first: what gave the outcome, or who cancelled.
    _outcome: str | None = None
    #: Whether anybody may be waiting.
    _looked = False
    #: What lives until the outcome is there.
    _held: Any = None
    _pool: Pool | None = None
    #: Known where `_pool` is.
    _call: int = -1
    #: As the standard library: what runs is not cancelled.
    _strict = False
    _progress: tuple[float, float | None] | None = None

    def __init__(self) -> None:
        pass

    @property
    def progress(self) -> tuple[float, float | None] | None:
        """How far the task is, as it last said by ``handoff_pool.progress``: done, and of how many."""
        return self._progress

    def cancel(self) -> bool:
        """Give the task up, also if it runs: ``TaskCancelled`` is raised in it then.

        Where the task goes on all the same, its worker is ended and replaced.
        """
        if self._strict and self.running():
            return False
        if not self._claim(CANCELLED) and self._outcome != CANCELLED:
            return False
        with self._condition:
            if self._state in (CANCELLED, CANCELLED_AND_NOTIFIED):
                return True
            self._state = CANCELLED_AND_NOTIFIED
            for waiter in self._waiters:
                waiter.add_cancelled(self)
            self._condition.notify_all()
        if self._pool is not None:
            self._pool.cancel(self._call)
        self._invoke_callbacks()  # type: ignore[attr-defined]
        return True

    def _claim(self, outcome: str) -> bool:
        """Whether this is the first outcome."""
        with _claims:
            if self._outcome is None:
                self._outcome = outcome
                return True
            return False

    def result(self, timeout: float | None = None) -> T:
        """The result of the task, or the exception that it raised."""
        if self._state == FINISHED and self._exception is None:
            return self._result  # type: ignore[return-value]
        return super().result(timeout)

    def done(self) -> bool:
        """Whether there is an outcome."""
        return self._state not in (PENDING, RUNNING)

    def running(self) -> bool:
        """Whether a worker has the task now."""
        if self._state == RUNNING:
            return True
        return self._state == PENDING and self._pool is not None and self._pool.is_running(self._call)

    def set_result(self, result: T) -> None:
        if self._claim(FINISHED) or self._outcome == FINISHED:
            super().set_result(result)

    def set_exception(self, exception: BaseException | None) -> None:
        if self._claim(FINISHED) or self._outcome == FINISHED:
            super().set_exception(exception)

    def _finish(self, result: Any, exception: BaseException | None) -> None:
        """Give the outcome, unless the future was cancelled. Called once, by the executor's thread."""
        with _claims:
            if self._outcome is not None:
                return
            self._outcome = FINISHED
            if exception is None:
                self._result = result
            else:
                self._exception = exception
            if not self._looked:
                # From here on, a thread that looks finds the future finished.
                self._state = FINISHED
                return
        self._tell()

    def _tell(self) -> None:
        with self._condition:
            # Who holds the condition sees either a future that is not finished, or nothing to wait for.
            self._state = FINISHED
            for waiter in self._waiters:
                if self._exception is None:
                    waiter.add_result(self)
                else:
                    waiter.add_exception(self)
            self._condition.notify_all()
        self._invoke_callbacks()  # type: ignore[attr-defined]
