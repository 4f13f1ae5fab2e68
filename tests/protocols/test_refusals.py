"""What a bench cannot do is refused before anything is set, for every protocol of one cell."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from labctl.backend import BackendOptions
from labctl.engine import Watcher, run
from labctl.errors import DeniedError, InputError
from labctl.plan import RunRequest

SMU = '[instruments.smu]\ndriver = "keithley-2450"\naddress = "TCPIP0::192.168.1.50::5025::SOCKET"\n'
BOARD = '[instruments.board]\ndriver = "probe-board"\naddress = "/dev/ttyACM0"\n'
REST = """
[bench]
name = "a bench"
[envelope]
voltage = "1.3 V"
read_voltage = "0.25 V"
cell_current = "15 mA"
line_current = "250 mA"
pulse_width = "10 ms"
pulses_per_cell = 1e9
[die]
id = "one"
rows = 8
columns = 8
"""
PULSING = (
    "endurance", "half-select", "noise", "one-step", "pulse-train", "read-disturb", "retention", "separability",
)  # fmt: skip


def refusal(folder: Path, protocol: str, bench: str | None = None, **settings: str) -> str:
    """Run; return what was refused, and see that there is no run, as nothing was sent."""
    file = folder / "bench.toml"
    file.write_text(REST + (SMU + BOARD if bench is None else bench))
    request = RunRequest(protocol, {"quick": "yes", **settings}, bench=file, backend="twin", data=folder / "runs")
    with pytest.raises(InputError) as refused:
        run(replace(request, options=BackendOptions(seed=1)), Watcher())
    assert not isinstance(refused.value, DeniedError)
    assert not (folder / "runs").exists() or not list((folder / "runs").iterdir())
    return str(refused.value)


@pytest.mark.parametrize("protocol", PULSING)
@pytest.mark.parametrize("name", ["potentiation_width", "depression_width"])
def test_pulses_that_the_board_cannot_make(tmp_path: Path, protocol: str, name: str) -> None:
    said = refusal(tmp_path, protocol, **{name: "5 ns"})
    assert name in said
    assert "5 ns" in said
    assert "20 ns" in said


def test_pulses_of_a_sweep_that_the_board_cannot_make(tmp_path: Path) -> None:
    assert "20 ns" in refusal(tmp_path, "iv-sweep", width="5 ns")


def test_a_staircase_that_no_request_holds(tmp_path: Path) -> None:
    said = refusal(tmp_path, "noise", potentiation_width="9.9 ms")
    assert "staircase" in said
    assert "198 at most" in said  # 4 s over 19.8 ms of a pulse and 350 us of its read


def test_instruments_that_only_some_parameters_ask_for(tmp_path: Path) -> None:
    assert "ProbeBoard with these parameters" in refusal(tmp_path, "iv-sweep", SMU)
    assert "SourceMeter" in refusal(tmp_path, "iv-sweep", BOARD, instrument="smu", v_max="0.2 V", v_min="-0.2 V")
    assert "SourceMeter" in refusal(tmp_path, "write-verify", BOARD, reader="smu")
