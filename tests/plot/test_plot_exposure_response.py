"""The picture of exposure and response shows the counted rates and the fitted model."""

from __future__ import annotations

import numpy as np
import pandas
import pytest
from scipy.special import expit

from pkpd import InputError, plot
from pkpd.trial import exposure_quantiles, logistic


def _patients() -> pandas.DataFrame:
    rng = np.random.default_rng(3)
    auc = np.exp(rng.normal(5.2, 0.5, 60))
    return pandas.DataFrame({"auc": auc, "y": rng.random(60) < expit(1.4 * np.log(auc) - 8)})


@pytest.mark.parametrize("log", [False, True])
def test_rates_and_model(log: bool) -> None:
    table = _patients()
    ax = plot.exposure_response(table, "y", "auc", log=log)
    rates = exposure_quantiles(table, "y", "auc")
    points = ax.containers[0].lines[0]
    np.testing.assert_allclose(points.get_ydata(), rates["rate"])
    np.testing.assert_allclose(points.get_xdata(), rates["exposure_median"])
    fit = logistic(table.assign(x=np.log(table["auc"]) if log else table["auc"]), "y", ["x"])
    curve = ax.lines[0]
    x = np.log(curve.get_xdata()) if log else curve.get_xdata()
    np.testing.assert_allclose(curve.get_ydata(), expit(fit.estimates[0] + fit.estimates[1] * x), rtol=1e-9)
    ticks = sum(len(line.get_xdata()) for line in ax.lines if line.get_marker() == "|")
    assert ticks >= len(table)
    assert ax.get_xscale() == ("log" if log else "linear")


def test_what_cannot_be_drawn() -> None:
    with pytest.raises(InputError, match="expected different exposures"):
        plot.exposure_response({"auc": [1, 2], "y": [0, 0]}, "y", "auc")
    with pytest.raises(InputError, match="not positive in 1 patients"):
        plot.exposure_response({"auc": [0, 2, 3], "y": [0, 1, 0]}, "y", "auc", log=True)
