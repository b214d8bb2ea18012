"""What a trial says of antibodies: each patient's category and times, and how many patients there are of each."""

from __future__ import annotations

import html
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pkpd.arguments import checked
from pkpd.errors import InputError, few, shown, warn
from pkpd.trial.antibodies.samples import read_samples
from pkpd.trial.proportions import clopper_pearson
from pkpd.trial.recist.scans import blocks, provenance

if TYPE_CHECKING:
    import pandas

PERSISTENT_DAYS = 112.0  # 16 weeks
NEGATIVE, INDUCED, BOOSTED, BEFORE, UNKNOWN = (
    "negative", "treatment-induced", "treatment-boosted", "pre-existing", "not evaluable",
)  # fmt: skip
_RATES = (
    ("treatment-emergent (incidence)", "evaluable", "induced or boosted, of those tested after the first dose"),
    ("treatment-induced", "evaluable", "none before the first dose, positive after it"),
    ("treatment-boosted", "evaluable", "positive before the first dose, titre risen after it"),
    ("pre-existing", "tested before", "positive before the first dose"),
    ("positive at any time (prevalence)", "tested", "any positive sample, before or after the first dose"),
    ("transient", "induced", "last sample negative, first to last positive less than 16 weeks"),
    ("persistent", "induced", "last sample positive, or first to last positive 16 weeks or longer"),
)


@dataclass(frozen=True, eq=False)
class AntibodyStatus:
    """What the samples of a trial say of antibodies.

    Attributes
    ----------
    patients : DataFrame
        A row per patient: ``subject, samples`` (reportable, after the first dose), ``baseline`` ("negative",
        "positive", "missing"), ``status, last_negative, first_positive, last_positive, last_sample`` (days),
        ``course`` ("transient", "persistent"). Antibodies came after ``last_negative`` and by ``first_positive``.
    rates : DataFrame
        ``what, patients, of, among, percent, low, high`` (exact interval, %), ``definition``.
    by_day : DataFrame
        ``day, tested, positive, percent``.
    caveats : tuple of str
        What these numbers cannot say.
    level : float
        Coverage of the intervals.
    attrs : dict
        What the samples say of where they came from.
    """

    patients: pandas.DataFrame
    rates: pandas.DataFrame
    by_day: pandas.DataFrame
    caveats: tuple[str, ...]
    level: float
    attrs: dict[str, Any]

    def table(self) -> pandas.DataFrame:
        """Return the rates."""
        return self.rates.copy()

    def summary(self) -> str:
        """Return the rates in words, the times of detection and the caveats."""
        lines = []
        for row in self.rates.itertuples(index=False):
            interval = "" if np.isnan(row.low) else (
                f" = {row.percent:.1f} % ({100 * self.level:g} % interval {row.low:.3f} to {row.high:.3f} %)"
            )  # fmt: skip
            lines.append(f"{row.what}: {row.patients} of {row.of} {row.among}{interval}")
        seen = self.patients[self.patients["status"].isin([INDUCED, BOOSTED])]
        if len(seen):
            days = seen["first_positive"].to_numpy(float)
            lines.append(f"first detected on day {np.median(days):g} (median; {days.min():g} to {days.max():g})")
        return "\n".join([*lines, *(f"! {text}" for text in self.caveats)])

    __repr__ = __str__ = summary

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(self.summary())}</pre>{self.patients.to_html(index=False)}"


@checked
def antibody_status(
    samples: Any, *, boosted: float = 4.0, level: float = 0.95, columns: Mapping[str, str] | None = None
) -> AntibodyStatus:
    """Return who had antibodies against the drug, when they were detected, and in how many patients.

    The last sample up to day 1 is the baseline. A patient positive only afterwards is *treatment-induced*; one positive
    before whose titre rises by the factor `boosted` is *treatment-boosted*, else *pre-existing*. The incidence is that
    of both among patients tested after the first dose. Treatment-induced antibodies are *transient* if the last
    sample is negative and first and last positive sample lie less than 16 weeks apart, else *persistent*.

    Parameters
    ----------
    samples : DataFrame, path, or mapping of column to values
        A row per sample: ``subject, day`` (or ``time``, in hours from the first dose), ``result`` (positive or
        negative, yes or no, 1 or 0; empty: not reportable), and ``titre`` where there is one.
    boosted : float
        Factor by which a titre must rise.
    level : float
        Of the exact (Clopper–Pearson) intervals.
    columns : mapping, optional
        Our name → its heading.

    Returns
    -------
    AntibodyStatus

    Raises
    ------
    InputError
        Listing all that cannot be used.

    Warns
    -----
    DataWarning
        Counting samples without a result, patients who cannot be evaluated, positive patients without a baseline
        sample (taken as treatment-induced), and those positive before whose titres are not known (taken as not
        boosted).

    References
    ----------
    Shankar G, Arkin S, Cocea L, et al. AAPS J 2014;16:658-673 (terms and definitions).
    Clopper CJ, Pearson ES. Biometrika 1934;26:404-413.
    """
    problems = [] if 0 < level < 1 else [f"level is {shown(level)}; expected a number between 0 and 1"]
    if not 1 < boosted < np.inf:
        problems.append(f"boosted is {shown(boosted)}; expected a factor > 1")
    if problems:
        raise InputError(problems, "antibody_status")
    table = read_samples(samples, columns)
    patients = _patients(table, boosted)
    return AntibodyStatus(patients, _rates(patients, level), _by_day(table), _caveats(patients), level,
                          provenance(samples))  # fmt: skip


