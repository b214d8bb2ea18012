"""The table of parameters: name, unit, the function that makes it, and its other names, one row each.

A new parameter is one row here and one function of the analysis of a block, beside those that it resembles.
Unit expressions use the words time, amount and volume, which `pkpd.units.resolve` replaces. A CDISC code that
depends on the route is given as (intravenous, extravascular) or (bolus, infusion, extravascular).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from types import MappingProxyType
from typing import Any

from pkpd.arguments import checked
from pkpd.errors import InputError, nearest
from pkpd.nca import methods
from pkpd.nca.kernel import disposition, exposure, observed, regression, steady
from pkpd.nca.kernel.row import Elsewhere, NcaParameter

_C = "amount/volume"
_AREA = "time*amount/volume"
_MOMENT = "time^2*amount/volume"
_BY_DOSE = {_C: "1/volume", _AREA: "time/volume", _MOMENT: "time^2/volume"}
_SUM, _MOMENT_SUM = "sum of the trapezoids", "sum of the trapezoids of t·C"


_P, _E = NcaParameter, Elsewhere


def _all(rows: Iterable[NcaParameter], **fields: Any) -> Iterator[NcaParameter]:
    """The rows with some fields that they have in common."""
    return (replace(row, **fields) for row in rows)


_COUNTS = (
    _P("n_samples", "N", "1", "usable samples, BLQ included", _E("CNTCONC", "N_Samples", "count_conc"),
       count=lambda ready: ready.n_samples),
    _P("n_blq", "N(BLQ)", "1", "samples below the limit of quantification", count=lambda ready: ready.n_blq),
    _P("n_alq", "N(ALQ)", "1", "samples above the upper limit of quantification", count=lambda ready: ready.n_alq),
    _P("n_measured", "N(measured)", "1", "usable samples within the limits of quantification",
       _E(pknca="count_conc_measured"), count=lambda ready: ready.n_measured),
    _P("n_unusable", "N(unusable)", "1", "samples without a finite time and a finite value ≥ 0, set aside",
       count=lambda ready: ready.n_unusable),
    _P("n_after_end", "N(after end)", "1", "samples set aside after a run of BLQ samples that ended the profile",
       count=lambda ready: ready.n_after_end),
)  # fmt: skip
_OBSERVED = (
    _P("cmax", "Cmax", _C, "largest observed concentration", _E("CMAX", "Cmax", "cmax"), observed.cmax,
       as_observed=True),
    _P("tmax", "Tmax", "time", "time of Cmax, the first if there are several", _E("TMAX", "Tmax", "tmax"),
       observed.tmax, as_observed=True),
    _P("cmin", "Cmin", _C, "smallest concentration up to the end of the dosing interval", _E("CMIN", "Cmin", "cmin"),
       observed.cmin, as_observed=True),
    _P("tmin", "Tmin", "time", "time of Cmin, the first if there are several", _E("TMIN", "Tmin", "tmin"),
       observed.tmin, as_observed=True),
    _P("c0", "C0", _C, "concentration at the time of a bolus", _E("C0", "C0", "c0"), observed.c0,
       method=methods.initial),
    _P("cstart", "Cstart", _C, "concentration observed at the beginning of the interval", _E("CSTART", "", "cstart"),
       observed.cstart, as_observed=True),
    _P("ceoi", "Ceoi", _C, "concentration observed at the end of the infusion", _E("CEOI", "", "ceoi"), observed.ceoi,
       as_observed=True),
    _P("ctrough", "Ctrough", _C, "concentration observed at the end of the interval", _E("CTROUGH", "", "ctrough"),
       observed.ctrough, as_observed=True),
    _P("ctau", "Ctau", _C, "concentration at the end of the interval, observed or predicted", _E(phoenix="Ctau"),
       steady.ctau, method=methods.over_tau),
    _P("tlag", "Tlag", "time", "time of the last sample before the first quantifiable one", _E("TLAG", "Tlag", "tlag"),
       observed.tlag),
    _P("tfirst", "Tfirst", "time", "time of the first quantifiable concentration", _E("TFIRST", "", "tfirst"),
       observed.tfirst, as_observed=True),
    _P("clast", "Clast", _C, "last quantifiable concentration", _E("CLST", "Clast", "clast.obs"), observed.clast,
       as_observed=True),
    _P("tlast", "Tlast", "time", "time of the last quantifiable concentration", _E("TLST", "Tlast", "tlast"),
       observed.tlast, as_observed=True),
)  # fmt: skip
_REGRESSION = tuple(_all((
    _P("clast_pred", "Clast,pred", _C, "terminal regression at Tlast", _E("CLSTP", "Clast_pred", "clast.pred"),
       regression.clast_pred, positive=True, formula="exp(intercept − λz·Tlast)"),
    _P("lambda_z", "λz", "1/time", "terminal rate constant", _E("LAMZ", "Lambda_z", "lambda.z"),
       regression.terminal_rate_constant, positive=True, formula="minus the slope of ln concentration against time"),
    _P("lambda_z_intercept", "ln C(0)", "log", "terminal regression at time zero, ln", _E(phoenix="Lambda_z_intercept"),
       regression.intercept),
    _P("lambda_z_points", "n(λz)", "1", "points of the terminal regression",
       _E("LAMZNPT", "No_points_lambda_z", "lambda.z.n.points"), regression.points),
    _P("lambda_z_points_blq", "n BLQ(λz)", "1", "BLQ samples in the terminal regression (Tobit)",
       _E(pknca="lambda.z.n.points_blq"), regression.points_blq),
    _P("lambda_z_start", "t1(λz)", "time", "first time of the terminal regression",
       _E("LAMZLL", "Lambda_z_lower", "lambda.z.time.first"), regression.start),
    _P("lambda_z_end", "t2(λz)", "time", "last time of the terminal regression",
       _E("LAMZUL", "Lambda_z_upper", "lambda.z.time.last"), regression.end),
    _P("lambda_z_r2", "R²", "1", "R² of the terminal regression", _E("R2", "Rsq", "r.squared"), regression.r2),
    _P("lambda_z_r2_adjusted", "R² adj.", "1", "adjusted R² of the terminal regression",
       _E("R2ADJ", "Rsq_adjusted", "adj.r.squared"), regression.r2_adjusted),
    _P("lambda_z_correlation", "r", "1", "correlation of time and ln concentration",
       _E("CORRXY", "Corr_XY", "lambda.z.corrxy"), regression.correlation),
    _P("lambda_z_sd", "s(λz)", "1", "residual SD of the terminal regression by Tobit, ln", _E(pknca="tobit_residual"),
       regression.residual_sd),
    _P("lambda_z_span", "span", "1", "time span of the terminal regression in half-lives",
       _E("LAMZSPN", "Span", "span.ratio"), regression.span),
    _P("half_life", "t1/2", "time", "terminal half-life", _E("LAMZHL", "HL_Lambda_z", "half.life"),
       regression.half_life, positive=True, formula="ln 2/λz"),
), method=methods.regression))  # fmt: skip

# The areas from which exposure is judged: (suffix of the area, suffix of what follows, words, CDISC, Phoenix).
_BASES = (
    ("last", "last", "to the last quantifiable concentration", "LST", "last"),
    ("all", "all", "to the last sample", "ALL", "all"),
    ("inf_obs", "obs", "to infinity (observed Clast)", "IFO", "INF_obs"),
    ("inf_pred", "pred", "to infinity (predicted Clast)", "IFP", "INF_pred"),
    ("tau", "tau", "over the dosing interval", "TAU", "_TAU"),
)
_METHODS = {
    "last": methods.trapezoids, "all": methods.trapezoids, "obs": methods.extrapolated, "pred": methods.extrapolated,
    "tau": methods.over_tau,
}  # fmt: skip
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


def _areas() -> Iterator[NcaParameter]:
    """AUC, AUMC and MRT of every base."""
    for area, short, words, code, phoenix in _BASES:
        if short == "tau":
            names = " ".join(f"AUCint.{kind}{end} AUCivint.{kind}{end}" for end in ("", ".dose") for kind in _INTERVAL)
        else:
            names = f"AUC{area.replace('_', '.')} AUCiv{area.replace('_', '.')}"
        title, infinite = area.replace("_", ","), short in ("obs", "pred")
        made = steady if short == "tau" else exposure
        yield _P(f"auc_{area}", f"AUC{title}", _AREA, f"AUC {words}",
                 _E(f"AUC{code}", f"AUC{phoenix}", names.replace("AUC", "auc")), getattr(made, f"auc_{area}"),
                 positive=infinite, formula="AUClast + Clast/λz" if infinite else _SUM, method=_METHODS[short],
                 )  # fmt: skip
        yield _P(f"aumc_{area}", f"AUMC{title}", _MOMENT, f"AUMC {words}",
                 _E(f"AUMC{code}", f"AUMC{phoenix}", names.replace("AUC", "aumc")), getattr(made, f"aumc_{area}"),
                 positive=infinite, formula="AUMClast + Tlast·Clast/λz + Clast/λz²" if infinite else _MOMENT_SUM,
                 method=_METHODS[short])  # fmt: skip
        yield _P(f"mrt_{area}", f"MRT{title}", "time", f"mean residence time {words}",
                 _E(_MRT_CODES.get(short, ""), "" if short == "tau" else f"MRT{phoenix}", _pknca("mrt", short)),
                 partial(disposition.mrt, area=f"auc_{area}", moment=f"aumc_{area}"), positive=infinite,
                 formula="AUMC/AUC − T/2 (T: length of the infusion)", method=_METHODS[short])  # fmt: skip


def _extrapolated() -> Iterator[NcaParameter]:
    """The parts of areas and moments that lie beyond the samples."""
    for kind, long in (("obs", "observed"), ("pred", "predicted")):
        code = kind[0].upper()
        yield _P(f"auc_extrapolated_{kind}", f"%AUC extrap.,{kind}", "%", f"part of AUC beyond Tlast ({long} Clast)",
                 _E(f"AUCPE{code}", f"AUC_%Extrap_{kind}", f"aucpext.{kind}"),
                 getattr(exposure, f"auc_extrapolated_{kind}"), formula="100·(Clast/λz)/AUCinf",
                 method=methods.extrapolated)  # fmt: skip
        yield _P(f"auc_back_extrapolated_{kind}", f"%AUC back-extrap.,{kind}", "%",
                 f"part of AUC before the first sample ({long} Clast)",
                 _E(f"AUCPBE{code}", f"AUC_%Back_Ext_{kind}", f"aucivpbextinf.{kind}"),
                 partial(exposure.back_extrapolated, area=f"auc_inf_{kind}"), formula=_SUM,
                 method=methods.extrapolated)  # fmt: skip
        yield _P(f"aumc_extrapolated_{kind}", f"%AUMC extrap.,{kind}", "%", f"part of AUMC beyond Tlast ({long} Clast)",
                 _E(f"AUMCPE{code}", f"AUMC_%Extrap_{kind}"), getattr(exposure, f"aumc_extrapolated_{kind}"),
                 formula="100·(Tlast·Clast/λz + Clast/λz²)/AUMCinf", method=methods.extrapolated)  # fmt: skip
    for base in ("last", "all"):
        yield _P(f"auc_back_extrapolated_{base}", f"%AUC back-extrap.,{base}", "%",
                 f"part of AUC{base} before the first sample", _E(pknca=f"aucivpbext{base}"),
                 partial(exposure.back_extrapolated, area=f"auc_{base}"), formula=_SUM, method=methods.trapezoids,
                 )  # fmt: skip
    yield _P("auc_tau_extrapolated", "%AUCtau extrap.", "%", "part of AUCtau beyond Tlast",
             _E(phoenix="AUC_TAU_%Extrap"), steady.auc_tau_extrapolated, formula=_SUM, method=methods.over_tau,
             )  # fmt: skip


def _disposition() -> Iterator[NcaParameter]:
    """CL, Vz, Vss, kel and effective half-life of every base."""
    for area, short, words, _, _ in _BASES:
        at_steady_state, infinite, method = short == "tau", short in ("obs", "pred"), _METHODS[short]
        tail = "at steady state" if at_steady_state else f"from the AUC {words}"
        oral = "after extravascular doses"
        cl, mrt = f"cl_{short}", f"mrt_{area}"
        phoenix = f"Cl_{short} Cl_F_{short}" if infinite else "CLss CLss_F" if at_steady_state else ""
        yield _P(cl, "CLss" if at_steady_state else f"CL,{short}", "volume/time", f"clearance {tail}, CL/F {oral}",
                 _E(_CL_CODES[short], phoenix, _pknca("cl", short)),
                 partial(disposition.clearance, area=f"auc_{area}"), positive=True, needs_dose=True,
                 formula="dose/AUC", method=method)  # fmt: skip
        phoenix = f"Vz_{short} Vz_F_{short}" if infinite else "Vz Vz_F" if at_steady_state else ""
        yield _P(f"vz_{short}", f"Vz,{short}", "volume", f"terminal volume {tail}, Vz/F {oral}",
                 _E(_VZ_CODES.get(short, ""), phoenix, _pknca("vz", short)),
                 partial(disposition.terminal_volume, cl=cl), positive=True, needs_dose=True, formula="CL/λz",
                 method=methods.over_tau_and_regression if at_steady_state else methods.extrapolated)  # fmt: skip
        yield _P(f"vss_{short}", f"Vss,{short}", "volume", f"volume at steady state {tail}",
                 _E(_VSS_CODES.get(short, ""), f"Vss_{short}" if infinite else "", _pknca("vss", short)),
                 partial(disposition.steady_volume, cl=cl, mrt=mrt), positive=True, needs_dose=True,
                 formula="MRT·CL", method=method)  # fmt: skip
        yield _P(f"kel_{short}", f"kel,{short}", "1/time", f"elimination rate constant 1/MRT {words}",
                 _E(_KEL_CODES.get(short, ""), "", _pknca("kel", short)),
                 partial(disposition.elimination, mrt=mrt), positive=True, formula="1/MRT", method=method,
                 )  # fmt: skip
        yield _P(f"half_life_effective_{short}", f"t1/2 eff.,{short}", "time",
                 f"effective half-life ln 2·MRT {words}",
                 _E(_EFFECTIVE_CODES.get(short, ""), "", _pknca("thalf.eff", short)),
                 partial(disposition.effective_half_life, mrt=mrt), positive=True, formula="ln 2·MRT", method=method,
                 )  # fmt: skip


_STEADY = (
    _P("cavg", "Cavg", _C, "average concentration AUCtau/tau",
       _E("CAVG", "Cavg", "cav cav.int.inf.obs cav.int.inf.pred cav.int.last cav.int.all"), steady.cavg,
       formula="AUCtau/tau", method=methods.over_tau),
    _P("fluctuation", "%fluctuation", "%", "fluctuation 100·(Cmax − Cmin)/Cavg",
       _E("FLUCP", "Fluctuation%", "deg.fluc DEGFLUC"), steady.fluctuation, formula="100·(Cmax − Cmin)/Cavg",
       method=methods.over_tau),
    _P("fluctuation_tau", "%fluctuation,tau", "%", "fluctuation 100·(Cmax − Ctau)/Cavg", _E(phoenix="Fluctuation%_Tau"),
       steady.fluctuation_tau, formula="100·(Cmax − Ctau)/Cavg", method=methods.over_tau),
    _P("swing", "%swing", "%", "swing 100·(Cmax − Cmin)/Cmin", _E("SWING", "", "swing"), steady.swing,
       formula="100·(Cmax − Cmin)/Cmin"),
    _P("swing_tau", "%swing,tau", "%", "swing 100·(Cmax − Ctau)/Ctau", column=steady.swing_tau,
       formula="100·(Cmax − Ctau)/Ctau", method=methods.over_tau),
    _P("peak_trough", "Cmax/Ctrough", "1", "peak-trough ratio Cmax/Ctrough", _E("PTROUGHR", "", "ptr"),
       steady.peak_trough, formula="Cmax/Ctrough"),
    _P("accumulation_index", "Rac", "1", "accumulation expected from λz: 1/(1 − exp(−λz·tau))",
       _E(phoenix="Accumulation_Index"), steady.accumulation_index, formula="1/(1 − exp(−λz·tau))",
       method=methods.regression),
    _P("mrt_ss_obs", "MRTss,obs", "time", "mean residence time from steady state (observed Clast)",
       _E("MRTMDO", "", "mrt.md.obs"), partial(steady.mrt_ss, infinite="auc_inf_obs"),
       formula="(AUMCtau + tau·(AUCinf − AUCtau))/AUCtau − T/2", method=methods.extrapolated),
    _P("mrt_ss_pred", "MRTss,pred", "time", "mean residence time from steady state (predicted Clast)",
       _E("MRTMDP", "", "mrt.md.pred"), partial(steady.mrt_ss, infinite="auc_inf_pred"),
       formula="(AUMCtau + tau·(AUCinf − AUCtau))/AUCtau − T/2", method=methods.extrapolated),
    _P("vss_ss_obs", "Vss,ss,obs", "volume", "volume at steady state from MRTss (observed Clast)",
       _E("VSSMDO", "", "vss.md.obs"), partial(steady.vss_ss, mrt="mrt_ss_obs"), positive=True, needs_dose=True,
       formula="MRT·CL", method=methods.extrapolated),
    _P("vss_ss_pred", "Vss,ss,pred", "volume", "volume at steady state from MRTss (predicted Clast)",
       _E("VSSMDP", "", "vss.md.pred"), partial(steady.vss_ss, mrt="mrt_ss_pred"), positive=True, needs_dose=True,
       formula="MRT·CL", method=methods.extrapolated),
    _P("auc_above_start", "AUC>Cstart", _AREA, "AUC above the concentration at the beginning",
       _E("AUCABVPA", "", "aucabove.predose.all"), partial(exposure.above_observed, threshold="cstart"), formula=_SUM,
       method=methods.above),
    _P("auc_above_trough", "AUC>Ctrough", _AREA, "AUC above the concentration at the end",
       _E("AUCABVTA", "", "aucabove.trough.all"), partial(exposure.above_observed, threshold="ctrough"), formula=_SUM,
       method=methods.above),
)  # fmt: skip

_NORMALISED = (
    "cmax", "cmin", "c0", "clast", "clast_pred", "ctrough", "ctau", "cavg", "auc_last", "auc_all", "auc_inf_obs",
    "auc_inf_pred", "auc_tau", "aumc_last", "aumc_all", "aumc_inf_obs", "aumc_inf_pred", "aumc_tau",
)  # fmt: skip
_PHOENIX_NORMALISED = {
    "cmax": "Cmax_D", "auc_last": "AUClast_D", "auc_inf_obs": "AUCINF_D_obs", "auc_inf_pred": "AUCINF_D_pred",
    "auc_tau": "AUC_TAU_D",
}  # fmt: skip


# The ratio of two numbers of any size may vanish; only these cannot be zero.
_POSITIVE_BY_DOSE = (
    "cmax", "clast", "clast_pred", "auc_inf_obs", "auc_inf_pred", "aumc_inf_obs", "aumc_inf_pred",
)  # fmt: skip


def _by_dose(row: NcaParameter) -> NcaParameter:
    """The same quantity divided by the dose."""
    divided = exposure.observed_by_dose if row.as_observed else exposure.by_dose
    codes = " ".join(f"{code}D" for code in row.cdisc)
    others = " ".join(f"{name}.dn" for name in row.pknca[:1])
    return replace(
        row, name=f"{row.name}_dose", symbol=f"{row.symbol}/D", unit=_BY_DOSE[row.unit],
        long_name=f"{row.long_name}, by dose", elsewhere=_E(codes, _PHOENIX_NORMALISED.get(row.name, ""), others),
        column=partial(divided, name=row.name), as_observed=False, positive=row.name in _POSITIVE_BY_DOSE,
        needs_dose=True, formula=f"({row.formula})/dose" if row.formula else "observed value/dose",
    )  # fmt: skip


def _table() -> dict[str, NcaParameter]:
    rows = (*_COUNTS, *_OBSERVED, *_REGRESSION, *_areas(), *_extrapolated(), *_disposition(), *_STEADY)
    named = {row.name: row for row in rows}
    return named | {f"{name}_dose": _by_dose(named[name]) for name in _NORMALISED}


PARAMETERS: Mapping[str, NcaParameter] = MappingProxyType(_table())
"""Every parameter by name, in the order of the result."""

NAMES: tuple[str, ...] = tuple(PARAMETERS)
INDEX: Mapping[str, int] = MappingProxyType({name: i for i, name in enumerate(NAMES)})


def _aliases() -> dict[str, str]:
    """Every other name of a parameter; the first parameter that bears it wins."""
    parameters: dict[str, str] = {}
    for row in PARAMETERS.values():
        for alias in (*row.cdisc, *row.phoenix, *row.pknca):
            parameters.setdefault(alias, row.name)
    return parameters


ALIASES: Mapping[str, str] = MappingProxyType(_aliases())
"""CDISC codes and names in Phoenix and PKNCA, with the parameter that each one means."""


@checked
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
