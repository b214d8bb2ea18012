"""What Tab shows after a module of the package: what one calls, all of it, and no files."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import types

import pytest

import pkpd

SHOWN = [
    "plot", "io", "io.cdisc", "library", "simulate", "fit", "fit.steps", "trial", "data", "report", "engine", "model",
    "observed", "parameters", "population", "nca", "nca.sparse", "units", "il21", "published",
    "arguments", "files", "study",
]  # fmt: skip
VERBS = {"nca", "nca.sparse"}  # modules that are called; what makes them so is no verb


@pytest.mark.parametrize("name", SHOWN)
def test_tab_shows_what_is_public_and_no_module(name: str) -> None:
    module = importlib.import_module(f"pkpd.{name}")
    shown = dir(module)
    assert sorted(shown) == sorted(module.__all__)
    assert not [n for n in shown if inspect.ismodule(thing := getattr(module, n)) and not callable(thing)]


def test_every_folder_that_a_user_imports_from_is_tried() -> None:
    """The rooms of the engine and of NCA, and those of simulate, are for who works on them."""
    folders = {m.name.removeprefix("pkpd.") for m in pkgutil.iter_modules(pkpd.__path__, "pkpd.") if m.ispkg}
    assert folders <= set(SHOWN)


def test_of_the_face_only_the_tasks_are_modules() -> None:
    assert {n for n in dir(pkpd) if inspect.ismodule(getattr(pkpd, n))} == {
        "data", "il21", "library", "nca", "plot", "units",
    }  # fmt: skip


@pytest.mark.parametrize("name", [name for name in SHOWN if name not in VERBS])
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
