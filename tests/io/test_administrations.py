"""Monolix's ADM is no covariate; means are no samples; two drugs of EX keep their doses apart."""

from __future__ import annotations

import warnings
from typing import Any

import pandas
import pytest

import pkpd
from pkpd.errors import DataWarning, InputError

UNITS = {"time": "h", "dose": "mg", "DV": "mg/L"}
ADM = {"several": [1, 2, None, None], "one": [2, 2, None, None], "in all rows": [1, 2, 1, 1]}


def events(adm: list[Any]) -> pandas.DataFrame:
    return pandas.DataFrame({
        "ID": [1] * 4, "TIME": [0.0, 0.0, 1.0, 2.0], "AMT": [100.0, 50.0, None, None], "ADM": adm,
        "DV": [None, None, 3.0, 2.0], "EVID": [1, 1, 0, 0],
    })  # fmt: skip


def quietly(read: Any, *given: Any, **options: Any) -> pkpd.Study:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        study: pkpd.Study = read(*given, **options)
    return study


def layouts(adm: list[Any]) -> dict[str, tuple[Any, tuple[Any, ...], dict[str, Any], str]]:
    """The ways in: the reader, its tables, its options, and what ADM may be called there."""
    table = events(adm)
    plain = table.drop(columns="EVID").rename(columns={"AMT": "dose", "DV": "value"}).assign(analyte="DV")
    doses, samples = table[table["EVID"] == 1], table[table["EVID"] == 0]
    apart = (samples[["ID", "TIME", "DV"]], doses[["ID", "TIME", "AMT", "ADM"]])
    units = {"units": UNITS}
    return {
        "NONMEM": (pkpd.io.read_nonmem, (table,), units, "CMT"),
        "events": (pkpd.read_study, (table,), units, "compartment"),
        "one table": (pkpd.read_study, (plain,), units, "into"),
        "two tables": (pkpd.read_study, apart, units, "into"),
    }


@pytest.mark.parametrize("layout", ["NONMEM", "events", "one table", "two tables"])
def test_administrations_are_never_a_covariate(layout: str) -> None:
    """Of one kind the column says nothing; several are a question, and each answer that it names works."""
    for kind, adm in ADM.items():
        read, tables, options, place = layouts(adm)[layout]
        if kind == "one":
            study = quietly(read, *tables, **options)
            assert "ADM" not in study.subjects
            assert "ADM" not in study.changing
            continue
        with pytest.raises(InputError, match=rf"'ADM' tells administrations .*columns=.'ADM': '{place}'"):
            quietly(read, *tables, **options)
        told = quietly(read, *tables, columns={"ADM": place}, **options)
        assert sorted(zip(told.doses["amount"], told.doses["into"], strict=True)) == [(50.0, "2"), (100.0, "1")]
        assert "ADM" not in told.changing
        assert not any("'into' is not used" in note for note in told.notes)
        dropped = quietly(read, *tables, columns={"ADM": "drop"}, **options)
        assert "into" not in dropped.doses
        assert "ADM" not in dropped.changing


def test_a_table_of_means_is_called_one() -> None:
    means = pandas.DataFrame({"time": [0.0, 1.0], "Mean conc (ng/mL)": [0.0, 3.0], "SD": [0.0, 0.3], "n": [6, 6]})
    with pytest.raises(InputError, match="means with their spread are no samples of subjects"):
        pkpd.read_study(means, pkpd.oral("10 mg"), units={"time": "h"})
    with pytest.raises(InputError) as error:
        pkpd.read_study(means.drop(columns="SD"), pkpd.oral("10 mg"), units={"time": "h"})
    assert "no column 'subject'" in str(error.value)
    assert "spread" not in str(error.value)


def sdtm() -> tuple[pandas.DataFrame, pandas.DataFrame]:
    """Two drugs at once; the treatment of one is called by the code of its analyte."""
    clock = [(9, 1.0), (10, 2.0), (12, 1.0)]
    samples = [
        {"USUBJID": s, "PCTEST": test, "PCTESTCD": code, "PCSTRESN": high * part, "PCSTRESU": "ng/mL",
         "PCDTC": f"2024-01-01T{h:02d}:00"}
        for s in ("1", "2") for test, code, high in (("Alpha", "ALP", 3.0), ("Beta", "BETA", 5.0)) for h, part in clock
    ]  # fmt: skip
    given = [
        {"USUBJID": s, "EXTRT": drug, "EXDOSE": amount, "EXDOSU": "mg", "EXROUTE": "ORAL",
         "EXSTDTC": "2024-01-01T08:00"}
        for s in ("1", "2") for drug, amount in (("ALP", 10.0), ("beta", 200.0))
    ]  # fmt: skip
    return pandas.DataFrame(samples), pandas.DataFrame(given)


def test_two_treatments_of_ex_that_are_analytes_are_two_drugs() -> None:
    """Each analyte has the doses of its own name; one treatment alone is said to serve all analytes."""
    pc, ex = sdtm()
    study = pkpd.io.read_sdtm(pc, ex)
    for analyte, amount in (("Alpha", 10.0), ("Beta", 200.0)):
        assert set(quietly(pkpd.nca, study, analyte)["dose"].values.tolist()) == {amount}
    with pytest.warns(DataWarning, match="2 doses of other treatments than beta .* with the doses of beta"):
        one = pkpd.io.read_sdtm(pc, ex, treatment="beta")
    assert "into" not in one.doses
    with pytest.raises(InputError, match=r"expected one, or treatment= .* name of an analyte"):
        pkpd.io.read_sdtm(pc, ex.assign(EXTRT=["ALP", "Gamma"] * 2))


def test_urine_without_an_end_names_the_column_of_sdtm() -> None:
    pc, ex = sdtm()
    with pytest.raises(InputError, match="column 'PCENDTC'"):
        pkpd.io.read_sdtm(pc.assign(PCSPEC="URINE", VOLUME=100.0, VOLUMEU="mL"), ex, treatment="ALP")
