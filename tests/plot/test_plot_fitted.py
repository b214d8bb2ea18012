"""Observed against fitted, residuals and the fitted course show the fit's own numbers."""

from __future__ import annotations

import numpy as np
import pandas
import pytest

from pkpd import library, plot
from pkpd.errors import InputError
from pkpd.fit import Fits, fit_pooled
from pkpd.observed import BELOW, MEASURED
from pkpd.study import Study
from tests.plot.plot_cases import LLOQ, line, one_compartment_pk, title


def _rows(fits: Fits) -> pandas.DataFrame:
    return pandas.concat([one.predictions for one in fits.values()], ignore_index=True)


def test_observed_against_fitted_draws_every_row(fits: Fits, study: Study) -> None:
    rows = _rows(fits)
    ax = plot.observed_fitted(fits, study=study)
    good, censored = rows[rows["censor"] == MEASURED], rows[rows["censor"] == BELOW]
    np.testing.assert_array_equal(line(ax, "measured").get_xdata(), good["fitted"])
    np.testing.assert_array_equal(line(ax, "measured").get_ydata(), good["value"])
    assert len(censored) > 0
    assert len(line(ax, "BLQ").get_xdata()) == len(censored)
    assert set(line(ax, "BLQ").get_ydata()) == {LLOQ}
    identity = line(ax, "identity")
    np.testing.assert_array_equal(identity.get_xdata(), identity.get_ydata())
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("fitted C (mg/L)", "observed C (mg/L)")
    assert "synthetic data" in title(ax)
    low = int((rows["fitted"] < 0.1 * LLOQ).sum())  # before the dose the model says 0
    assert f"{low} predicted below 0.05 mg/L, drawn at the edge" in title(ax)


@pytest.mark.parametrize("against", ["time", "fitted"])
def test_residuals_are_those_of_the_fit(fits: Fits, against: str) -> None:
    rows = _rows(fits)
    good = rows[rows["censor"] == MEASURED]
    ax = plot.residuals(fits, against=against)
    np.testing.assert_array_equal(line(ax, "measured").get_xdata(), good[against])
    np.testing.assert_array_equal(line(ax, "measured").get_ydata(), good["residual"])
    assert len(line(ax, "censored").get_xdata()) == len(rows) - len(good)
    assert ax.get_xlabel() == ("time (h)" if against == "time" else "fitted C (mg/L)")


def test_course_is_the_closed_form_of_the_estimates(fits: Fits, study: Study) -> None:
    values = fits[2].values
    ax = plot.fitted_course(fits, study, 2, log=True)
    drawn = line(ax, "fitted")
    t, y = np.asarray(drawn.get_xdata()), np.asarray(drawn.get_ydata())
    exact = 50 / values["V"] * np.exp(-values["CL"] / values["V"] * t[t > 0])
    np.testing.assert_allclose(y[t > 0], exact, rtol=1e-6)
    assert y[0] == 0.0  # the value at the time of the dose is the one before it
    table = study.used("drug")
    mine = table[(table["subject"] == 2) & ~table["blq"]]
    np.testing.assert_array_equal(line(ax, "measured").get_ydata(), mine["value"])
    assert len(line(ax, "BLQ").get_xdata()) == int((table["subject"] == 2).sum()) - len(mine)
    assert "LLOQ 0.5 mg/L" in [text.get_text() for text in ax.texts]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("time (h)", "C (mg/L)")
    assert ax.get_ylim()[0] < LLOQ < y.max() < ax.get_ylim()[1]
    assert ax.get_title(loc="left") == "subject 2"


def test_pooled_course_uses_the_subjects_own_dose_and_the_days_axis(study: Study) -> None:
    pk = one_compartment_pk()
    pooled = fit_pooled(pk, study, pk.parameters, error={"C": "proportional"})
    heights = [
        np.max(line(plot.fitted_course(pooled, study, s, "C", time_unit="day"), "fitted").get_ydata()) for s in (1, 2)
    ]
    assert heights[0] / heights[1] == pytest.approx(2, rel=1e-9)
    x = np.asarray(line(plot.fitted_course(pooled, study, 1, time_unit="day"), "measured").get_xdata())
    assert x.max() <= 1


def test_course_of_a_response_takes_the_given_pk(fits: Fits, study: Study) -> None:
    table = study.observations
    later = table[table["subject"].isin([1, 2]) & (table["time"] <= 8) & ~table["excluded"]]
    effect = later.assign(analyte="E", value=10 + later["time"], blq=False, lloq=np.nan)
    two = study.select(subjects=[1, 2])
    both = Study(effect.reset_index(drop=True), two.doses, two.subjects, {**study.units, "E": "1"})
    model = one_compartment_pk() + library.direct_effect("E", by="C").with_values(E_0=10, Emax_E=0.5, EC50_E=5, h_E=1)
    start = model.parameters.with_values(CL=9.0).fix("CL", "V", "EC50_E", "h_E", "Emax_E")
    fit = fit_pooled(model, both, start, error={"E": "additive"}, given=fits)
    ax = plot.fitted_course(fit, both, 1, "E")
    own, values = fit.given.loc[1], fit.values
    t, y = (np.asarray(part) for part in line(ax, "fitted").get_data())
    c = 100 / own["V"] * np.exp(-own["CL"] / own["V"] * t[t > 0])
    exact = values["E_0"] * (1 + values["Emax_E"] * c / (values["EC50_E"] + c))
    np.testing.assert_allclose(y[t > 0], exact, rtol=1e-6)
    assert ax.get_ylabel() == "E"


def test_unknown_names_are_answered_with_the_nearest(fits: Fits, study: Study) -> None:
    with pytest.raises(InputError, match="unknown output 'Cc'; did you mean 'C'"):
        plot.observed_fitted(fits, "Cc")
    with pytest.raises(InputError, match="unknown axis 'times'; did you mean 'time'"):
        plot.residuals(fits, against="times")
    with pytest.raises(InputError, match="unknown subject 17"):
        plot.fitted_course(fits, study, 17)
    with pytest.raises(InputError, match="unknown subject"):
        plot.fitted_course(fits, study, 3)  # in the study, but not fitted
    with pytest.raises(InputError, match="no subject has a fit"):
        plot.observed_fitted(Fits({}, {1: "no data"}))
