"""The Keysight B2900 driver, byte by byte: identity, channels, configuration."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

import pytest
from pydantic import ValidationError

from drivers.keysight_b2900 import KeysightB2900, KeysightB2900Settings
from drivers.scpi import ScpiLink
from labctl.errors import IdentityError, LinkError, RefusedError, SettingError
from labctl.instruments import Identity
from labctl.smu_data import OffMode, SourceSetup

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.drivers.conftest import FakeClock, Wire

ADDRESS = "TCPIP0::bench::5025::SOCKET"
NO_ERROR = '+0,"No error"'
DUAL = "Keysight Technologies,B2912A,MY51143745,3.4.2011.5100"
SINGLE = "Agilent Technologies,B2901A,MY51140001,2.1.1225.3414"
SHUT_DOWN = (":ABOR (@1)", ":ABOR (@1)", ":SOUR1:VOLT 0", ":OUTP1 0")
SETUP = SourceSetup(voltage=1.3, current_limit=0.015)
TIMER = (":SYST:TIME:TIM:COUN:RES:AUTO 0", ":SYST:TIME:TIM:COUN:RES")

SETTINGS = (
    ":OUTP1:ON:AUTO 0",
    ":OUTP1:PROT 0",
    ":SOUR1:FUNC:MODE VOLT",
    ":SOUR1:VOLT:MODE FIX",
    ":OUTP1:OFF:MODE NORM",
    ":OUTP1:LOW GRO",
    ":SOUR1:VOLT:RANG:AUTO 0",
    ":SOUR1:VOLT:RANG 2",
    ":SOUR1:SWE:RANG FIX",
    ":SOUR1:VOLT 0",
    ":SENS1:CURR:PROT 0.015",
    ':SENS1:FUNC "VOLT","CURR"',
    ":SENS1:CURR:RANG:AUTO:LLIM 1e-08",
    ":SENS1:CURR:RANG:AUTO 1",
    ":SENS1:CURR:NPLC:AUTO 0",
    ":SENS1:CURR:NPLC 1",
    ":SENS1:REM 0",
    ":FORM ASC",
    ":FORM:BORD NORM",
    ":FORM:ELEM:SENS VOLT,CURR,TIME,STAT,SOUR",
)
RESULT = (
    ":SOUR1:VOLT:RANG? -> 2.00000000E+00",
    ":SENS1:CURR:PROT? -> 1.50000000E-02",
    ":SENS1:CURR:RANG:AUTO? -> 1",
    ":SENS1:CURR:NPLC? -> 1.00000000E+00",
    ":SENS1:REM? -> 0",
    ":OUTP1:OFF:MODE? -> NORM",
)


def echo(line: str) -> str:
    """Return the exchange that asks for a setting and is answered with what `line` set."""
    header, _, value = line.partition(" ")
    return f"{header}? -> {value}"


CHECKS = (*map(echo, SETTINGS), ":OUTP1? -> 0")


def say_safe(wire: Wire, first: int, channel: int = 1, output: str = "0") -> None:
    """Expect what makes a channel safe; `first` is the first token's number."""
    wire.say(*(line.replace("1", str(channel)) for line in SHUT_DOWN))
    wire.say_token(first)
    wire.say_token(first + 2)
    wire.say(f":OUTP{channel}? -> {output}")


def say_configuration(wire: Wire, *errors: str, settings: Iterable[str] = SETTINGS) -> None:
    """Expect the exchange that applies settings, up to its read-back."""
    wire.say(f"*IDN? -> {DUAL}")
    say_safe(wire, 101)
    wire.say("*RST", "*CLS", "*OPC? -> 1", *settings, *TIMER)
    wire.say(*(f":SYST:ERR? -> {error}" for error in (*errors, NO_ERROR)))


def up_to(lines: Iterable[str], changed: str) -> list[str]:
    """Return lines up to the query of `changed`, which stands for it."""
    kept: list[str] = []
    query = changed.partition(" -> ")[0]
    for line in lines:
        if line.partition(" -> ")[0] == query:
            return [*kept, changed]
        kept.append(line)
    raise AssertionError(f"no {query} in the transcript")


