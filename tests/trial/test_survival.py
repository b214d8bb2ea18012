"""Kaplan–Meier, log-rank, Cox, landmark: R's numbers on public data, closed forms, what cannot be known.

R's numbers (R 4.2.2, survival 3.5-3): ``survfit(Surv(time, status) ~ 1, lung, conf.type="log-log")``,
``survdiff(Surv(time, status) ~ sex, lung)``, ``coxph(Surv(time, status) ~ age + sex + ph.ecog, lung, ties=…)``,
``cox.zph``, ``coxph(Surv(futime, fustat) ~ rx + age, ovarian)``, ``coxph(Surv(time, status) ~ ., veteran)``;
/work/shared/reference/figures/trial/numbers.json.
"""

from __future__ import annotations

import contextlib
import math
import sys
from typing import Any

import numpy as np
import pandas
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from pkpd import InputError
from pkpd.errors import DataWarning, FitWarning
from pkpd.trial import KaplanMeier, cox, kaplan_meier, landmark, log_rank
from tests.trial.survival_data import lung, ovarian, veteran

ECOG = ["age", "sex", "ph.ecog"]


def test_lung_by_r() -> None:
    km = kaplan_meier(lung())
    assert km.median().iloc[0].tolist() == ["all", 228, 165, 310.0, 284.0, 361.0]
    assert kaplan_meier(lung(), interval="log").median().iloc[0].tolist()[3:] == [310.0, 285.0, 363.0]
    at = km.at([365]).iloc[0]
    np.testing.assert_allclose([at["survival"], at["se"]], [0.4092416, 0.0358236], atol=5e-8)
    np.testing.assert_allclose([at["low"], at["high"]], [0.3387, 0.4784], atol=5e-5)
    mean = km.restricted_mean(365).iloc[0]
    np.testing.assert_allclose([mean["mean"], mean["se"]], [263.2219, 7.7989], atol=5e-5)
    assert "log-log" in km.summary()
    assert "310 days (284 to 361)" in km.summary()


def test_log_rank_by_r() -> None:
    table = log_rank(lung(), "sex")
    np.testing.assert_allclose(table["chi_square"], 10.326742, atol=5e-7)
    assert table["events"].tolist() == [112, 53]
    np.testing.assert_allclose(table["expected"].sum(), 165.0)
    assert table["test"][0] == "log-rank"


@pytest.mark.parametrize(("ties", "estimates", "likelihood"), [
    ("Efron", [0.0110668, -0.5526124, 0.4637285], -729.230121),
    ("Breslow", [0.0110411, -0.5518896, 0.462947], -729.488705),
])  # fmt: skip
def test_cox_by_r(ties: str, estimates: list[float], likelihood: float) -> None:
    with pytest.warns(DataWarning, match=r"1 of 228 rows lack a covariate \(ph\.ecog\)"):
        fit = cox(lung(), ECOG, ties=ties)
    np.testing.assert_allclose(fit.estimates, estimates, atol=5e-8)
    np.testing.assert_allclose(fit.log_likelihood, likelihood, atol=5e-7)
    assert (fit.patients, fit.events, fit.dropped) == (227, 164, 1)
    assert f"ties by {ties}" in fit.summary()


@pytest.mark.filterwarnings("ignore::pkpd.errors.DataWarning")
def test_proportional_hazards_by_r() -> None:
    table = cox(lung(), ECOG).proportional_hazards().set_index("covariate")
    np.testing.assert_allclose(table.loc[ECOG, "chi_square"], [0.18799, 2.30544, 2.05425], atol=5e-6)
    np.testing.assert_allclose(table.loc["all", "chi_square"], 4.46366, atol=5e-6)
    assert table.loc["all", "df"] == 3


def test_more_of_r() -> None:
    np.testing.assert_allclose(cox(ovarian(), ["rx", "age"]).estimates, [-0.803973, 0.147327], atol=5e-7)
    fit = cox(veteran(), ["trt", "celltype", "karno", "diagtime", "age", "prior"])
    assert round(fit.estimates[fit.names.index("karno")], 7) == -0.0328153
    table = fit.proportional_hazards().set_index("covariate")
    assert round(table.loc["all", "chi_square"], 4) == 34.5525
    assert table.loc["all", "df"] == 8
    assert table.loc["celltype", "df"] == 3


def test_another_reference_changes_the_coding_and_nothing_else() -> None:
    first = cox(veteran(), ["celltype"])
    other = cox(veteran(), ["celltype"], reference={"celltype": "squamous"})
    assert first.names == ("celltype: large", "celltype: smallcell", "celltype: squamous")
    np.testing.assert_allclose(other.log_likelihood, first.log_likelihood, rtol=1e-12)
    np.testing.assert_allclose(other.estimates[0], -first.estimates[2], rtol=1e-6)
    np.testing.assert_allclose(
        other.proportional_hazards()["chi_square"], first.proportional_hazards()["chi_square"], rtol=1e-5
    )


