"""Knobs, against an instrument in memory that gives each query one answer."""

from __future__ import annotations

import math
import re

import pytest

from drivers.keithley_2450_knobs import Keithley2450Knobs
from drivers.knobs import Knob, choice, number, switch
from drivers.scpi import ScpiLink
from labctl.errors import LinkError, SettingError


class FakeInstrument:
    """Takes commands, and answers every query with `reply`."""

    def __init__(self, reply: bytes) -> None:
        self.reply = reply
        self.sent: list[str] = []

    def write_raw(self, message: bytes) -> int:
        self.sent.append(message.decode("ascii").rstrip("\n"))
        return len(message)

    def read_raw(self) -> bytes:
        return self.reply

    def read_bytes(self, count: int) -> bytes:
        return self.reply[:count]

    def close(self) -> None:
        pass


class Driver:
    """A driver with one knob of each kind."""

    limit: Knob[float] = number(":ILIM {}", ":ILIM?", "A", 1e-9, 1.05, "current limit", confirm=True)
    level: Knob[float] = number(":VOLT {}", ":VOLT?", "V", -210, 210, "source level")
    output: Knob[bool] = switch(":OUTP {}", ":OUTP?", "output")
    protection: Knob[float] = choice(":PROT {}", ":PROT?", {2.0: "PROT2", 20.0: "PROT20"}, "protection")
    function: Knob[str] = choice(":FUNC {}", ":FUNC?", {"current": '"CURR"', "voltage": '"VOLT"'}, "function")

    def __init__(self, link: ScpiLink) -> None:
        self.link = link


def driver(reply: bytes = b"") -> tuple[FakeInstrument, Driver]:
    instrument = FakeInstrument(reply)
    return instrument, Driver(ScpiLink(lambda: instrument, "smu", "TCPIP0::bench::5025::SOCKET"))


def test_setting_writes_and_reading_queries() -> None:
    instrument, smu = driver(b"2.0E-01\n")
    smu.level = 0.2
    assert smu.level == 0.2
    assert instrument.sent == [":VOLT 0.2", ":VOLT?"]


@pytest.mark.parametrize("value", [0.0, -1e-3, 1.06, math.inf, math.nan])
def test_a_value_out_of_range_is_refused_before_a_byte_leaves(value: float) -> None:
    instrument, smu = driver()
    with pytest.raises(SettingError, match=r"1e-09 to 1\.05 A"):
        smu.limit = value
    assert instrument.sent == []


def test_a_confirmed_knob_is_read_back() -> None:
    instrument, smu = driver(b"1.500001E-02\n")
    smu.limit = 0.015
    assert instrument.sent == [":ILIM 0.015", ":ILIM?"]


def test_a_difference_names_what_was_set_and_what_was_read() -> None:
    _, smu = driver(b"1.050000E-04\n")
    with pytest.raises(SettingError, match=r"smu at .* current limit was set to 0.015 A, but reads back as 0.000105 A"):
        smu.limit = 0.015


def test_a_garbled_read_back_is_a_link_error_that_shows_it() -> None:
    _, smu = driver(b"\x07*RST\n")
    with pytest.raises(LinkError, match=re.escape(r"':ILIM?' was answered with '\x07*RST'")):
        smu.limit = 0.015


@pytest.mark.parametrize(("reply", "state"), [(b"1\n", True), (b"0\n", False), (b"ON\n", True), (b"OFF\n", False)])
def test_switches_read_numbers_and_words(reply: bytes, state: bool) -> None:
    instrument, smu = driver(reply)
    smu.output = state
    assert smu.output is state
    assert instrument.sent == [f":OUTP {state:d}", ":OUTP?"]


def test_a_switch_refuses_another_answer() -> None:
    _, smu = driver(b"2\n")
    with pytest.raises(LinkError, match="':OUTP\\?' was answered with '2'"):
        _ = smu.output


@pytest.mark.parametrize(("reply", "level"), [(b"PROT2\n", 2.0), (b"PROT20\n", 20.0), (b"PROTECTION\n", None)])
def test_words_are_told_apart_also_if_one_begins_another(reply: bytes, level: float | None) -> None:
    _, smu = driver(reply)
    if level is None:
        with pytest.raises(LinkError):
            _ = smu.protection
    else:
        assert smu.protection == level


@pytest.mark.parametrize("reply", [b'"CURR:DC"\n', b'"CURR"\n', b"CURRENT\n", b"'curr:dc'\n"])
def test_words_are_read_quoted_long_and_with_a_node_added(reply: bytes) -> None:
    instrument, smu = driver(reply)
    smu.function = "current"
    assert smu.function == "current"
    assert instrument.sent == [':FUNC "CURR"', ":FUNC?"]


def test_an_unknown_word_is_refused_before_a_byte_leaves() -> None:
    instrument, smu = driver()
    with pytest.raises(SettingError, match="none of current, voltage"):
        smu.function = "power"
    assert instrument.sent == []


def test_every_knob_says_what_it_controls() -> None:
    docs = [str(knob.__doc__) for knob in vars(Keithley2450Knobs).values() if isinstance(knob, Knob)]
    assert len(docs) >= 15
    for doc in docs:
        assert re.fullmatch(r"Control the [\w' -]+ \((float in [\w ]+, \S+ to \S+|bool|[\w., ]+)\)\.", doc)
    assert "Control the current limit (float in A, 1e-09 to 1.05)." in docs
