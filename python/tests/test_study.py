"""Programs of the original study, written anew: with only their import changed, they show what it showed.

The files in ``study`` import the standard library's executor. Each test runs a copy in which one line is
changed; ``executor`` is the class that it imports then. With the standard library's, the tests show that the
programs are right.
"""

from __future__ import annotations

import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

STUDY = Path(__file__).parent / "study"
IMPORT = "from concurrent.futures import ProcessPoolExecutor\n"
CHANGED = "from handoff_pool import ProcessPoolExecutor\n"


@pytest.fixture(params=["handoff_pool", "concurrent.futures"])
def run(request, tmp_path):
    """Runs a program; gives the words of each line that it prints."""
    for program in STUDY.glob("*.py"):
        text = program.read_text()
        if request.param == "handoff_pool":
            assert text.count(IMPORT) == (program.name not in ("meeting.py", "own_logger.py"))
            text = text.replace(IMPORT, CHANGED)
        (tmp_path / program.name).write_text(text)

    # What is printed at once is one line; unbuffered, the end of the line is printed alone.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    environment |= {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONWARNINGS": "ignore"}

    def run(program, *arguments, separator=None):
        ran = subprocess.run(
            [sys.executable, tmp_path / program, *map(str, arguments)],
            capture_output=True, text=True, timeout=110, cwd=tmp_path, env=environment,
        )  # fmt: skip
        assert ran.returncode == 0, ran.stderr
        return [line.split(separator) for line in ran.stdout.splitlines()]

    return run


def of(lines, word, at=1):
    return [line for line in lines if line[at] == word]


def test_a_forked_worker_sees_the_list_as_its_parent_left_it(run):
    lines = run("module_scope.py", "fork")
    assert [line[0] for line in of(lines, "module")] == ["MainProcess"]
    before = of(lines, "before")
    assert {line[0] for line in before} == {"ForkProcess-1", "ForkProcess-2"}
    assert [line[3] for line in before] == ["import,parent"] * 2
    # The same address in every process, and in none what another appended.
    assert len({line[2] for line in lines}) == 1
    assert [line[3] for line in of(lines, "end")] == ["import,parent"]


def test_a_spawned_worker_imports_the_module_again(run):
    lines = run("module_scope.py", "spawn")
    names = {"MainProcess", "SpawnProcess-1", "SpawnProcess-2"}
    assert {line[0] for line in of(lines, "module")} == names and len(of(lines, "module")) == 3
    assert len({line[2] for line in of(lines, "module")}) == 3
    assert [line[3] for line in of(lines, "before")] == ["import"] * 2
    assert [line[3] for line in of(lines, "end")] == ["import,parent"]


def test_the_fork_servers_workers_do_not_see_the_parents_change(run):
    lines = run("module_scope.py", "forkserver")
    assert [line[3] for line in of(lines, "before")] == ["import"] * 2
    assert [line[3] for line in of(lines, "end")] == ["import,parent"]


def worked(lines):
    return [line for line in lines if line[2].endswith(" worked")]


def address(line):
    return line[2].split()[0]


def test_records_of_spawned_workers_are_lost(run):
    lines = run("logger.py", "spawn", separator="|")
    assert worked(lines) == []
    imported = of(lines, "imported", 2)
    assert sorted(line[1] for line in imported) == ["__main__", "__mp_main__", "__mp_main__"]
    assert len([line for line in lines if line[2].endswith(" started")]) == 1


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_an_initializer_gives_workers_a_handler(run, method):
    lines = worked(run("logger.py", method, "init", separator="|"))
    assert [line[1] for line in lines] == ["__mp_main__"] * 2
    assert len({line[0] for line in lines}) == 2
    if method == "spawn":
        assert {line[0] for line in lines} == {"SpawnProcess-1", "SpawnProcess-2"}
        assert len({address(line) for line in lines}) == 2


def test_forked_workers_log_with_the_parents_handler(run):
    lines = run("logger.py", "fork", separator="|")
    assert {line[0] for line in worked(lines)} == {"ForkProcess-1", "ForkProcess-2"}
    assert [line[1] for line in worked(lines)] == ["__main__"] * 2
    ours = [line for line in lines if line[2].endswith((" started", " worked"))]
    assert len({address(line) for line in ours}) == 1 and len(ours) == 3


def test_a_logger_of_another_module_is_another_logger(run):
    lines = run("logger.py", "fork", "own", separator="|")
    assert [line[1] for line in worked(lines)] == ["own_logger"] * 2
    (started,) = [line for line in lines if line[2].endswith(" started")]
    addresses = {address(line) for line in worked(lines)}
    assert len(addresses) == 1 and address(started) not in addresses


def test_an_initializer_under_fork_doubles_the_records(run):
    lines = worked(run("logger.py", "fork", "own", "init", separator="|"))
    names = sorted(line[0] for line in lines)
    assert names == ["ForkProcess-1"] * 2 + ["ForkProcess-2"] * 2


COUNT = 400_000


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    path = tmp_path_factory.mktemp("study") / "data.npy"
    data = np.zeros(COUNT, [("index", "i8"), ("timestamp", "M8[ns]"), ("val", "f8")])
    data["val"] = np.tile([0, 1, np.nan, 1], COUNT // 4)
    np.save(path, data)
    return path, COUNT / 2


def sums_up(lines, expected):
    received = of(lines, "received")
    assert sum(int(line[2]) for line in received) == COUNT
    (total,) = [line for line in lines if line[0] == "total"]
    assert math.isclose(float(total[1]), expected)
    return received


@pytest.mark.parametrize("workers", [1, 4])
def test_the_data_sink_by_arguments(run, method, records, workers):
    path, expected = records
    lines = run("data_sink.py", method, workers, path)
    assert len(sums_up(lines, expected)) == workers
    # Every worker measures its memory, as the initializer has asked it to.
    assert all(int(line[2]) > 0 for line in of(lines, "peak"))


def test_the_data_sink_by_a_mapped_file(run, method, records):
    path, expected = records
    sums_up(run("data_sink.py", method, 2, path, "mapped"), expected)


def test_the_data_sink_by_shared_memory(run, method, records):
    path, expected = records
    assert len(sums_up(run("shared_memory.py", method, 4, path), expected)) == 4
