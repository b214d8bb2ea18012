"""How long responses lasted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from pkpd.arguments import checked
from pkpd.errors import InputError
from pkpd.trial.recist.assessments import read_assessments
from pkpd.trial.recist.best_response import best_response
from pkpd.trial.recist.confirmation import Run
from pkpd.trial.recist.rules import RecistRules, rules_of
from pkpd.trial.recist.scans import provenance
from pkpd.trial.survival.patients import read_patients
from pkpd.trial.tables import known_subjects

if TYPE_CHECKING:
    import pandas


@checked
def response_duration(
    assessments: Any,
    *,
    patients: Any = None,
    rules: RecistRules | str = "1.0",
    columns: Mapping[str, str] | None = None,
) -> pandas.DataFrame:
    """Return how long each response lasted: from the day it was first seen to progression or death, both days counted.

    A complete response that was a partial one before began with the partial one. A response without progression or
    death is censored at the last assessment that could be evaluated: "ongoing at 41+ months" is a censored duration.

    Parameters
    ----------
    assessments : DataFrame, path, or mapping of column to values
        ``subject``, ``day``, ``response``, and ``reviewer`` where there are several, each of whom has his own rows.
    patients : DataFrame, path, or mapping, optional
        ``subject`` and ``death`` (day; empty for who lives).
    rules : RecistRules or str
        Which responses count.
    columns : mapping, optional
        Our name → its heading in `assessments`.

    Returns
    -------
    DataFrame
        One row per responder (and reviewer): ``subject, reviewer, response, start, end, duration`` (days), ``event``
        (True: progression or death; False: censored), ``reason``. To `kaplan_meier`.

    Raises
    ------
    InputError
        Listing all that cannot be used.
    """
    import pandas

    chosen = rules_of(rules)
    table = read_assessments(assessments, columns)
    best = best_response(table, rules=chosen)
    best["reviewer"] = best.get("reviewer", "")
    deaths: dict[Any, float] = {}
    if patients is not None:
        people = read_patients(patients, None)
        lacking = known_subjects(best["subject"], people["subject"], "patients")
        if lacking:
            raise InputError(lacking, "response_duration")
        deaths = dict(zip(people["subject"], people["death"], strict=True))
    dated = table[table["day"].notna()]  # with those that are not evaluable: too many of them undo a confirmation
    starts = {key: _start(part, chosen) for key, part in dated.groupby(["subject", "reviewer"])}
    seen = dated[dated["response"] != "NE"]
    last = seen.groupby(["subject", "reviewer"])["day"].max().to_dict()
    rows = []
    for row in best[best["response"].isin(["CR", "PR"])].to_dict("records"):
        died = deaths.get(row["subject"], np.nan)
        start, progressed = starts[row["subject"], row["reviewer"]], row["progression"]
        if np.isfinite(progressed) and not died < progressed:
            end, event, why = progressed, True, "progression"
        elif np.isfinite(died):
            end, event, why = died, True, "death"
        else:
            end, event, why = last[row["subject"], row["reviewer"]], False, "no progression up to the last assessment"
        who = {name: row[name] for name in ("subject", "reviewer", "response")}
        rows.append({**who, "start": start, "end": end, "duration": end - start + 1, "event": event, "reason": why})
    names = ["subject", "reviewer", "response", "start", "end", "duration", "event", "reason"]
    result = pandas.DataFrame(rows, columns=names)
    result.attrs.update(provenance(assessments), rules=str(chosen))
    return result if (best["reviewer"] != "").any() else result.drop(columns="reviewer")


def _start(part: pandas.DataFrame, rules: RecistRules) -> float:
    """The day on which the response of a patient began, partial or complete; NaN where there is none."""
    run = Run(rules, ("CR", "PR"))
    for day, response in zip(part["day"].tolist(), part["response"].tolist(), strict=True):
        if run.add(day, response) or (not rules.confirms and run.first is not None):
            return float("nan") if run.first is None else run.first
    return float("nan")
