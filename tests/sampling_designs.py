"""What eight sampling designs do to NCA (il21.md, section 4): printed, computed, and the errors of both."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas

from pkpd import il21
from pkpd.diagnostics import design_bias
from pkpd.dosing import Dose, bolus
from pkpd.nca import NAMES, PRESETS, Profiles, compute
from pkpd.simulate import simulate

THEIRS = 4000
DOSE = bolus("30 ug/kg")
RULES = {"log": PRESETS["phoenix"], "linear": PRESETS["phoenix"].changed(auc="linear")}
M = 1 / 60
# Sampling times (h); bias of AUC0–t by linear-up/log-down and by linear trapezoids (%); t1/2 mean, median (h), CV (%).
TABLE = {
    "rich": ([5 * M, 15 * M, 30 * M, 1, 2, 4, 6, 8, 10, 12], 0.9, 5.3, 1.90, 1.86, 18),
    "default": ([5 * M, 1, 2, 4, 8], 9.0, 40.5, 1.89, 1.86, 17),
    "default + 24": ([5 * M, 1, 2, 4, 8, 24], 8.9, 40.2, 1.89, 1.85, 17),
    "5 min, .5, 2, 6, 24": ([5 * M, 0.5, 2, 6, 24], 2.6, 18.9, 1.35, 1.34, 12),
    "5 min, 2, 4, 6": ([5 * M, 2, 4, 6], 40.8, 115.1, 1.91, 1.86, 21),
    "15 min, 1, 4": ([15 * M, 1, 4], -12.8, -0.1, 0.97, 0.96, 8),
    "5 min, .25, 1, 4, 24": ([5 * M, 0.25, 1, 4, 24], -4.3, 8.7, 0.83, 0.81, 17),
    ".5, 2, 4, 8": ([0.5, 2, 4, 8], -25.1, -17.0, 1.91, 1.88, 17),
}
STATISTICS = ("bias, log", "bias, linear", "t1/2 mean", "t1/2 median", "t1/2 CV")
DIGITS = (0.1, 0.1, 0.01, 0.01, 1.0)
# Forty comparisons of two simulations: 3.3 standard errors leave 4 % that one of them is outside by chance.
REACH = 3.3


def answers(name: str, patients: int) -> tuple[float, ...]:
    """The five numbers of a design from `design_bias`."""
    log, linear = (
        design_bias(il21.truth(), DOSE, TABLE[name][0], subjects=patients, lloq=il21.LLOQ, rules=RULES[rule])
        for rule in RULES
    )
    half = log.loc["half_life"]
    pandas.testing.assert_series_equal(half, linear.loc["half_life"])  # λz has nothing to do with the areas
    bias = (log.loc["auc_last", "bias %"], linear.loc["auc_last", "bias %"])
    return (*bias, half["mean"], half["median"], half["CV %"])


@cache
def errors(name: str, patients: int) -> tuple[float, ...]:
    """Monte-Carlo standard errors of the five numbers: bootstrap over patients simulated apart (another seed).

    The truth of each patient is dose/CL, without any integration. Resampling patients keeps AUC and truth together, and
    is honest about a CV that few outliers make (5 min, .25, 1, 4, 24 h: a 24 h sample just above the limit).
    """
    times = np.array(TABLE[name][0])
    drawn = simulate(il21.truth(), DOSE, subjects=patients, seed=77, times=times)
    truth = 30_000 / drawn["CL"].values[0]
    sampled = Profiles.from_arrays(times, drawn["C_measured"].values[0], dose=Dose(0.0, 30_000.0), lloq=il21.LLOQ)
    values = {rule: compute(sampled, rules).values for rule, rules in RULES.items()}
    areas = {rule: v[:, NAMES.index("auc_last")] for rule, v in values.items()}
    half = values["log"][:, NAMES.index("half_life")]
    rng = np.random.default_rng(1)
    statistics = []
    for _ in range(150):
        k = rng.integers(patients, size=patients)
        h = half[k][np.isfinite(half[k])]
        bias = [100 * (areas[rule][k].mean() / truth[k].mean() - 1) for rule in RULES]
        statistics.append([*bias, h.mean(), np.median(h), 100 * h.std(ddof=1) / h.mean()])
    return tuple(np.std(statistics, axis=0, ddof=1))


def check_design(name: str, patients: int) -> None:
    """Within the errors of both simulations (theirs of 4000 patients) and half a unit of the digit printed."""
    here, expected = answers(name, patients), TABLE[name][1:]
    both = np.sqrt(1 + patients / THEIRS)
    for what, ours, printed, error, digit in zip(
        STATISTICS, here, expected, errors(name, patients), DIGITS, strict=True
    ):
        assert abs(ours - printed) <= REACH * both * error + digit / 2, (what, ours, printed, error)


def check_width(name: str, patients: int) -> None:
    """A comparison that nothing could fail is no comparison.

    At 4000 patients the biases are known to 0.6 points and half-lives to 1 %; errors grow as one over the square root.
    """
    log, linear, mean, median, _ = errors(name, patients)
    wider = np.sqrt(THEIRS / patients)
    assert max(log, linear) < 0.6 * wider
    assert max(mean / TABLE[name][3], median / TABLE[name][4]) < 0.01 * wider
