"""Fitting every subject of a study alone."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Executor
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from pkpd.arguments import ANYTHING, checked
from pkpd.arrays import Array
from pkpd.errors import InputError, PkpdError, warn
from pkpd.fit.assumed_units import say_units
from pkpd.fit.fixed_effects import Request, fit_data
from pkpd.fit.given import (
    GivenIndividually,
    as_table,
    in_units_of,
    settled_values,
    subjects_without,
    with_errors_of,
)
from pkpd.fit.inputs import A_KIND_BY_OUTPUT, given_table, in_model_units, observed_baselines, provenance
from pkpd.fit.options import Options
from pkpd.fit.result import Fit, Fits
from pkpd.fit.subject_covariates import subject_covariates
from pkpd.loops import mapped
from pkpd.model import Model
from pkpd.observed import Observed, observe
from pkpd.parameters import Parameters
from pkpd.population import ErrorKind
from pkpd.study import Study


@checked(error=A_KIND_BY_OUTPUT, given=ANYTHING)
def fit_individuals(
    model: Model,
    study: Study,
    start: Parameters,
    *,
    error: Mapping[str, ErrorKind] | None = None,
    given: GivenIndividually | None = None,
    options: Options | None = None,
    executor: Executor | None = None,
    progress: bool = True,
) -> Fits:
    """Fit every subject of a study alone; a subject that cannot be fitted is reported and does not end the others.

    The other parameters are those of `fit_pooled`.

    Parameters
    ----------
    given : Fits, Fit, DataFrame or mapping, optional
        Parameters that are known: of each subject from its own earlier fit, of all from a pooled fit, from a table with
        one row per subject, or from a mapping of subject to values by name (both in the model's units). A fit brings
        its residual errors, too. A subject without a value is reported.
    executor : concurrent.futures.Executor, optional
        Where subjects are fitted; here and one after the other if none is given.
    progress : bool
        Show a progress bar after two seconds.
    """
    request = Request(start, error, options or Options(), attrs=provenance(study))
    given = as_table(given)
    concrete = in_units_of(given, model)
    parts, left_out = _parts(concrete, study, request.options, given)
    known: list[dict[str, Array]] = [{} for _ in parts]
    if parts:
        first = next(iter(parts.values()))
        covariates, said = subject_covariates(study, list(parts), first.model)
        notes = (*say_units(model, first.model, study), *said)
        request = with_errors_of(replace(request, notes=notes, covariates=covariates), given, first)
        request = replace(request, settled=settled_values(given, first.model))
        if (table := given_table(given, first.model)) is not None:
            known = [in_model_units(table, given, part) for part in parts.values()]
    results = mapped(
        partial(_attempt, request=request), list(zip(parts.values(), known, strict=True)),
        [f"subject {subject!r}" for subject in parts], executor=executor, progress=progress, desc="individual fits",
        unit="subject",
    )  # fmt: skip
    outcomes: dict[Any, Fit | str] = dict(zip(parts, results, strict=True)) | left_out
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


def _parts(
    model: Model, study: Study, options: Options, given: GivenIndividually | None
) -> tuple[dict[Any, Observed], dict[Any, str]]:
    """Return each subject's part of the data, prepared once for all, and why the others have none."""
    left_out = _without_covariates(model, study) | subjects_without(given, model, study.subject_ids)
    if len(left_out) == len(study.subject_ids):
        return {}, left_out
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


def _attempt(part: tuple[Observed, Mapping[str, Array]], request: Request) -> Fit | str:
    """Fit one subject; return why it could not be."""
    data, known = part
    try:
        baselines = observed_baselines(data) if request.options.baseline == "observed" else {}
        return fit_data(data, replace(request, known={**known, **baselines}))
    except PkpdError as problem:
        return str(problem)
