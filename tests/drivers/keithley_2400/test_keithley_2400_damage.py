"""A damaged answer never yields a wrong number: it gives the right one, or an error.

Damaged are the answers that carry readings: as text, with the number that tells it from older ones, and in binary.
A digit that turns into another one cannot be seen by anyone, in text or in binary, and is not tried.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from drivers.keithley_2400 import Keithley2400
from drivers.keithley_2400_link import TOKEN
from drivers.scpi import ScpiLink
from labctl.errors import EquipmentError
from labctl.smu_data import SourceSetup

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.drivers.conftest import FakeClock
    from tests.drivers.keithley_2400.conftest import Scripted2400

MANY = settings(max_examples=800, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
LEVELS = [0.1, -0.7, 1.3, 0.010, 2.0]
FOREIGN = b"\x00\x01\x03\r\n ,;+-#.E0123456789ax\x80\xa0\xff"

Damage = tuple[str, int, int]
"""What is done, where (over the length), and which byte."""

DAMAGES = st.tuples(
    st.sampled_from(["cut", "cut tail", "lose head", "lose byte", "merge", "repeat", "stale", "shift", "insert"]),
    st.integers(0, 10_000),
    st.sampled_from(FOREIGN),
)


class Damager:
    """Damages the n-th answer that carries readings."""

    def __init__(self, what: Damage, hits: set[int]) -> None:
        self.what, self.hits = what, hits
        self.seen = 0
        self.last = b"1;1;+1.000000E-01,+9.000000E-04,+1.000000E-02,+2.252800E+04\n"

    def __call__(self, line: str, reply: bytes) -> bytes:
        if ":READ?" not in line and ":FETC?" not in line:
            return reply
        self.seen += 1
        last, self.last = self.last, reply
        return self._apply(reply, last) if self.seen in self.hits else reply

    def _apply(self, reply: bytes, last: bytes) -> bytes:
        kind, place, byte = self.what
        at = place % len(reply)
        match kind:
            case "cut":  # the end of the message is lost with it
                return reply[:at]
            case "cut tail":
                return reply[:at] + b"\n"
            case "lose head":
                return reply[at:]
            case "lose byte":
                return reply[:at] + reply[at + 1 :]
            case "merge":
                return last[: place % len(last)] + reply
            case "repeat":
                return reply * 2
            case "stale":
                return last + reply
            case "shift":
                return last
            case _:
                return reply[:at] + bytes([byte]) + reply[at:]


@pytest.fixture
def make(clock: FakeClock, instrument: Scripted2400) -> Callable[[float | None], Keithley2400]:
    def fresh(byte_time: float | None) -> Keithley2400:
        instrument.__init__()
        smu = Keithley2400(ScpiLink(instrument.connect, "smu", "bench", "\n", TOKEN), clock, byte_time)
        smu.configure(SourceSetup(2.0, 0.015, nplc=0.1, current_range=0.01))
        smu.output_on()
        return smu

    return fresh


def attempt(action: Callable[[], None]) -> bool:
    """Return whether it went well; an error of ours is all that may come instead."""
    try:
        action()
    except EquipmentError:
        return False
    return True


@MANY
@given(what=DAMAGES, hits=st.sets(st.integers(2, 6), min_size=1))
def test_a_damaged_reading(
    make: Callable[[float | None], Keithley2400], instrument: Scripted2400, what: Damage, hits: set[int]
) -> None:
    smu = make(None)
    instrument.damage = Damager(what, hits)

    def once(level: float) -> None:
        smu.source(level)
        reading = smu.measure()
        assert (reading.voltage, reading.current) == pytest.approx((level, level / 1000), rel=1e-6)

    done = [attempt(lambda level=level: once(level)) for level in LEVELS * 2]
    assert done[0]
    assert any(done[len(LEVELS) :])


@MANY
@given(what=DAMAGES, hits=st.sets(st.integers(1, 3), min_size=1), text=st.booleans())
def test_a_damaged_sweep(
    make: Callable[[float | None], Keithley2400], instrument: Scripted2400, what: Damage, hits: set[int], text: bool
) -> None:
    smu = make(10 / 57600 if text else None)
    damager = Damager(what, hits)
    instrument.damage = damager

    def once(levels: list[float]) -> None:
        readings = smu.sweep(levels)
        assert [reading.voltage for reading in readings] == pytest.approx(levels, rel=1e-6)
        assert [reading.current for reading in readings] == pytest.approx([level / 1000 for level in levels], rel=1e-6)

    for levels in itertools.islice(itertools.cycle([LEVELS, LEVELS[::-1], LEVELS[2:]]), 4):
        if not attempt(lambda levels=levels: once(levels)):
            smu.configure(SourceSetup(2.0, 0.015, nplc=0.1, current_range=0.01))
            smu.output_on()
    instrument.damage = lambda line, reply: reply
    once(LEVELS)


@MANY
@given(what=DAMAGES, hit=st.integers(1, 80))
def test_a_damaged_configuration(
    make: Callable[[float | None], Keithley2400], instrument: Scripted2400, what: Damage, hit: int
) -> None:
    """Every answer of a configuration in turn: what it returns is what was asked for, or it fails."""
    smu = make(None)
    damager = Damager(what, {hit})
    instrument.damage = lambda line, reply: damager(":READ?", reply)
    setup = SourceSetup(0.5, 1e-3, current_range=1e-3, nplc=2.0, four_wire=True)

    def once() -> None:
        assert smu.configure(setup) == SourceSetup(2.1, 1e-3, 1.05e-3, 2.0, True)

    attempt(once)
    instrument.damage = lambda line, reply: reply
    once()
