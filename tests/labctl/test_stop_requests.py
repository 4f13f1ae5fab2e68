"""A second signal breaks off whatever is under way; nothing half done stays behind."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from labctl.board_data import Cell, Pulse
from labctl.errors import InterruptedRunError
from labctl.ledger import Intent
from labctl.run_reader import RunReader
from labctl.stop_requests import StopNowError, StopRequests, ignore_signals
from labctl.store import RunWriter, write_manifest


@dataclass(frozen=True, slots=True)
class Item:
    number: int


class Interrupting(list[Pulse]):
    """Pulses at whose sight somebody hits Ctrl-C for the second time."""

    def __iter__(self) -> Iterator[Pulse]:
        raise StopNowError(signal.SIGINT)


def hit_twice(stop: StopRequests) -> None:
    """Ask for an end, then insist, in something that turns errors it does not know into its own."""
    with stop:
        stop.check()
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(InterruptedRunError):
            stop.check()
        try:
            signal.raise_signal(signal.SIGTERM)
        except Exception:  # noqa: BLE001
            pytest.fail("a driver takes what it does not know for a failed link")


def test_one_signal_is_a_request_and_a_second_one_an_end() -> None:
    with pytest.raises(InterruptedRunError) as stopped:
        hit_twice(StopRequests())
    assert stopped.value.exit_code == 143


def test_a_third_signal_does_not_break_off_the_way_down() -> None:
    with StopRequests() as stop:
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(StopNowError):
            signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        assert stop.signal_number == signal.SIGINT


def test_signals_while_shielded_break_nothing_off() -> None:
    with StopRequests() as stop:
        stop.shield()
        for _ in range(3):
            signal.raise_signal(signal.SIGINT)


def test_an_intent_that_is_broken_off_is_none_and_the_end_is_written_down(tmp_path: Path) -> None:
    write_manifest(tmp_path, {})
    with closing(RunWriter(tmp_path, {"record": Item}, power_safe=True)) as writer:
        writer.add(Item(1))
        writer.end_step(1.0)
        with pytest.raises(StopNowError):
            writer.ledger.intend(Intent("board", Interrupting([Pulse(Cell(0, 0), 0.9, 80e-9)]), None))
        writer.set_state(datetime(2026, 1, 1, tzinfo=UTC), "stopped")
    with closing(RunReader(tmp_path)) as reader:
        assert reader.state().state == "stopped"
        assert reader.steps() == 1
        assert reader._rows("SELECT COUNT(*) FROM write") == [(0,)]


def test_a_step_that_is_broken_off_is_none_and_the_end_is_written_down(tmp_path: Path) -> None:
    write_manifest(tmp_path, {})
    with closing(RunWriter(tmp_path, {"record": Item}, power_safe=False)) as writer:
        writer.add(Item(1))
        writer.end_step(1.0)

        def interrupted(record: object) -> tuple[int]:
            raise StopNowError(signal.SIGINT)

        object.__setattr__(writer._tables[Item], "values", interrupted)
        writer.add(Item(2))
        with pytest.raises(StopNowError):
            writer.end_step(2.0)
        writer.set_state(datetime(2026, 1, 1, tzinfo=UTC), "stopped")
    with closing(RunReader(tmp_path)) as reader:
        assert reader.state().state == "stopped"
        assert reader.column("record", "number") == [1]
        assert reader.steps() == 1


def test_what_was_asked_for_before_is_not_forgotten_by_who_listens_next() -> None:
    with StopRequests():
        signal.raise_signal(signal.SIGINT)
        with StopRequests() as stop:
            with pytest.raises(InterruptedRunError):
                stop.check()
            with pytest.raises(StopNowError):
                signal.raise_signal(signal.SIGINT)


def test_signals_that_are_ignored_by_now_stay_so() -> None:
    """What is said at the end, as that a die was saved, is said once, however late a signal comes."""
    with StopRequests():
        ignore_signals()
    signal.raise_signal(signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_IGN
