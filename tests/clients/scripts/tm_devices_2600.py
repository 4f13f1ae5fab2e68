"""Tektronix' own tm_devices against the instrument at the resource that is the first argument; prints one JSON object.

Runs in an environment with tm_devices and pyvisa-py, and knows nothing of labctl. The package reads constants as names,
sends the instrument's commands from Python attributes, and loads scripts itself.
"""
# pyright: basic, reportMissingImports=false, reportAttributeAccessIssue=false

from __future__ import annotations

import json
import sys
import tempfile
import warnings
from pathlib import Path

from tm_devices import DeviceManager

POINTS = 11
SCRIPT = """
function sweep(smu, start, stop, points)
  smu.nvbuffer1.clear()
  smu.nvbuffer1.appendmode = 1
  smu.nvbuffer1.collectsourcevalues = 1
  for place = 0, points - 1 do
    smu.source.levelv = start + (stop - start) * place / (points - 1)
    smu.measure.i(smu.nvbuffer1)
  end
end
"""


def main() -> None:
    """Source, limit, measure, sweep by a script and by the trigger model, read buffers and the error queue."""
    host, port = sys.argv[1].split("::")[1:3]
    # Raw sockets have no status byte, of which the package warns.
    warnings.simplefilter("ignore")
    with DeviceManager(verbose=False) as manager:
        manager.visa_library = "@py"
        manager.setup_cleanup_enabled = manager.teardown_cleanup_enabled = False
        smu = manager.add_smu(host, connection_type="SOCKET", port=int(port))
        found = _use(smu)
    print(json.dumps(found))


def _use(smu) -> dict[str, object]:
    commands, a = smu.commands, smu.commands.smu["a"]
    found: dict[str, object] = {"identity": smu.idn_string, "channels": list(smu.all_channel_names_list)}
    commands.reset()
    commands.errorqueue.clear()
    found["default_limit"] = float(a.source.limiti)
    a.source.func = a.OUTPUT_DCVOLTS
    a.source.rangev = 2
    a.source.limiti = 0.01
    found["limit"] = float(a.source.limiti)
    a.measure.nplc = 0.1
    a.source.levelv = 0.2
    a.source.output = a.OUTPUT_ON
    found["output"] = float(a.source.output)
    found["current"], found["voltage"] = float(a.measure.i()), float(a.measure.v())
    found["in_compliance_before"] = a.source.compliance.strip() == "true"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "sweep.tsp")
        path.write_text(SCRIPT, encoding="utf-8")
        smu.load_script("sweeping", file_path=str(path), run_script=True)
    smu.write(f"sweep(smua, 0, 0.2, {POINTS})")
    columns = smu.get_buffers("smua.nvbuffer1.sourcevalues", "smua.nvbuffer1.readings")
    found["buffer_voltages"], found["buffer_currents"] = (list(map(float, column)) for column in columns.values())
    _sweep(smu, found)
    a.source.levelv = 0.2
    a.source.limiti = 1e-4
    found["low_limit"], found["low_limit_current"] = float(a.source.limiti), float(a.measure.i())
    found["in_compliance"] = a.source.compliance.strip() == "true"
    a.source.levelv = 0
    a.source.output = a.OUTPUT_OFF
    found["output_at_end"] = float(a.source.output)
    found["errors"] = float(commands.errorqueue.count)
    return found


def _sweep(smu, found: dict[str, object]) -> None:
    """Run a linear sweep of the trigger model, as the package's examples do."""
    a = smu.commands.smu["a"]
    for name in ("smua.nvbuffer1", "smua.nvbuffer2"):
        smu.commands.buffer_var[name].clear()
        smu.commands.buffer_var[name].collecttimestamps = 1
    a.trigger.source.linearv(0, 0.2, POINTS)
    a.trigger.source.limiti = 0.01
    a.trigger.source.action = a.ENABLE
    a.trigger.measure.action = a.ENABLE
    a.trigger.measure.iv("smua.nvbuffer1", "smua.nvbuffer2")
    a.trigger.endpulse.action = a.SOURCE_HOLD
    a.trigger.endsweep.action = a.SOURCE_IDLE
    a.trigger.count = POINTS
    a.trigger.initiate()
    smu.query("waitcomplete() print(1)")
    columns = smu.get_buffers("smua.nvbuffer2", "smua.nvbuffer1")
    found["sweep_voltages"], found["sweep_currents"] = (list(map(float, column)) for column in columns.values())


if __name__ == "__main__":
    main()
