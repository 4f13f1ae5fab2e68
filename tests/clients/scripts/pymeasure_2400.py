"""PyMeasure's Keithley2400 against the instrument at the resource that is the first argument; prints one JSON object.

Runs in an environment with PyMeasure and pyvisa-py, and knows nothing of labctl.
"""

from __future__ import annotations

import json
import sys

from pymeasure.instruments.keithley import Keithley2400

POINTS = 11
IN_COMPLIANCE = 1 << 3
"""Bit of the status word: the output is held back by its limit."""


def main() -> None:
    """Source, limit, measure, sweep into the buffer, and do what the package's users do besides."""
    smu = Keithley2400(sys.argv[1], visa_library="@py", read_termination="\n", write_termination="\n", timeout=20_000)
    found: dict[str, object] = {"identity": smu.id}
    smu.reset()
    smu.reset_data_format()
    smu.apply_voltage(voltage_range=2, compliance_current=0.01)
    found["limit"] = smu.compliance_current
    smu.measure_current(nplc=0.1, current=0.01)
    smu.source_voltage = 0.2
    smu.enable_source()
    found["output"] = smu.source_enabled
    together = smu.measure_all()
    found["current"], found["voltage"] = together["current"], together["voltage"]
    found["in_compliance_before"] = int(smu.ask(":SENS:CURR:PROT:TRIP?"))
    # The package reads one current with MEAS:CURR?, which puts the limit back to its default on the real instrument.
    found["current_at_default_limit"] = smu.current
    found["limit_after_measuring"] = smu.compliance_current
    smu.compliance_current = 0.01
    smu.ramp_to_voltage(0.05, steps=4, pause=0.0)
    found["ramped"] = smu.source_voltage
    _sweep(smu, found)
    smu.reset_trigger()
    smu.disable_buffer()
    smu.write(":SOUR:VOLT:MODE FIX;:TRIG:COUN 1")
    smu.source_voltage = 0.2
    smu.compliance_current = 1e-4
    found["low_limit"] = smu.compliance_current
    limited = smu.measure_all()
    found["low_limit_current"] = limited["current"]
    found["in_compliance"] = smu.ask(":SENS:CURR:PROT:TRIP?").strip() == "1" and int(limited["status"]) & IN_COMPLIANCE
    found["wires"] = smu.wires
    smu.display_enabled = True
    smu.beep(1000, 0.1)
    found["errors"] = [list(error) for error in smu.check_errors() or []]
    smu.shutdown()
    found["output_at_end"] = smu.source_enabled
    json.dump(found, sys.stdout)


def _sweep(smu: Keithley2400, found: dict[str, object]) -> None:
    """Sweep, once in one answer and once into the buffer."""
    smu.write(f":SOUR:VOLT:START 0;STOP 0.2;:SOUR:SWE:POIN {POINTS};:SOUR:VOLT:MODE SWE")
    smu.write(":SENS:FUNC:CONC ON;:SENS:FUNC 'VOLT','CURR'")
    smu.set_trigger_counts(1, POINTS)
    flat = smu.values(":READ?")
    found["sweep_voltages"], found["sweep_currents"] = flat[0::5], flat[1::5]
    smu.config_buffer(POINTS)
    smu.start_buffer()
    smu.wait_for_buffer(timeout=20)
    rows = smu.buffer_data.reshape(-1, 5)
    found["buffer_voltages"], found["buffer_currents"] = rows[:, 0].tolist(), rows[:, 1].tolist()
    found["mean_current"], found["highest_current"] = smu.mean_current, smu.max_current


if __name__ == "__main__":
    main()