def test_cox_of_two_groups_by_hand() -> None:
    """Deaths at 1 (x = 1), 2 (x = 0), 3 (x = 1) of 2 and 2: U(β) = 0 solved by bisection."""
    table = {"duration": [1.0, 3.0, 2.0, 4.0], "event": [1, 1, 1, 0], "x": [1, 1, 0, 0]}

    def score(beta: float) -> float:
        r = math.exp(beta)
        return (1 - 2 * r / (2 * r + 2)) + (0 - r / (r + 2)) + (1 - r / (r + 1))

    low, high = -5.0, 5.0
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if score(middle) > 0 else (low, middle)
    np.testing.assert_allclose(cox(table, ["x"]).estimates, [low], rtol=1e-8)


def test_scale_and_place_of_a_covariate_do_not_matter() -> None:
    table = veteran()
    one = cox(table, ["karno"])
    other = cox(table.assign(karno=1e4 + 1e-3 * table["karno"]), ["karno"])
    np.testing.assert_allclose(other.estimates, 1e3 * one.estimates, rtol=1e-6)
    np.testing.assert_allclose(other.table()["p"], one.table()["p"], rtol=1e-5)


def test_separation_is_said_and_nothing_crashes() -> None:
    table = {
        "duration": [1, 2, 3, 9, 9, 9],
        "event": [1, 1, 1, 0, 0, 0],
        "x": [1, 1, 1, 0, 0, 0],
        "y": [2, 1, 4, 3, 1, 2],
    }
    with pytest.warns(FitWarning, match="x: the likelihood grows without end"):
        fit = cox(table, ["x", "y"])
    found = fit.table()
    assert math.isnan(found["hazard_ratio"][0])
    assert "without end" in found["reason"][0]
    assert np.isfinite(found["estimate"][1])
    assert "without end" in fit.summary()
    with pytest.raises(InputError, match="without end"):
        fit.proportional_hazards()


def test_covariates_that_say_nothing_are_refused_together() -> None:
    table = veteran().assign(same=1, double=lambda t: 2 * t["age"] + 3)
    with pytest.raises(InputError, match="'same' is 1 in all rows"):
        cox(table, ["same", "age"])
    with pytest.raises(InputError, match="'double' is a combination"):
        cox(table, ["age", "double"])
    with pytest.raises(InputError, match="did you mean 'karno'"):
        cox(table, ["karna"])
    with pytest.raises(InputError, match="unknown ties 'efron'; did you mean 'Efron'"):
        cox(table, ["age"], ties="efron")
    with pytest.raises(InputError, match="no event"):
        cox(table.assign(event=False), ["age"])


def test_strata_keep_their_own_hazard() -> None:
    """A stratum of its own for each patient leaves nothing to compare; strata of one value change nothing."""
    table = veteran()
    plain = cox(table, ["karno"])
    np.testing.assert_allclose(cox(table.assign(s="a"), ["karno"], strata="s").estimates, plain.estimates, rtol=1e-9)
    np.testing.assert_allclose(log_rank(table.assign(s=1), "trt", strata="s")["chi_square"],
                               log_rank(table, "trt")["chi_square"])  # fmt: skip
    by = cox(table, ["karno"], strata="celltype")
    assert by.log_likelihood > plain.log_likelihood
    assert len(by.proportional_hazards()) == 2


def test_without_censoring_survival_is_the_share_that_lives() -> None:
    km = kaplan_meier({"duration": [1, 2, 2, 3, 5], "event": [1] * 5})
    np.testing.assert_allclose(km.table()["survival"], [0.8, 0.4, 0.2, 0.0], atol=1e-15)
    p = np.array([0.8, 0.4, 0.2])
    np.testing.assert_allclose(km.table()["se"][:3], np.sqrt(p * (1 - p) / 5), rtol=1e-12)
    assert km.at([0, 2, 2.1, 5])["at_risk"].tolist() == [5, 4, 2, 1]  # just before each time
    assert km.restricted_mean(5)["mean"][0] == pytest.approx(13 / 5)
    assert km.at([4.99, 5, 6])["survival"].tolist() == [pytest.approx(0.2), 0.0, 0.0]


def test_a_level_at_one_half_gives_the_middle() -> None:
    """As R's survfit: S is exactly 0.5 from 2 to 3."""
    km = kaplan_meier({"duration": [1, 2, 3, 4], "event": [1] * 4})
    assert km.median()["time"][0] == 2.5
    assert kaplan_meier({"duration": [1, 2, 3, 4], "event": [1, 1, 0, 0]}).median()["time"][0] == 2.0


def test_what_is_not_reached_is_nan_and_beyond_the_follow_up_nothing_is_known() -> None:
    km = kaplan_meier({"duration": [1, 5, 6, 7], "event": [1, 0, 0, 0]})
    assert math.isnan(km.median()["time"][0])
    assert "not reached" in km.summary()
    assert km.at([7])["survival"][0] == 0.75
    assert math.isnan(km.at([7.1])["survival"][0])
    with pytest.raises(InputError, match=r"last seen at 7, where 0\.750 still live"):
        km.restricted_mean(8)
    nobody = kaplan_meier({"duration": [1, 2], "event": [0, 0]})
    assert nobody.table()["survival"].tolist() == [1.0, 1.0]


