"""The truth kept apart, and what a run claims compared with it."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

import numpy as np
import pytest

from labctl.board_data import Cell, ReadScheme, WriteScheme
from labctl.errors import InputError, StoreError
from labctl.levels import LevelScale
from sim_backend.audit import Audit, AuditRecord, Event, join
from sim_backend.clock import VirtualClock
from sim_backend.device_models.catalogue import device_named
from sim_backend.device_models.interface import Train
from sim_backend.die import Die
from sim_backend.world import World

if TYPE_CHECKING:
    from pathlib import Path

SCALE = LevelScale()


def event(row: int, column: int, level: float, delivered: int, boot: int = 1, operation: str = "read") -> Event:
    return Event(0.5, operation, row, column, 0.2, 0.0, 0, 16, SCALE.conductance(level), boot, delivered)


def written(path: Path, *events: Event) -> Path:
    audit = Audit(path)
    audit.note(events)
    audit.close()
    return path


def rows(path: Path) -> list[tuple[object, ...]]:
    base = sqlite3.connect(path)
    try:
        return base.execute("SELECT * FROM event ORDER BY n").fetchall()
    finally:
        base.close()


def test_the_table_is_the_agreed_one(tmp_path: Path) -> None:
    path = written(tmp_path / "audit.sqlite")
    base = sqlite3.connect(path)
    columns = [(name, kind, key) for _, name, kind, _, _, key in base.execute("PRAGMA table_info(event)")]
    base.close()
    assert columns == [
        ("n", "INTEGER", 1), ("time", "REAL", 0), ("operation", "TEXT", 0), ("row", "INTEGER", 0),
        ("column", "INTEGER", 0), ("voltage", "REAL", 0), ("width", "REAL", 0), ("count", "INTEGER", 0),
        ("averages", "INTEGER", 0), ("conductance", "REAL", 0), ("boot", "INTEGER", 0), ("delivered", "INTEGER", 0),
    ]  # fmt: skip


def test_a_world_writes_down_what_is_done_to_its_cells(tmp_path: Path) -> None:
    world = World(Die.fresh("test", 4, 3, device_named("ru-azo", 5.9e-3), 0), VirtualClock())
    world.audit = Audit(tmp_path / "audit.sqlite")
    world.counters.boot = 2
    world.counters.delivered = 7
    world.pulse_cell(2, 1, 0.90, Train(80e-9, 7, 1e-6), WriteScheme.THIRD, 0.25)
    after_pulse = world.die.conductance()[2, 1]
    world.clock.sleep(1.5)
    world.read_cells(np.array([2, 2]), np.array([1, 0]), 0.2, 16, ReadScheme.GROUND, 0.25)
    world.route(Cell(3, 2), ReadScheme.GROUND)
    world.smu("smu").drive(0.1, 1e-3)
    world.clock.sleep(0.02)
    world.smu("smu").measure(0.02)
    world.audit.close()
    true = world.die.conductance()
    assert rows(tmp_path / "audit.sqlite") == [
        (1, 0.0, "pulse", 2, 1, 0.90, 80e-9, 7, 0, after_pulse, 2, 7),
        (2, 1.5, "read", 2, 1, 0.2, 0.0, 0, 16, true[2, 1], 2, 7),
        (3, 1.5, "read", 2, 0, 0.2, 0.0, 0, 16, true[2, 0], 2, 7),
        (4, 1.52, "smu", 3, 2, 0.1, 0.02, 0, 4000, true[3, 2], 2, 7),
    ]


def test_disturbed_neighbours_are_written_down(tmp_path: Path) -> None:
    world = World(Die.fresh("test", 4, 3, device_named("ru-azo", 5.9e-3), 0), VirtualClock())
    world.audit = Audit(tmp_path / "audit.sqlite")
    world.pulse_cell(2, 1, 1.2, Train(80e-9, 7, 1e-6), WriteScheme.HALF, 0.25)
    world.audit.close()
    noted = rows(tmp_path / "audit.sqlite")
    assert [(row[3], row[4]) for row in noted] == [(2, 1), (2, 0), (2, 2), (0, 1), (1, 1), (3, 1)]
    assert [row[5] for row in noted] == [1.2] + [0.6] * 5


def test_events_are_kept_across_batches_and_continued(tmp_path: Path) -> None:
    path = tmp_path / "audit.sqlite"
    audit = Audit(path)
    for delivered in range(2500):
        audit.note([event(0, 0, delivered, delivered)])
    assert len(rows(path)) == 2000  # two batches of 1000; the rest waits
    audit.close()
    audit.close()
    written(path, event(0, 0, 0, 2500))
    assert [(row[0], row[11]) for row in rows(path)] == [(k + 1, k) for k in range(2501)]


def test_foreign_files_are_refused_untouched(tmp_path: Path) -> None:
    (tmp_path / "text").write_bytes(b"not a data base, and longer than the header of one: " * 20)
    with pytest.raises(StoreError, match="text: audit"):
        Audit(tmp_path / "text")
    base = sqlite3.connect(tmp_path / "other.sqlite")
    base.execute("CREATE TABLE record (n INTEGER)")
    base.commit()
    base.close()
    before = (tmp_path / "other.sqlite").read_bytes()
    with pytest.raises(StoreError, match="no audit of version 1"):
        Audit(tmp_path / "other.sqlite")
    assert (tmp_path / "other.sqlite").read_bytes() == before


def test_an_audit_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"audit\.sqlite"):
        Audit(tmp_path / "missing" / "audit.sqlite")


def record(row: int, column: int, level: float, delivered: int, boot: int = 1) -> AuditRecord:
    return AuditRecord(row, column, SCALE.conductance(level), boot, delivered)


def test_errors_are_those_of_the_true_conductances(tmp_path: Path) -> None:
    path = written(
        tmp_path / "audit.sqlite",
        event(0, 0, 100.2, 5),
        event(0, 1, 200.0, 7),
        event(1, 0, 300.4, 9),
        event(1, 1, 399.0, 11),
    )
    result = join(path, [record(1, 1, 400, 11), record(0, 0, 100, 5), record(1, 0, 300, 9), record(0, 1, 200, 7)])
    errors = np.array([0.2, 0.0, 0.4, -1.0])
    assert result.levels == 4
    assert result.true_within_half_level == 0.75
    assert result.true_error_mean == pytest.approx(errors.mean())
    assert result.true_error_rms == pytest.approx(np.sqrt(np.mean(errors**2)))
    assert result.true_error_max == pytest.approx(1.0)


def test_the_last_event_up_to_the_records_count_decides(tmp_path: Path) -> None:
    path = written(
        tmp_path / "audit.sqlite",
        event(0, 0, 50.0, 5, operation="pulse"),
        event(0, 0, 60.0, 5),
        event(0, 1, 999.0, 6),
        event(0, 0, 70.0, 8, operation="pulse"),
        event(0, 0, 80.0, 2, boot=2),
    )
    for delivered, boot, level in ((5, 1, 60), (7, 1, 60), (8, 1, 70), (2, 2, 80)):
        result = join(path, [record(0, 0, level, delivered, boot)])
        assert result.true_error_max == pytest.approx(0, abs=1e-9)


def test_the_audit_of_a_killed_run_is_not_taken_for_a_whole_one(tmp_path: Path) -> None:
    """Its last events are missing; older ones of the same cell would pass for what the later records claim."""
    path = written(tmp_path / "audit.sqlite", event(0, 0, 50, 5), event(0, 0, 60, 6))
    with pytest.raises(StoreError, match=r"ends at pulse 6 of power-up 1.*goes on to pulse 7"):
        join(path, [record(0, 0, 60, 6), record(0, 0, 300, 7)])


def test_several_records_of_one_cell_are_each_joined(tmp_path: Path) -> None:
    path = written(tmp_path / "audit.sqlite", *[event(0, 0, level, level) for level in range(0, 102, 2)])
    result = join(path, [record(0, 0, 2 * (level // 2), level) for level in (50, 51, 3, 2, 99, 50)])
    assert result.true_error_max == pytest.approx(0, abs=1e-9)


def test_a_global_scale_error_is_taken_out_in_the_scaled_figures(tmp_path: Path) -> None:
    levels = range(0, 16_520, 118)
    events = [
        Event(0, "read", 0, 0, 0.2, 0, 0, 16, SCALE.conductance(level) * 1.0002, 1, n) for n, level in enumerate(levels)
    ]
    result = join(
        written(tmp_path / "audit.sqlite", *events), [record(0, 0, level, n) for n, level in enumerate(levels)]
    )
    assert result.true_within_half_level < 0.2
    assert result.true_error_mean == pytest.approx(0.0002 * 8260, rel=0.01)
    assert result.true_within_half_level_scaled == 1.0
    assert result.true_error_rms_scaled == pytest.approx(0, abs=1e-6)


def test_levels_follow_the_scale(tmp_path: Path) -> None:
    small = LevelScale.up_to(20e-6)
    path = written(tmp_path / "audit.sqlite", Event(0, "read", 0, 0, 0.2, 0, 0, 16, small.conductance(100.3), 1, 1))
    result = join(path, [AuditRecord(0, 0, small.conductance(100), 1, 1)], small)
    assert result.true_error_max == pytest.approx(0.3, abs=1e-6)


@pytest.mark.parametrize("missing", [(0, 1, 5, 1), (1, 0, 5, 1), (0, 0, 4, 1), (0, 0, 5, 2)])
def test_a_record_without_event_is_an_error(tmp_path: Path, missing: tuple[int, int, int, int]) -> None:
    row, column, delivered, boot = missing
    path = written(tmp_path / "audit.sqlite", event(0, 0, 50, 5), event(2, 2, 50, 5))
    with pytest.raises(StoreError, match=rf"no event of cell \({row}, {column}\) up to pulse {delivered}"):
        join(path, [record(0, 0, 50, 5), record(2, 2, 50, 5), record(row, column, 50, delivered, boot)])


def test_no_records_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError):
        join(written(tmp_path / "audit.sqlite", event(0, 0, 50, 5)), [])


def test_a_missing_or_foreign_truth_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"none\.sqlite"):
        join(tmp_path / "none.sqlite", [record(0, 0, 50, 5)])
    assert not (tmp_path / "none.sqlite").exists()
    sqlite3.connect(tmp_path / "empty.sqlite").close()
    (tmp_path / "empty.sqlite").touch()
    with pytest.raises(StoreError, match="no audit of version 1"):
        join(tmp_path / "empty.sqlite", [record(0, 0, 50, 5)])
