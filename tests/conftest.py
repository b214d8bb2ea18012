"""Shared by all tests: the folder with other programs' numbers, and a steady hypothesis."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "pkpd",
    max_examples=15,  # a hundred by `--hypothesis-profile=long`, see tests/long/test_properties.py
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
    print_blob=False,
)
settings.register_profile("long", settings.get_profile("pkpd"), max_examples=100)
settings.load_profile("pkpd")


@pytest.fixture(scope="session")
def reference() -> Path:
    """Folder with other programs' answers (PKPD_REFERENCE, else ../shared/reference beside the repository)."""
    beside = Path(__file__).resolve().parents[1].parent / "shared" / "reference"
    folder = Path(os.environ.get("PKPD_REFERENCE", beside))
    if not folder.is_dir():
        pytest.skip(f"reference folder absent: {folder}")
    return folder
