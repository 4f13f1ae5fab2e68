"""A served source-measure unit, and what other people's programs say about it.

Scripts run in an environment of their own (`pytest tests/clients --clients PYTHON`, see `requirements.txt`) and know
nothing of labctl. `test_public_clients.py` says what a script prints.
"""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pytest

from labctl.backend import BackendOptions
from labctl.bench_file import DEFAULT_BENCH, load_bench
from sim_backend.backend import TwinBackend
from sim_backend.device_models.interface import Train
from sim_backend.panels import (
    keithley_2400_accuracy,
    keithley_2450_accuracy,
    keithley_2600_accuracy,
    keysight_b2900_accuracy,
)
from sim_backend.panels.keithley_2600_facts import FAMILY_2635

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sim_backend.die import Die
    from sim_backend.front_end.meter_accuracy import RangeAccuracy, Specification

SEED: Final = 7
PULSES: Final = 8000
"""Steps up that the cell has been written: some 2.9 mS, so that what it carries at 0.2 V is far above all offsets."""
PATIENCE: Final = 100.0
"""How long (s) a script may take, the start of its packages included."""
SCRIPTS: Final = Path(__file__).parent / "scripts"


@dataclass(frozen=True, slots=True)
class Family:
    """A family of instruments, as a bench file names it.

    Args:
        driver: in the bench file.
        expect: what stands in the identity.
        links: on which scripts are run: "socket", and "serial" for those with RS-232.
        specification: what the data sheet guarantees.
        voltage: its name for the source of a voltage, in the specification.
        current: its name for the measured current.
        speed: of the twin; real where a client waits for a sweep to begin, which at most speed is over at once.
    """

    driver: str
    expect: str
    links: tuple[str, ...]
    specification: Specification
    voltage: str = "VOLT"
    current: str = "CURR"
    speed: str = "max"


