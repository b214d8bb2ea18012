"""What the suite costs: seconds of processor per file and per test, children that ended included.

    python -m tests.cost [--cold] [--top 20] [arguments of pytest]

`--cold` begins as a fresh clone does: compiled loops are thrown away, and models are compiled into an empty folder.
Seconds of processor grow a little when the machine has other work, by a third or so when all of it has.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def spent() -> float:
    """Return the seconds of processor of this process and of all children that have ended."""
    return sum(os.times()[:4])


class Costs:
    """A plugin that notes what each test costs, its fixtures included."""

    def __init__(self) -> None:
        self.tests: dict[str, float] = {}
        self.collected = 0.0

    def pytest_collection_finish(self) -> None:
        self.collected = spent()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        before = spent()
        result = yield
        self.tests[item.nodeid] = spent() - before
        return result

    def table(self, top: int) -> str:
        """Return what is to be printed: the files, then the tests, the dearest first."""
        files: dict[str, float] = defaultdict(float)
        for name, seconds in self.tests.items():
            files[name.split("::")[0]] += seconds
        lines = []
        for costs, most in ((files, len(files)), (self.tests, top)):
            ordered = sorted(costs.items(), key=lambda item: -item[1])[:most]
            lines += [*(f"{seconds:8.2f}  {name}" for name, seconds in ordered if seconds >= 0.05), ""]
        total = f"{len(self.tests)} tests, {spent():.0f} CPU-s, of which {self.collected:.0f} to import and collect"
        return "\n".join([*lines, total])


def main() -> int:
    """Run pytest and print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.cost")
    parser.add_argument("--cold", action="store_true", help="with nothing compiled")
    parser.add_argument("--top", type=int, default=20, help="how many tests are listed")
    own, others = parser.parse_known_args()
    costs = Costs()
    with tempfile.TemporaryDirectory() as folder:
        if own.cold:
            os.environ["PKPD_CACHE"] = folder
            for file in (ROOT / "pkpd").rglob("*.nb[ci]"):
                file.unlink()
        code = pytest.main(["-p", "no:cacheprovider", *others], plugins=[costs])
    print(costs.table(own.top))
    return int(code)


if __name__ == "__main__":
    sys.exit(main())
