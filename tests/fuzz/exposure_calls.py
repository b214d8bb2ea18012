"""Good calls of the verbs of exposure-response and interaction."""

# ruff: noqa: E501

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import pandas

from pkpd import plot, trial

Call = tuple[Callable[..., Any], dict[str, Any]]


@cache
def patients() -> pandas.DataFrame:
    """Twelve patients with a response, a grade and a time."""
    return pandas.DataFrame({
        "auc": [3.0, 5, 1, 7, 9, 2, 8, 4, 6, 10, 12, 11], "x": [1, 4, 2, 5, 3, 6, 2, 2, 1, 7, 5, 3], "day": [49] * 12,
        "y": [0, 1, 0, 0, 1, 0, 1, 0, 1, 0, 1, 1], "grade": [0, 1, 0, 2, 1, 0, 2, 1, 0, 2, 2, 1],
        "duration": [3, 5, 7, 8, 9, 12, 4, 6, 6, 10, 13, 15],
    })  # fmt: skip


@cache
def profiles() -> pandas.DataFrame:
    """A crossover of five subjects."""
    return pandas.DataFrame({
        "subject": [1, 2, 3, 4, 5] * 2, "period": [1] * 5 + [2] * 5, "treatment": [*"TTRRT", *"RRTTR"],
        "auc": [10.0, 12, 11, 9, 15, 11, 14, 10, 9, 13],
    })  # fmt: skip


@cache
def troughs() -> pandas.DataFrame:
    """Troughs of three subjects on four days."""
    return pandas.DataFrame({
        "subject": [1, 2, 3] * 4, "day": [2] * 3 + [3] * 3 + [4] * 3 + [5] * 3,
        "trough": [5.0, 6, 4, 8, 9, 7, 9, 10, 7.5, 9.2, 9.9, 8],
    })  # fmt: skip


def exposure_calls() -> dict[str, Call]:
    """What is called, and with which arguments it succeeds."""
    return {
        "logistic": (trial.logistic, {"patients": patients(), "response": "y", "covariates": ["auc"], "positive": None,
                                      "method": "firth", "reference": None, "level": 0.9, "columns": None}),
        "ordinal": (trial.ordinal, {"patients": patients(), "response": "grade", "covariates": ["auc"], "order": [0, 1, 2],
                                    "reference": None, "level": 0.9, "columns": None}),
        "emax_response": (trial.emax_response, {"patients": patients(), "response": "y", "exposure": "auc",
                                                "positive": [1], "level": 0.9, "columns": None}),
        "exposure_models": (trial.exposure_models, {
            "patients": patients(), "response": "y", "exposures": ["auc", "x"], "model": "cox", "scales": ["raw", "log"],
            "positive": [1], "order": None, "measured": {"auc": 5}, "when": "day", "level": 0.9, "power": 0.8, "alpha": 0.05,
            "columns": None}),
        "exposure_quantiles": (trial.exposure_quantiles, {"patients": patients(), "response": "y", "exposure": "auc",
                                                          "groups": 3, "positive": None, "level": 0.9, "columns": None}),
        "detectable_effect": (trial.detectable_effect, {"categories": [7, 26], "events": None, "power": 0.8, "alpha": 0.05,
                                                        "per_sd": True}),
        "bioequivalence": (trial.bioequivalence, {"data": profiles(), "parameters": ["auc"], "test": "T", "reference": "R",
                                                  "scale": "raw", "limits": (0.8, 1.25), "level": 0.9, "columns": None}),
        "ratio_by_patients": (trial.ratio_by_patients, {
            "test": 226.0, "reference": 188.0, "cv_test": 37.0, "cv_reference": 34.0, "patients": [10, 33],
            "means": "geometric", "correlation": 0.5, "level": 0.9, "power": 0.8}),
        "compare_treatments": (trial.compare_treatments, {
            "data": profiles(), "parameters": ["auc"], "test": "T", "reference": "R", "by": "treatment", "paired": True,
            "scale": {"auc": "ratio"}, "level": 0.9, "power": 0.8, "normalise": True, "only_accepted": True, "columns": None}),
        "compare_treatments by ranks": (trial.compare_treatments, {
            "data": {"T": profiles().iloc[:5], "R": profiles().iloc[5:]}, "parameters": ["auc"], "paired": False,
            "scale": {"auc": "difference"}, "level": 0.8}),
        "steady_state_attainment": (trial.steady_state_attainment, {
            "troughs": troughs(), "alpha": 0.05, "level": 0.9, "columns": None}),
        "steady_state_from_half_life": (trial.steady_state_from_half_life, {
            "half_life": [1.82, 30.0], "tau": 24.0, "fraction": 0.9}),
        "plot.exposure_response": (plot.exposure_response, {
            "patients": patients(), "response": "y", "exposure": "auc", "groups": 3, "positive": None, "log": True,
            "level": 0.9, "columns": None, "ax": None}),
    }  # fmt: skip
