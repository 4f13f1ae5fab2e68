"""What a crossbar's solution costs, beside badcrossbar and ngspice in the same run.

    python benchmarks/crossbar_solver.py [--sides 16 64 128 256] [--peer-python PATH] [--ngspice-side 64] [--memory]

Conductances of 1 to 100 uS, wires of 2 ohm a segment, 0 to 0.2 V; one BLAS thread; median CPU time. badcrossbar runs
in the Python of `--peer-python` (one into which it is installed), ours and theirs by turns. ngspice is timed as a
process, sinh cells with v0 = 0.1 V only, up to `--ngspice-side`: at 128 it takes minutes. Ratios, not times, are
comparable between machines. `--memory` measures 512 x 512 instead: each case in a process of its own.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import math
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import ngspice_peer
import numpy as np

from sim_backend.crossbar import circuit
from sim_backend.crossbar.linear import LinearCrossbar
from sim_backend.crossbar.network import Network, Sources
from sim_backend.crossbar.nonlinear import solve_nonlinear

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Array = NDArray[np.float64]

SEGMENT = 2.0
"""ohm"""
SCALE = 0.1
"""v0 of the sinh cells (V)."""
VECTORS = 1_000
ROUNDS = 7
SAMPLE = 2e-3
"""Shortest time that is measured (s)."""
PATIENCE = 20.0
"""Time after which a peer is not asked once more (s)."""
LARGEST_FOR_VECTORS = 128
"""Largest array for which badcrossbar solves all vectors."""
MEMORY = ("one vector", "sinh cells", "transfer matrix")
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


class SinhCells:
    """I = G v0 sinh(V / v0)."""

    def __init__(self, conductance: Array) -> None:
        self.conductance = conductance

    def current(self, voltage: Array, /) -> Array:
        """Return currents (A)."""
        return self.conductance * SCALE * np.sinh(voltage / SCALE)

    def slope(self, voltage: Array, /) -> Array:
        """Return differential conductances (S)."""
        return self.conductance * np.cosh(voltage / SCALE)


@dataclass
class Case:
    """One array.

    Args:
        side: rows and columns.
    """

    side: int
    network: Network = field(init=False)
    conductance: Array = field(init=False)
    voltages: Array = field(init=False)
    sources: Sources = field(init=False)
    cached: LinearCrossbar = field(init=False)
    changes: int = 0

    def __post_init__(self) -> None:
        side, generator = self.side, np.random.default_rng(self.side)
        self.network = Network(
            SEGMENT, SEGMENT, np.zeros(side), np.full(side, np.inf), np.full(side, np.inf), np.zeros(side)
        )
        self.conductance = generator.uniform(1e-6, 1e-4, (side, side))
        self.voltages = generator.uniform(0.0, 0.2, (VECTORS, side))
        zeros = np.zeros(side)
        self.sources = Sources(self.voltages[0], zeros, zeros, zeros)
        self.cached = LinearCrossbar(self.network, self.conductance)

    def fresh(self) -> Array:
        """Return bottom currents (A) for one vector."""
        return LinearCrossbar(self.network, self.conductance).solve(self.sources).bottom

    def matrix_and_vectors(self) -> Array:
        """Return bottom currents for all vectors, the transfer matrix worked out anew."""
        return LinearCrossbar(self.network, self.conductance).currents(self.voltages)

    def vectors(self) -> Array:
        """Return bottom currents for all vectors by the matrix that is there."""
        return self.cached.currents(self.voltages)

    def change(self) -> None:
        """Change one cell, and with it the matrix that is there."""
        self.changes += 1
        row, column = divmod(self.changes * 7919 % self.side**2, self.side)
        self.cached.change(row, column, 1e-6 * (1 + self.changes % 99))

    def sinh(self) -> Array:
        """Return bottom currents of sinh cells for one vector."""
        return solve_nonlinear(self.network, SinhCells(self.conductance), self.sources).bottom


class BadCrossbar:
    """badcrossbar in a process of its own.

    Args:
        python: where it is installed.
        folder: for arrays.
    """

    def __init__(self, python: Path, folder: Path) -> None:
        self.folder = folder
        script = Path(__file__).parent / "badcrossbar_peer.py"
        self.process = subprocess.Popen(
            [python, script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=os.environ | ONE_THREAD
        )

    def solve(self, case: Case, vectors: int) -> tuple[float, Array]:
        """Return CPU seconds, and the currents (A) for the first vector."""
        file = self.folder / f"{case.side}.npz"
        if not file.exists():
            np.savez(file, conductance=case.conductance, voltages=case.voltages, segment=SEGMENT)
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps({"file": str(file), "vectors": vectors}) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        return answer["seconds"], np.array(answer["currents"])


def sample(call: Callable[[], object]) -> float:
    """Return the CPU time (s) of one call, over as many as take long enough."""
    calls, spent = 0, 0.0
    begin = time.process_time()
    while spent < SAMPLE:
        call()
        calls += 1
        spent = time.process_time() - begin
    return spent / calls


def by_turns(ours: dict[str, Callable[[], object]], theirs: Callable[[], float] | None) -> dict[str, float]:
    """Return median CPU times (s), the peer's as "peer"; all by turns."""
    times: dict[str, list[float]] = {name: [] for name in ours}
    peer: list[float] = []
    for call in ours.values():
        call()
    for _ in range(ROUNDS):
        for name, call in ours.items():
            times[name].append(sample(call))
        if theirs is not None and sum(peer) < PATIENCE:
            peer.append(theirs())
    medians = {name: statistics.median(values) for name, values in times.items()}
    return medians | ({"peer": statistics.median(peer)} if peer else {})


