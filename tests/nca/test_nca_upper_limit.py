"""Samples above the upper limit of quantification: the limit stands for them, and everything says so."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pkpd import read_study, why
from pkpd.dosing import Dose
from pkpd.errors import DataWarning, InputError
from pkpd.nca import Marked, Points, Profiles, Rules, compute, nca, nca_sparse, summarise
from tests.examples import budget

TIMES = [0, 1, 2, 4, 8, 12]
UNITS = {"time": "h", "dose": "mg", "C": "mg/L"}


def read(values: list[Any], times: list[float] = TIMES, route: str = "oral", **options: Any) -> Any:
    table = pandas.DataFrame({"subject": 1, "time": times, "C": values})
    dose = pandas.DataFrame({"subject": [1], "time": [0.0], "amount": [100.0], "route": [route]})
    return read_study(table, dose, units=UNITS, **options)


def analysed(study: Any, **options: Any) -> Any:
    with pytest.warns(DataWarning, match="above the upper limit of quantification"):
        return nca(study, **options)


def doubtful(result: Any, *names: str) -> list[bool]:
    return [bool(result["doubt"].sel(parameter=name).values[0]) for name in names]


def test_a_peak_above_the_limit_is_a_lower_bound() -> None:
    result = analysed(read(["0", "5", ">8", "6", "3", "1.5"]))
    assert (result["cmax"].item(), result["tmax"].item()) == (8, 2)
    area = 2.5 + 6.5 + 2 * 2 / np.log(8 / 6) + 4 * 3 / np.log(2) + 4 * 1.5 / np.log(2)
    np.testing.assert_allclose(result["auc_last"].item(), area, rtol=1e-14)
    assert not result["accepted"].item()
    assert "at 2 h" in result["flags"].item()
    assert "lower bounds" in why(result, "cmax")
    assert (result["n_alq"].item(), result["n_measured"].item(), result["n_unusable"].item()) == (1, 5, 0)
    assert all(doubtful(result, "cmax", "tmax", "auc_last", "auc_all", "auc_inf_obs", "cl_obs", "vz_pred", "cmax_dose"))
    assert not any(doubtful(result, "half_life", "lambda_z", "clast", "tlast", "n_alq"))
    assert summarise(result).set_index("parameter").loc["cmax", ["n", "not_accepted"]].tolist() == [0, 1]
    left_out = analysed(read(["0", "5", ">8", "6", "3", "1.5"]), alq="drop")
    assert (left_out["cmax"].item(), left_out["accepted"].item()) == (6, False)


def test_a_value_beyond_the_declared_limit_is_kept_and_flagged() -> None:
    with pytest.warns(DataWarning, match="values above the ULOQ"):
        study = read([0, 5, 9, 6, 3, 1.5], uloq={"C": 8.0})
    result = analysed(study)
    assert result["cmax"].item() == 9
    assert "lower bounds" in result["flags"].item()


def test_c0_is_not_drawn_through_a_limit() -> None:
    result = analysed(read([">8", "7.5", "6", "4", "3", "1.5"], [0.5, 1, 2, 4, 8, 12], "bolus"))
    assert result["c0"].item() == 8
    assert all(doubtful(result, "c0", "auc_last", "cl_obs"))
    assert result["lambda_z_points"].item() == 5


def test_a_limit_is_no_point_of_the_terminal_line() -> None:
    low = analysed(read(["0", "9", ">5", "4", "2", "1"]))
    np.testing.assert_allclose(low["half_life"].item(), 4.0, rtol=1e-12)
    assert low["lambda_z_points"].item() == 3
    last = analysed(read(["0", "5", "4", "3", "2", ">8"]))
    assert all(doubtful(last, "clast", "ctrough", "auc_last"))
    between = analysed(read(["0", "9", "6", "4", ">1", "0.5"]))
    assert all(doubtful(between, "half_life", "lambda_z"))
    with pytest.raises(InputError, match="not quantifiable"):
        nca(read(["0", "9", "6", "4", ">1", "0.5"]), points=[Points(1, use=(4.0, 8.0, 12.0))])


def test_an_unknown_limit_and_several_analytes() -> None:
    with pytest.warns(DataWarning, match="1 of them have no value"):
        result = nca(read(["0", "5", "ALQ", "6", "3", "1.5"]))
    assert "at 2 h" in result["flags"].item()
    assert (result["cmax"].item(), result["n_unusable"].item()) == (6, 1)
    table = pandas.DataFrame({"subject": 1, "time": TIMES, "C": [0, 5, ">8", 6, 3, 1.5], "M": [0, 1, 2, 3, 2, 1.0]})
    dose = pandas.DataFrame({"subject": [1], "time": [0.0], "amount": [100.0], "route": ["oral"]})
    both = analysed(read_study(table, dose, units={**UNITS, "M": "mg/L"}), analyte=["C", "M"])
    assert (both["C"]["accepted"].item(), both["M"]["accepted"].item()) == (False, True)
    hand = analysed(read(["0", "5", ">8", "6", "3", "1.5"]), intervals=[(0, 4), (4, 12)])
    assert hand["cmax"].values.tolist() == [8, 6]
    assert [bool(text) for text in hand["doubt"].sel(parameter="auc_tau").values] == [True, False]


def test_pooled_samples() -> None:
    table = pandas.DataFrame(
        {"subject": [1, 1, 1, 2, 2, 2], "time": [1, 4, 12] * 2, "C": ["5", ">8", "1", "4", "6", "2"]}
    )
    dose = pandas.DataFrame({"subject": [1, 2], "time": 0.0, "amount": 100.0, "route": "oral"})
    with pytest.warns(DataWarning, match="1 samples of 1 subjects are above the upper limit"):
        found = nca_sparse(read_study(table, dose, units=UNITS))
    assert found["cmax"].item() == 7  # (8 + 6)/2
    assert found["n_alq"].item() == 1


@budget(max_examples=25)
@given(st.lists(st.floats(0.1, 20), min_size=4, max_size=8), st.floats(1, 15), st.sampled_from(["oral", "bolus"]))
def test_a_limit_gives_lower_bounds(values: list[float], limit: float, route: str) -> None:
    """Cmax and, with the linear rule and a start at zero or C0, areas never exceed those of the true values."""
    times = np.arange(1.0, len(values) + 1)
    true = np.array(values)
    high = true > limit
    rules = Rules(auc="linear", c0="zero", accept_alq=0)
    dose = Dose(0, 1, route)
    exact = compute(Profiles.from_arrays(times, true, dose=dose), rules)
    seen = compute(Profiles.from_arrays(times, Marked(np.minimum(true, limit), alq=high), dose=dose), rules)
    for name in ("cmax", "auc_last", "auc_all"):
        assert seen.of(name)[0] <= exact.of(name)[0] * (1 + 1e-14), name
    assert seen.of("n_alq")[0] == high.sum()
