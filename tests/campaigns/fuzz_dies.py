"""Hostile die files: archives that are damaged, lie about their size, hold objects, or unfold into very much."""

from __future__ import annotations

import contextlib
import io
import json
import struct
import zipfile
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from campaigns.fuzz_judge import Given
from campaigns.mutations import as_json, spoilt_bytes, spoilt_text, spoilt_tree, value

from labctl.backend import BackendOptions
from labctl.bench_file import DEFAULT_BENCH, read_bench
from sim_backend.backend import TwinBackend
from sim_backend.die_report import show_die

if TYPE_CHECKING:
    import random
    from pathlib import Path

ROWS, COLUMNS = 3, 4
_DTYPES: Final = (
    "<f8",
    ">f8",
    "<f4",
    "<i8",
    "|b1",
    "|u1",
    "|O",
    "<U9",
    "|V8",
    "<c16",
    "<M8[s]",
    "[('a','<f8')]",
    "f8,f8",
    "",
)
_SHAPES: Final = (
    (ROWS, COLUMNS), (ROWS * COLUMNS,), (), (0,), (1 << 31, 1 << 31), (10**9,), (-1,), (10**30,), (1,) * 100,
)  # fmt: skip


class Dies:
    """Makes inputs of this family."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "die.npz"
        text = (
            DEFAULT_BENCH.read_text(encoding="utf-8")
            .replace("64", str(ROWS), 1)
            .replace("columns = 64", f"columns = {COLUMNS}")
        )
        self._bench = read_bench(text.replace("rows = 64", f"rows = {ROWS}"), "bench.toml")
        with contextlib.closing(TwinBackend(self._bench, BackendOptions(seed=1))) as twin:
            twin.world.save(self._file)
        self._data = self._file.read_bytes()
        with zipfile.ZipFile(self._file) as archive:
            self._members = {info.filename: archive.read(info) for info in archive.infolist()}

    def draw(self, throw: random.Random) -> Given:
        """Return an input."""
        kind = throw.choice(("bytes", "header", "header", "member", "array", "members", "bomb"))
        match kind:
            case "bytes":
                data = spoilt_bytes(self._data, throw)
            case "bomb":
                data = self._bomb(throw)
            case _:
                data = _archive(self._spoilt_members(kind, throw))
        self._file.write_bytes(data)
        as_object, load = throw.random() < 0.5, throw.random() < 0.05

        def use() -> None:
            with contextlib.redirect_stdout(io.StringIO()):
                show_die(self._file, json=as_object)
            if load:
                with contextlib.closing(TwinBackend(self._bench, BackendOptions(seed=1, die=self._file))) as twin:
                    twin.panels["board"].receive(b"\x00")

        return Given(f"die file, {kind}", data[:100], use)

    def _spoilt_members(self, kind: str, throw: random.Random) -> dict[str, bytes]:
        members = dict(self._members)
        name = throw.choice(list(members))
        match kind:
            case "header":
                members["header.npy"] = _array(np.frombuffer(self._header(throw), np.uint8))
            case "member":
                members[name] = spoilt_bytes(members[name], throw)
            case "array":
                members[name] = _lying(throw, members[name])
            case _:
                for _ in range(throw.randrange(1, 4)):
                    place = throw.choice(list(members) or [name])
                    held = members.pop(place, b"")
                    if throw.random() < 0.5:
                        members[
                            throw.choice(("../../x.npy", "/etc/x.npy", "a" * 300, "x", "die_x.npy", "Header.npy"))
                        ] = held
        return members

    def _header(self, throw: random.Random) -> bytes:
        """Return the text of a header: of keys with other values, or damaged as a text."""
        stored = np.load(io.BytesIO(self._members["header.npy"])).tobytes()
        tree: dict[str, Any] = json.loads(stored)
        if throw.random() < 0.3:
            tree["profile"] = json.dumps(spoilt_tree(json.loads(tree["profile"]), throw))
        elif throw.random() < 0.7:
            tree = spoilt_tree(tree, throw)
        text = as_json(tree)
        if throw.random() < 0.3:
            text = spoilt_text(text, throw)
        if throw.random() < 0.02:
            text = throw.choice(("[" * 60_000, '{"a":' * 10_000, "9" * 60_000, as_json(value(throw))))
        return text.encode("utf-8", "replace")

    def _bomb(self, throw: random.Random) -> bytes:
        """Return an archive that unfolds into much, or says that it does."""
        members = dict(self._members)
        name = throw.choice(list(members))
        kind = throw.randrange(4)
        if kind == 0:
            return _archive(members | {name: bytes(throw.choice((10_000, 5_000_000)))}, zipfile.ZIP_DEFLATED)
        if kind == 1:
            return _archive(members | {f"m{number}.npy": b"" for number in range(throw.choice((10, 3000)))})
        data = bytearray(_archive(members))
        if kind == 2:  # every entry of the directory claims another size
            place = data.rfind(b"PK\x01\x02")
            struct.pack_into("<II", data, place + 20, *(throw.getrandbits(throw.randrange(1, 32)) for _ in range(2)))
            return bytes(data)
        return bytes(data) * throw.choice((2, 30))


def _archive(members: dict[str, bytes], how: int = zipfile.ZIP_STORED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", how) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return stream.getvalue()


def _array(array: np.ndarray[Any, Any]) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array, allow_pickle=False)
    return stream.getvalue()


def _lying(throw: random.Random, member: bytes) -> bytes:
    """Return an array file whose description says something else than what follows, or whose values make no sense."""
    if throw.random() < 0.4:
        array: np.ndarray[Any, Any] = np.load(io.BytesIO(member))
        wild = throw.choice((np.nan, np.inf, -np.inf, 1e300, -1.0, 1e-320, 0.0, 2.0**62))
        with np.errstate(all="ignore"):
            filled = np.full(array.shape, wild).astype(array.dtype)
            array.flat[:: throw.choice((1, 3))] = filled.flat[0] if filled.size else 0
        return _array(array)
    if throw.random() < 0.2:
        hidden = b"\x80\x04\x95\x0f\x00\x00\x00\x00\x00\x00\x00\x8c\x05posix\x8c\x06system\x93."
        return _described("|O", (ROWS, COLUMNS)) + hidden
    return _described(throw.choice(_DTYPES), throw.choice(_SHAPES)) + member[128:]


def _described(dtype: str, shape: tuple[int, ...]) -> bytes:
    quoted = dtype if dtype.startswith("[") else repr(dtype)
    text = f"{{'descr': {quoted}, 'fortran_order': False, 'shape': {shape!r}, }}".encode()
    text += b" " * (-(len(text) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text
