"""Values of every type that can be saved, on invented tables, and whether two are the same bit for bit."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any

import numpy as np
import pandas
import xarray

import pkpd
from pkpd.population import InverseWishart, NormalPrior, Population, residual_error
from pkpd.study import Study

TIMES = np.array([0.5, 1.0, 2.0, 4.0, 8.0, 12.0, 24.0])


@cache
def study() -> Study:
    """Six subjects in two arms, one value below the limit, one excluded."""
    rng = np.random.default_rng(5)
    rows = []
    for subject in range(1, 7):
        values = (100.0 + 50 * (subject % 3)) / 30 * np.exp(-0.15 * TIMES) * np.exp(rng.normal(0, 0.1, TIMES.size))
        rows += [(subject, "drug", t, v) for t, v in zip(TIMES, values, strict=True)]
    table = pandas.DataFrame(rows, columns=["subject", "analyte", "time", "value"]).astype({"value": object})
    table.loc[6, "value"] = "<0.2"
    people = pandas.DataFrame(
        {"subject": range(1, 7), "arm": list("ababab"), "weight": [60.0, 70.25, np.nan, 81.0, 55.5, 90.1]}
    )
    doses = pandas.DataFrame({"subject": range(1, 7), "time": 0.0, "amount": [100.0, 150, 200] * 2, "route": "bolus"})
    return pkpd.read_study(
        table, doses=doses, subjects=people, units={"time": "h", "dose": "mg", "drug": "mg/L", "weight": "kg"}
    )


@cache
def changing() -> Study:
    """An infusion and a covariate that changes, from an event table."""
    table = pandas.DataFrame({
        "ID": [4] * 4 + [7] * 4, "TIME": [0.0, 1, 3, 9] * 2, "EVID": [1, 0, 0, 0] * 2,
        "AMT": [10.0, 0, 0, 0] * 2,
        "RATE": [5.0, 0, 0, 0] * 2, "DV": [np.nan, 1.0, 0.6, 0.2] * 2, "CRCL": [90.0, 90, 70, 60, 100, 100, 95, 90],
    })  # fmt: skip
    from pkpd.io import read_nonmem

    return read_nonmem(table, units={"time": "h", "dose": "mg", "DV": "mg/L"})


@cache
def population() -> Population:
    """Everything that a population can hold as data."""
    model = pkpd.library.two_compartment(absorption=True, lag=True).in_units(time="h", amount="mg", volume="L")
    parameters = model.with_values(CL=2.0 / 3, V1=10.0, Q=3.0, V2=20.0, ka=1.3, Tlag=0.1).parameters.fix("Q", "Tlag")
    error = residual_error("C", "combined")
    parameters = parameters + error.start(np.array([1.0]), "mg/L")
    omega = pkpd.block("CL", "V1", "ka", omega=[[0.09, 0.03, 0.0], [0.03, 0.05, 0.01], [0.0, 0.01, 0.4]]).fix("ka")
    omega = omega + pkpd.Omega.independent(V2=0.3).fix(V2=0) + pkpd.block("CL", omega=[[0.02]]).at_occasion()
    covariates = pandas.DataFrame({"weight": [60.5, 80.25], "sex": pandas.Categorical(["f", "m"], ["m", "f"])})
    return Population(
        model, parameters, omega, (error,), covariates=covariates, relations={"CL": "CL*(weight/70)**0.75"},
        scales={"V1": "natural"}, limits={"CL": (0.1, np.inf)}, constraints=("ka > CL/V1",),
        priors=(NormalPrior({"CL": 0.7}, {"CL": 0.2}), InverseWishart(("CL", "V1"), np.eye(2) * 0.3, 5.0)),
    )  # fmt: skip


@cache
def fits() -> pkpd.Fits:
    """Individual fits of the study."""
    model = pkpd.library.one_compartment().with_values(CL=4.5, V=30.0)
    return pkpd.fit_individuals(
        model, study(), model.parameters, options=pkpd.Options(observed={"C": "drug"}), progress=False
    )  # fmt: skip


def differences(a: Any, b: Any, where: str = "it") -> list[str]:
    """Where two values differ, in type, in bits or in order."""
    if type(a) is not type(b):
        return [f"{where}: {type(a)} and {type(b)}"]
    if isinstance(a, np.ndarray):
        if (a.dtype, a.shape) != (b.dtype, b.shape):
            return [f"{where}: {a.dtype}{a.shape} and {b.dtype}{b.shape}"]
        if a.dtype.kind in "OT":
            return differences(a.tolist(), b.tolist(), where)
        return [] if a.tobytes() == b.tobytes() else [f"{where}: bits"]
    if isinstance(a, np.generic):
        return [] if (a.dtype, a.tobytes()) == (b.dtype, b.tobytes()) else [f"{where}: {a!r} and {b!r}"]
    if isinstance(a, float | complex):
        return [] if np.asarray(a).tobytes() == np.asarray(b).tobytes() else [f"{where}: {a!r} and {b!r}"]
    if isinstance(a, pandas.DataFrame):
        found = index_differences(a.columns, b.columns, f"{where}.columns")
        found += index_differences(a.index, b.index, f"{where}.index") + differences(a.attrs, b.attrs, f"{where}.attrs")
        for k, name in enumerate(a.columns if not found else ()):
            x, y = a.iloc[:, k], b.iloc[:, k]
            found += [] if x.dtype == y.dtype else [f"{where}.{name}: {x.dtype}, {y.dtype}"]
            found += differences(x.to_numpy(), y.to_numpy(), f"{where}.{name}")
        return found
    if isinstance(a, pandas.Series):
        return differences(a.to_frame(), b.to_frame(), where) + differences(a.attrs, b.attrs, f"{where}.attrs")
    if isinstance(a, pandas.Index):
        return index_differences(a, b, where)
    if isinstance(a, xarray.Dataset):
        found = differences(sorted(a.variables, key=str), sorted(b.variables, key=str), where)
        for name in a.variables if not found else ():
            found += [] if a[name].dtype == b[name].dtype else [f"{where}.{name}: {a[name].dtype}, {b[name].dtype}"]
            found += differences(a[name].to_numpy(), b[name].to_numpy(), f"{where}.{name}")
            found += differences(a[name].attrs, b[name].attrs, f"{where}.{name}.attrs")
            found += [] if a[name].dims == b[name].dims else [f"{where}.{name}: dims"]
        found += differences(a.attrs, b.attrs, f"{where}.attrs")
        found += [] if set(a.xindexes) == set(b.xindexes) else [f"{where}: {[*a.xindexes]}, {[*b.xindexes]}"]
        for name in set(a.indexes) & set(b.indexes):
            found += index_differences(a.indexes[name], b.indexes[name], f"{where}[{name}]")
        found += [] if set(a.coords) == set(b.coords) else [f"{where}: coords"]
        return found + ([] if a.identical(b) else [f"{where}: differs"])
    if isinstance(a, xarray.DataArray):
        return differences(a.to_dataset(name="_v"), b.to_dataset(name="_v"), where) + differences(a.name, b.name, where)
    if isinstance(a, xarray.DataTree):
        nodes = ([(n.path, n.to_dataset(inherit=False)) for n in tree.subtree] for tree in (a, b))
        return differences(*(dict(n) for n in nodes), where) + differences(a.name, b.name, f"{where}.name")
    if is_dataclass(a):
        return [d for f in fields(a) for d in differences(getattr(a, f.name), getattr(b, f.name), f"{where}.{f.name}")]
    if isinstance(a, set | frozenset):
        return differences(sorted(a, key=repr), sorted(b, key=repr), where)
    if hasattr(a, "items"):
        return differences(list(a.items()), list(b.items()), where)
    if isinstance(a, list | tuple):
        if len(a) != len(b):
            return [f"{where}: {len(a)} and {len(b)} items"]
        return [d for k, (x, y) in enumerate(zip(a, b, strict=True)) for d in differences(x, y, f"{where}[{k}]")]
    if a is b or (a is not pandas.NA and a is not pandas.NaT and a == b and repr(a) == repr(b)):
        return []
    return [f"{where}: {a!r} and {b!r}"]


def index_differences(a: pandas.Index, b: pandas.Index, where: str) -> list[str]:
    """Where two indexes differ, in type, in names or in labels."""
    if type(a) is not type(b):
        return [f"{where}: {type(a)} and {type(b)}"]
    found = differences(list(a.names), list(b.names), f"{where}.names")
    if isinstance(a, pandas.MultiIndex):
        found += [d for x, y in zip(a.levels, b.levels, strict=True) for d in index_differences(x, y, where)]
        return found + [d for x, y in zip(a.codes, b.codes, strict=True) for d in differences(x, y, where)]
    found += [] if a.dtype == b.dtype else [f"{where}: {a.dtype} and {b.dtype}"]
    return found + differences(a.to_numpy(), b.to_numpy(), where)
