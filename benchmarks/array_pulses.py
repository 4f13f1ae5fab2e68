"""Noisy pulses on 64 x 64 cells, one call a pulse, beside a LinearStep tile of aihwkit.

    python benchmarks/array_pulses.py [--peer-python PATH]

Every pulse is one level of the Ru-azo film with its write noise, keyed by cell and count, so that any of them can be
looked up again; aihwkit draws its noise from a stream. aihwkit is measured in the same run, before and after, in this
interpreter or in the one at PATH. One thread each. Ratios, not rates, are comparable between machines.
"""

from __future__ import annotations

import argparse
import sys
import time
from typing import TYPE_CHECKING

import numpy as np
from aihwkit_peer import alone, ask

from sim_backend.device_models.catalogue import device_named
from sim_backend.device_models.interface import Train
from sim_backend.die import Die
from sim_backend.noise.pulse_kernel import can_compile

if TYPE_CHECKING:
    from collections.abc import Callable

SIZE = 64
CELLS = SIZE * SIZE
LEVELS = 16_520
PERIOD = 160e-9
"""From one pulse to the next (s), as in the published model's simulations."""
UP, DOWN = (0.90, Train(80e-9, 1, PERIOD)), (-0.75, Train(65e-9, 1, PERIOD))
CALLS = 200
ROUNDS = 25


def fresh(*, accelerated: bool) -> Die:
    """Return an array of erased cells."""
    die = Die.fresh("bench", SIZE, SIZE, device_named("ru-azo", 5.9e-3), 0)
    die.accelerated = accelerated
    return die


def rate(*, accelerated: bool) -> float:
    """Return pulse updates/s, mean of both directions, best of some rounds."""
    die = fresh(accelerated=accelerated)
    die.state[:] = 1000.0
    die.pulse_all(*UP)
    die.pulse_all(*DOWN)
    times: list[float] = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        for pulse in (UP, DOWN):
            for _ in range(CALLS):
                die.pulse_all(*pulse)
        times.append((time.perf_counter() - start) / (2 * CALLS))
    assert int(die.write_count.min()) == 2 + 2 * CALLS * ROUNDS
    return CELLS / min(times)


def computed_rate() -> float:
    """Return pulse updates/s where each step is computed by the model, not looked up."""
    die = fresh(accelerated=False)
    die.state[:] = 1000.0
    cells = np.arange(CELLS)
    return CELLS / best(lambda: die.expose(cells, *UP), 20)


def staircase(*, accelerated: bool) -> float:
    """Return the time (s) of 16,520 pulses on every cell, from erased to the last level, one call each."""
    fresh(accelerated=accelerated).pulse_all(*UP)  # compile, tabulate
    die = fresh(accelerated=accelerated)
    start = time.perf_counter()
    for _ in range(LEVELS - 1):
        die.pulse_all(*UP)
    return time.perf_counter() - start


def train_time() -> float:
    """Return the time (s) of the same as one train in one call."""
    cells, train = np.arange(CELLS), Train(80e-9, LEVELS - 1, PERIOD)
    dies = iter([fresh(accelerated=False) for _ in range(ROUNDS * 4)])
    return best(lambda: next(dies).expose(cells, 0.90, train), 4)


def best(call: Callable[[], object], count: int) -> float:
    """Return the shortest time (s) of one of `count` calls, over some rounds."""
    times: list[float] = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        for _ in range(count):
            call()
        times.append((time.perf_counter() - start) / count)
    return min(times)


def main() -> None:
    """Measure and print."""
    alone()
    parser = argparse.ArgumentParser(description="Noisy pulses on 64 x 64 cells.")
    parser.add_argument("--peer-python", default=sys.executable, help="an interpreter that has aihwkit")
    python = parser.parse_args().peer_python
    peer = ask(python, "pulses")
    ours = {"numpy": rate(accelerated=False)}
    if can_compile():
        ours["numba"] = rate(accelerated=True)
    again = ask(python, "pulses") if peer else {}
    peer = {name: max(value, again.get(name, 0.0)) for name, value in peer.items()}
    print(f"{'':34}{'M pulses/s':>12}")
    for name, value in ours.items():
        print(f"{f'looked up, one a call, {name}':34}{value / 1e6:12.1f}")
    print(f"{'computed, one a call':34}{computed_rate() / 1e6:12.1f}")
    for name in ("one a call", "100 a call"):
        if name in peer:
            print(f"{f'aihwkit, {name}':34}{peer[name] / 1e6:12.1f}   {peer[f'{name}: steps moved']:.3f} steps a pulse")
    print(f"16,519 pulses on every cell, one call each: {staircase(accelerated=False):.2f} s with numpy", end="")
    print(f", {staircase(accelerated=True):.2f} s with numba" if can_compile() else "; numba is not installed here")
    print(f"the same as one train: {train_time() * 1e3:.2f} ms")
    for name, value in ours.items():
        for form in ("one a call", "100 a call"):
            if form in peer:
                print(f"labctl, {name} / aihwkit, {form}: {value / peer[form]:.2f}x")
    if not peer:
        print("aihwkit is not installed here: no ratio")


if __name__ == "__main__":
    main()
