"""A value of every kind that is saved: what verbs return, and tables and arrays with all types of pandas and xarray."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pandas
import xarray

import pkpd
from pkpd.fit import PopulationFit, PopulationOptions
from pkpd.population import Population
from tests.files import kept


@cache
def people() -> Population:
    """One-compartment subjects of whom CL differs."""
    model = pkpd.library.one_compartment().in_units(time="h", amount="mg", volume="L").with_values(CL=4.5, V=30.0)
    return Population(model, model.parameters, pkpd.Omega.independent(CL=0.3))


def simulated() -> xarray.Dataset:
    """Four subjects under a regimen."""
    return pkpd.simulate(people(), pkpd.bolus("100 mg"), times=[0.0, 1.0, 5.0], subjects=4, seed=3)


@cache
def population_fit() -> PopulationFit:
    """A population, evaluated and not searched."""
    options = PopulationOptions(starts=0, check=False, observed={"C": "drug"}, secondary={"half_life": "log(2)*V/CL"})
    model = pkpd.library.one_compartment().with_values(CL=4.5, V=30.0)
    return pkpd.fit_population(
        model, kept.study(), model.parameters, iiv={"CL": 0.02}, error={"C": "proportional"}, options=options,
    )  # fmt: skip


@cache
def two_analytes() -> pkpd.Study:
    """A drug in plasma and in urine, of subjects with names of two types, with a response."""
    times = np.array([0.0, 1.0, 2.0, 4.0, 8.0, 24.0])
    rows = [(s, "C", t, 0.0, 10 * np.exp(-0.2 * t), None) for s in (1, "b") for t in times[1:]]
    rows += [(s, "sCD25", t, 0.0, 2 + np.exp(-((t - 4) ** 2)), None) for s in (1, "b") for t in times]
    rows += [(s, "U", begin, end, 3.0, 200.0) for s in (1, "b") for begin, end in ((0.0, 4.0), (4.0, 24.0))]
    table = pandas.DataFrame(rows, columns=["subject", "analyte", "time", "until", "value", "volume"])
    table.loc[table["analyte"] != "U", "until"] = np.nan
    doses = pandas.DataFrame({"subject": [1, "b"], "time": 0.0, "amount": 100.0, "route": "bolus"})
    units = {"time": "h", "dose": "mg", "C": "mg/L", "U": "mg/L", "sCD25": "ng/mL", "volume": "mL"}
    return pkpd.read_study(table, doses=doses, units=units)


@cache
def exposure() -> xarray.Dataset:
    """Of the study of six subjects."""
    return pkpd.nca(kept.study())


def sparse() -> Any:
    """One group of pooled samples, as arrays."""
    rng = np.random.default_rng(2)
    return pkpd.nca.sparse(np.repeat([1.0, 2.0, 4.0, 8.0], 4), rng.lognormal(1, 0.3, 16), dose=10.0)


def adaptive() -> xarray.Dataset:
    """A trial whose second dose depends on what was seen."""
    start = pkpd.bolus("100 mg")
    return pkpd.simulate_adaptive(
        people(), lambda now: pkpd.bolus("50 mg", at=[now.time]), [24.0], start=start, subjects=3, seed=4, times=[25.0]
    )


def many_types() -> pandas.DataFrame:
    """A table with a column of every type that people bring."""
    return pandas.DataFrame({
        "number": np.array([0.1 + 0.2, np.nan, -0.0]), "small": np.array([1, 2, 3], dtype=np.int8),
        "half": np.array([1, 2, 3], dtype=np.float16), "flag": [True, False, True], "text": ["a", "", "µ/ß"],
        "mixed": pandas.Series([1, "b", None], dtype=object), "whole": pandas.array([1, None, 3], dtype="Int64"),
        "maybe": pandas.array([True, None, False], dtype="boolean"),
        "dose": pandas.Categorical(["3 mg", "10 mg", None], ["3 mg", "10 mg", "30 mg"], ordered=True),
        "day": pandas.to_datetime(["2024-01-05", None, "2024-02-29"]), 7: [1.0, 2.0, 3.0],
        "string": pandas.array(["a", None, "c"], dtype=pandas.StringDtype("python")),
        "zoned": pandas.to_datetime(["2024-01-05", "2024-01-06", None]).tz_localize("Europe/Berlin"),
    }, index=pandas.Index(["r1", "r2", "r3"], name="row"))  # fmt: skip


def many_arrays() -> xarray.Dataset:
    """A result with arrays of every type, an index of two levels, and a name for a dimension without an index."""
    pairs = pandas.MultiIndex.from_tuples([(1, "m"), (2, "n")], names=["i", "j"])
    return xarray.Dataset(
        {
            "x": (("a", "b"), np.arange(9.0).reshape(3, 3) / 7), "flag": ("a", [True, False, True]),
            "text": ("a", ["p", "", "long one"]), "any": ("a", np.array([1, "b", None], dtype=object)),
            "when": ("b", np.array(["2024-01-01", "NaT", "2024-05-05"], dtype="datetime64[ns]")),
            "none": ("nothing", np.empty(0)), "number": ((), 3.5), "about": ("a", np.array([1, 2, 3], dtype=np.uint16)),
            "rows": ("row", [1.0, 2.0]),
        },
        {"a": [3, 1, 2], "b": ["u", "v", "w"], **xarray.Coordinates.from_pandas_multiindex(pairs, "row")},
        {"title": "invented", "seed": np.int64(7), "levels": (0.05, 0.95), "missing": float("nan")},
    )  # fmt: skip


VALUES: dict[str, Callable[[], Any]] = {
    "study": kept.study,
    "study of events": kept.changing,
    "part of a study": lambda: kept.study().select(subjects=[2, 5]),
    "model": lambda: pkpd.library.two_compartment(absorption=True),
    "own model": lambda: pkpd.define({"A": "-CL/V*A if t < 5 else -2*CL/V*A"}, {"CL": "5 L/h", "V": 50.0},
                                     outputs={"C": "A/V"}, doses={"bolus": "A"}, lag={"A": "0.5"}),
    "parameters": lambda: pkpd.library.one_compartment().parameters,
    "omega": lambda: kept.population().omega,
    "population": kept.population,
    "fits": kept.fits,
    "fit": lambda: next(iter(kept.fits().values())),
    "population fit": population_fit,
    "regimen": lambda: pkpd.bolus("30 ug/kg", days=[1, 2, 3]) + pkpd.infusion("10 ug/kg", duration="2 h", at=[100.0]),
    "dose": lambda: pkpd.Dose(0.1 + 0.2, 1e-300, "infusion", rate=7.0, into="A", additional=3, interval=24.0),
    "settings": lambda: pkpd.Settings(rtol=1e-9, workers=2),
    "options": lambda: pkpd.Options(observed={"C": "drug"}, robust=True),
    "population options": lambda: PopulationOptions(missing={"weight": "median"}, secondary={"t": "V/CL"}),
    "rules": lambda: pkpd.nca.PRESETS["phoenix"].changed(accept_span=None),
    "sparse rules": lambda: pkpd.nca.SPARSE_PRESETS["pknca"],
    "response rules": lambda: pkpd.nca.RESPONSE_PRESETS["phoenix"],
    "points": lambda: pkpd.nca.Points("é", use=(1.0, 2.0, 4.0), interval=2),
    "NCA": exposure,
    "several analytes": lambda: pkpd.nca(two_analytes(), ["C", "U"]),
    "excretion": lambda: pkpd.nca(two_analytes(), "U"),
    "response": lambda: pkpd.nca.nca_response(two_analytes(), "sCD25", limits=[2.5], visits=[4.0]),
    "summary of an NCA": lambda: pkpd.nca.summarise(exposure()),
    "wide table": lambda: pkpd.nca.wide_table(exposure()),
    "comparison": lambda: pkpd.nca.relative_by(exposure(), "interval", 1, 1, paired=True),
    "power model": lambda: pkpd.nca.power_model([1.0, 2.0, 4.0, 4.0], [1.1, 2.3, 3.9, 4.2]),
    "criterion": lambda: pkpd.nca.criterion(1.0, 0.95, 1.05, 8.0),
    "steady state": lambda: pkpd.nca.steady_state([0.0, 1, 2, 4, 8], [10.0, 8, 6, 3, 1], 12.0),
    "attainment": lambda: pkpd.nca.stable_trough([0.0, 24, 48, 72], [1.0, 1.5, 1.55, 1.56]),
    "troughs": lambda: pkpd.nca.trough_approach([0.0, 24, 48, 72], [1.0, 1.5, 1.7, 1.76]),
    "sparse": sparse,
    "sparse study": lambda: pkpd.nca.nca_sparse(kept.study(), "drug", by="arm"),
    "sparse ratio": lambda: pkpd.nca.sparse_ratio(sparse(), sparse()),
    "simulation": simulated,
    "simulation of a study": lambda: pkpd.simulate(people(), kept.study(), replicates=2, seed=3),
    "located": lambda: pkpd.locate(people(), pkpd.bolus("100 mg"), "C", thresholds=[1.0], subjects=3, between=(0, 24)),
    "prediction": lambda: pkpd.predict(people().model, kept.study()),
    "adaptive trial": adaptive,
    "table": many_types,
    "arrays": many_arrays,
    "one array": lambda: many_arrays()["x"],
    "column": lambda: many_types()["dose"],
    "tree": lambda: xarray.DataTree.from_dict(
        {"/": xarray.Dataset(attrs={"a": 1}), "/one": many_arrays().drop_dims("row"), "/two/deep": simulated()}
    ),
}  # fmt: skip
