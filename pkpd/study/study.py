"""The study: observations, doses and subjects, checked once and then trusted.

Three tables, one row per sample, per dose and per subject. Their columns are fixed (`OBSERVATION_COLUMNS`,
`DOSE_COLUMNS` and, where a dose is more than a time, an amount and a route, `EVENT_COLUMNS`; subjects: ``subject`` and
one column per covariate). A fourth, `Study.records`, is there where covariates change in time or the order of equal
times matters. Readers in `pkpd.io` turn other people's tables into these; everything else reads only these.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from pkpd import checks
from pkpd import units as unit_tools
from pkpd.alive import remember
from pkpd.arguments import checked
from pkpd.arrays import Array
from pkpd.covariate_names import covariate_called
from pkpd.dosing import Dose
from pkpd.errors import InputError, nearest, unknown_names
from pkpd.files import Saved
from pkpd.periods import PERIOD_COLUMNS, in_one_period, only_sets_back
from pkpd.records import DOSE_COLUMNS, RECORD_COLUMNS, complete_doses, doses_of, given_doses, unusual_columns

if TYPE_CHECKING:
    import pandas

OBSERVATION_COLUMNS = (
    "subject",  # identifier
    "analyte",  # name of what was measured
    "time",  # actual time, in the study's time unit; of a collection (urine, faeces) its start
    "value",  # measured value in the analyte's unit; NaN when only "below the limit" is known
    "blq",  # below the limit of quantification
    "lloq",  # that limit; NaN when there is none
    "alq",  # above the upper limit
    "uloq",  # that limit; NaN when there is none
    "nominal_time",  # planned time; NaN when not given
    "until",  # end of the collection; NaN for a sample at a point in time
    "volume",  # volume or mass of the collection; NaN for a sample at a point in time
    "occasion",  # label of the visit or dosing interval; <NA> when not given
    "mark",  # "pre" or "post" the dose given at the same time; "" = not said, which counts as "pre"
    "excluded",  # set aside by the user; kept and shown, never used
    "reason",  # why it was set aside
    "row",  # row of the source table, counted from 1 below the header
)
CARRIED = ("next", "last")


@dataclass(frozen=True, eq=False)
class Study(Saved):
    """Observations, doses and subjects of one study; immutable, checked when it was read.

    Attributes
    ----------
    units : mapping
        Units by name: ``"time"``, ``"dose"``, ``"volume"`` (of collections), every analyte and every covariate that
        has one.
    notes : tuple of str
        What the reader did to the records (how many BLQ, set aside, converted …), each with its count.
    attrs : mapping
        Provenance: ``source``, ``synthetic`` (True when no patient was measured) and the like.
    in_order : bool
        Whether records of one time act in the order of their rows, as in a NONMEM data set. Otherwise a sample at the
        time of a dose was drawn before it, unless its mark says "post".
    carried : {"last", "next"}
        How a covariate that changes in time is carried between records: the last value forward, or the next one
        backward (NONMEM's way).
    """

    _observations: pandas.DataFrame
    _doses: pandas.DataFrame
    _subjects: pandas.DataFrame
    units: Mapping[str, str]
    notes: tuple[str, ...] = ()
    attrs: Mapping[str, Any] = field(default_factory=dict)
    _records: pandas.DataFrame | None = None
    in_order: bool = False
    carried: str = "last"

    def __post_init__(self) -> None:
        object.__setattr__(self, "_doses", complete_doses(self._doses))
        object.__setattr__(self, "units", MappingProxyType(dict(self.units)))
        object.__setattr__(self, "attrs", MappingProxyType(dict(self.attrs)))
        remember(self)

    def __getstate__(self) -> dict[str, Any]:  # mapping proxies do not pickle
        return {**self.__dict__, "units": dict(self.units), "attrs": dict(self.attrs)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self.__post_init__()

    @property
    def observations(self) -> pandas.DataFrame:
        """A copy of the observations, columns as in `OBSERVATION_COLUMNS`, sorted by subject, analyte, time, mark.

        Where a subject has several periods there are `pkpd.records.PERIOD_COLUMNS`, too: ``time`` never falls within a
        subject, ``clock`` is the time as the table gives it.
        """
        return self._observations.copy()

    @property
    def doses(self) -> pandas.DataFrame:
        """A copy of the doses by subject and time: `DOSE_COLUMNS`, and those of `EVENT_COLUMNS` that are used.

        Where a subject has several periods there are those of `pkpd.records.PERIOD_COLUMNS`, too. Resets that a reader
        put between periods are not shown.
        """
        return self._shown_doses.copy()

    @cached_property
    def _shown_doses(self) -> pandas.DataFrame:
        shown = self._doses[~only_sets_back(self._doses)].reset_index(drop=True)
        periods = [name for name in PERIOD_COLUMNS if name in shown]
        return shown[[*DOSE_COLUMNS, *unusual_columns(shown), *periods]]

    @property
    def several_periods(self) -> bool:
        """Whether any subject's system begins anew: after a reset, or where the clock restarts in each period."""
        return "period" in self._observations and bool((self._observations["period"] > 1).any())

    @property
    def records(self) -> pandas.DataFrame:
        """A copy of the records in their order: `RECORD_COLUMNS`, then covariates that change in time.

        All records of an event table; of a plain table those at which a covariate is given that changes; else none.
        """
        import pandas

        return pandas.DataFrame(columns=list(RECORD_COLUMNS)) if self._records is None else self._records.copy()

    @property
    def changing(self) -> tuple[str, ...]:
        """Names of the covariates that change in time."""
        known = () if self._records is None else self._records.columns
        return tuple(str(name) for name in known if name not in RECORD_COLUMNS)

    @property
    def assumed_units(self) -> frozenset[str]:
        """Names in `units` whose unit nobody gave: their numbers are in the unit of whatever model reads them."""
        return frozenset(self.attrs.get("assumed_units", ()))

    @checked
    def given_doses(self, unit: str | None = None) -> tuple[pandas.DataFrame, dict[str, int]]:
        """Return every dose that was given as a row of its own, and the count of what is not such a dose.

        Additional doses are written out, rates become durations; ``steady`` says whether steady state was reached
        before, with doses every ``interval``.

        Parameters
        ----------
        unit : str, optional
            Unit of the amounts; by default the study's. Between absolute doses and doses per kilogram the subject's
            weight is used.
        """
        doses = self._doses
        if unit is not None and len(doses):
            ratios = self._dose_ratios(unit)
            doses = doses.assign(amount=doses["amount"] * ratios, rate=doses["rate"] * ratios)
        return given_doses(doses)

    @property
    def subjects(self) -> pandas.DataFrame:
        """A copy of the subjects and their covariates, one row each."""
        return self._subjects.copy()

    @cached_property
    def subject_ids(self) -> tuple[Any, ...]:
        """Identifiers of the subjects, in their order."""
        return tuple(self._subjects["subject"])

    @cached_property
    def analytes(self) -> tuple[str, ...]:
        """Names of the analytes, in alphabetical order."""
        return tuple(sorted(self._observations["analyte"].unique()))

    @checked
    def select(self, *, subjects: Iterable[Any] | None = None, analytes: Iterable[str] | None = None) -> Study:
        """Return the part of the study that concerns the given subjects and analytes.

        Raises
        ------
        InputError
            If a name is not in the study; the nearest one is suggested.
        """
        observations, doses, people, records = self._observations, self._doses, self._subjects, self._records
        problems: list[str] = []
        if subjects is not None:
            wanted = list(subjects)
            problems += unknown_names(wanted, self.subject_ids, "subject")
            observations = observations[observations["subject"].isin(wanted)]
            doses = doses[doses["subject"].isin(wanted)]
            people = people[people["subject"].isin(wanted)]
            records = None if records is None else records[records["subject"].isin(wanted)]
        if analytes is not None:
            names = list(analytes)
            problems += unknown_names(names, self.analytes, "analyte")
            observations = observations[observations["analyte"].isin(names)]
        if problems:
            raise InputError(problems)
        tables = {"_observations": observations, "_doses": doses, "_subjects": people, "_records": records}
        parts: dict[str, Any] = {n: t if t is None else t.reset_index(drop=True) for n, t in tables.items()}
        return replace(self, **parts)

    @checked
    def analyte_named(self, name: str | None) -> str:
        """Return the name of an analyte; without one the only analyte of the study.

        Raises
        ------
        InputError
            If there is no such analyte, or none is named and there are several.
        """
        if name is None:
            if len(self.analytes) == 1:
                return self.analytes[0]
            raise InputError(f"the study has the analytes {', '.join(self.analytes)}; say which")
        if name not in self.analytes:
            raise InputError(f"the study has no analyte {name!r}; {nearest(name, self.analytes)}")
        return name

    @checked
    def used(self, analyte: str) -> pandas.DataFrame:
        """Return the observations of one analyte that are not excluded.

        Raises
        ------
        InputError
            If the study has no such analyte; the nearest one is suggested.
        """
        table = self._observations
        return table[(table["analyte"] == self.analyte_named(analyte)) & ~table["excluded"]].reset_index(drop=True)

    def time_factor(self, unit: str) -> float:
        """Return what times are multiplied with to be in a unit; 1 where the study's own was only assumed."""
        return 1.0 if "time" in self.assumed_units else unit_tools.factor(self.units["time"], unit)

    @checked
    def doses_in(self, unit: str, time_unit: str) -> dict[Any, tuple[Dose, ...]]:
        """Return every subject's doses with amounts in `unit` and times in `time_unit`.

        A dose per kilogram becomes absolute (and the other way round) with the subject's weight.

        Raises
        ------
        InputError
            If a weight is needed and missing, naming the subjects.
        UnitError
            If the dimensions do not fit.
        """
        table = self._doses
        if table.empty:
            return dict.fromkeys(self.subject_ids, ())
        clock = self.time_factor(time_unit)
        every = doses_of(table, self._dose_ratios(unit), clock)
        by_subject: dict[Any, list[Dose]] = {name: [] for name in self.subject_ids}
        for owner, dose in zip(table["subject"].tolist(), every, strict=True):
            by_subject[owner].append(dose)
        return {name: tuple(doses) for name, doses in by_subject.items()}

    @checked
    def covariate(self, name: str) -> str | None:
        """Return the study's name of a covariate: the same, in another case, or another of `COVARIATE_NAMES`."""
        known = [str(column) for column in self._subjects.columns if column != "subject"] + list(self.changing)
        return covariate_called(name, known)

    def _dose_ratios(self, unit: str) -> Array:
        """What the amount of every row of the doses is multiplied with to be in a unit, shape (rows,)."""
        known = "dose" in self.units and "dose" not in self.assumed_units  # without: resets, or a unit that nobody gave
        ratio, power = unit_tools.by_weight(self.units["dose"], unit) if known else (1.0, 0)
        owners = self._doses["subject"]
        if power == 0:
            return np.full(len(owners), ratio)
        name = self.covariate("weight")
        people = self._subjects[self._subjects["subject"].isin(set(owners))]
        if name is None or name in self.changing or people[name].isna().any():
            lacking = people["subject"] if name not in people else people["subject"][people[name].isna()]
            raise InputError(
                f"doses in {self.units['dose']!r} are asked for in {unit!r}, but these subjects have no weight"
                f"{' that stays the same' if name in self.changing else ''}: {list(lacking)}"
            )
        own = self.units.get(name, self.units.get("weight", "kg"))
        weight = people.set_index("subject")[name].astype(float) * unit_tools.factor(own, "kg")
        ratios: Array = ratio * owners.map(weight**power).to_numpy(float)
        return ratios

    def audit(self) -> pandas.DataFrame:
        """Return counts of records by analyte and planned time (and occasion, mark): n, measured, BLQ, excluded."""
        return checks.count_records(self._observations)

    def check(self) -> pandas.DataFrame:
        """Return a row a subject: doses, samples, BLQ, set aside, and ``odd`` in words; `plot.timeline` draws it."""
        return checks.look_over(self._observations, self._shown_doses, self._subjects["subject"])

    def deviations(self) -> pandas.DataFrame:
        """Return the samples that have a nominal time, with their deviation from it in the study's time unit."""
        return checks.time_deviations(self._observations)

    @cached_property
    def data_hash(self) -> str:
        """SHA-256 (hex) of tables and units; the order of rows, source rows, notes and attrs do not count."""
        tables = {"observations": self._observations, "doses": self._shown_doses, "subjects": self._subjects}
        if self._records is not None:
            place = self._records.groupby("subject", sort=False).cumcount()  # where order matters it counts
            tables["records"] = self._records.assign(place=place, carried=self.carried, in_order=self.in_order)
        return checks.fingerprint(self.units, tables)

    def with_attrs(self, **attrs: Any) -> Study:
        """Return the same study with these entries added to its provenance."""
        return replace(self, attrs={**self.attrs, **attrs})

    def _repr_html_(self) -> str:
        tables = (self._observations, self._shown_doses, self._subjects)
        return checks.audit_html(tables, self.units, self.notes, self.attrs)

    def __repr__(self) -> str:
        used = self._observations
        parts = [f"{len(self._subjects)} subjects", f"{len(self._shown_doses)} doses"]
        for name in self.analytes:
            mine = used["analyte"] == name
            parts.append(f"{name}: {mine.sum()} samples, {(mine & used['blq']).sum()} BLQ")
        return f"<{'synthetic ' if self.attrs.get('synthetic') else ''}Study: {'; '.join(parts)}>"


@checked
def combine(*studies: Study) -> Study:
    """Return one study of all the subjects of several; the reverse of selecting subjects.

    Parameters
    ----------
    *studies : Study
        Studies without a subject in common, with the same unit for every name.

    Raises
    ------
    InputError
        If there is no study, a subject is in two of them, identifiers are numbers in one and texts in another,
        or units differ.
    """
    import pandas  # half a second: paid only where tables are put together

    if not studies:
        raise InputError("no study was given; expected at least one", "studies cannot be combined")
    owners = [(name, k) for k, study in enumerate(studies, start=1) for name in study.subject_ids]
    seen: dict[Any, int] = {}
    problems = []
    for name, k in owners:
        if name in seen:
            problems.append(f"subject {name!r} is in study {seen[name]} and study {k}; expected it in one")
        seen[name] = k
    if len({(study.in_order, study.carried) for study in studies}) > 1:
        problems.append(
            "records of one time act in their order in one study and by marks in another; expected one rule"
        )
    if len({isinstance(name, str) for name in seen}) > 1:
        problems.append("subjects are numbers in one study and texts in another; expected the same in all")
    if problems:
        raise InputError(problems, "studies cannot be combined")
    orders = {"_observations": ["subject", "analyte"], "_doses": ["subject"], "_subjects": ["subject"]}
    tables = {}
    for table, order in orders.items():
        filled = [getattr(study, table) for study in studies]
        if table != "_subjects" and any("period" in one for one in filled):
            filled = [in_one_period(one) for one in filled]
        # An empty table has no types of its own and would spoil those of the others.
        filled = [one for one in filled if len(one)] or filled[:1]
        tables[table] = pandas.concat(filled, ignore_index=True).sort_values(order, kind="stable", ignore_index=True)
    ordered = [study._records for study in studies if study._records is not None]
    return Study(
        **tables,
        _records=pandas.concat(ordered, ignore_index=True) if ordered else None,
        in_order=studies[0].in_order,
        carried=studies[0].carried,
        units=checks.shared_units([study.units for study in studies]),
        notes=tuple(dict.fromkeys(note for study in studies for note in study.notes)),
        attrs=checks.shared_attrs([study.attrs for study in studies]),
    )
