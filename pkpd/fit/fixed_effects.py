"""A fit without random effects, of prepared data: search from one or two starts, verdict, result.

Fits of one subject and of pooled data are both this.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from pkpd.arrays import Array
from pkpd.engine import compile_model
from pkpd.fit.inputs import align, other_starts, residual_errors, with_errors
from pkpd.fit.likelihood import Evaluation, Likelihood, free_model_parameters
from pkpd.fit.nothing_measured import outputs_all_censored, refuse_all_censored
from pkpd.fit.options import Options
from pkpd.fit.result import Fit
from pkpd.fit.search import Minimum, minimise
from pkpd.fit.unbounded import refuse_vanishing, search_ends, vanished
from pkpd.fit.verdict import CONVERGED, judge, without_maximum
from pkpd.observed import MEASURED, Observed
from pkpd.parameters import Parameters
from pkpd.population import ErrorKind

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True, eq=False)
class Request:
    """What is asked of a fit, beside its data.

    Attributes
    ----------
    start : Parameters
        Start values; fixed parameters stay.
    error : mapping or None
        Output → kind of residual error.
    options : Options
        Standard errors, tolerances.
    known : mapping
        Parameter → one value per subject of the data, in the model's units.
    settled : mapping
        Parameter → the value that all subjects have.
    notes : tuple of str
        What is to be said of the data.
    attrs : mapping
        Provenance of the data.
    covariates : DataFrame or None
        Of all subjects of the data, and perhaps of more.
    """

    start: Parameters
    error: Mapping[str, ErrorKind] | None
    options: Options
    known: Mapping[str, Array] = field(default_factory=dict)
    settled: Mapping[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    attrs: Mapping[str, Any] = field(default_factory=dict)
    covariates: pandas.DataFrame | None = None


def fit_data(data: Observed, request: Request) -> Fit:
    """Fit prepared data.

    Raises
    ------
    InputError
        Listing everything that does not fit together.
    """
    likelihood, starts = problem(data, request)
    request = replace(request, notes=(*request.notes, *outputs_all_censored(data)))
    vectors = [each.to_vector() for each in starts]
    refuse_vanishing(likelihood, vectors)
    ends = search_ends(likelihood)
    minima = [minimise(likelihood, each, enough=ends) for each in vectors]
    best = min(minima, key=lambda m: m.value.objective)
    return _finish(likelihood, best, request)


def problem(data: Observed, request: Request) -> tuple[Likelihood, list[Parameters]]:
    """Return the likelihood of the data and the values from which it is searched."""
    start, known = request.start, dict(request.known)
    fixed = {name: _centre(values) for name, values in known.items()}
    fixed |= request.settled
    model = replace(data.model, parameters=data.model.parameters.with_values(fixed).fix(*fixed))
    errors = residual_errors(data, request.error)
    names = [*(n for n in model.parameters.names if n not in fixed), *(n for e in errors for n in e.names)]
    if not all(n in start and start.get(n).fixed for n in names):
        refuse_all_censored(data)
    parameters = with_errors(align(start, model, tuple(fixed), errors), start, errors, data)
    code = compile_model(data.model, free_model_parameters(parameters, data.model.parameters.names))
    likelihood = Likelihood(data, code, parameters, errors, known, request.options.settings)
    return likelihood, [parameters, *other_starts(parameters, start, errors, data)]


def _centre(values: Array) -> float:
    """The one value that is shown of what every subject has another of: the geometric mean of what is positive."""
    if values.size == 1 or not (values > 0).all():
        return float(np.mean(values))
    return math.exp(float(np.mean(np.log(values))))


def _finish(likelihood: Likelihood, minimum: Minimum[Evaluation], request: Request) -> Fit:
    data, options, notes = likelihood.data, request.options, request.notes
    parameters = likelihood.parameters.from_vector(minimum.vector)
    subjects, rows, free = len(data.subjects), data.time.size, len(parameters.free)
    robust = subjects > 1 and options.robust is not False
    if robust and subjects <= free and options.robust is None:
        robust = False
        notes = (
            *notes,
            f"{subjects} subjects for {free} parameters: standard errors ignore correlation within a subject",
        )
    degrees = float(subjects - 1) if robust else float(rows - free)

    def adjust(covariance: Array) -> Array:
        """Sandwich clustered by subject, or the inverse Hessian with the residual degrees of freedom."""
        if not robust:
            return covariance * rows / degrees if degrees > 0 else covariance
        bread, scores = covariance / 2, minimum.value.scores
        result: Array = bread @ (scores.T @ scores) @ bread * subjects / (subjects - 1)
        return result

    no_maximum = vanished(likelihood, minimum.vector, minimum.value)
    verdict = without_maximum(no_maximum, free) if no_maximum else judge(likelihood, minimum, parameters, adjust)
    objective = minimum.value.objective if not no_maximum and np.isfinite(minimum.value.objective) else math.nan
    said = () if verdict.status == CONVERGED else outputs_all_censored(data)
    if verdict.status != "failed" and degrees <= 0:
        notes = (*notes, f"{rows} observations for {free} parameters: intervals mean nothing")
    return Fit(
        model=data.model, parameters=parameters, errors=likelihood.errors, covariance=verdict.covariance,
        objective=objective, minus2ll=objective + likelihood.constant,
        observations=rows, censored=int((data.kind != MEASURED).sum()), subjects=subjects,
        evaluations=minimum.evaluations, degrees=degrees, status=verdict.status,
        message="; ".join([*said, verdict.message]),
        condition_number=verdict.condition_number,
        covariance_kind="robust (clustered by subject)" if robust else "from the Hessian",
        predictions=_predictions(likelihood, minimum), given=_given_frame(likelihood), notes=notes,
        attrs=dict(request.attrs), cautions=verdict.cautions,
        covariates=None if request.covariates is None else request.covariates.loc[list(data.subjects)],
    )  # fmt: skip


def _predictions(likelihood: Likelihood, minimum: Minimum[Evaluation]) -> pandas.DataFrame:
    import pandas

    data, value = likelihood.data, minimum.value
    names = np.array(data.outputs)[data.output]
    residual = np.full(data.time.shape, np.nan)
    for error in likelihood.errors:
        rows = (names == error.output) & (data.kind == MEASURED)
        with np.errstate(all="ignore"):
            difference = error.transform.to(data.value[rows]) - error.transform.to(value.fitted[rows])
            residual[rows] = difference / value.sd[rows]
    return pandas.DataFrame(
        {
            "subject": [data.subjects[k] for k in data.subject],
            "output": names,
            "time": data.time,
            "value": data.value,
            "censor": data.kind,
            "fitted": value.fitted,
            "sd": value.sd,
            "residual": residual,
            "unit": np.array([data.model.units.get(name, "") for name in data.outputs], dtype=object)[data.output],
        }
    )


def _given_frame(likelihood: Likelihood) -> pandas.DataFrame | None:
    import pandas

    if not likelihood.given:
        return None
    return pandas.DataFrame(likelihood.given, index=pandas.Index(likelihood.data.subjects, name="subject"))
