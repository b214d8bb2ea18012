"""Mean curves without a sample at the dose: what is put in, its error, the flag; subjects without samples."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

from pkpd.dosing import Dose
from pkpd.errors import DataWarning
from pkpd.nca import SparseRules, nca, nca_sparse, sparse, why
from pkpd.study import Study
from tests.nca.nca_studies import make_study

TIMES = np.repeat([1.0, 2.0, 4.0, 8.0], 3)
SPREAD = np.tile([0.8, 1.0, 1.2], 4)
VALUES = 10 * np.exp(-0.25 * TIMES) * SPREAD
MEANS = 10 * np.exp(-0.25 * np.array([1.0, 2.0, 4.0, 8.0]))
SUBJECTS = np.arange(12)
OLD = float(np.trapezoid(MEANS, [1.0, 2.0, 4.0, 8.0]))


def study(route: str, unsampled: int = 0) -> Study:
    rows = [{"subject": int(s), "time": t, "value": c} for s, t, c in zip(SUBJECTS, TIMES, VALUES, strict=True)]
    doses = [{"subject": s, "time": 0.0, "amount": 100.0, "route": route, "duration": 0.5 * (route == "infusion")}
             for s in range(12 + unsampled)]  # fmt: skip
    return make_study(rows, doses, units={"time": "h", "dose": "mg", "C": "mg/L"})


@pytest.mark.parametrize(("route", "value"), [("oral", 0.0), ("infusion", 0.0), ("bolus", 10.0)])
def test_the_area_begins_at_the_dose(route: str, value: float) -> None:
    """One exponential has C0 = 10; the first trapezoid is that from the dose to 1 h."""
    result = nca_sparse(study(route), "C")
    right = OLD + 0.5 * (value + MEANS[0])
    assert float(result["auc_last"][0]) == pytest.approx(right, rel=1e-12)
    tail = MEANS[-1] / 0.25
    assert float(result["cl_obs"][0]) == pytest.approx(100.0 / (right + tail), rel=1e-12)
    assert float(result["cmax"][0]) == pytest.approx(MEANS[0], rel=1e-12)
    by_hand = sparse(TIMES, VALUES, SUBJECTS, dose=Dose(0, 100.0, route, 0.5 * (route == "infusion")))
    assert by_hand.estimate["auc_last"] == pytest.approx(right, rel=1e-12)
    assert "put in at the dose" in str(result["start"].values[0])
    back = "% AUC back-extrapolated" in str(result["flags"].values[0])  # more than 20 %
    assert back == (route == "bolus") == (not result["accepted"][0])
    old = nca_sparse(study(route), "C", start="first time")
    assert float(old["auc_last"][0]) == pytest.approx(OLD, rel=1e-12)
    assert not old["accepted"][0]
    assert "not at the dose" in str(old["flags"].values[0])
    assert "not at the dose" in why(old, "cl_obs")


def test_the_error_of_c0_is_that_of_the_delta_method() -> None:
    """Against central differences of the area by the means, with the variances of the means."""
    clock, variance = np.array([1.0, 2.0, 4.0, 8.0]), (MEANS * 0.2) ** 2 / 3

    def auc(means: Any) -> float:
        c0 = means[0] * (means[0] / means[1]) ** (clock[0] / (clock[1] - clock[0]))
        return float(np.trapezoid([c0, *means], [0.0, *clock]))

    steps = 1e-5 * MEANS * np.eye(4)
    slopes = np.array([(auc(MEANS + h) - auc(MEANS - h)) / (2 * h.sum()) for h in steps])
    found = sparse(TIMES, VALUES, SUBJECTS, dose=Dose(0, 100.0))
    assert found.estimate["auc_last"] == pytest.approx(auc(MEANS), rel=1e-12)
    assert found.se["auc_last"] == pytest.approx(np.sqrt((slopes**2 * variance).sum()), rel=1e-7)


def test_without_a_route_nothing_is_put_in_and_that_is_flagged() -> None:
    found = sparse(TIMES, VALUES, SUBJECTS, dose=100.0)
    assert found.estimate["auc_last"] == pytest.approx(OLD, rel=1e-12)
    assert "first sampling time, 1 after the dose" in found.flags
    assert sparse([0, *TIMES], [0, *VALUES], dose=100.0).flags == ""
    rising = sparse([1.0, 2.0, 4.0], [3.0, 5.0, 2.0], dose=Dose(0, 1.0))
    assert rising.estimate["auc_last"] == pytest.approx(3.0 + 4.0 + 7.0)  # C0 is the first mean
    late = sparse([8.0, 16.0, 24.0], [8.0, 2.0, 0.5], dose=Dose(0, 1.0))
    assert "% AUC back-extrapolated" in late.flags
    drawn_before = sparse([0.0, *TIMES], [0.0, *VALUES], dose=Dose(0, 100.0))
    assert drawn_before.estimate["auc_last"] == pytest.approx(OLD + 0.5 * (10.0 + MEANS[0]), rel=1e-12)
    boot = sparse(
        TIMES, VALUES, SUBJECTS, dose=Dose(0, 100.0), rules=SparseRules(methods=("bootstrap-t",), replicates=50)
    )
    assert np.isfinite(boot.interval["bootstrap-t"]["auc_last"]).all()


def test_a_curve_that_ends_where_it_begins_has_no_area() -> None:
    found = sparse([0.0, 1.0, 2.0], [5.0, 0.0, 0.0], rules=SparseRules(last="last mean above zero"))
    assert np.isnan(found.estimate["auc_last"])
    assert "ends at the time at which it begins" in found.reason["auc_last"]


def test_dosed_subjects_without_samples_are_counted() -> None:
    for analyse in (nca_sparse, nca):
        with pytest.warns(DataWarning, match=r"2 subjects were dosed and have no sample of 'C'.*: 12, 13"):
            analyse(study("oral", 2), "C")
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            analyse(study("oral"), "C")
