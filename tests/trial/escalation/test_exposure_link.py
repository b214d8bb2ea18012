"""Toxicity from an assumed link: labelled, from exposure only, never from a lymphocyte count."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit, logit

import pkpd
from pkpd import DataWarning, InputError
from pkpd.trial import ExposureToxicity, ThreePlusThree, operating_characteristics, toxicity_from_exposure

LINK = ExposureToxicity("grade 3 rash", "auc", 188.0, 0.05, 2.0, unit="h*ng/mL")


def test_probabilities_are_means_over_subjects() -> None:
    exposures = {"dose": [10, 10, 30, 30], "auc": [60.0, 70.0, 188.0, 376.0]}
    table = toxicity_from_exposure(LINK, exposures)
    alone = expit(logit(0.05) + 2 * np.log(np.array(exposures["auc"]) / 188))
    assert table["toxicity"].to_numpy() == pytest.approx([alone[:2].mean(), alone[2:].mean()])
    assert table["se"][1] == pytest.approx(abs(alone[3] - alone[2]) / 2)
    assert table["kind"].str.startswith("assumed: ").all()
    assert "188 h·ng/mL" in table["kind"][0]
    found = operating_characteristics(ThreePlusThree((10.0, 30.0)), table[::-1], method="exact")
    assert found.table()["toxicity"].tolist() == table["toxicity"].tolist()
    assert found.assumption == LINK.label
    assert LINK.label in found.summary()
    with pytest.raises(InputError, match="no row of dose 20"):
        operating_characteristics(ThreePlusThree((10.0, 20.0)), table)


def test_from_an_analysis_with_its_unit() -> None:
    result = pkpd.nca(pkpd.data.theophylline(), "theophylline")
    auc = result["auc_last"]
    unit = str(auc.attrs["units"])
    link = ExposureToxicity("nausea", "auc_last", 100.0, 0.1, 1.0, unit=unit)
    table = toxicity_from_exposure(link, result)
    assert table["subjects"].sum() == auc.size
    thousandth = ExposureToxicity("nausea", "auc_last", 100_000.0, 0.1, 1.0, unit=unit.replace("mg", "ug"))
    again = toxicity_from_exposure(thousandth, result)
    assert again["toxicity"].to_numpy() == pytest.approx(table["toxicity"].to_numpy(), rel=1e-12)


def test_a_missing_exposure_is_counted() -> None:
    with pytest.warns(DataWarning, match="1 of 3 rows"):
        table = toxicity_from_exposure(LINK, {"dose": [10, 10, 30], "auc": [50.0, None, 60.0]})
    assert table["subjects"].tolist() == [1, 1]


@pytest.mark.parametrize("event", ["grade 4 lymphopenia", "ALC below 0.2", "Leukopenia"])
def test_what_is_exempt_cannot_limit_a_dose(event: str) -> None:
    with pytest.raises(InputError, match="exempt"):
        ExposureToxicity(event, "auc", 188.0, 0.05, 2.0)


def test_what_cannot_be_used() -> None:
    with pytest.raises(InputError) as error:
        ExposureToxicity("", "auc", 0.0, 1.5, -1.0)
    assert len(error.value.problems) == 4
    with pytest.raises(InputError, match="no column 'auc'"):
        toxicity_from_exposure(LINK, {"dose": [1], "AUCX": [2.0]})
    with pytest.raises(InputError, match="no column 'auc'"):
        toxicity_from_exposure(LINK, pkpd.nca(pkpd.data.theophylline(), "theophylline"))
    with pytest.raises(InputError, match="no row has"):
        toxicity_from_exposure(LINK, {"dose": [1.0], "auc": [None]})


def test_no_slope_no_difference() -> None:
    flat = ExposureToxicity("rash", "auc", 1.0, 0.2, 0.0)
    assert toxicity_from_exposure(flat, {"dose": [1, 2], "auc": [0.0, 9.0]})["toxicity"].tolist() == pytest.approx(
        [0.2, 0.2]
    )
