"""Functions that the tests submit."""

from __future__ import annotations

import logging
import os
import signal
import sys
import time

import handoff_pool

KEPT = None


def add(a, b=1):
    return a + b


def fail(text):
    raise ValueError(text)


def after(seconds, array):
    time.sleep(seconds)
    return len(array)


def pid():
    return os.getpid()


def die(number=signal.SIGKILL):
    print("about to die", file=sys.stderr, flush=True)
    os.kill(os.getpid(), number)


def die_once(path):
    if not os.path.exists(path):
        with open(path, "w"):
            pass
        os.kill(os.getpid(), signal.SIGKILL)
    return "alive"


def leave(code):
    sys.exit(code)


def until(holds):
    """Wait until something holds."""
    while not holds():
        time.sleep(0.01)


def wait_for(path):
    """Wait until a file exists."""
    while not os.path.exists(path):
        time.sleep(0.01)
    return os.getpid()


def begin_and_wait(begun, path):
    with open(begun, "w"):
        pass
    return wait_for(path)


def clean_up_after(begun, cleaned, deaf=False):
    """Wait for long, and say so when it ends."""
    with open(begun, "w") as file:
        file.write(str(os.getpid()))
    while True:
        try:
            time.sleep(100)
        except handoff_pool.TaskCancelled:
            with open(cleaned, "w"):
                pass
            if not deaf:
                raise


def say(text):
    print(text)
    return len(text)


def log(text):
    logging.getLogger("tasks").warning("%s from a task", text)


def run_echo(text):
    return os.system(f"echo {text}")


def log_at_length(text):
    try:
        fail("x" * 20_000)
    except ValueError:
        logging.getLogger("tasks").exception(text, extra={"more": "é" * 20_000})


def report(count):
    return sum(1 for _ in handoff_pool.progress(range(count), desc="counting"))


class Stubborn(Exception):
    """An exception that cannot be unpickled."""

    def __init__(self, first, second):
        super().__init__(first)


def stubborn():
    raise Stubborn("a", "b")


class Unpicklable:
    def __reduce__(self):
        raise TypeError("no pickle of this")


def unpicklable():
    return Unpicklable()


def unpicklable_error():
    error = ValueError("held")
    error.held = Unpicklable()
    raise error


def total(array):
    return float(array.sum())


def overwrite(array):
    array[...] = 7
    return float(array.ravel()[0])


def echo(value):
    return value


def facts(array):
    return type(array).__name__, array.dtype.str, array.shape, bool(array.flags.writeable)


def keep(array):
    global KEPT
    KEPT = array
    return os.getpid()


def kept_total():
    return None if KEPT is None else float(KEPT.sum())


def made(count, value=3.0):
    array = handoff_pool.empty(count)
    array[...] = value
    return array


def ones(count, value):
    import numpy as np

    return np.full(count, value)


def made_and_kept(count):
    global KEPT
    KEPT = made(count, 2.0)
    return KEPT


def made_in_parts(count):
    array = made(count)
    return [array[: count // 2], array[count // 2 :]]


def memory_of_block(array):
    """Whether an array came as memory rather than in the pickle."""
    base = array
    while getattr(base, "base", None) is not None:
        base = base.base
    return type(base).__name__


VALUE = "not initialised"


def initialise(value):
    global VALUE
    VALUE = value


def value():
    return VALUE


def broken_initialiser():
    raise RuntimeError("not today")
