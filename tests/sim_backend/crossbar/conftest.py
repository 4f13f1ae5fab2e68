"""Two solvers that share nothing with the twin's: ngspice, and a plain sparse nodal analysis."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING, Protocol

import numpy as np
import pytest
from scipy.sparse import csc_matrix
from scipy.sparse.linalg import splu

from sim_backend.crossbar.network import Solution

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from sim_backend.crossbar.network import Network, Sources

    Array = NDArray[np.float64]

NGSPICE = shutil.which("ngspice")

OPTIONS = ".options noacct gmin=1e-30 abstol=1e-13 reltol=1e-9 vntol=1e-11 pivtol=1e-40 itl1=500"
"""Newton ends when an iteration moves nothing by more than 1e-9 of itself: converging quadratically, it is then right
to rounding. (Tighter limits are never met by cells between floating lines: their voltage is a difference of nearly
equal potentials.) No conductance is added to any node (gmin), and no pivot is too small."""


class Bend(Protocol):
    """What cells do beyond their conductance: I = G B sinh(V / B), less by the rectification for V < 0."""

    @property
    def bend_voltage(self) -> float:
        """B (V); inf: linear."""
        ...

    @property
    def rectification(self) -> float:
        """By how much a reversed cell conducts less."""
        ...


def cell_element(name: str, row: str, column: str, conductance: float, bend: Bend | None) -> str:
    """Return one cell as an element of a netlist."""
    if bend is None:
        return f"R{name} {row} {column} {1 / conductance!r}"
    v = f"V({row},{column})"
    if np.isinf(bend.bend_voltage):
        forward = f"{conductance!r}*{v}"
    else:
        forward = f"{conductance * bend.bend_voltage!r}*sinh({v}/{bend.bend_voltage!r})"
    return f"B{name} {row} {column} I={v} > 0 ? {forward} : ({forward})/{bend.rectification!r}"


def wires(network: Network) -> Iterator[tuple[str, str, float]]:
    """Give the resistors along the lines: two nodes and a resistance (ohm)."""
    rows, columns = network.shape
    for r in range(rows):
        for c in range(1, columns if network.row_segment else 0):
            yield row_node(network, r, c - 1), row_node(network, r, c), network.row_segment
    for c in range(columns):
        for r in range(1, rows if network.column_segment else 0):
            yield column_node(network, r - 1, c), column_node(network, r, c), network.column_segment


def ends(network: Network, sources: Sources) -> Iterator[tuple[str, str, float, float]]:
    """Give the ends that are not open: their name, node, resistance to the source (ohm) and its voltage (V)."""
    rows, columns = network.shape
    for side, count, voltage in (
        ("left", rows, sources.left),
        ("right", rows, sources.right),
        ("top", columns, sources.top),
        ("bottom", columns, sources.bottom),
    ):
        for line in range(count):
            of_row = side in ("left", "right")
            node = (
                row_node(network, line, 0 if side == "left" else columns - 1)
                if of_row
                else column_node(network, 0 if side == "top" else rows - 1, line)
            )
            segment = network.row_segment if of_row else network.column_segment
            resistance = float(getattr(network, side)[line]) + segment
            if np.isfinite(resistance):
                yield f"{side}{line}", node, resistance, float(voltage[line])


def row_node(network: Network, row: int, column: int) -> str:
    """Return the name of a node of a row line."""
    return f"r{row}_{column if network.row_segment else 0}"


def column_node(network: Network, row: int, column: int) -> str:
    """Return the name of a node of a column line."""
    return f"c{row if network.column_segment else 0}_{column}"


def netlist(network: Network, sources: Sources, conductance: Array, bend: Bend | None) -> str:
    """Return the circuit as ngspice reads it; the current of each end is that of a source V<side><line>."""
    lines = ["* crossbar", OPTIONS]
    lines += [f"RW{k} {a} {b} {ohm!r}" for k, (a, b, ohm) in enumerate(wires(network))]
    for name, node, resistance, voltage in ends(network, sources):
        lines.append(f"V{name} s{name} 0 {voltage!r}")
        lines.append(f"RE{name} s{name} {node} {resistance!r}")
    for (r, c), g in np.ndenumerate(conductance):
        if g > 0:
            lines.append(cell_element(f"C{r}_{c}", row_node(network, r, c), column_node(network, r, c), float(g), bend))
    return "\n".join([*lines, ".op", ".end", ""])


def read_rawfile(path: Path) -> dict[str, float]:
    """Return what an operating point's binary raw file holds: node voltages and source currents by name."""
    header, data = path.read_bytes().split(b"Binary:\n", 1)
    text = header.decode("ascii").split("Variables:\n", 1)[1]
    names = [line.split("\t")[2] for line in text.splitlines() if line]
    values = np.frombuffer(data, dtype="<f8")
    assert len(names) == len(values)
    return dict(zip(names, values.tolist(), strict=True))


