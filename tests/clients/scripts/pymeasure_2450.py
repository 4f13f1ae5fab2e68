"""PyMeasure's Keithley2450 against the instrument at the resource that is the first argument; prints one JSON object.

Runs in an environment with PyMeasure and pyvisa-py, and knows nothing of labctl. The package's buffer methods are those
of the 2400 and do not work on a 2450 (pymeasure issue 1200), so its users take the 2450's own commands.
"""

from __future__ import annotations

import json
import sys

from pymeasure.instruments.keithley import Keithley2450

POINTS = 11


def main() -> None:
    """Source, limit, measure, sweep, read the buffer and its statistics."""
    smu = Keithley2450(sys.argv[1], visa_library="@py", read_termination="\n", write_termination="\n", timeout=20_000)
    found: dict[str, object] = {"identity": smu.id}
    smu.reset()
    smu.apply_voltage(voltage_range=2, compliance_current=0.01)
    found["limit"] = smu.compliance_current
    smu.measure_current(nplc=0.1, current=0.01, auto_range=False)
    found["nplc"], found["range"] = smu.current_nplc, smu.current_range
    smu.source_voltage = 0.2
    smu.enable_source()
    found["output"] = smu.source_enabled
    found["current"] = smu.current
    found["in_compliance_before"] = int(smu.ask(":SOUR:VOLT:ILIM:TRIP?"))
    smu.measure_resistance(nplc=0.1)
    found["resistance"] = smu.resistance
    smu.measure_voltage(nplc=0.1, voltage=2, auto_range=False)
    found["voltage"] = smu.voltage
    smu.measure_current(nplc=0.1, current=0.01)
    smu.ramp_to_voltage(0.05, steps=4, pause=0.0)
    found["ramped"] = smu.source_voltage
    smu.current_filter_type, smu.current_filter_count, smu.current_filter_state = "REP", 2, "ON"
    found["filter"] = [smu.current_filter_type, smu.current_filter_count, smu.current_filter_state]
    smu.current_filter_state = "OFF"
    smu.voltage_output_off_state = "ZERO"
    found["off_state"] = smu.voltage_output_off_state
    _sweep(smu, found)
    smu.source_voltage = 0.2
    smu.compliance_current = 1e-4
    smu.enable_source()  # a sweep of this model ends with the output off
    found["low_limit"], found["low_limit_current"] = smu.compliance_current, smu.current
    found["in_compliance"] = int(smu.ask(":SOUR:VOLT:ILIM:TRIP?"))
    found["wires"] = smu.wires
    smu.beep(1000, 0.1)
    found["errors"] = [list(error) for error in smu.check_errors() or []]
    smu.disable_source()
    found["output_at_end"] = smu.source_enabled
    json.dump(found, sys.stdout)


def _sweep(smu: Keithley2450, found: dict[str, object]) -> None:
    """Sweep into the default buffer; read it and what it makes of its readings."""
    smu.write(":TRAC:CLE")
    smu.write(f":SOUR:SWE:VOLT:LIN 0,0.2,{POINTS},1e-3,1,AUTO,OFF")
    smu.write(":INIT;*WAI")
    flat = smu.values(f":TRAC:DATA? 1,{POINTS},'defbuffer1',SOUR,READ")
    found["sweep_voltages"], found["sweep_currents"] = flat[0::2], flat[1::2]
    found["buffer_voltages"] = flat[0::2]
    found["buffer_currents"] = smu.values(f":TRAC:DATA? 1,{POINTS}")
    found["statistics"] = [smu.means, smu.maximums, smu.minimums, smu.standard_devs]
    found["points"] = smu.buffer_points


if __name__ == "__main__":
    main()
