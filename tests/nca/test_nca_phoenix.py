"""Against Phoenix WinNonlin's own output (files described in shared/reference/README.md)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas
import pytest

from pkpd.nca import PARAMETERS, nca
from tests.nca.nca_studies import make_study

CASES = [
    # file, data, dose in mg, route, rule, tolerance: the theophylline files print 9 digits or 9 decimals
    ("indometh_bolus_linear_up_log_down.csv", "indometh.csv", 25.0, "bolus", "linear-up/log-down", 1e-12),
    ("theoph_linear_up_log_down.csv", "theoph.csv", 320.0, "oral", "linear-up/log-down", 1e-8),
    ("theoph_linear.csv", "theoph.csv", 320.0, "oral", "linear", 1e-8),
]


@pytest.mark.parametrize(("file", "data", "dose", "route", "auc", "tolerance"), CASES, ids=[c[0][:-4] for c in CASES])
def test_every_column_of_the_phoenix_file(
    reference: Path, file: str, data: str, dose: float, route: str, auc: str, tolerance: float
) -> None:
    expected = pandas.read_csv(reference / "external" / "phoenix" / file).set_index("Subject")
    table = pandas.read_csv(reference / "figures" / "datasets" / data).rename(columns=str.lower)
    samples = [
        {"subject": int(s), "time": t, "value": c, "mark": "pre" if t == 0 else ""}
        for s, t, c in zip(table["subject"], table["time"], table["conc"], strict=True)
    ]
    doses = [{"subject": int(s), "time": 0.0, "amount": dose, "route": route} for s in table["subject"].unique()]
    result = nca(make_study(samples, doses, units={"time": "h", "dose": "mg", "C": "mg/L"}), "C", auc=auc)
    assert sorted(result["subject"].values) == sorted(expected.index)
    expected = expected.loc[result["subject"].values]
    compared = set()
    for name, row in PARAMETERS.items():
        for column in set(row.phoenix) & set(expected.columns):
            np.testing.assert_allclose(result[name], expected[column], rtol=tolerance, atol=0, err_msg=column)
            compared.add(column)
    assert compared == set(expected.columns)
