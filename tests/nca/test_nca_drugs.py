"""Two drugs in one study: each analyte has the doses of its own drug."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas
import pytest

import pkpd
from pkpd.errors import DataWarning, InputError
from pkpd.nca import NcaSettings
from pkpd.nca.again import rerun
from pkpd.nca.study.drugs import of_drug

TIMES = (0.5, 1.0, 2.0, 4.0, 8.0, 12.5, 13.0, 14.0, 18.0, 24.0)


def samples(**heights: float) -> pandas.DataFrame:
    rows = [(1, t, name, round(high * 2.0 ** (-t / 3), 6)) for name, high in heights.items() for t in TIMES]
    return pandas.DataFrame(rows, columns=["subject", "time", "analyte", "value"])


def doses(*given: tuple[float, float, str | None]) -> pandas.DataFrame:
    rows = [(1, t, amount, "oral", into) for t, amount, into in given]
    return pandas.DataFrame(rows, columns=["subject", "time", "amount", "route", "into"])


def study(table: pandas.DataFrame, given: pandas.DataFrame, **units: str) -> pkpd.Study:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        every = {"time": "h", "dose": "mg", **dict.fromkeys(table["analyte"], "mg/L"), **units}
        return pkpd.read_study(table, given, units=every)


def analysed(of: pkpd.Study, analyte: Any, **options: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        return pkpd.nca(of, analyte, **options)


BOTH = ((0.0, 25.0, "X"), (0.0, 50.0, "y"), (12.0, 75.0, "y"))


def test_each_drug_has_its_own_doses() -> None:
    together = study(samples(X=8, Y=17), doses(*BOTH))
    for name, own in (("X", BOTH[:1]), ("Y", BOTH[1:])):
        alone = study(samples(X=8, Y=17), doses(*own))
        mine, expected = analysed(together, name), analysed(alone, name)
        assert mine.sizes == expected.sizes
        assert mine["dose"].values.tolist() == [amount for _, amount, _ in own]
        for parameter in ("auc_last", "cl_f_obs" if "cl_f_obs" in mine else "cl_obs", "half_life", "auc_tau"):
            np.testing.assert_array_equal(mine[parameter], expected[parameter])
    tree = analysed(together, ["X", "Y"])
    assert tree["Y"]["dose"].values.tolist() == [50, 75]


def test_a_metabolite_is_asked_whose_it_is() -> None:
    with_metabolite = study(samples(X=8, Y=17, M1=3), doses(*BOTH))
    with pytest.raises(InputError, match=r"go into 'X', 'y'; whose are they in the analysis of 'M1'\? expected drug="):
        analysed(with_metabolite, "M1")
    assert analysed(with_metabolite, "M1", drug="X")["dose"].values.tolist() == [25]
    every = analysed(with_metabolite, "M1", drug="all")
    assert every["dose"].values.tolist() == [75, 75]
    with pytest.raises(InputError, match="no dose goes into 'Z'"):
        analysed(with_metabolite, "M1", drug="Z")


def test_compartments_of_one_drug_are_no_drugs() -> None:
    one = study(samples(X=8), doses((0, 25, "depot"), (12, 50, "central")))
    assert analysed(one, "X")["dose"].values.tolist() == [25, 50]
    unnamed = study(samples(X=8, Y=3), doses((0, 25, "X"), (12, 50, None)))
    with pytest.raises(InputError, match="nothing named"):
        analysed(unnamed, "X")
    single = study(samples(X=8, M1=3), doses((0, 25, "X")))
    assert analysed(single, "M1")["dose"].values.tolist() == [25]


def test_the_drug_stays_in_the_settings() -> None:
    with_metabolite = study(samples(X=8, Y=17, M1=3), doses(*BOTH))
    result = analysed(with_metabolite, "M1", drug="y")
    settings = NcaSettings.from_json(result.attrs["settings"])
    assert settings.drug == "y"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        assert rerun(with_metabolite, result)["dose"].values.tolist() == [50, 75]
        assert rerun(with_metabolite, result, drug="X")["dose"].values.tolist() == [25]
    assert len(of_drug(with_metabolite, "M1", "X").doses) == 1
    assert len(with_metabolite.doses) == 3


def test_responses_and_means_have_the_doses_of_their_drug() -> None:
    """`nca_response` and `nca_sparse` choose doses as `nca` does, or ask; `rerun` keeps what was said."""
    given = study(samples(A=8.0, B=4.0, E=9.0), doses((0, 10, "A"), (4, 200, "B")))
    for verb in (pkpd.nca.nca_response, pkpd.nca.nca_sparse):
        assert analysed_by(verb, given, "B")["dose"].values.tolist() == [200.0]
        assert analysed_by(verb, given, "A")["dose"].values.tolist() == [10.0]
        with pytest.raises(InputError, match=r"analysis of 'E'.* expected drug='A'"):
            verb(given, "E")
        found = analysed_by(verb, given, "E", drug="B")
        assert found["dose"].values.tolist() == [200.0]
        assert analysed_by(rerun, found, study=given)["dose"].values.tolist() == [200.0]
    assert analysed_by(pkpd.nca.nca_response, given, "E", drug="B")["dose_time"].values.tolist() == [4.0]
    assert analysed_by(pkpd.nca.nca_response, given, "E", drug="all")["dose_time"].values.tolist() == [0.0]


def analysed_by(verb: Any, *given: Any, **options: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        return verb(*given, **options)
