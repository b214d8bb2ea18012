"""Any study through CDISC tables and back: a hundred through each."""

from __future__ import annotations

from hypothesis import given

from pkpd.study import Study
from tests.io.cdisc_studies import studies
from tests.io.test_cdisc_roundtrip import by_adnca, by_sdtm, same


@given(studies())
def test_any_study_through_sdtm(study: Study) -> None:
    same(by_sdtm(study), study)


@given(studies())
def test_any_study_through_adnca(study: Study) -> None:
    same(by_adnca(study), study)
