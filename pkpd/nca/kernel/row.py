"""One row of the table of parameters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from pkpd.arrays import Integers
from pkpd.nca import methods
from pkpd.nca.kernel.analysis import Formula
from pkpd.nca.kernel.prepare import Prepared
from pkpd.nca.rules import Rules


class Elsewhere(NamedTuple):
    """What others call a parameter; several names are separated by spaces, "" where there is none.

    Attributes
    ----------
    cdisc : str
        PPTESTCD; one per route where it depends on the route; "?" among codes by route is no code.
    phoenix, pknca : str
        Column names in Phoenix WinNonlin's output, names in the R package PKNCA.
    """

    cdisc: str = ""
    phoenix: str = ""
    pknca: str = ""


_NOWHERE = Elsewhere()


@dataclass(frozen=True, slots=True)
class NcaParameter:
    """One row of the table.

    Attributes
    ----------
    name : str
        Name of the variable in the result.
    symbol : str
        What the field writes; after extravascular doses CL and Vz stand for CL/F and Vz/F.
    unit : str
        Unit in the words time, amount and volume; ``"1"`` without, ``"%"`` percent, ``"log"`` a logarithm.
    long_name : str
        The name in words.
    elsewhere : Elsewhere
        Its names in CDISC, Phoenix and PKNCA.
    column : callable or None
        Makes its values and reasons from the analysis of a block, on the scale of the block.
    count : callable or None
        For a count of samples: makes it from the prepared samples of all profiles.
    as_observed : bool
        Whether `column` gives numbers as they were observed instead, not scaled.
    positive : bool
        Whether it must be positive: then a zero can only be a number too small to represent.
    needs_dose : bool
        Whether the dose is divided by, or multiplied with, the concentration.
    formula : str
        How it is made, in symbols; "" where there is no formula.
    method : callable
        The rule that it depends on most, in words.
    """

    name: str
    symbol: str
    unit: str
    long_name: str
    elsewhere: Elsewhere = _NOWHERE
    column: Formula | None = field(default=None, repr=False)
    count: Callable[[Prepared], Integers] | None = field(default=None, repr=False)
    as_observed: bool = False
    positive: bool = False
    needs_dose: bool = False
    formula: str = ""
    method: Callable[[Rules], str] = field(default=methods.observed, repr=False)

    @property
    def cdisc(self) -> tuple[str, ...]:
        """PPTESTCD; one per route where it depends on the route; empty where there is none."""
        return tuple(self.elsewhere.cdisc.split())

    @property
    def phoenix(self) -> tuple[str, ...]:
        """Column names in Phoenix WinNonlin's output."""
        return tuple(self.elsewhere.phoenix.split())

    @property
    def pknca(self) -> tuple[str, ...]:
        """Names in the R package PKNCA."""
        return tuple(self.elsewhere.pknca.split())
