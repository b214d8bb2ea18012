"""The IL-21 comparison, row by row: what was published, what the package gives, and what kind of row it is.

*input*: put in; *calibrated*: tuned to, no evidence for the model; *predicted*: neither; *recomputed*: arithmetic on
published numbers.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import stdtrit

from pkpd import il21
from pkpd.fit import Fit, Fits
from pkpd.study import Study
from pkpd.trial import clopper_pearson
from pkpd.trial.proportions import prediction_interval

if TYPE_CHECKING:
    import pandas

_COLUMNS = ["quantity", "published", "package", "kind", "agreement"]
Row = tuple[str, str, str, str, str]


def _table(rows: list[Row]) -> pandas.DataFrame:
    import pandas

    return pandas.DataFrame(rows, columns=_COLUMNS).set_index("quantity")


def inputs() -> pandas.DataFrame:
    """Return what was taken from the paper as it stands."""
    plan = il21.regimen()
    days = [int(t // 24) + 1 for t in plan.times]
    rows: list[Row] = [
        ("dosing days", "1–5 and 15–19", f"{days[0]}–{days[4]} and {days[5]}–{days[9]}", "input", "same"),
        ("phase 2 dose", "30 ug/kg", f"{plan.doses[0].amount:g} {plan.unit}", "input", "same"),
        ("LLOQ of serum IL-21, ng/mL", "0.112", f"{il21.LLOQ:g}", "input", "same"),
        ("patients, phase 1 + 2", "19 + 33", " + ".join(map(str, _patients())), "input", "same"),
    ]
    return _table(rows)


def _patients() -> list[int]:
    return [sum(n for phase, _, n in il21.COHORTS if phase == name) for name in ("phase 1", "phase 2")]


def exposure(study: Study) -> pandas.DataFrame:
    """Compare NCA of the synthetic patients at 30 ug/kg with the published exposure.

    Parameters
    ----------
    study : Study
        A synthetic study (`pkpd.il21.synthetic_study`).
    """
    rows: list[Row] = []
    for day, summary in il21.exposure_by_day(study).items():
        by_parameter = summary.set_index("parameter")
        for name, parameter, digits, unit in (("auc", "auc_last", 0, "h·ng/mL"), ("half_life", "half_life", 2, "h")):
            published, cv = il21.PUBLISHED[day][name], il21.PUBLISHED[day][f"{name}_cv"]
            line = by_parameter.loc[parameter]
            n, mean, sd = int(line["n"]), float(line["mean"]), float(line["sd"])
            reach = float(stdtrit(n - 1, 0.95)) * sd / math.sqrt(n)
            low, high = mean - reach, mean + reach
            inside = "inside" if low <= published <= high else "outside"
            label = "AUC0–t" if name == "auc" else "t1/2,λz"
            rows.append(
                (
                    f"{label}, {day}, {unit}: mean (CV %)",
                    f"{published:.{digits}f} ({cv:.0f})",
                    f"{mean:.{digits}f} ({float(line['cv']):.0f}), n = {n}",
                    "calibrated",
                    f"published {inside} 90 % interval of the mean {low:.{digits}f}–{high:.{digits}f}",
                )
            )
    return _table(rows)


def toxicity(shares: dict[str, float], subjects: int) -> pandas.DataFrame:
    """Compare worst lymphopenia of a virtual trial at 30 ug/kg with the published counts.

    Parameters
    ----------
    shares : dict
        What `pkpd.il21.virtual_trial` returned.
    subjects : int
        Of how many virtual patients.
    """
    published = il21.PUBLISHED["lymphopenia"]
    n = int(published["patients"])
    rows: list[Row] = []
    for grade in ("any", "grade 3", "grade 4"):
        count, p = int(published[grade]), shares[grade] / 100
        low, high = prediction_interval(n, p)
        inside = "inside" if low <= count <= high else "outside"
        error = 100 * math.sqrt(p * (1 - p) / subjects)
        rows.append(
            (
                f"worst lymphopenia, {grade}",
                f"{count}/{n} ({100 * count / n:.0f} %)",
                f"{shares[grade]:.1f} ± {error:.1f} %",
                "calibrated",
                f"published {inside} 90 % interval of the count {low}–{high}",
            )
        )
    return _table(rows)


def predicted_toxicity(subjects: int, seed: int) -> pandas.DataFrame:
    """Return worst lymphopenia at dose levels that nothing was tuned to.

    Parameters
    ----------
    subjects, seed : int
        Virtual patients per dose level, and their seed.
    """
    rows: list[Row] = []
    for dose in (3, 10, 40, 50, 100):
        shares = il21.virtual_trial(subjects, seed=seed, dose=f"{dose} ug/kg")
        text = " / ".join(f"{shares[g]:.0f}" for g in ("any", "grade 3", "grade 4"))
        rows.append((f"lymphopenia at {dose} ug/kg: any / 3 / 4, %", "–", text, "predicted", "not published"))
    return _table(rows)


def recomputed() -> pandas.DataFrame:
    """Return arithmetic on the published numbers: rates, clearances and exact intervals."""
    rows: list[Row] = []
    for day in ("single dose", "repeated dose"):
        auc, half = il21.PUBLISHED[day]["auc"], il21.PUBLISHED[day]["half_life"]
        rate, bound = math.log(2) / half, 30_000 / auc
        rows += [
            (f"λz, {day}, 1/h", f"t1/2 {half:g} h", f"{rate:.4f}", "recomputed", "ln 2 / t1/2"),
            (f"D/AUC0–t, {day}, mL/h/kg", f"AUC {auc:g}", f"{bound:.1f}", "recomputed", "an upper bound of CL"),
            (
                f"accumulation, {day}, τ = 24 h",
                "–",
                f"{1 / -math.expm1(-24 * rate):.4f}",
                "recomputed",
                "1/(1 − e^(−λz τ))",
            ),
        ]
    response = il21.PUBLISHED["response"]
    n = int(response["patients"])
    printed = {"PR": "9–38.9", "SD": "42.1–77.1", "disease control": "64.5–93"}
    for name, text in printed.items():
        count = int(response[name])
        low, high = (100 * limit for limit in clopper_pearson(count, n))
        same = [float(part) for part in text.split("–")]
        agrees = all(abs(round(v, 1) - s) < 0.051 for v, s in zip((low, high), same, strict=True))
        share = f"{count}/{n} = {100 * count / n:.0f} %"
        rows.append((f"{name}, 95 % interval", f"{share} [{text}]", f"[{low:.3f}–{high:.3f}]", "recomputed",
                     "Clopper–Pearson, to the digits printed" if agrees else "differs"))  # fmt: skip
    seen = 1 - 0.9**30
    rows.append(
        ("P(seeing a 10 % event among 30)", "approximately 95 %", f"{100 * seen:.2f} %", "recomputed", "1 − 0.9³⁰")
    )
    return _table(rows)


def recovered(pk: Fits, effect: Fit) -> pandas.DataFrame:
    """Compare the estimates from the synthetic study with the truth that it was drawn from.

    Parameters
    ----------
    pk : Fits
        Individual PK fits.
    effect : Fit
        Pooled PD fit.
    """
    truth = il21.truth().parameters
    rows: list[Row] = []
    typical = pk.typical()
    logs = {n: np.log([f.parameters[n] for f in pk.usable().values()]) for n in ("CL", "V1", "Q", "V2")}
    for name, values in logs.items():
        reach = float(stdtrit(len(values) - 1, 0.95)) * float(values.std(ddof=1)) / math.sqrt(len(values))
        low, high = np.exp(values.mean() - reach), np.exp(values.mean() + reach)
        rows.append(
            _estimate(
                f"{name}, {typical.get(name).unit}, geometric mean of {len(values)} fits",
                truth[name],
                typical[name],
                low,
                high,
            )
        )
    for name, (low, high) in effect.intervals(0.90).items():
        if name in truth and name in effect.model.parameters:
            rows.append(
                _estimate(
                    f"{name}, {effect.parameters.get(name).unit or 1}, pooled",
                    truth[name],
                    effect.parameters[name],
                    low,
                    high,
                )
            )
    return _table(rows).rename(columns={"published": "assumed truth"})


def _estimate(name: str, truth: float, estimate: float, low: float, high: float) -> Row:
    inside = "inside" if low <= truth <= high else "outside"
    return (name, f"{truth:.4g}", f"{estimate:.4g}", "predicted", f"truth {inside} 90 % interval {low:.4g}–{high:.4g}")
