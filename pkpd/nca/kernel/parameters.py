"""The table of parameters: name, symbol, unit, and what CDISC, Phoenix and PKNCA call it (floor 3).

Unit expressions use the words time, amount and volume, which `pkpd.units.resolve` replaces. A CDISC code that
depends on the route is given as (intravenous, extravascular) or (bolus, infusion, extravascular).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from pkpd.errors import InputError, nearest

_C = "amount/volume"
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
    long_name : str
        The name in words.
    cdisc : tuple of str
        PPTESTCD; one per route where it depends on the route; empty where there is none.
    phoenix : tuple of str
        Column names in Phoenix WinNonlin's output.
    pknca : tuple of str
        Names in the R package PKNCA.
    needs_dose : bool
        Whether the dose is divided by, or multiplied with, the concentration.
    """

    name: str
    symbol: str
    unit: str
    long_name: str
    cdisc: tuple[str, ...] = ()
    phoenix: tuple[str, ...] = ()
    pknca: tuple[str, ...] = ()
    needs_dose: bool = False


def _row(
    name: str, symbol: str, unit: str, words: str, cdisc: str = "", phoenix: str = "", pknca: str = "",
    dose: bool = False,
) -> Parameter:  # fmt: skip
    """A row from texts; several names are separated by spaces, "?" among CDISC codes by route is no code."""
    return Parameter(
        name, symbol, unit, words, tuple(cdisc.split()), tuple(phoenix.split()), tuple(pknca.split()), dose
    )


_DESCRIPTION = (
    _row("n_samples", "N", "1", "usable samples, BLQ included", "CNTCONC", "N_Samples", "count_conc"),
    _row("n_blq", "N(BLQ)", "1", "samples below the limit of quantification"),
    _row("n_measured", "N(measured)", "1", "usable samples that are not BLQ", "", "", "count_conc_measured"),
    _row("n_unusable", "N(unusable)", "1", "samples without a finite time and a finite value ≥ 0, set aside"),
    _row("n_after_end", "N(after end)", "1", "samples set aside after a run of BLQ samples that ended the profile"),
    _row("cmax", "Cmax", _C, "largest observed concentration", "CMAX", "Cmax", "cmax"),
    _row("tmax", "Tmax", "time", "time of Cmax, the first if there are several", "TMAX", "Tmax", "tmax"),
    _row("cmin", "Cmin", _C, "smallest concentration up to the end of the dosing interval", "CMIN", "Cmin", "cmin"),
    _row("tmin", "Tmin", "time", "time of Cmin, the first if there are several", "TMIN", "Tmin", "tmin"),
    _row("c0", "C0", _C, "concentration at the time of a bolus", "C0", "C0", "c0"),
    _row("cstart", "Cstart", _C, "concentration observed at the beginning of the interval", "CSTART", "", "cstart"),
    _row("ceoi", "Ceoi", _C, "concentration observed at the end of the infusion", "CEOI", "", "ceoi"),
    _row("ctrough", "Ctrough", _C, "concentration observed at the end of the interval", "CTROUGH", "", "ctrough"),
    _row("ctau", "Ctau", _C, "concentration at the end of the interval, observed or predicted", "", "Ctau", ""),
    _row("tlag", "Tlag", "time", "time of the last sample before the first quantifiable one", "TLAG", "Tlag", "tlag"),
    _row("tfirst", "Tfirst", "time", "time of the first quantifiable concentration", "TFIRST", "", "tfirst"),
    _row("clast", "Clast", _C, "last quantifiable concentration", "CLST", "Clast", "clast.obs"),
    _row("tlast", "Tlast", "time", "time of the last quantifiable concentration", "TLST", "Tlast", "tlast"),
    _row("clast_pred", "Clast,pred", _C, "terminal regression at Tlast", "CLSTP", "Clast_pred", "clast.pred"),
    _row("lambda_z", "λz", "1/time", "terminal rate constant", "LAMZ", "Lambda_z", "lambda.z"),
    _row("lambda_z_intercept", "ln C(0)", "log", "terminal regression at time zero, ln", "", "Lambda_z_intercept"),
    _row("lambda_z_points", "n(λz)", "1", "points of the terminal regression", "LAMZNPT", "No_points_lambda_z",
         "lambda.z.n.points"),
    _row("lambda_z_points_blq", "n BLQ(λz)", "1", "BLQ samples in the terminal regression (Tobit)", "", "",
         "lambda.z.n.points_blq"),
    _row("lambda_z_start", "t1(λz)", "time", "first time of the terminal regression", "LAMZLL", "Lambda_z_lower",
         "lambda.z.time.first"),
    _row("lambda_z_end", "t2(λz)", "time", "last time of the terminal regression", "LAMZUL", "Lambda_z_upper",
         "lambda.z.time.last"),
    _row("lambda_z_r2", "R²", "1", "R² of the terminal regression", "R2", "Rsq", "r.squared"),
    _row("lambda_z_r2_adjusted", "R² adj.", "1", "adjusted R² of the terminal regression", "R2ADJ", "Rsq_adjusted",
         "adj.r.squared"),
    _row("lambda_z_correlation", "r", "1", "correlation of time and ln concentration", "CORRXY", "Corr_XY",
         "lambda.z.corrxy"),
    _row("lambda_z_sd", "s(λz)", "1", "residual SD of the terminal regression by Tobit, ln", "", "", "tobit_residual"),
    _row("lambda_z_span", "span", "1", "time span of the terminal regression in half-lives", "LAMZSPN", "Span",
         "span.ratio"),
    _row("half_life", "t1/2", "time", "terminal half-life", "LAMZHL", "HL_Lambda_z", "half.life"),
)  # fmt: skip

