"""Put every mutant into a copy of the package, run the tests that must notice, and list the survivors.

``python tests/mutants/run.py [first [last]]`` from the root of the repository; it changes nothing there. A mutant that
takes longer than its limit counts as noticed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.mutants.mutants import MUTANTS, Mutant  # noqa: E402  (the root must be on the path first)

LIMIT = 300.0
"""Seconds; each takes less than 20 on a processor of its own."""


NOTICED, SURVIVES, UNDECIDED = "noticed  ", "SURVIVES ", "UNDECIDED"


def verdict(mutant: Mutant, root: Path) -> str:
    """Say what the tests say of a mutant in the copy at `root`; afterwards the copy is as before.

    A time-out, or tests that could not be collected, decide nothing.
    """
    path = root / mutant.file
    text = path.read_text(encoding="utf-8")
    if text.count(mutant.old) != 1:
        raise SystemExit(f"{mutant.file}: {mutant.old!r} stands there {text.count(mutant.old)} times; expected once")
    path.write_text(text.replace(mutant.old, mutant.new), encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *mutant.tests]
    reference = os.environ.get("PKPD_REFERENCE", str(ROOT.parent / "shared" / "reference"))
    own = {"PKPD_REFERENCE": reference, "PYTHONPATH": str(root), "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        done = subprocess.run(
            command, cwd=root, env={**os.environ, **own}, capture_output=True, timeout=LIMIT, check=False
        )
    except subprocess.TimeoutExpired:
        return UNDECIDED
    finally:
        path.write_text(text, encoding="utf-8")
    return {0: SURVIVES, 1: NOTICED}.get(done.returncode, UNDECIDED)


def main(first: int = 0, last: int = len(MUTANTS)) -> int:
    """Run the mutants from `first` up to `last`; return how many are not noticed."""
    alive = []
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "copy"
        shutil.copytree(ROOT, root, ignore=shutil.ignore_patterns(".git", ".venv", "__pycache__", "notebooks"))
        for number in range(first, last):
            mutant = MUTANTS[number]
            said = verdict(mutant, root)
            alive += [mutant] if said != NOTICED else []
            print(f"{number:3d} {said} {mutant.file}: {mutant.new}", flush=True)
    print(f"{len(alive)} of {last - first} are not noticed")
    return len(alive)


if __name__ == "__main__":
    raise SystemExit(main(*map(int, sys.argv[1:3])))
