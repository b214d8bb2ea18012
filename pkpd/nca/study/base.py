"""In which units an analysis computes, and in which its numbers are shown: the only place that decides.

Inside, amounts are in the amount unit of the concentration, so that dose over concentration needs no factor. Shown are
the study's own units: doses and what is divided by them in the unit of the dose, volumes in the unit that people write
for dose over concentration.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from pkpd import units
from pkpd.arrays import Array
from pkpd.study import Study


@dataclass(frozen=True)
class Base:
    """Units for the words time, amount and volume.

    Attributes
    ----------
    words : mapping
        As they are shown.
    inside : mapping
        As they are computed with.
    own : str
        The analyte's unit.
    concentration : bool
        Whether it is one.
    dose : str
        Unit of the doses; "" where it is not known.
    ratio : float
        What a dose in the unit shown is multiplied with to be in the one computed with.
    """

    words: Mapping[str, str]
    inside: Mapping[str, str]
    own: str
    concentration: bool
    dose: str
    ratio: float

    @classmethod
    def of(cls, study: Study, analyte: str, dose_unit: str | None) -> Base:
        """Derive them from the units of a study."""
        own, time = study.units.get(analyte, "1"), study.units["time"]
        if not units.is_kind(own, "concentration"):
            words = {"time": time, "amount": own, "volume": "1"}
            known = dose_unit or study.units.get("dose", "")
            return cls(words, words, units.show(own), False, units.show(known) if known else "", 1.0)
        dose = dose_unit or study.units.get("dose", "mg")
        amount, volume, ratio = units.coherent(dose, own)
        shown = {"time": time, "amount": units.show(dose), "volume": volume_of(study, dose, own)}
        return cls(
            shown, {"time": time, "amount": amount, "volume": volume}, units.show(own), True, units.show(dose), ratio
        )

    def unit(self, expression: str) -> str:
        """Return the unit in which a parameter is shown whose own is written in the words time, amount and volume."""
        if expression in ("1", "%"):
            return expression
        if expression == "log":
            return f"ln({self.own})"
        if expression == "amount/volume":
            return self.own
        if not self.concentration:
            return units.resolve(expression, self.words)
        if "amount/volume" in expression:
            return units.resolve(expression.replace("amount/volume", f"({self.own})"), self.words)
        if expression.endswith("/volume"):  # by dose
            if self.ratio == 1:
                return units.resolve(expression, self.inside)
            times = "" if expression == "1/volume" else expression.removesuffix("/volume") + "*"
            dose = self.words["amount"]
            return f"{units.resolve(f'{times}({self.own})', self.words)}/{f'({dose})' if '/' in dose else dose}"
        return units.resolve(expression, self.words)

    def shown(self, expression: str, values: Array) -> Array:
        """Return numbers of a parameter, as computed, in the unit in which it is shown."""
        if not self.concentration or "amount/volume" in expression or "volume" not in expression:
            return values
        if expression.endswith("/volume"):
            return scaled(values, self.ratio)
        return scaled(values, units.factor(self.inside["volume"], self.words["volume"]))


def volume_of(study: Study, dose_unit: str, concentration_unit: str) -> str:
    """Return the unit of volumes of distribution: the one that the study states for nothing else, or the usual one.

    Parameters
    ----------
    study : Study
        Whose units.
    dose_unit, concentration_unit : str
        Units of dose and concentration.
    """
    stated = study.units.get("volume")
    if stated is None or "volume" in study.assumed_units or bool(study.observations["volume"].notna().any()):
        return units.usual_volume(dose_unit, concentration_unit)
    return units.show(f"{stated}/kg" if units.per_kg(dose_unit) and not units.per_kg(stated) else stated)


def scaled(values: Array, ratio: float) -> Array:
    """Return values times a ratio, rounded once: a ratio that is one by a whole number divides by that number."""
    whole = round(1 / ratio) if 0 < ratio < 1 else 0
    if whole and math.isclose(whole * ratio, 1.0, rel_tol=1e-12):
        return np.asarray(values / whole)
    return np.asarray(values * ratio)
