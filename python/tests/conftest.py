"""What holds for every test: nothing is left behind, and nothing waits indefinitely."""

from __future__ import annotations

import faulthandler
import gc
import multiprocessing
import os
import re
import sys
import time

import psutil
import pytest

sys.path.insert(0, os.path.dirname(__file__))
os.environ["PYTHONPATH"] = os.pathsep.join([os.path.dirname(__file__), os.environ.get("PYTHONPATH", "")])

import contextlib

from handoff_pool import ProcessPoolExecutor, _native

METHODS = ["spawn", "forkserver", "fork"]
#: Seconds after which a test is taken to hang.
WATCHDOG = 120


def descriptors():
    found = {}
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            found[name] = os.readlink(f"/proc/self/fd/{name}")
    return found


@pytest.fixture(autouse=True)
def nothing_is_left():
    faulthandler.dump_traceback_later(WATCHDOG, exit=True, file=sys.__stderr__)
    before = descriptors()
    older = {child.pid for child in psutil.Process().children()}
    segments = named_segments()
    yield
    gc.collect()
    # What an executor of a whole module keeps for its next arrays.
    _native.clear_blocks()
    deadline = time.monotonic() + 20
    while True:
        left = [
            child for child in psutil.Process().children() if child.pid not in older and not is_helper(child)
        ]
        more = {name: to for name, to in descriptors().items() if before.get(name) != to and is_ours(to)}
        segments_left = named_segments() - segments
        if not (left or more or segments_left) or time.monotonic() > deadline:
            break
        time.sleep(0.02)
    faulthandler.cancel_dump_traceback_later()
    assert not left, "processes are left"
    assert not more, "descriptors are left"
    assert not segments_left, "segments are left"


def named_segments():
    """Segments of this process and its children. Others, which neighbours have, come and go."""
    processes = [psutil.Process(), *psutil.Process().children(recursive=True)]
    ours = {str(process.pid) for process in processes}
    return {name for name in os.listdir("/dev/shm") if not ours.isdisjoint(re.split("[-_.]", name))}


def is_helper(process):
    """The guardian, and what multiprocessing keeps, live as long as this process."""
    try:
        line = " ".join(process.cmdline())
        return "resource_tracker" in line or "forkserver" in line or "guardian" in process.name()
    except psutil.Error:
        return True


def is_ours(target):
    return "memfd:handoff" in target or "socket:" in target or "eventfd" in target or "pidfd" in target


@pytest.fixture(params=METHODS)
def method(request):
    return request.param


@pytest.fixture
def pool(method):
    with ProcessPoolExecutor(2, start_method=method) as executor:
        yield executor


@pytest.fixture
def context_pool(method):
    with ProcessPoolExecutor(1, multiprocessing.get_context(method)) as executor:
        yield executor
