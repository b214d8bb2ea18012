"""The public face: few names at the top, what has moved is still found, NCA is a verb and a module."""

from __future__ import annotations

import ast
import copy
import inspect
import pickle
import pkgutil
import warnings
from pathlib import Path

import pytest

import pkpd
from pkpd.nca.face import NcaVerb
from pkpd.nca.result import nca
from tests.fresh_process import in_a_new_interpreter, without_the_package

MOVED = (
    "Points", "Rules", "accumulation", "choose_points", "dose_proportionality", "nca_sparse", "relative", "rerun",
    "summarise", "superpose_study", "wide_table",
)  # fmt: skip


def test_few_names_and_all_of_them_exist() -> None:
    assert len(pkpd.__all__) <= 45
    assert [name for name in pkpd.__all__ if not hasattr(pkpd, name)] == []


def test_the_import_alone_loads_no_library_and_hardly_a_file() -> None:
    in_a_new_interpreter(
        "import sys, pkpd; loaded = {n.split('.')[0] for n in sys.modules}; dir(pkpd)\n"
        "assert not loaded & {'numpy', 'scipy', 'pandas', 'xarray', 'sympy', 'numba', 'pint', 'matplotlib'}, loaded\n"
        "assert {n for n in sys.modules if n.startswith('pkpd')} == {'pkpd', 'pkpd.about'}"
    )


def test_a_simulation_loads_no_more_than_it_needs() -> None:
    in_a_new_interpreter(
        "import sys, pkpd\n"
        "model = pkpd.library.one_compartment().with_values(CL=2.0, V=10.0)\n"
        "pkpd.simulate(model, pkpd.bolus('100 mg'), times=[1.0, 2.0])\n"
        "spared = {'scipy.optimize', 'pint', 'matplotlib', 'pkpd.fit', 'pkpd.io', 'pkpd.nca'}\n"
        "assert not spared & {*sys.modules}, spared & {*sys.modules}"
    )


@pytest.mark.parametrize("first", ["pkpd.simulate.layout", "pkpd.simulate", "pkpd.il21", "pkpd.nca.rules"])
def test_simulate_is_the_verb_whatever_was_imported_before(first: str) -> None:
    """Python puts every folder that it imports into the package under its name."""
    without_the_package(
        f"import importlib; importlib.import_module({first!r}); import pkpd\n"
        "assert pkpd.simulate.__module__ == 'pkpd.simulate.simulation'\n"
        "assert callable(pkpd.nca) and pkpd.nca.Rules"
    )


def test_all_of_the_face_can_be_imported_at_once() -> None:
    without_the_package("from pkpd import *; assert callable(simulate) and Study and units.factor('h', 'min') == 60")


def test_files_and_folders_are_found_as_attributes() -> None:
    names = [module.name for module in pkgutil.iter_modules(pkpd.__path__) if not module.name.startswith("_")]
    reads = "; ".join(f"pkpd.{name}" for name in names)
    without_the_package(f"import pkpd; {reads}; pkpd.io.cdisc.read_adnca; pkpd.nca.kernel.profiles")


def test_what_type_checkers_see_is_what_is_loaded() -> None:
    tree = ast.parse(Path(str(pkpd.__file__)).read_text(encoding="utf-8"))
    block = next(node for node in tree.body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING")
    seen = {
        alias.asname or alias.name: (node.module, alias.name)
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert seen.pop("nca") == ("pkpd.nca.face", "NcaVerb")
    homes = {name: (home, name) for name, home in pkpd._HOME.items()}
    folders = {name: ("pkpd", name) for name in ("data", "il21", "library", "plot", "units")}
    assert seen == homes | folders
    assert {*homes, *folders, "nca"} == {*pkpd.__all__}


@pytest.mark.parametrize("name", MOVED)
def test_what_has_moved_is_found_with_a_warning_at_the_user_s_line(name: str) -> None:
    assert name not in pkpd.__all__
    with pytest.warns(FutureWarning, match=f"pkpd.nca.{name}") as caught:
        moved = getattr(pkpd, name)
    assert moved is getattr(pkpd.nca, name)
    assert {warning.filename for warning in caught} == {__file__}


def test_an_import_of_what_has_moved_warns_too() -> None:
    with pytest.warns(FutureWarning, match=r"pkpd.nca.summarise") as caught:
        from pkpd import summarise
    assert summarise is pkpd.nca.summarise
    assert {warning.filename for warning in caught} == {__file__}


def test_a_name_that_never_was_is_an_error() -> None:
    with pytest.raises(AttributeError, match="nonsense"):
        pkpd.nonsense  # noqa: B018
    with pytest.raises(AttributeError, match="nonsense"):
        pkpd.nca.nonsense  # noqa: B018


def test_nca_is_the_verb_and_the_module() -> None:
    study = pkpd.data.theophylline()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = pkpd.nca(study, "theophylline")
        assert result.identical(pkpd.nca.nca(study, "theophylline"))
        assert pkpd.nca.ALIASES["CMAX"] == "cmax"
        assert isinstance(pkpd.nca.Rules(), pkpd.nca.Rules)
        assert len(pkpd.nca.summarise(result))
        assert pkpd.nca.sparse([0.0, 1.0], [2.0, 1.0]).design == "serial"
        from pkpd.nca.sparse.rules import SparseRules
    assert SparseRules is pkpd.nca.SparseRules


def test_help_and_signature_are_those_of_the_verb() -> None:
    assert inspect.signature(pkpd.nca) == inspect.signature(nca)
    assert str(pkpd.nca.__doc__).startswith(str(inspect.getdoc(nca)))
    assert "`summarise`" in str(pkpd.nca.__doc__)
    assert str(inspect.signature(pkpd.nca.sparse)) == str(inspect.signature(pkpd.nca.sparse.sparse))


def test_tab_shows_verbs_and_types_and_no_files() -> None:
    shown = dir(pkpd.nca)
    assert shown == sorted(pkpd.nca.__all__)
    files = [n for n in shown if inspect.ismodule(getattr(pkpd.nca, n)) and not callable(getattr(pkpd.nca, n))]
    assert files == []


def test_the_verb_can_be_sent_to_another_process() -> None:
    assert pickle.loads(pickle.dumps(pkpd.nca)) is pkpd.nca
    assert pickle.loads(pickle.dumps(nca)) is nca
    assert copy.deepcopy(pkpd.nca) is pkpd.nca


def test_type_checkers_know_all_that_the_module_holds() -> None:
    assert {name for name in vars(NcaVerb) if not name.startswith("__")} == set(pkpd.nca.__all__)


@pytest.mark.parametrize(("old", "new"), [("Parameter", "NcaParameter"), ("Settings", "NcaSettings")])
def test_older_names_under_nca_warn(old: str, new: str) -> None:
    with pytest.warns(FutureWarning, match=new):
        assert getattr(pkpd.nca, old) is getattr(pkpd.nca, new)
