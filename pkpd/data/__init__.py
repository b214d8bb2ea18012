"""The measured data sets that the package carries, each with its source."""

from __future__ import annotations

from importlib import resources

import pandas

from pkpd.arguments import checked
from pkpd.dosing import bolus, oral
from pkpd.errors import InputError
from pkpd.io import read_study
from pkpd.study import Study

__all__ = ["indomethacin", "theophylline"]

_THEOPHYLLINE = (
    "Boeckmann, Sheiner and Beal (1994) NONMEM Users Guide, Part V; the data set Theoph of R (package datasets)"
)
_INDOMETHACIN = (
    "Kwan, Breault, Umbenhauer, McMahon and Duggan (1976) Kinetics of indomethacin absorption, elimination, and "
    "enterohepatic circulation in man, J Pharmacokinet Biopharm 4:255-280; the data set Indometh of R (datasets)"
)


def __dir__() -> list[str]:
    """Return what Tab shows: what one calls, not the files it stands in."""
    return [*__all__]


@checked
def theophylline(dose: str | None = None) -> Study:
    """Return theophylline in serum of 12 subjects over 25 h after one oral dose.

    Parameters
    ----------
    dose : str, optional
        The same dose for everyone, such as ``"320 mg"``, in place of each subject's own in mg/kg.

    Returns
    -------
    Study
        Analyte ``"theophylline"`` in mg/L, time in h, doses in mg/kg (or the unit of `dose`), weight in kg.

    Raises
    ------
    UnitError
        If `dose` is not an amount with its unit.
    """
    table = _table("theoph.csv")
    people = table.drop_duplicates("Subject")
    given = people.rename(columns={"Dose": "amount"})[["Subject", "amount"]].assign(time=0.0, route="oral")
    plan = None if dose is None else oral(dose)
    return read_study(
        table[["Subject", "Time", "conc"]].assign(analyte="theophylline"),
        given if plan is None else plan,
        people.rename(columns={"Wt": "weight"})[["Subject", "weight"]],
        units={"time": "h", "theophylline": "mg/L", "weight": "kg", "dose": "mg/kg" if plan is None else plan.unit},
        attrs={"source": _THEOPHYLLINE, "synthetic": False},
    )


def indomethacin(dose: str = "25 mg") -> Study:
    """Return indomethacin in plasma of 6 subjects over 8 h after an intravenous bolus at time 0.

    Parameters
    ----------
    dose : str
        The dose of everyone; 25 mg was given.

    Returns
    -------
    Study
        Analyte ``"indomethacin"`` in ug/mL, time in h, doses in mg.

    Raises
    ------
    UnitError
        If `dose` is not an amount with its unit.
    """
    return read_study(
        _table("indometh.csv").assign(analyte="indomethacin"),
        bolus(dose),
        units={"time": "h", "indomethacin": "ug/mL"},
        attrs={"source": _INDOMETHACIN, "synthetic": False},
    )


def _table(name: str) -> pandas.DataFrame:
    file = resources.files("pkpd.data") / name
    if not file.is_file():
        raise InputError(f"the package lacks its data file {name}; expected it beside {__name__}")
    with file.open(encoding="utf-8") as stream:
        return pandas.read_csv(stream)
