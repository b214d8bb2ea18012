"""What the functions that follow on an analysis are given, and what they say of a result that they cannot use."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import xarray as xr

from pkpd.arguments import dataset_with
from pkpd.errors import InputError

_LABELS = ("profile", "subject", "interval", "dose_time", "dose")


def _without_profiles(value: Any) -> str:
    """Say what a result is that has no profiles, and what can be done; "" where it is none."""
    if isinstance(value, xr.DataTree) and value.children:
        names = list(value.children)
        listed = ", ".join(names[:5]) + (", …" if len(names) > 5 else "")
        return (
            f"holds the results of several analytes ({listed}); expected one, such as result[{names[0]!r}].to_dataset()"
        )
    if is_sparse(value):
        return (
            "is a sparse result, a mean curve of each group; expected a result with profiles "
            "(compare groups by pkpd.nca.sparse_ratio or sparse_difference)"
        )
    if is_slice(value, "profile"):
        return "is one profile without its dimension; expected it with that, result.isel(profile=[0])"
    return ""


def _without_samples(value: Any) -> str:
    if said := _without_profiles(value):
        return said
    if isinstance(value, xr.Dataset) and "amount_excreted" in value:
        return (
            "is an excretion, which has collections and no samples; expected a result of pkpd.nca for a concentration"
        )
    if isinstance(value, xr.Dataset) and value.attrs.get("kind") == "response":
        return "is the result of a response, which has no terminal phase; expected a result of pkpd.nca"
    return ""


A_RESULT = dataset_with("a result of pkpd.nca", *_LABELS, otherwise=_without_profiles)
"""A dataset with the profiles of an analysis: of concentrations, collections or a response."""
OF_SAMPLES = dataset_with(
    "a result of pkpd.nca", *_LABELS, "sample_time", "sample_value", "after_time", otherwise=_without_samples
)
"""The same of concentrations only: with samples, and what a terminal regression needs."""
PROFILES = dataset_with("a result of pkpd.nca", "profile", otherwise=_without_profiles)
"""A dataset with one row a profile, which may have been put together by hand."""


def is_sparse(value: Any) -> bool:
    """Say whether something is what `pkpd.nca.sparse` or `nca_sparse` returns, also one group of it."""
    if isinstance(value, xr.Dataset):
        return "profile_mean" in value
    return type(value).__name__ == "SparseResult"


def is_slice(value: Any, dim: str) -> bool:
    """Say whether a result has lost its dimension: one profile, or one group, taken out by position."""
    own = {"profile": "subject", "group": "group"}[dim]
    return isinstance(value, xr.Dataset) and dim not in value.dims and own in value.coords and value[own].ndim == 0


def needed(result: xr.Dataset, names: Iterable[str], where: str) -> None:
    """Raise a sentence where a result was made without parameters that are needed.

    Raises
    ------
    InputError
        With the names that are missing.
    """
    if lost := [name for name in names if name not in result]:
        raise InputError(f"the result does not hold {', '.join(lost)}; it was made with parameters=[…] without", where)
