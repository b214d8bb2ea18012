"""The PP domain: every number, unit, code and reason of an analysis, there and back."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy
import pandas
import pytest
import xarray
from hypothesis import given
from hypothesis import strategies as st

from pkpd import data
from pkpd.errors import InputError
from pkpd.io import pp_table, read_pp, read_study
from pkpd.nca import nca
from pkpd.units import factor
from tests.io.cdisc_studies import quiet


def result(values: list[list[float]], routes: list[str], **attrs: Any) -> xarray.Dataset:
    """A result with two parameters, one of which has codes by route and the other none."""
    n = len(routes)
    table = numpy.array(values, dtype=float).reshape(n, 2)
    own = {"units": "mL/h", "cdisc": "CLO|CLFO", "long_name": "clearance", **attrs}
    why = numpy.where(numpy.isnan(table), "too few samples", "")
    return xarray.Dataset(
        {"cl_obs": ("profile", table[:, 0], own), "n_unusable": ("profile", table[:, 1], {"units": "1"}),
         "reason": (("profile", "parameter"), why)},
        {"parameter": ["cl_obs", "n_unusable"], "subject": ("profile", numpy.arange(n)),
         "interval": ("profile", numpy.ones(n, dtype=int)), "route": ("profile", numpy.array(routes, dtype=object)),
         "dose_time": ("profile", numpy.zeros(n), {"units": "h"})},
        {"analyte": "Drug X"},
    )  # fmt: skip


def mixed() -> Any:
    """An analysis of a bolus, an infusion, an absorbed dose, and a subject with too few samples."""
    rows = [(s, t, 100 * math.exp(-0.3 * t) * (1 - math.exp(-2 * t) if s == 3 else 1) + 0.0)
            for s in (1, 2, 3, 4) for t in ((0.5, 1, 2, 4, 8, 12) if s < 4 else (1, 2))]  # fmt: skip
    doses = pandas.DataFrame({"subject": [1, 2, 3, 4], "time": 0.0, "amount": 10.0,
                              "route": ["bolus", "infusion", "oral", "oral"], "duration": [0, 0.5, 0, 0]})  # fmt: skip
    units = {"time": "h", "X": "ng/mL", "dose": "mg"}
    return quiet(
        nca, quiet(read_study, pandas.DataFrame(rows, columns=["subject", "time", "value"]), doses, units=units), "X"
    )


def test_numbers_reasons_and_units_come_back(tmp_path: Path) -> None:
    for found in (mixed(), nca(data.theophylline(), "theophylline"), nca(data.indomethacin(), "indomethacin")):
        table = pp_table(found, study_id="S-1", specimen="PLASMA")
        table.to_csv(tmp_path / "pp.csv", index=False)
        names = table.attrs["parameters"]
        for back in (read_pp(table), read_pp(tmp_path / "pp.csv", names=names)):
            by_key = {(row.subject, row.code): row for row in back.itertuples()}
            assert len(by_key) == len(back) == found.sizes["profile"] * found.sizes["parameter"]
            order = iter(back.itertuples())
            for k in range(found.sizes["profile"]):
                for name in map(str, found["parameter"].values):
                    row, expected = next(order), float(found[name].values[k])
                    assert row.subject == found["subject"].values[k]
                    assert row.parameter in (name, names[row.code])
                    assert row.value == expected or (math.isnan(row.value) and math.isnan(expected))
                    assert row.reason == str(found["reason"].sel(parameter=name).values[k])
                    unit = found[name].attrs["units"]
                    if not unit.startswith("ln("):
                        assert factor(row.unit or "1", unit) == 1.0


def test_the_code_is_that_of_the_profiles_route() -> None:
    table = pp_table(mixed(), study_id="S-1").set_index("USUBJID")
    codes = {name: set(rows["PPTESTCD"]) for name, rows in table.groupby(level=0)}
    assert {"CLO", "VZO", "MRTIBIFO"} <= codes["1"]
    assert {"CLO", "VZO", "MRTICIFO"} <= codes["2"]
    assert {"CLFO", "VZFO", "MRTEVIFO"} <= codes["3"]
    assert "CLO" not in codes["3"]
    assert not {"MRTICIFO", "MRTEVIFO"} & codes["1"]


@pytest.mark.parametrize(
    ("attrs", "routes", "codes"),
    [
        ({}, ["bolus", "infusion", "oral"], ["CLO", "CLO", "CLFO"]),
        ({}, ["infusion", "oral"], ["CLO", "CLFO"]),
        ({"cdisc": "A|B|C"}, ["bolus", "oral", "infusion"], ["A", "C", "B"]),
        ({"cdisc": "CMAX"}, ["bolus", "oral", ""], ["CMAX", "CMAX", "CMAX"]),
        ({"cdisc_by_route": "A|B|C", "cdisc": "A"}, ["oral", "infusion", "bolus", ""], ["C", "B", "A", "A"]),
        ({"cdisc_by_route": "VSSO|VSSO|", "cdisc": "VSSO"}, ["bolus", "oral"], ["VSSO", "CLOBS"]),
        ({"cdisc_by_route": "VSSO|VSSO|?"}, ["bolus", "oral"], ["VSSO", "CLOBS"]),
        ({"cdisc": ""}, ["bolus"], ["CLOBS"]),
    ],
)  # fmt: skip
def test_codes(attrs: dict[str, str], routes: list[str], codes: list[str]) -> None:
    table = pp_table(result([[1.0, 2.0]] * len(routes), routes, **attrs), study_id="S", parameters=["cl_obs"])
    assert table["PPTESTCD"].tolist() == codes


def test_sponsor_codes_are_counted() -> None:
    table = pp_table(mixed(), study_id="S-1")
    assert table["PPTESTCD"].str.fullmatch(r"[A-Z][A-Z0-9]{0,7}").all()
    assert not table.duplicated(["USUBJID", "PPGRPID", "PPTESTCD"]).any()
    assert table["PPTEST"].str.len().max() <= 40
    (note,) = table.attrs["notes"]
    own = note.split(": ")[1].split(", ")
    assert note.startswith(f"{len(own)} parameters stand under a sponsor's code")
    assert "n_unusable" in own
    assert "cmax" not in own
    assert table.groupby("USUBJID")["PPSEQ"].apply(list).map(lambda s: s == list(range(1, len(s) + 1))).all()


def test_a_row_is_as_the_guide_has_it() -> None:
    table = pp_table(result([[2.5, math.nan]], ["oral"]), study_id="S-1", specimen="PLASMA", epoch="TREATMENT",
                     reference="2014-03-01T08:00", analysed="2014-04-01")  # fmt: skip
    first, second = table.to_dict("records")
    assert first["STUDYID"] == "S-1"
    expected = {"DOMAIN": "PP", "PPTESTCD": "CLO", "PPCAT": "Drug X", "PPORRES": "2.5", "PPORRESU": "mL/h",
                "PPSTRESN": 2.5, "PPSTAT": "", "PPSPEC": "PLASMA", "EPOCH": "TREATMENT", "PPTPTREF": "DOSE 1",
                "PPRFTDTC": "2014-03-01T08:00:00", "PPDTC": "2014-04-01"}  # fmt: skip
    assert {k: first[k] for k in expected if k != "PPTESTCD"} == {k: v for k, v in expected.items() if k != "PPTESTCD"}
    assert (second["PPSTAT"], second["PPREASND"], second["PPORRES"]) == ("NOT DONE", "too few samples", "")
    assert math.isnan(second["PPSTRESN"])


@given(st.lists(st.floats(allow_nan=True, allow_infinity=False), min_size=2, max_size=2))
def test_any_number_to_the_last_digit(values: list[float]) -> None:
    back = read_pp(pp_table(result([values], ["bolus"]), study_id="S").drop(columns="PPSTRESN"))
    for got, expected in zip(back["value"], values, strict=True):
        assert got == expected or (math.isnan(got) and math.isnan(expected))


def test_wide() -> None:
    table = pp_table(result([[1.5, 2.0], [math.nan, 3.0]], ["bolus", "bolus"]), study_id="S")
    wide = read_pp(table, layout="wide")
    assert wide["subject"].tolist() == [0, 1]
    assert wide["n_unusable"].tolist() == [2.0, 3.0]
    assert wide.attrs["units"]["cl_obs"] == "mL/h"
    with pytest.raises(InputError, match="PP, row 5, subject 0, column 'PPTESTCD': CLO stands already in row 1"):
        read_pp(pandas.concat([table, table.iloc[:1]], ignore_index=True), layout="wide")


def test_parts_of_the_interval_have_their_ends() -> None:
    table = pp_table(result([[1.5, 2.0]], ["bolus"], start=0.0, end=24.0, cdisc="AUCINT"), study_id="S")
    assert table.loc[0, ["PPTESTCD", "PPSTINT", "PPENINT"]].tolist() == ["AUCINT", "PT0M", "PT24H"]
    assert read_pp(table, layout="wide")["cl_obs PT0M to PT24H"].tolist() == [1.5]


def test_windows_and_intervals_of_the_user() -> None:
    found = nca(data.theophylline(), "theophylline", windows=[(0, 4), (2, 24)], intervals=[(0, 4), (0, 24)])
    table = pp_table(found, study_id="S")
    assert not table.duplicated(["USUBJID", "PPGRPID", "PPTESTCD", "PPSTINT", "PPENINT"]).any()
    assert sorted(set(table["PPGRPID"])) == ["INTERVAL 1.1", "INTERVAL 1.2"]
    first = table[(table["PPTESTCD"] == "AUCINT") & (table["PPENINT"] == "PT24H")]
    expected = found["auc_window"].sel(window="2–24", extrapolation="line")
    numpy.testing.assert_array_equal(first["PPSTRESN"], expected.values)
    assert set(first["PPSTINT"]) == {"PT2H"}


def test_what_is_wrong_is_told() -> None:
    with pytest.raises(
        InputError, match=r"result is a int without subject.*\n.*study_id is ''.*\n.*reference is 'now'"
    ):
        pp_table(3, study_id="", reference="now")
    with pytest.raises(InputError, match="did you mean 'cl_obs'"):
        pp_table(result([[1.0, 2.0]], ["bolus"]), study_id="S", parameters=["cl_ob"])
    with pytest.raises(InputError, match=r"PP: no column 'USUBJID'.*\n.*PP: no column 'PPTESTCD'"):
        read_pp(pandas.DataFrame({"x": [1]}))
    bad = pandas.DataFrame({"USUBJID": [1, 1], "PPTESTCD": ["CMAX", "TMAX"], "PPSTRESC": ["much", None]})
    with pytest.raises(InputError, match=r"row 1, subject 1, column 'PPSTRESC': 'much'.*\n.*row 2.*'NOT DONE'"):
        read_pp(bad)
