"""The example of other people's packages: installed as they install it, found, and used like labctl's own."""

from __future__ import annotations

import ast
import importlib.util
import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples/azolab"
BENCH = EXAMPLE / "bench.toml"
ON_TWIN = f"--bench {BENCH} --backend twin"
SWEEP = (
    "run iv-sweep --json --set quick=yes --set instrument=smu --set mode=loop --set compliance=200nA"
    " --set v_max=200mV --set v_min=-200mV"
)
CALLS = """
import sys
from labctl.cli import main
for arguments in sys.argv[1:]:
    try:
        main(arguments.split())
    except SystemExit as ended:
        print(f"[{ended.code}]", flush=True)
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the package is installed; nothing else is there.

    Its build backend is one of labctl's own tools; where it is not installed, pip fetches it.
    """
    target = tmp_path_factory.mktemp("site")
    offline = ["--no-build-isolation", "--no-index"] if importlib.util.find_spec("hatchling") else []
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", *offline, "--target", str(target), str(EXAMPLE)]
    done = subprocess.run(pip, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return target


def call(site: Path, folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Run a command with the package beside labctl."""
    env = os.environ | {"PYTHONPATH": str(site), "COLUMNS": "200", "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run([sys.executable, *command], cwd=folder, env=env, capture_output=True, text=True, check=False)


def labctl(site: Path, folder: Path, *commands: str) -> list[tuple[str, str]]:
    """Run commands, one after the other, in one process; return what each prints, and its exit code, 0 or 1."""
    done = call(site, folder, "-c", CALLS, *commands)
    found: list[tuple[str, str]] = []
    lines: list[str] = []
    for line in done.stdout.splitlines():
        if line[:1] == "[" and line[1:-1].isdigit():
            found.append(("\n".join(lines), line[1:-1]))
            lines = []
        else:
            lines.append(line)
    assert len(found) == len(commands), done.stdout + done.stderr
    assert {code for _, code in found} <= {"0", "1"}, done.stdout + done.stderr
    return found


def test_it_is_listed_and_its_protocol_and_instrument_run_on_the_twin(site: Path, tmp_path: Path) -> None:
    protocols, drivers, parameters, keys, measured, swept, estimated, _ = labctl(
        site,
        tmp_path,
        "protocols",
        "drivers",
        "protocols update-symmetry",
        "drivers yokogawa-gs820",
        f"run update-symmetry --json --seed 1 {ON_TWIN}",
        f"{SWEEP} {ON_TWIN}",
        f"run update-symmetry --json --dry-run {ON_TWIN}",
        "export --format csv",
    )
    assert "update-symmetry  offered by labctl-azolab 0.1.0" in protocols[0]
    assert "yokogawa-gs820  offered by labctl-azolab 0.1.0" in drivers[0]
    assert "up_width    s" in parameters[0]
    assert keys[0].startswith("yokogawa-gs820: Channel 1 of a Yokogawa GS820.\n")

    result = json.loads(measured[0])
    assert result["passed"]
    assert result["summary"]["step_up"] == pytest.approx(-result["summary"]["step_down"], rel=0.02)
    assert result["summary"]["first_asymmetry"] > 0.1
    cell = json.loads(swept[0])["summary"]
    assert cell["measured"] == 1
    assert cell["conductance_before"] == pytest.approx(cell["conductance_after"], rel=0.01)
    assert json.loads(estimated[0])["bench_time"] == pytest.approx(result["bench_time"], rel=0.2)
    manifest = json.loads((Path(result["run"]) / "manifest.json").read_text(encoding="utf-8"))
    assert "labctl-azolab 0.1.0" in json.dumps(manifest)


STOPPED = """
import os, signal, sys
from azolab import update_symmetry
from labctl import plugins
from labctl.cli import main

def stop(bench, parameters, start):
    for number, item in enumerate(update_symmetry._run(bench, parameters, start)):
        if number == 350:
            os.kill(os.getpid(), signal.SIGINT)
        yield item

import dataclasses
stopping = dataclasses.replace(update_symmetry.PROTOCOL, run=stop)
load = plugins.load
plugins.load = lambda group, name: stopping if name == "update-symmetry" else load(group, name)
main(sys.argv[1].split())
"""


def test_a_run_that_was_stopped_goes_on_and_comes_to_the_same(site: Path, tmp_path: Path) -> None:
    """With the seed of one that was not stopped: the same pulses see the same noise."""
    command = f"run update-symmetry --json --seed 3 --set quick=yes {ON_TWIN}"
    stopped = call(site, tmp_path, "-c", STOPPED, command)
    assert stopped.returncode == 130, stopped.stdout + stopped.stderr
    (folder,) = (tmp_path / "runs").iterdir()
    gone_on, whole = labctl(site, tmp_path, f"run --resume {folder.name} --json", command)
    assert json.loads(gone_on[0])["summary"]["cycles"] == 8
    assert json.loads(gone_on[0])["summary"] == json.loads(whole[0])["summary"]


def test_its_panel_is_served_and_its_bench_checked(site: Path, tmp_path: Path) -> None:
    served = [sys.executable, "-m", "labctl", "twin", "serve", "--bench", str(BENCH), "--write-bench", "served.toml"]
    env = os.environ | {"PYTHONPATH": str(site)}
    with subprocess.Popen([*served, "--json"], cwd=tmp_path, env=env, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            assert "yokogawa-gs820" in server.stdout.readline()
            ((checked, code),) = labctl(site, tmp_path, "bench check served.toml --json")
        finally:
            server.terminate()
    smu = json.loads(checked)["instruments"][0]
    assert code == "0"
    assert smu["identity"].startswith("YOKOGAWA,765601,")
    assert (smu["limits"]["output"], smu["limits"]["source_level"], smu["errors"]) == (False, 0.0, [])


def test_its_own_tests_and_the_contract_suite_pass(site: Path) -> None:
    contract = ["tests/contract/test_source_meter.py", "--bench", str(BENCH), "--backend", "twin"]
    done = call(site, ROOT, "-m", "pytest", str(EXAMPLE / "tests"), *contract, "-q", "-n0", "-p", "no:cacheprovider")
    assert done.returncode == 0, done.stdout
    assert "skipped" not in done.stdout


ALLOWED = {
    "gs820.py": {"azolab.gs820_settings", "drivers", "labctl"},
    "gs820_settings.py": {"drivers"},
    "gs820_panel.py": {"sim_backend"},
    "update_symmetry.py": {"azolab.update_symmetry_summary", "labctl"},
    "update_symmetry_summary.py": {"azolab.update_symmetry", "labctl"},
}
"""What each file imports of labctl and of its own package: the rooms of labctl hold here, too."""


@pytest.mark.parametrize("name", ALLOWED)
def test_driver_panel_and_protocol_are_strangers(name: str) -> None:
    ours = ("azolab", "drivers", "labctl", "protocols", "sim_backend", "pyvisa", "serial")
    tree = ast.parse((EXAMPLE / "src/azolab" / name).read_text(encoding="utf-8"))
    imported = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module}
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.Import) and node.names[0].name in ours]
    found = {module for module in imported if module.split(".")[0] in ours}
    assert {module if module.startswith("azolab") else module.split(".")[0] for module in found} == ALLOWED[name]


def test_every_file_is_in_a_room() -> None:
    files = {file.name for file in (EXAMPLE / "src/azolab").glob("*.py")} - {"__init__.py"}
    assert files == set(ALLOWED)
    names = tomllib.loads((EXAMPLE / "pyproject.toml").read_text(encoding="utf-8"))["project"]["entry-points"]
    assert names["labctl.drivers"].keys() == names["labctl.panels"].keys()
