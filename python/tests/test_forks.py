"""Children that programs fork while other threads are at work."""

from __future__ import annotations

import contextlib
import os
import signal
import threading

import numpy as np
import pytest

import tasks
from handoff_pool import ProcessPoolExecutor, _future, _native, _sight


def ends_well(run):
    """Fork a child that runs a function; say whether it came to its end."""
    child = os.fork()
    if child == 0:
        signal.alarm(20)
        try:
            run()
            os._exit(0)
        finally:
            os._exit(1)
    return os.waitpid(child, 0)[1] == 0


def locks():
    adapter = pytest.importorskip("handoff_pool.joblib")
    return [_future._claims, _sight._printing, adapter._lock]


def test_a_child_does_not_wait_for_threads_that_it_does_not_have():
    held, let_go = threading.Event(), threading.Event()

    def hold():
        with contextlib.ExitStack() as stack:
            for lock in locks():
                stack.enter_context(lock)
            held.set()
            let_go.wait()

    holding = threading.Thread(target=hold)
    holding.start()
    held.wait()
    try:
        assert ends_well(lambda: [lock.acquire() for lock in locks()])
    finally:
        let_go.set()
        holding.join()


def test_a_child_has_blocks_of_its_own_whatever_threads_do():
    data = np.ones(8 << 20)
    over = threading.Event()

    def send(pool):
        while not over.is_set():
            pool.submit(len, data).result(60)

    with ProcessPoolExecutor(1) as pool:
        # Nothing is kept: the pool's thread is at its table for as long as the kernel takes the memory back.
        _native.divide_blocks(1 << 40)
        sending = threading.Thread(target=send, args=(pool,))
        sending.start()
        try:
            assert all(ends_well(_native.clear_blocks) for _ in range(100))
        finally:
            over.set()
            sending.join()
            _native.divide_blocks(1)


def test_a_result_that_a_child_drops_is_kept_here():
    with ProcessPoolExecutor(1) as pool:
        result = pool.submit(tasks.made, 500_000, 1.0).result(60)

        def drop():
            nonlocal result
            del result

        assert ends_well(drop)
        other = pool.submit(tasks.made, 500_000, 2.0).result(60)
        assert (float(result[-1]), float(other[-1])) == (1, 2)


def test_a_child_does_not_write_to_what_its_parent_makes():
    made = _native.lease(1 << 20)

    def make_another():
        nonlocal made
        del made
        memoryview(_native.lease(1 << 20))[:] = bytes(1 << 20)

    assert ends_well(make_another)
    assert len(made) == 1 << 20
