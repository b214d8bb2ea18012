"""Files that were damaged or altered: the documented error, whatever was done to them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5netcdf
import h5py
import numpy as np
import pytest

from pkpd import InputError
from pkpd.files.sealed import Contents, read, write
from pkpd.saving import load, save
from tests.files import kept

MAKERS: dict[str, Callable[[], Any]] = {
    "population": kept.population,
}  # fmt: skip


@pytest.fixture(scope="module", params=list(MAKERS))
def saved(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(MAKERS[request.param](), tmp_path_factory.mktemp("kept") / f"{request.param}.nc")


def test_a_byte_changed_or_an_end_lost_is_noticed(saved: Path, tmp_path: Path) -> None:
    """60 of each file: 240."""
    whole = saved.read_bytes()
    rng = np.random.default_rng(13)
    for k in range(60):
        data = bytearray(whole)
        if k % 6 == 5:
            del data[int(rng.integers(len(data) - 100)) :]
        else:
            for place in rng.integers(len(data) - 70, size=1 + k % 3):  # in the seal itself a byte may change
                data[place] ^= 1 << int(rng.integers(8))
        path = tmp_path / "t.nc"
        path.write_bytes(data)
        if bytes(data) != whole:
            with pytest.raises(InputError):
                load(path)


def test_attributes_and_variables_changed_by_another_program_are_noticed(saved: Path, tmp_path: Path) -> None:
    with h5netcdf.File(saved, "r") as file:
        names, attrs = list(file.variables), list(file.attrs)
    path = tmp_path / "t.nc"
    for name in (n for n in attrs if n != "title"):
        for change in ("gone", "other", 7, np.array([1.5, 2.5])):
            shutil.copy(saved, path)
            with h5py.File(path, "a") as file:
                if isinstance(change, str) and change == "gone":
                    del file.attrs[name]
                else:
                    file.attrs[name] = change
            with pytest.raises(InputError):
                load(path)
    for name in names[:12]:
        shutil.copy(saved, path)
        with h5py.File(path, "a") as file:
            del file[name]
            file[name] = np.arange(3.0)
        with pytest.raises(InputError):
            load(path)


def parts(data: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where every part of nested plain data stands."""
    pairs = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    return [path, *(place for key, one in pairs for place in parts(one, (*path, key)))]


HOSTILE = (None, -1, "x", [], {}, {"!": "object", "class": "Study", "fields": {}}, {"!": "nobody"}, 10**30, True,
           {"!": "array", "dtype": "O", "shape": [2**40], "raw": "x"}, {"!": "number", "dtype": "O", "bytes": "00" * 8},
           {"!": "object", "class": "os.system", "fields": {"command": "true"}}, "nan", [[[]]])  # fmt: skip


def test_hostile_plain_data_under_a_right_digest_raise_the_documented_error_or_nothing_else(
    saved: Path, tmp_path: Path
) -> None:
    """Somebody who makes the digest anew can write another study; what he cannot is to raise anything else."""
    good = read(saved)
    rng = np.random.default_rng(21)
    places = parts(good.about)
    refused = 0
    for k in range(60):
        about = json.loads(json.dumps(good.about))
        place = places[int(rng.integers(len(places)))]
        new: Any = HOSTILE[k % len(HOSTILE)]
        if not place:
            about = new
        else:
            inside = about
            for key in place[:-1]:
                inside = inside[key]
            inside[place[-1]] = new
        path = write(Contents(good.kind, about, good.arrays, good.data_hash, good.model_key), tmp_path / "t.nc", "t")
        try:
            load(path)
        except InputError:
            refused += 1
    assert refused > 30


def test_arrays_of_other_shapes_and_types_are_refused(saved: Path, tmp_path: Path) -> None:
    good = read(saved)
    for name in list(good.arrays)[:15]:
        array = good.arrays[name]
        others = (array[..., :-1], array[None], array.astype(np.float32), array.astype(np.int16))
        for other in others:
            if other.size and (other.dtype, other.shape) != (array.dtype, array.shape):
                changed = Contents(good.kind, good.about, {**good.arrays, name: other}, good.data_hash, good.model_key)
                with pytest.raises(InputError):
                    load(write(changed, tmp_path / "t.nc", "t"))
        without = {n: a for n, a in good.arrays.items() if n != name}
        lost = Contents(good.kind, good.about, without, good.data_hash, good.model_key)
        with pytest.raises(InputError):
            load(write(lost, tmp_path / "t.nc", "t"))


def test_nesting_without_end_and_what_is_no_file_of_ours(tmp_path: Path) -> None:
    deep: Any = []
    for _ in range(600):
        deep = [deep]
    with pytest.raises(InputError):
        load(write(Contents("Study", deep), tmp_path / "t.nc", "t"))
    for name, data in {"empty.nc": b"", "text.nc": b"hello", "hdf.nc": b"\x89HDF\r\n\x1a\n" + b"\0" * 50}.items():
        (tmp_path / name).write_bytes(data)
        with pytest.raises(InputError, match="no file that pkpd saved"):
            load(tmp_path / name)
    with pytest.raises(InputError, match="no file"):
        load(tmp_path / "none.nc")
    with pytest.raises(InputError):
        load(tmp_path)
