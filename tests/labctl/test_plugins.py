"""Other people's packages: imported when they are named, and not before."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

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
    assert done.stdout.split("\n")[:-1] == [f"[{command}: 70]" for command in named]
    assert done.stderr.count("imported though nobody asked") == len(named)
    (installed / "loud.py").write_text(COMMAND, encoding="utf-8")
    assert labctl(installed, "--help", "loud").stdout.endswith("the command ran\n[loud: 0]\n")


def test_a_name_that_two_offer_is_nobody_s(installed: Path) -> None:
    entries = installed / "loud-1.2.dist-info" / "entry_points.txt"
    entries.write_text("[labctl.protocols]\nwrite-verify = loud:PROTOCOL\n", encoding="utf-8")
    done = labctl(installed, "run write-verify")
    assert done.stdout == "[run write-verify: 2]\n"
    assert "offered by labctl and loud; uninstall all but one" in done.stderr
