"""Runs other projects' tests of executors on this one: run.py cpython|joblib|sklearn [NAME].

The interpreter that runs this script needs the package, and what the suite tests.
"""

from __future__ import annotations

import collections
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

HERE = Path(__file__).parent
#: Seconds that one test may take.
PATIENCE = 60


def run_cpython(only: str) -> dict[str, tuple[str, str]]:
    """All tests, in as many processes as hang or crash."""
    results: dict[str, tuple[str, str]] = {}
    while True:
        child = subprocess.Popen(
            [sys.executable, "-X", "faulthandler", str(HERE / "cpython.py"), only],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
            start_new_session=True,
        )  # fmt: skip
        assert child.stdin is not None and child.stdout is not None
        child.stdin.write("\n".join(results))
        child.stdin.close()
        current: list[str] = []
        before = len(results)
        heard = [time.monotonic()]
        over = threading.Event()

        def watch(child: subprocess.Popen[str] = child, heard: list[float] = heard,
                  over: threading.Event = over) -> None:  # fmt: skip
            while not over.wait(1):
                if time.monotonic() - heard[0] > PATIENCE:
                    os.killpg(child.pid, signal.SIGKILL)
                    return

        watcher = threading.Thread(target=watch, daemon=True)
        watcher.start()
        ended = False
        for line in child.stdout:
            heard[0] = time.monotonic()
            word, _, rest = line.strip().partition(" ")
            name, _, why = rest.partition(" ")
            if word == "START":
                current = [name]
            elif word in ("OK", "FAIL", "SKIP"):
                results[name] = (word, why)
                current = []
                if word == "FAIL":
                    print(word, name, why, flush=True)
            elif word == "END":
                ended = True
        over.set()
        child.wait()
        if ended and not current:
            return results
        if not current and len(results) > before:
            continue
        if not current:
            raise SystemExit(f"the tests ended with code {child.returncode} between two tests")
        results[current[0]] = ("HANG", f"killed after {PATIENCE} s, or crashed ({child.returncode})")
        print("HANG", current[0], flush=True)


def main() -> None:
    suite = sys.argv[1]
    if suite == "cpython":
        results = run_cpython(sys.argv[2] if len(sys.argv) > 2 else "")
        counts = collections.Counter(word for word, _ in results.values())
        ran = sum(counts.values()) - counts["SKIP"]
        print(f"\n{sys.version.split()[0]}: {counts['OK']} of {ran} tests pass "
              f"({100 * counts['OK'] / max(1, ran):.1f} %), {counts['SKIP']} skip themselves")  # fmt: skip
        raise SystemExit(0 if counts["OK"] else 1)
    arguments = {
        "joblib": ["--pyargs", "joblib.test.test_parallel"],
        "sklearn": [
            "--pyargs", "sklearn.model_selection.tests.test_search",
            "sklearn.ensemble.tests.test_forest", "sklearn.ensemble.tests.test_bagging",
        ],
    }[suite]  # fmt: skip
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(HERE), os.environ.get("PYTHONPATH", "")])}
    command = [sys.executable, "-m", "pytest", "-q", "-c", os.devnull, "--rootdir", str(HERE)]
    command += ["-p", f"{suite}_plugin", "-p", "no:cacheprovider", *arguments, *sys.argv[2:]]
    raise SystemExit(subprocess.run(command, env=environment, cwd=HERE).returncode)


if __name__ == "__main__":
    main()
