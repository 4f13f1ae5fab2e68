"""Records: what a field may be, and that rows of floats come back from disk as they were."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labctl.records import Along, Column, columns, pack_row, unpack_row
from labctl.run_reader import RunReader
from labctl.store import RunWriter, write_manifest
from labctl.units import Amperes, Levels, Volts

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Vector:
    """A record with rows of floats."""

    number: int
    current: tuple[Amperes, ...]
    error: tuple[Levels, ...]
    plain: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Single:
    """A record of one field."""

    current: tuple[Amperes, ...]


@dataclass(frozen=True, slots=True)
class Product:
    """A record whose rows say what they lie along."""

    given: Annotated[tuple[Volts, ...], Along("input")]
    found: tuple[Amperes, ...]


def test_rows_have_the_unit_of_their_floats() -> None:
    assert columns(Vector) == (
        Column("number", "int", ""),
        Column("current", "floats", "A"),
        Column("error", "floats", "levels"),
        Column("plain", "floats", ""),
    )


def test_a_row_says_what_it_lies_along() -> None:
    assert [column.along for column in columns(Product)] == ["input", ""]
    assert [column.unit for column in columns(Product)] == ["V", "A"]


@pytest.mark.parametrize("kind", [list[float], tuple[int, ...], tuple[float, float], tuple[str, ...], dict[str, float]])
def test_what_a_record_cannot_hold_is_refused(kind: type) -> None:
    broken = dataclass(type("Broken", (), {"__annotations__": {"value": kind}}))
    with pytest.raises(TypeError, match="a record holds float, int, bool, str or tuple"):
        columns(broken)


@given(st.lists(st.floats(allow_nan=False)))
def test_a_row_is_packed_and_unpacked_to_the_last_bit(values: list[float]) -> None:
    assert unpack_row(pack_row(values)) == tuple(values)


def test_rows_come_back_from_a_run_folder(tmp_path: Path) -> None:
    write_manifest(tmp_path, {})
    records = [Vector(0, (1e-3, 0.0), (), (1.0,)), Vector(1, (2e-3, -1.0), (0.25,), (3.0,))]
    with closing(RunWriter(tmp_path, {"vector": Vector, "single": Single}, power_safe=False)) as writer:
        for record in records:
            writer.add(record)
        writer.add(Single((1.0, 2.0)))
        writer.end_step(1.0)
    with closing(RunReader(tmp_path)) as reader:
        assert reader.typed("vector", Vector) == records
        assert reader.typed("single", Single) == [Single((1.0, 2.0))]
        assert reader.record_types()["vector"] == columns(Vector)
