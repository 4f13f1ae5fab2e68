"""The peer of `recorded_point.py`: the same point with PyMeasure's Instrument, Worker and CSV file."""

from __future__ import annotations

import importlib
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path


def point(file: Path, points: int) -> float:
    """Return what a point costs PyMeasure's Worker, in us."""
    experiment: Any = importlib.import_module("pymeasure.experiment")
    instruments: Any = importlib.import_module("pymeasure.instruments")
    adapters: Any = importlib.import_module("pymeasure.adapters")

    class MemoryAdapter(adapters.Adapter):
        def __init__(self) -> None:
            adapters.Adapter.__init__(self)
            self.value = "0"

        def _write(self, command: str, **ignored: Any) -> None:
            if not command.endswith("?"):
                self.value = command.partition(" ")[2]

        def _read(self, **ignored: Any) -> str:
            return self.value

    class Meter(instruments.Instrument):
        level = instruments.Instrument.control(":SOUR:VOLT?", ":SOUR:VOLT %g", "Control the level.")

    class SetAndRead(experiment.Procedure):
        DATA_COLUMNS = ("Voltage (V)", "Current (A)")

        def startup(self) -> None:
            self.meter = Meter(MemoryAdapter(), "memory", includeSCPI=False)

        def execute(self) -> None:
            for index in range(points):
                voltage = index * 1e-5
                self.meter.level = voltage
                self.emit("results", {"Voltage (V)": voltage, "Current (A)": self.meter.level})

    worker = experiment.Worker(experiment.Results(SetAndRead(), str(file)))
    start = time.perf_counter()
    worker.start()
    worker.join(timeout=600)
    return (time.perf_counter() - start) / points * 1e6
