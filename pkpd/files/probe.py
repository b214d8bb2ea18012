"""A file whose bytes nobody vouches for is first read by another process, which may crash or hang in our place."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from pkpd.errors import InputError, shown

SECONDS = 60.0
"""So long it may take, and one more for every 10 MB."""
_MOST = 2000  # bytes of contents for each one in the file: HDF5's compression comes to 1000
_HDF5 = b"\x89HDF\r\n\x1a\n"
_READ = """
import json, os, sys
sys.path[:] = json.loads(sys.argv[2])
import h5py
try:
    with h5py.File(sys.argv[1], "r") as file:
        list(file.attrs.items())
        for name, variable in file.items():
            if not isinstance(variable, h5py.Dataset) or name.startswith("size_"):
                continue
            count = 1
            for size in variable.shape:
                count *= size
            if count * variable.dtype.itemsize > int(sys.argv[3]):
                raise ValueError(f"{name} is larger than the file can hold")
            variable[...]
except Exception as error:
    print(str(error)[:500], end="")
    code = 3
else:
    code = 0
sys.stdout.flush()
os._exit(code)
"""


def require_readable(path: Path) -> None:
    """Refuse a file that HDF5 cannot read to its end; a crash or a hang of HDF5 is that of another process.

    Parameters
    ----------
    path : path
        A file that is there.

    Raises
    ------
    InputError
        With what HDF5 says of it.
    """
    with path.open("rb") as file:
        begins = file.read(len(_HDF5))
    if begins != _HDF5:
        raise InputError(f"{str(path)!r} is no file that pkpd saved (it is no NetCDF 4)", "load")
    size = path.stat().st_size
    call = [sys.executable, "-c", _READ, str(path.absolute()), json.dumps(sys.path), str(size * _MOST)]
    try:
        ended = subprocess.run(
            call, stdin=subprocess.DEVNULL, capture_output=True, timeout=SECONDS + size / 1e7, check=False
        )
    except (subprocess.TimeoutExpired, OSError, ValueError) as error:
        why = "reading it does not end" if isinstance(error, subprocess.TimeoutExpired) else str(error)
        raise InputError(f"{str(path)!r} has no seal and cannot be looked at ({why})", "load") from None
    if ended.returncode == 3:
        said = ended.stdout.decode(errors="replace")
        raise InputError(f"{str(path)!r} is no file that pkpd saved ({shown(said)})", "load")
    if ended.returncode:
        raise InputError(f"{str(path)!r} is damaged: HDF5 ends with {ended.returncode} when it reads it", "load")
