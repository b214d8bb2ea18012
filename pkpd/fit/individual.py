"""Fitting every subject of a study alone."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Executor
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from pkpd.arguments import checked
from pkpd.errors import InputError, PkpdError, warn
from pkpd.fit.assumed_units import say_units
from pkpd.fit.fixed_effects import Request, fit_data
from pkpd.fit.inputs import A_KIND_BY_OUTPUT, observed_baselines, provenance
from pkpd.fit.options import Options
from pkpd.fit.result import Fit, Fits
from pkpd.fit.subject_covariates import subject_covariates
from pkpd.model import Model
from pkpd.observed import Observed, observe
from pkpd.parameters import Parameters
from pkpd.population import ErrorKind
from pkpd.progress import progress_bar
from pkpd.study import Study


@checked(error=A_KIND_BY_OUTPUT)
def fit_individuals(
    model: Model,
    study: Study,
    start: Parameters,
    *,
    error: Mapping[str, ErrorKind] | None = None,
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
    request = Request(start, error, options or Options(), attrs=provenance(study))
    parts, left_out = _parts(model, study, request.options)
    if parts:
        concrete = next(iter(parts.values())).model
        covariates, said = subject_covariates(study, list(parts), concrete)
        request = replace(request, notes=(*say_units(model, concrete, study), *said), covariates=covariates)
    attempt = partial(_attempt, request=request)
    results = executor.map(attempt, parts.values()) if executor else map(attempt, parts.values())
    bar = progress_bar(results, total=len(parts), desc="individual fits", unit="subject", delay=2, disable=not progress)
    outcomes: dict[Any, Fit | str] = dict(zip(parts, bar, strict=True)) | left_out
    fits: dict[Any, Fit] = {}
    failures: dict[Any, str] = {}
    for subject in study.subject_ids:
        outcome = outcomes[subject]
        if isinstance(outcome, Fit):
            fits[subject] = outcome
        else:
            failures[subject] = outcome
    if not fits:
        raise InputError([f"subject {s!r}: {why}" for s, why in failures.items()], "no subject could be fitted")
    if failures:
        reasons = {
            why: [s for s, other in failures.items() if other == why] for why in dict.fromkeys(failures.values())
        }
        text = "; ".join(f"{who}: {why}" for why, who in reasons.items())
        warn(f"{len(failures)} of {len(outcomes)} subjects have no fit. {text}")
    return Fits(fits, failures)


def _parts(model: Model, study: Study, options: Options) -> tuple[dict[Any, Observed], dict[Any, str]]:
    """Return each subject's part of the data, prepared once for all, and why the others have none."""
    left_out = _without_covariates(model, study)
    if left_out:
        study = study.select(subjects=[s for s in study.subject_ids if s not in left_out])
    data = observe(model, study, options.observed).usable()
    undosed = "the study has no doses, or only doses of 0, for the subjects that were observed"
    for subject in study.subject_ids:
        if subject not in data.subjects:
            left_out[subject] = f"no usable observation of {sorted(data.analytes.values())}"
    for subject, doses in zip(data.subjects, data.doses, strict=True):
        if data.model.doses and not any(dose.amount > 0 for dose in doses):
            left_out[subject] = undosed
    return {s: data.part([k]) for k, s in enumerate(data.subjects) if s not in left_out}, left_out


def _without_covariates(model: Model, study: Study) -> dict[Any, str]:
    """Return why subjects cannot be fitted for want of a covariate; if all lack one, the data say so themselves."""
    people = study.subjects
    found = {name: study.covariate(name) for name in model.covariates}
    names = [name for name, theirs in found.items() if theirs in people and people[theirs].dtype.kind in "biuf"]
    if not names:
        return {}
    finite = np.isfinite(people[[found[name] for name in names]].to_numpy(dtype=float))
    if not finite.all(axis=1).any():
        return {}
    subjects = people["subject"].tolist()
    return {
        subject: "; ".join(f"covariate {c!r} of subject {subject!r} is missing" for c in np.array(names)[~own].tolist())
        for subject, own in zip(subjects, finite, strict=True)
        if not own.all()
    }


def _attempt(data: Observed, request: Request) -> Fit | str:
    """Fit one subject; return why it could not be."""
    try:
        known = observed_baselines(data) if request.options.baseline == "observed" else {}
        return fit_data(data, replace(request, known=known))
    except PkpdError as problem:
        return str(problem)
