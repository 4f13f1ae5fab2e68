"""A world in a file: one `.npz` that holds die and front end exactly, with the clock's time and the board's power-ups.

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
from sim_backend.device_models.catalogue import model_of
from sim_backend.device_models.profile_files import profile_from_json, profile_to_json
from sim_backend.die import SEEDS, Die
from sim_backend.front_end.make import make_front_end
from sim_backend.noise.keyed import CELLS
from sim_backend.noise.kinds import Noise

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from sim_backend.device_models.base_profile import DeviceProfile
    from sim_backend.front_end.interface import Saved

FORMAT = "labctl die"
VERSION = 2
_PREAMBLE = 1024
"""Bytes that an array's description in front of its data never exceeds."""
_HEADER_MAX = 65_536
"""Bytes of the largest header."""
_CELL_NUMBERS = 16
"""Numbers of 8 bytes that a model keeps of one cell at most."""
_ARRAY_MAX = 8 * _CELL_NUMBERS * CELLS + _PREAMBLE
_ARRAYS_MAX = 32
"""More arrays no world has."""
_FILE_MAX = 8 * 2 * _CELL_NUMBERS * CELLS + _ARRAYS_MAX * 2 * _PREAMBLE + _HEADER_MAX
_DIE, _FRONT_END = "die_", "front_end_"
"""What the names of their arrays begin with."""
_DAMAGE = (
    zipfile.BadZipFile, zipfile.LargeZipFile, tokenize.TokenError, ValueError, TypeError, KeyError, IndexError,
    EOFError, ArithmeticError, RuntimeError, SyntaxError, MemoryError, struct.error, UserWarning,
)  # fmt: skip
"""What zipfile, json and numpy raise on bytes that are not what they should be."""


