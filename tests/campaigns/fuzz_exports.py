"""Hostile run folders, exported and opened: what comes out is whole and strict, or one error of ours."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import shutil
import sqlite3
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, cast

import h5netcdf
import xarray as xr
from campaigns.fuzz_judge import Given
from campaigns.fuzz_runs import pages, sql_value
from campaigns.mutations import NASTY, as_bytes, as_json, spoilt_bytes, spoilt_tree

import labctl
from labctl.errors import LabctlError
from labctl.export.command import CSV, NETCDF, export_run
from labctl.store import DATABASE, MANIFEST, RunWriter, write_manifest
from labctl.units import Amperes, Levels, Siemens

if TYPE_CHECKING:
    import random
    from pathlib import Path

_NAME: Final = "20260101T000000Z_made-up_01234567"
_RECORDS: Final = 12
_STATEMENTS: Final = (
    "UPDATE record SET {column} = {value}",
    "UPDATE record SET {column} = {value} WHERE id = {place}",
    "UPDATE record SET {column} = {value} WHERE id > {place}",
    "UPDATE record SET row = zeroblob({length}) WHERE id = {place}",
    "UPDATE record SET row = zeroblob({length})",
    "UPDATE record SET note = hex(zeroblob({length}))",
    "UPDATE record SET id = id + {place}",
    "UPDATE record SET id = {value} WHERE id = {place}",
    "DELETE FROM record WHERE id = {place}",
    "DELETE FROM record",
    "INSERT INTO record SELECT id + 1000, step, level, current, conductance, error, met, note, row FROM record",
    "ALTER TABLE record ADD COLUMN extra",
    "ALTER TABLE record DROP COLUMN note",
    "ALTER TABLE record RENAME COLUMN note TO other",
    "UPDATE record_type SET columns = replace(columns, {word}, {other})",
    "UPDATE record_type SET columns = {value}",
    "UPDATE record_type SET name = {value}",
    "UPDATE state SET detail = {value}",
    "UPDATE state SET state = {value}, utc = {value}",
    "UPDATE step SET number = {value}, bench_time = {value}",
)
_WORDS: Final = (
    '"level"', '"note"', '"row"', '"floats"', '"float"', '"bool"', '"str"', '"A"', '"levels"', '"record"', '"line"',
    '"step"', '"text_8"', '"/"', '"a/b"', '"=1+1"', '7', 'null', '[]', '"class"', '"\\u0000"', '"\\ud800"', '""',
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Record:
    level: int
    current: Amperes
    conductance: Siemens
    error: Levels
    met: bool
    note: str
    row: tuple[Amperes, ...]


class Exports:
    """Makes inputs of this family."""

    def __init__(self, folder: Path) -> None:
        self._data = folder / "runs"
        self._folder = self._data / _NAME
        self._out = folder / "out"
        self._out.mkdir()
        self._good = _good_run(folder / "good")
        self._manifest: dict[str, Any] = json.loads(self._good[MANIFEST])

    def draw(self, throw: random.Random) -> Given:
        """Return an input."""
        files = dict(self._good)
        kind = throw.choice(("manifest", "manifest", "database", "values", "values", "values"))
        match kind:
            case "manifest":
                files[MANIFEST] = as_bytes(as_json(spoilt_tree(self._manifest, throw)))
            case "database":
                damage = pages if throw.random() < 0.5 else spoilt_bytes
                files[DATABASE] = damage(files[DATABASE], throw)
            case _:
                files[DATABASE] = _with_values(files[DATABASE], throw)
        for place in (self._data, self._out):
            if place.exists():
                shutil.rmtree(place)
        for name, data in files.items():
            self._folder.mkdir(parents=True, exist_ok=True)
            (self._folder / name).write_bytes(data)
        part = throw.choice((self._netcdf, self._csv, self._opened, self._dataset))
        return Given(f"{part.__name__.strip('_')} of {kind}", "", part)

    def _netcdf(self) -> None:
        (file,), records = self._exported(NETCDF)
        with h5netcdf.File(file) as root:
            assert len(root.variables["record"][:]) == records
        with cast("Any", xr).open_dataset(file, engine="h5netcdf") as dataset:
            dataset.load()

    def _csv(self) -> None:
        (file, beside), records = self._exported(CSV)
        text = file.read_bytes().decode("utf-8")
        csv.field_size_limit(1 << 21)
        rows = list(csv.reader(io.StringIO(text, newline=""), strict=True))
        assert len(rows) == records + 1
        assert len({len(row) for row in rows}) == 1
        names = [
            name for column in json.loads(beside.read_text(encoding="utf-8"))["columns"] for name in column["headers"]
        ]
        assert names == rows[0]

    def _exported(self, kind: str) -> tuple[list[Path], int]:
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            export_run(self._data, str(self._folder), kind, self._out / f"x.{kind}", force=False, json=True)
        done = json.loads(said.getvalue())
        return [self._out / name.rpartition("/")[2] for name in done["files"]], done["records"]

    def _opened(self) -> None:
        with labctl.open_run(self._folder) as run:
            for look in (lambda: repr(run), run._repr_html_, lambda: sum(1 for _ in run.records), lambda: run.summary):
                with suppress(LabctlError):
                    shown = look()
                    assert not (isinstance(shown, str) and "<script" in shown)

    def _dataset(self) -> None:
        with labctl.open_run(self._folder) as run:
            run.to_xarray()


def _good_run(folder: Path) -> dict[str, bytes]:
    """Return the files of a small run."""
    folder.mkdir()
    hostile = "<script>alert(1)</script>"
    write_manifest(
        folder,
        {
            "run": _NAME, "protocol": "made-up", "protocol_origin": "elsewhere 1.0", "seed": 1,
            "started": "2026-01-01T00:00:00+00:00",
            "parameters": {"read_voltage": 0.2, "levels": [1, 2, 3], "quick": True, "note": hostile},
            "steps": _RECORDS, "backend": {"name": "twin"}, "note": hostile, "operator": "Ada",
            "asked": {"protocol": "made-up", "settings": {"quick": "yes"}},
            "bench": {"bench": {"name": "bench 1"}, "die": {"id": "W1", "rows": 64}},
            "instruments": {"smu": {"vendor": hostile, "model": "2450", "serial": "1", "firmware": "2"}},
            "software": {"python": "3.11.7", "labctl": "0.1.0"},
        },
    )  # fmt: skip
    with closing(RunWriter(folder, {"record": _Record}, power_safe=False)) as writer:
        writer.set_state(datetime.now(UTC), "running")
        for k in range(_RECORDS):
            row = tuple(1e-6 * place for place in range(k % 4))
            writer.add(_Record(k, 1e-6 * k, 5e-6, float("nan"), k % 2 == 0, NASTY[k % len(NASTY)].strip("\ud800"), row))
            writer.end_step(float(k))
        writer.log(datetime.now(UTC), hostile)
        writer.set_state(
            datetime.now(UTC), "finished", {"summary": {"top": 1.0}, "units": {"top": "S"}, "passed": True}
        )
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def _with_values(data: bytes, throw: random.Random) -> bytes:
    """Return a database that is whole, with other values."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as db:
        db.deserialize(data[:18] + b"\x01\x01" + data[20:])  # one in memory keeps no write-ahead log
        for _ in range(throw.choice((1, 1, 2, 3))):
            words = {
                "column": throw.choice(("step", "level", "current", "conductance", "error", "met", "note", "row")),
                "value": sql_value(throw),
                "place": throw.randrange(1, _RECORDS + 1),
                "length": throw.choice((0, 1, 8, 80, 800, 8_000, 80_000, 800_000)),
                "word": f"'{throw.choice(_WORDS)}'",
                "other": f"'{throw.choice(_WORDS)}'",
            }
            with suppress(sqlite3.Error):
                db.executescript(throw.choice(_STATEMENTS).format(**words))
        return db.serialize()
