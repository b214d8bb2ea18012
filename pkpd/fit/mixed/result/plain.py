"""A population as plain data (texts, numbers, lists), and back: exactly, for a file that anybody can read.

Numbers are written so that they come back bit for bit; infinite ones and NaN too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Any

import numpy as np

from pkpd.errors import InputError
from pkpd.model import Model
from pkpd.parameters import Parameter, Parameters
from pkpd.population import KINDS, InverseWishart, NormalPrior, Omega, Population, ResidualError, correlated
from pkpd.population.blocks import OmegaBlock

_PRIORS = {"normal": NormalPrior, "inverse Wishart": InverseWishart}


def population_data(people: Population) -> dict[str, Any]:
    """Return a population as plain data.

    Raises
    ------
    InputError
        If it holds something that is no data: a function that draws covariates, or a prior of the user's own.
    """
    problems = ["its covariates are drawn by a function; give a table instead"] if callable(people.covariates) else []
    problems += [f"prior {type(p).__name__} is none of the package's" for p in people.priors if not _prior_kind(p)]
    if problems:
        raise InputError(problems, "the population cannot be written to a file")
    return {
        "model": model_data(people.model),
        "parameters": parameters_data(people.parameters),
        "omega": [_block_data(block) for block in people.omega.blocks],
        "errors": [{"output": e.output, "kind": e.kind, "label": e.label} for e in people.errors],
        "table": _table_data(people.table),
        "covariates": _table_data(people.covariates),
        "relations": dict(people.relations), "exponents": dict(people.exponents), "scales": dict(people.scales),
        "limits": {name: list(ends) for name, ends in people.limits.items()},
        "constraints": list(people.constraints),
        "priors": [_prior_data(p) for p in people.priors],
        "correlations": [list(c.outputs) for c in people.correlations],
    }  # fmt: skip


def population_from(data: Mapping[str, Any], kinds: Iterable[type[ResidualError]] = ()) -> Population:
    """Return the population that plain data describe.

    Parameters
    ----------
    data : mapping
        As `population_data` returns it.
    kinds : iterable of class
        Residual errors of the user's own that it may hold.
    """
    return Population(
        model_from(data["model"]), parameters_from(data["parameters"]),
        Omega(tuple(_block_from(block) for block in data["omega"])),
        tuple(_error_from(error, kinds) for error in data["errors"]),
        table=_table_from(data["table"]), covariates=_table_from(data["covariates"]),
        relations=data["relations"], exponents=data["exponents"], scales=data["scales"],
        limits={name: (low, high) for name, (low, high) in data["limits"].items()},
        constraints=tuple(data["constraints"]), priors=tuple(_prior_from(p) for p in data["priors"]),
        correlations=tuple(correlated(*outputs) for outputs in data.get("correlations", ())),
    )  # fmt: skip


def model_data(model: Model) -> dict[str, Any]:
    """Return a model as plain data."""
    found: dict[str, Any] = {}
    for field in fields(Model):
        value = getattr(model, field.name)
        if isinstance(value, Parameters):
            found[field.name] = parameters_data(value)
        elif isinstance(value, Mapping):
            found[field.name] = dict(value)
        else:
            found[field.name] = list(value) if isinstance(value, tuple) else value
    return found


def model_from(data: Mapping[str, Any]) -> Model:
    """Return the model that plain data describe."""
    parts: dict[str, Any] = {n: tuple(v) if isinstance(v, list) and n != "parameters" else v for n, v in data.items()}
    parts["parameters"] = parameters_from(data["parameters"])
    return Model(**parts)


def parameters_data(parameters: Parameters) -> list[dict[str, Any]]:
    """Return parameters as plain data."""
    return [{field.name: getattr(p, field.name) for field in fields(Parameter)} for p in parameters]


def parameters_from(data: Iterable[Mapping[str, Any]]) -> Parameters:
    """Return the parameters that plain data describe."""
    return Parameters(tuple(Parameter(**one) for one in data))


def _block_data(block: OmegaBlock) -> dict[str, Any]:
    return {
        "names": list(block.names), "matrix": block.matrix.tolist(), "fixed": block.fixed.tolist(),
        "level": block.level, "copies": [list(copy) for copy in block.copies], "stated": block.stated,
    }  # fmt: skip


def _block_from(data: Mapping[str, Any]) -> OmegaBlock:
    size = len(data["names"])
    return OmegaBlock(
        tuple(data["names"]), np.array(data["matrix"], dtype=float).reshape(size, size),
        np.array(data["fixed"], dtype=bool).reshape(size, size), data["level"],
        tuple(tuple(copy) for copy in data["copies"]), data["stated"],
    )  # fmt: skip


def _error_from(data: Mapping[str, Any], kinds: Iterable[type[ResidualError]]) -> ResidualError:
    known = [*kinds, *KINDS.values()]
    for one in known:
        made = one(data["output"])
        if one.kind == data["kind"] and made.label == data["label"]:
            return made
    raise InputError(
        f"residual error {data['label']!r} of {data['output']} is none of the package's; give its class by kinds="
    )


def _table_data(table: Any) -> dict[str, Any] | None:
    if table is None:
        return None
    columns = {}
    for name in table.columns:
        column = table[name]
        columns[str(name)] = {"dtype": str(column.dtype), "values": column.tolist()}
    index = table.index
    return {"columns": columns, "index": index.tolist(), "name": index.name, "units": table.attrs.get("units")}


def _table_from(data: Mapping[str, Any] | None) -> Any:
    import pandas

    if data is None:
        return None
    index = pandas.Index(data["index"], name=data["name"])
    columns = {n: pandas.Series(c["values"], index=index, dtype=c["dtype"]) for n, c in data["columns"].items()}
    made = pandas.DataFrame(columns, index=index)
    if data.get("units") is not None:
        made.attrs["units"] = dict(data["units"])
    return made


def _prior_kind(prior: Any) -> str:
    return next((name for name, kind in _PRIORS.items() if type(prior) is kind), "")


def _prior_data(prior: Any) -> dict[str, Any]:
    kind = _prior_kind(prior)
    if kind == "normal":
        return {"kind": kind, "centre": dict(prior.centre), "covariance": np.asarray(prior.covariance).tolist()}
    return {
        "kind": kind, "names": list(prior.names), "scale": np.asarray(prior.scale).tolist(),
        "degrees": prior.degrees, "level": prior.level,
    }  # fmt: skip


def _prior_from(data: Mapping[str, Any]) -> NormalPrior | InverseWishart:
    if data["kind"] == "normal":
        return NormalPrior(data["centre"], np.array(data["covariance"], dtype=float))
    scale = np.array(data["scale"], dtype=float)
    return InverseWishart(tuple(data["names"]), scale, data["degrees"], data["level"])
