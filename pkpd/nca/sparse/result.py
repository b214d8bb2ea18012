"""What a sparse analysis of one group found."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pkpd.arrays import Array, Integers
from pkpd.errors import InputError, nearest
from pkpd.files import Saved
from pkpd.nca.sparse.parameters import NAMES
from pkpd.nca.sparse.rules import SparseRules

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True, eq=False)
class SparseResult(Saved):
    """What `sparse` found in one group.

    Attributes
    ----------
    design : str
        ``"serial"``, ``"batch"``, ``"complete"``, ``"flexible"`` or ``"none"``.
    times, mean, sd, se_mean : (J,)
        The mean curve; SD with n − 1. A mean that a rule set to zero has a standard error of 0.
    n, n_samples, n_blq : (J,) of int
        Values in the mean, samples drawn, and BLQ samples among them.
    weights : (J,)
        Trapezoid weights of the area to the last time.
    n_subjects : int
        Number of subjects.
    estimate, se, df : mapping of str to float
        By parameter (`SPARSE_PARAMETERS`); NaN with a sentence in `reason` or `reason_se`.
    interval : mapping of str to mapping
        ``interval[method][parameter]`` is (lower, upper).
    reason, reason_se : mapping of str to str
        Why there is no estimate; why there is no standard error, degrees of freedom or interval.
    rules : SparseRules
        The choices.
    notes : tuple of str
        What was left out or assumed, with counts.
    replicates : mapping of str to (estimates, variances)
        The bootstrap, if it was asked for.
    start : str
        How the area begins, where no mean stands at the dose.
    flags : str
        What to be careful about; "" where nothing is.
    """

    design: str
    times: Array
    mean: Array
    sd: Array
    se_mean: Array
    n: Integers
    n_samples: Integers
    n_blq: Integers
    weights: Array
    n_subjects: int
    estimate: Mapping[str, float]
    se: Mapping[str, float]
    df: Mapping[str, float]
    interval: Mapping[str, Mapping[str, tuple[float, float]]]
    reason: Mapping[str, str]
    reason_se: Mapping[str, str]
    rules: SparseRules
    notes: tuple[str, ...]
    replicates: Mapping[str, tuple[Array, Array]]
    start: str = ""
    flags: str = ""

    def __getstate__(self) -> dict[str, object]:  # mapping proxies do not pickle
        return {key: _plain(value) for key, value in self.__dict__.items()}

    def __setstate__(self, state: dict[str, object]) -> None:
        self.__dict__.update(state)

    def profile(self) -> pandas.DataFrame:
        """Return the mean curve: ``time, mean, sd, n, n_samples, n_blq, se, weight``."""
        import pandas

        return pandas.DataFrame(
            {"time": self.times, "mean": self.mean, "sd": self.sd, "n": self.n, "n_samples": self.n_samples,
             "n_blq": self.n_blq, "se": self.se_mean, "weight": self.weights}
        )  # fmt: skip

    def table(self) -> pandas.DataFrame:
        """Return one row per parameter and method: ``estimate, se, df, lower, upper, level`` and the reasons."""
        import pandas

        nothing = {"": dict.fromkeys(NAMES, (math.nan, math.nan))}
        rows = [
            {"parameter": name, "estimate": self.estimate[name], "se": self.se[name], "df": self.df[name],
             "method": method, "lower": ends[name][0], "upper": ends[name][1], "level": self.rules.level,
             "reason": self.reason[name], "reason_se": self.reason_se[name]}
            for name in NAMES
            for method, ends in (self.interval or nothing).items()
        ]  # fmt: skip
        return pandas.DataFrame(rows)


def check_parameter(name: str) -> None:
    """Raise if there is no parameter of that name."""
    if name not in NAMES:
        raise InputError(f"unknown parameter {name!r}; {nearest(name, NAMES)}")


def _plain(value: object) -> object:
    """Mappings as dictionaries, at any depth."""
    return {key: _plain(item) for key, item in value.items()} if isinstance(value, Mapping) else value
