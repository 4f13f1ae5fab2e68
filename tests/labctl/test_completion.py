"""What the Tab key offers, asked as the shells ask: a process, variables of the environment, an answer on stdout."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from labctl import plugins
from labctl.backend import BackendOptions
from labctl.bench_file import TwinTable
from labctl.cli import main
from labctl.completion import joined
from labctl.engine import Watcher, run
from labctl.plan import RunRequest
from labctl.protocol import list_parameters, read_parameters
from labctl.source_fields import fields_of, parameters_of

Asked = Callable[[str, str], list[str]]


def question(shell: str, line: str) -> dict[str, str]:
    """Return the variables with which a shell asks about a line; it ends where the cursor stands."""
    words = [word for part in line.split(" ") for word in re.split("(=)", part) if word or not part]
    return {
        "_LABCTL_COMPLETE": f"complete_{shell}",
        "COMP_WORDS": "\n".join(words),
        "COMP_CWORD": str(len(words) - 1),
        "_TYPER_COMPLETE_ARGS": line,
        "_TYPER_COMPLETE_WORD_TO_COMPLETE": line.rpartition(" ")[2],
        "_TYPER_COMPLETE_FISH_ACTION": "get-args",
    }


@pytest.fixture
def asked(place: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Asked:
    """Ask as a shell does, in this process."""

    def ask(shell: str, line: str) -> list[str]:
        monkeypatch.chdir(place)
        monkeypatch.setitem(sys.modules, "rich", sys.modules.get("rich"))
        for name, value in question(shell, line).items():
            monkeypatch.setenv(name, value)
        with pytest.raises(SystemExit):
            main([])
        out, err = capfd.readouterr()
        assert err == ""
        return out.splitlines()

    return ask


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a run that is finished, and something that is none."""
    folder = tmp_path_factory.mktemp("bench")
    request = RunRequest("write-verify", {"levels": "2"}, options=BackendOptions(seed=1), data=folder / "runs")
    run(request, Watcher())
    (folder / "runs" / "20260101T000000Z_noise_0123abcd").mkdir()
    return folder


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("labctl demo", ["demo"]),
        ("labctl bench ", ["check", "init"]),
        ("labctl run write-v", ["write-verify"]),
        ("labctl protocols fou", ["fourier"]),
        ("labctl drivers keithley-24", ["keithley-2400", "keithley-2450"]),
        ("labctl run vmm --set mapp", ["mapping=offset", "mapping=differential", "mapping=reference"]),
        ("labctl run vmm --set mapping=", ["offset", "differential", "reference"]),
        ("labctl run vmm --set mapping=o", ["offset"]),
        ("labctl run vmm --set=mapping=o", ["offset"]),
        ("labctl run vmm --set read_v", ["read_voltage=", "read_voltage=200mV"]),
        ("labctl run write-verify --set order=random --set order", ["order_seed=", "order_seed=1"]),
        ("labctl run write-verify --set potentiation", ["potentiation=", "potentiation_width="]),
        ("labctl run write-verify --set potentiation_width=", ["80ns"]),
        ("labctl run vmm --twin front_end=", ["ideal", "board"]),
        ("labctl twin serve --twin front_end=b", ["board"]),
        ("labctl run vmm --backend t", ["twin"]),
        ("labctl export --format n", ["netcdf"]),
        ("labctl show 2026010", ["20260101T000000Z_noise_0123abcd"]),
        ("labctl report 01", ["0123abcd"]),
        ("labctl audit 0123", ["0123abcd"]),
        ("labctl live --data nowhere ", []),
        ("labctl pause ", []),
        ("labctl run --resume 0123", []),
        ("labctl run nonsense --set ", []),
        ("labctl run 'vmm", ["vmm"]),
        ("labctl bench check b", []),
    ],
)
def test_bash_is_offered(asked: Asked, line: str, offered: list[str]) -> None:
    assert [each for each in asked("bash", line) if each] == offered


def test_other_shells_take_whole_words(asked: Asked) -> None:
    line = "labctl run vmm --set mapping=d"
    assert asked("fish", line) == ["mapping=differential"]
    assert asked("zsh", line) == ["""_arguments '*: :(("mapping=differential"))'"""]
    assert asked("powershell", line) == ["mapping=differential::: "]


