"""What the pages in `docs/` tell a person to type works, and prints what they show.

Each page is gone through from its top, in a folder of its own, as one person in one terminal would. A fenced block of
`sh` holds commands; one of `console` commands behind a `$`, and what they print, where `...` stands for anything;
`python` is run, `toml` is read by what it is written for. Comments of HTML before a block, which no reader sees, say
what a test must know of it:

    <!-- file: NAME -->          the block is the content of this file, for the blocks after it
    <!-- into: NAME -->          it replaces the table of the same name in this file
    <!-- after: COMMAND -->      this was typed before
    <!-- quick -->               runs have `--set quick=yes`
    <!-- exit: 2 -->             each command ends with this exit code, or one of several: `0 or 1`
    <!-- served: NAME -->        from here on a served twin stands at the addresses of this bench file
    <!-- installed: FOLDER -->   this package of the repository stands in the folder, installed, from here on
    <!-- beside: COMMAND -->     the block is typed while this command is under way, in another terminal
    <!-- not run: REASON -->     commands, options and parameters are checked, and nothing is run;
                                 `REASON (lines 2, 4)` says this of some lines of the block

The words RUN and FOLDER, with which pages name a run, stand for the newest one.
"""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import io
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import numpy as np
import pytest
from PIL import Image

from labctl import plugins
from labctl.bench_file import DEFAULT_BENCH, read_bench
from labctl.cli import main
from labctl.plan import plan
from labctl.run_names import RUN_NAME
from labctl.toml_source import TomlSource
from sim_backend.device_models.profile_files import load_profile
from sim_backend.faults.plan import read_plan

if TYPE_CHECKING:
    from collections.abc import Generator

    from labctl.plan import RunRequest

