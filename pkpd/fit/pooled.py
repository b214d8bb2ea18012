"""Fitting pooled data: maximum likelihood with M3 and exact gradients, variability between subjects ignored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from pkpd.arguments import checked
from pkpd.errors import FitWarning, warn
from pkpd.fit.assumed_units import say_units
from pkpd.fit.fixed_effects import Request, fit_data
from pkpd.fit.given import in_units_of, settled_values, with_errors_of
from pkpd.fit.inputs import (
    A_KIND_BY_OUTPUT,
    given_table,
    in_model_units,
    observed_baselines,
    provenance,
    with_given,
)
from pkpd.fit.options import Options
from pkpd.fit.result import Fit, Fits
from pkpd.fit.subject_covariates import subject_covariates
from pkpd.fit.verdict import UNBOUNDED, UNIDENTIFIED
from pkpd.model import Model
from pkpd.observed import Observed, observe
from pkpd.parameters import Parameters
from pkpd.population import ErrorKind
from pkpd.study import Study

if TYPE_CHECKING:
    import pandas


@checked(error=A_KIND_BY_OUTPUT)
def fit_pooled(
    model: Model,
    study: Study,
    start: Parameters,
    *,
    error: Mapping[str, ErrorKind] | None = None,
    given: Fits | Fit | pandas.DataFrame | None = None,
    options: Options | None = None,
) -> Fit:
    r"""Fit a model to all subjects of a study at once, ignoring variability between them (naive pooling).

    Minimises :math:`-2\log L = \sum_j (y_j - f_j)^2/g_j^2 + 2\log g_j`, where a sample below LLOQ contributes
    :math:`-2\log\Phi((LLOQ - f_j)/g_j)` (M3). Gradients are exact. With more than one subject the standard errors
    are the sandwich clustered by subject, with Student's t on (subjects − 1) degrees of freedom.

    Parameters
    ----------
    model : Model
        The model; its units are taken from the study if none were chosen.
    study : Study
        Observations and doses.
    start : Parameters
        Start values, e.g. from `initial_estimates`; fixed parameters stay.
    error : mapping, optional
        Output → kind of residual error: its name (`pkpd.fit.KINDS`) or a class of one's own. By default it is that of
        the fit which is `given`; else proportional for concentrations that are driven by doses
        (`pkpd.model.drug.measures_drug`), and on the log scale for the rest.
    given : Fits, Fit or DataFrame, optional
        Parameters that are known: from individual fits (each subject its own), from a pooled fit, or a table with one
        row per subject (in the model's units). A fit brings its residual errors, too.
    options : Options, optional
        Names of analytes, baselines, standard errors, tolerances.

    Returns
    -------
    Fit
        Its ``status`` says whether to trust it.

    Raises
    ------
    InputError
        Listing everything that does not fit together.

    References
    ----------
    Beal SL. Ways to fit a PK model with some data below the quantification limit. J Pharmacokinet Pharmacodyn
    2001;28:481-504 (M3). Liang KY, Zeger SL. Biometrika 1986;73:13-22 (sandwich).
    """
    data, request = _prepared(model, study, Request(start, error, options or Options()), given)
    fit = fit_data(data, request)
    if fit.status in (UNIDENTIFIED, UNBOUNDED):
        warn(f"{fit.status}: {fit.message}", FitWarning)
    return fit


def _prepared(
    model: Model, study: Study, request: Request, given: Fits | Fit | pandas.DataFrame | None
) -> tuple[Observed, Request]:
    """Return the data of the subjects that can be fitted, and the request with all that is known of them."""
    notes: list[str] = []
    asked = model
    table = given_table(given, model)
    if table is not None:
        study = with_given(study, table, notes)
    model = in_units_of(given, model)
    data = observe(model, study, request.options.observed).usable()
    notes += say_units(asked, data.model, study)
    known = {} if table is None else in_model_units(table, given, data)
    if request.options.baseline == "observed":
        known |= observed_baselines(data)
    settled = settled_values(given, data.model)
    request = with_errors_of(request, given, data)
    covariates, said = subject_covariates(study, data.subjects, data.model)
    return data, replace(
        request, known=known, settled=settled, notes=(*notes, *said), attrs=provenance(study), covariates=covariates
    )
