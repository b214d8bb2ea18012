"""The file itself: there as a whole or not at all, whatever happens meanwhile, and whoever wrote it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import h5netcdf
import numpy as np
import pandas
import pytest
import xarray

from pkpd import InputError
from pkpd.files import probe, sealed
from pkpd.saving import load, save

SLOW_WRITER = """
import sys, time
import pandas
from pkpd.files import sealed
from pkpd.saving import save
sealed.seal = lambda part: (print("written", flush=True), time.sleep(60))
save(pandas.DataFrame({"x": [3.0, 4.0]}), sys.argv[1])
"""


def table(*values: float) -> pandas.DataFrame:
    """A table with one column."""
    return pandas.DataFrame({"x": list(values)})


def test_a_process_killed_while_it_writes_leaves_the_old_file_whole(tmp_path: Path) -> None:
    path = save(table(1.0, 2.0), tmp_path / "kept.nc")
    before = path.read_bytes()
    with subprocess.Popen([sys.executable, "-c", SLOW_WRITER, str(path)], stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"written\n"
        os.kill(writer.pid, signal.SIGKILL)
        writer.wait(timeout=30)
    assert path.read_bytes() == before
    pandas.testing.assert_frame_equal(load(path), table(1.0, 2.0))
    assert save(table(5.0), path) == path
    pandas.testing.assert_frame_equal(load(path), table(5.0))


def test_a_write_that_fails_leaves_the_old_file_and_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = save(table(1.0), tmp_path / "kept.nc")

    def full(part: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(sealed, "seal", full)
    with pytest.raises(InputError, match=r"cannot be written .*No space left"):
        save(table(2.0), path)
    pandas.testing.assert_frame_equal(load(path), table(1.0))
    assert [one.name for one in tmp_path.iterdir()] == ["kept.nc"]


def test_many_who_write_one_file_at_once_leave_one_of_theirs(tmp_path: Path) -> None:
    path = tmp_path / "kept.nc"
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda k: save(table(float(k)), path), range(12)))
    assert load(path)["x"][0] in range(12)
    assert [one.name for one in tmp_path.iterdir()] == ["kept.nc"]


def test_names_that_hdf5_would_not_take_are_no_trouble(tmp_path: Path) -> None:
    names = ["", ".", "..", "a/b", "about", "size_3", "a\0b", "µ", "x" * 70_000, "x" * 70_001]
    data = xarray.Dataset({name: ("q", [k, 2 * k]) for k, name in enumerate(names)}, attrs={"name": "µ"})
    again = load(save(data, tmp_path / "names.nc"))
    assert list(again) == names
    assert [int(again[name][1]) for name in names] == [2 * k for k in range(len(names))]
    with h5netcdf.File(tmp_path / "names.nc", "r") as file:
        assert max(map(len, file.variables)) < 200


@pytest.mark.parametrize("name", ["a\0b", "x" * 300, "x" * 250, "no/folder.nc", ""])
def test_paths_where_no_file_can_be_are_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(InputError):
        save(table(1.0), tmp_path / name)
    with pytest.raises(InputError):
        load(tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_attributes_that_look_like_a_hash_but_are_none_are_no_hash(tmp_path: Path) -> None:
    data = xarray.Dataset({"x": 1.0}, attrs={"data_hash": "mine\0"})
    assert load(save(data, tmp_path / "x.nc")).identical(data)


def test_what_crashes_or_hangs_hdf5_does_so_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file whose seal is lost is first read by another process."""
    path = save(table(1.0), tmp_path / "kept.nc")
    unsealed = path.read_bytes()[:-78]
    path.write_bytes(unsealed)
    pandas.testing.assert_frame_equal(load(path), table(1.0))
    for code, seconds, said in (
        ("import os; os.kill(os.getpid(), 11)", 30.0, "HDF5 ends with -11"),
        ("import time; time.sleep(60)", 0.2, "reading it does not end"),
        ("import os; print('odd', end='', flush=True); os._exit(3)", 30.0, "no file that pkpd saved .*odd"),
    ):
        with monkeypatch.context() as other:
            other.setattr(probe, "_READ", code)
            other.setattr(probe, "SECONDS", seconds)
            with pytest.raises(InputError, match=said):
                load(path)
    monkeypatch.setattr(probe, "_MOST", 0)
    with pytest.raises(InputError, match="larger than the file can hold"):
        load(path)
    path.write_bytes(unsealed[:3000])
    with pytest.raises(InputError, match="no file that pkpd saved"):
        load(path)


def test_a_file_with_a_seal_is_not_looked_at_by_another_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = save(table(1.0), tmp_path / "kept.nc")
    monkeypatch.setattr(subprocess, "run", None)
    pandas.testing.assert_frame_equal(load(path), table(1.0))


def test_the_hash_is_of_the_contents_whatever_the_order_of_the_arrays(tmp_path: Path) -> None:
    arrays = {"b": np.arange(3.0), "a": np.arange(2, dtype=np.int16)}
    one, other = (
        sealed.read(sealed.write(sealed.Contents("DataFrame", None, made), tmp_path / "a.nc", "a"))
        for made in (arrays, dict(reversed(arrays.items())))
    )
    for found in (one, other):
        assert {name: array.tolist() for name, array in found.arrays.items()} == {"b": [0, 1, 2], "a": [0, 1]}
