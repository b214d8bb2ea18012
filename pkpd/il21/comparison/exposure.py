"""Rows of exposure and of what IL-21 does: arithmetic on the published means, NCA of synthetic patients beside it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import chdtri, stdtrit

from pkpd.il21.case import LLN, truth
from pkpd.il21.comparison.rows import Row, by_claim, by_interval, cannot, follows, numbers
from pkpd.il21.comparison.source import Printed
from pkpd.il21.paper import LLOQ
from pkpd.trial import ratio_by_patients

if TYPE_CHECKING:
    import pandas
    import xarray

PK, RATIO, SYNTHETIC_PK, EFFECT = "exposure", "repeated by single dose", "exposure, synthetic", "sCD25 and lymphocytes"
DAYS = ("single dose", "repeated dose")
TAU = 24.0
_SIZES = (10, 20, 33)


def exposure(paper: Printed) -> Iterator[Row]:
    """Yield what follows from the printed mean AUC, its CV and the half-life."""
    dose = 1000.0 * paper.number("dose phase 2")  # ng/kg
    spread = []
    for day in DAYS:
        auc, cv = _mean_cv(paper, f"auc {day}")
        half, half_cv = _mean_cv(paper, f"half-life {day}")
        rate, bound, wide = math.log(2) / half, dose / auc, 1 + (cv / 100) ** 2
        given = f"AUC0–t {auc:g}, CV {cv:g} %"
        last = rate * auc * math.exp(-rate * TAU)
        spread.append(1 - math.log1p((half_cv / 100) ** 2) / (2 * math.log(wide)))
        for what, origin, text, why in (
            ("λz, 1/h", f"t1/2 {half:g} h", f"{rate:.4f}", "ln 2/t1/2"),
            ("D/mean AUC0–t, mL/h/kg", given, f"{bound:.1f}", "for one patient an upper bound of CL"),
            ("geometric mean CL, mL/h/kg", given, f"{bound * math.sqrt(wide):.1f}",
             "AUC log-normal, the printed mean arithmetic: D·√(1 + CV²)/AUC"),
            ("mean CL, mL/h/kg", given, f"{bound * wide:.1f}", "likewise: D·(1 + CV²)/AUC"),
            ("(D/AUC0–t)/λz, mL/kg", given, f"{bound / rate:.0f}", "a volume, if one compartment were right"),
            ("accumulation index, τ = 24 h", f"t1/2 {half:g} h", f"{1 / -math.expm1(-rate * TAU):.4f}",
             "1/(1 − exp(−λz·τ)): daily doses do not accumulate"),
            ("C0 of one compartment, ng/mL", given, f"{auc * rate:.1f}", "AUC·λz"),
            ("concentration before the next dose, ng/mL", given, f"{last:.4f}",
             f"one compartment, C0·exp(−24·λz); {'below' if last < LLOQ else 'not below'} the LLOQ of {LLOQ:g}"),
        ):  # fmt: skip
            yield follows(PK, f"{what}, {day}", origin, text, why)
        shown = f"AUC {auc:g} ({cv:g} %), t1/2 {half:g} ({half_cv:g} %)"
        yield cannot(PK, f"geometric CV of AUC0–t and t1/2, {day}", shown,
                     "needs the patients' values; the printed CVs are taken as they stand")  # fmt: skip
    yield follows(PK, "correlation of log CL and log V, single, repeated, mean", "CVs of AUC and t1/2",
                  f"{spread[0]:.2f}, {spread[1]:.2f}, {sum(spread) / 2:.2f}",
                  "1 − σ²(t1/2)/(2σ²(AUC)): t1/2 varies less than AUC, so CL and V share a scale")  # fmt: skip
    ends = (45.0, 420.0)
    yield follows(PK, "C0 for V1 of 45 and 420 mL/kg, ng/mL", f"dose {dose / 1000:g} mcg/kg",
                  ", ".join(f"{dose / v:.0f}" for v in ends), "D/V1: AUC and t1/2 leave Cmax open")  # fmt: skip


def repetition(paper: Printed) -> Iterator[Row]:
    """Yield the ratio of repeated to single exposure with its interval, for several numbers of patients."""
    (single, cv_single), (repeated, cv_repeated) = (_mean_cv(paper, f"auc {day}") for day in DAYS)
    claim = paper.said["exposure and repetition"]
    for means, why in (("arithmetic", "printed means read as arithmetic"), ("geometric", "read as geometric")):
        table = ratio_by_patients(repeated, single, cv_test=cv_repeated, cv_reference=cv_single,
                                  patients=list(range(2, 201)), means=means)  # fmt: skip
        first = table[table["excludes_1"]].iloc[0]
        for row in table[table["patients"].isin(_SIZES)].to_dict("records"):
            within = not row["excludes_1"]
            yield Row(RATIO, f"ratio of geometric means, {row['patients']} in each group, {means}", claim,
                      f"{row['ratio']:.2f} [{row['low']:.2f}–{row['high']:.2f}]", "recomputed", by_claim(within),
                      f"90 % interval, unpaired; {why}; n is not printed")  # fmt: skip
        yield follows(RATIO, f"fewest in each group whose interval excludes 1, {means}", f"{repeated:g} by {single:g}",
                      str(int(first["patients"])), "by n the same ratio is a change or none")  # fmt: skip


def synthetic(paper: Printed, days: Mapping[str, pandas.DataFrame], slope: Any) -> Iterator[Row]:
    """Yield NCA of synthetic patients beside the published means.

    Parameters
    ----------
    paper : Printed
        What is printed.
    days : mapping
        What `il21.exposure_by_day` returned.
    slope : Proportionality
        Of AUC0–t on dose (`nca.dose_proportionality`).
    """
    for day, summary in days.items():
        lines = summary.set_index("parameter")
        for label, name, key, digits, unit in (
            ("AUC0–t", "auc_last", f"auc {day}", 0, "h·ng/mL"), ("t1/2,λz", "half_life", f"half-life {day}", 2, "h"),
        ):  # fmt: skip
            mean, cv = _mean_cv(paper, key)
            line = lines.loc[name]
            n, found, sd = int(line["n"]), float(line["mean"]), float(line["sd"])
            reach = float(stdtrit(n - 1, 0.95)) * sd / math.sqrt(n)
            low, high = found - reach, found + reach
            yield Row(SYNTHETIC_PK, f"{label}, {day}, {unit}: mean", f"{mean:g}", f"{found:.{digits}f}, n = {n}",
                      "calibrated", by_interval(mean, low, high),
                      f"90 % interval of the mean {low:.{digits}f}–{high:.{digits}f}; SYNTHETIC patients")  # fmt: skip
            spread = math.log(float(line["geometric_sd"]))
            ends = [100 * math.sqrt(math.expm1(spread**2 * (n - 1) / float(chdtri(n - 1, p)))) for p in (0.05, 0.95)]
            yield Row(SYNTHETIC_PK, f"{label}, {day}: CV, %", f"{cv:g}", f"{float(line['cv']):.0f}", "calibrated",
                      by_interval(cv, *ends), f"90 % interval of the CV {ends[0]:.0f}–{ends[1]:.0f} (log-normal); "
                      "SYNTHETIC patients")  # fmt: skip
    beta, low, high = (float(getattr(slope, name)) for name in ("beta", "beta_low", "beta_high"))
    yield Row(SYNTHETIC_PK, "AUC0–t against dose, 10–50 ug/kg", paper.said["exposure and dose"],
              f"dose^{beta:.2f} [{low:.2f}–{high:.2f}]", "predicted", by_claim(low > 0),
              "holds if the interval of the exponent lies above 0; the assumed truth is linear; SYNTHETIC")  # fmt: skip


def effects(paper: Printed, found: Mapping[str, xarray.Dataset]) -> Iterator[Row]:
    """Yield what synthetic patients show of sCD25 and lymphocytes beside what the paper says of them.

    Parameters
    ----------
    paper : Printed
        What is printed.
    found : mapping
        What `il21.responses` returned.
    """
    receptor, cells = found["sCD25"], found["ALC"]
    levels = receptor["dose_level"].to_numpy()
    folds = {
        f"{dose:g}": float(np.median(receptor["fold_max"].to_numpy()[levels == dose])) for dose in np.unique(levels)
    }
    yield Row(EFFECT, "sCD25, largest value by baseline, median by dose level", paper.said["scd25"],
              ", ".join(f"{value:.1f} at {dose}" for dose, value in folds.items()), "predicted",
              by_claim(min(folds.values()) > 1),
              "holds if all are above 1; nothing printed fixes the size; SYNTHETIC")  # fmt: skip
    thirty = cells["dose_level"].to_numpy() == paper.number("dose phase 2")
    values = cells["visit_value"].to_numpy()[thirty]
    visits = [1 + float(v) / 24 for v in cells["visit"].to_numpy()]
    middle = {day: float(np.median(values[:, visits.index(day)])) for day in (5.0, 15.0, 19.0, 29.0)}
    holds = max(middle[5.0], middle[19.0]) < LLN <= min(middle[15.0], middle[29.0])
    yield Row(EFFECT, "lymphocytes on days 5, 15, 19, 29, median, 10^9/L", paper.said["lymphocytes"],
              ", ".join(f"{v:.2f}" for v in middle.values()), "calibrated", by_claim(bool(holds)),
              f"holds if days 5 and 19 lie below the LLN of {LLN:g} and days 15 and 29 do not; SYNTHETIC")  # fmt: skip
    p = truth().parameters
    k10, k12, k21 = p["CL"] / p["V1"], p["Q"] / p["V1"], p["Q"] / p["V2"]
    total = k10 + k12 + k21
    fast = (total + math.sqrt(total**2 - 4 * k10 * k21)) / 2
    slow = k10 * k21 / fast
    dose = 1000 * paper.number("dose phase 2") / p["V1"]
    last = dose * ((fast - k21) * math.exp(-fast * TAU) + (k21 - slow) * math.exp(-slow * TAU)) / (fast - slow)
    yield follows(EFFECT, "IL-21 before the dose of day 2, typical patient, ng/mL", f"LLOQ {LLOQ:g}", f"{last:.4f}",
                  f"two compartments of the assumed truth; {'below' if last < LLOQ else 'not below'} the LLOQ",
                  "predicted")  # fmt: skip


def _mean_cv(paper: Printed, key: str) -> tuple[float, float]:
    """A printed mean and its CV, %: the first and the last number (those between belong to the unit)."""
    said = numbers(paper.said[key])
    return float(said[0]), float(said[-1])


__all__ = ["effects", "exposure", "repetition", "synthetic"]
