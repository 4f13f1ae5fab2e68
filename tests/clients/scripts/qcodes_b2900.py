"""QCoDeS' Keysight B2962A driver against the instrument at the resource that is the first argument; prints JSON.

Runs in an environment with QCoDeS and pyvisa-py, and knows nothing of labctl. The B2962A is the source among the B2900
models; its driver speaks what the whole series shares, so its sweep is one level after the other, and the buffer is
read through the driver's own connection.
"""

from __future__ import annotations

import json
import sys

from qcodes.instrument_drivers.Keysight import KeysightB2962A

LEVELS = [0.0, 0.05, 0.1, 0.15, 0.2]


def main() -> None:
    """Source, limit, measure, sweep, read the buffer and the error queue."""
    smu = KeysightB2962A("smu", sys.argv[1], visalib="@py")
    smu.timeout(20)
    smu.write("*RST")
    one, two = smu.ch1, smu.ch2
    found: dict[str, object] = {"identity": str(smu.get_idn()), "default_limit": one.current_limit()}
    found["default_voltage_limit"] = one.voltage_limit()
    one.source_mode("voltage")
    found["mode"] = one.source_mode()
    one.current_limit(0.01)
    found["limit"] = one.current_limit()
    one.remote_sensing(True)
    found["four_wire"] = one.remote_sensing()
    one.remote_sensing(False)
    one.source_voltage(0.2)
    found["level"] = one.source_voltage()
    one.enable(True)
    found["output"] = one.enable()
    found["current"], found["voltage"] = one.current(), one.voltage()
    smu.write('SENS1:FUNC "RES"')
    found["resistance"] = one.resistance()
    currents: list[float] = []
    for level in LEVELS:
        one.source_voltage(level)
        currents.append(one.current())
    found["sweep_voltages"], found["sweep_currents"] = LEVELS, currents
    smu.write(":SOUR1:VOLT:MODE SWE;STAR 0;STOP 0.2;POIN 5;:TRIG1:COUN 5;:INIT (@1)")
    found["complete"] = smu.ask("*OPC?")
    found["buffer_voltages"] = [float(field) for field in smu.ask(":FETC:ARR:SOUR? (@1)").split(",")]
    found["buffer_currents"] = [float(field) for field in smu.ask(":FETC:ARR:CURR? (@1)").split(",")]
    found["in_compliance_before"] = int(smu.ask(":SENS1:CURR:PROT:TRIP?"))
    one.current_limit(1e-4)
    one.source_voltage(0.2)
    found["low_limit"], found["low_limit_current"] = one.current_limit(), one.current()
    found["in_compliance"] = int(smu.ask(":SENS1:CURR:PROT:TRIP?"))
    two.source_mode("current")
    two.voltage_limit(1.5)
    two.source_current(1e-6)
    two.enable(True)
    found["open_voltage"] = two.voltage()
    found["errors"] = int(smu.ask(":SYST:ERR:COUN?"))
    one.source_voltage(500)
    found["refusal"], found["no_error"] = smu.ask(":SYST:ERR?"), smu.ask(":SYST:ERR?")
    snapshot = smu.snapshot(update=True)
    found["snapshot_limit"] = snapshot["submodules"]["ch1"]["parameters"]["current_limit"]["value"]
    one.enable(False)
    two.enable(False)
    found["output_at_end"] = [one.enable(), two.enable()]
    smu.close()
    print(json.dumps(found))


if __name__ == "__main__":
    main()
