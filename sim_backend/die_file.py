"""A die in a file: one `.npz` that holds it exactly, with the time of its clock and the board's power-ups.

A file is taken whole or not at all. Sizes are checked before anything of that size is held in memory, and members are
stored uncompressed, so that a file cannot unfold into more than it is.
"""

from __future__ import annotations

import io
import json
import os
import struct
import tokenize
import zipfile
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from labctl.errors import BenchFileError, DieFileError, InputError, StoreError
from labctl.units import format_quantity
from sim_backend.device_profile import DeviceProfile
from sim_backend.die import SEEDS, Die
from sim_backend.keyed_noise import CELLS, COUNTS
from sim_backend.noise import Noise

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

FORMAT = "labctl die"
VERSION = 1
_ARRAYS = {"state": np.dtype("<f8"), "write_count": np.dtype("<i8"), "read_count": np.dtype("<i8")}
_PREAMBLE = 1024
"""Bytes that an array's description in front of its data never exceeds."""
_HEADER_MAX = 65_536
"""Bytes of the largest header."""
_ARRAY_MAX = 8 * CELLS + _PREAMBLE
_FILE_MAX = len(_ARRAYS) * _ARRAY_MAX + _HEADER_MAX + 4096
_DAMAGE = (
    zipfile.BadZipFile, zipfile.LargeZipFile, tokenize.TokenError, ValueError, TypeError, KeyError, IndexError,
    EOFError, OverflowError, RuntimeError, SyntaxError, MemoryError, struct.error, UserWarning,
)  # fmt: skip
"""What zipfile, json and numpy raise on bytes that are not what they should be."""


