"""easy-scpi against the 2400 at the resource that is the first argument; prints one JSON object.

Runs in an environment with easy-scpi and pyvisa-py, and knows nothing of labctl. The package turns attributes into
headers. On RS-232 it ends its messages with a carriage return and expects the same, as the 2400's menu offers.
"""

from __future__ import annotations

import json
import sys

import easy_scpi
import pyvisa

LEVELS = [0.0, 0.05, 0.1, 0.15, 0.2]


def main() -> None:
    """Source, limit, measure, step the level, sweep a list into the buffer."""
    end = "\r" if sys.argv[1].startswith("ASRL") else "\n"
    smu = easy_scpi.Instrument(
        sys.argv[1], port_match=False, backend="@py", read_termination=end, write_termination=end
    )
    smu.connect()
    if smu.resource is not None and isinstance(smu.resource, pyvisa.resources.SerialInstrument):
        smu.resource.end_input = pyvisa.constants.SerialTermination.termination_char
    found: dict[str, object] = {"identity": smu.id}
    smu.write("*RST")
    smu.source.function("VOLT")
    smu.sense.current.protection(0.01)
    found["limit"] = float(smu.sense.current.protection())
    smu.sense.current.range(0.01)
    smu.format.elements("CURR")
    smu.source.voltage.range(2)
    smu.source.voltage(0.2)
    smu.output("ON")
    found["current"] = float(smu.query(":READ?"))
    found["in_compliance_before"] = int(smu.query(":SENS:CURR:PROT:TRIP?"))
    currents = []
    for level in LEVELS:
        smu.source.voltage.level(level)
        currents.append(float(smu.query(":READ?")))
    found["sweep_voltages"], found["sweep_currents"] = LEVELS, currents
    smu.source.list.voltage(*LEVELS)
    smu.source.voltage.mode("LIST")
    smu.trigger.count(len(LEVELS))
    smu.trace.points(len(LEVELS))
    smu.trace.feed.control("NEXT")
    smu.write(":INIT")
    found["buffer_voltages"], found["buffer_currents"] = LEVELS, [float(x) for x in smu.trace.data().split(",")]
    smu.write(":SOUR:VOLT:MODE FIX;:TRIG:COUN 1;:SENS:CURR:RANG:AUTO ON;:SENS:CURR:PROT 1E-4")
    found["low_limit"], found["low_limit_current"] = float(smu.sense.current.protection()), float(smu.query(":READ?"))
    found["in_compliance"] = int(smu.query(":SENS:CURR:PROT:TRIP?"))
    smu.output("OFF")
    found["errors"] = int(smu.query(":SYST:ERR:COUN?"))
    smu.disconnect()
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main()