# The areas from which exposure is judged: (suffix of the area, suffix of what follows, words, CDISC, Phoenix).
_BASES = (
    ("last", "last", "to the last quantifiable concentration", "LST", "last"),
    ("all", "all", "to the last sample", "ALL", "all"),
    ("inf_obs", "obs", "to infinity (observed Clast)", "IFO", "INF_obs"),
    ("inf_pred", "pred", "to infinity (predicted Clast)", "IFP", "INF_pred"),
    ("tau", "tau", "over the dosing interval", "TAU", "_TAU"),
)
# PKNCA names an area over an interval by how it goes on after Tlast; here that is the rule `partial`.
_INTERVAL = ("inf.obs", "inf.pred", "last", "all")
_MRT_CODES = {
    "last": "MRTIBLST MRTICLST MRTEVLST", "obs": "MRTIBIFO MRTICIFO MRTEVIFO", "pred": "MRTIBIFP MRTICIFP MRTEVIFP",
}  # fmt: skip
_CL_CODES = {
    "last": "CLLST CLFLST", "all": "CLALL CLFALL", "obs": "CLO CLFO", "pred": "CLP CLFP", "tau": "CLTAU CLFTAU",
}  # fmt: skip
_VZ_CODES = {"obs": "VZO VZFO", "pred": "VZP VZFP", "tau": "VZTAU VZFTAU"}
_VSS_CODES = {"last": "VSSLST", "obs": "VSSO", "pred": "VSSP"}
_EFFECTIVE_CODES = {"last": "EFFHL", "obs": "EFFOHL", "pred": "EFFPHL"}
_KEL_CODES = {"last": "KELLST", "obs": "KELOS", "pred": "KELP"}


def _pknca(stem: str, short: str) -> str:
    """PKNCA's names of what is made of a base: ``cl.obs cl.iv.obs``, ``cl.int.last cl.ivint.last …``."""
    if short != "tau":
        return f"{stem}.{short} {stem}.iv.{short}"
    return " ".join(f"{stem}.{way}.{kind}" for way in ("int", "ivint") for kind in _INTERVAL)


def _areas() -> Iterator[Parameter]:
    """AUC, AUMC and MRT of every base."""
    for area, short, words, code, phoenix in _BASES:
        if short == "tau":
            names = " ".join(f"AUCint.{kind}{end} AUCivint.{kind}{end}" for end in ("", ".dose") for kind in _INTERVAL)
        else:
            names = f"AUC{area.replace('_', '.')} AUCiv{area.replace('_', '.')}"
        title = area.replace("_", ",")
        auc, aumc = names.replace("AUC", "auc"), names.replace("AUC", "aumc")
        yield _row(f"auc_{area}", f"AUC{title}", _AREA, f"AUC {words}", f"AUC{code}", f"AUC{phoenix}", auc)
        yield _row(f"aumc_{area}", f"AUMC{title}", _MOMENT, f"AUMC {words}", f"AUMC{code}", f"AUMC{phoenix}", aumc)
        yield _row(f"mrt_{area}", f"MRT{title}", "time", f"mean residence time {words}", _MRT_CODES.get(short, ""),
                   f"MRT{phoenix}" if short != "tau" else "", _pknca("mrt", short))  # fmt: skip


