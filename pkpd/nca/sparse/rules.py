"""The choices of a sparse analysis as a value: frozen, compared, written into the result (floor 3)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from types import MappingProxyType
from typing import Any

from pkpd.errors import InputError, nearest, unknown_names

METHODS = ("t", "z", "bootstrap-t")
_CHOICES = {
    "blq": ("zero", "lloq/2", "drop"),
    "mean": ("arithmetic", "zero if most are blq"),
    "zero_between": ("keep", "drop"),
    "last": ("last time", "last mean above zero"),
    "start": ("first time", "time zero"),
    "tail_mean": ("geometric", "arithmetic"),
    "covariance": ("bounded", "unbiased"),
}
_COUNTS = {"tail": 2, "replicates": 1, "seed": 0}


@dataclass(frozen=True)
class SparseRules:
    """The rules of a sparse (pooled) analysis; every value is a choice that the result lists.

    Attributes
    ----------
    blq : {"zero", "lloq/2", "drop"}
        What a BLQ sample counts as in the mean. Where no LLOQ is known, ``"lloq/2"`` drops.
    mean : {"arithmetic", "zero if most are blq"}
        Mean per time; the second sets it to zero where more than half of the samples are BLQ or zero (PKNCA's
        rule). A mean set to zero is a constant: it has no variance.
    zero_between : {"keep", "drop"}
        What a mean of zero between two positive means is: a point of the curve, or left out of it.
    last : {"last time", "last mean above zero"}
        Where the area ends.
    start : {"first time", "time zero"}
        Where the area begins; with ``"time zero"`` there must be a sample then, and earlier ones take no part.
    tail : int
        Number of last times in the terminal regression, at least 2.
    tail_mean : {"geometric", "arithmetic"}
        What the terminal regression runs through: means of the logarithms, or logarithms of the means.
    covariance : {"bounded", "unbiased"}
        Covariance between two times: unbiased, and brought back to a correlation of ±1 where it lies beyond; or as
        it comes.
    level : float
        Level of the intervals, between 0 and 1.
    methods : tuple of {"t", "z", "bootstrap-t"}
        The intervals to compute.
    replicates, seed : int
        Number of bootstrap replicates, and the seed they start from.

    References
    ----------
    Wolfsegger & Jaki, J Pharmacokinet Pharmacodyn 36:479-494 (2009); Holder, J Biopharm Stat 11:75-79 (2001).
    """

    name: str = "default"
    blq: str = "zero"
    mean: str = "arithmetic"
    zero_between: str = "keep"
    last: str = "last time"
    start: str = "first time"
    tail: int = 3
    tail_mean: str = "geometric"
    covariance: str = "bounded"
    level: float = 0.95
    methods: tuple[str, ...] = ("t", "z")
    replicates: int = 1000
    seed: int = 0

    def __post_init__(self) -> None:
        problems = [
            f"{key} is {getattr(self, key)!r}; {nearest(getattr(self, key), known)}"
            for key, known in _CHOICES.items()
            if getattr(self, key) not in known
        ]
        for key, least in _COUNTS.items():
            value = getattr(self, key)
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                problems.append(f"{key} is {value!r}; expected a whole number ≥ {least}")
        problems += level_problems(self.level)
        given = (self.methods,) if isinstance(self.methods, str) else tuple(self.methods)
        object.__setattr__(self, "methods", given)
        problems += unknown_names(given, METHODS, "method")
        if problems:
            raise InputError(problems, "rules of the sparse analysis")

    def changed(self, **changes: Any) -> SparseRules:
        """Return the rules with some choices replaced, under the name "…, changed".

        Raises
        ------
        InputError
            If a choice or its value does not exist; the nearest one is suggested.
        """
        if not changes:
            return self
        problems = unknown_names(changes, [f.name for f in fields(self)], "rule")
        if problems:
            raise InputError(problems, "rules of the sparse analysis")
        name = self.name if self.name.endswith(", changed") else f"{self.name}, changed"
        return replace(self, **{"name": name, **changes})

    def to_json(self) -> str:
        """Write the rules as JSON, from which `from_json` makes them again."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> SparseRules:
        """Return the rules that `to_json` wrote."""
        return cls(**json.loads(text))


def level_problems(level: Any) -> list[str]:
    """Return a sentence if `level` is not a number between 0 and 1."""
    if isinstance(level, int | float) and not isinstance(level, bool) and 0 < level < 1:
        return []
    return [f"level is {level!r}; expected a number between 0 and 1, such as 0.95"]


SPARSE_PRESETS: Mapping[str, SparseRules] = MappingProxyType(
    {
        "default": SparseRules(),
        "pknca": SparseRules(
            name="pknca",
            mean="zero if most are blq",
            zero_between="drop",
            last="last mean above zero",
            start="time zero",
            covariance="unbiased",
        ),
    }
)
"""Named sets of rules: ``"default"`` (those of the R package PK) and ``"pknca"``."""


def sparse_preset(name: str) -> SparseRules:
    """Return the rules of a preset.

    Raises
    ------
    InputError
        If there is no preset of that name; the nearest one is suggested.
    """
    if name not in SPARSE_PRESETS:
        raise InputError(f"unknown preset {name!r}; {nearest(name, SPARSE_PRESETS)}")
    return SPARSE_PRESETS[name]
