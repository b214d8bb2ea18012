"""What a dose escalation has seen so far: a table of cohorts in their order, or of patients."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from pkpd.arrays import Flags, Integers
from pkpd.errors import InputError, few
from pkpd.trial.sources import patients_in
from pkpd.trial.tables import Column, known_subjects, read_all, read_table

if TYPE_CHECKING:
    import pandas

_DOSE = Column("dose", "number", "dose of the cohort", positive=True, high=1e12, also=("dosing", "doselevel"))
_COHORT = (
    _DOSE,
    Column("patients", "whole", "evaluable patients", low=0, high=10_000, also=("n", "evaluable")),
    Column("dlt", "whole", "patients with a dose-limiting toxicity", low=0, also=("dlts", "toxicities", "events")),
    Column("treated", "whole", "patients treated, those replaced included", required=False, filled=False, low=0),
)
_PATIENT = (
    Column("subject", "text", "patient", also=("id", "usubjid", "patient")),
    _DOSE,
    Column("dlt", "flag", "whether the patient had a dose-limiting toxicity", also=("toxicity", "event")),
    Column("evaluable", "text", "whether the patient can be evaluated", required=False, filled=False,
           choices=("yes", "no", "y", "n", "1", "0", "true", "false")),
    Column("cohort", "text", "cohort of the patient", required=False),
)  # fmt: skip
_EVENT = (
    Column("subject", "text", "patient", also=("id", "usubjid", "patient")),
    Column("dlt", "text", "whether the event is dose-limiting", choices=("yes", "no", "undetermined")),
)
_NO = ("no", "n", "0", "false")


def read_cohorts(source: Any, events: Any = None) -> pandas.DataFrame:
    """Return cohorts in the order of the table: ``cohort``, ``dose``, ``patients``, ``dlt``, ``treated``, ``replaced``.

    Parameters
    ----------
    source : DataFrame, path, or mapping of column to values
        A row a cohort (``dose``, ``patients`` who can be evaluated, ``dlt``: how many of them had a toxicity; optional
        ``treated``), or a row a patient (``subject``, ``dose``, ``dlt``: yes or no; optional ``evaluable``), in the
        order of treatment. Patients of one dose that follow one another are one cohort, unless a column ``cohort``
        names them; those who cannot be evaluated are counted as replaced. A study is a table of its subjects: its
        first doses, and ``dlt`` among the covariates.
    events : DataFrame, path, or mapping of column to values, optional
        What `dose_limiting` returned: then patients need no ``dlt``, and one has a toxicity if an event is one.

    Raises
    ------
    InputError
        Listing every problem.
    """
    source = patients_in(source)
    every = {
        "".join(str(name).split()).replace("_", "").casefold() for name in read_table(source, (), "cohorts").columns
    }
    if every & {"subject", "id", "usubjid", "patient"}:
        table = _of_patients(source) if events is None else _with_events(source, events)
    elif events is not None:
        raise InputError("events belong to patients; expected a row a patient: subject, dose", "cohorts")
    elif not every & {"patients", "n", "evaluable"}:
        _of_neither(source)
    else:
        table = _of_cohorts(source)
    return table.assign(cohort=np.arange(1, len(table) + 1), replaced=table["treated"] - table["patients"])[
        ["cohort", "dose", "patients", "dlt", "treated", "replaced"]
    ]


def _of_neither(source: Any) -> NoReturn:
    """Refuse a table of which nobody can say what its rows are."""
    problems = ["no column 'subject' (of a row a patient), and no column 'patients' (of a row a cohort)"]
    said: list[tuple[str, ...]] = []
    for columns in (_COHORT, _PATIENT):  # what is wrong with either reading of it is wrong
        try:
            read_table(source, [one for one in columns if one.name in ("dose", "dlt")], "cohorts")
            said.append(())
        except InputError as error:
            said.append(error.problems)
    places = [{problem.partition(":")[0] for problem in one} for one in said]
    problems += [problem for problem in said[0] if problem.partition(":")[0] in places[0] & places[1]]
    raise InputError(problems, "cohorts")


def _of_cohorts(source: Any) -> pandas.DataFrame:
    table = read_table(source, _COHORT, "cohorts", checks=(_counts_problems,))
    return table.assign(treated=_treated(table)).astype({"patients": int, "dlt": int, "treated": int})


def _treated(table: pandas.DataFrame) -> pandas.Series:
    return table["treated"].fillna(table["patients"]) if "treated" in table else table["patients"]


def _counts_problems(table: pandas.DataFrame) -> list[str]:
    """Cohorts with more toxicities than patients, or more patients than were treated."""
    problems = [
        f"row {row}, dose {dose:g}: {dlt:g} toxicities of {n:g} evaluable patients; expected no more than there are"
        for row, dose, n, dlt in zip(table["row"], table["dose"], table["patients"], table["dlt"], strict=True)
        if dlt > n
    ]
    return problems + [
        f"row {row}: {t:g} treated, but {n:g} evaluable patients; expected at least as many"
        for row, t, n in zip(table["row"], _treated(table), table["patients"], strict=True)
        if t < n
    ]


def _of_patients(source: Any) -> pandas.DataFrame:
    return _gathered(read_table(source, _PATIENT, "patients", unique=("subject",), checks=(_toxic_and_out, _two_doses)))


def _with_events(source: Any, events: Any) -> pandas.DataFrame:
    """Patients whose toxicities stand in a table of events; that they cannot be told is a problem."""
    columns = [column for column in _PATIENT if column.name != "dlt"]
    people, seen = read_all(
        "cohorts",
        lambda: read_table(source, columns, "patients", unique=("subject",), checks=(_two_doses,)),
        lambda: read_table(events, _EVENT, "events"),
    )
    toxic = {*seen.loc[seen["dlt"] == "yes", "subject"]}
    problems = known_subjects(seen["subject"], people["subject"], "patients")
    problems += [
        f"events, row {row}, subject {who}: whether it is dose-limiting is undetermined; expected yes or no"
        for row, who, dlt in seen[["row", "subject", "dlt"]].itertuples(index=False)
        if dlt == "undetermined" and who not in toxic
    ]
    table = people.assign(dlt=people["subject"].isin(toxic))
    if problems := problems + _toxic_and_out(table):
        raise InputError(problems, "cohorts")
    return _gathered(table)


def _gathered(table: pandas.DataFrame) -> pandas.DataFrame:
    """Cohorts out of patients."""
    if "cohort" in table:
        table = table.sort_values("cohort", kind="stable", key=_in_order)
        block = table["cohort"]
    else:
        block = (table["dose"].diff() != 0).cumsum()
    counts = _evaluable(table)
    rows = table.assign(patients=np.asarray(counts, dtype=int), treated=1, dlt=table["dlt"].astype(int))
    found = rows.groupby(block, sort=False)
    return found[["patients", "dlt", "treated"]].sum().assign(dose=found["dose"].first()).reset_index(drop=True)


def _in_order(cohorts: pandas.Series) -> pandas.Series:
    """Numbers as they are; names in the order in which they come."""
    import pandas

    numbers = pandas.to_numeric(cohorts, errors="coerce")
    return pandas.Series(pandas.factorize(cohorts)[0], index=cohorts.index) if numbers.isna().any() else numbers


def _two_doses(table: pandas.DataFrame) -> list[str]:
    """Cohorts whose patients had several doses."""
    if "cohort" not in table:
        return []
    doses = table[(table["cohort"] != "") & table["dose"].notna()].groupby("cohort")["dose"].unique()
    return [f"cohort {number} has the doses {few(f'{dose:g}' for dose in several)}; expected one"
            for number, several in doses.items() if len(several) > 1]  # fmt: skip


def _evaluable(table: pandas.DataFrame) -> Flags:
    return ~table["evaluable"].isin(_NO).to_numpy(bool) if "evaluable" in table else np.ones(len(table), dtype=bool)


def _toxic_and_out(table: pandas.DataFrame) -> list[str]:
    """Patients with a toxicity who are said not to be evaluable."""
    odd = table.loc[~_evaluable(table) & table["dlt"].to_numpy(bool), "row"]
    return [f"row {row}: a patient with a toxicity is not evaluable; expected evaluable (a toxicity always counts)"
            for row in odd]  # fmt: skip


def counts_at(table: pandas.DataFrame, doses: tuple[float, ...]) -> tuple[Integers, Integers]:
    """Return evaluable patients and toxicities at every dose, shape (levels,) each."""
    sums = table.groupby("dose")[["patients", "dlt"]].sum().reindex(list(doses), fill_value=0)
    return sums["patients"].to_numpy(dtype=np.int64), sums["dlt"].to_numpy(dtype=np.int64)


__all__ = ["counts_at", "read_cohorts"]
