"""Ordinal and Emax models, one model per exposure, what could have been detected, caveats.

Numbers: /work/shared/reference/figures/trial/numbers.json (R 4.2.2, MASS::polr(Sat ~ Infl + Type + Cont,
weights = Freq, data = housing)); detectable effects by the formulas of Hsieh 1998 and Hsieh & Lavori 2000.
"""

from __future__ import annotations

import math

import numpy as np
import pandas
import pytest

from pkpd import InputError
from pkpd.errors import DataWarning, FitWarning
from pkpd.trial import (
    clopper_pearson,
    cox,
    detectable_effect,
    emax_response,
    exposure_models,
    exposure_quantiles,
    logistic,
    ordinal,
)
from tests.trial.exposure_response.published import housing
from tests.trial.survival_data import ovarian


def _patients(n: int = 33, seed: int = 3) -> pandas.DataFrame:
    rng = np.random.default_rng(seed)
    table = pandas.DataFrame({"subject": range(n), "auc": np.exp(rng.normal(5.2, 0.35, n)), "day": 50})
    table["vegf"] = np.exp(rng.normal(4.0, 0.8, n))
    table["response"] = rng.choice(["PR", "SD", "PD"], n, p=[0.21, 0.61, 0.18])
    return table


def test_housing_by_polr() -> None:
    fit = ordinal(housing(), "Sat", ["Infl", "Type", "Cont"], order=["Low", "Medium", "High"],
                  reference={"Infl": "Low", "Type": "Tower", "Cont": "Low"})  # fmt: skip
    found = dict(zip(fit.names, fit.estimates, strict=True))
    theirs = {"Infl: Medium": 0.566394, "Infl: High": 1.288819, "Type: Apartment": -0.57235, "Type: Atrium": -0.366187,
              "Type: Terrace": -1.091015, "Cont: High": 0.360284}  # fmt: skip
    for name, value in theirs.items():
        assert found[name] == pytest.approx(value, abs=1e-5)
    assert -2 * fit.log_likelihood == pytest.approx(3479.1493, abs=5e-5)


def test_two_categories_are_a_logistic_model() -> None:
    table = _patients().assign(y=lambda t: (t["response"] == "PR").astype(int))
    one, other = ordinal(table, "y", ["auc"]), logistic(table, "y", ["auc"])
    np.testing.assert_allclose(one.estimates, other.estimates[1:], rtol=1e-4)
    np.testing.assert_allclose(-one.thresholds, other.estimates[:1], rtol=1e-4)
    np.testing.assert_allclose(one.log_likelihood, other.log_likelihood, rtol=1e-9)


def test_ordinal_without_a_maximum_is_said() -> None:
    with pytest.warns(FitWarning, match="no maximum"):
        fit = ordinal({"grade": [0, 0, 1, 1, 2, 2], "x": [1, 2, 3, 4, 5, 6]}, "grade", ["x"])
    assert np.isnan(fit.estimates).all()
    assert "no maximum" in fit.summary()
    with pytest.raises(InputError, match="say their order"):
        ordinal({"y": ["a", "b", "b"], "x": [1, 2, 3]}, "y", ["x"])


def test_detectable_effects() -> None:
    assert round(detectable_effect([7, 26]), 2) == 3.30
    assert [round(detectable_effect(events=n), 2) for n in (20, 25, 30)] == [1.87, 1.75, 1.67]
    assert math.isinf(detectable_effect([0, 33]))
    # Two arms of equal size have an SD of 1/2: Schoenfeld's 4(z + z)²/ln(HR)² events.
    assert detectable_effect(events=66, per_sd=False) == pytest.approx(
        math.exp(2 * 2.8015852 / math.sqrt(66)), rel=1e-6
    )
    with pytest.raises(InputError, match="either categories"):
        detectable_effect()


def test_detectable_effect_is_found_as_often_as_it_says() -> None:
    """400 simulated trials of 60 patients: the Wald test of the score is near the power (3 SE of 400 are 6 %)."""
    rng = np.random.default_rng(8)
    beta, found = math.log(detectable_effect([30, 30])), 0
    for _ in range(400):
        x = rng.normal(size=60)
        y = (rng.random(60) < 1 / (1 + np.exp(-beta * x))).astype(float)
        p = y.mean()
        score, information = float(((x - x.mean()) * (y - p)).sum()), p * (1 - p) * float(((x - x.mean()) ** 2).sum())
        found += abs(score) > 1.959964 * math.sqrt(information)
    assert found / 400 == pytest.approx(0.8, abs=0.06)


