"""The public face: few names at the top, what has moved is still found, NCA is a verb and a module."""

from __future__ import annotations

import copy
import inspect
import pickle
import warnings

import pytest

import pkpd
from pkpd.nca.face import NcaVerb
from pkpd.nca.result import nca

MOVED = (
    "Points", "Rules", "accumulation", "choose_points", "dose_proportionality", "nca_sparse", "relative", "rerun",
    "summarise", "superpose_study", "wide_table",
)  # fmt: skip


def test_few_names_and_all_of_them_exist() -> None:
    assert len(pkpd.__all__) <= 45
    assert [name for name in pkpd.__all__ if not hasattr(pkpd, name)] == []


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