def make(wire: Wire, clock: FakeClock, **settings: object) -> KeysightB2900:
    entry = KeysightB2900Settings.model_validate({"driver": "keysight-b2900", "address": ADDRESS, **settings})
    return KeysightB2900(ScpiLink(lambda: wire, "smu", ADDRESS), clock, entry)


@pytest.fixture
def smu(wire: Wire, clock: FakeClock) -> KeysightB2900:
    """Channel 1 of a B2900 of which nothing is known yet."""
    return make(wire, clock)


def set_up(smu: KeysightB2900, wire: Wire, setup: SourceSetup = SETUP) -> KeysightB2900:
    """Configure a driver; tokens up to 104 are used up then."""
    wire.settings = {"*IDN": DUAL, "*OPC": "1", ":SYST:ERR": NO_ERROR, ":SYST:INT:TRIP": "0"}
    smu.configure(setup)
    wire.settings = None
    return smu


@pytest.fixture
def ready(smu: KeysightB2900, wire: Wire) -> KeysightB2900:
    """The channel configured for 2 V and 15 mA."""
    return set_up(smu, wire)


@pytest.mark.parametrize("reply", [DUAL, SINGLE])
def test_identify_sets_nothing(smu: KeysightB2900, wire: Wire, reply: str) -> None:
    wire.say(f"*IDN? -> {reply}")
    identity = smu.identify()
    assert str(identity) == reply
    assert any(model in identity.model for model in smu.models)


def test_identify_refuses_garbage(smu: KeysightB2900, wire: Wire) -> None:
    wire.say("*IDN? -> HTTP/1.1 400 Bad Request")
    with pytest.raises(LinkError, match=r"smu at TCPIP0::bench::5025::SOCKET: '\*IDN\?' was answered with 'HTTP"):
        smu.identify()


def test_configure_goes_safe_then_limits_then_reads_back(smu: KeysightB2900, wire: Wire) -> None:
    say_configuration(wire)
    wire.say(*CHECKS, *RESULT)
    assert smu.configure(SETUP) == SourceSetup(2.0, 0.015, None, 1.0, False, OffMode.NORMAL)


def test_trap_read_and_init_switch_the_output_on_by_themselves(ready: KeysightB2900, wire: Wire) -> None:
    # A reset allows it, so forbidding it is the first thing after the reset, and the only query that measures is MEAS?.
    assert SETTINGS[0] == ":OUTP1:ON:AUTO 0"
    measured = "+2.000012E-01,+7.143000E-05,+1.250000E+00,+0.000000E+00,+0.000000E+00"
    wire.say(f"*ESE 1;:MEAS? (@1);:OUTP1?;*ESE? -> {measured};1;1")
    ready.measure()
    wire.say(":OUTP1? -> 0")
    with pytest.raises(SettingError, match="switch it on before"):
        ready.sweep([0.1])


def test_configure_with_everything_chosen(wire: Wire, clock: FakeClock) -> None:
    smu = make(wire, clock, low="float")
    changes = {
        ":SOUR1:VOLT:RANG 2": ":SOUR1:VOLT:RANG 20",
        ":OUTP1:OFF:MODE NORM": ":OUTP1:OFF:MODE HIZ",
        ":OUTP1:LOW GRO": ":OUTP1:LOW FLO",
        ":SENS1:CURR:PROT 0.015": ":SENS1:CURR:PROT 0.0001",
        ":SENS1:CURR:RANG:AUTO:LLIM 1e-08": ":SENS1:CURR:RANG 0.001",
        ":SENS1:CURR:RANG:AUTO 1": ":SENS1:CURR:RANG:AUTO 0",
        ":SENS1:CURR:NPLC 1": ":SENS1:CURR:NPLC 0.1",
        ":SENS1:REM 0": ":SENS1:REM 1",
    }
    sent = [changes.get(line, line) for line in SETTINGS]
    checks = list(map(echo, sent))
    answers = dict(line.split(" -> ") for line in checks)
    names = [line.partition(" -> ")[0] for line in RESULT]
    names.insert(3, ":SENS1:CURR:RANG?")
    say_configuration(wire, settings=sent)
    wire.say(*checks, ":OUTP1? -> 0", *(f"{name} -> {answers[name]}" for name in names))
    wanted = SourceSetup(4.0, 1e-4, 5e-4, nplc=0.1, four_wire=True, off_mode=OffMode.HIGH_IMPEDANCE)
    assert smu.configure(wanted) == SourceSetup(20.0, 1e-4, 1e-3, 0.1, True, OffMode.HIGH_IMPEDANCE)


