"""Bioequivalence of published crossovers; the mixed model against statsmodels; what n patients exclude.

Chow & Liu's crossover on the raw scale, by R 4.2.2: ``m <- lm(auc ~ sequence + subject + period + treatment, long);
anova(m); confint(m, "treatmentT", level = 0.9)``; sequence is tested against subjects.
Schütz's example by R's aov on the log scale: see tests/reference/README.md.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas
import pytest
import xarray as xr

from pkpd import InputError
from pkpd.errors import DataWarning
from pkpd.trial import bioequivalence, ratio_by_patients

FOLDER = Path(__file__).resolve().parents[2] / "reference" / "bioequivalence"


def _long(name: str) -> pandas.DataFrame:
    wide = pandas.read_csv(FOLDER / f"{name}.csv")
    parts = [pandas.DataFrame({"subject": wide["subject"], "period": k, "treatment": wide["sequence"].str[k - 1],
                               "auc": wide[f"period{k}"]}) for k in (1, 2)]  # fmt: skip
    return pandas.concat(parts, ignore_index=True)


def test_chow_and_liu() -> None:
    result = bioequivalence(_long("chow_liu"), ["auc"], scale="raw", limits=(0.8, 1.2))
    rows = result.anova.set_index("source")
    order = ["sequence (carry-over)", "subject (sequence)", "treatment", "period", "residual"]
    assert rows.index.tolist() == order
    np.testing.assert_allclose(rows["ss"], [276.0242, 16211.0418, 62.78044, 35.97538, 3679.4197], atol=5e-5)
    np.testing.assert_allclose(rows["ms"].iloc[1], 736.86553, atol=5e-6)
    np.testing.assert_allclose(rows["f"].iloc[1:4], [4.40587, 0.37538, 0.21510], atol=5e-6)
    np.testing.assert_allclose(rows["f"].iloc[0], 276.02419 / 736.86553, rtol=1e-6)
    np.testing.assert_allclose(rows["p"].iloc[1:4], [0.00048423, 0.54636951, 0.64735213], atol=5e-9)
    assert rows["df"].tolist() == [1, 22, 1, 1, 22]
    row = result.table().iloc[0]
    # 80.271875000 against 82.559166667, the difference from -8.697830163 to 4.123246830
    theirs = 1 + np.array([-8.697830163, 4.123246830]) / 82.559166667
    np.testing.assert_allclose([row["low"], row["high"]], theirs, rtol=1e-9)
    assert row["ratio"] == pytest.approx(80.271875 / 82.559166667, rel=1e-9)
    assert row["equivalent"]
    assert "carry-over" in result.summary()


def test_schutz_by_aov() -> None:
    rows = bioequivalence(_long("schutz"), ["auc"]).anova.set_index("source")
    theirs = {"sequence (carry-over)": (0.0023, 0.907), "treatment": (0.000397, 0.7921), "period": (0.020501, 0.0804)}
    for source, (ms, p) in theirs.items():
        assert rows.loc[source, "ms"] == pytest.approx(ms, rel=0.02)
        assert rows.loc[source, "p"] == pytest.approx(p, abs=6e-4)
    assert rows.loc["residual", "ms"] == pytest.approx(0.005417, abs=5e-7)
    assert rows.loc["subject (sequence)", "ss"] == pytest.approx(1.5943, abs=5e-5)


def test_both_methods_agree_where_nothing_lacks() -> None:
    one, other = (row for _, row in bioequivalence(_long("chow_liu"), ["auc"]).table().iterrows())
    for name in ("ratio", "low", "high", "cv_within", "p_low", "p_high"):
        assert other[name] == pytest.approx(one[name], rel=1e-6)
    assert one["freedom"] == other["freedom"] == 22


def test_mixed_model_is_that_of_statsmodels() -> None:
    from statsmodels.regression.mixed_linear_model import MixedLM

    table = _long("chow_liu")
    table.loc[[3, 30], "auc"] = np.nan
    with pytest.warns(DataWarning, match="2 of 48 values are missing"):
        row = bioequivalence(table, ["auc"]).table().iloc[1]
    kept = table.dropna()
    is_test, first = (kept["treatment"] == "T").to_numpy(float), (kept["period"] == 1).to_numpy(float)
    x = np.column_stack([np.ones(len(kept)), is_test, first, (is_test == first).astype(float)])
    fit = MixedLM(np.log(kept["auc"]), x, groups=kept["subject"]).fit(reml=True)
    assert np.log(row["ratio"]) == pytest.approx(fit.params.iloc[1], abs=1e-5)
    assert row["freedom"] == 46 - 24 - 2
    from scipy.stats import t

    assert np.log(row["high"] / row["low"]) / 2 / t.ppf(0.95, 20) == pytest.approx(fit.bse.iloc[1], rel=1e-4)


def test_two_one_sided_tests_are_the_interval() -> None:
    rng = np.random.default_rng(4)
    for _ in range(20):
        table = _long("schutz")
        table["auc"] *= np.exp(0.15 * rng.normal(size=24))
        row = bioequivalence(table, ["auc"]).table().iloc[0]
        assert row["equivalent"] == (max(row["p_low"], row["p_high"]) <= 0.05)
        other = bioequivalence(table, ["auc"], test="R", reference="T").table().iloc[0]
        np.testing.assert_allclose([other["ratio"], other["low"]], [1 / row["ratio"], 1 / row["high"]])


def test_on_results_of_nca() -> None:
    table = _long("schutz")
    data = xr.Dataset({"auc_last": ("profile", table["auc"]), "cmax": ("profile", table["auc"] / 7)},
                      coords={n: ("profile", table[n]) for n in ("subject", "treatment")}
                      | {"occasion": ("profile", table["period"])})  # fmt: skip
    result = bioequivalence(data)
    assert result.table()["parameter"].tolist() == ["auc_last"] * 2 + ["cmax"] * 2
    plain = bioequivalence(table, ["auc"]).table()
    np.testing.assert_allclose(result.table()["ratio"], [*plain["ratio"], *plain["ratio"]])


def test_what_is_no_crossover_is_said_at_once() -> None:
    table = _long("schutz")
    table.loc[0, "treatment"] = "R"
    table.loc[1, "treatment"] = "X"
    with pytest.raises(InputError) as caught:
        bioequivalence(table, ["aucc"], test="TT")
    said = str(caught.value)
    for words in ("no column 'aucc'", "'TT' never occurs", "subject 1 had a treatment in both periods", "expected two"):
        assert words in said
    one = bioequivalence(_long("schutz").query("subject in [1, 4, 6, 7]"), ["auc"]).table()
    assert one["reason"].str.contains("expected both sequences").all()


def test_repeated_against_single_dose_of_the_paper() -> None:
    """226 (37 %) against 188 (34 %): 1.19, with 33 in both groups 1.03 to 1.37 (trial-rules, Figure 1's question)."""
    found = ratio_by_patients(226, 188, cv_test=37, cv_reference=34, patients=[10, 33, 60])
    assert round(found["ratio"][1], 2) == 1.19
    assert [round(v, 2) for v in found.loc[1, ["low", "high"]]] == [1.03, 1.37]
    assert found["excludes_1"].tolist() == [False, True, True]
    np.testing.assert_allclose(found["excluded"], found["high"] / found["ratio"])
    assert (found["detectable"] > found["excluded"]).all()
    paired = ratio_by_patients(226, 188, cv_test=37, cv_reference=34, patients=[33], correlation=0.8)
    assert paired["high"][0] - paired["low"][0] < found["high"][1] - found["low"][1]
    both = ratio_by_patients(226, 188, cv_test=37, cv_reference=34, patients=[33], means="both").set_index("means")
    # By hand: the geometric reading is 226/188; SE = sqrt((ln 1.1369 + ln 1.1156)/33) = 0.084873, t(64) = 1.669013.
    assert both["ratio"].tolist() == pytest.approx([226 / 188 * np.sqrt(1.1156 / 1.1369), 226 / 188])
    np.testing.assert_allclose(both.loc["geometric", ["low", "high"]].tolist(), [1.0433, 1.3850], atol=2e-4)
    with pytest.raises(InputError, match="cv_test is -1"):
        ratio_by_patients(1, 1, cv_test=-1, cv_reference=2, patients=[4])
