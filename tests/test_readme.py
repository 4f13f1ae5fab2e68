"""What the README says is what happens."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from labctl import plugins
from labctl.bench_file import read_bench
from labctl.cli import main

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"```sh\n(.*?)\n```", README)


def test_ci_runs_the_readme_s_test_command() -> None:
    assert COMMANDS[1] in (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()


def test_the_windows_lines_are_the_same_commands() -> None:
    for command in COMMANDS[:2]:
        windows = command.replace("python3 -m", "py -m").replace(".venv/bin/", ".venv\\Scripts\\")
        assert windows in README


def test_the_bench_file_is_one() -> None:
    (text,) = re.findall(r"```toml\n(.*?)```", README, re.DOTALL)
    bench = read_bench(text, "README.md")
    assert bench.die.rows == 64
    assert set(bench.instruments) == {"smu", "board"}


@pytest.mark.parametrize("command", [COMMANDS[0].rpartition("&& ")[2], COMMANDS[2]])
def test_its_runs_run(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (text,) = re.findall(r"```toml\n(.*?)```", README, re.DOTALL)
    (tmp_path / "bench.toml").write_text(text, encoding="utf-8")
    arguments = [word for word in shlex.split(command)[1:] if word != "--live"]
    with pytest.raises(SystemExit) as ended:
        main([*arguments, "--backend", "twin", "--set", "quick=yes"])
    assert ended.value.code == 0
    assert "passed" in capsys.readouterr().out


def test_the_figures_are_those_of_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def ask(command: str) -> Any:
        with pytest.raises(SystemExit) as ended:
            main([*shlex.split(command)[1:], "--json"])
        assert ended.value.code == 0
        return json.loads(capsys.readouterr().out)

    monkeypatch.chdir(tmp_path)
    run_command, audit_command = re.findall(r"^`(labctl run [^`]*)`, then `(labctl audit)`", README, re.MULTILINE)[0]
    run, truth = ask(run_command), ask(audit_command)
    summary = run["summary"]
    figures = re.findall(r"^\| [a-z ,]+ \| ([^|]*[0-9][^|]*) \|$", README, re.MULTILINE)
    assert figures == [
        f"{truth['true_within_half_level']:.2%} of {truth['levels']}".replace("%", " %"),
        f"{truth['true_error_rms']:.2f} and {truth['true_error_max']:.2f} levels",
        ", ".join(
            (
                f"{summary['bursts_per_level']:.2f}",
                f"{summary['reads_per_level']:.2f}",
                f"{summary['samples_per_level']:.1f}",
            )
        ),
        f"{run['bench_time']:.0f} s",
    ]
    assert truth["true_within_half_level"] >= 0.995
    assert truth["true_error_rms"] <= 0.20
    assert summary["bursts_per_level"] <= 1.5
    assert summary["reads_per_level"] <= 3
    assert summary["samples_per_level"] <= 64


ARRAY = re.findall(
    r"^\| `(labctl run [^`]*)` \| `([a-z_]+)`(, in truth)? \| at (least|most) ([0-9.]+) \|$", README, re.MULTILINE
)


def test_the_table_of_the_array_is_found() -> None:
    assert len(ARRAY) == 6


@pytest.mark.parametrize(("command", "figure", "in_truth", "side", "bound"), ARRAY, ids=[row[0] for row in ARRAY])
def test_the_figures_of_the_array_are_those_of_the_runs(
    command: str,
    figure: str,
    in_truth: str,
    side: str,
    bound: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    answer: dict[str, Any] = {}
    for line in [command, "labctl audit"] if in_truth else [command]:
        with pytest.raises(SystemExit) as ended:
            main([*shlex.split(line)[1:], "--json"])
        assert ended.value.code == 0
        answer = json.loads(capsys.readouterr().out)
    found = answer["truth" if in_truth else "summary"][figure]
    assert found >= float(bound) if side == "least" else found <= float(bound)


def test_every_command_of_the_table_exists(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    listed = capsys.readouterr().out
    for command in set(re.findall(r"`labctl ([a-z]+)", README)):
        assert f" {command} " in listed


def test_the_drivers_it_names_are_the_drivers_there_are() -> None:
    (line,) = re.findall(r"^Drivers, and .*$", README, re.MULTILINE)
    assert set(re.findall(r"`([a-z0-9-]+)`", line)) == set(plugins.names(plugins.DRIVERS))
