"""PyMeasure's AgilentB2985 against the instrument at the resource that is the first argument; prints one JSON object.

Runs in an environment with PyMeasure and pyvisa-py, and knows nothing of labctl. PyMeasure has no class for the B2900A;
the B2985 shares its source, its trigger system and its data, and this uses no more of it.
"""

from __future__ import annotations

import json
import sys

from pymeasure.adapters import VISAAdapter
from pymeasure.instruments.agilent import AgilentB2985

LEVELS = [0.0, 0.05, 0.1, 0.15, 0.2]


def trigger_settings(smu: AgilentB2985) -> dict[str, object]:
    """Set the trigger system through every property that the instruments share; return what it reads back."""
    smu.arm_all_count = smu.trigger_all_count = 1
    smu.arm_all_delay = smu.trigger_all_delay = 0
    smu.arm_all_source = smu.trigger_all_source = "AINT"
    smu.arm_all_timer = smu.trigger_all_timer = "MIN"
    smu.arm_acquisition_output_signal = "EXT3"
    smu.arm_acquisition_output_enabled = False
    smu.trigger_acquisition_bypass_once_enabled = False
    smu.trigger_transient_delay = 1e-3
    smu.trigger_acquisition_delay = 2e-3
    smu.trigger_acquisition_source = smu.trigger_transient_source = "TIM"
    smu.trigger_acquisition_timer = smu.trigger_transient_timer = 0.01
    smu.trigger_acquisition_count = smu.trigger_transient_count = len(LEVELS)
    return {
        "count": smu.trigger_acquisition_count,
        "delay": smu.trigger_transient_delay,
        "source": smu.trigger_acquisition_source,
        "timer": smu.trigger_transient_timer,
        "signal": smu.arm_acquisition_output_signal,
        "output": smu.arm_acquisition_output_enabled,
        "idle": [smu.trigger_acquisition_is_idle, smu.trigger_transient_is_idle],
    }


def main() -> None:
    """Source, limit, measure, sweep, read the buffer and the error queue."""
    adapter = VISAAdapter(
        sys.argv[1], visa_library="@py", read_termination="\n", write_termination="\n", timeout=20_000
    )
    smu = AgilentB2985(adapter)
    smu.reset()
    smu.clear()
    found: dict[str, object] = {"identity": smu.id, "interlock": smu.interlock_enabled}
    smu.write(":SENS:CURR:PROT 0.01")
    found["limit"] = smu.values(":SENS:CURR:PROT?")[0]
    smu.source_off_state = "NORM"
    found["off_state"] = smu.source_off_state
    smu.source_voltage = 0.2
    smu.source_enabled = True
    found["output"] = smu.source_enabled
    found["current"] = smu.current
    found["voltage"] = smu.measure[0]
    currents: list[float] = []
    for level in LEVELS:
        smu.source_voltage = level
        currents.append(smu.current)
    found["sweep_voltages"], found["sweep_currents"] = LEVELS, currents
    found["trigger"] = trigger_settings(smu)
    smu.write(":SOUR:VOLT:MODE LIST;:SOUR:LIST:VOLT " + ",".join(map(str, LEVELS)))
    smu.init()
    found["buffer_currents"] = smu.values(":FETC:ARR:CURR?")
    found["buffer_voltages"] = smu.values(":FETC:ARR:SOUR?")
    found["data_buffer_size"] = smu.data_buffer_size
    smu.write(":SENS:CURR:PROT 1E-4")
    smu.source_voltage = 0.2
    found["low_limit"], found["low_limit_current"] = smu.values(":SENS:CURR:PROT?")[0], smu.current
    smu.abort()
    smu.source_enabled = False
    found["output_at_end"] = smu.source_enabled
    found["errors"] = smu.check_errors()
    smu.write(":SOUR:VOLT 500")
    found["refusal"] = list(smu.next_error)
    smu.shutdown()
    print(json.dumps(found))


if __name__ == "__main__":
    main()
