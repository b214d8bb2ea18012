"""What both writers have in common: records as rows, texts for values, codes and specimens of analytes."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from pkpd.errors import InputError, shown, warn
from pkpd.io.cdisc import iso
from pkpd.io.cdisc.spelling import code_of, to_cdisc
from pkpd.io.columns import COVARIATES
from pkpd.periods import PERIOD_COLUMNS
from pkpd.records import DOSE_COLUMNS
from pkpd.study import Study

if TYPE_CHECKING:
    import pandas

Row = dict[str, Any]
ROUTES = {"bolus": "INTRAVENOUS BOLUS", "infusion": "INTRAVENOUS", "oral": "ORAL"}
"""The words of CDISC for our routes; a duration tells an infusion."""
MARKS = {"pre": "PRE-DOSE", "post": "POST-DOSE", "": ""}
"""The words of CDISC for the side of the dose on which a sample was drawn."""


def check(study: object, study_id: object, routes: Mapping[str, str] | None) -> dict[str, str]:
    """Return the words for the routes after checking the arguments that all writers share.

    Raises
    ------
    InputError
        If the study is none, its identifier is no text, or a route does not exist.
    """
    problems = []
    if not isinstance(study, Study):
        problems.append(f"study is a {type(study).__name__}; expected a Study (see pkpd.read_study)")
    if not isinstance(study_id, str) or not study_id:
        problems.append(f"study_id is {shown(study_id)}; expected a text such as 'ABC-101'")
    unknown = sorted(set(routes or {}) - set(ROUTES))
    problems += [f"routes: {name!r}; expected {', '.join(ROUTES)}" for name in unknown]
    if problems:
        raise InputError(problems, "the tables cannot be written")
    return {**ROUTES, **(routes or {})}


def records_of(table: pandas.DataFrame) -> list[Row]:
    """Return the records of a table as mappings."""
    return [{str(k): v for k, v in row.items()} for row in table.to_dict("records")]


def known(value: Any) -> bool:
    """Say whether a cell of a study holds something: not NaN, not <NA>, not ""."""
    if value is None or isinstance(value, str):
        return bool(value)
    return bool(value == value) if isinstance(value, float) else type(value).__name__ != "NAType"


def words(value: Any) -> str:
    """Return a label as a text, "" when there is none."""
    return str(value) if known(value) else ""


def result(row: Row) -> tuple[str, float]:
    """Return the text of a value (``<0.1`` below a limit of 0.1) and its number, NaN where there is none."""
    for flag, limit, sign, word in (("blq", "lloq", "<", "BLQ"), ("alq", "uloq", ">", "ALQ")):
        if row[flag]:
            return (f"{sign}{row[limit]!r}" if known(row[limit]) else word), float(row["value"])
    return (repr(float(row["value"])) if known(row["value"]) else ""), float(row["value"])


def measured(study: Study, specimens: Mapping[str, str] | None) -> dict[str, tuple[str, str, str]]:
    """Return the name of the test, its code and its specimen by analyte.

    ``DRUG (URINE)`` is the test DRUG in urine when DRUG was measured in another specimen as well.
    """
    collected = set(study.observations.dropna(subset="until")["analyte"])
    parts = {}
    for name in study.analytes:
        split = re.fullmatch(r"(.+) \(([^()]+)\)", name)
        parts[name] = (split[1], split[2]) if split else (name, "")
    shared = [base for base, specimen in parts.values() if specimen]
    tests = {}
    codes: dict[str, str] = {}
    for name in study.analytes:
        base, specimen = parts[name]
        if not specimen or shared.count(base) < 2 or base in study.analytes:
            base, specimen = name, "URINE" if name in collected else "PLASMA"
        specimen = (specimens or {}).get(name, specimen) if base == name else specimen
        if base not in codes:
            codes[base] = code_of(base, codes.values())
        tests[name] = (base, codes[base], specimen)
    return tests


def covariate_cells(study: Study) -> tuple[list[str], dict[Any, Row]]:
    """Return the columns of covariates, each followed by that of its unit, and their cells by subject."""
    people = study.subjects
    headings = {str(c): str(c).upper() if c in COVARIATES else str(c) for c in people.columns if c != "subject"}
    cells: dict[Any, Row] = {}
    columns: list[str] = []
    for name, heading in headings.items():
        columns += [heading, f"{heading}U"] if name in study.units else [heading]
    for row in records_of(people):
        cells[row["subject"]] = {headings[k]: v if known(v) else None for k, v in row.items() if k != "subject"}
        cells[row["subject"]] |= {
            f"{heading}U": _covariate_unit(study.units[name])
            for name, heading in headings.items()
            if name in study.units
        }
    return columns, cells


def _covariate_unit(unit: str) -> str:
    return {"year": "YEARS", "month": "MONTHS", "week": "WEEKS", "day": "DAYS"}.get(unit, to_cdisc(unit))


def seconds(time: float, per: Fraction) -> Fraction:
    """Return the seconds of a time with the fewest decimals that give back the same number."""
    return iso.shortest(Fraction(time) * per, lambda decimal: float(decimal / per) == time)


def given_to_write(study: Study) -> pandas.DataFrame:
    """Return the doses as they were given, one row each; a warning counts what CDISC tables cannot say of them."""
    doses, left_out = study.given_doses()
    lost = [f"{count} {what} cannot be written" for what, count in left_out.items()]
    if steady := int(doses["steady"].sum()):
        lost.append(f"{steady} doses were given at steady state, which the table cannot say")
    if study.changing:
        lost.append(f"covariates that change in time are not written: {', '.join(study.changing)}")
    warn_lost(lost)
    return doses[[*DOSE_COLUMNS, *(name for name in PERIOD_COLUMNS if name in doses)]]


def warn_lost(sentences: Iterable[str]) -> None:
    """Warn about what a table cannot carry."""
    for sentence in sentences:
        warn(sentence)


def frame(rows: list[Row], columns: Iterable[str], optional: Iterable[str] = ()) -> pandas.DataFrame:
    """Return rows as a table; optional columns in which nothing stands are left out."""
    import pandas  # half a second: paid only where tables are put together

    may_go = set(optional)
    kept = [c for c in columns if c not in may_go or any(known(row.get(c)) for row in rows)]
    table = {c: [row.get(c) for row in rows] for c in kept}
    numeric = {c for c in kept if rows and all(isinstance(v, (int, float)) or v is None for v in table[c])}
    return pandas.DataFrame(
        {
            c: pandas.Series([math.nan if v is None else v for v in cells] if c in numeric else cells,
                             dtype=None if c in numeric and any(v is not None for v in cells) else object)
            for c, cells in table.items()
        },
        columns=kept,
    )  # fmt: skip
