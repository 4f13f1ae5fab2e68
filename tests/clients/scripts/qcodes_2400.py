"""QCoDeS' Keithley_2400 against the instrument at the resource that is the first argument; prints one JSON object.

Runs in an environment with QCoDeS and pyvisa-py, and knows nothing of labctl. The driver has no sweeps of its own: its
users step the level, and take what the instrument can do besides through `ask`.
"""

from __future__ import annotations

import json
import sys

from qcodes.instrument_drivers.Keithley import Keithley2400

LEVELS = [0.0, 0.05, 0.1, 0.15, 0.2]


def main() -> None:
    """Source, limit, measure, step, sweep into the buffer."""
    smu = Keithley2400("smu", sys.argv[1], visalib="@py")
    found: dict[str, object] = {"identity": smu.get_idn()}
    smu.reset()
    smu.write(":FORM:ELEM VOLT,CURR")
    smu.mode("VOLT")
    smu.rangev(2)
    smu.compliancei(0.01)
    found["limit"], found["mode"], found["sense"] = smu.compliancei(), smu.mode(), smu.sense()
    smu.nplci(0.1)
    smu.nplcv(0.1)
    found["nplc"] = [smu.nplci(), smu.nplcv()]
    smu.volt(0.2)
    smu.output("on")
    found["output"] = smu.output()
    smu.write(":SENS:CURR:RANG 0.01")
    found["current"] = smu.curr()
    smu.sense("VOLT")
    found["voltage"], found["resistance"] = smu.volt(), smu.resistance()
    smu.sense("CURR")
    found["in_compliance_before"] = int(smu.ask(":SENS:CURR:PROT:TRIP?"))
    voltages, currents = [], []
    for level in LEVELS:
        smu.volt(level)
        currents.append(smu.curr())
        voltages.append(level)
    found["sweep_voltages"], found["sweep_currents"] = voltages, currents
    _buffered(smu, found)
    smu.volt(0.2)
    smu.compliancei(1e-4)
    found["low_limit"], found["low_limit_current"] = smu.compliancei(), smu.curr()
    found["in_compliance"] = int(smu.ask(":SENS:CURR:PROT:TRIP?"))
    smu.output("off")
    found["output_at_end"] = smu.output()
    found["errors"] = int(smu.ask(":SYST:ERR:COUN?"))
    found["snapshot_limit"] = smu.snapshot(update=False)["parameters"]["compliancei"]["value"]
    smu.close()
    json.dump(found, sys.stdout)


def _buffered(smu: Keithley2400, found: dict[str, object]) -> None:
    """Sweep a list into the buffer and read it."""
    levels = ",".join(map(str, LEVELS))
    smu.write(f":SOUR:VOLT:MODE LIST;:SOUR:LIST:VOLT {levels};:TRIG:COUN {len(LEVELS)}")
    smu.write(f":TRAC:CLE;:TRAC:POIN {len(LEVELS)};:TRAC:FEED SENS;:TRAC:FEED:CONT NEXT;:INIT")
    found["done"], found["stored"] = smu.ask("*OPC?"), int(smu.ask(":TRAC:POIN:ACT?"))
    flat = [float(field) for field in smu.ask(":TRAC:DATA?").split(",")]
    found["buffer_voltages"], found["buffer_currents"] = LEVELS, flat[1::2]
    smu.write(":SOUR:VOLT:MODE FIX;:TRIG:COUN 1")


if __name__ == "__main__":
    main()
