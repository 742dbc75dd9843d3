"""Runs the tests of CPython's own test_concurrent_futures that are about process pools, with this executor.

Started by run.py, once for as many tests as go well: prints one line before and one after each test.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys
import unittest


def replace_the_executor() -> None:
    """Put our class in the place of the standard one, with the standard one's strictness."""
    import concurrent.futures
    import concurrent.futures.process

    import handoff_pool
    from handoff_pool import _executor

    _executor.ProcessPoolExecutor._on_death = "break"
    concurrent.futures.ProcessPoolExecutor = handoff_pool.ProcessPoolExecutor
    concurrent.futures.process.ProcessPoolExecutor = handoff_pool.ProcessPoolExecutor


def modules() -> list[str]:
    package = importlib.import_module("test.test_concurrent_futures")
    if not hasattr(package, "__path__"):
        return [package.__name__]
    names = [name for _, name, _ in pkgutil.iter_modules(package.__path__) if name.startswith("test_")]
    return [f"{package.__name__}.{name}" for name in names]


def flat(suite: unittest.TestSuite) -> list[unittest.TestCase]:
    found: list[unittest.TestCase] = []
    for item in suite:
        found += flat(item) if isinstance(item, unittest.TestSuite) else [item]
    return found


class Lines(unittest.TestResult):
    """Says how each test went."""

    def startTest(self, test: unittest.TestCase) -> None:
        super().startTest(test)
        print("\nSTART", test.id(), flush=True)

    def _say(self, word: str, test: unittest.TestCase, why: str = "") -> None:
        last = why.strip().splitlines()[-1] if why.strip() else ""
        print(f"\n{word}", test.id(), last, flush=True)

    def addSuccess(self, test: unittest.TestCase) -> None:
        self._say("OK", test)

    def addError(self, test: unittest.TestCase, err: object) -> None:
        why = self._exc_info_to_string(err, test)
        print(why, file=sys.stderr, flush=True)
        self._say("FAIL", test, why)

    addFailure = addError

    def addSkip(self, test: unittest.TestCase, reason: str) -> None:
        self._say("SKIP", test, reason)


def main() -> None:
    done = set(sys.stdin.read().split())
    only = sys.argv[1] if len(sys.argv) > 1 else ""
    replace_the_executor()
    suite = unittest.TestSuite()
    for name in modules():
        module = importlib.import_module(name)
        for test in flat(unittest.defaultTestLoader.loadTestsFromModule(module)):
            kind = type(test).__name__
            if "ProcessPool" in kind and test.id() not in done and only in test.id():
                suite.addTest(test)
    suite.run(Lines())
    print("\nEND", flush=True)


if __name__ == "__main__":
    main()
