"""Files of every kind that were damaged or altered: the documented error, whatever was done to them."""

from __future__ import annotations

import json
import shutil
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5netcdf
import h5py
import numpy as np
import pytest

from pkpd import InputError
from pkpd.files import loaded, probe, sealed
from pkpd.files.sealed import Contents, read, write
from pkpd.saving import load, save
from tests.files import kept
from tests.files.values import VALUES

KINDS = (
    "study", "study of events", "own model", "population", "fit", "fits", "population fit", "regimen", "rules", "NCA",
    "several analytes", "sparse", "sparse study", "excretion", "response", "comparison", "located", "simulation",
    "simulation of a study", "adaptive trial", "table", "arrays", "tree",
)  # fmt: skip
SMALL = ("study", "regimen", "population fit")
"""Of what does not depend on the kind: one with many arrays, one with none, one of many classes."""
SEAL = 78  # bytes of the line after the last one of HDF5


@pytest.fixture(scope="module", params=KINDS)
def saved(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(VALUES[request.param](), tmp_path_factory.mktemp("kept") / "kept.nc")


@pytest.fixture(scope="module", params=SMALL)
def small(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(VALUES[request.param](), tmp_path_factory.mktemp("kept") / "kept.nc")


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """What was altered may warn on its way to be refused."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def test_a_byte_changed_or_an_end_lost_is_noticed(saved: Path, tmp_path: Path) -> None:
    """30 of each kind: 690."""
    whole = saved.read_bytes()
    rng = np.random.default_rng(13)
    for k in range(30):
        data = bytearray(whole)
        if k % 10 == 9:
            del data[int(rng.integers(len(data) - 100)) :]
        else:
            for place in rng.integers(len(data) - SEAL, size=1 + k % 3):
                data[place] ^= 1 << int(rng.integers(8))
        path = tmp_path / "t.nc"
        path.write_bytes(data)
        if bytes(data) != whole:
            with pytest.raises(InputError):
                load(path)


def test_bytes_damaged_without_a_seal_end_no_process_and_are_noticed_where_they_count(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The HDF5 library meets them in a process of its own: it neither crashes nor hangs ours."""
    monkeypatch.setattr(probe, "SECONDS", 10.0)
    first = load(small)
    whole = small.read_bytes()[:-SEAL]
    rng = np.random.default_rng(17)
    refused = 0
    for k in range(40):
        data = bytearray(whole)
        for place in rng.integers(len(data), size=1 + k % 8):
            data[place] ^= 1 << int(rng.integers(8))
        path = tmp_path / "t.nc"
        path.write_bytes(data)
        try:
            again = load(path)
        except InputError:
            refused += 1
        else:
            assert kept.differences(first, again) == []  # the byte was one that nobody reads
    assert refused > 20


def test_attributes_and_variables_changed_by_another_program_are_noticed(small: Path, tmp_path: Path) -> None:
    with h5netcdf.File(small, "r") as file:
        names, attrs = list(file.variables), list(file.attrs)
    path = tmp_path / "t.nc"
    for name in (n for n in attrs if n != "title"):
        for change in ("gone", "other", 7, np.array([1.5, 2.5])):
            shutil.copy(small, path)
            with h5py.File(path, "a") as file:
                if isinstance(change, str) and change == "gone":
                    del file.attrs[name]
                else:
                    file.attrs[name] = change
            with pytest.raises(InputError):
                load(path)
    for name in names[:6]:
        for sealed_again in (False, True):
            shutil.copy(small, path)
            path.write_bytes(path.read_bytes()[:-SEAL])
            with h5py.File(path, "a") as file:
                del file[name]
                file[name] = np.arange(3.0)
            if sealed_again:
                sealed.seal(path)
            with pytest.raises(InputError):
                load(path)


def parts(data: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where every part of nested plain data stands."""
    pairs = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    return [path, *(place for key, one in pairs for place in parts(one, (*path, key)))]


HOSTILE = (
    None, -1, "x", [], {}, {"!": "object", "class": "Study", "fields": {}}, {"!": "nobody"}, 10**30, True, -0.5, "nan",
    {"!": "array", "dtype": "O", "shape": [2**40], "raw": "x"}, {"!": "number", "dtype": "O", "bytes": "00" * 8},
    {"!": "object", "class": "os.system", "fields": {"command": "true"}}, [[[]]], {"!": "array", "dtype": "<U99999999",
    "shape": [1], "items": ["a"]}, {"!": "float", "bytes": "00"}, {"!": "dataset"}, {"!": "tree", "nodes": {"/a/b": 1}},
    {"!": "frozen", "items": 3}, {"!": "timestamp", "value": 10**25, "unit": "ns", "zone": None}, {"!": "tuple"},
    {"!": "datetime", "value": "2024-01-01T00:00:00", "fold": 0, "zone": "../../etc/passwd"}, {"!": 5}, {"!": []},
    {"!": "error", "output": "C", "kind": "combined", "label": []}, {"kind": "range", "ends": [0, 10**12, 1]},
)  # fmt: skip


def changed_at(data: Any, place: tuple[Any, ...], new: Any) -> Any:
    """Plain data with one part replaced."""
    found = json.loads(json.dumps(data))
    if not place:
        return new
    inside = found
    for key in place[:-1]:
        inside = inside[key]
    inside[place[-1]] = new
    return found


def answers(contents: Contents, monkeypatch: pytest.MonkeyPatch) -> str:
    """What `load` makes of contents as if a file with right digests held them; anything but `InputError` escapes."""
    monkeypatch.setattr(loaded, "read", lambda path: contents)
    try:
        load("as if from a file.nc")
    except InputError as error:
        return str(error)
    return ""


def test_hostile_plain_data_under_a_right_digest_raise_the_documented_error_or_nothing_else(
    saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody who makes the digest anew can write another study; what he cannot is to raise anything else."""
    good = read(saved)
    rng = np.random.default_rng(21)
    places = parts(good.about)
    refused = 0
    for k in range(150):
        about = changed_at(good.about, places[int(rng.integers(len(places)))], HOSTILE[k % len(HOSTILE)])
        hostile = Contents(good.kind, about, good.arrays, good.data_hash, good.model_key)
        refused += answers(hostile, monkeypatch) != ""
    assert refused > 50


def test_arrays_of_other_shapes_and_types_are_refused(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    good = read(saved)
    for name in list(good.arrays)[:20]:
        array = good.arrays[name]
        others = [array[..., :-1], array[None], array.astype(np.float32), array.astype(np.int16), None]
        for other in others:
            if other is None or (other.size and (other.dtype, other.shape) != (array.dtype, array.shape)):
                arrays = {n: a for n, a in good.arrays.items() if n != name} | ({} if other is None else {name: other})
                contents = Contents(good.kind, good.about, arrays, good.data_hash, good.model_key)
                assert answers(contents, monkeypatch), (name, other)


def test_a_value_under_the_name_or_hash_of_another_is_refused(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    good = read(saved)
    for kind, data, model in (("Other", good.data_hash, good.model_key), (good.kind, "0" * 64, good.model_key),
                              (good.kind, good.data_hash, "0" * 64)):  # fmt: skip
        contents = Contents(kind, good.about, good.arrays, data, model)
        assert "was altered" in answers(contents, monkeypatch)


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
