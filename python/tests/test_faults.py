"""Workers that die, hang, or are given up."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures.process import BrokenProcessPool

import psutil
import pytest

import tasks
from handoff_pool import ProcessPoolExecutor, TaskTimeout, WorkerDied


def test_a_death_costs_one_task_and_says_why(pool, capfd):
    killed = pool.submit(tasks.die)
    others = [pool.submit(tasks.add, number) for number in range(200)]
    with pytest.raises(WorkerDied, match="SIGKILL") as caught:
        killed.result(60)
    assert [future.result(60) for future in others] == list(range(1, 201))
    report = caught.value.report
    assert report.signal == signal.SIGKILL and report.signal_name == "SIGKILL"
    assert report.pid and report.attempts == 1 and not report.oom
    assert isinstance(caught.value, BrokenProcessPool)
    assert "about to die" in caught.value.__notes__[0]
    # What is counted is seen a moment later.
    while pool.stats()["died"] != 1:
        time.sleep(0.01)


def test_a_crash_shows_where_python_was(pool, capfd):
    error = pool.submit(tasks.die, signal.SIGSEGV).exception(60)
    assert isinstance(error, WorkerDied)
    assert any("tasks.py" in line for line in error.report.stderr), error.report.stderr


def test_retries_run_a_task_again_whose_worker_died(method, tmp_path):
    with ProcessPoolExecutor(1, start_method=method, retries=1) as pool:
        assert pool.submit(tasks.die_once, str(tmp_path / "died")).result(60) == "alive"
        assert isinstance(pool.options(retries=0).submit(tasks.die).exception(60), WorkerDied)


def test_a_task_over_its_limit_fails_alone(pool, tmp_path):
    limited = pool.options(timeout=0.3)
    slow = limited.submit(tasks.wait_for, str(tmp_path / "never"))
    others = [pool.submit(tasks.add, number) for number in range(50)]
    with pytest.raises(TaskTimeout):
        slow.result(60)
    assert [future.result(60) for future in others] == list(range(1, 51))


def test_a_running_task_can_be_cancelled(pool, tmp_path):
    begun = tmp_path / "begun"
    running = pool.submit(tasks.begin_and_wait, str(begun), str(tmp_path / "never"))
    tasks.wait_for(str(begun))
    others = [pool.submit(tasks.add, number) for number in range(50)]
    tasks.until(running.running)
    assert running.cancel() and running.cancelled()
    assert [future.result(60) for future in others] == list(range(1, 51))


def pid_in(path):
    tasks.wait_for(str(path))
    while not (text := path.read_text()):
        time.sleep(0.01)
    return int(text)


@pytest.mark.parametrize("how", ["cancel", "timeout"])
def test_a_task_that_is_ended_cleans_up_and_keeps_its_worker(method, how, tmp_path):
    begun, cleaned = tmp_path / "begun", tmp_path / "cleaned"
    with ProcessPoolExecutor(1, start_method=method, cancel_grace=60) as pool:
        limit = 0.3 if how == "timeout" else None
        future = pool.options(timeout=limit).submit(tasks.clean_up_after, str(begun), str(cleaned))
        pid = pid_in(begun)
        if how == "cancel":
            assert future.cancel()
        else:
            assert isinstance(future.exception(60), TaskTimeout)
        assert [pool.submit(tasks.pid).result(60) for _ in range(3)] == [pid] * 3
        assert cleaned.exists()
        assert pool.stats()["started"] == 1 and pool.stats()["died"] == 0


def test_a_task_that_goes_on_after_it_was_cancelled_is_ended_with_its_worker(method, tmp_path):
    begun, cleaned = tmp_path / "begun", tmp_path / "cleaned"
    with ProcessPoolExecutor(1, start_method=method, cancel_grace=0.05) as pool:
        future = pool.submit(tasks.clean_up_after, str(begun), str(cleaned), deaf=True)
        pid = pid_in(begun)
        assert future.cancel()
        assert pool.submit(tasks.pid).result(60) != pid
        assert cleaned.exists()


def test_nothing_is_raised_in_a_task_that_comes_after_a_cancelled_one(method):
    with ProcessPoolExecutor(1, start_method=method, cancel_grace=60) as pool:
        for number in range(200):
            given_up = pool.submit(tasks.add, number)
            kept = pool.submit(tasks.add, number)
            given_up.cancel()
            assert kept.result(60) == number + 1


def test_a_queued_task_that_is_cancelled_never_runs(method, tmp_path):
    with ProcessPoolExecutor(1, start_method=method) as pool:
        first = pool.submit(tasks.begin_and_wait, str(tmp_path / "begun"), str(tmp_path / "go"))
        tasks.wait_for(str(tmp_path / "begun"))
        queued = pool.submit(tasks.begin_and_wait, str(tmp_path / "other"), str(tmp_path / "go"))
        assert queued.cancel()
        (tmp_path / "go").touch()
        assert first.result(60)
    assert not (tmp_path / "other").exists()


def test_broken_as_the_standard_library_if_asked(method, tmp_path, capfd):
    with ProcessPoolExecutor(1, start_method=method, on_death="break") as pool:
        first = pool.submit(tasks.die)
        waiting = [pool.submit(tasks.wait_for, str(tmp_path / "never")) for _ in range(3)]
        for future in [first, *waiting]:
            assert isinstance(future.exception(60), BrokenProcessPool)
        with pytest.raises(BrokenProcessPool):
            pool.submit(tasks.add, 1)


@pytest.mark.parametrize("how", ["terminate_workers", "kill_workers"])
def test_workers_can_be_ended_at_once(method, how, tmp_path):
    pool = ProcessPoolExecutor(2, start_method=method)
    futures = [pool.submit(tasks.wait_for, str(tmp_path / "never")) for _ in range(5)]
    assert pool._processes
    getattr(pool, how)()
    assert all(isinstance(future.exception(60), BrokenProcessPool) for future in futures)
    with pytest.raises((RuntimeError, BrokenProcessPool)):
        pool.submit(tasks.add, 1)


def test_kills_while_many_threads_submit(method):
    wrong = []

    def load(pool, first):
        for number in range(first, first + 150):
            future = pool.submit(tasks.add, number)
            error = future.exception(60)
            if error is None and future.result() != number + 1:
                wrong.append(number)
            if error is not None and not isinstance(error, WorkerDied):
                wrong.append(error)

    with ProcessPoolExecutor(2, start_method=method) as pool:
        threads = [threading.Thread(target=load, args=(pool, 1000 * n)) for n in range(4)]
        for thread in threads:
            thread.start()
        for _ in range(3):
            for process in list(pool._processes.values())[:1]:
                process.kill()
            time.sleep(0.02)
        for thread in threads:
            thread.join(100)
        assert not any(thread.is_alive() for thread in threads)
    assert wrong == []


def test_a_worker_is_replaced_that_grew_too_large():
    def grow():
        import os

        grow.kept = bytearray(200_000_000)
        return os.getpid()

    with ProcessPoolExecutor(1, max_memory_per_child="100 MB") as pool:
        assert len({pool.submit(grow).result(60) for _ in range(3)}) == 3


def test_nothing_is_left_of_a_program_that_was_killed(method, tmp_path):
    program = tmp_path / "program.py"
    program.write_text(
        "import os, sys, time\n"
        "from handoff_pool import ProcessPoolExecutor\n"
        f"pool = ProcessPoolExecutor(2, start_method={method!r})\n"
        "running = [pool.submit(time.sleep, 1000) for _ in range(2)]\n"
        "pool.submit(time.sleep, 0)\n"
        "print(*pool._processes, flush=True)\n"
        "time.sleep(1000)\n"
    )
    ran = subprocess.Popen([sys.executable, program], stdout=subprocess.PIPE, text=True)
    with ran:
        pids = [int(word) for word in ran.stdout.readline().split()]
        assert len(pids) == 2
        ran.kill()
    for pid in pids:
        with contextlib.suppress(psutil.NoSuchProcess):
            psutil.Process(pid).wait(60)


def test_a_call_that_is_submitted_as_the_pool_ends_fails(monkeypatch):
    with ProcessPoolExecutor(1, start_method="spawn") as pool:
        start = pool._start

        def start_and_end():
            native = start()
            native.begin_shutdown(False)
            assert native.wait_ended(60)
            # The thread takes what is left, and ends as soon as it may.
            pool._state.thread.join(0.5)
            return native

        monkeypatch.setattr(pool, "_start", start_and_end)
        with pytest.raises((BrokenProcessPool, RuntimeError)):
            pool.submit(tasks.pid).result(30)
        with pytest.raises(BrokenProcessPool, match="has ended"):
            pool._state.thread.join()
            pool.submit(tasks.pid)


#: The program stops itself as its task ends, and goes on when its worker is dead.
LATE = """
import os, signal, threading, time
import handoff_pool

def make_and_die(parent):
    os.kill(parent, signal.SIGSTOP)
    threading.Timer(1, os.kill, (os.getpid(), signal.SIGKILL)).start()
    return handoff_pool.empty(500_000)

with handoff_pool.ProcessPoolExecutor(1) as pool:
    print(pool.submit(os.getpid).result(60), flush=True)
    error = pool.submit(make_and_die, os.getpid()).exception(60)
    print(type(error).__name__, error, flush=True)
"""


def test_a_worker_that_dies_before_its_result_is_taken_has_died():
    program = subprocess.Popen([sys.executable, "-c", LATE], stdout=subprocess.PIPE, text=True)
    try:
        worker = psutil.Process(int(program.stdout.readline()))
        tasks.until(lambda: not worker.is_running() or worker.status() == psutil.STATUS_ZOMBIE)
        program.send_signal(signal.SIGCONT)
        assert program.stdout.readline().startswith("WorkerDied the worker died before its result was taken")
        assert program.wait(60) == 0
    finally:
        program.kill()
        program.wait()
        program.stdout.close()
