"""Power of whole simulated trials of the IL-21 case, and 2 500 malformed tables, each read twice."""

from __future__ import annotations

import contextlib
import warnings
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

import pkpd
from pkpd import il21, trial
from pkpd.errors import InputError

TRIALS, PK_DAYS = 300, (1, 5, 50, 54)


@pytest.mark.filterwarnings("ignore::pkpd.errors.DataWarning")
def test_power_of_three_pairs_in_whole_trials() -> None:
    """Three positive patients a trial, NCA of the assumed sampling times, CL 1.22 times: the page says 80 %.

    The page's figure comes from 400 trials with areas summed outside the package (log trapezoids, C0 by extrapolation);
    here the package's NCA and `antibody_effect` do it. Detection is on day 50.
    """
    people = trial.with_antibodies(il21.truth())
    changed = people.parameters.with_values({"ratio_ADA": 1.22, "onset_ADA": 24.0 * 20})
    plan = il21.regimen(courses=2)
    times = np.concatenate([24.0 * (day - 1) + np.array(il21.PK_HOURS[1:]) for day in PK_DAYS])
    result = pkpd.simulate(
        replace(people, parameters=changed), plan, subjects=3 * TRIALS, times=times, seed=9, keep=["C_measured"]
    )
    table = result["C_measured"].to_series().reset_index(name="value").assign(analyte="IL21")
    table = table.loc[table["value"] >= il21.LLOQ, ["subject", "time", "analyte", "value"]]
    units = {"time": "h", "IL21": "ng/mL", "dose": "ug/kg"}
    exposures = pkpd.nca(pkpd.read_study(table, plan, units=units, lloq={"IL21": il21.LLOQ}), "IL21")
    day = 1 + exposures["dose_time"].values / 24
    auc = np.log(exposures["auc_last"].values)
    who = exposures["subject"].values.astype(int)
    found = ratios = 0.0
    for first in range(1, 3 * TRIALS, 3):
        mine = (who >= first) & (who < first + 3) & np.isin(day, PK_DAYS)
        patients = np.repeat(range(first, first + 3), 3)
        samples = {"subject": patients, "day": [1, 6, 50] * 3, "result": ["neg", "neg", "pos"] * 3}
        rows = {"subject": who[mine], "day": day[mine], "auc_last": np.exp(auc[mine])}
        row = trial.antibody_effect(rows, samples).table().set_index("comparison").loc["paired"]
        found += bool(row["high"] < 1 or row["low"] > 1)
        ratios += np.log(row["ratio"]) / TRIALS
    assert stats.binomtest(int(found), TRIALS, 0.8).pvalue > 0.001
    assert np.exp(ratios) == pytest.approx(0.843, abs=0.01)


@pytest.mark.parametrize("seed", range(2))
def test_malformed_tables(seed: int) -> None:
    rng = np.random.default_rng(seed)
    cells = [1, 0, -3, 43, "43", "x", "", None, np.nan, np.inf, "positive", "neg", True, 1e400, "1,5", [1], 5.5, "Yes"]
    columns = ["subject", "day", "time", "result", "titre", "ada", "auc_last", "cmax"]

    def table() -> dict[str, list[object]]:
        names = rng.choice(columns, rng.integers(1, 8), replace=False)
        rows = int(rng.integers(0, 6))
        return {name: [cells[k] for k in rng.integers(len(cells), size=rows)] for name in names}

    def good() -> dict[str, list[object]]:
        rows = int(rng.integers(1, 7))
        return {
            "subject": rng.integers(1, 4, rows).tolist(), "day": rng.integers(1, 90, rows).tolist(),
            "result": rng.choice(["pos", "neg", ""], rows).tolist(),
            "auc_last": rng.choice([1.0, 2.0, 0.0], rows).tolist(),
        }  # fmt: skip

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for k in range(1250):
            with contextlib.suppress(InputError):  # any other error is one
                trial.antibody_status(table())
            with contextlib.suppress(InputError):
                trial.antibody_effect(good() if k % 2 else table(), good())
