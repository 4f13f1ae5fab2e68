"""How long `labctl export` takes for a long run, and how much memory: `python benchmarks/export_speed.py [RECORDS]`.

A run of 10 columns (7 floats, a count, yes or no, a text) is written into a temporary folder, then exported in each
format by a process of its own. Prints seconds, the process' largest memory and the size of the file.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter

from labctl.store import RunWriter, make_run_folder, write_manifest
from labctl.units import Amperes, Seconds, Siemens, Volts

_EXPORT = """
import json, resource, sys
from labctl.cli import main
try:
    main(sys.argv[1:])
finally:
    print(json.dumps(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3), file=sys.stderr)
"""
_STEP = 1000


@dataclass(frozen=True, slots=True)
class Sample:
    """Ten columns."""

    cycle: int
    voltage: Volts
    current: Amperes
    conductance: Siemens
    estimate: Siemens
    sigma: Siemens
    target: Siemens
    time: Seconds
    settled: bool
    part: str


def write_run(data: Path, records: int) -> Path:
    """Write a run of so many records; return its folder."""
    folder = make_run_folder(data, "20260801T120000Z_long_00000000")
    write_manifest(folder, {"protocol": "long", "parameters": {}})
    with closing(RunWriter(folder, {"record": Sample}, power_safe=False)) as writer:
        writer.set_state(datetime.now(UTC), "running")
        for k in range(records):
            g = 1e-6 + (k * 7919 % 16519) * 357.15e-9
            writer.add(Sample(k, 0.2, 0.2 * g, g * 1.0001, g * 0.9999, g / 300, g, k * 1e-6, k % 3 == 0, "programming"))
            if k % _STEP == _STEP - 1:
                writer.end_step(k * 1e-6)
        writer.end_step(records * 1e-6)
        writer.set_state(datetime.now(UTC), "finished")
    return folder


def main() -> None:
    """Measure both formats."""
    records = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with tempfile.TemporaryDirectory() as place:
        folder = write_run(Path(place), records)
        size = (folder / "run.sqlite").stat().st_size
        print(f"{records:,} records, 10 columns, run.sqlite {size / 1e6:.0f} MB")
        for kind in ("netcdf", "csv"):
            arguments = ["export", str(folder), "--format", kind, "--json"]
            began = perf_counter()
            done = subprocess.run(
                [sys.executable, "-c", _EXPORT, *arguments], capture_output=True, text=True, check=True
            )
            seconds = perf_counter() - began
            file = Path(json.loads(done.stdout)["files"][0])
            memory, size = float(done.stderr), file.stat().st_size / 1e6
            print(f"{kind:7} {seconds:6.1f} s, {memory:5.0f} MB memory, file {size:.0f} MB")


if __name__ == "__main__":
    main()
