"""The package keysight-echem against the instrument at the resource that is the first argument; prints one JSON object.

Runs in an environment with keysight-echem and pyvisa-py, and knows nothing of labctl. The package sets no termination
characters, which a raw socket needs: they are set on its connection. Its methods loop in wall time and report on
standard output, which goes to standard error here.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys

import pyvisa
from keysight_echem.b2901 import KeysightB2901, SafetyLimits

ResourceManager = pyvisa.ResourceManager


class Log:
    """Keeps what the package would write into its file."""

    def __init__(self) -> None:
        self.rows: list[list[float | str]] = []

    def log(self, m: object) -> None:
        """Keep one sample."""
        self.rows.append([m.voltage, m.current, m.status])


class OverSockets:
    """A resource manager that opens resources as a raw socket needs them."""

    def open_resource(self, address: str) -> object:
        """Open a resource with its termination characters."""
        return ResourceManager("@py").open_resource(address, read_termination="\n", write_termination="\n")

    def close(self) -> None:
        """Close nothing: the resource is closed by its owner."""


def run() -> dict[str, object]:
    """Hold voltages and currents, sweep by software, cycle, and read the error queue."""
    pyvisa.ResourceManager = OverSockets
    smu = KeysightB2901(
        sys.argv[1], four_wire=False, safety=SafetyLimits(max_voltage=1.0, min_voltage=-1.0), visa_timeout_ms=20_000
    )
    found: dict[str, object] = {}
    with smu:
        found["identity"] = smu._inst.query("*IDN?").strip()
        smu._inst.write("*RST")
        hold, sweep, current = Log(), Log(), Log()
        smu.constant_voltage(voltage=0.2, duration=0.3, sample_rate=10, current_compliance=0.01, logger=hold)
        found["limit"] = float(smu._inst.query(":SENS:CURR:PROT?"))
        found["voltage"], found["current"], _ = hold.rows[-1]
        smu.cyclic_voltammetry(0.0, 0.2, 0.0, scan_rate=1.0, current_compliance=0.01, logger=sweep)
        found["sweep_voltages"], found["sweep_currents"] = (
            [row[0] for row in sweep.rows],
            [row[1] for row in sweep.rows],
        )
        smu.constant_current(current=1e-4, duration=0.2, sample_rate=10, voltage_compliance=0.2, logger=current)
        found["sourced_current"] = current.rows
        found["output_at_end"] = smu._inst.query(":OUTP?").strip()
        found["errors"] = int(smu._inst.query(":SYST:ERR:COUN?"))
    return found


def main() -> None:
    """Print what the package saw."""
    with contextlib.redirect_stdout(sys.stderr):
        found = run()
    print(json.dumps(found))


if __name__ == "__main__":
    os.environ.setdefault("MPLBACKEND", "Agg")
    main()
