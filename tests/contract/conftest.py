"""The bench that the contract suites ask: the packaged one on the twin, or a real one with `pytest --bench FILE`.

With `--backend twin` besides, the panels of that file's drivers: so the author of a driver asks his own.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Protocol

import pytest

from drivers.hardware import HardwareBackend
from labctl.backend import Backend, BackendOptions
from labctl.bench import Bench
from labctl.bench_file import DEFAULT_BENCH, BenchFile, load_bench, read_bench
from labctl.board_data import BoardState, Cell, Pulse, ReadScheme, WriteScheme
from labctl.instruments import ProbeBoard, SourceMeter
from sim_backend.backend import TwinBackend

SMUS = {"keithley-2450": "2450", "keithley-2400": "2400", "keithley-2600": "26", "keysight-b2900": "B29"}
"""Drivers that the suite asks on their panels, with what stands in their identity."""

READ_VOLTAGE = 0.2
"""At which cells are read (V): it changes none."""
UP, DOWN = (0.9, 80e-9), (-0.75, 65e-9)
"""Amplitude (V) and width (s) of pulses that change a cell of the default die by about one level; it sees no others."""
STRETCH = 20_000
"""Pulses at once, at most: a little more than the whole range of levels."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Ask every driver on the twin; on a real bench, what stands there."""
    if "bench_file" in metafunc.fixturenames:
        given: str | None = metafunc.config.getoption("--bench")
        asks_smu = "smu" in metafunc.fixturenames
        metafunc.parametrize("driver", [None] if given or not asks_smu else list(SMUS), scope="function")


@pytest.fixture
def bench_file(request: pytest.FixtureRequest, driver: str | None) -> BenchFile:
    """The bench file: the packaged one with one of the drivers in it, or the one named on the command line."""
    given: str | None = request.config.getoption("--bench")
    if given or driver is None:
        return load_bench(Path(given) if given else None)
    text = DEFAULT_BENCH.read_text(encoding="utf-8")
    text = text.replace('"keithley-2450"', f'"{driver}"').replace('"2450"', f'"{SMUS[driver]}"')
    assert f'driver = "{driver}"' in text
    return read_bench(text, f"{driver}.toml")


@pytest.fixture
def bench(request: pytest.FixtureRequest, bench_file: BenchFile) -> Iterator[Bench]:
    """A bench that is identified and brought up; it is brought down and closed afterwards."""
    config = request.config
    is_real = config.getoption("--bench") and config.getoption("--backend") == "hardware"
    backend_class: type[Backend] = HardwareBackend if is_real else TwinBackend
    with (
        closing(backend_class.for_bench(bench_file, BackendOptions(seed=1))) as backend,
        closing(Bench(bench_file, backend)) as bench,
    ):
        bench.identify()
        bench.bring_up()
        yield bench
        assert bench.bring_down() == []


@pytest.fixture
def board(bench: Bench) -> ProbeBoard:
    """The bench's probe board, armed."""
    return bench.board


@pytest.fixture
def smu(bench: Bench) -> SourceMeter:
    """The bench's source-measure unit, configured, output off."""
    return bench.smu


class SetCell(Protocol):
    """What the fixture `set_cell` is."""

    def __call__(self, cell: Cell, level: float) -> float:
        """Bring a cell near a level; return its conductance (S)."""
        ...


class _Cells:
    """Brings cells of any die where a test wants them, and back to where they were.

    Args:
        bench: brought up.
    """

    def __init__(self, bench: Bench) -> None:
        self._board = bench.board
        self._scale = bench.die.scale
        self._voltage = min(READ_VOLTAGE, bench.envelope.read_voltage)
        self._found: dict[Cell, float] = {}

    def set(self, cell: Cell, level: float) -> float:
        """Bring a cell near a level, however it is found; return its conductance (S)."""
        self._found.setdefault(cell, self._conductance(cell))
        target = self._scale.conductance(level)
        return self._reach(cell, target, max(0.05 * target, 20 * self._scale.step))

    def put_back(self) -> None:
        """Bring every cell back to where it was found, to some levels or a hundredth."""
        if not self._found:
            return
        self._board.clear()
        self._board.set_scheme(WriteScheme.THIRD, ReadScheme.GROUND)
        if self._board.status().state is not BoardState.ARMED:
            self._board.arm(self._board.watchdog)
        for cell, conductance in self._found.items():
            self._reach(cell, conductance, max(0.01 * conductance, 4 * self._scale.step))

    def _conductance(self, cell: Cell) -> float:
        readings = self._board.read([cell], self._voltage, 64)
        return float(readings.current[0]) / readings.voltage

    def _reach(self, cell: Cell, target: float, tolerance: float) -> float:
        """Bring a cell to a conductance (S) to within a tolerance (S), with pulses as many as it turns out to need."""
        steps = {UP: self._scale.step, DOWN: self._scale.step}
        conductance = self._conductance(cell)
        for _ in range(20):
            error = target - conductance
            if abs(error) <= tolerance:
                return conductance
            kind = UP if error > 0 else DOWN
            count = min(STRETCH, max(1, round(abs(error) / steps[kind])))
            self._board.pulse([Pulse(cell, *kind, count)])
            before, conductance = conductance, self._conductance(cell)
            steps[kind] = max(abs(conductance - before) / count, self._scale.step / 10)
        pytest.fail(f"{cell} stays at {conductance} S and does not come to {target} S")


@pytest.fixture
def set_cell(bench: Bench) -> Iterator[SetCell]:
    """Bring cells where a test wants them, as `set_cell(cell, level)`; they are put back when it ends."""
    cells = _Cells(bench)
    yield cells.set
    cells.put_back()
