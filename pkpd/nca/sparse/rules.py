"""The choices of a sparse analysis as a value: frozen, compared, written into the result."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar

from pkpd.arguments import brief
from pkpd.errors import unknown_names
from pkpd.nca.choices import Choices, is_number, is_whole, preset_among

METHODS = ("t", "z", "bootstrap-t")
_CHOICES = {
    "blq": ("zero", "lloq/2", "drop"),
    "mean": ("arithmetic", "zero if most are blq"),
    "zero_between": ("keep", "drop"),
    "last": ("last time", "last mean above zero"),
    "start": ("by route", "first time", "time zero", "zero", "C0"),
    "tail_mean": ("geometric", "arithmetic"),
    "covariance": ("bounded", "unbiased"),
}
_COUNTS = {"tail": 2, "replicates": 1, "seed": 0}


@dataclass(frozen=True)
class SparseRules(Choices):
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
    start : {"by route", "first time", "time zero", "zero", "C0"}
        Where the area begins. ``"first time"``: at the first sampling time, and the result is flagged if that is after
        the dose. ``"time zero"``: at the dose, where there must be a sample. The others put a mean in where there is
        none: ``"zero"``, or ``"C0"`` of a bolus, back-extrapolated through the logarithms of the first two means (if
        they do not fall, the first mean). ``"by route"``: zero after an extravascular dose and an infusion, C0 after a
        bolus (as Phoenix does), the first time where no route is known. Of all but ``"first time"`` samples before the
        dose take no part.
    tail : int
        Number of last times in the terminal regression, at least 2.
    tail_mean : {"geometric", "arithmetic"}
        What the terminal regression runs through: means of the logarithms, or logarithms of the means.
    covariance : {"bounded", "unbiased"}
        Covariance between two times: unbiased, and brought back to a correlation of ±1 where it lies beyond; or as
        it comes.
    accept_back_extrapolated : number or None
        Largest part (%) of the area before the first sampling time of a bolus; beyond it the result is flagged.
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

    WHERE: ClassVar[str] = "rules of the sparse analysis"

    name: str = "default"
    blq: str = "zero"
    mean: str = "arithmetic"
    zero_between: str = "keep"
    last: str = "last time"
    start: str = "by route"
    tail: int = 3
    tail_mean: str = "geometric"
    covariance: str = "bounded"
    accept_back_extrapolated: float | None = 20.0
    level: float = 0.95
    methods: tuple[str, ...] = ("t", "z")
    replicates: int = 1000
    seed: int = 0

    __repr__ = brief

    def __post_init__(self) -> None:
        given = (self.methods,) if isinstance(self.methods, str) else self.methods
        given = tuple(given) if isinstance(given, list) else given
        object.__setattr__(self, "methods", given)
        super().__post_init__()

    def for_route(self, route: str) -> SparseRules:
        """Return the same rules with ``"by route"`` replaced by what it means for a route ("": not known)."""
        if self.start != "by route":
            return self
        meant = {"": "first time", "bolus": "C0"}.get(route, "zero")
        return self.changed(start=meant)

    def problems(self) -> Iterator[str]:
        """Yield one sentence for every choice that does not exist."""
        yield from self.wrong_words(_CHOICES)
        for key, least in _COUNTS.items():
            value = getattr(self, key)
            if not is_whole(value) or value < least:
                yield f"{key} is {value!r}; expected a whole number ≥ {least}"
        limit = self.accept_back_extrapolated
        if limit is not None and (not is_number(limit) or limit != limit):
            yield f"accept_back_extrapolated is {limit!r}; expected None or a number"
        yield from level_problems(self.level)
        yield from unknown_names(self.methods, METHODS, "method")


def level_problems(level: Any) -> list[str]:
    """Return a sentence if `level` is not a number between 0 and 1."""
    if is_number(level) and 0 < level < 1:
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
    return preset_among(SPARSE_PRESETS, name)
