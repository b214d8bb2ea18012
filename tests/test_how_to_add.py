"""The page "how to add" is tried: its code is run as printed, a new row of NCA in a copy of the package."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest

import pkpd
from pkpd.population import NormalPrior

PAGE = Path(__file__).resolve().parents[1] / "docs" / "how-to-add.md"


def blocks(title: str) -> list[str]:
    """The Python blocks of a section, as printed."""
    text = PAGE.read_text(encoding="utf-8")
    section = text[text.index(f"## {title}\n") :].split("\n## ")[0]
    return re.findall(r"```python\n(.*?)```", section, flags=re.S)


@cache
def printed(title: str) -> dict[str, Any]:
    """What a section defines."""
    space: dict[str, Any] = {"pkpd": pkpd}
    for block in blocks(title):
        exec(block, space)
    return space


def test_a_model() -> None:
    """Without drug: y = K·(y0/K)^exp(−αt). With a constant kill κC it is that with another K, K·exp(−κC/α)."""
    gompertz, model = printed("A model")["gompertz"], printed("A model")["model"]
    times = np.array([0.0, 10.0, 50.0, 200.0])
    assert {"CL", "V", "alpha_SLD", "K_SLD", "kill_SLD", "SLD_0"} == set(model.parameters.names)
    units = {"time": "h", "amount": "mg", "volume": "L"}
    for by, limit in (("0", 100.0), ("0.02", 100.0 * np.exp(-0.1 * 0.02 / 0.01))):
        constant = (pkpd.library.one_compartment() + gompertz(by=by)).in_units(**units).with_values(CL=1.0, V=10.0)
        people = pkpd.Population(constant, constant.parameters)
        drawn = pkpd.simulate(people, pkpd.bolus("100 mg"), subjects=1, times=times)
        expected = limit * (50.0 / limit) ** np.exp(-0.01 * times)
        np.testing.assert_allclose(drawn["SLD"].values.ravel(), expected, rtol=1e-6)
    treated = model.in_units(**units).with_values(CL=1.0, V=10.0)
    drawn = pkpd.simulate(pkpd.Population(treated, treated.parameters), pkpd.bolus("100 mg"), subjects=1, times=times)
    assert (drawn["SLD"].values.ravel()[1:] < 100.0 * 0.5 ** np.exp(-0.01 * times[1:])).all()


def test_an_nca_parameter(tmp_path: Path) -> None:
    """The function is appended and the row inserted where the page says so; nothing else is touched."""
    shutil.copytree(Path(str(pkpd.__file__)).parent, tmp_path / "pkpd", ignore=shutil.ignore_patterns("__pycache__"))
    function, row = blocks("An NCA parameter")
    place, body = function.split("\n", 1)
    file = tmp_path / place.removeprefix("# append to ")
    file.write_text(f"{file.read_text(encoding='utf-8')}\n\n{body}", encoding="utf-8")
    place, body = row.split("\n", 1)
    name, anchor = place.removeprefix("# insert into ").split(", after ")
    file = tmp_path / name
    before, after = file.read_text(encoding="utf-8").split(f"\n{anchor}\n")
    file.write_text(f"{before}\n{anchor}\n{body}{after}", encoding="utf-8")
    script = """
import numpy as np, pkpd
result = pkpd.nca(pkpd.data.theophylline(), "theophylline")
np.testing.assert_allclose(result["clast_percent"], 100*result["clast"]/result["cmax"], rtol=1e-15)
assert result["clast_percent"].attrs["units"] == "%"
assert "Clast/Cmax" in pkpd.why(result, "clast_percent", 0)
print(len(pkpd.nca.NAMES), pkpd.__file__)
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    count, where = done.stdout.split()
    assert int(count) == len(pkpd.nca.NAMES) + 1
    assert Path(where).is_relative_to(tmp_path)


def test_a_reader() -> None:
    sheet = pandas.DataFrame({"time": [1, 2, 4], "anna": ["5", "2", "<0.5"], "ben": ["6", None, "1"]})
    study = printed("A reader")["read_grid"](sheet, pkpd.bolus("10 mg"), "C", {"time": "h", "C": "mg/L", "dose": "mg"})
    assert list(study.subject_ids) == ["anna", "ben"]
    assert study.observations["value"].tolist()[:2] == [5.0, 2.0]
    assert study.observations["blq"].tolist() == [False, False, True, False, False]
    with pytest.raises(pkpd.InputError, match=r"row 1.*anna.*'x'"):
        printed("A reader")["read_grid"](sheet.replace("5", "x"), pkpd.bolus("10 mg"), "C", dict(study.units))


@pytest.fixture(scope="module")
def problem() -> tuple[pkpd.Model, pkpd.Study, pkpd.Parameters]:
    """Ten subjects with five samples each, 20 % error."""
    model = pkpd.library.one_compartment().in_units(time="h", amount="mg", volume="L")
    start = model.parameters.with_values(CL=4.0, V=20.0)
    table = pandas.DataFrame({"subject": np.repeat(np.arange(10), 5), "time": np.tile([1.0, 2, 4, 8, 12], 10)})
    units = {"time": "h", "C": "mg/L", "dose": "mg"}
    study = pkpd.read_study(table.assign(analyte="C", value=1.0), pkpd.bolus("100 mg"), units=units)
    error = pkpd.fit.residual_error("C", "proportional")
    values = start + error.start(np.ones(1), "mg/L").with_values(prop_C=0.2)
    drawn = pkpd.simulate(pkpd.Population(model, values, errors=(error,)), study, seed=1)
    return model, pkpd.simulated_study(drawn, study), start


def test_an_estimation_method(problem: tuple[pkpd.Model, pkpd.Study, pkpd.Parameters]) -> None:
    """A prior that knows nothing gives the likelihood's answer, one that knows all its own; else precisions add."""
    fit_posterior = printed("An estimation method")["fit_posterior"]
    likely = pkpd.fit_pooled(*problem, options=pkpd.Options(robust=False))
    share = likely.observations / likely.degrees  # the fit's covariance is on degrees of freedom
    v = float(likely.covariance[0, 0]) / share
    centre = likely.parameters["CL"] * float(np.exp(np.sqrt(v)))  # one standard error away
    for sd in (100.0, 1e-4, float(np.sqrt(v))):
        values, verdict = fit_posterior(*problem, NormalPrior({"CL": centre}, {"CL": sd}))
        assert verdict.status == "converged", verdict.message
        weight = 1 / (1 + v / sd**2)
        expected = weight * np.log(likely.parameters["CL"]) + (1 - weight) * np.log(centre)
        assert np.log(values["CL"]) == pytest.approx(expected, abs=0.1 * np.sqrt(v) * (1 - weight) + 1e-5)
        assert verdict.covariance[0, 0] == pytest.approx(v * weight, rel=0.1)


def test_a_method_for_populations() -> None:
    """The optimum of theophylline by FOCEI, 116.8034 (doses in mg)."""
    oral = pkpd.library.one_compartment(absorption=True).in_units(time="h", amount="mg", volume="L")
    fit_quickly = printed("A method for populations")["fit_quickly"]
    fit = fit_quickly(oral, pkpd.data.theophylline(), error={"C": "additive"})
    assert (fit.status, fit.method) == ("converged", "quick")
    assert fit.objective == pytest.approx(116.8034, abs=1e-3)
    assert any("start value" in note for note in fit.notes)
    assert fit.table().loc["CL", "SE"] == pytest.approx(2.7515 * 0.083523, rel=5e-3)