def test_descriptions_stay_on_their_line(asked: Asked) -> None:
    """A shell takes every line for something that can be typed."""
    for line in asked("fish", "labctl run write-verify --set "):
        assert re.fullmatch(r"[a-z_]+=\t.{3,90}", line), line


def test_only_a_run_that_ended_early_is_offered_to_be_resumed(asked: Asked, place: Path) -> None:
    (whole,) = [each for each in (place / "runs").iterdir() if "write-verify" in each.name and each.is_dir()]
    assert not any(asked("bash", f"labctl run --resume {whole.name[:20]}"))
    assert asked("bash", f"labctl show {whole.name[:20]}") == [whole.name]


def test_nothing_heavy_is_imported(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom labctl.cli import main\n"
        "try:\n    main([])\nexcept SystemExit:\n    pass\n"
        "heavy = {'numpy', 'scipy', 'pyvisa', 'serial', 'PySide6', 'rich', 'matplotlib'}\n"
        "heavy = {name for name in heavy if sys.modules.get(name)}\n"
        "assert not heavy, heavy\n"
        "print('fine')\n"
    )
    for line in ("labctl run fourier --set m", "labctl run --resume "):
        environment = os.environ | question("fish", line)
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False, env=environment
        )
        assert done.stdout.endswith("fine\n"), done.stderr


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash here")
def test_the_script_that_bash_gets(place: Path) -> None:
    """Bash itself parts the words, asks, and takes what it is told."""
    program = place / "bin" / "labctl"
    program.parent.mkdir(exist_ok=True)
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m labctl "$@"\n')
    program.chmod(0o755)
    commands = (
        'eval "$(_LABCTL_COMPLETE=source_bash labctl)"\n'
        "COMP_WORDS=(labctl run write-verify --set algorithm = s); COMP_CWORD=6\n"
        "_labctl_completion labctl s =\n"
        'printf "%s|" "${COMPREPLY[@]}"; complete -p labctl\n'
    )
    done = subprocess.run(
        ["bash", "--norc", "-c", commands],
        cwd=place,
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PATH": f"{program.parent}{os.pathsep}{os.environ['PATH']}"},
    )
    assert done.stdout == "secant|complete -o default -F _labctl_completion labctl\n", done.stderr


@pytest.mark.parametrize(
    ("typed", "words", "head"),
    [
        ("run x --set mode = fa", ["run", "x", "--set", "fa"], "mode="),
        ("run x --set mode =", ["run", "x", "--set", ""], "mode="),
        ("run x --set = mode = fa", ["run", "x", "--set", "fa"], "mode="),
        ("run x --set =", ["run", "x", "--set", ""], ""),
        ("run --data = fo", ["run", "--data", "fo"], ""),
        ("run x --set mode = fast --set mo", ["run", "x", "--set", "mode=fast", "--set", "mo"], ""),
        ("= =", [""], ""),
        ("", [""], ""),
    ],
)
def test_words_that_bash_parted_are_joined(typed: str, words: list[str], head: str) -> None:
    parted = typed.split(" ")
    assert joined(parted, len(parted) - 1) == (words, head)


@pytest.mark.parametrize("name", plugins.names(plugins.PROTOCOLS))
def test_what_is_read_from_the_source_is_what_can_be_set(name: str) -> None:
    """Every parameter is found, and every value that is offered is one that the protocol takes."""
    model = plugins.load(plugins.PROTOCOLS, name).parameters
    fields = parameters_of(*plugins.place(plugins.PROTOCOLS, name))
    assert [field.name for field in fields] == [each.name for each in list_parameters(model)]
    for field in fields:
        for word in field.words:
            read_parameters(model, {field.name: word})


def test_keys_of_the_twin_are_read_from_the_source() -> None:
    assert [field.name for field in fields_of("labctl.bench_file", "TwinTable")] == list(TwinTable.model_fields)
    assert fields_of("labctl.nowhere", "TwinTable") == fields_of("labctl.bench_file", "Nobody") == []
