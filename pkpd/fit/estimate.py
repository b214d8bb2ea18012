"""Fitting one subject, every subject alone, or pooled data: maximum likelihood with M3 and exact gradients."""

from __future__ import annotations

import math
from collections.abc import Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from pkpd.arrays import Array
from pkpd.engine import Settings, compile_model
from pkpd.errors import FitWarning, InputError, PkpdError, nearest, warn
from pkpd.fit.data import MEASURED, FitData, observed_baselines, prepare
from pkpd.fit.inputs import (
    align,
    check_kinds,
    given_table,
    in_model_units,
    other_starts,
    ratio_of,
    residual_errors,
    with_errors,
    with_given,
)
from pkpd.fit.likelihood import Likelihood, free_model_parameters
from pkpd.fit.optimise import Minimum, minimise
from pkpd.fit.residual import scale_of
from pkpd.fit.result import Fit, Fits
from pkpd.fit.verdict import UNIDENTIFIED, judge
from pkpd.model import Model
from pkpd.model.model import WORDS
from pkpd.observed.matching import match_outputs
from pkpd.parameters import Parameters
from pkpd.progress import progress_bar
from pkpd.study import Study

if TYPE_CHECKING:
    import pandas

BASELINES = ("estimated", "observed")


@dataclass(frozen=True)
class Options:
    """Choices of a fit that rarely change.

    Attributes
    ----------
    observed : mapping, optional
        Output → analyte, where the names do not say it.
    baseline : {"estimated", "observed"}
        Whether the start of an observed state is estimated or each subject's mean before its first dose.
    robust : bool or None
        Standard errors that allow for correlation within a subject; None means yes for more than one subject.
    settings : Settings
        Tolerances of the solver. By default a subject that needs thousands of steps makes the trial values
        impossible, which keeps a search from wandering off; a stiff model wants ``Settings(method="stiff")``.
    """

    observed: Mapping[str, str] | None = None
    baseline: str = "estimated"
    robust: bool | None = None
    settings: Settings = field(default_factory=lambda: Settings(method="explicit", max_steps=5000))

    def __post_init__(self) -> None:
        if self.baseline not in BASELINES:
            raise InputError(f"unknown baseline {self.baseline!r}; {nearest(self.baseline, BASELINES)}")


