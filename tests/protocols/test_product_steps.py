"""As many steps are announced as are taken: exactly, where nothing is programmed, and about so many otherwise."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from labctl.backend import BackendOptions
from labctl.engine import Watcher, run
from labctl.plan import RunRequest
from labctl.protocol import read_parameters
from labctl.run_reader import RunReader
from protocols.product_steps import usual_shape
from protocols.vmm import VmmParameters


def steps(data: Path, protocol: str, **settings: str) -> tuple[int, int]:
    """Return how many steps a quick run announced, and how many it took."""
    request = RunRequest(protocol, {"quick": "yes", **settings}, options=BackendOptions(seed=1), data=data)
    with closing(RunReader(run(request, Watcher()).folder)) as reader:
        return int(reader.manifest["steps"]), reader.steps()


@pytest.mark.parametrize(
    ("protocol", "settings"),
    [
        ("vmm", {}),
        ("vmm", {"signed": "no", "coding": "bit-serial", "bits": "3", "vectors": "20"}),
        ("vmm", {"averages": "4096", "training": "0", "figure": "raw"}),
        ("fourier", {"direction": "forward"}),
        ("energy", {}),
        ("snr", {"rows": "8", "columns": "12"}),
    ],
)
def test_a_run_that_programs_nothing_announces_its_steps(
    tmp_path: Path, protocol: str, settings: dict[str, str]
) -> None:
    announced, taken = steps(tmp_path, protocol, program="no", **settings)
    assert announced == taken


@pytest.mark.parametrize("protocol", ["vmm", "program-array"])
def test_rounds_of_programming_are_about_as_many_as_announced(tmp_path: Path, protocol: str) -> None:
    announced, taken = steps(tmp_path, protocol)
    assert abs(announced - taken) <= 3


def test_a_region_beyond_the_usual_lines_of_a_die_has_a_shape() -> None:
    assert usual_shape(read_parameters(VmmParameters, {"row": "70", "column": "64"})) == (1, 1)
    assert usual_shape(read_parameters(VmmParameters, {"row": "60", "columns": "5"})) == (4, 5)
