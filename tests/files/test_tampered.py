"""A thin case of `tests/long/files/test_tampered.py`: damaged files raise the documented error."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pkpd import InputError
from pkpd.files.sealed import Contents, read, write
from pkpd.saving import load, save
from tests.files import kept


def test_a_byte_changed_or_an_end_lost_is_noticed(tmp_path: Path) -> None:
    whole = save(kept.population(), tmp_path / "p.nc").read_bytes()
    rng = np.random.default_rng(13)
    for k in range(8):
        data = bytearray(whole)
        if k % 4 == 3:
            del data[int(rng.integers(len(data) - 100)) :]
        else:
            data[int(rng.integers(len(data) - 70))] ^= 1 << int(rng.integers(8))
        (tmp_path / "t.nc").write_bytes(data)
        with pytest.raises(InputError):
            load(tmp_path / "t.nc")


def test_plain_data_of_another_class_run_nothing_and_are_refused(tmp_path: Path) -> None:
    good = read(save(kept.population(), tmp_path / "p.nc"))
    for about in ({"!": "object", "class": "os.system", "fields": {"command": "true"}}, {"!": "nobody"}, None, 7, []):
        changed = Contents(good.kind, about, good.arrays, good.data_hash, good.model_key)
        with pytest.raises(InputError):
            load(write(changed, tmp_path / "t.nc", "t"))
