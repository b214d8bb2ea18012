"""What a dose escalation has seen so far: a table of cohorts in their order, or of patients."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pkpd.arrays import Integers
from pkpd.errors import InputError
from pkpd.trial.tables import Column, read_table

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
)  # fmt: skip
_NO = ("no", "n", "0", "false")


def read_cohorts(source: Any) -> pandas.DataFrame:
    """Return cohorts in the order of the table: ``cohort``, ``dose``, ``patients``, ``dlt``, ``treated``, ``replaced``.

    Parameters
    ----------
    source : DataFrame, path, or mapping of column to values
        A row a cohort (``dose``, ``patients`` who can be evaluated, ``dlt``: how many of them had a toxicity; optional
        ``treated``), or a row a patient (``subject``, ``dose``, ``dlt``: yes or no; optional ``evaluable``), in the
        order of treatment. Patients of one dose that follow one another are one cohort; those who cannot be evaluated
        are counted as replaced.

    Raises
    ------
    InputError
        Listing every problem.
    """
    every = {
        "".join(str(name).split()).replace("_", "").casefold() for name in read_table(source, (), "cohorts").columns
    }
    table = _of_patients(source) if every & {"subject", "id", "usubjid", "patient"} else _of_cohorts(source)
    return table.assign(cohort=np.arange(1, len(table) + 1), replaced=table["treated"] - table["patients"])[
        ["cohort", "dose", "patients", "dlt", "treated", "replaced"]
    ]


def _of_cohorts(source: Any) -> pandas.DataFrame:
    table = read_table(source, _COHORT, "cohorts")
    problems = [
        f"row {row}, dose {dose:g}: {dlt:g} toxicities of {n:g} evaluable patients; expected no more than there are"
        for row, dose, n, dlt in zip(table["row"], table["dose"], table["patients"], table["dlt"], strict=True)
        if dlt > n
    ]
    treated = table["treated"].fillna(table["patients"]) if "treated" in table else table["patients"]
    problems += [
        f"row {row}: {t:g} treated, but {n:g} evaluable patients; expected at least as many"
        for row, t, n in zip(table["row"], treated, table["patients"], strict=True)
        if t < n
    ]
    if problems:
        raise InputError(problems, "cohorts")
    return table.assign(treated=treated).astype({"patients": int, "dlt": int, "treated": int})


def _of_patients(source: Any) -> pandas.DataFrame:
    table = read_table(source, _PATIENT, "patients", unique=("subject",))
    counts = ~table["evaluable"].isin(_NO) if "evaluable" in table else np.ones(len(table), dtype=bool)
    odd = table.loc[~counts & table["dlt"], "row"] if len(table) else []
    if len(odd):
        raise InputError(
            [f"row {row}: a patient with a toxicity is not evaluable; expected evaluable (a toxicity always counts)"
             for row in odd], "patients",
        )  # fmt: skip
    block = (table["dose"].diff() != 0).cumsum()
    rows = table.assign(patients=np.asarray(counts, dtype=int), treated=1, dlt=table["dlt"].astype(int))
    found = rows.groupby(block, sort=False)
    return found[["patients", "dlt", "treated"]].sum().assign(dose=found["dose"].first()).reset_index(drop=True)


def counts_at(table: pandas.DataFrame, doses: tuple[float, ...]) -> tuple[Integers, Integers]:
    """Return evaluable patients and toxicities at every dose, shape (levels,) each."""
    sums = table.groupby("dose")[["patients", "dlt"]].sum().reindex(list(doses), fill_value=0)
    return sums["patients"].to_numpy(dtype=np.int64), sums["dlt"].to_numpy(dtype=np.int64)


__all__ = ["counts_at", "read_cohorts"]