class _Header(BaseModel):
    """Everything but the arrays."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    format: Literal["labctl die"]
    version: Literal[2]
    id: str
    rows: Annotated[int, Field(ge=1, le=CELLS)]
    columns: Annotated[int, Field(ge=1, le=CELLS)]
    profile: str
    seed: Annotated[int, Field(ge=0, lt=SEEDS)]
    noise: dict[str, bool]
    time: Annotated[float, Field(ge=0)]
    boot: Annotated[int, Field(ge=1)]
    front_end: Literal["ideal", "board"]
    factory_calibrated: bool
    conversions: dict[str, Annotated[int, Field(ge=0, lt=1 << 46)]]


@dataclass(frozen=True, slots=True, eq=False)
class FrontEndState:
    """A front end, as far as a file keeps it.

    Args:
        kind: "ideal" or "board".
        factory_calibrated: whether it left its maker with its coefficients set.
        arrays: all that changes in use.
    """

    kind: Literal["ideal", "board"]
    factory_calibrated: bool
    arrays: Mapping[str, Saved]


@dataclass(frozen=True, slots=True)
class SavedDie:
    """What a file holds.

    Args:
        path: of the file.
        die: as it was saved.
        time: of the clock (s).
        boot: power-ups of the board that it hung on.
        front_end: of that board.
        conversions: of each source-measure unit, by name, so far.
    """

    path: Path
    die: Die
    time: float
    boot: int
    front_end: FrontEndState
    conversions: Mapping[str, int]

    def check_fits(self, die_id: str, rows: int, columns: int, profile: DeviceProfile) -> None:
        """Make sure that the die is the one a bench asks for.

        Raises:
            BenchFileError: if it is not; the message says what the file holds and what the bench asks for.
        """
        mine, held = self.die, self.die.model.profile
        pairs = [
            (f"die {mine.id!r}", f"die {die_id!r}"),
            (f"{mine.rows} x {mine.columns} cells", f"{rows} x {columns} cells"),
            (_describe(held), _describe(profile)),
        ]
        differing = [(found, asked) for found, asked in pairs if found != asked]
        if not differing and held != profile:
            other = profile.model_dump()
            differing = [
                (f"{held.name} with {name} = {value}", f"{name} = {other.get(name)}")
                for name, value in held.model_dump().items()
                if value != other.get(name)
            ]
        if differing:
            found, asked = (", ".join(side) for side in zip(*differing, strict=True))
            raise BenchFileError(f"{self.path} holds {found}; the bench asks for {asked}")


def save_die(saved: SavedDie) -> None:
    """Write a world to `saved.path`, whole: an older file stays until the new one is complete.

    Raises:
        StoreError: if the file cannot be written.
    """
    die, front_end, path = saved.die, saved.front_end, saved.path
    header = _Header(
        format=FORMAT, version=VERSION, id=die.id, rows=die.rows, columns=die.columns,
        profile=profile_to_json(die.model.profile), seed=die.seed, noise=asdict(die.noise), time=saved.time,
        boot=saved.boot, front_end=front_end.kind, factory_calibrated=front_end.factory_calibrated,
        conversions=dict(saved.conversions),
    )  # fmt: skip
    arrays = {_DIE + name: array for name, array in die.arrays().items()}
    arrays |= {_FRONT_END + name: array for name, array in front_end.arrays.items()}
    neighbour = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        with neighbour.open("wb") as file:
            text = np.frombuffer(header.model_dump_json().encode(), np.uint8)
            np.savez(
                file, allow_pickle=False, header=text, **{name: _portable(array) for name, array in arrays.items()}
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
        # What a profile or a state makes infinite would come out as such, or as NaN, long after this.
        with np.errstate(over="raise", divide="raise", invalid="raise"):
            return _conducting(_read(path))
    except OSError as error:
        raise DieFileError(f"{path}: the die cannot be loaded: {error.strerror or error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise DieFileError(f"{path}: no die file: {place}: {first['msg']}") from error
    except (*_DAMAGE, InputError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise DieFileError(f"{path}: no die file, or a damaged one: {reason}") from error


def _conducting(saved: SavedDie) -> SavedDie:
    """Return a world, or refuse it with a ValueError if one of its cells has no conductance."""
    if not np.isfinite(saved.die.conductance()).all():
        raise ValueError("a cell has no conductance")
    return saved


def _read(path: Path) -> SavedDie:
    with zipfile.ZipFile(path) as archive:
        header = _header(_array(_member(archive, "header"), np.dtype("u1"), None).tobytes())
        if 8 * header.rows * header.columns > path.stat().st_size:
            raise ValueError(f"{header.rows} x {header.columns} cells do not fit into it")
        noise = Noise(**header.noise)
        model = model_of(profile_from_json(header.profile))
        die = Die(header.id, header.rows, header.columns, model, header.seed, noise)
        shape, g_max = (header.rows, header.columns), model.profile.g_max
        calibration = "factory" if header.factory_calibrated else "none"
        front_end = make_front_end(header.front_end, calibration, *shape, g_max, header.seed)
        expected = {_DIE + name: array for name, array in die.arrays().items()}
        expected |= {_FRONT_END + name: array for name, array in front_end.arrays().items()}
        names = {info.filename for info in archive.infolist()}
        if names != {f"{name}.npy" for name in ("header", *expected)}:
            raise ValueError(f"{len(expected) + 1} members expected, found {', '.join(sorted(names))[:200]}")
        found = {name: _array(_member(archive, name), like.dtype, like.shape) for name, like in expected.items()}
    die.restore(_named(found, _DIE))
    arrays = _named(found, _FRONT_END)
    front_end.restore(arrays)
    state = FrontEndState(header.front_end, header.factory_calibrated, arrays)
    return SavedDie(path, die, header.time, header.boot, state, header.conversions)


def _named(arrays: dict[str, NDArray[Any]], prefix: str) -> dict[str, NDArray[Any]]:
    """Return the arrays whose names begin with `prefix`, without it."""
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}


def _portable(array: NDArray[Any]) -> NDArray[Any]:
    """Return an array in little-endian order, whatever machine this is."""
    return array.astype(array.dtype.newbyteorder("<"))


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


def _describe(profile: DeviceProfile) -> str:
    return f"device {profile.name!r} up to {format_quantity(profile.g_max, 'S', 6)}"
