"""Hostile run folders: manifests, databases, worlds, audits, histories: damaged, foreign, or half written."""

from __future__ import annotations

import contextlib
import io
import json
import shutil
import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from campaigns.fuzz_judge import Given
from campaigns.mutations import NASTY, NUMBERS, as_bytes, as_json, spoilt_bytes, spoilt_text, spoilt_tree, value

from labctl import engine, plugins
from labctl.backend import BackendOptions
from labctl.bench_file import DEFAULT_BENCH
from labctl.engine import Watcher
from labctl.errors import LabctlError
from labctl.live.follow import Follower
from labctl.live.status import last_record, progress, summary, verdict, why_ended
from labctl.plan import RunRequest, plan_again
from labctl.protocol import unpack_memory
from labctl.pulse_history import history_path, life_of, pulses_before
from labctl.run_list import show_runs
from labctl.run_reader import RunReader
from labctl.starting import check_goes_on
from labctl.store import DATABASE, MANIFEST, RunWriter
from sim_backend.audit_report import show_audit
from sim_backend.backend import TwinBackend

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

_NAME: Final = "20260101T000000Z_write-verify_01234567"
_STATEMENTS: Final = (
    "DROP TABLE {table}",
    "ALTER TABLE {table} RENAME TO other",
    "DELETE FROM {table}",
    "UPDATE {table} SET {column} = {value}",
    "UPDATE {table} SET {column} = {value} WHERE rowid = 1",
    "INSERT INTO {table} SELECT * FROM {table}",
    "ALTER TABLE {table} ADD COLUMN extra",
    "ALTER TABLE {table} RENAME COLUMN {column} TO other",
    "DROP TABLE {table}; CREATE VIEW {table} AS WITH RECURSIVE c(id) AS (VALUES(1) UNION ALL SELECT 1 FROM c) {rest}",
    "DROP TABLE {table}; CREATE VIEW {table} AS SELECT hex(zeroblob(300000000)) AS {column}",
    "DROP TABLE {table}; CREATE TABLE {table} ({column})",
    "DROP TABLE {table}; CREATE TABLE {table} ({column} AS (hex(zeroblob(100000000))), number, id)",
    "CREATE TRIGGER t AFTER INSERT ON {table} BEGIN DELETE FROM {table}; END",
    "PRAGMA writable_schema = 1; UPDATE sqlite_master SET sql = {value}",
    "PRAGMA writable_schema = 1; UPDATE sqlite_master SET rootpage = 2",
    "PRAGMA user_version = 7; PRAGMA application_id = 9",
    "UPDATE record_type SET columns = {value}",
    "UPDATE record_type SET name = {value}",
    "UPDATE memory SET value = {value}",
    "UPDATE state SET detail = {value}",
    "UPDATE state SET detail = '[' || replace(hex(zeroblob(300000)), '0', '[],') || '0]'",
    "UPDATE state SET detail = '[' || replace(hex(zeroblob(400000)), '0', '[],') || '0]'",
    "UPDATE pulse SET count = {value}",
    "UPDATE write SET put_out = {value}",
    "UPDATE step SET number = {value}",
)
_TABLES: Final = ("record", "record_type", "step", "memory", "log", "state", "write", "pulse")
_JSON: Final = (
    '{"passed": false, "summary": {"levels": 3}}',
    '[{"name": "row", "type": "int", "unit": ""}]',
    "{}",
    "[]",
)


