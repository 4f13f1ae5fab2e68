"""QCoDeS' Keithley 2636B against the instrument at the resource that is the first argument; prints one JSON object.

Runs in an environment with QCoDeS and pyvisa-py, and knows nothing of labctl.
"""
# pyright: basic, reportMissingImports=false, reportAttributeAccessIssue=false

from __future__ import annotations

import json
import sys

import numpy as np
from qcodes.dataset import LinSweep
from qcodes.instrument_drivers.Keithley import Keithley2636B

POINTS = 11


def main() -> None:
    """Source, limit, measure, sweep with a script, take a time trace, read the error queue."""
    smu = Keithley2636B("smu", sys.argv[1], visalib="@py")
    smu.reset()
    a, b = smu.smua, smu.smub
    found: dict[str, object] = {"identity": smu.get_idn(), "default_limit": a.limiti()}
    a.mode("voltage")
    a.nplc(0.1)
    a.limiti(0.01)
    found["limit"] = a.limiti()
    a.sourcerange_v(2)
    a.measurerange_i(0.1)
    found["ranges"] = [a.sourcerange_v(), a.measurerange_i(), a.source_autorange_v_enabled()]
    a.measure_autorange_i_enabled(True)
    a.four_wire_measurement(True)
    found["four_wire"] = a.four_wire_measurement()
    a.four_wire_measurement(False)
    a.volt(0.2)
    a.output("on")
    found["output"] = a.output()
    found["current"], found["status"] = a.curr(), str(a.curr.measurement_status)
    found["in_compliance_before"] = a.curr.measurement_status != a.curr.measurement_status.NORMAL
    found["voltage"], found["resistance"] = a.volt(), a.res()
    a.setup_fastsweep(LinSweep(a.volt, 0.0, 0.2, POINTS))
    found["sweep_voltages"], found["sweep_currents"] = np.linspace(0.0, 0.2, POINTS).tolist(), a.fastsweep().tolist()
    a.setup_fastsweep(LinSweep(b.volt, 0.0, 0.1, 2), LinSweep(a.volt, 0.0, 0.2, 5), measure_inner_channel=False)
    found["sweep_2d"] = b.fastsweep().tolist()
    a.volt(0.1)
    a.timetrace_npts(20)
    a.timetrace_dt(5e-3)
    found["trace"] = a.timetrace().tolist()
    smu.write("format.data = format.ASCII")
    a.volt(0.2)
    a.limiti(1e-4)
    found["low_limit"], found["low_limit_current"] = a.limiti(), a.curr()
    found["in_compliance"] = a.curr.measurement_status == a.curr.measurement_status.CURRENT_COMPLIANCE_ERROR
    smu.display_settext("hello")
    smu.display_clear()
    smu.display_normal()
    smu.exit_key()
    a.volt(0.0)
    a.output("off")
    b.output("off")
    found["output_at_end"] = a.output()
    found["errors"] = float(smu.ask("errorqueue.count"))
    snapshot = smu.snapshot(update=True)
    found["snapshot_limit"] = snapshot["submodules"]["smua"]["parameters"]["limiti"]["value"]
    smu.close()
    print(json.dumps(found))


if __name__ == "__main__":
    main()
