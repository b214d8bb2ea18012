"""Concentration profiles of any length as flat arrays: what the kernel reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt

from pkpd.arrays import Array, Flags, Integers
from pkpd.decimals import difference
from pkpd.dosing import ROUTES, Dose
from pkpd.errors import InputError
from pkpd.nca.keywords import warn_older

BOLUS, INFUSION, ORAL = (ROUTES.index(name) for name in ("bolus", "infusion", "oral"))
NO_ROUTE = -1


# What takes the place of keywords that `Profiles.from_arrays` had.
_NOW = {
    "blq": "values=Marked(values, blq=…)", "chosen": "values=Marked(values, chosen=…)",
    "predose": "….with_predose(time, value)",
}  # fmt: skip


class Marked(NamedTuple):
    """Values with what is known of each sample, every array of one shape.

    Attributes
    ----------
    values : (n, m), (m,) or (samples,)
        Concentrations; NaN is no sample.
    blq : the same, optional
        Which samples are BLQ; None: those below the limit of quantification.
    chosen : the same, optional
        1 for samples that shall be in the terminal regression, -1 for samples that shall not, 0 for neither.
    alq : the same, optional
        Which samples are above the upper limit of quantification; their value is that limit.
    """

    values: npt.ArrayLike
    blq: npt.ArrayLike | None = None
    chosen: npt.ArrayLike | None = None
    alq: npt.ArrayLike | None = None


@dataclass(frozen=True, eq=False)
class Profiles:
    """Profiles one after the other; profile ``i`` owns samples ``offsets[i]:offsets[i + 1]``.

    Samples are in time order within a profile. Times count from the profile's dose.

    Attributes
    ----------
    times, values : (samples,)
        Time after the dose and value of every sample; the value of a BLQ sample is not used.
    blq : (samples,) of bool
        Below the limit of quantification.
    lloq : (samples,)
        That limit, NaN when unknown.
    before : (samples,) of bool
        Drawn before the dose; such a sample is never the C0 of a bolus.
    offsets : (profiles + 1,) of int
        Where each profile begins.
    dose, duration : (profiles,)
        Amount (NaN when unknown) and length of the infusion (0 for the other routes).
    route : (profiles,) of int
        Index into `pkpd.dosing.ROUTES`, -1 when no dose is known.
    first : (profiles,) of bool
        Whether no dose was given before: then the concentration at the time of the dose is zero.
    labels : mapping of str to (profiles,)
        Names of the profiles, e.g. subject and interval.
    tau : (profiles,)
        Length of the dosing interval, or of an interval set by hand; NaN when there is none.
    chosen : (samples,) of int
        1: the user wants the sample in the terminal regression, -1: not in it, 0: as the rules say.
    at_dose : (profiles,) of bool
        Whether the profile begins at its dose; an interval set by hand may begin elsewhere.
    delay : (profiles,)
        Time from the beginning of the profile to its (last) dose; 0 where it begins at its dose.
    outside : (profiles, 4)
        Time and value of the last sample before the profile, and of the first one after an interval set by hand if no
        dose lies between; NaN when there is none. Only values at the ends are made from them.
    cycle : (profiles,)
        Length of the dosing interval from which the smallest value is put in at the dose; `tau` unless it differs.
    alq : (samples,) of bool
        Above the upper limit of quantification.
    uloq : (samples,)
        That limit, NaN when unknown.
    doses_before : (samples,) of int
        Doses of the profile that were given before the sample; those at its time do not count.
    on_dose : (samples,) of bool
        Whether one was given at its time. Only an interval set by hand has such doses beside its first.
    place : (samples,) of int
        −1 or 1: the sample lies before or after an interval set by hand, under the same dose. Such samples give
        `outside` and say on which side of a quantifiable one a BLQ sample lies; nothing else is made of them.
    under : (profiles,) of int
        Route of the dose under which the profile begins; that of `route` unless it begins between two doses.
    """

    OF_SAMPLES: ClassVar[tuple[str, ...]] = (
        "times", "values", "blq", "lloq", "before", "chosen", "alq", "uloq", "doses_before", "on_dose", "place",
    )  # fmt: skip
    OF_PROFILES: ClassVar[tuple[str, ...]] = (
        "dose", "duration", "route", "first", "tau", "at_dose", "delay", "outside", "cycle", "under",
    )  # fmt: skip

    times: Array
    values: Array
    blq: Flags
    lloq: Array
    before: Flags
    offsets: Integers
    dose: Array
    duration: Array
    route: npt.NDArray[np.int8]
    first: Flags
    labels: Mapping[str, npt.NDArray[Any]] = field(default_factory=dict)
    tau: Array = field(default_factory=lambda: np.zeros(0))
    chosen: npt.NDArray[np.int8] = field(default_factory=lambda: np.zeros(0, dtype=np.int8))
    at_dose: Flags = field(default_factory=lambda: np.zeros(0, dtype=bool))
    delay: Array = field(default_factory=lambda: np.zeros(0))
    outside: Array = field(default_factory=lambda: np.zeros((0, 4)))
    cycle: Array = field(default_factory=lambda: np.zeros(0))
    alq: Flags = field(default_factory=lambda: np.zeros(0, dtype=bool))
    uloq: Array = field(default_factory=lambda: np.zeros(0))
    doses_before: Integers = field(default_factory=lambda: np.zeros(0, dtype=np.intp))
    on_dose: Flags = field(default_factory=lambda: np.zeros(0, dtype=bool))
    place: npt.NDArray[np.int8] = field(default_factory=lambda: np.zeros(0, dtype=np.int8))
    under: npt.NDArray[np.int8] = field(default_factory=lambda: np.zeros(0, dtype=np.int8))

    def __post_init__(self) -> None:
        object.__setattr__(self, "labels", MappingProxyType(dict(self.labels)))
        if not len(self.tau):
            object.__setattr__(self, "tau", np.full(len(self), np.nan))
        if not len(self.at_dose):
            object.__setattr__(self, "at_dose", np.ones(len(self), dtype=bool))
        if not len(self.delay):
            object.__setattr__(self, "delay", np.zeros(len(self)))
        if not len(self.chosen):
            object.__setattr__(self, "chosen", np.zeros(len(self.times), dtype=np.int8))
        if not len(self.outside):
            object.__setattr__(self, "outside", np.full((len(self), 4), np.nan))
        if not len(self.cycle):
            object.__setattr__(self, "cycle", self.tau)
        for name, kind in (("alq", bool), ("doses_before", np.intp), ("on_dose", bool), ("place", np.int8)):
            if not len(getattr(self, name)):
                object.__setattr__(self, name, np.zeros(len(self.times), dtype=kind))
        if not len(self.uloq):
            object.__setattr__(self, "uloq", np.full(len(self.times), np.nan))
        if not len(self.under):
            object.__setattr__(self, "under", self.route)
        for array in (*(getattr(self, name) for name in self.OF_SAMPLES), self.offsets):
            array.setflags(write=False)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getstate__(self) -> dict[str, Any]:  # a mapping proxy does not pickle
        return {**self.__dict__, "labels": dict(self.labels)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, labels=MappingProxyType(state["labels"]))

    @property
    def counts(self) -> Integers:
        """Number of samples of every profile."""
        return np.diff(self.offsets)

    @property
    def owner(self) -> Integers:
        """Profile that every sample belongs to."""
        return np.repeat(np.arange(len(self)), self.counts)

    def part(self, begin: int, end: int) -> Profiles:
        """Return the profiles from one position to another (which does not belong)."""
        if begin == 0 and end == len(self):
            return self
        a, b = int(self.offsets[begin]), int(self.offsets[end])
        samples = {f: getattr(self, f)[a:b] for f in self.OF_SAMPLES}
        own = {f: getattr(self, f)[begin:end] for f in self.OF_PROFILES}
        labels = {name: values[begin:end] for name, values in self.labels.items()}
        return Profiles(**samples, **own, offsets=self.offsets[begin : end + 1] - a, labels=labels)

    @classmethod
    def from_arrays(
        cls,
        times: npt.ArrayLike,
        values: npt.ArrayLike | Marked,
        *,
        dose: Dose | Sequence[Dose | None] | None = None,
        offsets: npt.ArrayLike | None = None,
        lloq: npt.ArrayLike = np.nan,
        tau: npt.ArrayLike = np.nan,
        **older: Any,
    ) -> Profiles:
        """Return profiles from arrays, without a study; the way in for simulated designs.

        Parameters
        ----------
        times : (m,), (n, m) or (samples,)
            Times on the clock of `dose.time`; one row for all profiles, or one per profile.
        values : (n, m), (m,) or (samples,), or Marked
            Concentrations; n profiles with m samples, or flat together with `offsets`. NaN is no sample. `Marked` says
            of each whether it is BLQ or chosen for the terminal regression.
        dose : Dose or sequence of Dose or None
            The dose of all profiles, or one for each; None when there is none. Every dose counts as the first one.
        offsets : (n + 1,) of int, optional
            Where each profile begins in flat arrays.
        lloq : number or as `values`
            Limit of quantification; samples below it are BLQ unless `values` are marked.
        tau : number or (n,)
            Length of the dosing interval.
        **older
            `blq` and `chosen` outside `Marked`, and `predose` (see `with_predose`); they warn.

        Raises
        ------
        InputError
            If the shapes do not fit each other.
        """
        warn_older(older, _NOW, "from_arrays")
        marked = values if isinstance(values, Marked) else Marked(values, older.get("blq"), older.get("chosen"))
        value = np.asarray(marked.values, dtype=np.float64)
        time = np.asarray(times, dtype=np.float64)
        try:
            start = _offsets(value, offsets)
            time = np.array(np.broadcast_to(time, value.shape)).reshape(-1)
            limit = np.ascontiguousarray(np.broadcast_to(np.asarray(lloq, dtype=np.float64), value.shape)).reshape(-1)
            nothing = np.zeros(value.shape)
            below = _flat(marked.blq, value < limit.reshape(value.shape), bool)
            marks, above = _flat(marked.chosen, nothing, np.int8), _flat(marked.alq, nothing, bool)
            n = len(start) - 1
            interval = np.broadcast_to(np.asarray(tau, dtype=np.float64), (n,)).copy()
        except ValueError as error:
            raise InputError(f"the arrays do not fit each other: {error}", "profiles") from None
        amount, duration, route, origin = _doses(dose, n)
        shifted = difference(time, np.repeat(origin, np.diff(start))) if origin.any() else time
        profiles = cls(
            times=shifted, values=np.where(above, np.nan, value.reshape(-1)), blq=below, lloq=limit, alq=above,
            uloq=np.where(above, value.reshape(-1), np.nan),
            before=np.zeros(len(time), dtype=bool), offsets=start, dose=amount, duration=duration, route=route,
            first=np.ones(n, dtype=bool), tau=interval, chosen=marks,
        ).in_time_order()  # fmt: skip
        return profiles.with_predose(*older["predose"]) if "predose" in older else profiles

    def with_predose(self, time: npt.ArrayLike, value: npt.ArrayLike) -> Profiles:
        """Return the same profiles with the last sample before each dose, used by rules that ask for it.

        Parameters
        ----------
        time, value : number or (n,)
            Time after the dose (so it is negative) and concentration; NaN is no sample.

        Raises
        ------
        InputError
            If the shapes do not fit.
        """
        outside = self.outside.copy()
        try:
            outside[:, 0], outside[:, 1] = np.asarray(time, float), np.asarray(value, float)
        except ValueError as error:
            raise InputError(f"the arrays do not fit each other: {error}", "profiles") from None
        return replace(self, outside=outside)

    def in_time_order(self) -> Profiles:
        """Return the same profiles with every one's samples sorted by time, those before the dose first."""
        owner = self.owner
        inside = owner[1:] == owner[:-1]
        if bool(np.all((self.times[1:] > self.times[:-1]) | ~inside)):
            return self
        order = np.lexsort((~self.before, self.times, owner))
        return replace(self, **{name: getattr(self, name)[order] for name in self.OF_SAMPLES})