def _extrapolated() -> Iterator[Parameter]:
    for kind, long in (("obs", "observed"), ("pred", "predicted")):
        code = kind[0].upper()
        yield _row(f"auc_extrapolated_{kind}", f"%AUC extrap.,{kind}", "%", f"part of AUC beyond Tlast ({long} Clast)",
                   f"AUCPE{code}", f"AUC_%Extrap_{kind}", f"aucpext.{kind}")  # fmt: skip
        yield _row(f"auc_back_extrapolated_{kind}", f"%AUC back-extrap.,{kind}", "%",
                   f"part of AUC before the first sample ({long} Clast)", f"AUCPBE{code}",
                   f"AUC_%Back_Ext_{kind}", f"aucivpbextinf.{kind}")  # fmt: skip
        yield _row(f"aumc_extrapolated_{kind}", f"%AUMC extrap.,{kind}", "%",
                   f"part of AUMC beyond Tlast ({long} Clast)", f"AUMCPE{code}", f"AUMC_%Extrap_{kind}")  # fmt: skip
    for base in ("last", "all"):
        yield _row(f"auc_back_extrapolated_{base}", f"%AUC back-extrap.,{base}", "%",
                   f"part of AUC{base} before the first sample", "", "", f"aucivpbext{base}")  # fmt: skip
    yield _row("auc_tau_extrapolated", "%AUCtau extrap.", "%", "part of AUCtau beyond Tlast", "", "AUC_TAU_%Extrap")


def _disposition() -> Iterator[Parameter]:
    """CL, Vz, Vss, kel and effective half-life of every base."""
    for _, short, words, _, _ in _BASES:
        steady = short == "tau"
        infinite = short in ("obs", "pred")
        tail = "at steady state" if steady else f"from the AUC {words}"
        oral = "after extravascular doses"
        phoenix = f"Cl_{short} Cl_F_{short}" if infinite else "CLss CLss_F" if steady else ""
        yield _row(f"cl_{short}", "CLss" if steady else f"CL,{short}", "volume/time", f"clearance {tail}, CL/F {oral}",
                   _CL_CODES[short], phoenix, _pknca("cl", short), True)  # fmt: skip
        phoenix = f"Vz_{short} Vz_F_{short}" if infinite else "Vz Vz_F" if steady else ""
        yield _row(f"vz_{short}", f"Vz,{short}", "volume", f"terminal volume {tail}, Vz/F {oral}",
                   _VZ_CODES.get(short, ""), phoenix, _pknca("vz", short), True)  # fmt: skip
        yield _row(f"vss_{short}", f"Vss,{short}", "volume", f"volume at steady state {tail}",
                   _VSS_CODES.get(short, ""), f"Vss_{short}" if infinite else "", _pknca("vss", short), True,
                   )  # fmt: skip
        yield _row(f"kel_{short}", f"kel,{short}", "1/time", f"elimination rate constant 1/MRT {words}",
                   _KEL_CODES.get(short, ""), "", _pknca("kel", short))  # fmt: skip
        yield _row(f"half_life_effective_{short}", f"t1/2 eff.,{short}", "time",
                   f"effective half-life ln 2·MRT {words}", _EFFECTIVE_CODES.get(short, ""), "",
                   _pknca("thalf.eff", short))  # fmt: skip


