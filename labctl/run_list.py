"""`labctl runs`, and asking a run for something from another terminal."""

from __future__ import annotations

import shlex
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

from labctl import plugins
from labctl.console import print_json, print_lines, table
from labctl.errors import InputError, LabctlError, StoreError
from labctl.locks import holder_of
from labctl.run_lock import is_alive, run_lock_name
from labctl.run_names import RUN_NAME
from labctl.run_reader import RunReader, find_run, run_folders, step_words
from labctl.steering import Wish, steer

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from labctl.backend import Backend

DATA = Path("runs")
"""Where runs are kept if nobody says otherwise."""
RUNNING = ("starting", "running", "paused")
"""States of a run that has not said how it ended."""
_ANSWERS = {
    Wish.PAUSE: "pauses at the end of its step; `labctl continue` lets it go on",
    Wish.GO_ON: "goes on",
    Wish.STOP: "stops at the end of its step, saved and safe",
    Wish.STOP_NOW: "stops now, safe; the step under way is lost",
}


@dataclass(frozen=True, slots=True)
class RunLine:
    """A run as it is listed.

    Args:
        run: its id.
        protocol: its name.
        state: as it wrote it down; "died" where it wrote down no end and no process works on it.
        steps: done.
        of: steps that it has in all.
        resume: the command that goes on with it; "" where there is nothing to go on with.
    """

    run: str
    protocol: str
    state: str
    steps: int
    of: int
    resume: str


def show_runs(data: Path, json: bool) -> None:
    """Print the runs in `data`, oldest first."""
    lines = [_line(folder, "" if data == DATA else f" --data {shlex.quote(str(data))}") for folder in run_folders(data)]
    if json:
        print_json({"runs": [asdict(line) for line in lines]})
        return
    rows = [
        (line.run, line.state, step_words(line.steps, line.of if line.state != "finished" else 0), line.resume)
        for line in lines
    ]
    print_lines(table([("run", "state", "steps", "go on with"), *rows]) if rows else [f"there is no run in {data}"])


def ask_run(data: Path, name: str | None, wish: Wish) -> None:
    """Ask a run that is under way for something.

    Raises:
        RunNotFoundError: if there is no such run.
        InputError: if no process works on it.
        StoreError: if its folder cannot be written.
    """
    folder = find_run(data, name)
    if not is_alive(folder):
        raise InputError(f"{folder.name} is not under way; `labctl runs` shows the state of each run")
    holder = holder_of(run_lock_name(folder))
    if holder is not None and holder.run != folder.name:
        raise InputError(
            f"{folder.name} does not hear this: its process works in a folder called {holder.run!r}; it was renamed or "
            "copied meanwhile"
        )
    steer(folder, wish)
    print_lines([f"{folder.name} {_ANSWERS[wish]}"])


def _line(folder: Path, option: str) -> RunLine:
    """Return a run as it stands, with `option` in the command that goes on with it; one that cannot be read says so."""
    try:
        with closing(RunReader(folder)) as reader:
            manifest, state, steps = reader.manifest, reader.state().state, reader.steps()
    except (StoreError, ValueError):
        state = "starting" if is_alive(folder) else "unreadable"
        return RunLine(folder.name, "", state, 0, 0, "")
    if state in RUNNING and not is_alive(folder):
        state = "died"
    resume = f"labctl run --resume {run_word(folder, option)}" if can_go_on(folder, manifest, state) else ""
    of: object = manifest.get("steps")
    protocol = str(manifest.get("protocol", ""))
    return RunLine(folder.name, protocol, state, steps, of if isinstance(of, int) else 0, resume)


def run_word(folder: Path, option: str) -> str:
    """Return how a run is named in a command; one that was renamed by its path, as no name is safe from everything."""
    return f"{folder.name}{option}" if RUN_NAME.fullmatch(folder.name) else shlex.quote(str(folder))


def can_go_on(folder: Path, manifest: Mapping[str, Any], state: str) -> bool:
    """Return whether there is a command that goes on with a run."""
    if state in ("finished", *RUNNING):
        return False
    try:
        backend = cast("type[Backend]", plugins.load(plugins.BACKENDS, str(manifest["asked"]["backend"])))
        backend.check_resume(folder, state)
    except (LabctlError, KeyError, TypeError):
        return False
    return True