def fit_pooled(
    model: Model,
    study: Study,
    start: Parameters,
    *,
    error: Mapping[str, str] | None = None,
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
        Output → kind of residual error (`pkpd.fit.KINDS`); proportional for concentrations that are driven by doses,
        else on the log scale.
    given : Fits, Fit or DataFrame, optional
        Parameters that are known: from individual fits (each subject its own), from a pooled fit, or a table with one
        row per subject (in the model's units).
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
    fit = _fit(model, study, start, error, given, options or Options())
    if fit.status == UNIDENTIFIED:
        warn(f"{fit.status}: {fit.message}", FitWarning)
    return fit


def _fit(
    model: Model,
    study: Study,
    start: Parameters,
    error: Mapping[str, str] | None,
    given: Fits | Fit | pandas.DataFrame | None,
    options: Options,
) -> Fit:
    check_kinds(model, study, start, error)
    notes: list[str] = []
    table = given_table(given, model)
    if table is not None:
        study = with_given(study, table, notes)
    if model.base == WORDS and isinstance(given, (Fits, Fit)):
        model = model.in_units(**(given if isinstance(given, Fit) else next(iter(given.values()))).model.base)
    data = prepare(model, study, options.observed)
    known = {} if table is None else in_model_units(table, given, data)
    if options.baseline == "observed":
        known |= observed_baselines(data, study)
    fixed = {name: math.exp(float(np.mean(np.log(values)))) for name, values in known.items()}
    if isinstance(given, Fit):
        inside = [p for p in given.parameters if p.name in data.model.parameters]
        fixed |= {p.name: p.value * ratio_of(p.unit, data.model.parameters.get(p.name).unit) for p in inside}
    model_with = replace(data.model, parameters=data.model.parameters.with_values(fixed).fix(*fixed))
    parameters = align(start, model_with, settled=tuple(fixed))
    errors = residual_errors(data, error)
    parameters = with_errors(parameters, start, errors, data)
    likelihood = Likelihood(data, _code(data, parameters), parameters, errors, known, options.settings)
    starts = [parameters, *other_starts(parameters, start, errors, data)]
    minima = [minimise(likelihood, each.to_vector()) for each in starts]
    best = min(minima, key=lambda m: m.value.objective)
    return _finish(likelihood, best, options, tuple(notes), study)


def fit_individuals(
    model: Model,
    study: Study,
    start: Parameters,
    *,
    error: Mapping[str, str] | None = None,
    options: Options | None = None,
    executor: Executor | None = None,
    progress: bool = True,
) -> Fits:
    """Fit every subject of a study alone; a subject that cannot be fitted is reported and does not end the others.

    The parameters are those of `fit_pooled`.

    Parameters
    ----------
    executor : concurrent.futures.Executor, optional
        Where subjects are fitted; here and one after the other if none is given.
    progress : bool
        Show a progress bar after two seconds.
    """
    check_kinds(model, study, start, error)
    options = options or Options()
    options = replace(options, observed=match_outputs(model, study, options.observed))
    parts = [study.select(subjects=[s]) for s in study.subject_ids]
    one = partial(_attempt, model, start=start, error=error, options=options)
    results = executor.map(one, parts) if executor else map(one, parts)
    fits: dict[Any, Fit] = {}
    failures: dict[Any, str] = {}
    bar = progress_bar(results, total=len(parts), desc="individual fits", unit="subject", delay=2, disable=not progress)
    for subject, result in zip(study.subject_ids, bar, strict=True):
        if isinstance(result, Fit):
            fits[subject] = result
        else:
            failures[subject] = result
    if not fits:
        raise InputError([f"subject {s!r}: {why}" for s, why in failures.items()], "no subject could be fitted")
    if failures:
        reasons = {
            why: [s for s, other in failures.items() if other == why] for why in dict.fromkeys(failures.values())
        }
        text = "; ".join(f"{who}: {why}" for why, who in reasons.items())
        warn(f"{len(failures)} of {len(parts)} subjects have no fit. {text}")
    return Fits(fits, failures)


def _attempt(
    model: Model, study: Study, *, start: Parameters, error: Mapping[str, str] | None, options: Options
) -> Fit | str:
    try:
        return _fit(model, study, start, error, None, options)
    except PkpdError as problem:
        return str(problem)


def _code(data: FitData, parameters: Parameters) -> Any:
    return compile_model(data.model, free_model_parameters(parameters, data.model.parameters.names))


def _finish(likelihood: Likelihood, minimum: Minimum, options: Options, notes: tuple[str, ...], study: Study) -> Fit:
    data = likelihood.data
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

    verdict = judge(likelihood, minimum, parameters, adjust)
    if verdict.status != "failed" and degrees <= 0:
        notes = (*notes, f"{rows} observations for {free} parameters: intervals mean nothing")
    return Fit(
        model=data.model, parameters=parameters, errors=likelihood.errors, covariance=verdict.covariance,
        objective=minimum.value.objective, minus2ll=minimum.value.objective + likelihood.constant,
        observations=rows, censored=int((data.censor != MEASURED).sum()), subjects=subjects,
        evaluations=minimum.evaluations, degrees=degrees, status=verdict.status, message=verdict.message,
        condition_number=verdict.condition_number,
        covariance_kind="robust (clustered by subject)" if robust else "from the Hessian",
        predictions=_predictions(likelihood, minimum), given=_given_frame(likelihood), notes=notes,
        attrs=dict(study.attrs),
    )  # fmt: skip


def _predictions(likelihood: Likelihood, minimum: Minimum) -> pandas.DataFrame:
    import pandas

    data, value = likelihood.data, minimum.value
    names = np.array(data.outputs)[data.output]
    residual = np.full(data.time.shape, np.nan)
    for error in likelihood.errors:
        rows = (names == error.output) & (data.censor == MEASURED)
        with np.errstate(all="ignore"):
            difference = scale_of(error, data.value[rows]) - scale_of(error, value.fitted[rows])
            residual[rows] = difference / value.sd[rows]
    return pandas.DataFrame(
        {
            "subject": [data.subjects[k] for k in data.subject],
            "output": names,
            "time": data.time,
            "value": data.value,
            "censor": data.censor,
            "fitted": value.fitted,
            "sd": value.sd,
            "residual": residual,
        }
    )


def _given_frame(likelihood: Likelihood) -> pandas.DataFrame | None:
    import pandas

    if not likelihood.given:
        return None
    return pandas.DataFrame(likelihood.given, index=pandas.Index(likelihood.data.subjects, name="subject"))
