"""The commands that a person types; `labctl --help` imports neither numpy nor pydantic nor pyvisa nor Qt."""

from __future__ import annotations

import functools
import io
import os
import sys
import traceback
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO, cast

import typer
from typer.exceptions import Exit, TyperException

from labctl import plugins
from labctl.errors import InputError, InterruptedRunError, LabctlError, OutputError, nearest
from labctl.escaped import escaped
from labctl.neighbours import check_neighbours
from labctl.options import check_beside_resume, pairs
from labctl.stop_requests import ignore_signals, raise_on_signals

if TYPE_CHECKING:
    from collections.abc import Sequence

app = typer.Typer(
    name="labctl",
    help="Instrument control for analog memristor crossbars, on a bench or on its twin.",
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

_EQUIPMENT, _BUG = 3, 70
"""Exit codes of what is no error of ours."""

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout, and nothing else.")]
Data = Annotated[Path, typer.Option("--data", help="Folder of the runs.")]
RunName = Annotated[str | None, typer.Argument(help="A run folder, its id or its beginning; without it the newest.")]


@app.callback()
def labctl(
    show_version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
    show_traceback: Annotated[bool, typer.Option("--traceback", help="Print the traceback of an error, too.")] = False,
) -> None:
    """Instrument control for analog memristor crossbars, on a bench or on its twin."""
    # Both options are read before the command is known: the traceback's also when it stands behind the command.


@app.command("run")
def run_command(
    context: typer.Context,
    protocol: Annotated[str | None, typer.Argument(help="What to run; `labctl protocols` lists them.")] = None,
    resume: Annotated[str | None, typer.Option(metavar="RUN", help="Go on with a run that ended early.")] = None,
    bench: Annotated[
        Path | None, typer.Option(help="The bench file; without it the packaged one, or the run's.")
    ] = None,
    backend: Annotated[str | None, typer.Option(help="twin or hardware; with --bench hardware is the default.")] = None,
    settings: Annotated[list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="A parameter.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Every run of the twin with the same seed is the same.")] = 0,
    twin: Annotated[list[str] | None, typer.Option(metavar="NAME=VALUE", help="Overrides a key of [twin].")] = None,
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
    from labctl.backend import BackendOptions
    from labctl.commands import carry_out, estimate, go_on
    from labctl.plan import RunRequest
    from labctl.toml_source import text_file

    if resume is not None:
        check_beside_resume(context)
        raise typer.Exit(go_on(data, resume, bench, live=live, json=json))
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
    if dry and live:
        raise InputError("--live shows a run, and a dry run leaves none; leave one of them out")
    raise typer.Exit(estimate(request, json=json) if dry else carry_out(request, live=live, json=json))


@app.command("protocols")
def protocols_command(
    name: Annotated[str | None, typer.Argument(help="A protocol; its parameters are shown.")] = None,
    json: Json = False,
) -> None:
    """List protocols, or the parameters of one."""
    from labctl.commands import show_protocols

    show_protocols(name, json=json)


@app.command("drivers")
def drivers_command(
    name: Annotated[str | None, typer.Argument(help="A driver; its bench file keys are shown.")] = None,
    json: Json = False,
) -> None:
    """List drivers, or the bench file keys of one."""
    from labctl.commands import show_drivers

    show_drivers(name, json=json)


bench_app = typer.Typer(help="Check a bench, or begin a bench file.", rich_markup_mode=None, no_args_is_help=True)
app.add_typer(bench_app, name="bench")


@bench_app.callback()
def bench_group() -> None:
    """Check a bench, or begin a bench file."""


@bench_app.command("check")
def bench_check_command(file: Annotated[Path, typer.Argument(help="The bench file.")], json: Json = False) -> None:
    """Identify every instrument of a bench file and show errors and limits; sets nothing."""
    from labctl.bench_check import check_bench

    raise typer.Exit(check_bench(file, json=json))


@bench_app.command("init")
def bench_init_command(
    file: Annotated[Path, typer.Argument(help="Where the bench file goes; it must not exist.")] = Path("bench.toml"),
    json: Json = False,
) -> None:
    """Write a bench file to begin with, and list the VISA and serial resources of this computer."""
    from labctl.bench_init import begin_bench

    begin_bench(file, json=json)


@app.command("runs")
def runs_command(data: Data = Path("runs"), json: Json = False) -> None:
    """List runs with their state, and the command that goes on with one."""
    from labctl.run_list import show_runs

    show_runs(data, json=json)


@app.command("pause")
def pause_command(run: RunName = None, data: Data = Path("runs")) -> None:
    """Let a run finish its step, then make its bench safe until `labctl continue`."""
    from labctl.run_list import ask_run
    from labctl.steering import Wish

    ask_run(data, run, Wish.PAUSE)


@app.command("continue")
def continue_command(run: RunName = None, data: Data = Path("runs")) -> None:
    """Let a paused run go on; identities and settings are checked first."""
    from labctl.run_list import ask_run
    from labctl.steering import Wish

    ask_run(data, run, Wish.GO_ON)


@app.command("stop")
def stop_command(
    run: RunName = None,
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
    """Make every instrument of a bench safe, whatever runs or has died; asks nothing."""
    from labctl.safe_command import make_bench_safe

    raise typer.Exit(make_bench_safe(bench, backend, json=json))


@app.command("show")
def show_command(run: RunName = None, data: Data = Path("runs"), json: Json = False) -> None:
    """Show what a run was, on what, with which parameters, and what it came to."""
    from labctl.report.command import show_run

    show_run(data, run, json=json)


@app.command("report")
def report_command(
    runs: Annotated[
        list[str] | None, typer.Argument(help="Runs, several side by side; without one the newest.")
    ] = None,
    out: Annotated[Path | None, typer.Option(metavar="FOLDER", help="For the files; without it RUN/report.")] = None,
    data: Data = Path("runs"),
    json: Json = False,
) -> None:
    """Write a page (HTML) and figures (PNG, PDF) of a run, or of several side by side."""
    from labctl.report.command import write_report

    write_report(data, runs or [], out, json=json)


@app.command("export")
def export_command(
    run: RunName = None,
    kind: Annotated[
        str | None, typer.Option("--format", help="netcdf or csv; without it as --out ends, or netcdf.")
    ] = None,
    out: Annotated[Path | None, typer.Option(metavar="PATH", help="A file or folder; without it RUN/export.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite the file of --out.")] = False,
    data: Data = Path("runs"),
    json: Json = False,
) -> None:
    """Write the records of a run as netCDF or CSV, with units and provenance."""
    from labctl.export.command import export_run

    export_run(data, run, kind, out, force=force, json=json)


@app.command("live")
def live_command(
    run: RunName = None,
    screenshot: Annotated[Path | None, typer.Option(help="Render the window into this PNG file instead.")] = None,
    data: Data = Path("runs"),
) -> None:
    """Open a window that follows a run; closing it never touches the run."""
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
    arguments = list(sys.argv[1:] if arguments is None else arguments) or ["--help"]
    sys.stdout, sys.stderr = _usable(sys.stdout), _usable(sys.stderr)
    raise_on_signals()
    try:
        code = _invoke([argument for argument in arguments if argument != "--traceback"])
    except Exception as error:  # noqa: BLE001 (whatever escapes is a bug of ours, and says so)
        code = _complain(error, as_json="--json" in arguments)
        if "--traceback" in arguments:
            _print_traceback()
    try:
        sys.stdout.flush()
    except OSError:
        # What waits in it must not be tried again when the interpreter ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = code or _EQUIPMENT
    sys.exit(code)


def _print_traceback() -> None:
    """Print where an error came from; the texts of exceptions may hold what an instrument said."""
    with suppress(OSError):
        for line in traceback.format_exc().splitlines():
            print(escaped(line), file=sys.stderr)  # noqa: T201


def _usable(stream: TextIO | None) -> TextIO:
    """Return a stream that takes any character; one that leads nowhere in place of one that was closed."""
    if stream is None:
        return Path(os.devnull).open("w", encoding="utf-8")
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="backslashreplace")
    return cast("TextIO", stream)


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
        raise InputError(_usage(error.format_message(), arguments)) from None
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


def _usage(message: str, arguments: list[str]) -> str:
    """Return what is wrong with a command line, with the nearest command where there is one."""
    commands = [command.name or "" for command in app.registered_commands]
    commands += [group.name or "" for group in app.registered_groups]
    near = nearest(arguments[0], commands) if arguments and arguments[0] not in commands else None
    return f"{message.rstrip('.')}; " + (f"did you mean {near!r}?" if near else "see `labctl --help`")


def _complain(error: Exception, as_json: bool) -> int:
    """Say what went wrong in one line; return the exit code that it stands for."""
    from labctl.console import complain, error_json, print_json, print_lines
    from labctl.summaries import summary_lines

    ignore_signals()
    kind, message, code, run = type(error).__name__, str(error), _BUG, None
    if isinstance(error, LabctlError):
        code, run = error.exit_code, error.run
    if code == _BUG:
        message = f"a bug of ours: {message or kind}; --traceback shows where"
    with suppress(OutputError):
        if isinstance(error, InterruptedRunError):
            print_lines([] if as_json else summary_lines(error.summary))
        complain(message)
        if as_json:
            print_json(error_json(kind, message, run))
    return code
