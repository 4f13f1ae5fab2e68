"""QCoDeS' Keithley_2450 against the instrument at the resource that is the first argument; prints one JSON object.

Runs in an environment with QCoDeS and pyvisa-py, and knows nothing of labctl.
"""

from __future__ import annotations

import json
import sys

from qcodes.instrument_drivers.Keithley import Keithley2450

POINTS = 11


def main() -> None:
    """Source, limit, measure, sweep, read a buffer with all its elements."""
    smu = Keithley2450("smu", sys.argv[1], visalib="@py")
    found: dict[str, object] = {"identity": smu.get_idn()}
    smu.reset()
    smu.terminals("front")
    smu.source_function("voltage")
    smu.sense_function("current")
    smu.source.range(2)
    smu.source.limit(0.01)
    found["limit"], found["terminals"] = smu.source.limit(), smu.terminals()
    smu.sense.nplc(0.1)
    smu.sense.range(0.01)
    smu.sense.four_wire_measurement(True)
    found["four_wire"] = smu.sense.four_wire_measurement()
    smu.sense.four_wire_measurement(False)
    found["line"], found["nplc"], found["range"] = smu.line_frequency(), smu.sense.nplc(), smu.sense.range()
    smu.source.block_during_ramp(True)
    smu.source.voltage(0.2)
    smu.output_enabled(True)
    found["current"], found["level"] = smu.sense.current(), smu.source.voltage()
    found["in_compliance_before"] = smu.source.limit_tripped()
    smu.sense.auto_range(True)
    smu.sense.auto_zero_once()
    smu.source.user_number(1)
    smu.source.user_delay(0.001)
    smu.sense.user_number(2)
    smu.sense.user_delay(0.002)
    found["delays"] = [smu.source.user_delay(), smu.sense.user_delay(), smu.source.delay(), smu.source.auto_delay()]
    _sweeps(smu, found)
    smu.source.voltage(0.2)
    smu.sense.auto_range(True)
    smu.source.limit(1e-4)
    smu.output_enabled(True)  # a sweep of this model ends with the output off
    found["low_limit"], found["low_limit_current"] = smu.source.limit(), smu.sense.current()
    found["in_compliance"] = smu.source.limit_tripped()
    smu.output_enabled(False)
    found["output_at_end"] = smu.output_enabled()
    found["errors"] = int(smu.ask(":SYST:ERR:COUN?"))
    smu.clear_event_register()
    smu.clear_event_log()
    smu.close()
    json.dump(found, sys.stdout)


def _sweeps(smu: Keithley2450, found: dict[str, object]) -> None:
    """Sweep into the default buffer, and into one that is made for it and has every element."""
    smu.sense.range(0.01)
    smu.source.sweep_setup(0, 0.2, POINTS, fail_abort="OFF")
    smu.sense.sweep.setpoints = (smu.source.sweep_axis,)
    found["sweep_voltages"] = smu.source.get_sweep_axis().tolist()
    found["sweep_currents"] = smu.sense.sweep().tolist()
    with smu.buffer("mine", 20) as buffer:
        buffer.elements(["source_value", "measurement", "measurement_formatted", "source_value_unit", "time", "date"])
        smu.source.sweep_setup(0, 0.2, POINTS, fail_abort="OFF", buffer_name="mine")
        smu.sense.sweep()
        rows = smu.sense.sweep.get_selected() or []
        found["buffer_voltages"] = [float(text) for text in rows[0::6]]
        found["buffer_currents"] = [float(text) for text in rows[1::6]]
        found["first_row"], found["size"] = rows[:6], buffer.size()
        buffer.trigger_start()
        found["last"] = buffer.get_last_reading()


if __name__ == "__main__":
    main()
