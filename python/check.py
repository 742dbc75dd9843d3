"""Builds the package in an environment of its own under target/, and checks it: lint, types, stubs, tests.

`cargo xtask ci --python` runs this. What the machine lacks is skipped by name.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent
ENVIRONMENT = ROOT / "target" / "python" / f"env-{sys.version_info[0]}.{sys.version_info[1]}"
PYTHON = ENVIRONMENT / "bin" / "python"

skipped: list[str] = []


def run(name: str, *command: str | Path) -> None:
    """Run a check; its failure ends all."""
    print(f"── python {name}", file=sys.stderr, flush=True)
    caches = {
        "MYPY_CACHE_DIR": str(ENVIRONMENT / "mypy"),
        "RUFF_CACHE_DIR": str(ENVIRONMENT / "ruff"),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    status = subprocess.run([str(word) for word in command], cwd=HERE, env={**os.environ, **caches})
    if status.returncode:
        raise SystemExit(f"python: the check {name} failed (exit code {status.returncode})")


def pip(*arguments: str | Path) -> bool:
    """Install something, quietly."""
    command = [str(PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    return subprocess.run([*command, *map(str, arguments)], cwd=ROOT).returncode == 0


def main() -> None:
    run("environment", sys.executable, "-m", "venv", "--clear", ENVIRONMENT)
    if not pip("./python[test]"):
        if pip("maturin"):
            raise SystemExit("python: the package cannot be built and installed")
        print("skipped: everything of Python (the package index is not reachable)", file=sys.stderr)
        return
    if pip("ruff>=0.9", "mypy>=1.15"):
        run("lint", PYTHON, "-m", "ruff", "check", ".")
        run("format", PYTHON, "-m", "ruff", "format", "--check", ".")
        run("types", PYTHON, "-m", "mypy")
        # The list of names and, before Python 3.12, the buffer protocol are not in the stub.
        allowed = ("--ignore-missing-stub", "--ignore-unused-allowlist", "--allowlist", "stubs-allowed.txt")
        run("stubs", PYTHON, "-m", "mypy.stubtest", "handoff_pool._native", *allowed)
    else:
        skipped.append("lint, format, types and stubs (ruff and mypy cannot be installed)")
    for optional in ("pandas", "pyarrow", "dask", "tqdm", "nbclient", "ipykernel"):
        if not pip("--only-binary", ":all:", optional):
            skipped.append(f"tests with {optional} (it cannot be installed)")
    run("tests", PYTHON, "-m", "pytest", "-q", *sys.argv[1:])
    for what in skipped:
        print(f"skipped: {what}", file=sys.stderr)


if __name__ == "__main__":
    main()
