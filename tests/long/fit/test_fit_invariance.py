"""What must matter to a fit: samples below LLOQ, over 60 replicates."""

from __future__ import annotations

import pytest

from tests.fit.censored import check_m3_against_dropping

pytestmark = pytest.mark.filterwarnings("ignore:.*are flagged BLQ:pkpd.errors.DataWarning")


def test_m3_is_less_biased_than_dropping() -> None:
    check_m3_against_dropping(60)