def solution(network: Network, voltage: Callable[[str], float], current: Callable[[str], float]) -> Solution:
    """Return a solution by the names of nodes and ends; `current` is from the source into the array."""
    rows, columns = network.shape
    side = {
        name: np.array([current(f"{name}{line}") for line in range(count)])
        for name, count in (("left", rows), ("right", rows), ("top", columns), ("bottom", columns))
    }
    return Solution(
        row_potential=np.array([[voltage(row_node(network, r, c)) for c in range(columns)] for r in range(rows)]),
        column_potential=np.array([[voltage(column_node(network, r, c)) for c in range(columns)] for r in range(rows)]),
        left=side["left"],
        right=side["right"],
        top=-side["top"],
        bottom=-side["bottom"],
    )


class SolveCircuit(Protocol):
    """Solves a crossbar; cells bend like `bend`, or are linear without one."""

    def __call__(self, network: Network, sources: Sources, conductance: Array, bend: Bend | None = None) -> Solution:
        """Return the solution."""
        ...


@pytest.fixture
def ngspice(tmp_path: Path) -> SolveCircuit:
    """Return a function that has ngspice solve a crossbar whose ends have a resistance above 0."""
    if NGSPICE is None:
        pytest.skip("ngspice is not installed (Debian package `ngspice`): the crossbar is NOT checked against it")
    command = NGSPICE

    def solve(network: Network, sources: Sources, conductance: Array, bend: Bend | None = None) -> Solution:
        circuit, raw = tmp_path / "crossbar.cir", tmp_path / "crossbar.raw"
        circuit.write_text(netlist(network, sources, conductance, bend), "ascii")
        raw.unlink(missing_ok=True)
        done = subprocess.run(
            [command, "-b", "-r", str(raw), str(circuit)], capture_output=True, text=True, check=False
        )
        assert raw.exists(), done.stdout + done.stderr
        assert b"Binary:\n" in raw.read_bytes(), done.stdout + done.stderr
        values = read_rawfile(raw)
        # The branch current of a source flows through it from + to -, so out of the array.
        return solution(
            network,
            lambda node: values[f"v({node})"],
            lambda end: -values.get(f"i(v{end})", 0.0),
        )

    return solve


@pytest.fixture
def nodal() -> SolveCircuit:
    """Return a function that solves a crossbar of linear cells by one sparse factorisation, refined."""

    def solve(network: Network, sources: Sources, conductance: Array, bend: Bend | None = None) -> Solution:
        assert bend is None, "this reference knows linear cells only"
        index: dict[str, int] = {}
        pairs = [(a, b, 1 / ohm) for a, b, ohm in wires(network)]
        pairs += [
            (row_node(network, r, c), column_node(network, r, c), float(g)) for (r, c), g in np.ndenumerate(conductance)
        ]
        ground = [(node, 1 / ohm, volts) for _, node, ohm, volts in ends(network, sources)]
        for a, b, _ in pairs:
            index.setdefault(a, len(index))
            index.setdefault(b, len(index))
        entries: list[tuple[int, int, float]] = []
        for a, b, g in pairs:
            i, j = index[a], index[b]
            entries += [(i, i, g), (j, j, g), (i, j, -g), (j, i, -g)]
        injected = np.zeros(len(index))
        for node, g, volts in ground:
            entries.append((index[node], index[node], g))
            injected[index[node]] += g * volts
        at, to, value = (np.array(part) for part in zip(*entries, strict=True))
        matrix = csc_matrix((value, (at, to)), shape=(len(index), len(index)))
        factor = splu(matrix)
        potential = factor.solve(injected)
        for _ in range(2):
            potential = potential + factor.solve(injected - matrix @ potential)
        currents = {
            name: (volts - float(potential[index[node]])) / ohm for name, node, ohm, volts in ends(network, sources)
        }
        return solution(network, lambda node: float(potential[index[node]]), lambda end: currents.get(end, 0.0))

    return solve
