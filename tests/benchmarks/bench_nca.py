"""CPU time of NCA: 10 000 and a million ragged profiles, with pynca beside it on the same data in the same run.

Run ``python tests/benchmarks/bench_nca.py`` (``--million`` for the million; ``pip install "pkpd-toolkit[benchmark]"``
brings pynca). Profiles are bi-exponential after a bolus, 8 to 14 samples, 15 % error, some below the limit of
quantification; every parameter of the table is computed and every missing one has its sentence.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import itertools
import resource
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas

from pkpd.dosing import Dose
from pkpd.nca import ALIASES, NAMES, PRESETS, Profiles, compute
from pkpd.nca.reasons import sentences


def arrays(count: int, seed: int = 1) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Times, values and offsets; the values are synthetic."""
    rng = np.random.default_rng(seed)
    sizes = rng.integers(8, 15, count)
    offsets = np.concatenate([[0], np.cumsum(sizes)])
    owner = np.repeat(np.arange(count), sizes)
    times = rng.uniform(0.05, 24, sizes.sum())
    times = times[np.lexsort((times, owner))]
    values = (100 * np.exp(-1.5 * times) + 10 * np.exp(-0.2 * times)) * np.exp(0.15 * rng.standard_normal(times.size))
    return times, values, offsets


def cpu(work: Callable[[], Any]) -> tuple[float, Any]:
    """CPU seconds of a call, and what it returned."""
    begin = time.process_time()
    result = work()
    return time.process_time() - begin, result


def analyse(times: np.ndarray, values: np.ndarray, offsets: np.ndarray, lloq: float = 0.2, oral: bool = False) -> Any:
    """The whole analysis from arrays: values, codes, and the reason of every missing value as a sentence."""
    dose = Dose(0.0, 100.0, "oral" if oral else "bolus")
    found = compute(Profiles.from_arrays(times, values, dose=dose, offsets=offsets, lloq=lloq), PRESETS["phoenix"])
    return found, sentences()[found.codes]


def loop(times: np.ndarray, values: np.ndarray, offsets: np.ndarray) -> None:
    """Cmax and linear AUC only, by a loop with NumPy."""
    for a, b in itertools.pairwise(offsets):
        values[a:b].max()
        np.trapezoid(values[a:b], times[a:b])


def with_pynca(count: int) -> None:
    """The same profiles through pynca's public function, and how far the two agree."""
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            from pynca.tools import tblNCA
    except ImportError:
        print('pynca is not installed: pip install "pkpd-toolkit[benchmark]"')
        return
    times, values, offsets = arrays(count, seed=2)
    owner = np.repeat(np.arange(count), np.diff(offsets))
    # pynca needs a sample at time zero; after an oral dose that is zero.
    times[offsets[:-1]] = 0.0
    values = 20 * (np.exp(-0.2 * times) - np.exp(-1.5 * times)) * (values / values.mean()) ** 0.05
    table = pandas.DataFrame({"Subject": owner, "Time": times, "conc": values})
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        theirs, result = cpu(
            lambda: tblNCA(table, key=["Subject"], dose=100, adm="Extravascular", doseUnit="mg", timeUnit="h",
                           concUnit="mg/L", down="Log")
        )  # fmt: skip
    analyse(times, values, offsets, 0.0, oral=True)
    ours, (found, _) = cpu(lambda: analyse(times, values, offsets, 0.0, oral=True))
    print(f"{count} profiles by pynca:  {theirs:8.3f} CPU-s, {1e3 * theirs / count:.3f} ms a profile")
    print(f"{count} profiles by pkpd:   {ours:8.3f} CPU-s, {1e3 * ours / count:.4f} ms a profile")
    print(f"ratio of CPU time per profile: {theirs / ours:.0f}")
    result = result[pandas.to_numeric(result["Subject"], errors="coerce").notna()]  # without the row of units
    shared = [column for column in result if column in ALIASES]  # Phoenix's names
    equal = []
    for column in shared:
        other = pandas.to_numeric(result[column], errors="coerce").to_numpy(dtype=float)
        both = np.isfinite(other) & np.isfinite(found.of(ALIASES[column]))
        equal.append(np.isclose(other[both], found.of(ALIASES[column])[both], rtol=1e-6).mean())
    low, high = 100 * min(equal), 100 * max(equal)
    print(f"{len(shared)} parameters that both give; equal to 1e-6 in {low:.1f} to {high:.1f} % of the profiles")


def million() -> None:
    """A million profiles: CPU time, and the peak of memory beside the size of input and output."""
    times, values, offsets = arrays(1_000_000, seed=3)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    profiles = Profiles.from_arrays(times, values, dose=Dose(0.0, 100.0), offsets=offsets, lloq=0.2)
    spent, found = cpu(lambda: compute(profiles, PRESETS["phoenix"]))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    output = (found.values.nbytes + found.codes.nbytes) / 2**20
    print(f"1 000 000 profiles x {len(NAMES)} parameters: {spent:.2f} CPU-s")
    print(f"  values and codes {output:.0f} MiB; samples {2 * times.nbytes / 2**20:.0f} MiB; peak of the process rose "
          f"from {before:.0f} to {peak:.0f} MiB")  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--million", action="store_true")
    asked = parser.parse_args()
    data = arrays(10_000)
    analyse(*data)
    spent, (found, reasons) = cpu(lambda: analyse(*data))
    plain, _ = cpu(lambda: loop(*data))
    missing = int((reasons != "").sum())
    assert missing == int(np.isnan(found.values).sum())
    print(f"10 000 ragged profiles x {len(NAMES)} parameters, {missing} reasons as sentences: {spent:.3f} CPU-s")
    print(f"10 000 profiles, Cmax and linear AUC only, NumPy in a loop: {plain:.3f} CPU-s")
    with_pynca(1_000)
    if asked.million:
        million()


if __name__ == "__main__":
    main()
