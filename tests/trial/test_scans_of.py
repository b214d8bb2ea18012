"""Simulated tumours become scans that RECIST reads."""

from __future__ import annotations

import numpy as np
import pytest

import pkpd
from pkpd import InputError, trial
from pkpd.population import Omega, Population


def shrinking(unit: str = "mm") -> Population:
    """A sum that falls to 60 % in six weeks; 1 mm to 10 cm at the start."""
    rate = -np.log(0.6) / 1008
    model = pkpd.define({"SLD": "-k*SLD"}, {"k": f"{rate} 1/h", "S0": f"60 {unit}"}, outputs={"SLD": "SLD"},
                        initial={"SLD": "S0"}, units={"SLD": unit},
                        base={"time": "h", "amount": "mg", "volume": "L"})  # fmt: skip
    return Population(model, model.parameters, Omega.independent(S0=0.3))


def test_days_and_millimetres() -> None:
    made = pkpd.simulate(
        shrinking("cm"), pkpd.Regimen((), "mg"), subjects=3, replicates=2, times=[0, 1008, 2016], seed=1
    )
    scans = trial.scans_of(made, "SLD", days=[1, 43])
    assert scans["day"].tolist() == [1.0, 43.0] * 6
    np.testing.assert_allclose(scans["sum"], 10 * made["SLD"].to_numpy()[..., :2].ravel(), atol=0.051)
    assert scans["subject"].tolist()[::4] == ["1-1", "1-3", "2-2"]
    table = trial.assess_response(scans, rules="1.1")
    assert set(table["response"]) == {"PR"}
    assert table.attrs["synthetic"]


def test_what_cannot_be_seen_is_gone_and_what_was_not_simulated_is_said() -> None:
    made = pkpd.simulate(shrinking(), pkpd.Regimen((), "mg"), subjects=2, times=[0, 24 * 700], seed=1)
    assert trial.assess_response(trial.scans_of(made, "SLD", smallest=5))["response"].tolist() == ["CR", "CR"]
    with pytest.raises(InputError, match="on day 43"):
        trial.scans_of(made, "SLD", days=[1, 43])
    with pytest.raises(InputError, match="unknown output 'SLX'; did you mean 'SLD'"):
        trial.scans_of(made, "SLX")
