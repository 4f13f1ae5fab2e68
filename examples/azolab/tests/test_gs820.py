"""The driver on its panel, in the words of both. What every source-measure unit promises is labctl's contract suite."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from labctl.backend import BackendOptions
from labctl.bench import Bench
from labctl.bench_file import load_bench
from labctl.board_data import Cell, Pulse
from labctl.errors import SettingError, TrippedError
from labctl.smu_data import OffMode, SourceSetup
from sim_backend.backend import TwinBackend

from azolab.gs820 import YokogawaGS820
from azolab.gs820_panel import YokogawaGS820Panel

CELL = Cell(0, 0)
SETUP = SourceSetup(voltage=0.5, current_limit=1e-3, current_range=1e-3, nplc=0.1)


@pytest.fixture
def twin() -> Iterator[TwinBackend]:
    """The twin of the package's bench."""
    file = load_bench(Path(__file__).parents[1] / "bench.toml")
    with closing(TwinBackend.for_bench(file, BackendOptions(seed=1))) as backend:
        yield backend


@pytest.fixture
def bench(twin: TwinBackend) -> Iterator[Bench]:
    """The bench, brought up."""
    file = load_bench(Path(__file__).parents[1] / "bench.toml")
    with closing(Bench(file, twin)) as bench:
        bench.identify()
        bench.bring_up()
        yield bench
        assert bench.bring_down() == []


@pytest.fixture
def driver(bench: Bench) -> YokogawaGS820:
    """The driver itself: no envelope stands before it."""
    found = bench.unlimited["smu"]
    assert isinstance(found, YokogawaGS820)
    return found


@pytest.fixture
def panel(twin: TwinBackend) -> YokogawaGS820Panel:
    """The panel that answers it."""
    found = twin.panels["smu"]
    assert isinstance(found, YokogawaGS820Panel)
    return found


def say(panel: YokogawaGS820Panel, message: str) -> str:
    return b"".join(panel.receive(message.encode() + b"\n")).decode().rstrip("\n")


def test_configuring_says_what_the_instrument_holds(driver: YokogawaGS820, panel: YokogawaGS820Panel) -> None:
    done = driver.configure(SETUP)
    assert (done.voltage, done.current_range, done.off_mode) == (2.0, 2e-3, OffMode.HIGH_IMPEDANCE)
    assert say(panel, ":CHAN1:SOUR:CURR:PROT:UPP?;:CHAN1:SOUR:CURR:PROT:LOW?") == "0.001;-0.001"
    assert say(panel, ":OUTP?") == "0"


@pytest.mark.parametrize(
    "wrong",
    [
        SourceSetup(voltage=19.0, current_limit=1e-3),
        SourceSetup(voltage=0.5, current_limit=1e-9),
        SourceSetup(voltage=0.5, current_limit=1e-3, off_mode=OffMode.GUARD),
    ],
)
def test_what_it_has_not_is_refused_before_a_byte_leaves(
    driver: YokogawaGS820, panel: YokogawaGS820Panel, monkeypatch: pytest.MonkeyPatch, wrong: SourceSetup
) -> None:
    sent: list[bytes] = []
    monkeypatch.setattr(panel, "receive", sent.append)
    with pytest.raises(SettingError):
        driver.configure(wrong)
    assert sent == []
    monkeypatch.undo()


@pytest.mark.parametrize("sign", [1, -1])
def test_the_limit_holds_both_ways(bench: Bench, driver: YokogawaGS820, sign: int) -> None:
    bench.board.pulse([Pulse(CELL, 0.9, 80e-9, 10_000)])
    driver.configure(SourceSetup(voltage=0.5, current_limit=20e-9, current_range=200e-9))
    with bench.routed(CELL):
        driver.source(sign * 0.2)
        reading = driver.measure()
    assert reading.in_compliance
    assert reading.current == pytest.approx(sign * 20e-9, rel=1e-3)


def test_a_reading_beyond_its_range_is_no_number(bench: Bench, driver: YokogawaGS820) -> None:
    driver.configure(SourceSetup(voltage=0.5, current_limit=1e-3, current_range=200e-9))
    with bench.routed(CELL):
        driver.source(0.5)
        reading = driver.measure()
    assert reading.overrange
    assert reading.current != reading.current


def test_an_output_that_somebody_switched_off_is_noticed(
    bench: Bench, driver: YokogawaGS820, panel: YokogawaGS820Panel
) -> None:
    with bench.routed(CELL):
        say(panel, ":OUTP 0")
        with pytest.raises(TrippedError, match="the output is off"):
            driver.measure()


def test_the_panel_refuses_what_it_does_not_model(panel: YokogawaGS820Panel) -> None:
    say(panel, ":CHAN2:OUTP 1")
    say(panel, ":CHAN1:SOUR:SWE:STAR 0")
    say(panel, ":CHAN1:SOUR:VOLT:LEV 5")
    assert [say(panel, ":SYST:ERR?").split(",")[0] for _ in range(4)] == ["-114", "-113", "-222", "0"]
