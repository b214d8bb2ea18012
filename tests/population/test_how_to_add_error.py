"""The page "how to add": the class printed there is added from outside the package, fitted and drawn with."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest

import pkpd
from pkpd.population import ResidualError, residual_error

PAGE = Path(__file__).resolve().parents[2] / "docs" / "how-to-add.md"


@pytest.fixture(scope="module")
def power() -> type[ResidualError]:
    """The class exactly as it is printed."""
    text = PAGE.read_text(encoding="utf-8")
    section = text[text.index("## A residual error") :]
    block = re.search(r"```python\n(.*?)```", section, flags=re.S)
    assert block is not None
    space: dict[str, Any] = {}
    exec(block.group(1), space)
    kind: type[ResidualError] = space["OwnPower"]
    return kind


def test_the_printed_class_recovers_the_truth(power: type[ResidualError]) -> None:
    """400 samples over three decades drawn with b = 0.4, c = 0.7: estimates within three standard errors."""
    times = np.tile([0.5, 1.0, 2.0, 4.0, 8.0, 12.0, 16.0, 20.0], 50)
    table = pandas.DataFrame({"subject": np.repeat(np.arange(1, 51), 8), "time": times, "analyte": "C", "value": 1.0})
    study = pkpd.read_study(table, pkpd.bolus("1000 mg"), units={"time": "h", "C": "mg/L", "dose": "mg"})
    model = pkpd.library.one_compartment().in_units(time="h", amount="mg", volume="L")
    values = model.parameters.with_values(CL=4.0, V=10.0)
    error = residual_error("C", power)
    assert error.names == ("b_C", "c_C")
    truth = values + error.start(np.ones(1), "mg/L").with_values(b_C=0.4, c_C=0.7)
    people = pkpd.Population(model, truth, errors=(error,))
    drawn = pkpd.simulated_study(pkpd.simulate(people, study, seed=3), study)
    fit = pkpd.fit_pooled(model, drawn, values, error={"C": power}, options=pkpd.Options(robust=False))
    assert fit.converged, fit.message
    assert fit.errors == (error,)
    errors = fit.standard_errors()
    for name, true in truth.as_dict().items():
        assert abs(fit.values[name] - true) < 3 * errors[name], name
    assert errors["c_C"] < 0.05
    assert fit.table().loc["b_C", "meaning"] == "residual SD where the prediction is 1 of C"
    again = pkpd.fit_pooled(model, drawn, truth, error={"C": power}, options=pkpd.Options(robust=False))
    assert again.minus2ll == pytest.approx(fit.minus2ll, abs=1e-6)  # a start may name its parameters


def test_its_measurements_scatter_as_the_text_says(power: type[ResidualError]) -> None:
    """20 000 draws: the SD within four of its own standard errors."""
    from pkpd.parameters import Parameter, Parameters
    from pkpd.simulate.noise import draw_measured

    error = residual_error("C", power)
    values = Parameters((Parameter("b_C", 0.4), Parameter("c_C", 0.7)))
    y = draw_measured(error, np.full(20_000, 30.0), values, np.random.default_rng(1))
    assert np.std(y) == pytest.approx(0.4 * 30**0.7, rel=4 / np.sqrt(2 * 20_000))


def test_it_cannot_hold_a_measured_zero(power: type[ResidualError]) -> None:
    theophylline = pkpd.data.theophylline()
    model = pkpd.library.one_compartment(absorption=True)
    start = model.parameters.with_values(ka=1.5, CL=0.04, V=0.5)
    with pytest.raises(pkpd.InputError, match="own power residual error cannot hold"):
        pkpd.fit_pooled(model, theophylline, start, error={"C": power})
