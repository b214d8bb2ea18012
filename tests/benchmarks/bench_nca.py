"""CPU time of the NCA kernel on ragged profiles, beside a plain NumPy loop over profiles for two parameters.

Run ``python tests/benchmarks/bench_nca.py``.
"""

from __future__ import annotations

import itertools
import time

import numpy as np

from pkpd.dosing import Dose
from pkpd.nca import NAMES, PRESETS, Profiles, compute


def profiles(count: int, seed: int = 1) -> tuple[Profiles, np.ndarray, np.ndarray, np.ndarray]:
    """Bi-exponential profiles of 8 to 14 samples with 15 % error and a limit of quantification."""
    rng = np.random.default_rng(seed)
    sizes = rng.integers(8, 15, count)
    offsets = np.concatenate([[0], np.cumsum(sizes)])
    times = np.concatenate([np.sort(rng.uniform(0.05, 24, n)) for n in sizes])
    values = (100 * np.exp(-1.5 * times) + 10 * np.exp(-0.2 * times)) * np.exp(0.15 * rng.standard_normal(times.size))
    made = Profiles.from_arrays(times, values, dose=Dose(0.0, 100.0), offsets=offsets, lloq=0.2)
    return made, times, values, offsets


def loop(times: np.ndarray, values: np.ndarray, offsets: np.ndarray, count: int) -> float:
    """CPU seconds of Cmax and linear AUC by a loop with NumPy, for `count` profiles."""
    begin = time.process_time()
    for a, b in itertools.pairwise(offsets):
        values[a:b].max()
        np.trapezoid(values[a:b], times[a:b])
    return time.process_time() - begin


def main() -> None:
    made, times, values, offsets = profiles(10_000)
    compute(made, PRESETS["phoenix"])
    begin = time.process_time()
    compute(made, PRESETS["phoenix"])
    spent = time.process_time() - begin
    plain = loop(times, values, offsets, 10_000)
    print(f"10 000 ragged profiles x {len(NAMES)} parameters with reason codes: {spent:.3f} CPU-s")
    print(f"10 000 profiles, Cmax and linear AUC only, NumPy in a loop:          {plain:.3f} CPU-s")


if __name__ == "__main__":
    main()
