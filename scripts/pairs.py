"""Measures the same build twice, twenty times, and records how many of the pairs report a change.

    cargo build --release && python3 scripts/pairs.py [--times N] results/DIR/pairs.json

What is found is recorded, not asserted: other programs on the machine may well change between two runs.
"""

import argparse
import json
import subprocess
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LAB = ROOT / "target/release/lab"
CELLS = "--records 1M --workers 1,2 --start-methods spawn --transports mmap,bytes --runs 12 --quiet"


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--times", type=int, default=20)
    arguments.add_argument("out", type=Path)
    asked = arguments.parse_args()
    pairs = []
    for number in range(1, asked.times + 1):
        with tempfile.TemporaryDirectory() as folder:
            before, after = (measured(Path(folder) / name) for name in ("before", "after"))
            compared = run("compare", before, after, "--format", "json")
            figures = json.loads(compared)["figures"]
        changed = [figure for figure in figures if figure["changed"]]
        pairs.append({"pair": number, "figures": len(figures), "changed": changed})
        save(asked.out, pairs)
        print(f"pair {number}: {len(changed)} of {len(figures)} figures reported as changed")


def measured(folder):
    run("matrix", *CELLS.split(), "--bin-dir", LAB.parent, "--out", folder)
    return folder


def run(*words):
    command = [str(word) for word in (LAB, *words)]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def save(out, pairs):
    reported = sum(bool(pair["changed"]) for pair in pairs)
    whole = {"pairs": len(pairs), "with_a_change": reported, "each": pairs}
    out.write_text(json.dumps(whole, indent=2) + "\n")


if __name__ == "__main__":
    main()