TIMES = some.lists(some.tuples(some.integers(1, 12), some.booleans(), some.sampled_from("ab")), min_size=2, max_size=25)


@given(TIMES, some.sampled_from(["log-log", "log", "plain"]))
@settings(max_examples=40)
def test_curves_fall_and_lie_in_their_intervals(rows: list[tuple[int, bool, str]], interval: str) -> None:
    t, e, g = zip(*rows, strict=True)
    km: KaplanMeier = kaplan_meier({"duration": t, "event": e, "arm": g}, by="arm", interval=interval)
    for _, part in km.table().groupby("group"):
        s = part["survival"].to_numpy()
        assert (np.diff(s) <= 1e-12).all()
        assert ((s >= 0) & (s <= 1)).all()
        known = part[part["low"].notna()]
        assert (known["low"] <= known["survival"] + 1e-12).all()
        assert (known["high"] >= known["survival"] - 1e-12).all()
        assert (
            part["at_risk"].to_numpy()[1:] == (part["at_risk"] - part["events"] - part["censored"]).to_numpy()[:-1]
        ).all()
    assert km.table()["events"].sum() == sum(e)


@given(TIMES)
@settings(max_examples=25)
@pytest.mark.filterwarnings("ignore::pkpd.errors.FitWarning")
def test_log_rank_is_the_score_test_of_cox_without_ties(rows: list[tuple[int, bool, str]]) -> None:
    """With distinct times U²/I of the model at β = 0 is the log-rank χ²."""
    _, e, g = zip(*rows, strict=True)
    t = np.arange(1.0, len(rows) + 1)
    with contextlib.suppress(InputError):
        found = log_rank({"duration": t, "event": e, "arm": g}, "arm")
        x = np.array([one == "b" for one in g], dtype=float)
        u = info = 0.0
        for k in np.flatnonzero(e):
            share = x[k:].mean()
            u, info = u + x[k] - share, info + share * (1 - share)
        np.testing.assert_allclose(found["chi_square"], u * u / info, rtol=1e-9)


def test_without_statsmodels_the_way_to_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "statsmodels", None)
    for verb in (lambda: kaplan_meier(ovarian()), lambda: log_rank(ovarian(), "rx"), lambda: cox(ovarian(), ["age"])):
        with pytest.raises(InputError, match=r"pkpd-toolkit\[trial\]"):
            verb()


def test_landmark_groups_by_what_was_known_by_then() -> None:
    table = {"subject": [1, 2, 3, 4, 5], "duration": [40, 100, 200, 300, 90], "event": [1, 1, 0, 1, 0],
             "since": [30, 50, 150, None, 90]}  # fmt: skip
    with pytest.warns(DataWarning, match=r"2 of 5 patients had left by 90 \(1 events\)"):
        found = landmark(table, 90)
    assert found[["subject", "group", "duration"]].to_numpy().tolist() == [
        [2, "yes", 10.0], [3, "no", 110.0], [4, "no", 210.0]]  # fmt: skip
    assert found.attrs["left_out"] == 2
    with pytest.warns(DataWarning, match="1 of 5"):
        assert landmark(table, 50)["group"].tolist() == ["yes", "no", "no", "no"]  # a response on the day itself counts
    with pytest.raises(InputError, match="no patient is at risk"):
        landmark(table, 300)
    with pytest.raises(InputError, match="row 1: since is 41"):
        landmark({**table, "since": [41, 1, 1, 1, 1]}, 10)
    assert len(log_rank(found, "group")) == 2


CELL: Any = some.one_of(some.none(), some.floats(), some.integers(-1, 20), some.sampled_from(["a", "", "yes", True]))


ROWS = some.lists(some.tuples(CELL, CELL, CELL), min_size=1, max_size=6)


@given(ROWS)
@settings(max_examples=40)
@pytest.mark.filterwarnings("ignore::pkpd.errors.DataWarning", "ignore::pkpd.errors.FitWarning")
def test_whatever_stands_in_a_table_of_times_is_read_or_refused_in_words(rows: list[tuple[Any, ...]]) -> None:
    read_or_refused(rows)


def read_or_refused(rows: list[tuple[Any, ...]]) -> None:
    """Analyse a table of cells, and let only errors in words pass."""
    frame = pandas.DataFrame(rows, columns=["duration", "event", "x"], dtype=object)
    for verb in (lambda: kaplan_meier(frame, by="x").median(), lambda: log_rank(frame, "x"), lambda: cox(frame, ["x"]),
                 lambda: landmark(frame.assign(since=frame["x"]), 2.0)):  # fmt: skip
        with contextlib.suppress(InputError):
            verb()


def test_a_censoring_indicator_is_not_taken_for_an_event() -> None:
    with pytest.raises(InputError, match=r"of CNSR 0 is the event: pkpd.io.cdisc.read_adtte"):
        kaplan_meier({"AVAL": [5.0, 6.0], "CNSR": [1, 0]})