def test_one_row_per_model() -> None:
    table = _patients()
    table.loc[3, "vegf"], table.loc[4, "vegf"] = np.nan, 0.0
    with pytest.warns(DataWarning, match=r"vegf \(raw\) 1, vegf \(log\) 2"):
        result = exposure_models(table, "response", ["auc", "vegf"], positive=["PR", "CR"], measured={"auc": 5},
                                   when="day")  # fmt: skip
    rows = result.table()
    assert list(zip(rows["exposure"], rows["scale"], strict=True)) == [
        ("auc", "raw"), ("auc", "log"), ("vegf", "raw"), ("vegf", "log"),
    ]  # fmt: skip
    responders = int((table["response"] == "PR").sum())
    assert rows["detectable"][0] == pytest.approx(detectable_effect([responders, 33 - responders]))
    alone = logistic(table.assign(y=table["response"] == "PR", logs=np.log(table["auc"])), "y", ["logs"])
    np.testing.assert_allclose(np.log(rows["ratio"][1]), alone.estimates[1], rtol=1e-9)
    np.testing.assert_allclose(rows["ratio_per_sd"][1], rows["ratio"][1] ** rows["sd"][1])
    order = rows["p"].sort_values().index
    assert rows["p_holm"][order[0]] == pytest.approx(min(1.0, 4 * rows["p"][order[0]]))
    assert "4 tests" in result.summary()
    assert "would have been found with 80 % power" in result.summary()
    assert any("not checked whether vegf" in text for text in result.caveats)
    assert not any("auc" in text for text in result.caveats)
    seen = result.descriptive.set_index(["exposure", "category"])
    assert seen.loc[("vegf", "all"), "n"] == 32
    assert seen.loc[("auc", "yes"), "median"] == pytest.approx(table["auc"][table["response"] == "PR"].median())
    assert seen.loc[("auc", "all"), "geometric_mean"] == pytest.approx(np.exp(np.log(table["auc"]).mean()))


def test_cox_per_exposure_is_cox() -> None:
    table = ovarian()
    result = exposure_models(table, "event", ["age"], model="cox", scales=["raw"], measured={"age": 0})
    alone = cox(table, ["age"]).table().iloc[0]
    row = result.table().iloc[0]
    np.testing.assert_allclose([row["ratio"], row["low"], row["high"], row["p"]],
                               [alone["hazard_ratio"], alone["low"], alone["high"], alone["p"]], rtol=1e-6)  # fmt: skip
    assert row["detectable"] == pytest.approx(detectable_effect(events=int(table["event"].sum())))
    assert result.caveats == ()  # known before the first dose: nothing to say


def test_caveats_are_counted() -> None:
    table = ovarian()
    early = int(((table["duration"] < 100) & (table["event"] == 1)).sum())
    assert early > 0
    with pytest.warns(DataWarning, match=f"^{early} of 12 patients"):
        result = exposure_models(table, "event", ["age"], model="cox", measured={"age": 100})
    assert any("immortal time" in text for text in result.caveats)
    with pytest.raises(InputError, match="measured names 'agee'"):
        exposure_models(table, "event", ["age"], model="cox", measured={"agee": 100})


@pytest.mark.filterwarnings("ignore::pkpd.errors.DataWarning")
def test_separated_exposures_and_what_explains_nothing() -> None:
    table = {
        "y": [0, 0, 0, 1, 1, 1],
        "apart": [1, 2, 3, 4, 5, 6],
        "same": [1] * 6,
        "few": [1, 2, None, None, None, None],
    }
    with pytest.warns(FitWarning, match=r"separated data: apart \(raw\), apart \(log\)"):
        result = exposure_models(table, "y", ["apart", "same", "few"])
    rows = result.table().set_index(["exposure", "scale"])
    assert np.isfinite(rows.loc[("apart", "raw"), "ratio"])
    assert "Firth" in rows.loc[("apart", "raw"), "method"]
    assert "can explain nothing" in rows.loc[("same", "raw"), "reason"]
    assert "only 2 patients" in rows.loc[("few", "log"), "reason"]
    assert "2 tests" in result.summary()


def test_quantiles() -> None:
    table = pandas.DataFrame({"auc": range(1, 41), "y": [0] * 30 + [1] * 10})
    found = exposure_quantiles(table, "y", "auc")
    assert found["patients"].tolist() == [10, 10, 10, 10]
    assert found["responses"].tolist() == [0, 0, 0, 10]
    assert tuple(found.loc[0, ["low", "high"]]) == clopper_pearson(0, 10)
    ties = exposure_quantiles({"auc": [1, 1, 1, 1, 1, 2], "y": [0, 1, 0, 1, 0, 1]}, "y", "auc")
    assert ties["patients"].sum() == 6
    assert (ties["exposure_high"].iloc[:-1].to_numpy() < ties["exposure_low"].iloc[1:].to_numpy()).all()


def test_emax_finds_what_made_the_data() -> None:
    rng = np.random.default_rng(1)
    x = np.repeat([0.0, 5, 20, 80, 320, 1280], 400)
    y = rng.random(len(x)) < 1 / (1 + np.exp(2.0 - 5.0 * x / (40.0 + x)))
    fit = emax_response({"auc": x, "y": y}, "y", "auc")
    assert fit.ec50_low < 40 < fit.ec50_high
    assert fit.ec50_low < fit.ec50 < fit.ec50_high
    assert fit.emax == pytest.approx(5.0, abs=0.8)
    models = fit.table().set_index("model")
    assert models.loc["Emax", "aic"] < models.loc["logistic", "aic"] < models.loc["no effect", "aic"]
    np.testing.assert_allclose(fit.predict(0.0), y[x == 0].mean(), atol=0.05)


def test_emax_says_what_few_patients_do_not_determine() -> None:
    table = _patients().assign(y=lambda t: t["response"] == "SD")
    with pytest.warns(FitWarning, match="limit to EC50"):
        fit = emax_response(table, "y", "auc")
    assert fit.reason in fit.summary()
    with pytest.raises(InputError, match="negative in row 2"):
        emax_response({"auc": [1, -1, 3, 4], "y": [0, 1, 0, 1]}, "y", "auc")
