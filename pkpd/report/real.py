"""The two measured data sets beside other programs' answers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from pkpd import data, library
from pkpd.fit import Fits, fit_individuals, initial_estimates
from pkpd.nca import nca
from pkpd.study import Study

if TYPE_CHECKING:
    import pandas
    import xarray

# Means over the subjects of Phoenix WinNonlin output (linear-up/log-down; theophylline with 320 mg for everyone).
_PHOENIX_THEOPHYLLINE = {
    "auc_last": 100.97976594,
    "auc_inf_obs": 119.36509795,
    "half_life": 8.18047338,
    "cl_obs": 2.87900994,
}
_PHOENIX_INDOMETHACIN = {
    "auc_last": 2.854127797613805, "auc_inf_obs": 3.090087909093123, "half_life": 2.4231986815954265,
    "c0": 3.349311043073092,
}  # fmt: skip
# Typical values of population fits: another method, so near and not equal. Theophylline: FOCEI (nlmixr2 4.1.1 and our
# own check), CL and V of the subject in L/h and L; indomethacin: saemix 3.4, constant error, L/h and L.
_FOCEI_THEOPHYLLINE = {"ka": math.exp(0.4651), "CL": math.exp(1.0123), "V": math.exp(3.4599)}
_SAEM_INDOMETHACIN = {"CL": 8.61, "V1": 6.98, "Q": 7.55, "V2": 8.44}


def theophylline_report() -> tuple[pandas.DataFrame, Study, Fits]:
    """Return NCA and individual fits of theophylline beside Phoenix and a population fit, with the data and fits."""
    phoenix = nca(data.theophylline(dose="320 mg"), "theophylline")
    study = data.theophylline()  # doses in mg/kg; a model in mg gives CL and V of the subject
    model = library.one_compartment(absorption=True).in_units(time="h", amount="mg", volume="L")
    start = initial_estimates(model, nca(study, "theophylline", dose_unit="mg"))
    fits = fit_individuals(model, study, start, error={"C": "additive"}, progress=False)
    rows = _beside_phoenix(phoenix, _PHOENIX_THEOPHYLLINE) + _beside_population(fits, _FOCEI_THEOPHYLLINE, "FOCEI")
    return _frame(rows), study, fits


def indomethacin_report() -> tuple[pandas.DataFrame, Study, Fits]:
    """Return NCA and individual fits of indomethacin beside Phoenix and a population fit, with the data and fits."""
    study = data.indomethacin()
    exposure = nca(study, "indomethacin")  # in mL: declared ug/mL; the model takes litres
    model = library.two_compartment().in_units(time="h", amount="mg", volume="L")
    fits = fit_individuals(model, study, initial_estimates(model, exposure), error={"C": "additive"}, progress=False)
    rows = _beside_phoenix(exposure, _PHOENIX_INDOMETHACIN) + _beside_population(fits, _SAEM_INDOMETHACIN, "SAEM")
    return _frame(rows), study, fits


def _beside_phoenix(result: xarray.Dataset, reference: Mapping[str, float]) -> list[tuple[str, str, str, str, str]]:
    rows = []
    for name, value in reference.items():
        mean = float(result[name].mean())
        unit = result[name].attrs["units"]
        text = f"relative difference {abs(mean / value - 1):.1e}"
        rows.append((f"NCA {name}, mean, {unit}", f"Phoenix {value:.7g}", f"{mean:.7g}", "recomputed", text))
    return rows


def _beside_population(fits: Fits, reference: Mapping[str, float], method: str) -> list[tuple[str, str, str, str, str]]:
    rows = []
    good = fits.usable()
    left = [f"subject {s} {f.status}" for s, f in fits.items() if s not in good]
    text = "another method" + (f"; without {', '.join(left)}" if left else "")
    for name, value in reference.items():
        values = [f.parameters[name] for f in good.values()]
        mean = math.exp(float(np.mean(np.log(values))))
        unit = next(iter(good.values())).parameters.get(name).unit
        label = f"fit {name}, geometric mean of {len(values)}/{len(fits)}, {unit}"
        rows.append(
            (
                label,
                f"{method} {value:.4g}",
                f"{mean:.4g}",
                "recomputed",
                f"ratio {mean / value:.2f}: {text}",
            )
        )
    return rows


def _frame(rows: list[tuple[str, str, str, str, str]]) -> pandas.DataFrame:
    import pandas

    columns = ["quantity", "reference", "package", "kind", "agreement"]
    return pandas.DataFrame(rows, columns=columns).set_index("quantity")
