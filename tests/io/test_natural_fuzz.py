"""One known study in ten layouts, spelled in many ways: right, or told; never wrong without a word."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest

from pkpd import units
from pkpd.errors import DataWarning, InputError
from pkpd.io import read_study
from tests.io.natural_tables import LAYOUTS, Written, written


def outcome(what: Written) -> str:
    """Return "right", "told" (an error that lists problems), or what is silently wrong."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        try:
            study = read_study(*what.tables, **what.options)
        except InputError as error:
            return "told" if error.problems else "an error that says nothing"
    (analyte,) = (name for name in study.analytes if name != "Y")  # Y is another analyte, in IU/L
    hours, milligrams = units.factor(study.units["time"], "h"), units.factor(study.units["dose"], "mg")
    used, per = study.used(analyte), units.factor(study.units[analyte], "ng/mL")
    samples = zip(used["subject"].astype(str), used["time"] * hours, used["value"] * per, strict=True)
    given = study.doses
    doses = zip(given["subject"].astype(str), given["time"] * hours, given["amount"] * milligrams, strict=True)
    for found, known in ((samples, what.samples), (doses, what.doses)):
        rounded = sorted((who, round(float(t), 3), round(float(x), 3)) for who, t, x in found)
        if rounded != sorted((who, round(t, 3), round(x, 3)) for who, t, x in known):
            return f"wrong: {rounded[:3]}"
    if not what.options and set(given["route"]) != {"oral"}:
        return f"wrong: routes {set(given['route'])}"
    return "right"


@pytest.mark.parametrize("layout", LAYOUTS)
def test_ten_layouts_in_some_spellings(layout: str, tmp_path: Path) -> None:
    if layout == "workbook":
        pytest.importorskip("openpyxl")
    seeds = range(1000 * LAYOUTS.index(layout), 1000 * LAYOUTS.index(layout) + 4)
    assert [outcome(written(layout, seed, tmp_path)) for seed in seeds] == ["right"] * 4


def test_the_outcome_sees_what_is_wrong(tmp_path: Path) -> None:
    what = written("long", 3, tmp_path)
    assert outcome(what) == "right"
    what.doses[0] = (what.doses[0][0], 0.0, 26.0)
    assert outcome(what).startswith("wrong")