DOCS = Path(__file__).resolve().parents[1] / "docs"
NOT_RUN = {
    "goes on until Ctrl-C": 1,
    "installs packages": 5,
    "needs the instrument": 1,
    "needs the repository": 2,
    "opens a window": 7,
    "runs for long": 43,
}
"""Why commands are not run, and how many: one that is left out must be so on purpose."""
PAGES = sorted(path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md") if "_build" not in path.parts)
_BLOCK = re.compile(
    r"(?P<marks>(?:^<!-- [^\n]* -->\n+)*)^(?P<fence>```+)(?P<kind>[^\n`]*)\n(?P<text>.*?)^(?P=fence)$", re.M | re.S
)
_MARKS = {"file", "into", "after", "quick", "exit", "served", "installed", "beside", "not run"}
_ANSWER = 100
"""Time (s) that a process of a page may take."""


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block of a page, with what the comments before it say."""

    kind: str
    text: str
    marks: dict[str, str]

    @property
    def typed(self) -> list[tuple[str, str]]:
        """Each command with what it prints; "" where the page does not show that."""
        if self.kind == "sh":
            return [(line, "") for line in self.text.replace("\\\n", " ").splitlines() if line.strip()]
        parts = re.split(r"^\$ ", self.text.replace("\\\n", " "), flags=re.MULTILINE)
        assert not parts[0], "a console block begins with a command"
        return [(line, shown) for line, _, shown in (part.partition("\n") for part in parts[1:])]

    @property
    def left_out(self) -> list[int]:
        """Numbers of the commands, from 1, that are not run."""
        if "not run" not in self.marks:
            return []
        lines = re.findall(r"[0-9]+", self.marks["not run"])
        return list(map(int, lines)) or list(range(1, len(self.typed) + 1))

    @property
    def reason(self) -> str:
        """Why they are not."""
        return self.marks["not run"].partition(" (")[0]


def blocks(page: str) -> list[Block]:
    """Return the blocks of a page that can be run or read."""
    found: list[Block] = []
    for match in _BLOCK.finditer((DOCS / page).read_text(encoding="utf-8")):
        marks = dict(re.findall(r"<!-- ([a-z ]+?)(?:: (.*?))? -->", match["marks"]))
        assert set(marks) <= _MARKS, f"{page}: no such mark: {set(marks) - _MARKS}"
        if match["kind"] in ("sh", "console", "python", "toml") or "file" in marks:
            found.append(Block(match["kind"], match["text"], marks))
    return found


@dataclass
class Terminal:
    """One person's terminal in `folder`, from the top of a page to its end."""

    folder: Path
    patch: pytest.MonkeyPatch
    names: dict[str, Any] = field(default_factory=dict[str, Any])
    processes: list[subprocess.Popen[str]] = field(default_factory=list["subprocess.Popen[str]"])

    def go_through(self, block: Block) -> None:
        """Do what a reader would do with a block."""
        if package := block.marks.get("installed"):
            self._install(package)
        if before := block.marks.get("after"):
            self._type(before, "", {})
        if block.kind in ("sh", "console"):
            with self._beside(block.marks.get("beside")):
                for number, (command, shown) in enumerate(block.typed, 1):
                    if number in block.left_out:
                        look_at(command)
                    else:
                        self._type(command, shown, block.marks)
        elif block.kind == "python" and "file" not in block.marks:
            exec(compile(block.text, "page", "exec"), self.names)
        else:
            self._keep(block)
        if served := block.marks.get("served"):
            self._serve(served)

    def close(self) -> None:
        """End every process that is left, as Ctrl-C would."""
        for process in self.processes:
            process.terminate()
            process.communicate(timeout=_ANSWER)

    def _keep(self, block: Block) -> None:
        """Write a file, or change one; read what is TOML as what it is written for."""
        if name := block.marks.get("file"):
            (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / name).write_text(block.text, encoding="utf-8")
        text = block.text
        if name := block.marks.get("into"):
            text = with_table((self.folder / name).read_text(encoding="utf-8"), block.text)
            (self.folder / name).write_text(text, encoding="utf-8")
        if block.kind == "toml":
            read_toml(text, self.folder)

    def _type(self, command: str, shown: str, marks: dict[str, str]) -> None:
        """Run a command and look at its exit code and at what it printed."""
        words = shlex.split(self._with_run(command), comments=True)
        if not words:
            return
        if words[:2] == ["labctl", "run"] and "quick" in marks:
            words += ["--set", "quick=yes"]
        code, printed = run_labctl(words[1:]) if words[0] == "labctl" else self._run(words)
        allowed = [int(word) for word in marks.get("exit", "0").split(" or ")]
        assert code in allowed, f"{command}\nended with {code}:\n{printed}"
        if shown:
            assert is_shown(shown, printed), f"{command}\nprinted\n{printed}\nand the page shows\n{shown}"

    def _run(self, words: list[str]) -> tuple[int, str]:
        words = [sys.executable, *words[1:]] if words[0] == "python" else words
        done = subprocess.run(words, cwd=self.folder, capture_output=True, text=True, timeout=_ANSWER)
        return done.returncode, done.stdout + done.stderr

    def _with_run(self, command: str) -> str:
        """Return a command with the newest run in the place of words that stand for one."""
        if not re.search(r"\b(RUN|FOLDER)\b", command):
            return command
        newest = max(path for path in (self.folder / "runs").iterdir() if RUN_NAME.fullmatch(path.name))
        return re.sub(r"\bRUN\b", f"runs/{newest.name}", command).replace("FOLDER", newest.name)

    @contextlib.contextmanager
    def _beside(self, command: str | None) -> Generator[None]:
        """Have a run under way meanwhile, in another terminal."""
        if command is None:
            yield
            return
        process = self._start(command)
        assert process.stderr is not None
        assert "run " in process.stderr.readline()
        yield
        process.communicate(timeout=_ANSWER)
        self.processes.remove(process)

    def _serve(self, bench: str) -> None:
        process = self._start(f"labctl twin serve --bench {bench} --speed max --write-bench served.toml")
        assert process.stdout is not None
        while "smu" not in process.stdout.readline():
            assert process.poll() is None
        (self.folder / "served.toml").replace(self.folder / bench)

    def _install(self, package: str) -> None:
        """Install a package where this process and its children look for packages first."""
        copy = self.folder / Path(package).name
        shutil.copytree(DOCS.parent / package, copy)
        offline = ["--no-build-isolation", "--no-index"] if importlib.util.find_spec("hatchling") else []
        pip = ["python", "-m", "pip", "install", "-q", "--no-deps", *offline, "--target", "site", str(copy)]
        code, printed = self._run(pip)
        assert code == 0, printed
        self.patch.setenv("PYTHONPATH", str(self.folder / "site"))
        self.patch.syspath_prepend(self.folder / "site")  # pyright: ignore[reportUnknownMemberType]
        plugins._offered.cache_clear()

    def _start(self, command: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", *shlex.split(command)],
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.processes.append(process)
        return process


def run_labctl(arguments: list[str]) -> tuple[int, str]:
    """Run a command of labctl in this process; return its exit code, and what it prints."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        try:
            main(arguments)
        except SystemExit as ended:
            return int(ended.code or 0), printed.getvalue()
    raise AssertionError("main leaves by SystemExit")


def look_at(command: str) -> None:
    """Check a command that is not run: that it and its options exist, and a run up to the first instrument."""
    words = shlex.split(command, comments=True)
    if words[:1] != ["labctl"]:
        return
    check_options(words)
    if words[1] == "run" and "--resume" not in words:
        with patch("labctl.commands.carry_out", only_planned):
            code, text = run_labctl([word for word in words[1:] if word != "--live"])
        assert code == 0, f"{command}\nis refused:\n{text}"


def check_options(words: list[str]) -> None:
    """Check that a command and its options are there."""
    if len(words) == 1 or words[1].startswith("-"):
        return
    calls = words[1:3] if words[1] in ("bench", "die", "twin") else words[1:2]
    text = help_of(*calls)
    for word in words[1 + len(calls) :]:
        name = word.partition("=")[0]
        known = re.search(rf"(?<![\w-]){name}(?![\w-])", text)
        assert not name.startswith("-") or known, f"{' '.join(words)}: no option {name}"


@functools.cache
def help_of(*calls: str) -> str:
    """Return the help of a command."""
    code, text = run_labctl([*calls, "--help"])
    assert code == 0, calls
    return text


def only_planned(request: RunRequest, *_window: object, json: bool) -> int:
    """Do what `labctl run` does before it opens an instrument."""
    return 0 if plan(request) else 1


def is_shown(shown: str, printed: str) -> bool:
    """Return whether a page shows what was printed; `...` stands for anything, and blanks count once."""
    parts = (re.escape(" ".join(part.split())) for part in shown.split("..."))
    return re.fullmatch(r"\s?.*?\s?".join(parts), " ".join(printed.split()), re.DOTALL) is not None


def with_table(text: str, table: str) -> str:
    """Return a TOML file with another table in the place of that of the same name."""
    head = table.splitlines()[0]
    replaced, count = re.subn(rf"^{re.escape(head)}\n.*?(?=^\[|\Z)", lambda _: f"{table}\n", text, flags=re.M | re.S)
    assert count == 1, f"there is no table {head}"
    return replaced


def read_toml(text: str, folder: Path) -> None:
    """Read a TOML text as a bench file, a fault plan, a device profile or a package's."""
    tables = tomllib.loads(text)
    if "instruments" in tables:
        read_bench(text, "page")
    elif "fault" in tables:
        read_plan(TomlSource("page", text))
    elif "base" in tables:
        (folder / "profile.toml").write_text(text, encoding="utf-8")
        load_profile(folder / "profile.toml")
    else:
        assert "project" in tables, f"nobody reads such a file: {sorted(tables)}"


def leave_files(folder: Path) -> None:
    """Put what pages call a file of one's own into a folder: matrices of -1 to 1, inputs, pictures, a bench."""
    draw = np.random.default_rng(1)
    for name in ("W.npy", "weights.npy"):
        np.save(folder / name, draw.uniform(-1, 1, (64, 64)))
    np.savetxt(folder / "x.csv", draw.uniform(-1, 1, (8, 64)), delimiter=",")
    bench = re.sub(
        r"^\[instruments.board\]\n.*?(?=^\[)", "", DEFAULT_BENCH.read_text(encoding="utf-8"), flags=re.M | re.S
    )
    bench = re.sub(r"^(rows|columns) = 64$", r"\1 = 1", bench, flags=re.M)
    (folder / "smu_alone.toml").write_text(bench, encoding="utf-8")
    (folder / "RUN").mkdir()
    np.savetxt(folder / "RUN" / "coefficients-found.csv", np.column_stack([np.ones(64), np.zeros(64)]), delimiter=",")
    for name in ("photograph.png", "picture.png"):
        Image.fromarray(draw.integers(0, 256, (32, 32), dtype=np.uint8)).save(folder / name)


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page)])
def test_the_page_can_be_typed(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    leave_files(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("QT_QPA_PLATFORM", "offscreen")
    modules = set(sys.modules)
    terminal = Terminal(tmp_path, monkeypatch)
    try:
        for block in blocks(page):
            terminal.go_through(block)
    finally:
        terminal.close()
        plugins._offered.cache_clear()  # it knew what was installed for the page
        for name in set(sys.modules) - modules:
            if str(tmp_path) in str(getattr(sys.modules[name], "__file__", "")):
                del sys.modules[name]


def test_commands_in_running_text_are_there() -> None:
    """With their options; nothing of them is run, as most are written with placeholders."""
    for page in [*PAGES, "../README.md"]:
        text = (DOCS / page).read_text(encoding="utf-8")
        for command in re.findall(r"(?<!`)`(labctl [^`\n]+)`(?!`)", text):
            check_options(shlex.split(command))


def test_what_is_not_run_is_so_on_purpose() -> None:
    reasons = Counter[str]()
    for page in PAGES:
        for block in blocks(page):
            if block.left_out:
                reasons[block.reason] += len(block.left_out)
    assert dict(reasons) == NOT_RUN


def test_the_files_of_a_run_are_those_of_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    code, printed = run_labctl(["run", "iv-sweep", "--set", "quick=yes", "--audit"])
    assert code == 0, printed
    (run,) = [path for path in (tmp_path / "runs").iterdir() if path.is_dir()]
    told = re.findall(r"^\| `([a-z.]+)` \|", (DOCS / "reference/files.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert {path.name for path in run.iterdir()} == set(told) - {"guardian.log", "steer"}
