"""Import first: the benchmarks measure the checkout that they stand in, whatever `pkpd` is installed.

An editable install of another checkout would be measured in its place (and numba would write its cache there).
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

import pkpd  # noqa: E402

if ROOT not in Path(str(pkpd.__file__)).resolve().parents:
    raise SystemExit(f"this would measure {pkpd.__file__}, not {ROOT}")
