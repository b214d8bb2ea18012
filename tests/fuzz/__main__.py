"""``python -m tests.fuzz --inputs 100000 --seed 7``: all fuzzers, with any number of inputs."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from tests.fuzz.campaign import SLOWEST, everything


def main() -> int:
    """Run them all, print what was counted, and return 1 if anything undocumented came out."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inputs", type=int, default=100_000, help="about how many")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    every = max(1, 50_000 * 2 // options.inputs)
    bad = 0
    with tempfile.TemporaryDirectory() as folder:
        for name, found in everything(Path(folder), every, max(options.inputs // 6, 10), options.seed):
            print(f"{name}: {found}", flush=True)
            bad += len(found.undocumented) + (found.worst > SLOWEST)
    return int(bad > 0)


if __name__ == "__main__":
    raise SystemExit(main())
