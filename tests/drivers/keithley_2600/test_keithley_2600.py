"""The Keithley 2600B driver, line by line: identity, configuration, output, errors, safe state."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest

from drivers.keithley_2600 import Keithley2600, Keithley2600Settings
from drivers.keithley_2600_knobs import MODELS
from labctl.errors import LinkError, RefusedError, SettingError
from labctl.instruments import Identity
from labctl.smu_data import OffMode, SourceSetup

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.drivers.keithley_2600.conftest import TspWire

SETUP = SourceSetup(voltage=1.3, current_limit=0.015)

SETTINGS = (
    "smua.source.limiti = 0.015",
    "smua.source.func = smua.OUTPUT_DCVOLTS",
    "smua.source.offmode = smua.OUTPUT_NORMAL",
    "smua.source.rangev = 2",
    "smua.source.autorangev = smua.AUTORANGE_OFF",
    "smua.source.levelv = 0",
    "smua.source.delay = 0",
    "smua.measure.autorangei = smua.AUTORANGE_ON",
    "smua.measure.delay = smua.DELAY_AUTO",
    "smua.measure.nplc = 1",
    "smua.measure.autozero = smua.AUTOZERO_AUTO",
    "smua.sense = smua.SENSE_LOCAL",
    "format.data = format.ASCII",
    "format.asciiprecision = 10",
    "format.byteorder = format.LITTLEENDIAN",
)
PREPARED = (
    "smua.nvbuffer1.clear() smua.nvbuffer1.appendmode = 1 smua.nvbuffer1.collecttimestamps = 1",
    "smua.nvbuffer2.clear() smua.nvbuffer2.appendmode = 1 smua.nvbuffer2.collecttimestamps = 1",
    "timer.reset()",
)
CHECKS = (
    "smua.source.limiti -> 1.500000000e-02",
    "smua.source.func -> 1.000000000e+00",
    "smua.source.offmode -> 0.000000000e+00",
    "smua.source.rangev -> 2.000000000e+00",
    "smua.source.autorangev -> 0.000000000e+00",
    "smua.source.levelv -> 0.000000000e+00",
    "smua.source.delay -> 0.000000000e+00",
    "smua.measure.autorangei -> 1.000000000e+00",
    "smua.measure.delay -> -1.000000000e+00",
    "smua.measure.nplc -> 1.000000000e+00",
    "smua.measure.autozero -> 2.000000000e+00",
    "smua.sense -> 0.000000000e+00",
    "format.data -> 1.000000000e+00",
    "format.asciiprecision -> 1.000000000e+01",
    "format.byteorder -> 1.000000000e+00",
    "smua.source.output -> 0.000000000e+00",
)
RESULT = (
    "smua.source.rangev -> 2.000000000e+00",
    "smua.source.limiti -> 1.500000000e-02",
    "smua.measure.autorangei -> 1.000000000e+00",
    "smua.measure.nplc -> 1.000000000e+00",
    "smua.sense -> 0.000000000e+00",
    "smua.source.offmode -> 0.000000000e+00",
)


def say_configuration(tsp: TspWire, *errors: str) -> None:
    """Expect the exchange that applies SETUP, up to its read-back."""
    tsp.say_shut_down()
    tsp.say("localnode.model -> 2636B", "smua.source.output -> 0.0")
    tsp.say("smua.reset()", "errorqueue.clear()", *SETTINGS, *PREPARED)
    tsp.say_errors(*errors)


def up_to(changed: str) -> list[str]:
    """Return the read-back up to the query of `changed`, which stands for it."""
    names = [line.partition(" -> ")[0] for line in CHECKS]
    return [*CHECKS[: names.index(changed.partition(" -> ")[0])], changed]


def test_identify_sets_nothing(smu: Keithley2600, tsp: TspWire) -> None:
    tsp.say_bytes("*IDN?", b"Keithley Instruments Inc., Model 2636B, 1219110, 3.3.5\n")
    assert smu.identify() == Identity("Keithley Instruments Inc.", "2636B", "1219110", "3.3.5")
    assert any(model in "2636B" for model in smu.models)


def test_identify_reads_over_what_an_earlier_process_left(smu: Keithley2600, tsp: TspWire) -> None:
    tsp.output = b"<1003>\t1.0\t<1003>\t1.0\n"
    tsp.say_bytes("*IDN?", b"KEITHLEY INSTRUMENTS,MODEL 2602B,04043033,3.2.1\n")
    assert smu.identify().model == "2602B"


def test_identify_frees_an_instrument_that_waits_for_the_end_of_a_script(smu: Keithley2600, tsp: TspWire) -> None:
    tsp.say_bytes("*IDN?", None)
    tsp.say_sync("abort", "abort", "endscript", "abort")
    tsp.say_bytes("*IDN?", b"Keithley Instruments, Model 2636B, 1219110, 3.3.5\n")
    assert smu.identify().model == "2636B"


def test_identify_refuses_garbage(smu: Keithley2600, tsp: TspWire) -> None:
    tsp.say_bytes("*IDN?", b"HTTP/1.1 400 Bad Request\n")
    tsp.say_sync("abort", "abort", "endscript", "abort")
    tsp.say_bytes("*IDN?", b"HTTP/1.1 400 Bad Request\n")
    with pytest.raises(LinkError, match=r"smu at TCPIP0::bench::5025::SOCKET: '\*IDN\?' was answered with 'HTTP"):
        smu.identify()


def test_configure_goes_safe_then_limits_then_reads_back(smu: Keithley2600, tsp: TspWire) -> None:
    say_configuration(tsp)
    tsp.say(*CHECKS, *RESULT)
    assert smu.configure(SETUP) == SourceSetup(2.0, 0.015, None, 1.0, False, OffMode.NORMAL)


def test_the_default_limit_of_100_ma_is_replaced_before_anything_else_and_long_before_the_output_is_on(
    ready: Keithley2600, tsp: TspWire
) -> None:
    tsp.settings = {
        "localnode.model": "2636B",
        "smua.source.output": "0",
        "errorqueue.count": "0",
        "smua.source.limiti": "0.1",
    }
    ready.configure(SourceSetup(voltage=0.5, current_limit=50e-6))
    ready.output_on()
    reset = tsp.sent.index("smua.reset()")
    limit = tsp.sent.index("smua.source.limiti = 5e-05")
    on = tsp.sent.index("smua.source.output = smua.OUTPUT_ON")
    confirmed = max(place for place, line in enumerate(tsp.sent) if "limiti, " in line)
    assert reset < limit < on
    assert not any(".source.level" in line or ".OUTPUT_ON" in line for line in tsp.sent[reset:limit])
    assert limit < confirmed < on


def test_a_limit_that_stays_at_the_default_is_an_error(smu: Keithley2600, tsp: TspWire) -> None:
    say_configuration(tsp)
    tsp.say(*up_to("smua.source.limiti -> 1.000000000e-01"))
    with pytest.raises(SettingError, match=r"current limit was set to 0\.015 A, but reads back as 0\.1 A"):
        smu.configure(SETUP)


def test_configure_with_everything_chosen(new_smu: Callable[..., Keithley2600], tsp: TspWire) -> None:
    tsp.settings = {"localnode.model": "2602B", "smub.source.output": "0", "errorqueue.count": "0"}
    tsp.settings["smub.measure.autorangei"] = "0"
    wanted = SourceSetup(4.0, 1e-4, 5e-4, nplc=0.1, four_wire=True, off_mode=OffMode.HIGH_IMPEDANCE)
    smu = new_smu("smub", interlock=True)
    assert smu.configure(wanted) == SourceSetup(6.0, 1e-4, 1e-3, 0.1, True, OffMode.HIGH_IMPEDANCE)
    assert not any("smua" in line for line in tsp.sent)
    for line in (
        "smub.source.offmode = smub.OUTPUT_HIGH_Z",
        "smub.source.outputenableaction = smub.OE_OUTPUT_OFF",
        "smub.sense = smub.SENSE_REMOTE",
        "smub.measure.rangei = 0.001",
    ):
        assert line in tsp.sent


@pytest.mark.parametrize(
    ("model", "voltage", "current", "source_range", "measure_range"),
    [
        ("2601B", 0.1, 1e-9, 0.1, 1e-7),
        ("2602B", 1.5, 2.0, 6.0, 3.0),
        ("2604B", 40.0, 1e-6, 40.0, 1e-6),
        ("2611B", 0.11, 1e-9, 0.2, 1e-7),
        ("2612B", 2.0, 1.2, 2.0, 1.5),
        ("2634B", 3.0, 1e-11, 20.0, 1e-9),
        ("2635B", 21.0, 1e-11, 200.0, 1e-10),
        ("2636B", 0.2, 2e-10, 0.2, 1e-9),
    ],
)
def test_each_model_gets_its_own_nearest_ranges(
    smu: Keithley2600,
    tsp: TspWire,
    model: str,
    voltage: float,
    current: float,
    source_range: float,
    measure_range: float,
) -> None:
    tsp.settings = {"localnode.model": model, "smua.source.output": "0", "errorqueue.count": "0"}
    done = smu.configure(SourceSetup(voltage, 1e-3, current))
    assert (done.voltage, done.current_range) == (source_range, measure_range)


def test_a_model_without_the_range_refuses(smu: Keithley2600, tsp: TspWire) -> None:
    tsp.settings = {"localnode.model": "2602B"}
    with pytest.raises(SettingError, match="no source range holds 50 V; the largest is 40 V"):
        smu.configure(SourceSetup(50.0, 1e-3))


@pytest.mark.parametrize(
    "setup",
    [
        SourceSetup(200.1, 1e-3),
        SourceSetup(-1.0, 1e-3),
        SourceSetup(math.nan, 1e-3),
        SourceSetup(1.0, 3.1),
        SourceSetup(1.0, 0.0),
        SourceSetup(1.0, 1e-3, current_range=3.5),
        SourceSetup(1.0, 1e-3, nplc=26),
        SourceSetup(1.0, 1e-3, off_mode=OffMode.GUARD),
    ],
)
def test_what_the_family_has_not_is_refused_before_a_byte_leaves(smu: Keithley2600, setup: SourceSetup) -> None:
    with pytest.raises(SettingError, match="smu at TCPIP0::bench::5025::SOCKET: "):
        smu.configure(setup)


@pytest.mark.parametrize("model", [name for name, model in MODELS.items() if model.channels == "a"])
def test_a_channel_that_does_not_exist_is_refused(
    new_smu: Callable[..., Keithley2600], tsp: TspWire, model: str
) -> None:
    tsp.say_shut_down("smub")
    tsp.say(f"localnode.model -> {model}")
    with pytest.raises(SettingError, match=f"a {model} has no channel b; use channel = 'a'"):
        new_smu("smub").configure(SETUP)


def test_another_model_is_refused(smu: Keithley2600, tsp: TspWire) -> None:
    tsp.settings = {"localnode.model": "2657A"}
    with pytest.raises(SettingError, match="it is a 2657A; this driver knows 2601B, "):
        smu.configure(SETUP)


def test_an_output_that_stays_on_ends_the_configuration_before_the_reset(smu: Keithley2600, tsp: TspWire) -> None:
    tsp.settings = {"localnode.model": "2636B", "smua.source.output": "1"}
    with pytest.raises(SettingError, match="output was set to False, but reads back as True"):
        smu.configure(SETUP)
    assert "smua.reset()" not in tsp.sent


@pytest.mark.parametrize(
    "changed",
    [
        "smua.source.func -> 0.00000e+00",
        "smua.source.rangev -> 2.00000e+01",
        "smua.source.autorangev -> 1.00000e+00",
        "smua.source.levelv -> 1.00000e+00",
        "smua.source.offmode -> 2.00000e+00",
        "smua.measure.nplc -> 1.00000e+01",
        "smua.measure.autozero -> 0.00000e+00",
        "smua.sense -> 1.00000e+00",
        "format.data -> 3.00000e+00",
        "format.byteorder -> 0.00000e+00",
        "smua.source.output -> 1.00000e+00",
    ],
)
def test_a_setting_that_reads_back_as_another_is_an_error(smu: Keithley2600, tsp: TspWire, changed: str) -> None:
    say_configuration(tsp)
    tsp.say(*up_to(changed))
    with pytest.raises(SettingError, match="reads back as"):
        smu.configure(SETUP)
    with pytest.raises(SettingError, match="until a limit is set"):
        smu.output_on()


@pytest.mark.parametrize("reply", ["nil", "7.00000e+00", "true", "9.91000e+37"])
def test_a_constant_that_is_none_is_garbled(smu: Keithley2600, tsp: TspWire, reply: str) -> None:
    say_configuration(tsp)
    tsp.say(*up_to(f"smua.source.offmode -> {reply}"))
    with pytest.raises(LinkError, match=r"'smua\.source\.offmode' was answered with"):
        smu.configure(SETUP)


def test_a_refused_setting_is_told_in_the_instruments_words(smu: Keithley2600, tsp: TspWire) -> None:
    say_configuration(tsp, "1102 Parameter too small", "-286 TSP Runtime error at line 1: attempt to index a nil value")
    tsp.say("smua.source.limiti -> 1.000000000e-01", *CHECKS[1:-1])
    with pytest.raises(
        RefusedError,
        match=r"1102 Parameter too small; -286 TSP Runtime error at line 1: attempt.*; the current limit was",
    ):
        smu.configure(SETUP)


def test_the_bench_file_names_the_channel() -> None:
    entry = Keithley2600Settings.model_validate(
        {"driver": "keithley-2600", "address": "TCPIP0::10.0.0.7::5025::SOCKET", "channel": "b", "interlock": True}
    )
    assert (entry.channel, entry.interlock) == ("b", True)
    with pytest.raises(ValueError, match="'a' or 'b'"):
        Keithley2600Settings.model_validate({"driver": "keithley-2600", "address": "x", "channel": "c"})
