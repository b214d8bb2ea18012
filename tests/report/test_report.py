"""The comparison tables: every row says what it is, and what it says is right."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import numpy as np
import pandas
import pytest

from pkpd import il21, library, report
from pkpd.fit import Fit, Fits, fit_individuals, fit_pooled, initial_estimates
from pkpd.nca import PARAMETERS, nca
from pkpd.report import real
from pkpd.study import Study

KINDS = {"input", "calibrated", "predicted", "recomputed"}


@cache
def study() -> Study:
    return il21.synthetic_study()


def test_inputs_are_the_papers() -> None:
    table = report.inputs()
    assert set(table["kind"]) == {"input"}
    assert (table["agreement"] == "same").all()
    assert (table["published"] == table["package"]).all()


def test_exposure() -> None:
    """Published numbers beside the synthetic ones, with the interval of the mean computed again here."""
    from scipy.stats import t

    table = report.exposure(study())
    assert set(table["kind"]) == {"calibrated"}
    assert table["published"].tolist() == ["188 (34)", "1.82 (23)", "226 (37)", "1.95 (13)"]
    summaries = il21.exposure_by_day(study())
    for day, published in (("single dose", 188), ("repeated dose", 226)):
        row = table.loc[f"AUC0–t, {day}, h·ng/mL: mean (CV %)"]
        line = summaries[day].set_index("parameter").loc["auc_last"]
        assert row["package"] == f"{line['mean']:.0f} ({line['cv']:.0f}), n = {line['n']}"
        low, high = t.interval(0.90, line["n"] - 1, line["mean"], line["sd"] / np.sqrt(line["n"]))
        assert f"{low:.0f}–{high:.0f}" in row["agreement"]
        assert ("inside" if low <= published <= high else "outside") in row["agreement"]


def test_toxicity() -> None:
    """Monte-Carlo errors √(p(1 − p)/n): 0.1, 0.4 and 0.3 points of 20 000 patients."""
    shares = {"any": 96.1, "grade 3": 49.3, "grade 4": 22.9}
    table = report.toxicity(shares, 20_000)
    assert set(table["kind"]) == {"calibrated"}
    assert table["published"].tolist() == ["32/33 (97 %)", "16/33 (48 %)", "7/33 (21 %)"]
    assert table["package"].tolist() == ["96.1 ± 0.1 %", "49.3 ± 0.4 %", "22.9 ± 0.3 %"]
    assert [re.findall(r"\d+–\d+", a) for a in table["agreement"]] == [["30–33"], ["12–21"], ["4–12"]]
    assert all("published inside 90 % interval" in a for a in table["agreement"])
    off = report.toxicity({"any": 50.0, "grade 3": 10.0, "grade 4": 60.0}, 100)
    assert all("published outside" in a for a in off["agreement"])


def test_predicted_toxicity() -> None:
    table = report.predicted_toxicity(200, seed=3)
    assert set(table["kind"]) == {"predicted"}
    assert (table["published"] == "–").all()
    assert [re.findall(r"at (\d+) ug", name)[0] for name in table.index] == ["3", "10", "40", "50", "100"]
    found = il21.virtual_trial(200, seed=3, dose="3 ug/kg")
    assert table["package"].iloc[0] == " / ".join(f"{found[g]:.0f}" for g in ("any", "grade 3", "grade 4"))


# il21.md, section 2: what follows from the published numbers.
RECOMPUTED = {
    "λz, single dose, 1/h": "0.3809", "λz, repeated dose, 1/h": "0.3555",
    "D/AUC0–t, single dose, mL/h/kg": "159.6", "D/AUC0–t, repeated dose, mL/h/kg": "132.7",
    "accumulation, single dose, τ = 24 h": "1.0001", "accumulation, repeated dose, τ = 24 h": "1.0002",
    "PR, 95 % interval": "[8.980–38.908]", "SD, 95 % interval": "[42.139–77.093]",
    "disease control, 95 % interval": "[64.540–93.021]", "P(seeing a 10 % event among 30)": "95.76 %",
}  # fmt: skip


def test_recomputed() -> None:
    table = report.recomputed()
    assert set(table["kind"]) == {"recomputed"}
    assert table["package"].to_dict() == RECOMPUTED
    responses = table[table.index.str.contains("interval")]
    assert (responses["agreement"] == "Clopper–Pearson, to the digits printed").all()
    assert responses["published"].tolist() == [
        "7/33 = 21 % [9–38.9]", "20/33 = 61 % [42.1–77.1]", "27/33 = 82 % [64.5–93]"
    ]  # fmt: skip


@cache
def fits() -> tuple[Fits, Fit]:
    people = study().subjects
    some = study().select(subjects=people["subject"][people["phase"] == "phase 1"])
    start = initial_estimates(il21.model(), nca(some, "IL21"), some)
    own = library.two_compartment().in_units(**il21.model().base)
    pk = fit_individuals(
        own, some.select(analytes=["IL21"]), start.subset(own.parameters.names), error={"C": "proportional"},
        progress=False,
    )  # fmt: skip
    effect = some.select(subjects=list(pk.usable()), analytes=["sCD25", "ALC"])
    return pk, fit_pooled(il21.model(), effect, start, given=pk)


@pytest.mark.filterwarnings("ignore::pkpd.errors.FitWarning")
def test_recovered() -> None:
    """Truth, estimate and whether the interval holds it, for every estimated parameter of the model."""
    pk, effect = fits()
    table = report.recovered(pk, effect)
    assert set(table["kind"]) == {"predicted"}
    assert "assumed truth" in table.columns
    assert "published" not in table.columns
    pooled = {"kR", "R0", "SR", "kout", "L0", "SL"}
    assert {n.split(",")[0] for n in table.index if n.endswith("pooled")} == pooled
    truth = il21.truth().parameters
    for name in pooled:
        row = table.loc[f"{name}, {effect.parameters.get(name).unit or 1}, pooled"]
        low, high = effect.intervals(0.90)[name]
        assert row["assumed truth"] == f"{truth[name]:.4g}"
        assert row["package"] == f"{effect.parameters[name]:.4g}"
        assert ("inside" if low <= truth[name] <= high else "outside") in row["agreement"]
    individual = [n for n in table.index if "geometric mean" in n]
    assert len(individual) == 4
    assert f"of {len(pk.usable())} fits" in individual[0]


def difference(text: str) -> float:
    return float(text.split("difference ")[1])


def test_theophylline_beside_phoenix() -> None:
    """NCA agrees to 1e-8, the digits Phoenix printed; individual fits are near the population fit, not equal."""
    table, data, found = report.theophylline_report()
    assert data.attrs["synthetic"] is False
    assert len(found) == 12
    assert set(table["kind"]) == {"recomputed"}
    rows = table[table["reference"].str.startswith("Phoenix")]
    assert len(rows) == 4
    assert all(difference(a) < 1e-8 for a in rows["agreement"])
    near = table[table["reference"].str.startswith("FOCEI")]
    ratios = [float(re.findall(r"ratio ([\d.]+)", a)[0]) for a in near["agreement"]]
    assert len(ratios) == 3
    assert all(0.8 < r < 1.25 for r in ratios)


def test_indomethacin_beside_phoenix() -> None:
    """To 1e-12, as Phoenix prints 15 digits; the two-compartment fits near SAEM's typical values."""
    table, data, found = report.indomethacin_report()
    assert data.attrs["synthetic"] is False
    assert len(found) == 6
    rows = table[table["reference"].str.startswith("Phoenix")]
    assert len(rows) == 4
    assert all(difference(a) < 1e-12 for a in rows["agreement"])
    near = table[table["reference"].str.startswith("SAEM")]
    ratios = [float(re.findall(r"ratio ([\d.]+)", a)[0]) for a in near["agreement"]]
    # CL, V1 and Q near; V2 of five people differs by what one slow tail does to a geometric mean.
    assert np.all(np.abs(np.log(ratios)) < np.log([1.15, 1.15, 1.15, 1.6]))


