"""The bench that the contract suites ask: the packaged one on the twin, or a real one with `pytest --bench FILE`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from drivers.hardware import HardwareBackend
from labctl.backend import Backend, BackendOptions
from labctl.bench import Bench
from labctl.bench_file import DEFAULT_BENCH, BenchFile, load_bench, read_bench
from labctl.instruments import ProbeBoard, SourceMeter
from sim_backend.backend import TwinBackend

SMUS = {"keithley-2450": "2450", "keithley-2400": "2400", "keithley-2600": "26", "keysight-b2900": "B29"}
"""Drivers that the suite asks on their panels, with what stands in their identity."""


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
    backend_class: type[Backend] = HardwareBackend if request.config.getoption("--bench") else TwinBackend
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
