"""CPU time of whole population fits, warm, on one core, beside PyNLME and a plain translation of the formulas.

Run ``OMP_NUM_THREADS=1 python tests/benchmarks/bench_population.py`` from the project's root (``--only PART``, see
`PARTS`; ``--starts`` looks for other optima of warfarin PK/PD from 20 starts and takes some minutes; ``--profile`` says
where the time goes). The package's own threads are counted as CPU time.
"""

from __future__ import annotations

import argparse
import json
import warnings
from collections.abc import Callable
from functools import partial
from math import nan

import checkout  # noqa: F401
import numpy as np
import population_cases as cases
import population_yardsticks as others
from measure import cpu, process
from population_profile import profile

from pkpd.fit.mixed.result.population_fit import PopulationFit
from pkpd.fit.mixed.verb import fit_population

LARGE = """
import json, warnings
from measure import peak
import population_cases as cases
warnings.simplefilter("ignore")
cases.resampled({subjects})
cases.theophylline_once()
before = peak()
fit = cases.resampled_once({subjects})
print(json.dumps([before, peak(), fit.objective, fit.status]))
"""
FRESH = """
import population_cases as cases
fit = cases.theophylline_once()
assert abs(fit.objective - 116.80341) < 1e-4
"""
TURNOVERS = ("log-normal", "logit-normal", "fixed effect")


def told(name: str, seconds: float, asked: float = nan, note: str = "") -> None:
    """Print one row."""
    verdict = "" if np.isnan(asked) else f"asked ≤ {asked:g}: {'met' if seconds <= asked else 'NOT MET'}"
    print(f"{name:<58}{seconds:9.4f} CPU-s  {verdict:<22}{note}", flush=True)


def timed(name: str, work: Callable[[], PopulationFit], asked: float, repeats: int = 5) -> PopulationFit:
    """Time a fit once it has been done, print its row and return it."""
    fit = work()
    seconds = cpu(work, repeats)
    about = f"objective {fit.objective:.4f}, {fit.convergence.evaluations} evaluations, {fit.status}"
    told(name, seconds, asked, about)
    return fit


def small() -> None:
    """Theophylline, with its yardsticks, and warfarin PK."""
    timed("theophylline FOCEI, R + S + sandwich, one start", cases.theophylline_once, 0.05, 15)
    timed("theophylline FOCEI, the default call", cases.theophylline_default, 0.3)
    for method in ("FOCE", "LME", "SAEM"):
        work = others.pynlme(method)
        if work is not None:
            value = work()
            told(f"  PyNLME {method}, the same data and start, no R or S", cpu(work), note=f"objective {value:.4f}")
    value, evaluations = others.naive()
    about = f"objective {value:.4f}, {evaluations} evaluations"
    told("  the formulas in plain Python, no R or S", cpu(others.naive, 1), note=about)
    timed("warfarin PK FOCEI, R, one start", cases.warfarin_once, 0.1)


def turnover() -> None:
    """Warfarin PK/PD in its three forms."""
    for emax in TURNOVERS:
        name = f"warfarin PK/PD turnover FOCEI, R, one start, emax {emax}"
        timed(name, cases.turnover_once(emax), 1.5, 3)


def large() -> None:
    """Theophylline resampled to 1 000 and 10 000 subjects, with PyNLME beside the smaller; memory of the larger."""
    spent = {}
    for subjects, asked in ((1000, 1.0), (10_000, 10.0)):
        cases.resampled(subjects)
        work = partial(cases.resampled_once, subjects)
        timed(f"{subjects} subjects × 11 FOCEI, R, one start", work, asked, 3)
        spent[subjects] = cpu(work, 3)
    print(f"  10 000 take {spent[10_000] / spent[1000]:.2f} times as long as 1 000")
    other = others.pynlme("FOCE", cases.resampled_table(1000))
    if other is not None:
        told("  PyNLME FOCE, 1000 subjects, no R", cpu(other, 1))
    before, highest, objective, status = json.loads(process(LARGE.format(subjects=10_000))[2].splitlines()[-1])
    print(f"  10 000 subjects, a process of their own: peak {highest:.0f} MiB, {before:.0f} before", end=" ")
    print(f"({objective:.3f}, {status})")


def fresh() -> None:
    """A fresh process to its first fit, with everything compiled."""
    process(FRESH)
    spent = sorted(process(FRESH)[:2] for _ in range(3))[1]
    told("a fresh process to the first fit (theophylline)", spent[0], 3.0, f"{spent[1]:.2f} s on the clock")


def starts(count: int = 20) -> None:
    """Where 20 starts end, fixed effects times or by up to 3, variances up to 5."""
    for emax in TURNOVERS:
        population = cases.turnover(emax)
        ends: dict[float, list[str]] = {}
        first = fit_population(population, cases.warfarin_both(), options=cases.ONE_START)
        for seed in range(count):
            fit = fit_population(cases.moved(population, seed), cases.warfarin_both(), options=cases.ONE_START)
            ends.setdefault(round(fit.objective, 2), []).append(fit.status)
        words = ", ".join(f"{len(s)} at {v:.2f} ({'/'.join(sorted(set(s)))})" for v, s in sorted(ends.items()))
        away = f"{first.objective - min(ends):+.3f} from the best of {count} starts"
        print(f"emax {emax}: the timed fit {first.objective:.4f} ({first.status}), {away}: {words}", flush=True)


PARTS: dict[str, Callable[[], None]] = {"small": small, "turnover": turnover, "large": large, "fresh": fresh}


def profiles() -> None:
    """Where the time of the fits goes."""
    for name, work in (
        ("theophylline, one start", cases.theophylline_once), ("theophylline, default", cases.theophylline_default),
        ("warfarin PK", cases.warfarin_once), ("warfarin PK/PD, 8 random effects", cases.turnover_once("log-normal")),
        ("1 000 subjects", partial(cases.resampled_once, 1000)),
        ("10 000 subjects", partial(cases.resampled_once, 10_000)),
    ):  # fmt: skip
        print(profile(name, work))


def main() -> None:
    """Print the times."""
    warnings.simplefilter("ignore")
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=PARTS)
    parser.add_argument("--starts", action="store_true")
    parser.add_argument("--profile", action="store_true")
    asked = parser.parse_args()
    if asked.starts:
        starts()
    elif asked.profile:
        profiles()
    else:
        for name, part in PARTS.items():
            if asked.only in (None, name):
                part()


if __name__ == "__main__":
    main()
