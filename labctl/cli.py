"""The commands that a person types; `labctl --help` imports neither numpy nor pydantic nor pyvisa nor Qt."""

from __future__ import annotations

import functools
import os
import sys
from contextlib import redirect_stderr, suppress
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from typer.exceptions import Exit, TyperException

from labctl import completion, plugins
from labctl.command_group import CommandGroup, CompletedCommand, usage_words
from labctl.complaints import complain_of, print_traceback, usable
from labctl.errors import EquipmentError, InputError
from labctl.neighbours import check_neighbours
from labctl.options import check_beside_resume, pairs
from labctl.stop_requests import raise_on_signals
from labctl.typed import (  # noqa: TC001 (typer reads what the commands take)
    BackendName,
    Data,
    DriverName,
    Format,
    Json,
    ProtocolName,
    RunName,
    RunNames,
    RunUnderWay,
    Settings,
    ToResume,
    TwinKeys,
    WhatToRun,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from labctl.window_process import WindowAhead

app = typer.Typer(
    name="labctl",
    cls=CommandGroup,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


@app.callback(invoke_without_command=True)
def labctl(
    context: typer.Context,
    show_version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,  # noqa: ARG001
    show_traceback: Annotated[  # noqa: ARG001
        bool, typer.Option("--traceback", help="Print the traceback of an error, too.")
    ] = False,
) -> None:
    """Instrument control for analog memristor crossbars, on a bench or on its twin."""
    # Both options are read before the command is known: the traceback's also when it stands behind the command.
    if context.invoked_subcommand is None:
        from labctl.first_words import show_first_words

        show_first_words()


@app.command("run", cls=CompletedCommand)
def run_command(
    context: typer.Context,
    protocol: WhatToRun = None,
    resume: ToResume = None,
    bench: Annotated[
        Path | None, typer.Option(help="The bench file; without it the packaged one, or the run's.")
    ] = None,
    backend: BackendName = None,
    settings: Settings = None,
    seed: Annotated[int, typer.Option(min=0, help="Every run of the twin with the same seed is the same.")] = 0,
    twin: TwinKeys = None,
    die: Annotated[Path | None, typer.Option(help="The twin's die, loaded when it exists, saved at the end.")] = None,
    audit: Annotated[bool, typer.Option("--audit", help="Let the twin write down what truly happened.")] = False,
    faults: Annotated[Path | None, typer.Option(metavar="PLAN", help="A file of faults that disturb the twin.")] = None,
    dry: Annotated[bool, typer.Option("--dry-run", help="Only estimate it, on a twin; nothing is sent.")] = False,
    live: Annotated[bool, typer.Option("--live", help="Open the live window.")] = False,
    data: Data = Path("runs"),
    note: Annotated[str, typer.Option(help="A remark for the manifest.")] = "",
    operator: Annotated[str, typer.Option(help="Who runs it; without it the user of this computer.")] = "",
    json: Json = False,
) -> None:
    """Run a protocol, or go on with a run that ended early."""
    if dry and live:
        raise InputError("--live shows a run, and a dry run leaves none; leave one of them out")
    window = _window_ahead(context) if live else None
    from labctl.backend import BackendOptions
    from labctl.commands import carry_out, estimate, go_on
    from labctl.plan import RunRequest
    from labctl.toml_source import text_file

    if resume is not None:
        check_beside_resume(context)
        raise typer.Exit(go_on(data, resume, bench, window, json=json))
    if protocol is None:
        raise InputError("name a protocol (`labctl protocols` lists them), or a run with --resume")
    request = RunRequest(
        protocol=protocol,
        settings=pairs("--set", settings),
        bench=bench,
        backend=backend,
        twin=pairs("--twin", twin),
        options=BackendOptions(
            seed=seed, die=die, audit=audit, faults=None if faults is None else text_file(faults, "fault plan")
        ),
        data=data,
        note=note,
        operator=operator,
    )
    raise typer.Exit(estimate(request, json=json) if dry else carry_out(request, window, json=json))


def _window_ahead(context: typer.Context, page: str = "") -> WindowAhead:
    """Begin a live window before anything that takes its time to load: it loads what it needs meanwhile."""
    from labctl.window_process import WindowAhead

    return context.with_resource(WindowAhead(page))


@app.command("demo")
def demo_command(
    context: typer.Context,
    seed: Annotated[int, typer.Option(min=0, help="Of every random number of the twin.")] = 0,
    no_window: Annotated[bool, typer.Option("--no-window", help="Open no live window, and wait for nobody.")] = False,
    no_open: Annotated[bool, typer.Option("--no-open", help="Do not open the report in the browser.")] = False,
    data: Data = Path("runs"),
    json: Json = False,
) -> None:
    """Program, multiply and transform on the twin, in about a minute.

    Three experiments on one die, one window that goes along, and the report of all three side by side.
    """
    window = None if no_window else _window_ahead(context, "figure")
    from labctl.demo import DemoRequest, show_demo

    raise typer.Exit(show_demo(DemoRequest(data, seed, browser=not no_open, json=json), window))


@app.command("protocols")
def protocols_command(
    name: ProtocolName = None,
    json: Json = False,
) -> None:
    """List protocols, or the parameters of one."""
    from labctl.commands import show_protocols

    show_protocols(name, json=json)


@app.command("drivers")
def drivers_command(
    name: DriverName = None,
    json: Json = False,
) -> None:
    """List drivers, or the bench file keys of one."""
    from labctl.commands import show_drivers

    show_drivers(name, json=json)


bench_app = typer.Typer(cls=CommandGroup, help="Check a bench, or begin a bench file.", rich_markup_mode=None)
app.add_typer(bench_app, name="bench")


@bench_app.callback()
def bench_group() -> None:
    """Check a bench, or begin a bench file."""


@bench_app.command("check")
def bench_check_command(file: Annotated[Path, typer.Argument(help="The bench file.")], json: Json = False) -> None:
    """Identify every instrument of a bench file; nothing is set.

    Shows their limits and errors, too.
    """
    from labctl.bench_check import check_bench

    raise typer.Exit(check_bench(file, json=json))


@bench_app.command("init")
def bench_init_command(
    file: Annotated[Path, typer.Argument(help="Where the bench file goes; it must not exist.")] = Path("bench.toml"),
    json: Json = False,
) -> None:
    """Write a bench file to begin with, and list what is connected.

    These are the VISA and serial resources of this computer.
    """
    from labctl.bench_init import begin_bench

    begin_bench(file, json=json)


@app.command("runs")
def runs_command(data: Data = Path("runs"), json: Json = False) -> None:
    """List runs: their state, and the command that goes on with one."""
    from labctl.run_list import show_runs

    show_runs(data, json=json)


@app.command("pause")
def pause_command(run: RunUnderWay = None, data: Data = Path("runs")) -> None:
    """Pause a run: at the end of its step its bench is made safe.

    `labctl continue` lets it go on.
    """
    from labctl.run_list import ask_run
    from labctl.steering import Wish

    ask_run(data, run, Wish.PAUSE)


@app.command("continue")
def continue_command(run: RunUnderWay = None, data: Data = Path("runs")) -> None:
    """Let a paused run go on.

    Identities and settings of the instruments are checked first.
    """
    from labctl.run_list import ask_run
    from labctl.steering import Wish

    ask_run(data, run, Wish.GO_ON)


@app.command("stop")
def stop_command(
    run: RunUnderWay = None,
    now: Annotated[bool, typer.Option("--now", help="Break the step off; what it recorded is lost.")] = False,
    data: Data = Path("runs"),
) -> None:
    """Let a run finish its step, save and make safe."""
    from labctl.run_list import ask_run
    from labctl.steering import Wish

    ask_run(data, run, Wish.STOP_NOW if now else Wish.STOP)


@app.command("safe")
def safe_command(
    bench: Annotated[Path, typer.Option(help="The bench file.")],
    backend: Annotated[str, typer.Option(help="The backend.")] = "hardware",
    json: Json = False,
) -> None:
    """Make a bench safe at once, whatever runs on it or has died.

    The panic button: every instrument of the bench file, without a question.
    """
    from labctl.safe_command import make_bench_safe

    raise typer.Exit(make_bench_safe(bench, backend, json=json))


@app.command("show")
def show_command(run: RunName = None, data: Data = Path("runs"), json: Json = False) -> None:
    """Show what a run was, on what, and what it came to."""
    from labctl.report.command import show_run

    show_run(data, run, json=json)


@app.command("report")
def report_command(
    runs: RunNames = None,
    out: Annotated[Path | None, typer.Option(metavar="FOLDER", help="For the files; without it RUN/report.")] = None,
    data: Data = Path("runs"),
    json: Json = False,
) -> None:
    """Write a page with figures of a run, or of several side by side.

    HTML, with the figures as PNG and PDF beside it.
    """
    from labctl.report.command import write_report

    write_report(data, runs or [], out, json=json)


@app.command("export")
def export_command(
    run: RunName = None,
    kind: Format = None,
    out: Annotated[Path | None, typer.Option(metavar="PATH", help="A file or folder; without it RUN/export.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite the file of --out.")] = False,
    data: Data = Path("runs"),
    json: Json = False,
) -> None:
    """Write a run's records as netCDF or CSV, with units.

    Provenance goes with them.
    """
    from labctl.export.command import export_run

    export_run(data, run, kind, out, force=force, json=json)


@app.command("live")
def live_command(
    run: RunName = None,
    screenshot: Annotated[Path | None, typer.Option(help="Render the window into this PNG file instead.")] = None,
    data: Data = Path("runs"),
) -> None:
    """Open a window that follows a run, or shows one that is over.

    Closing it never touches the run. Without a run it goes on to the next one, too.
    """
    from labctl.live import app as live_app
    from labctl.run_reader import find_run

    folder = find_run(data, run)
    if screenshot is not None:
        live_app.screenshot(folder, screenshot)
    else:
        raise typer.Exit(live_app.show(folder, data if run is None else None))


_BUILT_IN = frozenset(str(known.name) for known in (*app.registered_commands, *app.registered_groups))


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and leave with its exit code: the one place where errors become words."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    if completion.is_asked():
        sys.exit(_complete())
    sys.stdout, sys.stderr = usable(sys.stdout), usable(sys.stderr)
    raise_on_signals()
    try:
        code = _invoke([argument for argument in arguments if argument != "--traceback"])
    except Exception as error:  # noqa: BLE001 (whatever escapes is a bug of ours, and says so)
        code = complain_of(error, as_json="--json" in arguments)
        if "--traceback" in arguments:
            print_traceback()
    try:
        sys.stdout.flush()
    except OSError:
        # What waits in it must not be tried again when the interpreter ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = code or EquipmentError.exit_code
    sys.exit(code)


def _complete() -> int:
    """Answer the shell that asks what could be typed; in the middle of somebody's line nothing is said of errors."""
    sys.modules["rich"] = None  # type: ignore[assignment]  # typer would load it, to break descriptions into lines
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere, redirect_stderr(nowhere), suppress(Exception):
        completion.join_words()
        _invoke([])
    return 1


def _invoke(arguments: list[str]) -> int:
    """Run one command; return its exit code."""
    if arguments[:1] == ["--version"]:
        print(f"labctl {version('labctl')}")  # noqa: T201
        return 0
    check_neighbours()
    _add_commands(next((argument for argument in arguments if not argument.startswith("-")), None))
    try:
        code = app(arguments, prog_name="labctl", standalone_mode=False)
    except Exit as ended:
        return ended.exit_code
    except TyperException as error:
        raise InputError(usage_words(error)) from None
    return code if isinstance(code, int) else 0


def _add_commands(named: str | None) -> None:
    """Add the commands that other packages offer; a stranger's is imported only if it is the one that is `named`."""
    for name in plugins.names(plugins.COMMANDS):
        if name in _BUILT_IN:
            continue  # whoever types the name of a command of labctl's own means that one
        if name == named or plugins.is_own(plugins.COMMANDS, name):
            _add_command(name)
        else:
            _announce_command(name)


@functools.cache
def _announce_command(name: str) -> None:
    """Let `labctl --help` list a command without importing it."""
    app.command(name, help=f"Offered by {plugins.origin(plugins.COMMANDS, name)}.")(lambda: None)


@functools.cache
def _add_command(name: str) -> None:
    """Import a command."""
    command = plugins.load(plugins.COMMANDS, name)
    app.registered_commands = [known for known in app.registered_commands if known.name != name]
    if isinstance(command, typer.Typer):
        app.add_typer(command, name=name)
    else:
        app.command(name)(command)
