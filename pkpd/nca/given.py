"""What the functions that follow on an analysis are given."""

from __future__ import annotations

from pkpd.arguments import dataset_with

A_RESULT = dataset_with("a result of pkpd.nca", "profile", "subject", "interval", "dose_time", "dose")
"""A dataset with the profiles of an analysis."""
