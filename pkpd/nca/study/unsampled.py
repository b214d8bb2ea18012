"""Subjects that were dosed and have no sample: they would be missing from a result without a word."""

from __future__ import annotations

from pkpd.errors import warn
from pkpd.study import Study

_NAMED = 10


def warn_unsampled(study: Study, analyte: str) -> None:
    """Warn of dosed subjects without a sample of the analyte that takes part.

    Parameters
    ----------
    study : Study
        Observations and doses.
    analyte : str
        What is analysed.

    Warns
    -----
    DataWarning
        With their count and their names.
    """
    dosed, sampled = set(study.doses["subject"]), set(study.used(analyte)["subject"])
    lost = [str(name) for name in study.subject_ids if name in dosed and name not in sampled]
    if lost:
        named = ", ".join(lost[:_NAMED]) + (", …" if len(lost) > _NAMED else "")
        people = "1 subject was dosed and has" if len(lost) == 1 else f"{len(lost)} subjects were dosed and have"
        warn(f"{people} no sample of {analyte!r} that takes part, so no place in the result: {named}")
