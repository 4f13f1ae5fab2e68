"""The bench that the contract suites ask: the packaged one on the twin, or a real one with `pytest --bench FILE`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from drivers.hardware import HardwareBackend
from labctl.backend import Backend, BackendOptions
from labctl.bench import Bench
from labctl.bench_file import load_bench
from labctl.instruments import ProbeBoard, SourceMeter
from sim_backend.backend import TwinBackend


@pytest.fixture
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    """A bench that is identified and brought up; it is brought down and closed afterwards."""
    given: str | None = request.config.getoption("--bench")
    file = load_bench(Path(given) if given else None)
    backend_class: type[Backend] = HardwareBackend if given else TwinBackend
    with (
        closing(backend_class.for_bench(file, BackendOptions(seed=1))) as backend,
        closing(Bench(file, backend)) as bench,
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
