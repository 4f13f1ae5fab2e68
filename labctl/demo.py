"""`labctl demo`: programs, multiplies and transforms on one die of the twin, and ends with the report of all three."""

from __future__ import annotations

import shlex
import shutil
import textwrap
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from typing_extensions import override

from labctl import engine
from labctl.backend import BackendOptions, WallClock
from labctl.bench_file import load_bench
from labctl.commands import result_json
from labctl.console import print_beside, print_json, print_lines, table
from labctl.demo_pictures import write_picture, write_weights
from labctl.errors import InterruptedRunError, LabctlError, OutputError, StoreError
from labctl.levels import LEVELS
from labctl.open_page import open_page
from labctl.plan import RunRequest
from labctl.progress import ProgressWatcher
from labctl.protocol import Outcome
from labctl.report.command import make_report
from labctl.report.findings import findings_from
from labctl.report.wording import duration, spaced, worded
from labctl.run_names import check_data
from labctl.stop_requests import ignore_signals

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from labctl.engine import RunResult
    from labctl.window_process import WindowAhead

_BLOCKS = 3
"""Blocks across and down of the picture that is transformed, each as large as the array."""
_TEXT_WIDTH = 100
"""Columns of running text, at most."""


@dataclass(frozen=True, slots=True)
class DemoRequest:
    """What a person asks for; see the options of `labctl demo`."""

    data: Path
    seed: int = 0
    browser: bool = True
    json: bool = False


@dataclass(frozen=True, slots=True)
class _Part:
    """One experiment of the demo.

    Args:
        protocol: its name.
        settings: its parameters.
        happens: what it does, for somebody who sees it for the first time.
        to_see: what the window shows of it.
        pace: least time (s) of a step that recorded something, while there is a window: the twin is often quicker than
            the eye.
        rest: how long (s) its end can be looked at before the window goes on.
    """

    protocol: str
    settings: Mapping[str, str]
    happens: str
    to_see: str
    pace: float
    rest: float


@dataclass(slots=True)
class _Stage:
    """Where the demo stands.

    Args:
        request: what was asked for.
        folder: for what is not a run's own: die, matrices, report.
        window: the one to open; None if there is none.
        results: of the experiments that came to their end.
    """

    request: DemoRequest
    folder: Path
    window: WindowAhead | None
    clock: WallClock = field(default_factory=WallClock)
    results: list[RunResult] = field(default_factory=list["RunResult"])

    @property
    def die(self) -> Path:
        """The file of the die that all experiments share."""
        return self.folder / "die.npz"

    def say(self, *paragraphs: str) -> None:
        """Print text for people: on stdout, or beside it where stdout is for one JSON object."""
        width = min(_TEXT_WIDTH, shutil.get_terminal_size().columns)
        for paragraph in paragraphs:
            margin = paragraph[: len(paragraph) - len(paragraph.lstrip())]
            self.show(*textwrap.wrap(paragraph, width, subsequent_indent=margin, break_on_hyphens=False) or [""])

    def show(self, *lines: str) -> None:
        """Print lines as they are."""
        if self.request.json:
            print_beside(lines)
        else:
            print_lines(lines)


def show_demo(request: DemoRequest, window: WindowAhead | None) -> int:
    """Run the demo; return the exit code: 0 only if all three experiments passed.

    Args:
        request: what is asked for.
        window: the one that goes along from run to run; None: nobody looks, and nothing waits for anybody.

    Raises:
        LabctlError: as `labctl run` does; what ended an experiment ends the demo.
    """
    side = load_bench().die.rows
    stage = _begin(request, window, side)
    parts = _parts(stage.folder, side)
    for number, part in enumerate(parts, 1):
        _carry_out(stage, part, f"{number} of {len(parts)}")
    page = _report(stage)
    passed = all(result.passed for result in stage.results)
    _end(stage, page, passed)
    return 0 if passed else 1


def _begin(request: DemoRequest, window: WindowAhead | None, side: int) -> _Stage:
    """Say what comes, and write the files that the experiments take."""
    check_data(request.data)
    folder = request.data / f"demo_{WallClock().utc():%Y%m%dT%H%M%SZ}"
    stage = _Stage(request, folder, window)
    stage.say(
        "Three experiments on one die of the twin: a simulation of die, wiring and instruments that answers the same "
        "bytes as they do. Nothing is connected, and the figures are the simulation's. Ctrl-C ends it.",
    )
    if stage.window and not (find_spec("PySide6") and find_spec("pyqtgraph")):
        stage.window = None
        stage.say("There is no live window: it needs PySide6 and pyqtgraph.")
        stage.show('  pip install "labctl[live]"')
    if not find_spec("matplotlib"):
        stage.say("There will be no report: it needs matplotlib.")
        stage.show('  pip install "labctl[report]"')
    try:
        folder.mkdir(parents=True)
        write_weights(side, folder / "weights.npy")
        write_picture(_BLOCKS * side, folder / "picture.png")
    except OSError as error:
        raise StoreError(f"cannot write {folder}: {error.strerror or error}; choose another with --data") from None
    return stage


def _parts(folder: Path, side: int) -> list[_Part]:
    """Return the experiments, for an array of `side` rows and columns."""
    weights = str(folder / "weights.npy")
    return [
        _Part(
            "program-array",
            {"matrix": weights, "values": "weights"},
            f"A picture goes into the array: every cell gets the conductance of its grey, one of {LEVELS:,} levels. "
            "Rounds of pulses and reads follow one another until all are as close as asked.",
            "the picture as the cells hold it, from round to round, and how far each is from its target.",
            pace=0.9,
            rest=8,
        ),
        _Part(
            "vmm",
            {"matrix": weights, "program": "no"},
            "The array multiplies by that picture: random vectors go onto its rows, all rows at once, and the currents "
            "of its columns are the products. They are held against the exact ones.",
            "the products beside the exact ones, and their errors.",
            pace=0.9,
            rest=4,
        ),
        _Part(
            "fourier",
            {
                "image": str(folder / "picture.png"),
                "points": str(side),
                "direction": "forward",
                "vectors": "16",
                "training": "32",
            },
            "A Fourier basis takes the picture's place in the same cells. A larger picture is then transformed there "
            f"and back, block by block, {_BLOCKS} x {_BLOCKS} of them.",
            "the picture as it came back, growing block by block, and its error.",
            pace=1.2,
            rest=3,
        ),
    ]


