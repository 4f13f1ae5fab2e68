"""Error queue and status registers of the B2900A's panel."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.sim_backend.panels.keysight_b2900.conftest import Bench


def test_the_error_queue(bench: Bench) -> None:
    assert bench.ask(":SYST:ERR?;:SYST:ERR:COUN?;:SYST:ERR:CODE?") == '+0,"No error";0;+0'
    for message in (":NONSENSE", ":SOUR:VOLT 500", ":SOUR:VOLT"):
        bench.ask(message)
    assert bench.ask(":SYST:ERR:COUN?;:SYST:ERR?") == '3;-113,"Undefined header"'
    assert bench.ask("SYSTem:ERRor:ALL?") == '-222,"Data out of range",-109,"Missing parameter"'
    assert bench.ask(":SYST:ERR:ALL?;ALL?") == '+0,"No error";+0,"No error"'


def test_a_full_queue_says_so(bench: Bench) -> None:
    for _ in range(100):
        bench.ask(":NONSENSE")
    assert bench.ask(":SYST:ERR:COUN?") == "30"
    codes = (bench.ask(":SYST:ERR:CODE:ALL?") or "").split(",")
    assert codes == ["-113"] * 29 + ["-350"]
    bench.ask(":NONSENSE;:SYST:ERR?")
    for _ in range(100):
        bench.ask(":NONSENSE")
    assert (bench.ask(":SYST:ERR:ALL?") or "").endswith('-350,"Error queue overflow"')


def test_reset_leaves_the_queue_and_clear_empties_it(bench: Bench) -> None:
    bench.ask(":NONSENSE;")
    bench.ask("*RST")
    assert bench.ask(":SYST:ERR:COUN?") == "1"
    bench.ask("*CLS")
    assert bench.ask(":SYST:ERR:COUN?;*ESR?") == "0;0"


@pytest.mark.parametrize(
    ("message", "bit"), [(":NONSENSE", 32), (":SOUR:VOLT 500", 16), (":INIT (@1);:INIT (@1)", 16), ("*OPC", 1)]
)
def test_standard_events(bench: Bench, message: str, bit: int) -> None:
    assert bench.ask("*ESR?") == "128"
    bench.ask(f"*ESE {bit};*SRE 32;:TRIG:TIM 1;:TRIG:SOUR TIM;COUN 9")
    bench.ask(message)
    assert bench.panel.status_byte() & 96 == 96
    assert bench.ask("*ESR?;*ESR?;*ESE?;*SRE?") == f"{bit};0;{bit};32"


def test_the_status_byte(bench: Bench) -> None:
    assert bench.ask("*STB?") == "0"
    bench.ask(":NONSENSE")
    assert bench.panel.status_byte() == 4
    bench.ask("*CLS;:STAT:QUES:ENAB 4;:STAT:MEAS:ENAB 2;:STAT:OPER:ENAB 16;*SRE 8")
    bench.ask(":OUTP:PROT 1;:SENS:CURR:PROT 1E-6;:READ?;:SOUR:VOLT 1")
    assert bench.panel.status_byte() == 1 + 8 + 64 + 128
    assert bench.ask(":STAT:QUES?;:STAT:MEAS?;:STAT:OPER?;*STB?") == f"4;2;{2 + 16};16"


def test_filters(bench: Bench) -> None:
    assert bench.ask(":STAT:OPER:PTR?;NTR?;ENAB?") == "32767;0;0"
    bench.ask(":STAT:OPER:PTR 0;NTR 65535;:TRIG:TIM 1;SOUR TIM;COUN 3;:STAT:OPER?;:INIT (@2)")
    assert bench.ask(":STAT:OPER:NTR?;:STAT:OPER?;:STAT:OPER?") == f"32767;{128 + 1024};0"
    bench.ask("*WAI")
    assert bench.ask(":STAT:OPER?;:STAT:OPER:COND?") == "0;1170"
    bench.ask(":STAT:OPER:ENAB 7;:STAT:PRES")
    assert bench.ask(":STAT:OPER:PTR?;NTR?;ENAB?") == "32767;0;0"


def test_the_measurement_register(bench: Bench) -> None:
    bench.ask(":TRAC2:POIN 1;FEED:CONT NEXT;:SOUR:VOLT 1;:SENS:CURR:RANG 1E-6;:MEAS? (@1)")
    assert bench.ask(":STAT:MEAS:COND?") == str(2 + 4)
    bench.ask(":MEAS? (@2)")
    assert bench.ask(":STAT:MEAS:COND?;EVEN?") == f"{2 + 4 + 128 + 512 + 1024};{2 + 4 + 128 + 512 + 1024}"
    bench.ask(":TRAC2:CLE;:SOUR:VOLT 0.001;:MEAS?")
    assert bench.ask(":STAT:MEAS:COND?") == str(2 + 128)


def test_an_overlong_message_is_dropped_and_reported(bench: Bench) -> None:
    assert bench.panel.receive(b":SOUR:VOLT 1" + b" " * 70_000 + b"\n") == []
    assert bench.ask(":SYST:ERR?;:SOUR:VOLT?") == '-363,"Input buffer overrun";+0.000000E+00'