def far(ours: Array, theirs: Array) -> str:
    """Return the largest relative difference between two sets of currents."""
    return f"{float(np.abs(ours / theirs - 1).max()):.0e}"


def plainly(call: Callable[[], object]) -> Callable[[], object]:
    """Return the call without numba."""

    def without() -> object:
        circuit.COMPILED = False
        try:
            return call()
        finally:
            circuit.COMPILED = True

    return without


def show(what: str, times: dict[str, float], name: str, difference: str = "") -> None:
    """Print one line of the table."""
    plain = f"{times['plain'] * 1e3:13.3f}" if "plain" in times else ""
    beside = f"{times['peer'] * 1e3:12.1f}{times['peer'] / times[name]:10,.0f}x" if "peer" in times else ""
    print(f"  {what:48}{times[name] * 1e3:10.3f}{plain:>15}{beside:>23}{difference:>12}", flush=True)


def measure(side: int, peer: BadCrossbar | None, with_ngspice: bool) -> dict[str, float]:
    """Measure and print one size; return our times (s)."""
    case = Case(side)
    case.cached.transfer()
    print(f"\n{f'{side} x {side}':50}{'ours':>10}{'without numba':>15}{'peer':>12}{'ratio':>11}{'difference':>12}")
    one = by_turns(
        {"fresh": case.fresh, "plain": plainly(case.fresh), "change": case.change},
        (lambda: peer.solve(case, 1)[0]) if peer else None,
    )
    show(
        "fresh conductances, one vector (badcrossbar)",
        one,
        "fresh",
        far(case.fresh(), peer.solve(case, 1)[1]) if peer else "",
    )
    del one["plain"]
    show("matrix after one changed cell (badcrossbar)", one, "change")
    many = by_turns(
        {"all": case.matrix_and_vectors, "cached": case.vectors},
        (lambda: peer.solve(case, VECTORS)[0]) if peer and side <= LARGEST_FOR_VECTORS else None,
    )
    show("1,000 vectors, matrix worked out (badcrossbar)", many, "all")
    show("1,000 vectors, matrix there (badcrossbar)", many, "cached")
    spice: list[ngspice_peer.Answer] = []

    def with_spice() -> float:
        spice.append(ngspice_peer.solve(case.conductance, case.voltages[0], SEGMENT, SCALE))
        return spice[-1].seconds

    sinh = by_turns({"sinh": case.sinh, "plain": plainly(case.sinh)}, with_spice if with_ngspice else None)
    show("sinh cells, one vector (ngspice)", sinh, "sinh", far(case.sinh(), spice[0].currents) if spice else "")
    return {"one vector": one["fresh"], "one change": one["change"], "matrix": many["all"], "sinh": sinh["sinh"]}


def memory(what: str) -> None:
    """Solve 512 x 512 once in this process, and print CPU time and peak memory."""
    case = Case(512)
    calls = {"one vector": case.fresh, "sinh cells": case.sinh, "transfer matrix": case.cached.transfer}
    begin = time.process_time()
    calls[what]()
    seconds = time.process_time() - begin
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"  {what:20}{seconds:8.2f} s CPU, peak {peak:6,.0f} MiB resident")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sides", type=int, nargs="+", default=[16, 64, 128, 256])
    parser.add_argument("--peer-python", type=Path, help="a Python with badcrossbar")
    parser.add_argument("--ngspice-side", type=int, default=64, help="largest array that ngspice solves; 0: none")
    parser.add_argument("--memory", nargs="?", const="", choices=["", *MEMORY], help="512 x 512: time and memory")
    options = parser.parse_args()
    if os.environ | ONE_THREAD != dict(os.environ):
        # numpy has read these already: begin again with them.
        os.execve(sys.executable, [sys.executable, *sys.argv], os.environ | ONE_THREAD)
    if options.memory:
        memory(options.memory)
        return
    if options.memory is not None:
        print("512 x 512")
        for what in MEMORY:
            subprocess.run([sys.executable, __file__, "--memory", what], check=True)
        return
    with_ngspice = ngspice_peer.NGSPICE is not None
    if importlib.util.find_spec("numba") is None:
        print("numba is not installed: ours is numpy alone, in both columns")
    if not with_ngspice:
        print("ngspice is not installed: no comparison with it")
    if options.peer_python is None:
        print("no comparison with badcrossbar: `--peer-python PATH` names a Python with it")
    with tempfile.TemporaryDirectory() as name:
        peer = BadCrossbar(options.peer_python, Path(name)) if options.peer_python else None
        times = {side: measure(side, peer, with_ngspice and side <= options.ngspice_side) for side in options.sides}
    print("\nhow our time grows: exponent of the side")
    for before, after in pairwise(options.sides):
        growth = {
            what: math.log(times[after][what] / times[before][what]) / math.log(after / before)
            for what in times[before]
        }
        print(f"  {before:4} to {after:4}: " + ", ".join(f"{what} {power:.1f}" for what, power in growth.items()))


if __name__ == "__main__":
    main()
