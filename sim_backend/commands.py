"""The twin's commands: `labctl twin`, and `labctl die` and `labctl audit`, the only door to the truth."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from labctl.command_group import CommandGroup
from labctl.errors import InputError
from labctl.options import pairs
from labctl.typed import Data, Json, RunName, TwinKeys  # noqa: TC001 (typer reads what the commands take)

die = typer.Typer(cls=CommandGroup, help="Look into the twin's die.", rich_markup_mode=None)


@die.callback()
def die_group() -> None:
    """Look into the twin's die."""


@die.command("show")
def die_show(file: Annotated[Path, typer.Argument(help="A die file, as --die saves it.")], json: Json = False) -> None:
    """Print the shape, conductances and states of a die.

    Conductances are in S, at the reference read voltage.
    """
    from sim_backend.die_report import show_die

    show_die(file, json=json)


twin = typer.Typer(cls=CommandGroup, help="Serve the twin, or check it.", rich_markup_mode=None)


@twin.callback()
def twin_group() -> None:
    """Serve the twin, or check it."""


@twin.command("serve")
def twin_serve(
    bench: Annotated[Path | None, typer.Option(help="The bench file; without it the packaged bench.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of every random number of the twin.")] = 0,
    settings: TwinKeys = None,
    die: Annotated[Path | None, typer.Option(help="The die, loaded when it exists, saved at the end.")] = None,
    truth: Annotated[
        Path | None, typer.Option("--audit", help="Where to write down what truly happens, for `labctl audit`.")
    ] = None,
    faults: Annotated[Path | None, typer.Option(metavar="PLAN", help="A file of faults that disturb the twin.")] = None,
    speed: Annotated[
        Literal["real", "max"], typer.Option(help="real: operations take their time; max: they take none.")
    ] = "real",
    latency: Annotated[str, typer.Option(help="What every message to an instrument takes on its way.")] = "0 s",
    host: Annotated[
        str, typer.Option(help="The address to listen at; one that other computers reach needs --token-file.")
    ] = "127.0.0.1",
    token_file: Annotated[
        Path | None,
        typer.Option(help="Its first line must be the first line of every TCP connection; made if missing."),
    ] = None,
    port: Annotated[
        list[str] | None, typer.Option(metavar="NAME=NUMBER", help="A fixed port for an instrument.")
    ] = None,
    idle: Annotated[str, typer.Option(help="A TCP connection that is silent for this long is closed.")] = "86400 s",
    write_bench: Annotated[Path | None, typer.Option(help="Write the bench file that a client uses.")] = None,
    json: Json = False,
) -> None:
    """Serve every instrument of a bench until Ctrl-C.

    On TCP and pseudo-terminals, to labctl or any other program.
    """
    from sim_backend.server.serve import ServeRequest, serve

    request = ServeRequest(
        bench=bench,
        seed=seed,
        twin=pairs("--twin", settings),
        die=die,
        audit=truth,
        faults=faults,
        speed=speed,
        latency=_duration("--latency", latency),
        host=host,
        ports={name: _port(name, text) for name, text in pairs("--port", port).items()},
        idle=_duration("--idle", idle),
        token_file=token_file,
        write_bench=write_bench,
        json=json,
    )
    raise typer.Exit(serve(request))


@twin.command("validate")
def twin_validate(
    page: Annotated[Path, typer.Option(help="Where the page with the figures goes.")] = Path("twin-validation.html"),
    no_page: Annotated[bool, typer.Option("--no-page", help="Write no page.")] = False,
    quick: Annotated[bool, typer.Option("--quick", help="Measure on smaller samples.")] = False,
    long: Annotated[bool, typer.Option("--long", help="Measure what takes some minutes, too.")] = False,
    seed: Annotated[int, typer.Option(min=0, help="Of all noise.")] = 0,
    json: Json = False,
) -> None:
    """Measure the models against what is known of the device.

    Each figure with its target and its verdict.
    """
    from sim_backend.validation.report import validate_twin

    raise typer.Exit(validate_twin(None if no_page else page, quick=quick, long=long, seed=seed, json=json))


def audit(
    run: RunName = None,
    truth: Annotated[Path | None, typer.Option(help="The audit file; without it the run's own.")] = None,
    data: Data = Path("runs"),
    json: Json = False,
) -> None:
    """Hold what a run recorded against what truly happened.

    Prints the true errors in levels.
    """
    from sim_backend.audit_report import show_audit

    show_audit(run, truth, data, json=json)


def _duration(option: str, text: str) -> float:
    """Return the time (s) that an option gives.

    Raises:
        InputError: if it gives none.
    """
    from labctl.units import parse_quantity

    try:
        value = parse_quantity(text, "s")
    except InputError as error:
        raise InputError(f"{option}: {error}") from None
    if value < 0:
        raise InputError(f"{option} {text!r}: a time is not negative")
    return value


def _port(name: str, text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= 5 and int(text) <= 65_535):
        raise InputError(f"--port {name}={text}: a port is a number up to 65535")
    return int(text)
