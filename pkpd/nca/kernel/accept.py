"""Acceptance: limits that flag, say what they doubt, and never delete."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from pkpd.arrays import Flags
from pkpd.nca.kernel.compute import Computed
from pkpd.nca.kernel.interval_end import SAME
from pkpd.nca.kernel.predose import asked_of, predose_sample
from pkpd.nca.kernel.profiles import Profiles
from pkpd.nca.kernel.rests_on import ALL, END, EVERYTHING, INFINITY, LAST, LINE, PEAK, START, TAU, rests_on
from pkpd.nca.kernel.support import support
from pkpd.nca.rules import Rules

_ROUNDING = 1e-12
_AREAS = {TAU: "AUCtau", LAST: "AUClast", ALL: "AUCall"}


class Doubt(NamedTuple):
    """A limit that one profile does not meet: which profile, in words, and what rests on it."""

    profile: int
    words: str
    bases: frozenset[str]


@dataclass(frozen=True, eq=False)
class Acceptance:
    """Which profiles and numbers meet the limits of the rules.

    Attributes
    ----------
    profiles : int
        Number of profiles.
    doubts : tuple of Doubt
        Every limit that is not met.
    """

    profiles: int
    doubts: tuple[Doubt, ...]

    @property
    def flags(self) -> npt.NDArray[Any]:
        """Limits that a profile does not meet, in words, (profiles,); "" where it meets all."""
        return self._words(lambda doubt: True)

    def of(self, name: str) -> npt.NDArray[Any]:
        """Return the limits that speak against one parameter, in words, (profiles,)."""
        return self.against(rests_on(name))

    def against(self, bases: frozenset[str]) -> npt.NDArray[Any]:
        """Return the limits that speak against what rests on some bases, in words, (profiles,)."""
        return self._words(lambda doubt: bool(doubt.bases & bases))

    def _words(self, concerns: Callable[[Doubt], bool]) -> npt.NDArray[Any]:
        found = np.full(self.profiles, "", dtype=object)
        for doubt in self.doubts:
            if concerns(doubt):
                before = found[doubt.profile]
                found[doubt.profile] = f"{before}; {doubt.words}" if before else doubt.words
        return found


def acceptance(found: Computed, profiles: Profiles, rules: Rules, time: str) -> Acceptance:
    """Return which limits the profiles do not meet.

    Parameters
    ----------
    found : Computed
        The parameters.
    profiles : Profiles
        What they were computed from.
    rules : Rules
        The limits.
    time : str
        Unit of the times.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        doubts = [
            *line(found, rules), *_supported(found, profiles, rules, time), *_infinite(found, rules),
            *_beginning(found, profiles, rules), *_above_limit(found, profiles, rules, time),
        ]  # fmt: skip
    return Acceptance(len(profiles), tuple(doubts))


_OF_THE_LINE = (
    ("accept_r2_adjusted", "lambda_z_r2_adjusted", "adjusted R²", True, LINE),
    ("accept_span", "lambda_z_span", "span", True, LINE),
    ("accept_points", "lambda_z_points", "points", True, LINE),
    ("accept_extrapolated", "auc_extrapolated_obs", "% AUC extrapolated", False, INFINITY),
)


def line(found: Computed, rules: Rules) -> Iterator[Doubt]:
    """Yield what speaks against terminal regressions; one that does not exist fails every limit that there is."""
    for field, name, words, least, base in _OF_THE_LINE:
        limit = getattr(rules, field)
        if limit is None:
            continue
        values = found.of(name)
        good = values >= limit if least else values <= limit
        sign = "<" if least else ">"
        for i in np.flatnonzero(~good).tolist():
            text = f"{words} {values[i]:.4g} {sign} {limit:g}" if np.isfinite(values[i]) else f"no {words}"
            yield Doubt(i, text, frozenset([base]))
    if rules.accept_half_life is not None:
        half, over = found.of("half_life"), found.of("lambda_z_end") - found.of("lambda_z_start")
        for i in np.flatnonzero(half > rules.accept_half_life * over * (1 + _ROUNDING)).tolist():
            text = f"half-life {half[i]:.4g} > {rules.accept_half_life:g} times the {over[i]:.4g} that its line spans"
            yield Doubt(i, text, frozenset([LINE]))


