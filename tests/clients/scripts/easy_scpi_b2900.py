"""The package easy-scpi against the instrument at the resource that is the first argument; prints one JSON object.

Runs in an environment with easy-scpi and pyvisa-py, and knows nothing of labctl. The package makes a header of every
attribute's name, so all headers come in capitals and without a leading colon.
"""

from __future__ import annotations

import json
import sys

import easy_scpi

LEVELS = [0.0, 0.05, 0.1, 0.15, 0.2]


def numbers(reply: str) -> list[float]:
    """Return the fields of a reply."""
    return [float(field) for field in reply.split(",")]


def main() -> None:
    """Source, limit, measure, sweep, read the buffer and the error queue."""
    smu = easy_scpi.Instrument(
        sys.argv[1], port_match=False, backend="@py", read_termination="\n", write_termination="\n", timeout=20_000
    )
    smu.rid = sys.argv[1]
    smu.connect()
    smu.reset()
    found: dict[str, object] = {"identity": smu.id}
    smu.source1.function.mode("VOLTAGE")
    smu.sense1.current.protection(0.01)
    found["limit"] = float(smu.sense1.current.protection())
    smu.source1.voltage.level.immediate.amplitude(0.2)
    smu.output1.state("ON")
    found["output"] = smu.output1.state()
    found["current"] = float(smu.measure.current.dc("(@1)", query=True))
    found["voltage"] = float(smu.measure.voltage("(@1)", query=True))
    smu.source1.list.voltage(*LEVELS)
    smu.source1.voltage.mode("LIST")
    smu.trigger1.all.count(len(LEVELS))
    smu.trace1.points(len(LEVELS))
    smu.trace1.feed.control("NEXT")
    smu.format.elements.sense("VOLT", "CURR")
    smu.initiate.immediate.all("(@1)", query=False)
    rows = numbers(smu.fetch.array("(@1)", query=True))
    found["sweep_voltages"], found["sweep_currents"] = rows[0::2], rows[1::2]
    rows = numbers(smu.trace1.data())
    found["buffer_voltages"], found["buffer_currents"] = rows[0::2], rows[1::2]
    found["in_compliance_before"] = int(smu.sense1.current.protection.tripped())
    smu.source1.voltage.mode("FIXED")
    smu.sense1.current.protection(1e-4)
    smu.source1.voltage(0.2)
    found["low_limit"] = float(smu.sense1.current.protection())
    found["low_limit_current"] = numbers(smu.measure("(@1)", query=True))[1]
    found["in_compliance"] = int(smu.sense1.current.protection.tripped())
    smu.output1("OFF")
    found["errors"] = int(smu.system.error.count())
    smu.source1.voltage(500)
    found["refusal"] = smu.system.error()
    smu.disconnect()
    print(json.dumps(found))


if __name__ == "__main__":
    main()
