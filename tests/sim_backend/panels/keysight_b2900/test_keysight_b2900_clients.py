"""Clients that were not written for the twin: pyvisa's own block readers, and what public drivers send."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pytest
import pyvisa

from sim_backend.visa_library import TwinVisaLibrary

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pyvisa.resources import MessageBasedResource

    from tests.sim_backend.panels.keysight_b2900.conftest import Bench

ADDRESS = "USB0::0x0957::0x8E18::MY51140001::INSTR"

QCODES = (
    (":SOUR1:FUNC:MODE VOLT", ":SOUR1:FUNC:MODE?", "VOLT"),
    ("SOURCE1:VOLT 0.7", "SOURCE1:VOLT?", "+7.000000E-01"),
    ("SENS1:CURR:PROT 0.0003", "SENS1:CURR:PROT?", "+3.000000E-04"),
    ("SENS1:VOLT:PROT 5", "SENS1:VOLT:PROT?", "+5.000000E+00"),
    (":SENS1:REM 1", ":SENS1:REM?", "1"),
    ("OUTP1 1", "OUTP1?", "1"),
    ("", "MEAS:CURR? (@1)", "+7.000000E-05"),
    ("", "MEAS:RES? (@1)", "+9.910000E+37"),
)
PYMEASURE = (
    (":sour1:func:mode VOLT", ":sour1:func:mode?", "VOLT"),
    (":sour2:func:shap PULS", ":sour2:func:shap?", "PULS"),
    (":sour1:volt:trig 1.11", ":sour1:volt:trig?", "+1.110000E+00"),
    (":outp1:prot 1.0", ":outp1:prot?", "1"),
    (":outp1:prot 0.0", ":outp1:prot?", "0"),
    (":sour1:pulse:del 0.001", ":sour1:pulse:del?", "+1.000000E-03"),
    (":sour2:pulse:widt 0.5", ":sour2:pulse:widt?", "+5.000000E-01"),
    (":sens1:curr:range:auto 0.0", ":sens1:curr:range:auto?", "0"),
    (":sens1:curr:range 0.1", ":sens1:curr:rang?", "+1.000000E-01"),
    (":sens1:volt:nplc 10", ":sens1:volt:nplc?", "+1.000000E+01"),
    (":trig1:sour TIM", ":trig1:tran:sour?", "TIM"),
    (":trig1:tran:tim MIN", ":trig1:tran:tim?", "+1.000000E-05"),
    (":trig1:tran:coun 2147483647", ":trig1:tran:coun?", "2147483647"),
    (":trig2:acq:del 0.1", ":trig2:acq:del?", "+1.000000E-01"),
    (":ABOR:ALL (@2)", ":idle2:all?", "1"),
)
NOMAD_CAMELS = (
    (":SOUR1:VOLT 0.0; :SOUR1:FUNC DC; FUNC:MODE VOLT", ":SOUR1:FUNC:SHAP?", "DC"),
    (":OUTP1:LOW FLO;", ":OUTP1:LOW?", "FLO"),
    (":SENS1:VOLT:NPLC 1; :SENS1:CURR:NPLC 1; :SENS1:RES:NPLC 1;", ":SENS1:RES:NPLC?", "+1.000000E+00"),
    (":SENS1:RES:OCOM OFF", ":SENS1:RES:OCOM?", "0"),
    (":SENS1:RES:RANG:AUTO:ULIM 2E6", ":SENS1:RES:RANG:AUTO:ULIM?", "+2.000000E+06"),
    (":SENS2:CURR:RANG:AUTO:MODE SPE", ":SENS2:CURR:RANG:AUTO:MODE?", "SPE"),
)


@pytest.fixture
def session(bench: Bench) -> Iterator[MessageBasedResource]:
    manager = pyvisa.ResourceManager(TwinVisaLibrary({ADDRESS: bench.panel}))
    opened = cast("MessageBasedResource", manager.open_resource(ADDRESS, read_termination="\n", write_termination="\n"))
    yield opened
    opened.close()
    manager.close()


@pytest.mark.parametrize("dialogue", [QCODES, PYMEASURE, NOMAD_CAMELS], ids=["qcodes", "pymeasure", "nomad-camels"])
def test_what_public_drivers_send(bench: Bench, dialogue: tuple[tuple[str, str, str], ...]) -> None:
    for command, query, reply in dialogue:
        assert bench.ask(command) is None
        assert (query, bench.ask(query)) == (query, reply)
    assert bench.ask(":SYST:ERR:ALL?") == '+0,"No error"'


@pytest.mark.parametrize("order", ["NORM", "SWAP"])
@pytest.mark.parametrize(("name", "letter"), [("REAL,64", "d"), ("REAL,32", "f")])
def test_pyvisa_reads_blocks_of_a_sweep(session: MessageBasedResource, order: str, name: str, letter: str) -> None:
    """A newline inside a block must not end it: among the levels are some whose bytes hold one."""
    session.write(
        "*RST;:SENS:CURR:PROT 1E-2;:SENS:CURR:APER 1E-5;:SOUR:VOLT:MODE SWE;:SOUR:VOLT:STAR 0;STOP 2;POIN 1001"
    )
    session.write(f":TRIG:COUN 1001;:FORM {name};:FORM:BORD {order};:OUTP 1;:INIT (@1)")
    # pyvisa's types of its own readers are not complete.
    read = cast("Callable[..., list[float]]", getattr(session, "query_binary_values"))  # noqa: B009
    levels = read(":FETC:ARR:SOUR? (@1)", datatype=letter, is_big_endian=order == "NORM")
    currents = read(":FETC:ARR:CURR? (@1)", datatype=letter, is_big_endian=order == "NORM")
    assert levels == pytest.approx([place / 500 for place in range(1001)])
    assert currents == pytest.approx([level / 10e3 for level in levels], rel=1e-5, abs=1e-9)
    assert session.query(":SYST:ERR?") == '+0,"No error"'


def test_a_sweep_as_the_maker_s_examples_write_it(session: MessageBasedResource) -> None:
    for line in (
        "*RST",
        ":sour:func:mode volt",
        ":sour:volt:mode swe",
        ":sour:volt:start 0",
        ":sour:volt:stop 1",
        ":sour:volt:poin 5",
        ':sens:func "curr"',
        ":sens:curr:nplc 0.1",
        ":sens:curr:prot 0.1",
        ":trig:sour aint",
        ":trig:coun 5",
        ":outp on",
        ":init (@1)",
    ):
        session.write(line)
    currents = [float(field) for field in session.query(":fetc:arr:curr? (@1)").split(",")]
    assert currents == pytest.approx([0, 2.5e-5, 5e-5, 7.5e-5, 1e-4])
    assert session.query("syst:err?") == '+0,"No error"'
