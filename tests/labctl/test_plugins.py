"""Other people's packages: imported when they are named, and not before."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from labctl.bench_file import DEFAULT_BENCH

ENTRIES = """
[labctl.drivers]
loud-driver = loud:Driver
[labctl.panels]
loud-driver = loud:Panel
[labctl.protocols]
loud-protocol = loud:PROTOCOL
[labctl.backends]
loud-backend = loud:Backend
[labctl.commands]
loud = loud:command
runs = loud:command
"""
LOUD = "raise RuntimeError('imported though nobody asked')\n"
COMMAND = "def command() -> None:\n    'Say something.'\n    print('the command ran')\n"


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """A distribution whose module raises when it is imported."""
    site = tmp_path / "site"
    info = site / "loud-1.2.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: loud\nVersion: 1.2\n", encoding="utf-8")
    (info / "entry_points.txt").write_text(ENTRIES, encoding="utf-8")
    (site / "loud.py").write_text(LOUD, encoding="utf-8")
    return site


CALLS = """
import sys
from labctl.cli import main
for arguments in sys.argv[1:]:
    try:
        main(arguments.split())
    except SystemExit as ended:
        print(f"[{arguments}: {ended.code}]", flush=True)
"""


def labctl(site: Path, *commands: str) -> subprocess.CompletedProcess[str]:
    """Run commands, one after the other, in one process, each of which ends with a line with its exit code."""
    env = os.environ | {"PYTHONPATH": str(site), "COLUMNS": "200"}
    call = [sys.executable, "-c", CALLS, *commands]
    return subprocess.run(call, cwd=site, env=env, capture_output=True, text=True, check=True)


def test_what_nobody_names_is_not_imported(installed: Path) -> None:
    done = labctl(installed, "--help", "runs", "drivers", "protocols --json")
    assert done.stderr == ""
    listed, runs, drivers, protocols = done.stdout.split("]\n")[:4]
    assert "Offered by loud 1.2" in listed
    assert runs == "there is no run in runs\n[runs: 0"
    assert "offered by loud 1.2" in drivers
    assert "A Keithley 2450." in drivers
    assert "offered by loud 1.2" in protocols


def test_what_is_named_is(installed: Path) -> None:
    named = ("drivers loud-driver", "protocols loud-protocol", "run loud-protocol", "loud")
    done = labctl(installed, *named)
    assert done.stdout.split("\n")[:-1] == [f"[{command}: 2]" for command in named]
    said = "of loud 1.2 cannot be loaded: RuntimeError: imported though nobody asked; update or uninstall that package"
    assert [said in line for line in done.stderr.splitlines()] == [True] * len(named)
    (installed / "loud.py").write_text(COMMAND, encoding="utf-8")
    assert labctl(installed, "--help", "loud").stdout.endswith("the command ran\n[loud: 0]\n")


def test_a_name_that_two_offer_is_nobody_s(installed: Path) -> None:
    entries = installed / "loud-1.2.dist-info" / "entry_points.txt"
    entries.write_text("[labctl.protocols]\nwrite-verify = loud:PROTOCOL\n", encoding="utf-8")
    done = labctl(installed, "run write-verify")
    assert done.stdout == "[run write-verify: 2]\n"
    assert "offered by labctl and loud; uninstall all but one" in done.stderr


BROKEN_ENTRIES = """
[labctl.drivers]
half-driver = broken.drivers:HalfDriver
raising-driver = broken.drivers:RaisingDriver
[labctl.panels]
raising-driver = sim_backend.panels.keithley_2450:Keithley2450Panel
[labctl.protocols]
no-protocol = broken.protocols:NUMBER
half-protocol = broken.half:PROTOCOL
missing-protocol = broken.protocols:NOTHING
raising-protocol = broken.protocols:PROTOCOL
"""
BROKEN_DRIVERS = """
from drivers.keithley_2450 import Keithley2450
from labctl.bench_file import InstrumentEntry
from labctl.instruments import SourceMeter


class HalfDriver(SourceMeter):
    Settings = InstrumentEntry

    @classmethod
    def open(cls, backend, name, settings):
        return cls()


class RaisingDriver(Keithley2450):
    def measure(self):
        raise ZeroDivisionError("of the driver")
"""
BROKEN_PROTOCOLS = """
from dataclasses import replace

from protocols.read_map import PROTOCOL as GOOD

NUMBER = 1


def run(bench, parameters, start):
    raise KeyError("of the protocol")
    yield


PROTOCOL = replace(GOOD, name="raising-protocol", run=run)
"""
HALF_PROTOCOL = """
from labctl.protocol import Protocol

PROTOCOL = Protocol(name="half-protocol")
"""


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    """A distribution of which nothing works."""
    site = tmp_path / "site"
    info, package = site / "broken-3.1.dist-info", site / "broken"
    info.mkdir(parents=True)
    package.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 3.1\n", encoding="utf-8")
    (info / "entry_points.txt").write_text(BROKEN_ENTRIES, encoding="utf-8")
    (package / "__init__.py").write_text("", encoding="utf-8")
    (package / "drivers.py").write_text(BROKEN_DRIVERS, encoding="utf-8")
    (package / "protocols.py").write_text(BROKEN_PROTOCOLS, encoding="utf-8")
    (package / "half.py").write_text(HALF_PROTOCOL, encoding="utf-8")
    return site


def test_what_is_broken_is_named_in_one_line_and_breaks_nothing_else(broken: Path) -> None:
    named = [
        "run no-protocol",
        "protocols missing-protocol",
        "run half-protocol",
        "drivers half-driver",
        "protocols read-map",
        "drivers",
    ]
    done = labctl(broken, *named)
    assert [line for line in done.stdout.splitlines() if line.startswith("[")] == [
        f"[{command}: {code}]" for command, code in zip(named, (2, 2, 2, 2, 0, 0), strict=True)
    ]
    number, nothing, half, driver = done.stderr.splitlines()
    assert "the protocol 'no-protocol' of broken 3.1 is none: broken.protocols:NUMBER has no parameters, " in number
    assert "the protocol 'missing-protocol' of broken 3.1 cannot be loaded: AttributeError: " in nothing
    assert "the protocol 'half-protocol' of broken 3.1 cannot be loaded: TypeError: " in half
    assert "'summarise'" in half
    assert (
        "the driver 'half-driver' of broken 3.1 is none: broken.drivers:HalfDriver has no close, configure, " in driver
    )


def test_what_raises_in_a_run_is_not_called_ours(broken: Path) -> None:
    bench = DEFAULT_BENCH.read_text(encoding="utf-8").replace('"keithley-2450"', '"raising-driver"')
    (broken / "bench.toml").write_text(bench, encoding="utf-8")
    sweep = "run iv-sweep --bench bench.toml --backend twin --set quick=yes --set instrument=smu --set mode=loop"
    sweep += " --set others=may-change"
    done = labctl(broken, "run raising-protocol --json", sweep)
    assert done.stdout.count(": 70]") == 2
    protocol, driver = [line for line in done.stderr.splitlines() if line.startswith("labctl: ")]
    assert protocol.startswith("labctl: a bug of broken 3.1, not of labctl: KeyError: 'of the protocol'; --traceback")
    assert driver.startswith(
        "labctl: a bug of broken 3.1, not of labctl: ZeroDivisionError: of the driver; --traceback"
    )
    assert '"BugError"' in done.stdout