@pytest.mark.parametrize("reply", ['"VOLT","CURR"', "CURRent,VOLTage", '"VOLT","CURR","RES"'])
def test_measured_quantities_may_be_answered_in_any_way(smu: KeysightB2900, wire: Wire, reply: str) -> None:
    say_configuration(wire)
    wire.say(*(f":SENS1:FUNC? -> {reply}" if "FUNC? ->" in line and "SENS" in line else line for line in CHECKS))
    wire.say(*RESULT)
    assert smu.configure(SETUP).voltage == 2.0


@pytest.mark.parametrize(
    ("voltage", "full"), [(0.0, "0.2"), (0.2, "0.2"), (0.21, "2"), (2.0, "2"), (20.0, "20"), (42.0, "200")]
)
def test_the_smallest_range_is_chosen(smu: KeysightB2900, wire: Wire, voltage: float, full: str) -> None:
    say_configuration(wire, settings=[line.replace("RANG 2", f"RANG {full}") for line in SETTINGS])
    wire.say(up_to(CHECKS, ":OUTP1:ON:AUTO? -> 1")[0])
    with pytest.raises(SettingError, match="automatic output-on was set to False, but reads back as True"):
        smu.configure(SourceSetup(voltage, 0.015))


@pytest.mark.parametrize(
    "setup",
    [
        SourceSetup(200.1, 1e-3),
        SourceSetup(-1.0, 1e-3),
        SourceSetup(math.nan, 1e-3),
        SourceSetup(1.0, 3.1),
        SourceSetup(1.0, 0.0),
        SourceSetup(1.0, 1e-10),
        SourceSetup(1.0, 1e-3, current_range=3.5),
        SourceSetup(1.0, 1e-3, nplc=121),
        SourceSetup(1.0, 1e-3, off_mode=OffMode.GUARD),
    ],
)
def test_what_the_instrument_has_not_is_refused_before_anything_is_set(
    smu: KeysightB2900, wire: Wire, setup: SourceSetup
) -> None:
    wire.say(f"*IDN? -> {DUAL}")
    with pytest.raises(SettingError, match="smu at TCPIP0::bench::5025::SOCKET: "):
        smu.configure(setup)


def test_a_channel_that_does_not_exist_is_told_with_the_output_off(wire: Wire, clock: FakeClock) -> None:
    smu = make(wire, clock, channel=2)
    wire.say(f"*IDN? -> {SINGLE}")
    say_safe(wire, 101)
    told = re.escape(f"smu at {ADDRESS}: there is no channel 2: '*IDN?' was answered with '{SINGLE}'")
    with pytest.raises(SettingError, match=told):
        smu.configure(SETUP)
    say_safe(wire, 105)
    smu.make_safe()
    with pytest.raises(SettingError, match="configure"):
        smu.source(0.0)


def test_the_second_channel_is_addressed_everywhere(wire: Wire, clock: FakeClock) -> None:
    smu = make(wire, clock, channel=2)
    wire.settings = {"*IDN": DUAL, "*OPC": "1", ":SYST:ERR": NO_ERROR}
    smu.configure(SETUP)
    headers = {line.partition(" ")[0] for line in (*SETTINGS, *SHUT_DOWN) if not line.startswith(":ABOR")}
    assert {name for name in wire.settings if re.match(":(SOUR|SENS|OUTP)", name)} == {
        header.replace("1", "2") for header in headers if not header.startswith(":FORM")
    }
    wire.settings = None
    wire.say("*ESE 1;:MEAS? (@2);:OUTP2?;*ESE? -> +0.0E+00,+1.0E-09,+1.0E+00,+0.0E+00,+0.0E+00;1;1")
    assert smu.measure().current == 1e-9
    say_safe(wire, 105, channel=2)
    smu.make_safe()


