"""Plain pyvisa, as the maker's examples write it, on the instrument at the resource that is the first argument.

Runs in an environment with pyvisa and pyvisa-py, and knows nothing of labctl; prints one JSON object.
"""

from __future__ import annotations

import json
import sys

import pyvisa


def numbers(reply: str) -> list[float]:
    """Return the fields of a reply."""
    return [float(field) for field in reply.split(",")]


def staircase(smu: pyvisa.resources.MessageBasedResource, found: dict[str, object]) -> None:
    """Run a staircase sweep of eleven points, fetched as text and as two kinds of blocks."""
    for line in (
        ":sour1:func:mode volt",
        ":sour1:volt:mode swe",
        ":sour1:volt:star 0",
        ":sour1:volt:stop 0.2",
        ":sour1:volt:poin 11",
        ':sens1:func "curr"',
        ":sens1:curr:nplc 0.1",
        ":sens1:curr:prot 10 mA",
        ":trig1:sour aint",
        ":trig1:coun 11",
        ":outp1 on",
        ":init (@1)",
    ):
        smu.write(line)
    found["sweep_currents"] = numbers(smu.query(":fetc:arr:curr? (@1)"))
    found["sweep_voltages"] = numbers(smu.query(":fetc:arr:volt? (@1)"))
    smu.write(":form real,64;:form:bord swap")
    found["block"] = smu.query_binary_values(":fetc:arr:curr? (@1)", datatype="d")
    smu.write(":form real,32;:form:bord norm")
    found["short_block"] = smu.query_binary_values(":fetc:arr:curr? (@1)", datatype="f", is_big_endian=True)
    smu.write(":form asc")


def list_sweep(smu: pyvisa.resources.MessageBasedResource, found: dict[str, object]) -> None:
    """Run a list sweep on a timer into the trace buffer; wait for its end with the status byte."""
    smu.write(":sour1:volt:mode list;:sour1:list:volt 0.05,0.1,0.15;:sour1:list:volt:app 0.2,0")
    smu.write(":trig1:sour tim;tim 5e-3;coun 5;acq:del 1e-3")
    smu.write(":form:elem:sens volt,curr,time,sour;:trac:cle;poin 5;feed sens;tst:form delt")
    smu.write(":trac:feed:cont next;*cls;*ese 1;*sre 32;:init (@1);*opc")
    polls = 0
    while not int(smu.query("*stb?")) & 32 and polls < 1000:
        polls += 1
    found["buffer_length"] = int(smu.query(":trac:poin:act?"))
    rows = numbers(smu.query(":trac:data?"))
    found["buffer_voltages"], found["buffer_currents"] = rows[0::4], rows[1::4]
    found["buffer_times"], found["buffer_levels"] = rows[2::4], rows[3::4]
    smu.write(":trac:stat:form mean;:form:elem:sens curr")
    found["mean"] = numbers(smu.query(":trac:stat:data?"))
    found["event"] = int(smu.query("*esr?"))


def pulses(smu: pyvisa.resources.MessageBasedResource, found: dict[str, object]) -> None:
    """Put out three pulses on a base, measured inside each."""
    smu.write(":sour1:func:shap puls;:sour1:puls:del 1 ms;widt 2 ms;:sour1:volt 0;:sour1:volt:mode fix;trig 0.2")
    smu.write(":sens1:curr:aper 1e-4;:sens1:curr:rang 10e-3;:sens1:wait off;:trig1:acq:del 2e-3")
    smu.write(":trig1:sour tim;tim 10 ms;coun 3;:form:elem:sens curr,sour,stat")
    found["pulses"] = numbers(smu.query(":read:arr? (@1)"))
    smu.write(":sour1:func dc;:trig1:acq:del 0;:trig1:sour aint;:trig1:coun 1")


def main() -> None:
    """Source, limit, measure, sweep, read the buffer and the error queue."""
    manager = pyvisa.ResourceManager("@py")
    smu = manager.open_resource(sys.argv[1], read_termination="\n", write_termination="\n", timeout=20_000)
    smu.write("*RST")
    found: dict[str, object] = {"identity": smu.query("*IDN?"), "default_limit": float(smu.query(":SENS:CURR:PROT?"))}
    smu.write(":SOUR1:VOLT 0.2;:SENS1:CURR:PROT 0.01;:OUTP1 ON")
    found["limit"] = float(smu.query(":SENS1:CURR:PROT?"))
    found["current"] = float(smu.query(":MEAS:CURR? (@1)"))
    found["voltage"] = float(smu.query(":MEAS:VOLT? (@1)"))
    everything = numbers(smu.query(":MEAS? (@1,2)"))
    found["elements"] = len(everything)
    staircase(smu, found)
    list_sweep(smu, found)
    pulses(smu, found)
    found["in_compliance_before"] = int(smu.query(":SENS1:CURR:PROT:TRIP?"))
    smu.write(":SENS1:CURR:RANG:AUTO ON;:SENS1:CURR:PROT 1E-4;:SOUR1:VOLT 0.2;:SENS1:WAIT ON")
    found["low_limit"] = float(smu.query(":SENS1:CURR:PROT?"))
    found["low_limit_current"] = float(smu.query(":MEAS:CURR?"))
    found["in_compliance"] = int(smu.query(":SENS1:CURR:PROT:TRIP?"))
    smu.write(":OUTP1 OFF")
    found["errors"] = int(smu.query(":SYST:ERR:COUN?"))
    found["first_error"] = smu.query(":SYST:ERR?")
    smu.write(":SOUR1:VOLT 500")
    found["refusal"], found["no_error"] = smu.query(":SYST:ERR?"), smu.query(":SYST:ERR?")
    smu.close()
    manager.close()
    print(json.dumps(found))


if __name__ == "__main__":
    main()
