"""What was there before a dose: a flag above 5 % of Cmax, and two ways to take it off."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pkpd.dosing import Dose
from pkpd.nca import Profiles, Rules, compute, nca, summarise
from tests.nca.nca_studies import make_study

UNITS = {"time": "h", "dose": "mg", "C": "mg/L"}


def study(
    samples: list[tuple[float, float]], route: str = "oral", doses: tuple[float, ...] = (0.0,), mark: str = ""
) -> Any:
    rows = [{"subject": 1, "time": t, "value": c, "mark": mark if t == 0 else ""} for t, c in samples]
    given = [{"subject": 1, "time": t, "amount": 100.0, "route": route, "duration": 1.0 * (route == "infusion")}
             for t in doses]  # fmt: skip
    return make_study(rows, given, units=UNITS)


AFTER = [(1.0, 5.0), (2.0, 8.0), (4.0, 6.0), (8.0, 3.0), (12.0, 1.5)]


@pytest.mark.parametrize(
    ("route", "when", "value", "flagged"),
    [("oral", 0, 0.41, True), ("oral", 0, 0.4, False), ("infusion", 0, 2.0, True), ("oral", -0.5, 0.41, True),
     ("bolus", -1, 1.0, True), ("bolus", 0, 1.0, True), ("oral", 0, 0.0, False)],
)  # fmt: skip
def test_more_than_five_percent_of_cmax(route: str, when: float, value: float, flagged: bool) -> None:
    """0.4 is exactly 5 % of 8; FDA drops subjects above."""
    result = nca(study([(when, value), *AFTER], route, mark="pre"))
    assert bool(result["flags"].item()) == flagged
    assert ("of Cmax > 5 %" in result["flags"].item()) == flagged
    table = summarise(result).set_index("parameter")["not_accepted"]
    assert (table["cmax"], table["auc_last"], table["half_life"]) == (flagged,) * 3
    assert table["n_samples"] == 0


def test_an_observed_c0_is_no_predose_sample() -> None:
    assert nca(study([(0, 12.0), *AFTER], "bolus", mark="post"))["accepted"].item()


def test_later_doses_are_asked_only_if_wanted() -> None:
    later = [(24 + t, c) for t, c in [(0.0, 1.0), *AFTER, (24.0, 1.0)]]
    case = study([(0.0, 0.0), *AFTER, *later], doses=(0.0, 24.0))
    assert nca(case)["accepted"].values.tolist() == [True, True]
    every = nca(case, predose_of="every dose")
    assert ["of Cmax" in text for text in every["flags"].values] == [False, True]
    assert nca(study(later, doses=(24.0,)), steady_state=True)["accepted"].item()


def test_subtraction() -> None:
    result = nca(study([(0, 2.0), *AFTER]), predose_correction="subtract", auc="linear")
    assert result["sample_value"].values[0].tolist() == [0, 3, 6, 4, 1, 0]
    assert result["auc_last"].item() == 1.5 + 4.5 + 10 + 10
    assert "Cmax" not in result["flags"].item()


def test_decay_gives_back_the_drug_of_the_dose() -> None:
    """Two doses of one compartment: what is left of the first is taken off, and the second alone remains."""
    t = np.array([0, 0.5, 1, 2, 4, 6, 8, 12.0])
    one = 50 * (np.exp(-0.3 * t) - np.exp(-20.0 * t))
    whole = one + 4 * np.exp(-0.3 * t)
    found = compute(Profiles.from_arrays(t, whole, dose=Dose(0, 1, "oral")), Rules(predose_correction="decay"))
    alone = compute(Profiles.from_arrays(t, one, dose=Dose(0, 1, "oral")), Rules())
    for name in ("cmax", "auc_last", "auc_inf_obs", "half_life", "mrt_last"):
        np.testing.assert_allclose(found.of(name), alone.of(name), rtol=1e-3, err_msg=name)
    rising = nca(study([(0, 2.0), (1, 3.0), (2, 8.0), (4, 6.0)]), predose_correction="decay")
    assert "of Cmax > 5 %" in rising["flags"].item()  # no terminal line: nothing taken off, so the limit stays
    assert rising["cmax"].item() == 8


def test_a_correction_is_made_once() -> None:
    rows = [(-0.25, 2.0), *AFTER]
    one = nca(study(rows), predose_correction="decay")
    rate = nca(study(rows))["lambda_z"].item()
    np.testing.assert_allclose(one["cmax"].item(), 8 - 2 * np.exp(-rate * 2.25), rtol=1e-14)
    assert one["accepted"].item()


def test_an_effect_has_a_baseline_by_nature() -> None:
    rows = [{"subject": 1, "time": t, "value": c} for t, c in [(0, 60.0), (1, 70), (2, 90), (4, 80), (8, 66), (12, 61)]]
    dose = [{"subject": 1, "time": 0.0, "amount": 100.0, "route": "oral"}]
    assert "of Cmax" not in nca(make_study(rows, dose, units={**UNITS, "C": "mmHg"}))["flags"].item()
    assert "of Cmax" in nca(make_study(rows, dose, units=UNITS))["flags"].item()


def test_no_profile_at_all() -> None:
    empty = make_study(
        [{"subject": 1, "time": -1.0, "value": 1.0}], [{"subject": 1, "time": 0.0, "amount": 1.0}], units=UNITS
    )
    assert nca(empty)["accepted"].shape == (0,)
    assert nca(empty)["doubt"].shape[0] == 0
