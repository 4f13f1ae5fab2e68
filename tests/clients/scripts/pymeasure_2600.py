"""PyMeasure's Keithley2600 against the instrument at the resource that is the first argument; prints one JSON object.

Runs in an environment with PyMeasure and pyvisa-py, and knows nothing of labctl. The package has no methods for sweeps
and buffers; its users send the instrument's own commands.
"""
# pyright: basic, reportMissingImports=false, reportAttributeAccessIssue=false

from __future__ import annotations

import json
import sys

import numpy as np
from pymeasure.adapters import VISAAdapter
from pymeasure.instruments.keithley import Keithley2600

POINTS = 11


def main() -> None:
    """Source, limit, measure, sweep, read the buffer and the error queue."""
    ends = {"read_termination": "\n", "write_termination": "\n"}
    adapter = VISAAdapter(sys.argv[1], visa_library="@py", timeout=20_000, **ends)
    smu = Keithley2600(adapter)
    found: dict[str, object] = {"identity": smu.id}
    smu.reset()
    smu.clear()
    a = smu.ChA
    found["default_limit"] = a.compliance_current
    a.apply_voltage(voltage_range=2, compliance_current=0.01)
    found["limit"], found["mode"], found["range"] = a.compliance_current, a.source_mode, a.source_voltage_range
    a.source_voltage = 0.2
    a.source_output = "ON"
    found["output"] = a.source_output
    a.measure_current(nplc=0.1)
    # The property `measure_nplc` of 0.16 takes no number but its two bounds.
    found["nplc"] = a.ask("measure.nplc")
    found["current"], found["voltage"], found["resistance"] = a.current, a.voltage, a.resistance
    found["in_compliance_before"] = smu.ask("print(smua.source.compliance)").strip() == "true"
    a.wires_mode = "4"
    found["wires"] = a.wires_mode
    a.wires_mode = "2"
    levels = np.linspace(0.0, 0.2, POINTS).tolist()
    currents: list[float] = []
    for level in levels:
        a.source_voltage = level
        currents.append(a.current)
    found["sweep_voltages"], found["sweep_currents"] = levels, currents
    _sweep_into_a_buffer(smu, adapter, found)
    a.source_voltage = 0.2
    a.compliance_current = 1e-4
    found["low_limit"], found["low_limit_current"] = a.compliance_current, a.current
    found["in_compliance"] = smu.ask("print(smua.source.compliance)").strip() == "true"
    a.ramp_to_voltage(0.0, steps=3, pause=0.0)
    a.shutdown()
    found["output_at_end"] = a.source_output
    found["errors"] = float(smu.ask("print(errorqueue.count)"))
    a.write("source.limiti = 9")  # the instrument refuses it
    found["refusal"], found["no_error"] = list(smu.next_error), list(smu.next_error)
    json.dump(found, sys.stdout)


def _sweep_into_a_buffer(smu: Keithley2600, adapter: VISAAdapter, found: dict[str, object]) -> None:
    """Run the instrument's own sweep; read its buffer as text and as a block of single precision."""
    a = smu.ChA
    a.write("nvbuffer1.clear()")
    a.write("nvbuffer1.appendmode = 1")
    a.write("nvbuffer1.collectsourcevalues = 1")
    for level in np.linspace(0.0, 0.2, POINTS):
        a.source_voltage = level
        a.write("measure.i(smua.nvbuffer1)")
    found["buffer_count"] = count = int(a.ask("nvbuffer1.n"))
    text = smu.ask(f"printbuffer(1, {count}, smua.nvbuffer1.sourcevalues, smua.nvbuffer1.readings)")
    flat = [float(number) for number in text.split(",")]
    found["buffer_voltages"], found["buffer_currents"] = flat[0::2], flat[1::2]
    smu.write("format.data = format.REAL32 format.byteorder = format.LITTLEENDIAN")
    smu.write(f"printbuffer(1, {count}, smua.nvbuffer1.readings)")
    block = adapter.read_bytes(2 + 4 * count + 1)
    smu.write("format.data = format.ASCII")
    found["block"] = np.frombuffer(block[2:-1], "<f4").astype(float).tolist()


if __name__ == "__main__":
    main()
