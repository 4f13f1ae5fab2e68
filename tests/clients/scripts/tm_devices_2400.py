"""Tektronix' tm_devices against the 2400 at the resource that is the first argument; prints one JSON object.

Runs in an environment with tm_devices and pyvisa-py, and knows nothing of labctl. The package identifies the instrument
and checks its error queue after what it sends; the commands themselves are the user's.
"""

from __future__ import annotations

import json
import sys

from tm_devices import DeviceManager
from tm_devices.helpers import PYVISA_PY_BACKEND

POINTS = 11


def main() -> None:
    """Source, limit, measure, sweep in one answer, sweep into the buffer."""
    with DeviceManager(verbose=False) as manager:
        manager.visa_library = PYVISA_PY_BACKEND
        _, host, port, _ = sys.argv[1].split("::")
        smu = manager.add_smu(host, connection_type="SOCKET", port=int(port))
        found: dict[str, object] = {"identity": f"{smu.manufacturer},{smu.model},{smu.serial}"}
        smu.ieee_cmds.rst()
        smu.set_and_check(":SENS:CURR:PROT", 0.01, tolerance=1e-9)
        found["limit"] = float(smu.query(":SENS:CURR:PROT?"))
        for line in (":SOUR:VOLT:RANG 2", ":SENS:CURR:RANG 0.01", ":FORM:ELEM VOLT,CURR", ":SOUR:VOLT 0.2", ":OUTP ON"):
            smu.write(line)
        smu.write(":SENS:FUNC 'VOLT','CURR'")
        found["voltage"], found["current"] = map(float, smu.query(":READ?").split(","))
        found["in_compliance_before"] = int(smu.query(":SENS:CURR:PROT:TRIP?"))
        smu.write(f":SOUR:VOLT:STAR 0;STOP 0.2;:SOUR:SWE:POIN {POINTS};:SOUR:VOLT:MODE SWE;:TRIG:COUN {POINTS}")
        flat = [float(field) for field in smu.query(":READ?").split(",")]
        found["sweep_voltages"], found["sweep_currents"] = flat[0::2], flat[1::2]
        smu.write(f":TRAC:POIN {POINTS};:TRAC:FEED SENS;:TRAC:FEED:CONT NEXT;:INIT")
        found["done"] = smu.ieee_cmds.opc()
        flat = [float(field) for field in smu.query(":TRAC:DATA?").split(",")]
        found["buffer_voltages"], found["buffer_currents"] = flat[0::2], flat[1::2]
        smu.write(":SOUR:VOLT:MODE FIX;:TRIG:COUN 1;:SENS:CURR:RANG:AUTO ON;:SENS:CURR:PROT 1E-4")
        found["low_limit"] = float(smu.query(":SENS:CURR:PROT?"))
        found["low_limit_current"] = float(smu.query(":READ?").split(",")[1])
        found["in_compliance"] = int(smu.query(":SENS:CURR:PROT:TRIP?"))
        smu.write(":OUTP OFF")
        found["errors"] = int(smu.query(":SYST:ERR:COUN?"))
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    if sys.argv[1].startswith("ASRL"):
        sys.stdout.write(json.dumps({"skipped": "tm_devices numbers serial ports and takes no device file"}))
    else:
        main()