FAMILIES: Final = {
    "2400": Family("keithley-2400", "2400", ("socket", "serial"), keithley_2400_accuracy.SPECIFICATION),
    "2450": Family("keithley-2450", "2450", ("socket",), keithley_2450_accuracy.SPECIFICATION),
    "2600": Family(
        "keithley-2600", "26", ("socket",), keithley_2600_accuracy.specification_of(FAMILY_2635), "v", "i", "real"
    ),
    "b2900": Family("keysight-b2900", "B29", ("socket",), keysight_b2900_accuracy.SPECIFICATION),
}
FAMILIES["b2962a"] = FAMILIES["b2900"]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Ask every script, on each link that its instrument has; of one family only if the module has a `FAMILY`."""
    if "script" not in metafunc.fixturenames:
        return
    module = metafunc.definition.getparent(pytest.Module)
    wanted = str(getattr(module.obj, "FAMILY", "*")) if module else "*"
    asked = [
        pytest.param(script, link, id=f"{script.stem}-{link}")
        for script in sorted(SCRIPTS.glob(f"*_{wanted}.py"))
        for link in FAMILIES[script.stem.rpartition("_")[2]].links
    ]
    metafunc.parametrize(("script", "link"), asked)


@dataclass(frozen=True, slots=True)
class Truth:
    """The cell that the instrument sees, and what its data sheet allows it to be wrong.

    Args:
        die: as it is when the script begins; nothing that scripts do changes it.
        family: of the instrument.
    """

    die: Die
    family: Family

    def current(self, voltage: float) -> float:
        """Return what the cell carries (A) at a voltage (V)."""
        return float(self.die.current(np.array([0]), voltage)[0])

    def tolerance(self, voltage: float, limit: float) -> float:
        """Return how far (A) a reading may be from `current(voltage)`.

        The source may be in its 2 V range or a lower one, the meter in the range that holds the limit. The cell's own
        noise is six standard deviations of one sample: readings integrate over many.
        """
        current, noise = abs(self.current(voltage)), self.die.model.profile.noise
        step = 1e-3
        slope = (self.current(voltage + step) - self.current(voltage)) / step
        source = self._range("source", self.family.voltage, 1.9)
        meter = self._range("measure", self.family.current, limit)
        sourced = abs(voltage) * source.gain + source.offset + source.resolution / 2
        conductance = current / abs(voltage) if voltage else 0.0
        own = 6 * (noise.read + noise.read_slope * conductance) * abs(voltage)
        return sourced * slope + current * meter.gain + meter.offset + 6 * meter.noise / 0.1 + own

    def voltage_tolerance(self, voltage: float) -> float:
        """Return how far (V) a measured voltage may be from the level (V): both in the 2 V range."""
        source = self._range("source", self.family.voltage, 1.9)
        meter = self._range("measure", self.family.voltage, 1.9)
        gain, offset = source.gain + meter.gain, source.offset + meter.offset
        return abs(voltage) * gain + offset + source.resolution + 6 * meter.noise / 0.1

    def limited(self, limit: float) -> float:
        """Return how far (A) a reading in compliance may be from the limit (A)."""
        meter = self._range("measure", self.family.current, limit)
        source = self._range("source" if self._sources_current else "measure", self.family.current, limit)
        return limit * (meter.gain + source.gain) + meter.offset + source.offset + source.resolution + 6 * meter.noise

    @property
    def _sources_current(self) -> bool:
        return self.family.current in self.family.specification.source

    def _range(self, side: str, function: str, value: float) -> RangeAccuracy:
        ranges = getattr(self.family.specification, side)[function]
        return min((one for one in ranges if one.full_scale >= value), key=lambda one: one.full_scale)


def interpreter_of(config: pytest.Config) -> str:
    """Return the interpreter of the other environment; skip without it."""
    found: str | None = config.getoption("--clients")
    if found is None:
        pytest.skip("no environment with other people's clients: say --clients PYTHON (tests/clients/requirements.txt)")
    return found


@dataclass(frozen=True, slots=True)
class Served:
    """What a script is run against.

    Args:
        resource: where it finds the instrument.
        truth: what it should see.
    """

    resource: str
    truth: Truth


@pytest.fixture
def served(tmp_path: Path, script: Path, link: str) -> Iterator[Served]:
    """Serve a bench with the script's instrument alone, which sees a written cell, until the test ends."""
    family = FAMILIES[script.stem.rpartition("_")[2]]
    bench, die = tmp_path / "bench.toml", tmp_path / "die.npz"
    bench.write_text(_alone(family), encoding="utf-8")
    with closing(TwinBackend(load_bench(bench), BackendOptions(seed=SEED))) as twin:
        twin.world.die.pulse_all(0.9, Train(80e-9, count=PULSES))
        twin.world.save(die)
        truth = Truth(twin.world.die, family)
    command = [
        sys.executable,
        "-m",
        "labctl",
        "twin",
        "serve",
        "--json",
        "--bench",
        str(bench),
        "--speed",
        family.speed,
    ]
    command += ["--seed", str(SEED), "--die", str(die)]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        pytest.fail(process.communicate(timeout=PATIENCE)[1])
    (found,) = json.loads(line)["instruments"]
    if link == "serial" and not found["others"]:
        process.kill()
        pytest.skip("no pseudo-terminals on this system")
    yield Served(found["others"][0] if link == "serial" else found["resource"], truth)
    process.terminate()
    complaints = process.communicate(timeout=PATIENCE)[1]
    assert "Traceback" not in complaints, complaints


@pytest.fixture
def seen(request: pytest.FixtureRequest, script: Path, served: Served, tmp_path: Path) -> dict[str, Any]:
    """Run the script; return what it printed. Skipped by name if its package is not installed there."""
    python = interpreter_of(request.config)
    done = subprocess.run(
        [python, str(script), served.resource],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    if "skipped" in found:
        pytest.skip(found["skipped"])
    return found


@pytest.fixture(autouse=True)
def installed(request: pytest.FixtureRequest, script: Path) -> None:
    """Skip a script whose package is not installed in the other environment."""
    package = script.stem.rpartition("_")[0]
    probe = "import importlib.util, sys; sys.exit(importlib.util.find_spec(sys.argv[1]) is None)"
    if subprocess.run([interpreter_of(request.config), "-c", probe, package], check=False).returncode:
        pytest.skip(f"{package} is not installed in the environment of --clients")


def _alone(family: Family) -> str:
    """Return the packaged bench with this instrument in it, and no board: it sees cell (0, 0)."""
    text = DEFAULT_BENCH.read_text(encoding="utf-8")
    text = text.replace('"keithley-2450"', f'"{family.driver}"').replace('"2450"', f'"{family.expect}"')
    before, board, after = text.partition("[instruments.board]")
    assert board
    assert f'driver = "{family.driver}"' in before
    return before + after[after.index("[envelope]") :]
