"""Response and disease-control rates with exact intervals; who was not available counts in the denominator."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pkpd.arguments import at_least, checked
from pkpd.errors import InputError, shown
from pkpd.trial.proportions import clopper_pearson
from pkpd.trial.recist.rules import RESPONSES
from pkpd.trial.recist.scans import REVIEWER, SUBJECT
from pkpd.trial.tables import Column, read_table

if TYPE_CHECKING:
    import pandas

UNAVAILABLE = "unavailable"
COUNT = at_least(0)
_CATEGORIES = (*RESPONSES, UNAVAILABLE)
BEST = (
    SUBJECT,
    Column("response", "text", "best overall response", choices=_CATEGORIES, also=("best", "bor", "bestresponse")),
    Column("arm", "text", "arm or group", required=False, also=("trt01a", "trta", "treatment")),
    REVIEWER,
)
_CONTROL = ("CR", "PR", "SD", "non-CR/non-PD")
_ROWS = {**{name: (name,) for name in _CATEGORIES}, "response (CR + PR)": ("CR", "PR"), "disease control": _CONTROL}


@checked
def response_rates(
    best: Any,
    *,
    patients: int | Mapping[str, int] | None = None,
    level: float = 0.95,
    columns: Mapping[str, str] | None = None,
) -> pandas.DataFrame:
    """Return how many patients had which best response, the rates of response and disease control, and exact intervals.

    Every patient counts in the denominator: who could not be evaluated, and who was not available at all, is no
    responder. Intervals are those of Clopper and Pearson.

    Parameters
    ----------
    best : DataFrame, path, or mapping
        One row per patient: ``subject``, ``response``, and ``arm`` or ``reviewer``, each value of which gets its own
        rows; as `best_response` returns it. Or counts: ``{"PR": 7, "SD": 20, "PD": 4, "unavailable": 2}``.
    patients : int or mapping of arm to int, optional
        How many there are: those of whom the table has no row are ``unavailable``.
    level : float
        Coverage of the intervals.
    columns : mapping, optional
        Our name → its heading in the table.

    Returns
    -------
    DataFrame
        ``arm, reviewer`` (where there are some), ``response, events, patients, percent, low, high`` (percent).
        Categories that nobody is in are there, too, except non-CR/non-PD and unavailable.

    Raises
    ------
    InputError
        Listing all that cannot be used; if there are more rows than patients.

    References
    ----------
    Clopper CJ, Pearson ES. Biometrika 1934;26:404-413.
    """
    import pandas

    if not 0 < level < 1:
        raise InputError(f"level is {shown(level)}; expected a number between 0 and 1", "response_rates")
    if isinstance(best, Mapping) and best and not any(hasattr(value, "__len__") for value in best.values()):
        counted: list[tuple[dict[str, str], Mapping[str, int]]] = [({}, _counts(best))]
    else:
        table = read_table(best, BEST, "best responses", named=columns, unique=("subject", "reviewer"))
        by = [name for name in ("arm", "reviewer") if name in table and (table[name] != "").any()]
        groups = table.groupby(by, sort=False) if by else [((), table)]
        counted = [(dict(zip(by, key, strict=True)), part["response"].value_counts().to_dict()) for key, part in groups]
    if not counted:
        raise InputError("there is no patient", "best responses")
    rows: list[dict[str, Any]] = []
    problems: list[str] = []
    for group, counts in counted:
        total = sum(counts.values())
        there = patients.get(group.get("arm", ""), total) if isinstance(patients, Mapping) else patients
        size = total if there is None else int(there)
        name = " ".join(group.values()) or "the table"
        if size < total or size < 1:
            problems.append(f"{name}: {total} best responses of {size} patients; expected at least as many patients")
            continue
        full = {**counts, UNAVAILABLE: counts.get(UNAVAILABLE, 0) + size - total}
        for label, members in _ROWS.items():
            events = sum(full.get(member, 0) for member in members)
            if events or label not in ("non-CR/non-PD", UNAVAILABLE):
                low, high = clopper_pearson(events, size, level)
                rows.append({**group, "response": label, "events": events, "patients": size,
                             "percent": 100.0 * events / size, "low": 100.0 * low, "high": 100.0 * high})  # fmt: skip
    if isinstance(patients, Mapping):
        unknown = [arm for arm in patients if arm not in {group.get("arm", "") for group, _ in counted}]
        problems += [f"patients of arm {shown(arm)}, of which the table has none" for arm in unknown]
    if problems:
        raise InputError(problems, "response_rates")
    result = pandas.DataFrame(rows)
    result.attrs.update(interval="Clopper-Pearson", level=level)
    return result


def _counts(given: Mapping[Any, Any]) -> dict[str, int]:
    """Counts by category, checked."""
    known = {name.casefold(): name for name in _CATEGORIES}
    found: dict[str, int] = {}
    problems = []
    for name, count in given.items():
        category = known.get(str(name).casefold())
        if category is None:
            problems.append(f"unknown response {shown(name)}; expected one of {', '.join(_CATEGORIES)}")
        elif not COUNT.accepts(count):
            problems.append(f"{category}: {shown(count)} patients; expected {COUNT.words}")
        else:
            found[category] = found.get(category, 0) + COUNT.take(count)
    if problems:
        raise InputError(problems, "counts of responses")
    return found
