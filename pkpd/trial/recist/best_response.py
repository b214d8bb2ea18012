"""Best overall response of every patient, with confirmation and the minimum time of stable disease."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pkpd.arguments import SOME_LABELS, checked
from pkpd.errors import warn
from pkpd.trial.recist.assessments import OF_SCANS, read_assessments
from pkpd.trial.recist.confirmation import Run, apart
from pkpd.trial.recist.rules import RESPONSES, RecistRules, rules_of
from pkpd.trial.recist.scans import blocks, provenance
from pkpd.trial.recist.sequences import oddities
from pkpd.trial.tables import handed_on

if TYPE_CHECKING:
    import pandas

STABLE = frozenset({"CR", "PR", "SD", "non-CR/non-PD"})


@checked(subjects=SOME_LABELS)
def best_response(
    assessments: Any,
    *,
    rules: RecistRules | str = "1.0",
    subjects: Sequence[Any] = (),
    columns: Mapping[str, str] | None = None,
) -> pandas.DataFrame:
    """Return the best overall response of every patient, from the start of treatment to progression.

    A response counts if a second one follows after `RecistRules.confirmation_days`, with at most
    `RecistRules.stable_between` assessments of stable disease in between (where rules ask for confirmation). A complete
    response that no second one confirms may confirm, or be, a partial one. Everything better than progression is stable
    disease where it was seen at least `RecistRules.minimum_stable_days` after day 1; else progression, if that is what
    followed, or not evaluable.

    Parameters
    ----------
    assessments : DataFrame, path, or mapping of column to values
        As `assess_response` returns it, or as a reviewer reported it: ``subject``, ``day``, ``response`` (CR, PR, SD,
        non-CR/non-PD, PD, NE), and ``reviewer`` where there are several.
    rules : RecistRules or str
        Version and choices.
    subjects : sequence, optional
        All patients: those without an assessment get a row, too.
    columns : mapping, optional
        Our name → its heading in the table.

    Returns
    -------
    DataFrame
        One row per patient (and reviewer): ``subject, reviewer, response, day`` (on which it was first seen),
        ``confirmed`` (day of the confirmation), ``unconfirmed`` (the best single assessment: what the response would be
        without confirmation and minimum time), ``progression`` (day), ``assessments`` (how many count), ``reason``;
        then every other column that is the same in all rows of each patient, such as ``arm``.

    Raises
    ------
    InputError
        Listing all that cannot be used.

    Warns
    -----
    DataWarning
        If responses follow one another that cannot (`impossible_sequences` lists them).

    References
    ----------
    Eisenhauer EA et al. Eur J Cancer 2009;45:228-247, Table 3.
    """
    import pandas

    chosen = rules_of(rules)
    table = read_assessments(assessments, columns)
    odd = oddities(table)
    if odd:
        warn(f"{len(odd)} responses follow what they cannot follow, first: {odd[0][-1]}; see impossible_sequences")
    rows = []
    names, readers, days, responses = (table[name].tolist() for name in ("subject", "reviewer", "day", "response"))
    for begin, end in blocks(table, "subject", "reviewer"):
        seen = [i for i in range(begin, end) if not math.isnan(days[i])]
        best = _best([days[i] for i in seen], [responses[i] for i in seen], chosen)
        rows.append({"subject": names[begin], "reviewer": readers[begin], **best})
    reviewers = list(dict.fromkeys(table["reviewer"]))
    for reviewer in reviewers:
        there = {str(row["subject"]) for row in rows if row["reviewer"] == reviewer}
        rows += [{"subject": subject, "reviewer": reviewer, **_best([], [], chosen)}
                 for subject in dict.fromkeys(subjects) if str(subject) not in there]  # fmt: skip
    result = handed_on(pandas.DataFrame(rows), table, OF_SCANS)
    result.attrs.update(provenance(assessments), rules=str(chosen))
    return result if reviewers != [""] else result.drop(columns="reviewer")


def _best(days: list[float], responses: list[str], rules: RecistRules) -> dict[str, Any]:
    """What is known of one patient."""
    if "PD" in responses:
        last = responses.index("PD") + 1
        days, responses = days[:last], responses[:last]
    progression = days[-1] if responses and responses[-1] == "PD" else float("nan")
    out = {"response": "NE", "day": float("nan"), "confirmed": float("nan"),
           "unconfirmed": min(responses, key=RESPONSES.index, default="NE"), "progression": progression,
           "assessments": len(days) - responses.count("NE"), "reason": "no assessment"}  # fmt: skip
    if not days:
        return out
    alone = ""
    for wanted, counts in (("CR", {"CR"}), ("PR", {"CR", "PR"})):
        run, first = Run(rules, counts), next((d for d, r in zip(days, responses, strict=True) if r in counts), None)
        if first is None:
            continue
        if not rules.confirms:
            return {**out, "response": wanted, "day": first, "reason": f"{wanted} on day {first:g}"}
        for day, response in zip(days, responses, strict=True):
            run.add(day, response)
        if run.confirmed_on is not None:
            why = f"{wanted} on day {run.first:g}, confirmed on day {run.confirmed_on:g}"
            return {**out, "response": wanted, "day": run.first, "confirmed": run.confirmed_on, "reason": why}
        alone = alone or f"; {wanted} on day {first:g} was not confirmed"
    stable = [(day, r) for day, r in zip(days, responses, strict=True) if r in STABLE]
    late = [day for day, _ in stable if apart(1.0, day) >= rules.minimum_stable_days]
    if late:
        what = "non-CR/non-PD" if all(r == "non-CR/non-PD" for _, r in stable) else "SD"
        return {**out, "response": what, "day": stable[0][0], "reason": f"no progression on day {late[0]:g}{alone}"}
    short = f"; without progression on day {stable[-1][0]:g}, before the minimum" if stable else ""
    if "PD" in responses:
        why = f"progression on day {progression:g}{short}{alone}"
        return {**out, "response": "PD", "day": progression, "reason": why}
    return {**out, "reason": (short + alone).removeprefix("; ") or "no assessment could be evaluated"}