def _carry_out(stage: _Stage, part: _Part, place: str) -> None:
    """Introduce an experiment, run it, and say what it came to."""
    request = stage.request
    asked = RunRequest(
        protocol=part.protocol,
        settings=part.settings,
        options=BackendOptions(seed=request.seed, die=stage.die),
        data=request.data,
        note=f"labctl demo, {place}",
    )
    stage.say("", f"{place}  {part.protocol}", f"  {part.happens}")
    if stage.window:
        stage.say(f"  In the window: {part.to_see}")
    stage.show(f"  $ {_command(asked)}")
    try:
        with _Unhurried(stage, part) as watcher:
            result = engine.run(asked, watcher)
        stage.results.append(result)
        _tell(stage, result)
        if stage.window:
            stage.clock.sleep(part.rest)
    except InterruptedRunError as stopped:
        if stopped.run is None:
            raise InterruptedRunError(stopped.signal_number, "stopped between two experiments") from None
        _advise(stage, stopped, part)
        raise
    except LabctlError as error:
        _advise(stage, error, part)
        raise


class _Unhurried(ProgressWatcher):
    """Shows a run on stderr, opens the window with the first one, and leaves time to look at it.

    Args:
        stage: where the demo stands.
        part: the experiment.
    """

    def __init__(self, stage: _Stage, part: _Part) -> None:
        super().__init__(self._open if stage.window and not stage.results else None)
        self._stage = stage
        self._pace, self._before = part.pace, stage.clock.now()

    @override
    def step_done(self, caption: Callable[[], str]) -> None:
        super().step_done(caption)
        clock = self._stage.clock
        if self._stage.window and caption():
            clock.sleep(self._before + self._pace - clock.now())
        self._before = clock.now()

    def _open(self, folder: Path, say: Callable[[str], None]) -> None:
        def no_window(why: str) -> None:
            self._stage.window = None
            say(why)

        if self._stage.window:
            self._stage.window.open(folder, no_window)


def _tell(stage: _Stage, result: RunResult) -> None:
    """Print the figures of which something was asked, with what was asked."""
    findings = [
        each for each in findings_from(Outcome(result.passed, result.summary, result.criteria)) if each.is_asked
    ]
    rows = [(f"  {spaced(each.name)}", worded(each.value, each.unit), f"(asked: {each.demand})") for each in findings]
    stage.show(*table(rows))
    verdict = "passed" if result.passed else "did not pass"
    here, there = duration(result.wall_time), duration(result.bench_time)
    stage.say(f"  {verdict}; took {here} here, and would take {there} on a bench")
    if not result.passed:
        stage.say(f"  `labctl show {_name(stage, result.folder)}` shows all of its figures.")


def _report(stage: _Stage) -> str | None:
    """Write the page of all runs side by side; return where it is, None if there is no matplotlib."""
    if not find_spec("matplotlib"):
        return None
    stage.say("", "The report of all three is being drawn.")
    return make_report([result.folder for result in stage.results], stage.folder / "report")[0]


def _end(stage: _Stage, page: str | None, passed: bool) -> None:
    """Say what there is, and how to go on."""
    ignore_signals()
    if page is not None:
        stage.show(f"  {page}")
        if stage.request.browser and not open_page(Path(page)):
            stage.say("  (no browser was opened: there is no display, or no browser)")
    stage.say("", "All three passed." if passed else "Not all of them passed; `labctl show RUN` shows the figures.")
    if stage.window:
        stage.say("The window stays until you close it.")
    stage.say("To go on:")
    stage.show("  labctl                 the runs there are, and what to do with each")
    stage.show("  labctl protocols       the experiments there are")
    stage.show(f"  labctl run read-map --die {shlex.quote(str(stage.die))}")
    if stage.request.json:
        runs = [result_json(result) for result in stage.results]
        print_json({"passed": passed, "runs": runs, "report": page, "die": str(stage.die.absolute())})


def _advise(stage: _Stage, error: LabctlError, part: _Part) -> None:
    """Say what can be done about an experiment that broke off; the error itself is said by whoever hears of it."""
    with suppress(OutputError):
        stage.say("", f"The demo ends in {part.protocol}. `labctl demo` begins anew, with a fresh die.")
        if error.run is not None:
            stage.say(
                f"`labctl run --resume {_name(stage, error.run)}` goes on with this experiment, if it was saved; "
                f"`labctl show {_name(stage, error.run)}` shows what it came to."
            )


def _name(stage: _Stage, folder: Path) -> str:
    """Return a run as the commands take it."""
    data = stage.request.data
    end = folder.name.rpartition("_")[2]
    return end if str(data) == "runs" else f"{end} --data {shlex.quote(str(data))}"


def _command(asked: RunRequest) -> str:
    """Return the command that makes the same run."""
    words = ["labctl", "run", asked.protocol]
    for name, value in asked.settings.items():
        words += ["--set", f"{name}={value}"]
    words += ["--die", str(asked.options.die)]
    if asked.options.seed:
        words += ["--seed", str(asked.options.seed)]
    if str(asked.data) != "runs":
        words += ["--data", str(asked.data)]
    return shlex.join(words)