@pytest.mark.parametrize("channel", [0, 3, "1", True])
def test_a_bench_file_names_channel_1_or_2(channel: object) -> None:
    with pytest.raises(ValidationError):
        KeysightB2900Settings.model_validate({"driver": "keysight-b2900", "address": ADDRESS, "channel": channel})


@pytest.mark.parametrize("model", ["B2961A", "B2985A", "MODEL 2450", "XB2901A"])
def test_another_model_is_told(smu: KeysightB2900, wire: Wire, model: str) -> None:
    wire.say(f"*IDN? -> Keysight Technologies,{model},MY1,1.0")
    with pytest.raises(IdentityError, match=r"smu at .*: '\*IDN\?' was answered with '.*', which is no B2900"):
        smu.configure(SETUP)


def test_the_most_sensitive_range_is_the_models_own(smu: KeysightB2900, wire: Wire) -> None:
    wire.settings = {"*IDN": SINGLE, "*OPC": "1", ":SYST:ERR": NO_ERROR}
    assert smu.configure(SourceSetup(1.0, 1e-3, current_range=5e-9)).current_range == 1e-7
    smu.configure(SETUP)
    assert wire.settings[":SENS1:CURR:RANG:AUTO:LLIM"] == "1e-07"


def test_an_output_that_stays_on_ends_the_configuration_before_the_reset(smu: KeysightB2900, wire: Wire) -> None:
    wire.say(f"*IDN? -> {DUAL}")
    say_safe(wire, 101, output="1")
    with pytest.raises(SettingError, match="output was set to False, but reads back as True"):
        smu.configure(SETUP)


@pytest.mark.parametrize(
    "changed",
    [
        ":OUTP1:ON:AUTO? -> 1",
        ":OUTP1:PROT? -> 1",
        ":SOUR1:FUNC:MODE? -> CURR",
        ":OUTP1:OFF:MODE? -> HIZ",
        ":OUTP1:LOW? -> FLO",
        ":SOUR1:VOLT:RANG? -> 20",
        ":SOUR1:VOLT:RANG:AUTO? -> 1",
        ":SOUR1:SWE:RANG? -> BEST",
        ":SENS1:CURR:PROT? -> +1.00000000E-004",
        ':SENS1:FUNC? -> "CURR"',
        ":SENS1:CURR:NPLC:AUTO? -> 1",
        ":SENS1:CURR:NPLC? -> 100",
        ":SENS1:REM? -> 1",
        ":FORM:BORD? -> SWAP",
        ":FORM:ELEM:SENS? -> VOLT,CURR,RES,TIME,STAT,SOUR",
        ":OUTP1? -> 1",
    ],
)
def test_a_setting_that_reads_back_as_another_is_an_error(smu: KeysightB2900, wire: Wire, changed: str) -> None:
    say_configuration(wire)
    wire.say(*up_to(CHECKS, changed))
    with pytest.raises(SettingError, match="reads back as"):
        smu.configure(SETUP)
    with pytest.raises(SettingError, match="until a limit is set"):
        smu.output_on()


@pytest.mark.parametrize("changed", [":SENS1:FUNC? -> 1", ":FORM:ELEM:SENS? -> ", ":OUTP1:PROT? -> 7"])
def test_a_setting_that_is_answered_with_nonsense_is_a_link_error(smu: KeysightB2900, wire: Wire, changed: str) -> None:
    say_configuration(wire)
    wire.say(*up_to(CHECKS, changed))
    with pytest.raises(LinkError, match="was answered with"):
        smu.configure(SETUP)


def test_a_refused_setting_is_told_in_the_instruments_words(smu: KeysightB2900, wire: Wire) -> None:
    say_configuration(wire, '-222,"Data out of range"', '-113,"Undefined header"')
    wire.say(*(":SENS1:CURR:PROT? -> 1E-4" if "CURR:PROT" in line else line for line in CHECKS[:-1]))
    with pytest.raises(
        RefusedError, match=r"-222 Data out of range; -113 Undefined header; the current limit was set to"
    ):
        smu.configure(SETUP)


def test_the_identity_keeps_its_four_fields(smu: KeysightB2900, wire: Wire) -> None:
    wire.say(f"*IDN? -> {DUAL}")
    assert smu.identify() == Identity("Keysight Technologies", "B2912A", "MY51143745", "3.4.2011.5100")
