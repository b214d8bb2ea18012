"""Steady state from troughs against R 4.2.2, and from half-lives by its closed form.

`tests/reference/interaction/troughs.csv`: eight made-up subjects, three of 56 troughs missing. Helmert:
``m <- nlme::lme(log(trough) ~ 0 + factor(day), random = ~1 | subject)`` with L = (0, 1, −1/(K−k), …), exp(L·fixef),
``vcov(m)``, ``qt(0.95, df)`` and the denominator df of ``anova(m)``, 39. Trend: ``nlme::lme(log(trough) ~ day, random =
~1 | subject, data = d[d$day >= k, ])`` with ``nlme::intervals(level = 0.9)``, times the days to day 8, exp.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas
import pytest
import xarray as xr

from pkpd import InputError
from pkpd.errors import DataWarning
from pkpd.trial import steady_state_attainment, steady_state_from_half_life

TROUGHS = Path(__file__).resolve().parents[2] / "reference" / "interaction" / "troughs.csv"
HELMERT = [
    (2, 0.4847234197, 0.4425995647, 0.5308563594, 39, 3.358985264e-16),
    (3, 0.7248581432, 0.6612002527, 0.7946447776, 39, 7.172354056e-07),
    (4, 0.821303896, 0.752108105, 0.8968658696, 39, 0.0005432710622),
    (5, 0.8983889165, 0.8201223787, 0.9841246457, 39, 0.05471142483),
    (6, 0.9555722929, 0.866942115, 1.053263408, 39, 0.4362540366),
    (7, 0.9348262972, 0.8329453841, 1.049168676, 39, 0.3311598595),
]
TREND = [
    (2, 2.156272945, 1.890171364, 2.459836765, 44, 1.233505118e-12),
    (3, 1.510462955, 1.373602475, 1.660959687, 37, 1.048322784e-08),
    (4, 1.299132672, 1.183773898, 1.42573316, 30, 4.375721706e-05),
    (5, 1.154906336, 1.077489655, 1.237885338, 22, 0.001734842285),
    (6, 1.077957498, 0.9919855974, 1.17138028, 14, 0.1339779711),
]


def test_both_methods_are_those_of_nlme() -> None:
    found = steady_state_attainment(TROUGHS)
    for method, theirs in (("Helmert contrast", HELMERT), ("linear trend", TREND)):
        rows = found.table()
        rows = rows[rows["method"] == method]
        ours = rows[["time", "ratio", "low", "high", "freedom", "p"]].to_numpy(float)
        np.testing.assert_allclose(ours, theirs, rtol=2e-6)
    assert found.attained == {"Helmert contrast": 5.0, "linear trend": 6.0}
    np.testing.assert_allclose(found.last_three, TREND[-1][1:4], rtol=2e-6)
    assert "does not prove" in found.summary()


def test_one_subject_is_a_line_by_least_squares() -> None:
    """R: ``summary(lm(log(c(5, 8, 9, 9.5)) ~ c(1, 2, 3, 4)))``: slope 0.2043345, p 0.0972699."""
    found = steady_state_attainment({"subject": [1] * 4, "time": [1, 2, 3, 4], "value": [5, 8, 9, 9.5]})
    line = found.table().query("method == 'linear trend'").iloc[0]
    assert np.log(line["ratio"]) / 3 == pytest.approx(0.2043345, abs=5e-8)
    assert line["p"] == pytest.approx(0.0972699, abs=5e-8)
    assert found.table().query("method == 'Helmert contrast'")["reason"].str.contains("too few").all()
    assert np.isnan(found.attained["Helmert contrast"])


def test_troughs_of_an_nca_result() -> None:
    table = pandas.read_csv(TROUGHS)
    data = xr.Dataset({"ctrough": ("profile", table["trough"])},
                      {"subject": ("profile", table["subject"]), "dose_time": ("profile", 24.0 * (table["day"] - 2)),
                       "interval_end": ("profile", np.full(len(table), 24.0))})  # fmt: skip
    days = steady_state_attainment(TROUGHS).table()
    hours = steady_state_attainment(data).table()
    np.testing.assert_allclose(hours["time"], 24 * (days["time"] - 1))
    np.testing.assert_allclose(hours["p"], days["p"], rtol=1e-6)
    with pytest.raises(InputError, match="does not hold ctrough"):
        steady_state_attainment(data.drop_vars("ctrough"))


def test_what_is_left_out_is_counted_and_what_is_wrong_said() -> None:
    table = pandas.read_csv(TROUGHS)
    table["trough"] = table["trough"].mask(table["day"] == 2, 0.0)
    with pytest.warns(DataWarning, match="7 of 53 troughs are left out: 0 missing, 7 zero"):
        assert steady_state_attainment(table).table()["time"].min() == 3
    with pytest.raises(InputError, match="at 2 times; expected three"):
        steady_state_attainment(pandas.read_csv(TROUGHS).query("day < 4"))
    with pytest.raises(InputError, match="row 2, subject 1"):
        steady_state_attainment({"subject": [1, 1], "time": [1, 1], "value": [2, 3]})
    with pytest.raises(InputError) as caught:
        steady_state_attainment(TROUGHS, alpha=2.0, level=0.0)
    assert len(caught.value.problems) == 2


def test_half_lives_by_their_closed_form() -> None:
    """90 % after 3.32193 half-lives (log2 10); one half-life apart accumulation is 2, and 1 − 2⁻⁴ the first ≥ 0.9."""
    found = steady_state_from_half_life([10.0, 1.82], tau=10.0)
    np.testing.assert_allclose(found["time"], 3.3219280948873626 * np.array([10.0, 1.82]))
    assert found.loc[0, ["doses", "reached", "accumulation"]].tolist() == pytest.approx([4, 0.9375, 2.0])
    assert steady_state_from_half_life(10.0, tau=10.0, fraction=0.75)["doses"].item() == 2  # exactly there
    assert found["doses"][1] == 1
    assert "upper bound" in found.attrs["method"]
    with pytest.raises(InputError) as caught:
        steady_state_from_half_life([-1.0], tau=0.0, fraction=1.0)
    assert len(caught.value.problems) == 3


def test_the_terminal_half_life_is_the_latest_of_two_exponentials() -> None:
    """Two exponentials (IL-21's α and β), average of the interval: the time by superposition is no later."""
    from pkpd import nca

    t = np.linspace(0, 40, 4001)
    c = 20 * np.exp(-4.62 * t) + 1 * np.exp(-0.369 * t)
    exact = nca.time_to_steady_state(t, c, 0.5, of="average").time
    bound = steady_state_from_half_life(np.log(2) / 0.369, tau=0.5)["doses"].item() * 0.5
    assert exact <= bound
    assert exact < 0.8 * bound  # most of the area is in the fast phase