def _patients(table: pandas.DataFrame, boosted: float) -> pandas.DataFrame:
    """A row per patient."""
    import pandas

    rows, assumed, untitred = [], [], []
    day, positive = table["day"].to_numpy(float), table["positive"].to_numpy(bool)
    titre, usable = table["titre"].to_numpy(float), table["reportable"].to_numpy(bool)
    for begin, end in blocks(table, "subject"):
        subject = table["subject"].iloc[begin]
        here = np.arange(begin, end)[usable[begin:end]]
        before, after = here[day[here] <= 1.0], here[day[here] > 1.0]
        base = positive[before[-1]] if len(before) else None
        seen = after[positive[after]]
        if not len(after):
            status = UNKNOWN
        elif base:
            risen = titre[seen] >= boosted * titre[before[-1]]
            if len(seen) and not (np.isfinite(titre[seen]).any() and np.isfinite(titre[before[-1]])):
                untitred.append(subject)
            status = BOOSTED if risen.any() else BEFORE
        elif len(seen):
            status = INDUCED
            assumed += [subject] if base is None else []
        else:
            status = NEGATIVE
        first = seen[titre[seen] >= boosted * titre[before[-1]]] if status == BOOSTED else seen
        when = day[first[0]] if len(first) else np.nan
        clear = here[~positive[here] & (day[here] < when)] if status == INDUCED else here[:0]
        last_seen = day[seen[-1]] if len(seen) else np.nan
        course = ""
        if status == INDUCED:
            gone = not positive[after[-1]] and last_seen - when < PERSISTENT_DAYS
            course = "transient" if gone else "persistent"
        rows.append((
            subject, len(after), "missing" if base is None else "positive" if base else "negative", status,
            day[clear[-1]] if len(clear) else np.nan, when, last_seen, day[here[-1]] if len(here) else np.nan, course,
        ))  # fmt: skip
    found = pandas.DataFrame(rows, columns=[
        "subject", "samples", "baseline", "status", "last_negative", "first_positive", "last_positive", "last_sample",
        "course",
    ])  # fmt: skip
    if assumed:
        warn(f"{len(assumed)} positive patients have no sample up to day 1 (subject {few(assumed)}): taken as "
             "treatment-induced")  # fmt: skip
    if untitred:
        warn(f"{len(untitred)} patients are positive before and after the first dose without titres (subject "
             f"{few(untitred)}): taken as not boosted")  # fmt: skip
    if unknown := found.loc[found["status"] == UNKNOWN, "subject"].tolist():
        warn(f"{len(unknown)} patients have no reportable sample after day 1 (subject {few(unknown)}): not evaluable, "
             "and in no incidence")  # fmt: skip
    return found


def _rates(patients: pandas.DataFrame, level: float) -> pandas.DataFrame:
    """How many patients there are of each kind."""
    import pandas

    status, course, base = (patients[name] for name in ("status", "course", "baseline"))
    induced, raised = status == INDUCED, status == BOOSTED
    evaluable, known = status != UNKNOWN, base != "missing"
    counted = {
        "treatment-emergent (incidence)": induced | raised, "treatment-induced": induced, "treatment-boosted": raised,
        "pre-existing": base == "positive",
        "positive at any time (prevalence)": (base == "positive") | patients["first_positive"].notna(),
        "transient": course == "transient", "persistent": course == "persistent",
    }  # fmt: skip
    among = {"evaluable": evaluable, "tested before": known, "tested": evaluable | known, "induced": induced}
    rows = []
    for what, group, definition in _RATES:
        events, size = int(counted[what].sum()), int(among[group].sum())
        low, high = clopper_pearson(events, size, level) if size else (np.nan, np.nan)
        percent = 100.0 * events / size if size else np.nan
        rows.append((what, events, size, group, percent, 100.0 * low, 100.0 * high, definition))
    return pandas.DataFrame(rows, columns=["what", "patients", "of", "among", "percent", "low", "high", "definition"])


def _by_day(table: pandas.DataFrame) -> pandas.DataFrame:
    """How many were tested and positive on each day."""
    usable = table[table["reportable"]]
    found = usable.groupby("day", as_index=False).agg(tested=("positive", "size"), positive=("positive", "sum"))
    return found.assign(percent=100.0 * found["positive"] / found["tested"])


def _caveats(patients: pandas.DataFrame) -> tuple[str, ...]:
    """What the counts cannot say."""
    tested = patients[patients["samples"] > 0]
    found = []
    if tested["samples"].nunique() > 1:
        seen = tested["status"].isin([INDUCED, BOOSTED])
        many = [f"{tested.loc[mask, 'samples'].median():g}" if mask.any() else "no" for mask in (seen, ~seen)]
        found.append(
            f"immortal time: patients who stayed longer were tested more often ({many[0]} samples in the positive, "
            f"{many[1]} in the others, medians), so antibodies go with staying; compare patients by what they were at "
            "the time, not by what they became"
        )
    if tested["first_positive"].notna().any():
        found.append("a day of detection is the first positive sample; the onset lies anywhere after the last negative")
    return tuple(found)
