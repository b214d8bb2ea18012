"""One million virtual IL-21 patients at 12 times, written to disk in pieces: CPU time, peak memory, size.

Run ``python tests/benchmarks/bench_million.py [subjects] [store]`` (from the project's root, on a quiet machine; needs
``pkpd-toolkit[large]``). Without a store a temporary folder is used and removed. With one, kill it and run it again: it
goes on where it was. Seconds depend on the machine; the memory does not, nor does it on the number of subjects.
"""

from __future__ import annotations

import os
import resource
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

import pkpd
from pkpd import il21

TIMES = 24.0 * (np.array(il21.LAB_DAYS[:12]) - 1)


def size_on_disk(folder: Path) -> tuple[int, int]:
    """Bytes (in whole blocks, as the disk counts them) and files."""
    sizes = [os.stat(os.path.join(root, name)).st_blocks * 512 for root, _, names in os.walk(folder) for name in names]
    return sum(sizes), len(sizes)


def main(subjects: int, store: Path) -> None:
    truth, plan = il21.truth(), il21.regimen()
    pkpd.simulate(truth, plan, subjects=10, times=TIMES)  # compiling is not what is measured
    before, cpu, wall = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time(), time.perf_counter()
    found = pkpd.simulate(truth, plan, subjects=subjects, seed=1, times=TIMES, store=store)
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    unit = 1024 if sys.platform != "darwin" else 1
    size, files = size_on_disk(store)
    print(f"{subjects} subjects × {TIMES.size} times, {len(found.data_vars)} variables, {found.nbytes / 1e9:.2f} GB")
    print(f"CPU {cpu:.1f} s, wall {wall:.1f} s: {1000 * cpu / subjects:.3f} CPU-s per 1 000 subjects")
    print(f"peak memory {peak * unit / 1e6:.0f} MB ({before * unit / 1e6:.0f} MB before the run)")
    print(f"on disk {size / 1e9:.2f} GB in {files} files")
    lows = (found["ALC"].isel(time=slice(1, None)) < il21.LLN).any("time").mean().compute().item()
    print(f"below {il21.LLN:g} at some visit, without measurement error: {100 * lows:.2f} %")


if __name__ == "__main__":
    many = int(float(sys.argv[1])) if len(sys.argv) > 1 else 1_000_000
    if len(sys.argv) > 2:
        main(many, Path(sys.argv[2]))
    else:
        with tempfile.TemporaryDirectory() as folder:
            main(many, Path(folder) / "million.zarr")
