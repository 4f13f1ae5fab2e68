"""The other peer of `crossbar_solver.py`: ngspice on sinh cells, as a whole process."""

from __future__ import annotations

import resource
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

NGSPICE = shutil.which("ngspice")


@dataclass(frozen=True, slots=True)
class Answer:
    """What ngspice needed, and found.

    Args:
        seconds: CPU time.
        currents: out of the bottoms (A).
    """

    seconds: float
    currents: Array


def netlist(conductance: Array, voltages: Array, segment: float, scale: float) -> str:
    """Return rows driven left and columns read at the bottom, each through one segment; cells G scale sinh(V/scale)."""
    rows, columns = conductance.shape
    lines = ["* crossbar", ".options noacct gmin=1e-30 abstol=1e-13 reltol=1e-9 vntol=1e-11 itl1=500"]
    for r in range(rows):
        lines.append(f"VL{r} l{r} 0 {float(voltages[r])!r}")
        lines += [f"RW{r}_{c} {f'l{r}' if c == 0 else f'r{r}_{c - 1}'} r{r}_{c} {segment}" for c in range(columns)]
    for c in range(columns):
        lines.append(f"VB{c} b{c} 0 0")
        lines += [f"RB{r}_{c} c{r}_{c} {f'b{c}' if r == rows - 1 else f'c{r + 1}_{c}'} {segment}" for r in range(rows)]
    lines += [
        f"BC{r}_{c} r{r}_{c} c{r}_{c} I={float(g) * scale!r}*sinh(V(r{r}_{c},c{r}_{c})/{scale!r})"
        for (r, c), g in np.ndenumerate(conductance)
    ]
    return "\n".join([*lines, ".op", ".end", ""])


def solve(conductance: Array, voltages: Array, segment: float, scale: float) -> Answer:
    """Have ngspice solve one array of sinh cells."""
    if NGSPICE is None:
        raise FileNotFoundError("ngspice")
    with tempfile.TemporaryDirectory() as name:
        circuit, raw = Path(name) / "crossbar.cir", Path(name) / "crossbar.raw"
        circuit.write_text(netlist(conductance, voltages, segment, scale), "ascii")
        before = _children()
        subprocess.run([NGSPICE, "-b", "-r", str(raw), str(circuit)], capture_output=True, check=True)
        seconds = _children() - before
        header, data = raw.read_bytes().split(b"Binary:\n", 1)
    names = [line.split("\t")[2] for line in header.decode("ascii").split("Variables:\n", 1)[1].splitlines() if line]
    values = dict(zip(names, np.frombuffer(data, dtype="<f8").tolist(), strict=True))
    return Answer(seconds, np.array([values[f"i(vb{c})"] for c in range(conductance.shape[1])]))


def _children() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
