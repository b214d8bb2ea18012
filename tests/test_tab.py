"""What Tab shows after a module of the package: what one calls, all of it, and no files."""

from __future__ import annotations

import importlib
import types

import pytest

SHOWN = ["plot", "io", "io.cdisc", "library", "simulate", "fit", "trial", "data", "report"]


@pytest.mark.parametrize("name", SHOWN)
def test_tab_shows_what_is_public_and_no_module(name: str) -> None:
    module = importlib.import_module(f"pkpd.{name}")
    shown = dir(module)
    assert sorted(shown) == sorted(module.__all__)
    assert not [n for n in shown if isinstance(getattr(module, n), types.ModuleType)]


@pytest.mark.parametrize("name", SHOWN)
def test_what_is_imported_for_the_user_is_public(name: str) -> None:
    module = importlib.import_module(f"pkpd.{name}")
    of_package = {
        n
        for n, thing in vars(module).items()
        if not n.startswith("_")
        and isinstance(thing, types.FunctionType | type)
        and getattr(thing, "__module__", "").startswith(f"pkpd.{name}")
    }
    assert of_package <= set(module.__all__)
