"""IL-21 with sorafenib against IL-21 alone: two studies, exposure and effects side by side."""

from __future__ import annotations

from typing import Any

import numpy as np

from pkpd.arguments import checked
from pkpd.errors import InputError, few, shown
from pkpd.il21.patients import responses
from pkpd.study import Study
from pkpd.trial import TreatmentComparison, compare_treatments

_EXPOSURES = ("auc_last", "cmax", "cl_obs", "half_life")


@checked
def sorafenib_effect(
    with_sorafenib: Study, alone: Study, *, dose: float = 30.0, level: float = 0.9, power: float = 0.8
) -> dict[str, TreatmentComparison]:
    """Return how exposure, sCD25 and lymphocytes of IL-21 differ with and without sorafenib, from two studies.

    The question of the paper's Figure 1: baseline, peak or nadir and its time, area of the effect, recovery, time below
    the lower limit of normal and below the limits of grades 2, 3 and 4 (grade 3: 0.5, grade 4: 0.2 ×10⁹/L), beside the
    exposure after the first and the last dose of the first week. Patients of the two studies are different ones.

    Parameters
    ----------
    with_sorafenib, alone : Study
        With the analytes IL21, sCD25 and ALC and the covariate ``dose_level``, such as two synthetic ones.
    dose : float
        Dose level that is compared, ug/kg.
    level, power : float
        As in `pkpd.trial.compare_treatments`.

    Returns
    -------
    dict
        ``"IL21 day 1"``, ``"IL21 day 5"``, ``"sCD25"`` and ``"ALC"``: a comparison each. Intervals are not
        corrected for their number.

    Raises
    ------
    InputError
        If a study has nobody at the dose level, or lacks an analyte.
    """
    from pkpd.nca import nca

    sides, problems = {}, []
    for name, study in (("with sorafenib", with_sorafenib), ("alone", alone)):
        if "dose_level" not in study.subjects:
            problems.append(f"{name}: the study has no covariate dose_level")
            continue
        people = study.subjects["subject"][study.subjects["dose_level"] == dose]
        if len(people) == 0:
            known = few(f"{one:g}" for one in np.unique(study.subjects["dose_level"]))
            problems.append(f"{name}: nobody has dose_level {shown(dose)}; there are {known}")
        problems += [f"{name}: the study has no {one}" for one in ("IL21", "sCD25", "ALC") if one not in study.analytes]
        sides[name] = people
    if problems:
        raise InputError(problems, "sorafenib_effect")
    parts = {name: study.select(subjects=sides[name])
             for name, study in (("with sorafenib", with_sorafenib), ("alone", alone))}  # fmt: skip
    exposures = {name: nca(part, "IL21") for name, part in parts.items()}
    effects = {name: responses(part) for name, part in parts.items()}
    sets: dict[str, tuple[dict[str, Any], tuple[str, ...] | None]] = {}
    for label, when in (("IL21 day 1", 0.0), ("IL21 day 5", 96.0)):
        sets[label] = (
            {
                name: one.isel(profile=np.flatnonzero(one["dose_time"].values == when))
                for name, one in exposures.items()
            },
            _EXPOSURES,
        )
    for analyte in ("sCD25", "ALC"):
        sets[analyte] = {name: one[analyte] for name, one in effects.items()}, None
    return {
        label: compare_treatments(two, names, paired=False, level=level, power=power)
        for label, (two, names) in sets.items()
    }