def _flat(given: npt.ArrayLike | None, otherwise: Array | Flags, kind: Any) -> npt.NDArray[Any]:
    """What is said of every sample, flat; something else where nothing is said."""
    said = otherwise if given is None else np.asarray(given, dtype=kind)
    return np.broadcast_to(said, otherwise.shape).astype(kind).reshape(-1)


def _offsets(value: Array, offsets: npt.ArrayLike | None) -> Integers:
    """Where each profile begins: every row of a 2-D array is a profile, a 1-D array is one."""
    if offsets is None:
        if value.ndim not in (1, 2):
            raise ValueError(f"values have {value.ndim} dimensions, expected 1 or 2")
        rows, width = (1, value.size) if value.ndim == 1 else value.shape
        return np.arange(rows + 1, dtype=np.intp) * np.intp(width)
    start = np.array(offsets, dtype=np.intp)
    if value.ndim != 1 or start.ndim != 1 or len(start) == 0 or start[0] != 0 or start[-1] != value.size:
        raise ValueError("offsets need flat values, begin with 0 and end with their number")
    if bool(np.any(np.diff(start) < 0)):
        raise ValueError("offsets fall")
    return start


def _doses(dose: Dose | Sequence[Dose | None] | None, n: int) -> tuple[Array, Array, npt.NDArray[np.int8], Array]:
    """Amount, duration, route and time of every profile's dose."""
    if isinstance(dose, Dose) or dose is None:
        given: Sequence[Dose | None] = [dose]
    else:
        given = dose
        if len(given) != n:
            raise InputError(f"{len(given)} doses for {n} profiles; expected one for each", "profiles")
    rows = [(np.nan, 0.0, NO_ROUTE, 0.0) if d is None else (d.amount, d.duration, ROUTES.index(d.route), d.time)
            for d in given]  # fmt: skip
    table = np.asarray(rows, dtype=np.float64).reshape(len(rows), 4)
    if len(rows) != n:
        table = np.repeat(table, n, axis=0)
    amount, duration, route, origin = (np.ascontiguousarray(column) for column in table.T)
    return amount, duration, route.astype(np.int8), origin