_STEADY = (
    _row("cavg", "Cavg", _C, "average concentration AUCtau/tau", "CAVG", "Cavg",
         "cav cav.int.inf.obs cav.int.inf.pred cav.int.last cav.int.all"),
    _row("fluctuation", "%fluctuation", "%", "fluctuation 100·(Cmax − Cmin)/Cavg", "FLUCP", "Fluctuation%",
         "deg.fluc DEGFLUC"),
    _row("fluctuation_tau", "%fluctuation,tau", "%", "fluctuation 100·(Cmax − Ctau)/Cavg", "", "Fluctuation%_Tau"),
    _row("swing", "%swing", "%", "swing 100·(Cmax − Cmin)/Cmin", "SWING", "", "swing"),
    _row("swing_tau", "%swing,tau", "%", "swing 100·(Cmax − Ctau)/Ctau"),
    _row("peak_trough", "Cmax/Ctrough", "1", "peak-trough ratio Cmax/Ctrough", "PTROUGHR", "", "ptr"),
    _row("accumulation_index", "Rac", "1", "accumulation expected from λz: 1/(1 − exp(−λz·tau))", "",
         "Accumulation_Index"),
    _row("mrt_ss_obs", "MRTss,obs", "time", "mean residence time from steady state (observed Clast)", "MRTMDO", "",
         "mrt.md.obs"),
    _row("mrt_ss_pred", "MRTss,pred", "time", "mean residence time from steady state (predicted Clast)", "MRTMDP", "",
         "mrt.md.pred"),
    _row("vss_ss_obs", "Vss,ss,obs", "volume", "volume at steady state from MRTss (observed Clast)", "VSSMDO", "",
         "vss.md.obs", True),
    _row("vss_ss_pred", "Vss,ss,pred", "volume", "volume at steady state from MRTss (predicted Clast)", "VSSMDP", "",
         "vss.md.pred", True),
    _row("auc_above_start", "AUC>Cstart", _AREA, "AUC above the concentration at the beginning", "AUCABVPA", "",
         "aucabove.predose.all"),
    _row("auc_above_trough", "AUC>Ctrough", _AREA, "AUC above the concentration at the end", "AUCABVTA", "",
         "aucabove.trough.all"),
)  # fmt: skip

NORMALISED = (
    "cmax", "cmin", "c0", "clast", "clast_pred", "ctrough", "ctau", "cavg", "auc_last", "auc_all", "auc_inf_obs",
    "auc_inf_pred", "auc_tau", "aumc_last", "aumc_all", "aumc_inf_obs", "aumc_inf_pred", "aumc_tau",
)  # fmt: skip
_PHOENIX_NORMALISED = {
    "cmax": "Cmax_D", "auc_last": "AUClast_D", "auc_inf_obs": "AUCINF_D_obs", "auc_inf_pred": "AUCINF_D_pred",
    "auc_tau": "AUC_TAU_D",
}  # fmt: skip


def _by_dose(row: Parameter) -> Parameter:
    """The same quantity divided by the dose."""
    unit = {_C: "1/volume", _AREA: "time/volume", _MOMENT: "time^2/volume"}[row.unit]
    return replace(
        row, name=f"{row.name}_dose", symbol=f"{row.symbol}/D", unit=unit, long_name=f"{row.long_name}, by dose",
        cdisc=tuple(f"{code}D" for code in row.cdisc), needs_dose=True,
        phoenix=(_PHOENIX_NORMALISED[row.name],) if row.name in _PHOENIX_NORMALISED else (),
        pknca=tuple(f"{name}.dn" for name in row.pknca[:1]),
    )  # fmt: skip


def _table() -> dict[str, Parameter]:
    rows = {row.name: row for row in (*_DESCRIPTION, *_areas(), *_extrapolated(), *_disposition(), *_STEADY)}
    return rows | {f"{name}_dose": _by_dose(rows[name]) for name in NORMALISED}


PARAMETERS: Mapping[str, Parameter] = MappingProxyType(_table())
"""Every parameter by name, in the order of the result."""

NAMES: tuple[str, ...] = tuple(PARAMETERS)
INDEX: Mapping[str, int] = MappingProxyType({name: i for i, name in enumerate(NAMES)})


def _aliases() -> dict[str, str]:
    """Every other name of a parameter; the first parameter that bears it wins."""
    found: dict[str, str] = {}
    for row in PARAMETERS.values():
        for alias in (*row.cdisc, *row.phoenix, *row.pknca):
            found.setdefault(alias, row.name)
    return found


ALIASES: Mapping[str, str] = MappingProxyType(_aliases())
"""CDISC codes and names in Phoenix and PKNCA, with the parameter that each one means."""


def parameter_name(name: str) -> str:
    """Return the name used here of a parameter called by its own, CDISC, Phoenix or PKNCA name.

    Raises
    ------
    InputError
        If there is no such parameter; the nearest name is suggested.
    """
    return parameter_names([name])[0]


def parameter_names(names: Sequence[str]) -> list[str]:
    """Return the names used here of several parameters, see `parameter_name`; all unknown ones are reported."""
    unknown = [name for name in names if name not in PARAMETERS and name not in ALIASES]
    if unknown:
        known = [*PARAMETERS, *ALIASES]
        raise InputError([f"unknown parameter {name!r}; {nearest(name, known)}" for name in unknown], "parameters")
    return [name if name in PARAMETERS else ALIASES[name] for name in names]
