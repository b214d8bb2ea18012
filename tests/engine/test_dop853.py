"""The unrolled step is what its generator prints."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pkpd.engine.solve.dop853 as step


def test_the_committed_file_is_the_generated_one() -> None:
    generator = Path(__file__).with_name("generate_dop853.py")
    made = subprocess.run([sys.executable, str(generator)], capture_output=True, check=True).stdout.decode("utf-8")
    assert Path(step.__file__).read_text(encoding="utf-8") == made
