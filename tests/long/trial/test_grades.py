"""5 000 malformed tables of toxicity: an answer or the documented error, nothing else."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas

from pkpd.errors import PkpdError
from pkpd.trial import dose_limiting, grade_times, grades, incidence_table, worst_grades

CELLS: list[Any] = [None, np.nan, np.inf, -1, 0, 1, 3, 4.5, "", "ALC", "AST", "PHOS", "urate", "x", "10^9/L", "mg/dL",
                    "U/L", "clinical", "laboratory", "yes", "no", True, [1], b"x", "2014-01-01", 1e300]  # fmt: skip
NAMES = ["subject", "day", "test", "value", "unit", "lln", "uln", "baseline", "symptoms", "term", "grade", "kind",
         "start", "end", "course", "related", "lowest", "highest", "is_baseline"]  # fmt: skip


def test_malformed_tables() -> None:
    draw = np.random.default_rng(14)
    refused = answered = 0
    verbs = (grades, worst_grades, grade_times, incidence_table, dose_limiting)
    for number in range(5000):
        verb = verbs[number % len(verbs)]
        laboratory = verb is grades
        good = {
            "subject": [1, 2], "day": [1, 5], "test": ["ALC", "AST"], "value": [0.4, 90.0], "unit": ["10^9/L", "U/L"],
            "lln": [1, 1], "uln": [4, 40],
        } if laboratory else {
            "subject": [1, 2], "term": ["Rash", "ALT high"], "grade": [3, 2], "kind": ["clinical", "laboratory"],
            "course": [1, 1], "related": ["yes", "no"], "day": [1, 5],
        }  # fmt: skip
        for _ in range(int(draw.integers(0, 4))):
            name = NAMES[draw.integers(len(NAMES))]
            good[name] = [CELLS[draw.integers(len(CELLS))] for _ in range(2)]
        if draw.random() < 0.1:
            good.pop(list(good)[draw.integers(len(good))])
        table = pandas.DataFrame({name: pandas.Series(cells, dtype=object) for name, cells in good.items()})
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                verb(table)
            answered += 1
        except PkpdError:
            refused += 1
    assert refused + answered == 5000
    assert min(refused, answered) > 500
