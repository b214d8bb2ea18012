"""Keywords that have become part of a value still work, warn at the user's line, and mean the same."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pkpd
from pkpd.dosing import Dose
from pkpd.nca import Extrapolation, Marked, Profiles, area, interpolate, sparse

T, C = [0.0, 1.0, 2.0, 4.0], [4.0, 3.0, 2.0, 0.5]


def older(call: Any, *arguments: Any, **options: Any) -> Any:
    with pytest.warns(FutureWarning) as caught:
        answer = call(*arguments, **options)
    assert {warning.filename for warning in caught} == {__file__}
    return answer


def test_extrapolation() -> None:
    new = interpolate(T, C, [6.0], tail=Extrapolation("inf", 0.3, 0.7))
    np.testing.assert_array_equal(older(interpolate, T, C, [6.0], lambda_z=0.3, clast=0.7), new)
    both = area(T, C, 0, 9, tail=Extrapolation("obs", 0.3, 0.7))
    assert older(area, T, C, 0, 9, tail="obs", lambda_z=0.3, clast=0.7) == both
    with pytest.raises(TypeError, match="unexpected keyword"):
        interpolate(T, C, [6.0], rate=1.0)


def test_an_area_of_a_profile_with_a_limit() -> None:
    dose = Dose(0.0, 1.0)
    new = area(Profiles.from_arrays(T, C, dose=dose, lloq=1.0))
    assert older(area, T, C, dose=dose, lloq=1.0) == new
    assert new.auc < area(T, C, dose=dose).auc
    with pytest.raises(pkpd.InputError, match="no values"):
        area(T)


def test_marked_samples_and_predose() -> None:
    blq, chosen = [False, False, False, True], [0, 1, 1, 0]
    new = Profiles.from_arrays(T, Marked(C, blq, chosen)).with_predose(-1.0, 0.5)
    old = older(Profiles.from_arrays, T, C, blq=blq, chosen=chosen, predose=(-1.0, 0.5))
    for field in ("times", "values", "blq", "chosen", "outside"):
        np.testing.assert_array_equal(getattr(old, field), getattr(new, field))
    assert new.blq.tolist() == blq
    with pytest.raises(pkpd.InputError, match="do not fit"):
        new.with_predose([-1.0, -1.0], 0.5)


def test_an_infusion_and_batches_of_sparse_samples() -> None:
    times, values = [0, 1, 2] * 4, [4.0, 2, 1] * 2 + [5.0, 2, 1.5] * 2
    batch, people = list("aaaaaabbbbbb"), [1, 1, 1, 2, 2, 2] * 2
    old = older(sparse, times, values, people, batch=batch, dose=10.0, duration=0.5)
    new = sparse(times, values, [*zip(batch, people, strict=True)], dose=Dose(0.0, 10.0, "infusion", 0.5))
    np.testing.assert_array_equal(list(new.estimate.values()), list(old.estimate.values()))
    np.testing.assert_array_equal(list(new.se.values()), list(old.se.values()))
    assert new.n_subjects == 4


def test_a_warning_of_the_verb_points_here_too() -> None:
    with pytest.warns(pkpd.DataWarning, match="left out") as caught:
        pkpd.nca.sparse([0.0, 1.0, np.nan], [2.0, 1.0, 1.0])
    assert {warning.filename for warning in caught} == {__file__}