@pytest.mark.parametrize(
    ("file", "quoted"),
    [
        ("theoph_linear_up_log_down.csv", real._PHOENIX_THEOPHYLLINE),
        ("indometh_bolus_linear_up_log_down.csv", real._PHOENIX_INDOMETHACIN),
    ],
)
def test_quoted_phoenix_means_are_those_of_the_files(reference: Path, file: str, quoted: dict[str, float]) -> None:
    """What the report quotes is the mean over the subjects of Phoenix' own output."""
    table = pandas.read_csv(reference / "external" / "phoenix" / file)
    for name, value in quoted.items():
        (column,) = set(PARAMETERS[name].phoenix) & set(table.columns)
        assert table[column].mean() == pytest.approx(value, rel=1e-9), name


def test_every_table_has_the_same_columns_and_only_known_kinds() -> None:
    tables = [report.inputs(), report.recomputed(), report.toxicity({"any": 96, "grade 3": 49, "grade 4": 23}, 100),
              report.exposure(study())]  # fmt: skip
    for table in tables:
        assert list(table.columns) == ["published", "package", "kind", "agreement"]
        assert set(table["kind"]) <= KINDS
    joined = pandas.concat(tables)
    assert joined.index.is_unique
    assert (joined.map(len) > 0).all().all()
