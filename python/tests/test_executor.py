"""The executor as the standard library's users know it."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import pickle
import threading
import time
import weakref
from concurrent.futures import (
    FIRST_COMPLETED,
    CancelledError,
    InvalidStateError,
    as_completed,
    wait,
)
from concurrent.futures.process import BrokenProcessPool

import pytest

import handoff_pool
import tasks
from handoff_pool import ProcessPoolExecutor


def test_a_result_an_exception_and_its_remote_traceback(pool):
    assert pool.submit(tasks.add, 1, b=2).result() == 3
    error = pool.submit(tasks.fail, "of the task").exception()
    assert isinstance(error, ValueError)
    assert "raise ValueError(text)" in str(error.__cause__)
    assert pool.submit(tasks.leave, 3).exception().code == 3


def test_lambdas_closures_and_classes_of_main_travel_by_value(pool):
    offset = 5

    class Point:
        def __init__(self, x):
            self.x = x

    assert pool.submit(lambda x: x + offset, 1).result() == 6
    moved = pool.submit(lambda point: Point(point.x + 1), Point(1)).result()
    assert isinstance(moved, Point) and moved.x == 2


@pytest.mark.parametrize("chunksize", [None, 1, 7])
def test_map_gives_all_results_in_order(pool, chunksize):
    assert list(pool.map(tasks.add, range(1000), chunksize=chunksize)) == list(range(1, 1001))
    assert list(pool.map(tasks.add, range(5), range(7), chunksize=chunksize)) == [0, 2, 4, 6, 8]
    assert list(pool.map(tasks.add, [], chunksize=chunksize)) == []
    assert sorted(pool.map(tasks.add, range(50), chunksize=chunksize, ordered=False)) == list(range(1, 51))


def test_map_gives_what_came_before_an_exception(pool):
    results = pool.map(lambda x: 1 // (500 - x), range(1000))
    given = [next(results) for _ in range(500)]
    assert given[499] == 1
    with pytest.raises(ZeroDivisionError):
        next(results)


def test_maps_that_follow_each_other_with_and_without_pauses(pool):
    for round, count in enumerate([10, 100_000, 1, 300_000] * 10):
        assert sum(pool.map(tasks.echo, range(count))) == count * (count - 1) // 2
        time.sleep((0, 0.0005, 0.002, 0.05, 0.001)[round % 5])
    counters = pool.stats()
    assert counters["died"] == 0 and counters["started"] == 2


def test_map_with_a_buffer_takes_no_more_than_it_may(pool):
    taken = []

    def items():
        for number in range(100):
            taken.append(number)
            yield number

    results = pool.map(tasks.add, items(), buffersize=4)
    assert len(taken) == 4
    assert [next(results) for _ in range(10)] == list(range(1, 11))
    assert len(taken) <= 14
    assert list(results) == list(range(11, 101))
    with pytest.raises(ValueError):
        pool.map(tasks.add, [1], buffersize=0)
    with pytest.raises(ValueError):
        pool.map(tasks.add, [1], chunksize=0)


def test_wait_as_completed_and_callbacks_see_every_future(pool, tmp_path):
    slow = pool.submit(tasks.wait_for, str(tmp_path / "go"))
    quick = [pool.submit(tasks.add, number) for number in range(20)]
    called = threading.Event()
    slow.add_done_callback(lambda future: called.set())
    done, pending = wait([slow, *quick], return_when=FIRST_COMPLETED, timeout=60)
    assert done and slow in pending
    assert {future.result() for future in as_completed(quick, timeout=60)} == set(range(1, 21))
    assert not slow.done() and not called.is_set()
    (tmp_path / "go").touch()
    assert slow.result(60) and called.wait(60)
    late = []
    slow.add_done_callback(late.append)
    assert late == [slow]
    assert wait([slow, *quick]).not_done == set()


def test_a_future_waited_for_too_long_times_out_and_goes_on(pool, tmp_path):
    future = pool.submit(tasks.wait_for, str(tmp_path / "go"))
    with pytest.raises(TimeoutError):
        future.result(0.01)
    (tmp_path / "go").touch()
    assert future.result(60)


def test_what_cannot_be_pickled_fails_its_own_future(pool):
    with pytest.raises(TypeError, match="no pickle of this"):
        pool.submit(tasks.echo, tasks.Unpicklable()).result()
    with pytest.raises(TypeError, match="no pickle of this"):
        pool.submit(tasks.unpicklable).result()
    with pytest.raises(RuntimeError, match="cannot be pickled"):
        pool.submit(tasks.unpicklable_error).result()
    with pytest.raises(handoff_pool.ResultUnpicklingError):
        pool.submit(tasks.stubborn).result()
    assert pool.submit(tasks.add, 1).result() == 2


def test_large_pickles_both_ways(pool):
    text = "x" * 3_000_000
    assert pool.submit(tasks.echo, text).result() == text
    numbers = list(range(300_000))
    assert pool.submit(tasks.echo, numbers).result() == numbers


def test_shutdown_lets_everything_finish_and_takes_nothing_more(method):
    pool = ProcessPoolExecutor(2, start_method=method)
    futures = [pool.submit(tasks.add, number) for number in range(100)]
    pool.shutdown(wait=False)
    with pytest.raises(RuntimeError, match="after shutdown"):
        pool.submit(tasks.add, 1)
    assert [future.result(60) for future in futures] == list(range(1, 101))
    pool.shutdown()


def test_an_executor_that_did_nothing_ends(method):
    with ProcessPoolExecutor(2, start_method=method):
        pass


def test_cancel_futures_leaves_what_runs(method, tmp_path):
    pool = ProcessPoolExecutor(1, start_method=method)
    first = pool.submit(tasks.begin_and_wait, str(tmp_path / "begun"), str(tmp_path / "go"))
    rest = [pool.submit(tasks.add, number) for number in range(50)]
    tasks.wait_for(str(tmp_path / "begun"))
    pool.shutdown(wait=False, cancel_futures=True)
    assert not wait(rest, timeout=60).not_done
    assert sum(future.cancelled() for future in rest) >= 48
    (tmp_path / "go").touch()
    assert first.result(60)


def test_a_collected_executor_finishes_its_work(method):
    pool = ProcessPoolExecutor(1, start_method=method)
    future = pool.submit(tasks.add, 1)
    seen = weakref.ref(pool)
    del pool
    assert seen() is None
    assert future.result(60) == 2


def test_an_initializer_runs_once_in_every_worker(method):
    with ProcessPoolExecutor(
        2, multiprocessing.get_context(method), initializer=tasks.initialise, initargs=("set",)
    ) as pool:
        assert {pool.submit(tasks.value).result() for _ in range(10)} == {"set"}


def test_an_initializer_that_fails_breaks_the_executor(method, capfd):
    with ProcessPoolExecutor(2, start_method=method, initializer=tasks.broken_initialiser) as pool:
        with pytest.raises(BrokenProcessPool, match="initializer"):
            pool.submit(tasks.add, 1).result(60)
        with pytest.raises(BrokenProcessPool):
            pool.submit(tasks.add, 1).result(60)


@pytest.mark.parametrize("kind", ["Lock", "Queue", "Event"])
def test_an_initializer_may_be_given_locks_and_queues(kind):
    context = multiprocessing.get_context("spawn")
    made = getattr(context, kind)()
    with ProcessPoolExecutor(1, context, initializer=tasks.initialise, initargs=(made,)) as pool:
        pool.submit(tasks.value).exception(60)
    if kind == "Queue":
        made.close()
        made.join_thread()


def test_arguments_are_checked():
    for wrong in (0, -1):
        with pytest.raises(ValueError):
            ProcessPoolExecutor(wrong)
    with pytest.raises(TypeError):
        ProcessPoolExecutor(1, initializer=5)
    with pytest.raises(ValueError):
        ProcessPoolExecutor(1, start_method="threads")
    with pytest.raises(ValueError):
        ProcessPoolExecutor(1, max_memory_per_child="many")
    with pytest.raises(ValueError):
        ProcessPoolExecutor(1, spare=-1)
    with pytest.raises(ValueError):
        ProcessPoolExecutor(1, idle_timeout=-1)
    with pytest.raises(ValueError):
        ProcessPoolExecutor(1, multiprocessing.get_context("fork"), max_tasks_per_child=1)


def test_workers_are_replaced_after_so_many_tasks():
    with ProcessPoolExecutor(1, start_method="spawn", max_tasks_per_child=2) as pool:
        pids = [pool.submit(tasks.pid).result(60) for _ in range(6)]
    assert [pids.count(pid) for pid in dict.fromkeys(pids)] == [2, 2, 2]


def test_asyncio_runs_and_cancels(pool, tmp_path):
    async def main():
        loop = asyncio.get_running_loop()
        assert await pool.run(tasks.add, 1) == 2
        assert await loop.run_in_executor(pool, tasks.add, 2) == 3
        with pytest.raises(ValueError):
            await pool.run(tasks.fail, "here")
        begun = tmp_path / "begun"
        task = asyncio.create_task(pool.run(tasks.begin_and_wait, str(begun), str(tmp_path / "never")))
        while not begun.exists():
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await pool.run(tasks.add, 1) == 2

    asyncio.run(main())


def test_processes_and_statistics_can_be_looked_at(pool, tmp_path):
    assert pool.submit(tasks.add, 1).result() == 2
    processes = pool._processes
    assert 1 <= len(processes) <= 2
    assert all(pid == process.pid and process.is_alive() for pid, process in processes.items())
    assert pool.submit(tasks.pid).result() in processes
    assert 1 <= pool.stats()["workers"] <= 2
    kept = list(processes.values())
    pool.shutdown()
    for process in kept:
        process.join(60)
        assert not process.is_alive()


def test_a_trace_is_written(tmp_path):
    import json

    with ProcessPoolExecutor(1, trace=True) as pool:
        list(pool.map(tasks.add, range(5), chunksize=1))
        pool.trace(tmp_path / "trace.json")
    events = json.loads((tmp_path / "trace.json").read_text())["traceEvents"]
    assert sum(event["ph"] == "X" for event in events) >= 4


def test_a_future_keeps_the_rules_of_futures():
    future = handoff_pool.Future()
    assert not future.done() and not future.running() and "pending" in repr(future)
    future.set_result(1)
    with pytest.raises(InvalidStateError):
        future.set_result(2)
    assert future.result() == 1 and not future.cancel()
    other = handoff_pool.Future()
    assert other.cancel() and other.cancel() and other.cancelled()
    with pytest.raises(CancelledError):
        other.result()
    assert wait([other], timeout=0).done == {other}


def test_cancel_and_a_result_do_not_both_win():
    for _ in range(2000):
        future = handoff_pool.Future()
        thread = threading.Thread(target=future._finish, args=(5, None))
        thread.start()
        cancelled = future.cancel()
        thread.join()
        assert cancelled == future.cancelled()
        if not cancelled:
            assert future.result(10) == 5


def test_a_forked_child_can_do_nothing_with_the_executor():
    with ProcessPoolExecutor(1) as pool:
        assert pool.submit(tasks.add, 1).result() == 2
        child = os.fork()
        if child == 0:
            code = 1
            try:
                pool.submit(tasks.add, 1)
            except BrokenProcessPool:
                code = 0
            finally:
                os._exit(code)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert pool.submit(tasks.add, 1).result() == 2


def test_errors_can_be_pickled():
    error = handoff_pool.WorkerDied("gone", None)
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is type(error) and str(again) == "gone"


def finish(futures):
    """Give all a result, while other threads may look at any moment."""
    for number, future in enumerate(futures):
        future._finish(number, None)
        if number % 16 == 0:
            time.sleep(0)


@pytest.mark.parametrize("look", ["wait", "as_completed"])
def test_results_that_come_while_somebody_looks_are_seen_once(look):
    for _ in range(10):
        futures = [handoff_pool.Future() for _ in range(5000)]
        *most, last = futures
        giving = threading.Thread(target=finish, args=(most,))
        giving.start()
        threading.Timer(0.1, finish, args=([last],)).start()
        if look == "wait":
            assert wait(futures).not_done == set()
        else:
            assert len(list(as_completed(futures))) == 5000
        giving.join()


def test_a_future_may_be_cancelled_where_another_is_decided():
    # As by a finalizer or a handler of a signal that runs in between.
    from handoff_pool import _future

    future = handoff_pool.Future()
    with _future._claims:
        assert future.cancel()


def test_threads_of_numerical_libraries_are_bounded(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "7")

    def bounds():
        import os

        return os.environ.get("OMP_NUM_THREADS"), os.environ.get("OPENBLAS_NUM_THREADS")

    for start_method in ("spawn", "forkserver"):
        with ProcessPoolExecutor(2, start_method=start_method) as pool:
            bound, own = pool.submit(bounds).result(60)
        assert bound is not None and int(bound) >= 1 and own == "7"
        with ProcessPoolExecutor(2, start_method=start_method, inner_max_num_threads=3) as pool:
            assert pool.submit(bounds).result(60) == ("3", "3")


@pytest.mark.parametrize("start_method", ["spawn", "forkserver"])
def test_workers_are_started_on_demand_and_leave_when_idle(start_method):
    with ProcessPoolExecutor(4, start_method=start_method, idle_timeout=2) as pool:
        first = pool.submit(tasks.pid).result(60)
        process = pool._processes[first]
        assert pool.submit(tasks.pid).result(60) == first
        process.join(60)
        assert not process.is_alive()
        assert pool.submit(tasks.pid).result(60) != first


def test_a_spare_worker_takes_the_place_of_one_that_died(capfd):
    with ProcessPoolExecutor(1, start_method="spawn", spare=1) as pool:
        assert pool.submit(tasks.add, 1).result(60) == 2
        assert pool.submit(tasks.die).exception(60) is not None
        assert pool.submit(tasks.add, 1).result(60) == 2
