"""The executor in a notebook: functions of its cells, and what workers print and log there."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

pytest.importorskip("nbclient")
pytest.importorskip("ipykernel")

CELLS = [
    """
import logging, os
from handoff_pool import ProcessPoolExecutor
class Doubled:
    def __init__(self, value):
        self.value = 2 * value
def double(x):
    print("printed", x)
    os.system(f"echo past python {x}")
    logging.getLogger("cells").warning("logged %s", x)
    return Doubled(x)
""",
    """
with ProcessPoolExecutor(2, start_method="METHOD") as pool:
    print([doubled.value for doubled in pool.map(double, range(3))])
""",
]


def execute(path):
    """Run a notebook in a kernel of its own, and keep what its cells show."""
    command = "from nbclient.cli import main; main()"
    ran = subprocess.run(
        [sys.executable, "-c", command, "--inplace", path], capture_output=True, text=True, timeout=110
    )
    assert ran.returncode == 0, ran.stderr


@pytest.mark.parametrize("start_method", ["spawn", "forkserver"])
def test_functions_of_cells_run_and_what_they_say_is_shown(start_method, tmp_path):
    path = tmp_path / "notebook.ipynb"
    cells = [
        {
            "cell_type": "code", "id": f"cell-{number}", "metadata": {}, "execution_count": None,
            "outputs": [], "source": source.replace("METHOD", start_method),
        }
        for number, source in enumerate(CELLS)
    ]  # fmt: skip
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python"}}
    notebook = {"nbformat": 4, "nbformat_minor": 5, "metadata": kernel, "cells": cells}
    path.write_text(json.dumps(notebook))
    execute(path)
    outputs = json.loads(path.read_text())["cells"][1]["outputs"]
    shown = {
        name: "".join("".join(output["text"]) for output in outputs if output.get("name") == name)
        for name in ("stdout", "stderr")
    }
    lines = shown["stdout"].splitlines()
    assert "[0, 2, 4]" in lines
    for number in range(3):
        assert f"printed {number}" in lines and f"past python {number}" in lines
        assert f"logged {number}" in shown["stderr"]
