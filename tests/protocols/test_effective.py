"""The transfer with all lines driven, and the floor that keeps cells forward: on the twin's metal wires."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing, contextmanager

import numpy as np
import pytest

from labctl.backend import BackendOptions
from labctl.bench import Bench
from labctl.bench_file import read_bench
from labctl.board_data import Pulse
from labctl.protocol_bench import ProtocolBench
from protocols.array_region import Region
from protocols.effective_reader import EffectiveReader
from protocols.superposition import GUARD, LADDER, SuperpositionTest
from sim_backend.backend import TwinBackend

LINES = 16
REGION = Region(0, 0, LINES, LINES)
VOLTAGE = 0.07
TEXT = f"""
[bench]
name = "a bench"
[instruments.board]
driver = "probe-board"
address = "/dev/ttyACM0"
[envelope]
voltage = "1.3 V"
read_voltage = "0.25 V"
cell_current = "15 mA"
line_current = "250 mA"
pulse_width = "10 ms"
pulses_per_cell = 1e9
[die]
id = "one"
rows = {LINES}
columns = {LINES}
"""


@contextmanager
def programmed(**twin: str) -> Generator[tuple[ProtocolBench, TwinBackend]]:
    """Give a bench whose cells stand anywhere between the ends."""
    file = read_bench(TEXT, "bench.toml", twin)
    with closing(TwinBackend(file, BackendOptions(seed=1))) as backend, closing(Bench(file, backend)) as bench:
        bench.identify()
        bench.bring_up()
        widths = np.random.default_rng(3).integers(300, 16_000, LINES * LINES) * 80e-9
        cells = REGION.cells()
        offered = bench.offered()
        for first in range(0, len(cells), 288):
            part = slice(first, first + 288)
            offered.board.pulse(
                [Pulse(cell, 0.9, width) for cell, width in zip(cells[part], widths[part].tolist(), strict=True)]
            )
        yield offered, backend


def reader(bench: ProtocolBench, floor: float, averages: int = 16) -> EffectiveReader:
    return EffectiveReader(bench, REGION, voltage=VOLTAGE, floor=floor, slot=100e-6, averages=averages)


def test_on_ideal_wires_the_transfer_is_the_conductance() -> None:
    with programmed(front_end="ideal") as (bench, backend):
        found = reader(bench, 0.0).read(np.ones(REGION.shape, np.bool_))
        cells = np.array([cell.row * LINES + cell.column for cell in REGION.cells()])
        die = backend.world.die
        level = (die.conductance_of(cells).reshape(REGION.shape) - bench.die.scale.g_min) / bench.die.scale.step
        ratio = np.polyfit(level.reshape(-1), found.level.reshape(-1), 1)
        # At 70 mV a sinh-like cell conducts a little less than at 200 mV, by one factor for all.
        assert 0.94 < ratio[0] < 1.0
        rest = found.level - np.polyval(ratio, level)
        assert np.std(rest) < 20
        assert found.valid.all()


def test_what_a_read_says_of_its_noise_is_how_reads_scatter() -> None:
    with programmed(wires="metal", g_max="20 uS") as (bench, _):
        wanted, one = np.ones(REGION.shape, np.bool_), reader(bench, 0.5e-3)
        reads = [one.read(wanted) for _ in range(4)]
        variance = float(np.array([read.level for read in reads]).var(axis=0, ddof=1).mean())
        said = np.sqrt(np.mean([read.variance for read in reads]))
        assert np.sqrt(variance) == pytest.approx(said, rel=0.35)


def test_a_remembered_reader_draws_the_same_patterns() -> None:
    with programmed(wires="metal", g_max="20 uS") as (bench, _):
        wanted, one = np.ones(REGION.shape, np.bool_), reader(bench, 0.5e-3)
        one.read(wanted)
        other = reader(bench, 0.5e-3)
        other.recall(one.memory())
        np.testing.assert_array_equal(one.memory(), other.memory())
        difference = one.read(wanted).level - other.read(wanted).level
        assert np.abs(difference).max() < 3


def test_currents_add_up_above_the_floor_only() -> None:
    with programmed(wires="metal", g_max="20 uS") as (bench, _):
        test = SuperpositionTest(bench.board, bench.die, REGION, VOLTAGE, 100e-6, 16)
        found = test.find_floor(0.05)
        assert 0 < found.voltage < 0.01
        assert test.error(0.0) > 5 * test.error(found.voltage)
        assert test.error(2 * found.voltage) == pytest.approx(test.error(found.voltage), rel=0.3)


def test_partings_are_split_over_requests_that_a_board_takes() -> None:
    with programmed(wires="metal", g_max="20 uS") as (bench, _):
        whole = SuperpositionTest(bench.board, bench.die, REGION, VOLTAGE, 100e-6, 16).error(0.5e-3)
        # 28 patterns of 0.41 s: 12 s in all, and a board gives 5 s to a request.
        parted = SuperpositionTest(bench.board, bench.die, REGION, VOLTAGE, 1e-3, 400).error(0.5e-3)
        assert parted == pytest.approx(whole, rel=0.5)


def test_a_reader_asks_for_no_more_slots_than_a_request_has_time_for() -> None:
    with programmed(wires="metal", g_max="20 uS") as (bench, _):
        one = EffectiveReader(bench, REGION, voltage=1e-3, floor=0.0, slot=10e-3, averages=300)
        for _ in range(3):
            one.read(np.ones(REGION.shape, np.bool_))  # far noisier than wanted, so slots double
        assert one.memory()[1] <= 2 * 4.0 / 10e-3


def test_ideal_wires_need_no_floor() -> None:
    with programmed() as (bench, _):
        assert SuperpositionTest(bench.board, bench.die, REGION, VOLTAGE, 100e-6, 16).find_floor(0.05).voltage == 0.0


def test_a_floor_stays_within_what_is_allowed() -> None:
    with programmed(wires="metal", g_max="20 uS") as (bench, _):
        test = SuperpositionTest(bench.board, bench.die, REGION, VOLTAGE, 100e-6, 16)
        assert test.find_floor(LADDER[1] * VOLTAGE).voltage <= LADDER[1] * VOLTAGE
        assert GUARD > 1