def _supported(found: Computed, profiles: Profiles, rules: Rules, time: str) -> Iterator[Doubt]:
    """Number of measured samples, and how much of the areas they support."""
    if rules.accept_measured is None and rules.accept_unsupported is None:
        return
    known = support(profiles, found.prepared, rules)
    within = np.isfinite(profiles.tau) & (profiles.tau > 0)
    if rules.accept_measured is not None:
        whole, inside = known[LAST].measured, known[TAU].measured
        for i in np.flatnonzero(inside < rules.accept_measured).tolist():
            where, bases = "", [PEAK, TAU]
            if within[i]:
                where = f" from 0 to {profiles.tau[i]:.6g} {time}"
            if whole[i] < rules.accept_measured:
                bases += [LAST, ALL]
            yield Doubt(i, f"measured samples{where} {inside[i]:g} < {rules.accept_measured:g}", frozenset(bases))
    limit = rules.accept_unsupported
    if limit is None:
        return
    texts: dict[tuple[int, str], list[str]] = {}
    for name, one in known.items():
        for i in np.flatnonzero(one.part > limit * (1 + _ROUNDING)).tolist():
            text = (
                f"{one.part[i]:.3g} % not supported by samples > {limit:g} % "
                f"({one.kind[i]} from {one.begin[i]:.6g} to {one.end[i]:.6g} {time})"
            )
            texts.setdefault((i, text), []).append(name)
    for (i, text), names in texts.items():
        yield Doubt(i, f"{', '.join(_AREAS[name] for name in names)} {text}", frozenset(names))


def _infinite(found: Computed, rules: Rules) -> Iterator[Doubt]:
    """An area over the interval that is larger than the one to infinity."""
    limit = rules.accept_above_infinity
    if limit is None:
        return
    # From the observed Clast to the line at tau an area lies between those of both kinds of extrapolation.
    part, whole = found.of("auc_tau"), np.fmax(found.of("auc_inf_obs"), found.of("auc_inf_pred"))
    for i in np.flatnonzero(part > whole * (1 + 0.01 * limit) * (1 + 1e-9)).tolist():
        yield Doubt(i, f"AUCtau {part[i]:.4g} > AUCinf {whole[i]:.4g}", frozenset([TAU]))


def _beginning(found: Computed, profiles: Profiles, rules: Rules) -> Iterator[Doubt]:
    """The area before the first sample of a bolus, and what was there before the dose."""
    limit = rules.accept_back_extrapolated
    if limit is not None:
        back = found.of("auc_back_extrapolated_obs")
        back = np.where(np.isnan(back), found.of("auc_back_extrapolated_last"), back)
        for i in np.flatnonzero(back > limit * (1 + _ROUNDING)).tolist():
            bases = frozenset([START, TAU, LAST, ALL])
            yield Doubt(i, f"{back[i]:.4g} % of AUC back-extrapolated > {limit:g} %", bases)
    limit = rules.accept_predose
    if limit is not None:
        before, top = predose_sample(profiles).value, found.of("cmax")
        high = asked_of(profiles, rules) & (100.0 * before > limit * top * (1 + _ROUNDING))
        for i in np.flatnonzero(high).tolist():
            text = f"predose {before[i]:.4g} > {limit:g} % of Cmax, which is 0"
            if top[i] > 0:
                text = f"predose {before[i]:.4g} is {100.0 * before[i] / top[i]:.4g} % of Cmax > {limit:g} %"
            yield Doubt(i, text, frozenset([EVERYTHING]))


def _above_limit(found: Computed, profiles: Profiles, rules: Rules, time: str) -> Iterator[Doubt]:
    """Samples above the upper limit of quantification; what follows from them depends on where they are."""
    limit = rules.accept_alq
    if limit is None or not profiles.alq.any():
        return
    line, tlast = found.of("lambda_z_start"), found.of("tlast")
    for i in np.flatnonzero(found.prepared.n_alq > limit).tolist():
        own = slice(int(profiles.offsets[i]), int(profiles.offsets[i + 1]))
        times, alq = profiles.times[own], profiles.alq[own] & (profiles.place[own] == 0)
        when, measured = times[alq], times[~profiles.alq[own] & (times >= 0)]
        bases = {PEAK, LAST, ALL, INFINITY}
        tau = profiles.tau[i] if profiles.tau[i] > 0 else np.inf
        bases |= {TAU} if (when <= tau * (1 + SAME)).any() else set()
        bases |= {LINE} if (when >= line[i]).any() else set()
        bases |= {END} if (when >= min(tau * (1 - SAME), tlast[i])).any() else set()
        bases |= {START} if (measured[1:2].size == 0 or (when < measured[1]).any()) else set()
        listed = ", ".join(f"{x:.6g}" for x in when)
        yield Doubt(
            i, f"{len(when)} samples above the upper limit of quantification (at {listed} {time}): Cmax and areas "
            "are lower bounds", frozenset(bases),
        )  # fmt: skip


def not_met(
    limits: Acceptance, names: Sequence[str], bases_of: Callable[[str], frozenset[str]] = rests_on
) -> npt.NDArray[Any]:
    """Return the limits that speak against every number, in words, (profiles, parameters)."""
    table = np.full((limits.profiles, len(names)), "", dtype=object)
    made: dict[frozenset[str], npt.NDArray[Any]] = {}
    for k, name in enumerate(names):
        bases = bases_of(name)
        if bases not in made:
            made[bases] = limits.against(bases)
        table[:, k] = made[bases]
    return table


def accepted(limits: Acceptance) -> Flags:
    """Return which profiles meet every limit, (profiles,)."""
    good: Flags = limits.flags == ""
    return good
