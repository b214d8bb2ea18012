"""The table of parameters: name, symbol, unit, CDISC code, Phoenix column (floor 3).

Unit expressions use the words time, amount and volume, which `pkpd.units.resolve` replaces. A CDISC code that
depends on the route is given as (intravenous, extravascular) or (bolus, infusion, extravascular).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

_CONCENTRATION = "amount/volume"
_AREA = "time*amount/volume"
_MOMENT = "time^2*amount/volume"


@dataclass(frozen=True, slots=True)
class Parameter:
    """One row of the table.

    Attributes
    ----------
    name : str
        Name of the variable in the result.
    symbol : str
        What the field writes; after extravascular doses CL and Vz stand for CL/F and Vz/F.
    unit : str
        Unit in the words time, amount and volume; ``"1"`` without, ``"%"`` percent, ``"log"`` a logarithm.
    cdisc : tuple of str
        PPTESTCD; one per route where it depends on the route; empty where there is none.
    phoenix : tuple of str
        Column names in Phoenix WinNonlin's output.
    long_name : str
        The name in words.
    needs_dose : bool
        Whether the dose is divided by, or multiplied with, the concentration.
    """

    name: str
    symbol: str
    unit: str
    cdisc: tuple[str, ...]
    phoenix: tuple[str, ...]
    long_name: str
    needs_dose: bool = False


def _both(name: str, symbol: str, unit: str, cdisc: tuple[str, str], phoenix: str, words: str) -> list[Parameter]:
    """Rows of a parameter that comes in two kinds: from the observed and from the predicted last concentration."""
    return [
        Parameter(f"{name}_{kind}", f"{symbol},{kind}", unit, codes, (f"{phoenix}_{kind}",), f"{words} ({long} Clast)")
        for kind, long, codes in (
            ("obs", "observed", tuple(c.replace("?", "O") for c in cdisc if c)),
            ("pred", "predicted", tuple(c.replace("?", "P") for c in cdisc if c)),
        )
    ]


def _dosed(name: str, symbol: str, unit: str, cdisc: tuple[str, str], phoenix: str, words: str) -> list[Parameter]:
    """Rows as of `_both` that need the dose; volumes and clearances have a Phoenix column with and without F."""
    rows = []
    for row in _both(name, symbol, unit, cdisc, phoenix, words):
        plain = row.phoenix[0]
        columns = (plain, plain.replace("_", "_F_", 1)) if name in ("cl", "vz") else (plain,)
        rows.append(Parameter(row.name, row.symbol, unit, row.cdisc, columns, row.long_name, True))
    return rows


def _normalised(kind: str, long: str) -> Parameter:
    name, code = f"auc_inf_{kind}_dose", f"AUCIF{kind[0].upper()}D"
    words = f"AUC to infinity ({long} Clast) by dose"
    return Parameter(name, f"AUCinf,{kind}/D", "time/volume", (code,), (f"AUCINF_D_{kind}",), words, True)


_P = Parameter
_TABLE: tuple[Parameter, ...] = (
    _P("n_samples", "N", "1", ("CNTCONC",), ("N_Samples",), "usable samples, BLQ included"),
    _P("n_blq", "N(BLQ)", "1", (), (), "samples below the limit of quantification"),
    _P("n_unusable", "N(unusable)", "1", (), (), "samples without a finite time and a finite value ≥ 0, set aside"),
    _P("cmax", "Cmax", _CONCENTRATION, ("CMAX",), ("Cmax",), "largest observed concentration"),
    _P("tmax", "Tmax", "time", ("TMAX",), ("Tmax",), "time of Cmax, the first if there are several"),
    _P("cmax_dose", "Cmax/D", "1/volume", ("CMAXD",), ("Cmax_D",), "Cmax by dose", True),
    _P("c0", "C0", _CONCENTRATION, ("C0",), ("C0",), "concentration at the time of a bolus"),
    _P("tlag", "Tlag", "time", ("TLAG",), ("Tlag",), "time of the last sample before the first quantifiable one"),
    _P("clast", "Clast", _CONCENTRATION, ("CLST",), ("Clast",), "last quantifiable concentration"),
    _P("tlast", "Tlast", "time", ("TLST",), ("Tlast",), "time of the last quantifiable concentration"),
    _P("clast_pred", "Clast,pred", _CONCENTRATION, ("CLSTP",), ("Clast_pred",), "terminal regression at Tlast"),
    _P("lambda_z", "λz", "1/time", ("LAMZ",), ("Lambda_z",), "terminal rate constant"),
    _P("lambda_z_intercept", "ln C(0)", "log", (), ("Lambda_z_intercept",), "terminal regression at time zero, ln"),
    _P("lambda_z_points", "n(λz)", "1", ("LAMZNPT",), ("No_points_lambda_z",), "points of the terminal regression"),
    _P("lambda_z_start", "t1(λz)", "time", ("LAMZLL",), ("Lambda_z_lower",), "first time of the terminal regression"),
    _P("lambda_z_end", "t2(λz)", "time", ("LAMZUL",), ("Lambda_z_upper",), "last time of the terminal regression"),
    _P("lambda_z_r2", "R²", "1", ("R2",), ("Rsq",), "R² of the terminal regression"),
    _P("lambda_z_r2_adjusted", "R² adj.", "1", ("R2ADJ",), ("Rsq_adjusted",), "adjusted R² of the terminal regression"),
    _P("lambda_z_correlation", "r", "1", ("CORRXY",), ("Corr_XY",), "correlation of time and ln concentration"),
    _P("lambda_z_span", "span", "1", ("LAMZSPN",), ("Span",), "time span of the terminal regression in half-lives"),
    _P("half_life", "t1/2", "time", ("LAMZHL",), ("HL_Lambda_z",), "terminal half-life"),
    _P("auc_last", "AUClast", _AREA, ("AUCLST",), ("AUClast",), "AUC to the last quantifiable concentration"),
    _P("auc_all", "AUCall", _AREA, ("AUCALL",), ("AUCall",), "AUC to the last sample"),
    *_both("auc_inf", "AUCinf", _AREA, ("AUCIF?", ""), "AUCINF", "AUC to infinity"),
    _P("auc_last_dose", "AUClast/D", "time/volume", ("AUCLSTD",), ("AUClast_D",), "AUClast by dose", True),
    _normalised("obs", "observed"),
    _normalised("pred", "predicted"),
    *_both("auc_extrapolated", "%AUC extrap.", "%", ("AUCPE?", ""), "AUC_%Extrap", "part of AUC beyond Tlast"),
    *_both(
        "auc_back_extrapolated", "%AUC back-extrap.", "%", ("AUCPBE?", ""), "AUC_%Back_Ext",
        "part of AUC before the first sample",
    ),
    _P("aumc_last", "AUMClast", _MOMENT, ("AUMCLST",), ("AUMClast",), "AUMC to the last quantifiable concentration"),
    *_both("aumc_inf", "AUMCinf", _MOMENT, ("AUMCIF?", ""), "AUMCINF", "AUMC to infinity"),
    *_both("aumc_extrapolated", "%AUMC extrap.", "%", ("AUMCPE?", ""), "AUMC_%Extrap", "part of AUMC beyond Tlast"),
    _P(
        "mrt_last", "MRTlast", "time", ("MRTIBLST", "MRTICLST", "MRTEVLST"), ("MRTlast",),
        "mean residence time up to Tlast",
    ),
    *(
        _P(row.name, row.symbol, row.unit, codes, row.phoenix, row.long_name)
        for row, codes in zip(
            _both("mrt_inf", "MRTinf", "time", ("", ""), "MRTINF", "mean residence time"),
            (("MRTIBIFO", "MRTICIFO", "MRTEVIFO"), ("MRTIBIFP", "MRTICIFP", "MRTEVIFP")),
            strict=True,
        )
    ),
    *_dosed("cl", "CL", "volume/time", ("CL?", "CLF?"), "Cl", "clearance, CL/F after extravascular doses"),
    *_dosed("vz", "Vz", "volume", ("VZ?", "VZF?"), "Vz", "terminal volume, Vz/F after extravascular doses"),
    *_dosed("vss", "Vss", "volume", ("VSS?", ""), "Vss", "volume at steady state"),
)  # fmt: skip

PARAMETERS: Mapping[str, Parameter] = MappingProxyType({row.name: row for row in _TABLE})
"""Every parameter by name, in the order of the result."""

NAMES: tuple[str, ...] = tuple(PARAMETERS)
