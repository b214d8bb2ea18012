"""What is given differs between the periods of a crossover: a treatment is then a label of samples, not of subjects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pkpd.io.cells import is_missing, label, number, of_each
from pkpd.io.columns import fold
from pkpd.io.findings import Findings
from pkpd.io.table import Table

NAMES = frozenset({"treatment", "treat", "trt", "trta", "trtp", "formulation", "form", "product"})
"""Headings of a treatment, in lower case and without spaces."""


def treatments(tables: Sequence[Table], findings: Findings) -> tuple[list[Table], list[str] | None]:
    """Return the tables without a treatment that differs within a subject, and the treatment of every sample.

    Parameters
    ----------
    tables : sequence of Table
        Observations, and doses if there are any.
    findings : Findings
        Where notes go.

    Returns
    -------
    list of Table, list of str or None
        A treatment of texts that differs within a subject is no column of theirs any more; None: there is none, and
        one that is the same in every subject is a covariate.
    """
    samples = tables[0]
    keys = [("treatment",) if "treatment" in table else table.extras for table in tables]
    found = [next((key for key in own if fold(key) in NAMES), "") for own in keys]
    known = [[] if not key else _texts(table, key) for table, key in zip(tables, found, strict=True)]
    seen: dict[str, set[str]] = {}
    for table, texts in zip(tables, known, strict=True):
        for owner, text in zip(_texts(table, "subject"), texts, strict=False):
            seen.setdefault(owner, set()).update({text} - {""})
    if not any(len(texts) > 1 for texts in seen.values()):
        return list(tables), None
    labels = known[0] or [""] * len(samples)
    if len(tables) > 1 and known[1] and "occasion" in tables[1] and "occasion" in samples:
        labels = _by_occasion(samples, labels, tables[1], known[1])
    rest = []
    for table, key in zip(tables, found, strict=True):
        of_texts = key and any(number(cell) is None for cell in table.columns[key] if not is_missing(cell))
        rest.append(replace(table, extras=tuple(k for k in table.extras if k != key)) if of_texts else table)
    if not any(labels):
        return list(tables), None
    heading = next(table.headings.get(key, key) for table, key in zip(tables, found, strict=True) if key)
    findings.fact(f"the column '{heading}' differs within subjects: it is the treatment of {sum(map(bool, labels))} "
                  "samples, and labels their profiles")  # fmt: skip
    return rest, labels


def _by_occasion(samples: Table, labels: list[str], doses: Table, given: list[str]) -> list[str]:
    """The treatment of samples that say none: that of the doses of their occasion, if it is one."""
    of_visit: dict[tuple[str, str], set[str]] = {}
    for owner, visit, text in zip(_texts(doses, "subject"), _texts(doses, "occasion"), given, strict=True):
        of_visit.setdefault((owner, visit), set()).update({text} - {""})
    visits = zip(_texts(samples, "subject"), _texts(samples, "occasion"), strict=True)
    only = [of_visit.get(visit, set()) for visit in visits]
    return [text or (next(iter(one)) if len(one) == 1 else "") for text, one in zip(labels, only, strict=True)]


def _texts(table: Table, key: str) -> list[str]:
    return [text or "" for text in of_each(label, table.columns.get(key, [None] * len(table)))]
