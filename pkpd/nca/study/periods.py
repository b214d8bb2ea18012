"""A study whose subjects have several periods as one in which every period is a subject on a clock of its own.

So an analysis by period is the analysis of that period alone, to the last bit, whatever it is that is analysed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas

from pkpd.nca.kernel.profiles import Profiles
from pkpd.periods import PERIOD_COLUMNS, in_one_period
from pkpd.study import Study


@dataclass(frozen=True, order=True)
class PeriodPart:
    """One period of one subject, as an identifier."""

    subject: Any
    period: int

    def __repr__(self) -> str:
        return f"{self.subject!r} in period {self.period}"


@dataclass(frozen=True, eq=False)
class ByPeriod:
    """A study by period.

    Attributes
    ----------
    study : Study
        Its subjects are `PeriodPart`.
    """

    study: Study

    @property
    def parts(self) -> Sequence[PeriodPart]:
        """The subjects of the study."""
        return self.study.subject_ids

    def labelled(self, profiles: Profiles) -> Profiles:
        """Return profiles of the study with the subjects' own identifiers, and the label ``period``."""
        parts = profiles.labels["subject"]
        subject = np.empty(len(parts), dtype=object)
        subject[:] = [part.subject for part in parts]
        period = np.array([part.period for part in parts], dtype=np.int64)
        return replace(profiles, labels={**profiles.labels, "subject": subject, "period": period})

    def intervals(self, table: pandas.DataFrame) -> pandas.DataFrame:
        """Return intervals by hand, each for every period of its subject."""
        of_subject: dict[Any, list[PeriodPart]] = {}
        for part in self.parts:
            of_subject.setdefault(part.subject, []).append(part)
        rows = [(part, start, end) for subject, start, end in table.itertuples(index=False, name=None)
                for part in of_subject[subject]]  # fmt: skip
        found = pandas.DataFrame({name: [row[k] for row in rows] for k, name in ((1, "start"), (2, "end"))})
        subjects = np.empty(len(rows), dtype=object)
        subjects[:] = [row[0] for row in rows]
        return found.assign(subject=subjects)


def by_period(study: Study) -> ByPeriod | None:
    """Return a study by period; None if every subject has one."""
    if not study.several_periods:
        return None
    samples, doses = in_one_period(study._observations), in_one_period(study._doses)
    doses = doses[~(doses["reset"] & (doses["amount"] == 0))].assign(reset=False)
    known = sorted({(s, p) for one in (samples, doses) for s, p in zip(one["subject"], one["period"], strict=True)},
                   key=lambda pair: pair[1])  # fmt: skip
    periods: dict[Any, list[int]] = {}
    for subject, period in known:
        periods.setdefault(subject, []).append(period)
    parts = [PeriodPart(subject, k) for subject in study.subject_ids for k in periods.get(subject, [1])]
    people = study._subjects.set_index("subject").loc[[part.subject for part in parts]].reset_index(drop=True)
    people.insert(0, "subject", _objects(parts))
    split = replace(
        study, _observations=_apart(samples, parts), _doses=_apart(doses, parts), _subjects=people, _records=None,
        in_order=False,
    )  # fmt: skip
    return ByPeriod(split)


def _apart(table: pandas.DataFrame, parts: Sequence[PeriodPart]) -> pandas.DataFrame:
    """The rows period by period, every time on the period's own clock."""
    place = {part: k for k, part in enumerate(parts)}
    owners = [PeriodPart(*pair) for pair in zip(table["subject"], table["period"].tolist(), strict=True)]
    order = np.argsort([place[part] for part in owners], kind="stable")
    own = {"subject": _objects(owners), "time": table["clock"].to_numpy(float)}
    if "clock_until" in table:
        own["until"] = table["clock_until"].to_numpy(float)
    return table.assign(**own).drop(columns=[*PERIOD_COLUMNS], errors="ignore").iloc[order].reset_index(drop=True)


def _objects(parts: Sequence[PeriodPart]) -> npt.NDArray[Any]:
    array = np.empty(len(parts), dtype=object)
    array[:] = parts
    return array
