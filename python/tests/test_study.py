"""The programs of the original study, with only their import changed, show what they showed there."""

from __future__ import annotations

import math
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

STUDY = Path(__file__).parent / "study"


def run(program, *arguments):
    """The lines that a program prints."""
    ran = subprocess.run(
        [sys.executable, "-u", STUDY / program, *map(str, arguments)],
        capture_output=True, text=True, timeout=110, cwd=STUDY,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.splitlines()


def ids(lines):
    return {re.search(r"\d{6,}", line).group() for line in lines}


def test_a_module_scope_variable_under_fork():
    lines = run("module_scope.py", "fork")
    functions = [line for line in lines if "[FUNC SCOPE]" in line]
    assert sum("[MODULE SCOPE]" in line for line in lines) == 1
    assert len(functions) == 2 and all("Parent process update" in line for line in functions)
    assert {line.split()[2] for line in functions} == {"ForkProcess-1", "ForkProcess-2"}
    assert len(ids(lines)) == 1
    assert lines[-1].endswith("['Initial value', 'Parent process update']")


def test_a_module_scope_variable_under_spawn():
    lines = run("module_scope.py", "spawn")
    modules = [line for line in lines if "[MODULE SCOPE]" in line]
    functions = [line for line in lines if "[FUNC SCOPE]" in line]
    assert len(modules) == 3, lines
    assert {line.split()[2] for line in modules} == {"MainProcess", "SpawnProcess-1", "SpawnProcess-2"}
    assert all(line.endswith("['Initial value']") for line in functions)
    assert lines[-1].endswith("['Initial value', 'Parent process update']")


def test_a_module_scope_variable_under_forkserver():
    lines = run("module_scope.py", "forkserver")
    functions = [line for line in lines if "[FUNC SCOPE]" in line]
    assert len(functions) == 2 and all(line.endswith("['Initial value']") for line in functions)


def executed(lines):
    return [line for line in lines if "function executed" in line]


def test_the_logger_under_spawn_is_missing():
    lines = run("logger.py", "spawn")
    assert executed(lines) == []
    modules = [line for line in lines if "Print[MODULE SCOPE]" in line]
    assert sorted(line.split(" - ")[1] for line in modules) == ["__main__", "__mp_main__", "__mp_main__"]


def test_the_logger_under_spawn_with_an_initializer():
    lines = executed(run("logger.py", "spawn", "init"))
    assert len(lines) == 2 and all(" - __mp_main__:" in line for line in lines), lines
    assert {line.split(" - ")[0] for line in lines} == {"SpawnProcess-1", "SpawnProcess-2"}


def test_the_logger_under_fork():
    lines = executed(run("logger.py", "fork"))
    assert len(lines) == 2 and all(" - __main__:" in line for line in lines)
    assert len(ids(lines)) == 1
    assert {line.split(" - ")[0] for line in lines} == {"ForkProcess-1", "ForkProcess-2"}


def test_the_logger_under_fork_in_a_module_of_its_own():
    lines = executed(run("logger.py", "fork", "own"))
    assert len(lines) == 2 and all(" - separate:" in line for line in lines)
    assert len(ids(lines)) == 1


def test_the_logger_under_fork_with_an_initializer_logs_twice():
    lines = executed(run("logger.py", "fork", "own", "init"))
    assert len(lines) == 4 and all(" - separate:" in line for line in lines)


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    path = tmp_path_factory.mktemp("study") / "data.npy"
    data = np.zeros(400_000, [("index", "i8"), ("timestamp", "M8[ns]"), ("val", "f8")])
    data["val"] = np.tile([0, 1, np.nan, 1], 100_000)
    np.save(path, data)
    return path, 200_000.0


@pytest.mark.parametrize("mode", ["mem", "mmap"])
@pytest.mark.parametrize("workers", [1, 3])
def test_the_data_sink_by_arguments(method, records, mode, workers):
    path, expected = records
    line = run("data_sink.py", method, workers, path, mode)[-1]
    assert math.isclose(float(line.split("total_sum=")[1]), expected), line


def test_the_data_sink_by_shared_memory(method, records):
    path, expected = records
    line = run("shared_memory.py", method, 2, path)[-1]
    assert math.isclose(float(line.split("total_sum=")[1]), expected), line