class Runs:
    """Makes inputs of this family."""

    def __init__(self, folder: Path) -> None:
        self._data = folder / "runs"
        self._folder = self._data / _NAME
        self._protocol = plugins.load(plugins.PROTOCOLS, "write-verify")
        self._good = _good_run(folder / "good")
        self._manifest: dict[str, Any] = json.loads(self._good[MANIFEST])
        self._life = life_of("W12-D3", outlives=True, file=None, goes_on=False)

    def draw(self, throw: random.Random) -> Given:
        """Return an input."""
        files = dict(self._good)
        make: tuple[str, Callable[[dict[str, bytes], random.Random], None]] = throw.choice(_SPOILERS)
        kind, spoil = make
        spoil(files, throw)
        if self._data.exists():
            shutil.rmtree(self._data)
        self._folder.mkdir(parents=True)
        for name, data in files.items():
            (self._folder / name).write_bytes(data)
        rest = [self._list, self._follow, self._plan, self._go_on, self._audit, lambda: self._history(throw)]
        parts = [self._read, *throw.sample(rest, 2)]
        if throw.random() < (0.3 if spoil is _world else 0.02):
            parts.append(self._world)  # dear: a whole bench is made
        return Given(f"run folder, {kind}", "", lambda: _use(parts))

    def _read(self) -> None:
        with closing(RunReader(self._folder)) as reader:
            for read in (reader.state, reader.steps, reader.bench_time, reader.log, reader.pulses_had):
                with suppress(LabctlError):
                    read()
            for name, columns in reader.record_types().items():
                for column in columns[:3]:
                    with suppress(LabctlError):
                        reader.column(name, column.name)
                with suppress(LabctlError):
                    reader.typed(name, self._protocol.record)

    def _list(self) -> None:
        with contextlib.redirect_stdout(io.StringIO()) as out:
            show_runs(self._data, json=True)
            show_runs(self._data, json=False)
        assert all(line.isprintable() for line in out.getvalue().split("\n")), out.getvalue()

    def _follow(self) -> None:
        follower = Follower(self._folder, lambda: 0.0)
        with closing(follower):
            follower.poll()
            follower.poll()
            shown = [verdict(follower).text, why_ended(follower.state.detail), follower.problem]
            for figure in (*progress(follower), *summary(follower.state.detail)):
                shown += [figure.caption, figure.value]
            for table in follower.tables.values():
                shown += [figure.value for figure in last_record(table)]
            assert all(text.isprintable() for text in shown), shown

    def _plan(self) -> None:
        with closing(RunReader(self._folder)) as reader:
            plan_again(reader.manifest, self._folder)

    def _go_on(self) -> None:
        check_goes_on(self._folder, TwinBackend)
        with closing(RunWriter(self._folder, {"record": self._protocol.record}, power_safe=False)) as store:
            text = store.memory()
            if text is not None:
                with suppress(ValueError):  # what `find_start` catches
                    unpack_memory(self._protocol.memory, text)
            store.ledger.open_writes()
            store.ledger.touched(0)
            store.ledger.last_count("board")
            store.ledger.pulses_had()

    def _audit(self) -> None:
        with contextlib.redirect_stdout(io.StringIO()):
            show_audit(_NAME, None, self._data, json=True)

    def _world(self) -> None:
        """Make the twin of a run that goes on, its world and what is left of its faults."""
        with closing(RunReader(self._folder)) as reader:
            again = plan_again(reader.manifest, self._folder)
        if again.file.die.rows * again.file.die.columns <= 64:
            TwinBackend(again.file, again.options).close()

    def _history(self, throw: random.Random) -> None:
        assert self._life is not None
        path = history_path(self._data, self._life)
        pulses_before(self._data / "20270101T000000Z_write-verify_01234567", self._life)
        path.write_bytes(spoilt_bytes(path.read_bytes(), throw))
        pulses_before(self._data / "20270101T000000Z_write-verify_01234567", self._life)


def _use(parts: list[Callable[[], None]]) -> None:
    """Do what labctl does with a run folder; each part may refuse it."""
    for part in parts:
        with suppress(LabctlError):
            part()


def _good_run(folder: Path) -> dict[str, bytes]:
    """Return the files of a small run, and those that lay beside its database while it was written."""
    text = (
        DEFAULT_BENCH.read_text(encoding="utf-8")
        .replace("rows = 64", "rows = 3")
        .replace("columns = 64", "columns = 4")
    )
    folder.mkdir()
    (folder / "bench.toml").write_text(text, encoding="utf-8")
    request = RunRequest(
        "write-verify",
        {"levels": "100,200,300"},
        bench=folder / "bench.toml",
        backend="twin",
        data=folder,
        options=BackendOptions(audit=True),
    )
    run = engine.run(request, Watcher()).folder
    files = {path.name: path.read_bytes() for path in run.iterdir() if path.is_file()}
    with closing(sqlite3.connect(run / DATABASE, isolation_level=None)) as db:
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("UPDATE state SET state = 'failed' WHERE state = 'finished'")
        files |= {f"{DATABASE}{end}": (run / f"{DATABASE}{end}").read_bytes() for end in ("-wal", "-shm")}
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        files["at rest"] = (run / DATABASE).read_bytes()
    return files


def _rest(files: dict[str, bytes]) -> None:
    """Leave a database at rest, of a run that failed."""
    files[DATABASE] = files.pop("at rest")
    for end in ("-wal", "-shm"):
        del files[DATABASE + end]


