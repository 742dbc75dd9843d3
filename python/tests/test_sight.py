"""What workers print, log and report is seen here."""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
from types import SimpleNamespace

import pytest

import tasks
from handoff_pool import ProcessPoolExecutor, _sight, progress


def test_what_workers_print_arrives_before_their_result(method, capsys):
    with ProcessPoolExecutor(1, start_method=method) as pool:
        assert pool.submit(tasks.say, "hello from a worker").result(60) == 19
        assert "hello from a worker\n" in capsys.readouterr().out
        pool.submit(tasks.say, "long " * 5000).result(60)
        assert capsys.readouterr().out == "long " * 5000 + "\n"


@pytest.fixture
def hasty():
    """Threads take turns as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def test_what_threads_of_a_task_print_arrives_once(monkeypatch, hasty):
    sent = []
    monkeypatch.setattr(_sight, "_native", SimpleNamespace(note=lambda _, text: sent.append(text)))
    stream = _sight.Forwarding(1)

    def say(thread):
        for number in range(5000):
            stream.write(f"{thread} {number}\n")

    threads = [threading.Thread(target=say, args=(thread,)) for thread in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lines = [line.split() for line in "".join(sent).splitlines()]
    for thread in range(4):
        assert [int(number) for name, number in lines if name == str(thread)] == list(range(5000))


def test_stdout_can_be_the_descriptor(method, capfd):
    with ProcessPoolExecutor(1, start_method=method, stdout="inherit") as pool:
        pool.submit(print, "straight out").result(60)


def test_what_is_printed_past_python_arrives(method, capsys):
    with ProcessPoolExecutor(1, start_method=method) as pool:
        assert pool.submit(tasks.run_echo, "from a program").result(60) == 0
    assert "from a program\n" in capsys.readouterr().out


def test_a_long_record_with_a_traceback_arrives(method, caplog):
    with ProcessPoolExecutor(1, start_method=method) as pool:
        pool.submit(tasks.log_at_length, "ü" * 20_000).result(60)
    (record,) = [record for record in caplog.records if record.name == "tasks"]
    assert record.getMessage().startswith("üüü") and record.more.startswith("ééé")
    assert "Traceback" in record.exc_text and "ValueError" in record.exc_text


def test_log_records_arrive_at_the_parents_loggers(method, caplog):
    with caplog.at_level(logging.INFO), ProcessPoolExecutor(1, start_method=method) as pool:
        pool.submit(tasks.log, "a record").result(60)
    records = [record for record in caplog.records if record.name == "tasks"]
    assert [record.getMessage() for record in records] == ["a record from a task"]
    assert "Process-1" in records[0].processName


def test_a_level_keeps_records_back(method, caplog):
    with ProcessPoolExecutor(1, start_method=method, log_level="ERROR") as pool:
        pool.submit(tasks.log, "a record").result(60)
    assert not [record for record in caplog.records if record.name == "tasks"]


def test_progress_is_seen(method):
    told = []
    with ProcessPoolExecutor(1, start_method=method, progress=lambda *news: told.append(news)) as pool:
        future = pool.submit(tasks.report, 10)
        assert future.result(60) == 10
    assert told[0][1:] == (0, 10, "counting") and told[-1][1:] == (10, 10, "counting")
    assert list(progress([1, 2])) == [1, 2]


def test_a_program_needs_no_guard(tmp_path, method):
    program = tmp_path / "program.py"
    program.write_text(
        "from handoff_pool import ProcessPoolExecutor\n"
        "print('once')\n"
        "def double(x):\n"
        "    return x * 2\n"
        f"pool = ProcessPoolExecutor(2, start_method={method!r})\n"
        "print(list(pool.map(double, range(4))), pool.submit(lambda: 'λ').result())\n"
    )
    ran = subprocess.run([sys.executable, program], capture_output=True, text=True, timeout=100)
    assert ran.stdout == "once\n[0, 2, 4, 6] λ\n", ran.stderr
    assert ran.returncode == 0
