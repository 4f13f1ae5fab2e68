"""Anything may be sent to the B2900A: there is no exception and no hang, and each line adds one error at most."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from sim_backend.panels.keysight_b2900_instrument import QUEUE, Options

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.sim_backend.panels.keysight_b2900.conftest import Bench

LINES = 10_000
HEADERS = (
    *(f"SOUR{suffix}:VOLT" for suffix in ("", "1", "2", "3", "999999999999")),
    *("VOLT:STAR", "SOUR:CURR:STOP", "SOUR2:VOLT:POIN", "VOLT:STEP", "LIST:VOLT", "SOUR:LIST:CURR:APP", "SWE:SPAC"),
    *("SOUR:VOLT:MODE", "SOUR:FUNC:MODE", "FUNC", "SOUR:PULS:WIDT", "VOLT:RANG", "CURR:RANG:AUTO", "VOLT:CENT"),
    *("OUTP", "OUTPut2:STATe", "OUTP:OFF:MODE", "OUTP:PROT", "OUTP:ON:AUTO", "OUTP:LOW", "SENS:CURR:PROT"),
    *("SENS:VOLT:PROT:TRIP", "SENS2:CURR:APER", "SENS:CURR:NPLC", "SENS:FUNC", "SENS:FUNC:OFF", "SENS:CURR:RANG"),
    *("SENS:DATA", "FETC:ARR:CURR", "FETC", "MEAS", "MEAS:RES", "READ:VOLT", "READ:ARR", "INIT", "INIT:TRAN", "ABOR"),
    *("TRIG:SOUR", "ARM2:COUN", "TRIG:ACQ:DEL", "TRIG:TIM", "TRIG", "IDLE", "TRAC:DATA", "TRAC:FEED:CONT", "TRAC:POIN"),
    *("FORM", "FORM:BORD", "FORM:ELEM:SENS", "SYST:ERR", "SYST:ERR:ALL", "SYST:LFR", "SYST:GRO", "STAT:OPER:ENAB"),
    *("CALC:FEED", "CALC:LIM:STAT", "CALC2:LIM12:UPP", "CALC:LIM:FAIL", "CALC:DATA", "CALC:OFFS", "CALC:OFFS:ACQ"),
    *("CALC:MATH:STAT", "CALC:MATH:NAME", "CALC:MATH", "CALC:MATH:DATA", "CALC:MATH:DEL:ALL", "CALC:CLIM:CLE"),
    *("TRAC:STAT:DATA", "TRAC:STAT:FORM", "TRAC:FEED", "FORM:SREG", "FORM:DIG", "FORM:ELEM:CALC", "*SAV", "*RCL"),
    *("OUTP:SAVE", "OUTP2:REC", "SYST:DATE", "SYST:TIME", "SYST:LOCK:REQ", "MMEM:CAT", "DISP:TEXT:DATA", "DIG:DATA"),
    *(
        "SOUR:DIG:EXT3:FUNC",
        "DIG:EXT14:TOUT:WIDT",
        "SENS:TOUT:SIGN",
        "ARM:TOUT",
        "TRIG2:ACQ:SOUR:LAN",
        "OUTP:FILT:FREQ",
    ),
    *("STAT:QUES", "STAT:PRES", "*IDN", "*OPC", "*WAI", "*TRG", "*ESE", "*SRE", "*STB", "*CLS", "*RST", "NONSENSE"),
)
PARAMETERS = (
    *(
        "0",
        "1",
        "-1",
        "1E-3",
        "1E400",
        "-1E-400",
        "2147483647",
        "#HFF",
        "#B12",
        "1.5V",
        "3 mA",
        "10US",
        "1E99999",
        "...",
    ),
    *("MIN", "MAXimum", "DEF", "INF", "ON", "OFF", "VOLT", "CURR", "SWE", "LIST", "FIX", "TIM", "BUS", "AINT", "PULS"),
    *("REAL,64", "REAL,32", "ASC", "SWAP", "NEXT", "'CURR'", '"VOLT","RES"', "'", '"(@1)"', "LOG", "HIZ", "ZERO"),
    *("(@1)", "(@2)", "(@1,2)", "(@2:1)", "(@3)", "(@1:99)", "(@)", "(", ")", "(@1", "((@1))", "1,2,3,4", ",", ""),
)
WHOLE = (
    *(":OUTP 1", ":OUTP2 1", ":OUTP 0", ":SOUR:VOLT 1", ":SOUR:VOLT -0.3", ":SOUR2:VOLT 5", ":SOUR:FUNC:MODE CURR"),
    *(":SOUR:FUNC:MODE VOLT", ":SOUR:CURR 1E-5", ":SENS:CURR:PROT 1E-6", ":SENS:CURR:PROT 1E-2", ":OUTP:PROT 1"),
    *(":SOUR:VOLT:MODE SWE;:SOUR:VOLT:STAR -1;STOP 1;POIN 11", ":SOUR:VOLT:MODE FIX", ":SOUR:SWE:STA DOUB"),
    *(":SOUR:VOLT:MODE LIST;:SOUR:LIST:VOLT 0.1,0.2", ":SOUR:SWE:SPAC LOG", ":SOUR:SWE:DIR DOWN", ":SOUR:FUNC PULS"),
    *(":SENS:CURR:NPLC 5", ":SENS:CURR:APER 8E-6", ":SENS:CURR:RANG 1E-8", ":SENS:CURR:RANG:AUTO 1", ":SENS:WAIT 0"),
    *(
        ":TRIG:COUN INF",
        ":TRIG2:COUN 2147483647",
        ":TRIG:COUN 11",
        ":ARM:COUN 3",
        ":TRIG:SOUR BUS",
        ":TRIG:SOUR TIM",
    ),
    *(":TRIG:TIM 1E-5", ":TRIG:TIM 0.1", ":TRIG:TRAN:DEL 0.1", ":ARM:SOUR EXT1", ":TRIG:SOUR AINT;:ARM:SOUR AINT"),
    *(":INIT (@1,2)", ":INIT:TRAN (@2)", ":INIT:ACQ", ":READ?", ":READ:ARR:CURR? (@1,2)", ":MEAS? (@2)", ":FETC:ARR?"),
    *("*TRG", ":TRIG", ":ABOR (@1,2)", ":IDLE?", "*OPC?", "*OPC", "*WAI", ":SENS:DATA?", ":TRAC:FEED:CONT NEXT"),
    *(":CALC:LIM:STAT 1", ":CALC:MATH:STAT 1", ":CALC:FEED MATH", ":CALC:MATH:NAME 'x';DEF (VOLT[9]^CURR2/(RES-1))"),
    *(":CALC:MATH:NAME 'OFFCOMPOHM'", ":TRAC:FEED:CONT NEV;:TRAC:FEED LIM", ":TRAC:STAT:FORM SDEV", ":OUTP:SAVE 1"),
    *(":OUTP2:REC 1", "*SAV 3", "*RCL 3", ":SENS:CURR:RANG UP", ":SOUR:VOLT:RANG DOWN", ":CALC:OFFS:ACQ;STAT 1"),
    *(":TRAC:DATA?", ":FORM REAL,64", ":FORM ASC", ":FORM:ELEM:SENS CURR", ":SENS:CURR:PROT:TRIP?", ":STAT:OPER:COND?"),
)


def shaped(random_source: random.Random) -> str:
    """Return a message that looks like one."""
    units: list[str] = []
    for _ in range(random_source.randint(1, 4)):
        header = random_source.choice(("", ":", "::")[: random_source.choice((2, 2, 2, 3))])
        header += random_source.choice(HEADERS) + random_source.choice(("", "?"))
        count = random_source.choice((0, 0, 1, 1, 1, 2))
        units.append(f"{header} {','.join(random_source.choice(PARAMETERS) for _ in range(count))}")
    return ";".join(units)


def whole(random_source: random.Random) -> str:
    """Return a message of commands that all are in order, but perhaps not at that time."""
    return ";".join(random_source.choice(WHOLE) for _ in range(random_source.randint(1, 5)))


def noise(random_source: random.Random) -> bytes:
    """Return bytes that look like nothing."""
    return bytes(random_source.randrange(256) for _ in range(random_source.randint(0, 60))).replace(b"\n", b"")


def test_anything_may_be_sent(make_bench: Callable[..., Bench]) -> None:
    bench = make_bench(Options(patience=0.01))
    random_source = random.Random(2912)
    log_sizes: set[int] = set()
    for place in range(LINES):
        kind = (noise, shaped, whole, shaped, whole)[place % 5]
        line = kind(random_source)
        bench.ask("*CLS")
        replies = bench.panel.receive((line if isinstance(line, bytes) else line.encode()) + b"\n")
        assert len(replies) <= 1
        assert all(reply.endswith(b"\n") for reply in replies)
        count = int(bench.ask(":SYST:ERR:COUN?") or "")
        log_sizes.add(count)
        if place % 50 == 0:
            bench.ask("*RST")
    assert log_sizes == {0, 1}
    # Afterwards it works as ever.
    bench.panel.power_cycle()
    bench.ask(":SOUR:VOLT 0.5")
    assert bench.values(":MEAS:CURR?") == [5e-5]


def test_the_queue_grows_as_specified(bench: Bench) -> None:
    random_source = random.Random(2913)
    expected = 0
    for _ in range(60):
        line = random_source.choice((":NONSENSE", ":SOUR:VOLT 1", ":SOUR:VOLT 500;:OUTP 1", "\x00", "*CLS"))
        bench.ask(line)
        failed = line not in {":SOUR:VOLT 1", "*CLS"}
        expected = 0 if line == "*CLS" else min(QUEUE, expected + failed)
        assert bench.ask(":SYST:ERR:COUN?") == str(expected)
