"""Saving and loading: every type bit for bit, and what is refused with which sentence."""

from __future__ import annotations

import importlib
import json
import pkgutil
from dataclasses import is_dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import h5netcdf
import numpy as np
import pandas
import pytest
import xarray

import pkpd
from pkpd import DataWarning, InputError
from pkpd.files import Part, Saved, sealed
from pkpd.fit import PopulationFit
from pkpd.nca.choices import Choices
from pkpd.population import KINDS, Population, ResidualError
from pkpd.saving import class_of, load, save
from tests.files import kept
from tests.files.test_round_trips import through
from tests.files.values import VALUES

MANY = ("NCA", "several analytes", "excretion", "response", "summary of an NCA", "wide table", "sparse study")
"""Values of so many arrays that writing them takes a second; `tests/long/files/test_saving.py` has their files."""


@pytest.mark.parametrize("name", VALUES)
def test_every_type_comes_back_bit_for_bit(name: str, tmp_path: Path) -> None:
    first = VALUES[name]()
    again = through(first) if name in MANY else load(save(first, tmp_path / "kept.nc"))
    assert kept.differences(first._kept() if isinstance(first, PopulationFit) else first, again) == []


def test_every_residual_error_and_a_class_of_ones_own_come_back(tmp_path: Path) -> None:
    class Power(ResidualError):
        kind = "power of my own"
        parameters = (next(iter(KINDS.values())).parameters[0],)
        sd = "add*f**2"

    model = pkpd.library.one_compartment().in_units(time="h", amount="mg", volume="L")
    for kind in (*KINDS.values(), Power):
        error = kind("C")
        people = Population(model, model.with_values(CL=1.0, V=2.0).parameters + error.start(np.array([1.0]), ""),
                            errors=(error,))  # fmt: skip
        assert load(people.save(tmp_path / "p.nc"), kinds=[Power]).errors == (error,)
    with pytest.raises(InputError, match=r"power of my own.*kinds="):
        load(tmp_path / "p.nc")


def test_what_was_computed_from_is_computed_from_again(tmp_path: Path) -> None:
    fits = load(kept.fits().save(tmp_path / "fits.nc"))
    assert repr(fits) == repr(kept.fits())
    pandas.testing.assert_frame_equal(fits.values_table(), kept.fits().values_table(), check_exact=True)
    study = load(kept.study().save(tmp_path / "study.nc"))
    assert pkpd.nca(study).identical(pkpd.nca(kept.study()))
    assert study.data_hash == kept.study().data_hash


def every_below(kind: type) -> set[type]:
    """Classes derived from one, and those derived from them."""
    return {one for own in kind.__subclasses__() for one in (own, *every_below(own))}


def every_part() -> set[type]:
    """All classes of the package that are written by their fields."""
    for found in pkgutil.walk_packages(pkpd.__path__, "pkpd."):
        if not found.name.endswith("__main__"):
            importlib.import_module(found.name)
    mine = {one for one in every_below(Part) if one.__module__.startswith("pkpd.") and one not in (Saved, Choices)}
    return {one for one in mine if getattr(importlib.import_module(one.__module__), one.__name__) is one}


def test_every_class_that_is_written_can_be_read_and_is_made_from_its_fields() -> None:
    found = every_part()
    assert len(found) >= 39
    for one in found:
        assert class_of(one.__name__) is one
        assert is_dataclass(one)


def test_the_file_is_netcdf_with_version_and_hash(tmp_path: Path) -> None:
    path = kept.study().save(tmp_path / "study.nc")
    with xarray.open_dataset(path, engine="h5netcdf") as opened:
        assert opened.attrs["pkpd_version"] == pkpd.__version__
        assert opened.attrs["data_hash"] == kept.study().data_hash
        np.testing.assert_array_equal(opened["observations.time"], kept.study().observations["time"])


def test_what_is_no_data_is_refused_with_all_its_places(tmp_path: Path) -> None:
    people = replace(kept.population(), covariates=lambda rng, n: pandas.DataFrame({"weight": [70.0] * n}))
    with pytest.raises(InputError, match=r"covariates is a function"):
        people.save(tmp_path / "p.nc")
    odd = kept.study().with_attrs(one=object(), two=[lambda: 1], when=datetime(2024, 1, 5, 8, 30))
    with pytest.raises(InputError) as caught:
        odd.save(tmp_path / "s.nc")
    assert [text.split(" is ")[0] for text in caught.value.problems] == ["attrs.one", "attrs.two.0"]
    for value in (5, "text", [1], None, object()):
        with pytest.raises(InputError, match="cannot be written to a file"):
            save(value, tmp_path / "s.nc")
    with pytest.raises(InputError, match="no folder"):
        kept.study().save(tmp_path / "none" / "s.nc")
    with pytest.raises(InputError, match="is a folder"):
        kept.study().save(tmp_path)
    assert list(tmp_path.iterdir()) == []


def altered(path: Path, **attrs: Any) -> Path:
    with h5netcdf.File(path, "a") as file:
        for name, value in attrs.items():
            file.attrs[name] = value
    return path


def test_a_newer_file_is_refused_with_a_sentence(tmp_path: Path) -> None:
    for change in ({"format": 99}, {"pkpd_version": "0.2.1.dev3"}):
        path = altered(kept.study().save(tmp_path / "s.nc"), **change)
        with pytest.raises(InputError, match=r"written by a newer version of pkpd .*update pkpd"):
            load(path)


def test_a_file_of_an_older_version_is_read_and_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as old:
        old.setattr(sealed, "package_version", lambda: "0.1.9")
        path = kept.study().save(tmp_path / "s.nc")
    with pytest.warns(DataWarning, match=r"written by pkpd 0\.1\.9"):
        assert load(path).data_hash == kept.study().data_hash


def test_the_study_of_a_result_is_compared(tmp_path: Path) -> None:
    path = save(pkpd.nca(kept.study()), tmp_path / "nca.nc")
    assert load(path, kept.study()).sizes["profile"] == 6
    with pytest.raises(InputError, match="of other data"):
        load(path, kept.study().select(subjects=[1, 2]))
    path = kept.fits().save(tmp_path / "fits.nc")
    assert len(load(path, kept.study())) == 6
    with pytest.raises(InputError, match="of other data"):
        load(path, kept.study().select(subjects=[1, 2]))
    with pytest.raises(InputError, match="says nothing of its data"):
        load(kept.population().save(tmp_path / "p.nc"), kept.study())


def test_a_copy_that_another_program_made_is_read(tmp_path: Path) -> None:
    """It has no seal any more; its contents are those that were written."""
    path = kept.study().save(tmp_path / "s.nc")
    with xarray.open_dataset(path, engine="h5netcdf") as opened:
        opened.load().to_netcdf(tmp_path / "copy.nc", engine="h5netcdf")
    assert b"pkpd seal" in path.read_bytes()
    assert b"pkpd seal" not in (tmp_path / "copy.nc").read_bytes()
    assert kept.differences(load(tmp_path / "copy.nc"), kept.study()) == []


def test_the_json_is_strict(tmp_path: Path) -> None:
    path = kept.fits().save(tmp_path / "fits.nc")

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    with h5netcdf.File(path, "r") as file:
        json.loads(file.variables["about"][()], parse_constant=refuse)