class _Switches(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    read: bool
    write: bool
    spread: bool


class _Header(BaseModel):
    """Everything but the arrays."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    format: Literal["labctl die"]
    version: Literal[1]
    id: str
    rows: Annotated[int, Field(ge=1, le=CELLS)]
    columns: Annotated[int, Field(ge=1, le=CELLS)]
    device: str
    numbers: dict[str, float]
    seed: Annotated[int, Field(ge=0, lt=SEEDS)]
    noise: _Switches
    time: Annotated[float, Field(ge=0)]
    boot: Annotated[int, Field(ge=1)]


@dataclass(frozen=True, slots=True)
class SavedDie:
    """What a file holds.

    Args:
        path: of the file.
        die: as it was saved.
        time: of the clock (s).
        boot: power-ups of the board that it hung on.
    """

    path: Path
    die: Die
    time: float
    boot: int

    def check_fits(self, die_id: str, rows: int, columns: int, device: DeviceProfile) -> None:
        """Make sure that the die is the one a bench asks for.

        Raises:
            BenchFileError: if it is not; the message says what the file holds and what the bench asks for.
        """
        mine, other = self.die, device
        pairs = [
            (f"die {mine.id!r}", f"die {die_id!r}"),
            (f"{mine.rows} x {mine.columns} cells", f"{rows} x {columns} cells"),
            (_describe(mine.device), _describe(other)),
        ]
        differing = [(held, asked) for held, asked in pairs if held != asked]
        if not differing and mine.device != other:
            numbers = mine.device.numbers()
            differing = [
                (f"{mine.device.name} with {name} = {numbers[name]}", f"{name} = {value}")
                for name, value in other.numbers().items()
                if value != numbers[name]
            ]
        if differing:
            held, asked = (", ".join(side) for side in zip(*differing, strict=True))
            raise BenchFileError(f"{self.path} holds {held}; the bench asks for {asked}")


def save_die(path: Path, die: Die, time: float, boot: int = 1) -> None:
    """Write a die to `path`, whole: an older file stays until the new one is complete.

    Args:
        path: of the file.
        die: to be saved.
        time: of the clock (s).
        boot: power-ups of the board so far.

    Raises:
        StoreError: if the file cannot be written.
    """
    header = _Header(
        format=FORMAT, version=VERSION, id=die.id, rows=die.rows, columns=die.columns,
        device=die.device.name, numbers=die.device.numbers(), seed=die.seed,
        noise=_Switches(**asdict(die.noise)), time=time, boot=boot,
    )  # fmt: skip
    text = header.model_dump_json().encode()
    neighbour = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        with neighbour.open("wb") as file:
            np.savez(
                file,
                allow_pickle=False,
                header=np.frombuffer(text, np.uint8),
                state=die.state.astype(_ARRAYS["state"]),
                write_count=die.write_count.astype(_ARRAYS["write_count"]),
                read_count=die.read_count.astype(_ARRAYS["read_count"]),
            )
            file.flush()
            os.fsync(file.fileno())
        neighbour.replace(path)
    except OSError as error:
        with suppress(OSError):
            neighbour.unlink(missing_ok=True)
        raise StoreError(f"{path}: the die cannot be saved: {error.strerror or error}") from error


def load_die(path: Path) -> SavedDie:
    """Return the die in a file.

    Raises:
        DieFileError: if the file cannot be read, is damaged, too large, of another version, or no die file.
    """
    try:
        size = path.stat().st_size
        if size > _FILE_MAX:
            raise ValueError(f"{size} bytes, where the largest die takes {_FILE_MAX}")
        return _read(path)
    except OSError as error:
        raise DieFileError(f"{path}: the die cannot be loaded: {error.strerror or error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise DieFileError(f"{path}: no die file: {place}: {first['msg']}") from error
    except (*_DAMAGE, InputError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise DieFileError(f"{path}: no die file, or a damaged one: {reason}") from error


def _read(path: Path) -> SavedDie:
    with zipfile.ZipFile(path) as archive:
        members = {name: _member(archive, name) for name in ("header", *_ARRAYS)}
        if len(archive.infolist()) != len(members):
            raise ValueError(f"{len(members)} members expected, {len(archive.infolist())} found")
    header = _header(_array(members["header"], np.dtype("u1"), None).tobytes())
    shape = (header.rows, header.columns)
    device = DeviceProfile(header.device, **header.numbers)
    die = Die(header.id, header.rows, header.columns, device, header.seed, Noise(**header.noise.model_dump()))
    state, writes, reads = (_array(members[name], kind, shape) for name, kind in _ARRAYS.items())
    if not (np.isfinite(state).all() and state.min() >= 0 and state.max() <= die.cell.top):
        raise ValueError(f"a state lies outside 0 .. {die.cell.top:g}")
    if min(writes.min(), reads.min()) < 0 or max(writes.max(), reads.max()) >= COUNTS:
        raise ValueError(f"a count lies outside 0 .. {COUNTS - 1}")
    die.state, die.write_count, die.read_count = state, writes, reads
    return SavedDie(path, die, header.time, header.boot)


def _member(archive: zipfile.ZipFile, name: str) -> bytes:
    """Return the bytes of one array file, once its size is known to be bearable."""
    info = archive.getinfo(f"{name}.npy")
    most = _HEADER_MAX if name == "header" else _ARRAY_MAX
    if info.compress_type != zipfile.ZIP_STORED or info.file_size > most:
        raise ValueError(f"member {name} is compressed, or has more than {most} bytes")
    return archive.read(info)


def _array(data: bytes, kind: np.dtype[Any], shape: tuple[int, ...] | None) -> NDArray[Any]:
    """Return the array in `data`; its description is checked before numpy makes room for what it promises."""
    stream = io.BytesIO(data)
    version = np.lib.format.read_magic(stream)
    if version != (1, 0):
        raise ValueError(f"array format {version}, not (1, 0)")
    found, _, dtype = np.lib.format.read_array_header_1_0(stream)
    wanted = shape or (len(data) - stream.tell(),)
    if found != wanted or dtype != kind:
        raise ValueError(f"an array is {dtype} of shape {found}, not {kind} of shape {wanted}")
    if len(data) - stream.tell() != int(np.prod(wanted)) * kind.itemsize:
        raise ValueError("an array has not the size of its shape")
    stream.seek(0)
    return np.ascontiguousarray(np.load(stream, allow_pickle=False))


def _header(text: bytes) -> _Header:
    """Return the header, once the version is known to be ours."""
    content: object = json.loads(text)
    if isinstance(content, dict):
        fields = cast("dict[str, object]", content)
        if fields.get("format") == FORMAT and fields.get("version") != VERSION:
            raise ValueError(f"format version {fields.get('version')!r:.20}; this labctl reads version {VERSION}")
    return _Header.model_validate_json(text)


def _describe(device: DeviceProfile) -> str:
    return f"device {device.name!r} up to {format_quantity(device.g_max, 'S', 6)}"
