"""Runs for the live window to look at; Qt draws offscreen."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from labctl.run_names import run_name
from labctl.store import RunWriter, make_run_folder, write_manifest
from labctl.units import Levels, Siemens

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

# Before Qt makes its application.
os.environ["QT_QPA_PLATFORM"] = "offscreen"

START = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
G_MIN, STEP = 200e-9, 357.15e-9


@dataclass(frozen=True, slots=True)
class Level:
    level: int
    target: Siemens
    conductance: Siemens
    error: Levels
    bursts: int


@pytest.fixture
def new_run(tmp_path: Path) -> Callable[..., Path]:
    """Makes a run folder with a manifest and nothing else."""

    def make(**manifest: object) -> Path:
        folder = make_run_folder(tmp_path, run_name("write-verify", START))
        write_manifest(folder, manifest)
        return folder

    return make


@pytest.fixture
def open_writer() -> Iterator[Callable[..., RunWriter]]:
    """Opens the store of a run folder; without record types, for levels."""
    writers: list[RunWriter] = []

    def make(folder: Path, types: Mapping[str, type] | None = None) -> RunWriter:
        writers.append(RunWriter(folder, types or {"record": Level}, power_safe=False))
        return writers[-1]

    yield make
    for writer in writers:
        writer.close()


@pytest.fixture
def add_levels() -> Callable[[RunWriter, list[float]], None]:
    """Adds a step for each of these errors in levels, 10 ms of bench time apart."""

    def add(writer: RunWriter, errors: list[float]) -> None:
        for error in errors:
            level = writer.steps
            writer.add(Level(level, G_MIN + level * STEP, G_MIN + (level + error) * STEP, error, 2))
            writer.end_step(0.01 * (level + 1))

    return add
