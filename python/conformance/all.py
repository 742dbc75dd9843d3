"""Makes an environment for each Python that has the tests, installs the package, and runs the suites."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
NEEDS = {"cpython": [], "joblib": ["numpy"], "sklearn": ["numpy", "scikit-learn"]}


def interpreters() -> list[str]:
    """Interpreters of different versions that have CPython's own tests."""
    found: dict[str, str] = {}
    roots = sorted(Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")).glob("versions/3.*/bin/python"))
    for name in [*map(str, roots), "/usr/bin/python3", "python3"]:
        path = shutil.which(name)
        if path is None:
            continue
        code = (
            "import sys, venv, test.test_concurrent_futures as t; "
            "assert sys.version_info >= (3, 11); print('%d.%d' % sys.version_info[:2])"
        )
        asked = subprocess.run([path, "-c", code], capture_output=True, text=True)
        if asked.returncode == 0:
            found.setdefault(asked.stdout.strip(), path)
    return list(found.values())


def main() -> None:
    suites = sys.argv[1:] or list(NEEDS)
    pythons = interpreters()
    if not pythons:
        raise SystemExit(
            "no Python here has CPython's tests; on Debian: apt-get install libpython3.11-testsuite"
        )
    failed = False
    for path in pythons:
        environment = ROOT / "target" / "python" / f"conformance-{Path(path).parent.parent.name}"
        python = environment / "bin" / "python"
        subprocess.run([path, "-m", "venv", "--clear", environment], check=True)
        needs = sorted({need for suite in suites for need in NEEDS[suite]})
        pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "./python[test]", *needs], check=True, cwd=ROOT)
        for suite in suites:
            print(f"── {suite}, {path}", flush=True)
            failed |= subprocess.run([python, HERE / "run.py", suite], cwd=ROOT).returncode != 0
    raise SystemExit(1 if failed else 0)


if __name__ == "__main__":
    main()
