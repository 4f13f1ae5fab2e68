"""One recorded point (set, read, typed record), steps of 100, beside PyMeasure's Worker with CSV in the same run.

    python benchmarks/recorded_point.py

Ours goes the whole way: engine, driver with knobs, envelope, SQLite (WAL, synchronous NORMAL, as on the twin).
PyMeasure is measured if it is installed. Both instruments live in memory and answer at once.
"""

from __future__ import annotations

import importlib.util
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pymeasure_peer
from memory_bench import BENCH, MemoryBackend, MemoryMeter

from labctl import plugins
from labctl.engine import Watcher, run
from labctl.instruments import SourceMeter
from labctl.plan import RunRequest
from labctl.protocol import STEP_END, Outcome, Parameters, Protocol, StepEnd
from labctl.protocol_bench import ProtocolBench
from labctl.store import RunWriter
from labctl.units import Amperes, Volts

POINTS = 20_000
STEP = 100
REPEATS = 5


@dataclass(frozen=True, slots=True)
class Point:
    """What is recorded."""

    voltage: Volts
    current: Amperes


@dataclass(frozen=True, slots=True)
class Scalar:
    """A scalar record."""

    value: Volts


@dataclass(frozen=True, slots=True)
class Points:
    """The summary."""

    points: int


def _set_and_read(bench: ProtocolBench, parameters: Parameters) -> Iterator[Point | StepEnd]:
    smu = bench.smu
    for index in range(POINTS):
        smu.source(index * 1e-5)
        reading = smu.measure()
        yield Point(reading.voltage, reading.current)
        if index % STEP == STEP - 1:
            yield STEP_END


PROTOCOL = Protocol(
    name="points",
    title="set and read",
    parameters=Parameters,
    record=Point,
    needs=(SourceMeter,),
    check=lambda die, envelope, parameters: None,
    steps=lambda parameters: POINTS // STEP,
    run=lambda bench, parameters, start: _set_and_read(bench, parameters),
    summarise=lambda records, parameters: Outcome(True, Points(len(records))),
    caption=lambda record: f"{record.current}",
)
OFFERED: dict[str, Any] = {"memory": MemoryMeter, "points": PROTOCOL, "memory-backend": MemoryBackend}


class FirstStep(Watcher):
    """Notes when the first and the last step were durable: start-up and summary are no part of a point."""

    def __init__(self) -> None:
        self.times: list[float] = []

    def step_done(self, caption: Callable[[], str]) -> None:
        """Note the time."""
        self.times.append(time.perf_counter())


def labctl_point(folder: Path) -> float:
    """Return what a point costs, in us."""
    bench = folder / "bench.toml"
    bench.write_text(BENCH, encoding="utf-8")
    watcher = FirstStep()
    run(RunRequest("points", bench=bench, backend="memory-backend", data=folder), watcher)
    return (watcher.times[-1] - watcher.times[0]) / (len(watcher.times) - 1) / STEP * 1e6


def store_rate(folder: Path) -> float:
    """Return how many scalar records a second are appended in steps of 100."""
    folder.mkdir()
    with closing(RunWriter(folder, {"record": Scalar}, power_safe=False)) as store:
        start = time.perf_counter()
        for index in range(POINTS):
            store.add(Scalar(index * 1e-3))
            if index % STEP == STEP - 1:
                store.end_step(0.0)
        return POINTS / (time.perf_counter() - start)


def main() -> None:
    """Print the table."""
    load = plugins.load
    plugins.load = lambda group, name: OFFERED[name] if name in OFFERED else load(group, name)
    plugins.origin = lambda group, name: "benchmark"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rounds = range(REPEATS)
        with_pymeasure = importlib.util.find_spec("pymeasure") is not None
        ours: list[float] = []
        theirs: list[float] = []
        rates: list[float] = []
        for index in rounds:
            ours.append(labctl_point(folder))
            rates.append(store_rate(folder / f"rate{index}"))
            if with_pymeasure:
                theirs.append(pymeasure_peer.point(folder / f"points{index}.csv", POINTS))
    print(f"labctl: {statistics.median(ours):.1f} us a point (set, read, typed record, steps of {STEP})")
    print(f"store:  {statistics.median(rates):,.0f} scalar records a second, steps of {STEP}")
    if with_pymeasure:
        ratio = statistics.median(mine / other for mine, other in zip(ours, theirs, strict=True))
        print(f"PyMeasure Worker with CSV: {statistics.median(theirs):.1f} us a point; labctl takes {ratio:.2f} of it")
    else:
        print("PyMeasure is not installed: `pip install pymeasure` to compare")


if __name__ == "__main__":
    main()