def _manifest(files: dict[str, bytes], throw: random.Random) -> None:
    _rest(files)
    text = as_json(spoilt_tree(json.loads(files[MANIFEST]), throw))
    if throw.random() < 0.3:
        text = spoilt_text(text, throw)
    data = as_bytes(text)
    if throw.random() < 0.2:
        data = spoilt_bytes(data, throw)
    if throw.random() < 0.01:
        data = throw.choice(
            (b"[" * 100_000, b'{"a":' * 50_000, b"[" + b"[]," * 3_000_000 + b"[]]", b" " * 30_000_000, b"9" * 100_000)
        )
    files[MANIFEST] = data


def _database(files: dict[str, bytes], throw: random.Random) -> None:
    _rest(files)
    files[DATABASE] = pages(files[DATABASE], throw) if throw.random() < 0.7 else spoilt_bytes(files[DATABASE], throw)


def _log(files: dict[str, bytes], throw: random.Random) -> None:
    """Leave a database as a process that died left it, its log damaged."""
    del files["at rest"]
    end = throw.choice(("-wal", "-wal", "-shm", ""))
    files[DATABASE + end] = spoilt_bytes(files[DATABASE + end], throw)
    if throw.random() < 0.3:
        files.pop(DATABASE + throw.choice(("-wal", "-shm")), None)


def _schema(files: dict[str, bytes], throw: random.Random) -> None:
    """Leave a database that is whole, and of another schema or with other values."""
    _rest(files)
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as db:
        db.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, 1 << 25)
        db.set_progress_handler(lambda: 1, 1_000_000)  # a view without end is made here, and must not be gone through
        db.deserialize(_without_log(files[DATABASE]))
        for _ in range(throw.choice((1, 1, 2))):
            table = throw.choice(_TABLES)
            with suppress(sqlite3.Error):
                columns = [row[1] for row in db.execute(f'PRAGMA table_info("{table}")')] or ["x"]
                words = {
                    "rest": "SELECT * FROM c",
                    "table": f'"{table}"',
                    "column": f'"{throw.choice(columns)}"',
                    "value": sql_value(throw),
                }
                db.executescript(throw.choice(_STATEMENTS).format(**words))
        files[DATABASE] = db.serialize()


def _without_log(data: bytes) -> bytes:
    """Return a database that keeps no write-ahead log, which one in memory cannot."""
    return data[:18] + b"\x01\x01" + data[20:]


def _world(files: dict[str, bytes], throw: random.Random) -> None:
    """Damage whatever else lies in the folder."""
    _rest(files)
    others = [name for name in files if name not in (MANIFEST, DATABASE)]
    name = throw.choice((*others, *others, "faults.json", "steer", DATABASE + "-wal"))
    files[name] = spoilt_bytes(files.get(name, b"{}"), throw)


def _missing(files: dict[str, bytes], throw: random.Random) -> None:
    _rest(files)
    del files[throw.choice(list(files))]
    if throw.random() < 0.3:
        files[throw.choice((MANIFEST, DATABASE))] = b""


_SPOILERS: Final = (
    ("manifest", _manifest),
    ("database", _database),
    ("write-ahead log", _log),
    ("schema", _schema),
    ("schema", _schema),
    ("world and rest", _world),
    ("missing file", _missing),
)


def pages(data: bytes, throw: random.Random, size: int = 4096) -> bytes:
    """Return a database with pages that changed places, are empty, or come from elsewhere."""
    pages = [data[start : start + size] for start in range(0, len(data), size)]
    for _ in range(throw.choice((1, 2, 4))):
        place, other = throw.randrange(len(pages)), throw.randrange(len(pages))
        pages[place] = throw.choice(
            (pages[other], bytes(size), spoilt_bytes(pages[place], throw)[:size].ljust(size, b"\0"))
        )
    return b"".join(pages)


def sql_value(throw: random.Random) -> str:
    """Return a value as SQL writes it."""
    kind = throw.random()
    if kind < 0.3:
        number = throw.choice([n for n in NUMBERS if isinstance(n, int | float) and abs(n) < 1e300])
        return "NULL" if number != number else str(int(number) if isinstance(number, bool) else number)
    if kind < 0.4:
        return throw.choice(("x'00ff'", "zeroblob(10)", "x'ff'", "9e999", "CAST(x'ff41' AS TEXT)", "-1", "1.5"))
    text = throw.choice(NASTY) if kind < 0.7 else spoilt_text(throw.choice(_JSON), throw)
    if kind > 0.9:
        text = as_json(value(throw))
    return "'" + text.replace("'", "''").replace("\x00", "").encode("utf-8", "replace").decode() + "'"
