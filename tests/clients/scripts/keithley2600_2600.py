"""The package keithley2600 against the instrument at the resource that is the first argument; prints one JSON object.

Runs in an environment with keithley2600 and pyvisa-py, and knows nothing of labctl. The package reads the command tree
from the instrument itself, through its metatables. Its sweeps wait for a sweep to begin before they wait for its end
(issue 30 of the package), so they must last longer than one question takes, on an instrument
whose time is real.
"""
# pyright: basic, reportMissingImports=false, reportAttributeAccessIssue=false

from __future__ import annotations

import json
import sys

import numpy as np
from keithley2600 import Keithley2600
from keithley2600.keithley_driver import KeithleyError

POINTS = 6
SWEEP = 0.3
"""s that a sweep lasts at least."""


def main() -> None:
    """Source, limit, measure, run the package's sweeps, read buffers and the error queue."""
    k = Keithley2600(sys.argv[1], visa_library="@py", write_termination="\n", timeout=20_000)
    k.errorqueue.clear()
    k.reset()
    a, b = k.smua, k.smub
    found: dict[str, object] = {"identity": f"{k.localnode.model}, {k.localnode.serialno}, {k.localnode.revision}"}
    found["tree"] = [len(dir(part)) for part in (a, a.source, a.measure, a.trigger, k.status.operation.sweeping)]
    found["default_limit"] = a.source.limiti
    a.source.limiti = b.source.limiti = 0.01
    found["limit"] = a.source.limiti
    k.set_integration_time(a, 0.002)
    found["nplc"] = a.measure.nplc
    k.apply_voltage(a, 0.2)
    found["output"] = a.source.output
    found["current"], found["voltage"] = k.measure_current(a), k.measure_voltage(a)
    found["pair"] = list(a.measure.iv())
    found["in_compliance_before"] = a.source.compliance
    _read_buffers(k, found)
    k.ramp_to_voltage(a, 0.0, delay=0.0, step_size=0.1)
    _sweep(k, found)
    _curves(k, found)
    k.apply_voltage(a, 0.2)
    a.source.limiti = 1e-4
    found["low_limit"], found["low_limit_current"] = a.source.limiti, k.measure_current(a)
    found["in_compliance"] = a.source.compliance
    a.source.levelv = 0
    a.source.output = a.OUTPUT_OFF
    found["output_at_end"] = a.source.output
    found["errors"] = k.read_error_queue()
    k.raise_keithley_errors = True
    try:
        a.source.limiti = 9
    except KeithleyError as error:
        found["refusal"] = str(error)
    k.play_chord(durations=0.01)
    k.disconnect()
    print(json.dumps(found))


def _read_buffers(k: Keithley2600, found: dict[str, object]) -> None:
    a = k.smua
    a.nvbuffer1.clear()
    a.nvbuffer2.clear()
    a.nvbuffer1.appendmode = a.nvbuffer2.appendmode = 1
    for level in np.linspace(0.2, 0.0, POINTS):
        a.source.levelv = level
        a.measure.iv(a.nvbuffer1, a.nvbuffer2)
    found["buffer_currents"], found["buffer_voltages"] = k.read_buffer(a.nvbuffer1), k.read_buffer(a.nvbuffer2)
    found["by_place"] = [a.nvbuffer1.readings[1], a.nvbuffer1[1]]
    a.nvbuffer1.appendmode = a.nvbuffer2.appendmode = 0


def _sweep(k: Keithley2600, found: dict[str, object]) -> None:
    a, levels = k.smua, np.linspace(0.0, 0.2, POINTS).tolist()
    voltages, currents = k.voltage_sweep_single_smu(a, levels, t_int=SWEEP / 2 / POINTS, delay=-1, pulsed=False)
    found["sweep_voltages"], found["sweep_currents"] = voltages, currents
    # More levels than fit into one line: the package sends them to a table of the instrument.
    voltages, currents = k.voltage_sweep_single_smu(
        a, np.linspace(0.0, 0.2, 60), t_int=SWEEP / 2 / 60, delay=0, pulsed=False
    )
    found["long_sweep"] = [len(voltages), len(currents), voltages[-1], currents[-1]]
    a.source.levelv = 0
    a.source.rangev = 2  # pulses need a fixed range
    found["pulsed_sweep"] = k.voltage_sweep_single_smu(a, levels, t_int=SWEEP / 2 / POINTS, delay=0, pulsed=True)


def _curves(k: Keithley2600, found: dict[str, object]) -> None:
    """Take the curves of a transistor whose gate is not connected; each resets the instrument at its end."""
    a, b, time = k.smua, k.smub, SWEEP / 2 / 6
    curve = k.transfer_measurement(
        b, a, vg_start=0.0, vg_stop=0.2, vg_step=0.1, vd_list=[0.2], t_int=time, delay=0.0, pulsed=False
    )
    found["transfer"] = {"titles": curve.column_names, "rows": np.asarray(curve.data).tolist()}
    found["limit_after_reset"] = a.source.limiti
    a.source.limiti = b.source.limiti = 0.01
    curve = k.output_measurement(
        b, a, vd_start=0.0, vd_stop=0.2, vd_step=0.1, vg_list=[0.1], t_int=time, delay=0.0, pulsed=False
    )
    found["output_curve"] = {"titles": curve.column_names, "rows": np.asarray(curve.data).tolist()}


if __name__ == "__main__":
    main()
