"""The driver and the twin's board with a bad link between them: every pulse is confirmed, or known to be in doubt."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from drivers.board_frames import POLL_TIME
from drivers.board_link import BoardLink
from drivers.probe_board import LabctlProbeBoard, ProbeBoardSettings
from labctl.board_data import BoardState, Cell, Pulse
from labctl.errors import EquipmentError, InDoubtError, LinkError
from sim_backend.clock import VirtualClock
from sim_backend.device_models.catalogue import device_named
from sim_backend.die import Die
from sim_backend.panels.probe_board import ProbeBoardPanel
from sim_backend.world import World

CELL = Cell(0, 0)
FATES = (
    "fine", "fine", "fine", "lose request", "lose reply", "lose reply", "flip", "flip reply", "cut", "twice",
    "old ones first", "late reply", "reboot",
)  # fmt: skip


@dataclass
class BadPort:
    """A port to the twin's board. Each write has a fate; after the last the link is fine.

    Args:
        panel: the board.
        fates: in turn.
        place: where bytes are flipped and frames cut.
        total: pulses put out before the last restart.
    """

    panel: ProbeBoardPanel
    fates: list[str]
    place: int
    total: int = 0
    sent: list[bytes] = field(default_factory=list[bytes])
    input: bytearray = field(default_factory=bytearray)
    late: bytearray = field(default_factory=bytearray)
    answers: bytearray = field(default_factory=bytearray)

    def __post_init__(self) -> None:
        self.link = self.panel.connection(self.answers.extend)

    @property
    def in_waiting(self) -> int:
        return len(self.input)

    @property
    def delivered(self) -> int:
        """Pulses put out by the board, restarts or not."""
        return self.total + self.panel.world.counters.delivered

    def read(self, size: int = 1, /) -> bytes:
        if not self.input:
            self.panel.world.clock.sleep(POLL_TIME)
        data = bytes(self.input[:size])
        del self.input[:size]
        return data

    def write(self, data: bytes, /) -> int:
        fate = self.fates.pop(0) if self.fates else "fine"
        if fate == "reboot":
            self.total += self.panel.world.counters.delivered
            self.panel.power_cycle()
        place = self.place % len(data)
        on_the_wire = {
            "lose request": b"",
            "flip": self._flipped(data),
            "cut": data[:place],
            "twice": data + data,
            "old ones first": b"".join(self.sent) + data,
        }.get(fate, data)
        self.sent.append(data)
        self.link.receive(on_the_wire)
        self.input += self.late
        self.late.clear()
        if fate == "late reply":
            self.late += self.answers
        elif fate == "flip reply":
            self.input += self._flipped(bytes(self.answers))
        elif fate != "lose reply":
            self.input += self.answers
        self.answers.clear()
        return len(data)

    def close(self) -> None:
        pass

    def _flipped(self, data: bytes) -> bytes:
        place = self.place % max(1, len(data))
        return data[:place] + bytes(byte ^ 0x55 for byte in data[place : place + 1]) + data[place + 1 :]


def connect(fates: list[str], place: int = 0) -> tuple[LabctlProbeBoard, BadPort]:
    """Return a driver, armed over a link that turns bad afterwards."""
    world = World(Die.fresh("die", 4, 4, device_named("ru-azo", 5.9e-3), seed=3), VirtualClock())
    port = BadPort(ProbeBoardPanel(world, "board"), [], place)
    link = BoardLink(port, world.clock, "board at COM5")
    board = LabctlProbeBoard(link, "board", ProbeBoardSettings(driver="probe-board", address="COM5"))
    board.capabilities()
    board.open_session()
    board.clear()
    board.arm(10.0)
    port.fates = fates
    return board, port


@dataclass
class Count:
    """What the host knows of the pulses it asked for."""

    confirmed: int = 0
    doubtful: int = 0

    def pulse(self, board: LabctlProbeBoard, trains: list[int], reads: bool) -> None:
        """Put out a list and book it."""
        pulses = [Pulse(CELL, 0.9, 80e-9, count) for count in trains]
        try:
            receipt = board.pulse_read(pulses, 0.1, 1)[0] if reads else board.pulse(pulses)
            self.confirmed += sum(trains[: receipt.executed])
        except InDoubtError:
            self.doubtful += sum(trains)
        except EquipmentError:
            pass  # nothing was put out
        ready(board)


def ready(board: LabctlProbeBoard) -> None:
    """Get armed, whatever it takes."""
    for _ in range(20):
        try:
            board.open_session()
            board.clear()
            board.arm(10.0)
        except EquipmentError:
            continue
        return
    raise AssertionError("the board cannot be armed")


@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=300, deadline=None)
@given(
    st.lists(st.sampled_from(FATES), max_size=25),
    st.integers(0, 60),
    st.lists(st.tuples(st.lists(st.integers(1, 5), min_size=1, max_size=3), st.booleans()), max_size=5),
)
def test_pulses_are_confirmed_or_known_to_be_in_doubt(
    fates: list[str], place: int, lists: list[tuple[list[int], bool]]
) -> None:
    board, port = connect(fates, place)
    count = Count()
    for trains, reads in lists:
        count.pulse(board, trains, reads)
    assert count.confirmed <= port.delivered <= count.confirmed + count.doubtful
    port.fates.clear()
    board.make_safe()
    assert board.status().state is BoardState.SAFE


@pytest.mark.parametrize("fate", ["lose reply", "lose request", "flip", "flip reply", "late reply"])
@pytest.mark.parametrize("often", [1, 2, 3])
def test_a_list_is_put_out_once_however_often_it_is_sent(fate: str, often: int) -> None:
    board, port = connect([fate] * often, place=7)
    before = len(port.sent)
    receipt = board.pulse([Pulse(CELL, 0.9, 80e-9, 3)] * 2)
    assert (receipt.executed, receipt.delivered, port.delivered) == (2, 6, 6)
    copies = port.sent[before:]
    assert len(copies) == (often + 1 if fate != "late reply" else 2)
    assert set(copies) == {copies[0]}


@pytest.mark.parametrize("often", [1, 2])
def test_half_a_list_costs_the_copy_behind_it_as_well(often: int) -> None:
    board, port = connect(["cut"] * often, place=7)
    before = len(port.sent)
    assert board.pulse([Pulse(CELL, 0.9, 80e-9, 3)]).delivered == port.delivered == 3
    assert len(port.sent) - before == often + 2


@pytest.mark.parametrize(("fate", "executed"), [("lose reply", 2), ("lose request", 0)])
def test_a_list_without_any_reply_is_settled(fate: str, executed: int) -> None:
    board, port = connect([fate] * 4)
    receipt = board.pulse([Pulse(CELL, 0.9, 80e-9, 3)] * 2)
    assert (receipt.executed, receipt.delivered) == (executed, 3 * executed)
    assert port.delivered == 3 * executed
    assert board.pulse([Pulse(CELL, 0.9, 80e-9, 3)]).delivered == 3 * executed + 3


def test_a_restart_within_a_list_is_in_doubt() -> None:
    board, port = connect(["lose reply", "lose reply", "lose reply", "reboot"])
    with pytest.raises(InDoubtError, match="was restarted"):
        board.pulse([Pulse(CELL, 0.9, 80e-9, 3)])
    assert (port.total, port.delivered) == (3, 3)


def test_a_lost_keep_alive_does_not_keep_the_next_list_from_being_put_out() -> None:
    board, port = connect(["lose request"])
    with pytest.raises(LinkError):
        board.keep_alive()
    assert board.pulse([Pulse(CELL, 0.9, 80e-9, 3)]).delivered == port.delivered == 3


def test_safe_gets_through_after_a_list_was_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    board, port = connect(["lose request"])
    read = port.read

    def stop(size: int = 1, /) -> bytes:
        monkeypatch.setattr(port, "read", read)
        raise KeyboardInterrupt

    monkeypatch.setattr(port, "read", stop)
    with pytest.raises(KeyboardInterrupt):
        board.pulse([Pulse(CELL, 0.9, 80e-9, 3)])
    with pytest.raises(LinkError):
        board.unroute()
    board.make_safe()
    assert board.status().state is BoardState.SAFE
    assert port.delivered == 0
