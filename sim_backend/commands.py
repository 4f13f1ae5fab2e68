"""The twin's commands: `labctl twin`, and `labctl die` and `labctl audit`, the only door to the truth."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout, and nothing else.")]

die = typer.Typer(help="Look into the twin's die.", rich_markup_mode=None, no_args_is_help=True)


@die.callback()
def die_group() -> None:
    """Look into the twin's die."""


@die.command("show")
def die_show(file: Annotated[Path, typer.Argument(help="A die file, as --die saves it.")], json: Json = False) -> None:
    """Print the shape, conductances (S, at the reference read voltage) and states of a die."""
    from sim_backend.die_report import show_die

    show_die(file, json=json)


twin = typer.Typer(help="Check the twin.", rich_markup_mode=None, no_args_is_help=True)


@twin.callback()
def twin_group() -> None:
    """Check the twin."""


@twin.command("validate")
def twin_validate(
    page: Annotated[Path, typer.Option(help="Where the page with the figures goes.")] = Path("twin-validation.html"),
    no_page: Annotated[bool, typer.Option("--no-page", help="Write no page.")] = False,
    quick: Annotated[bool, typer.Option("--quick", help="Measure on smaller samples.")] = False,
    long: Annotated[bool, typer.Option("--long", help="Measure what takes some minutes, too.")] = False,
    seed: Annotated[int, typer.Option(min=0, help="Of all noise.")] = 0,
    json: Json = False,
) -> None:
    """Measure the models against what is known of the device; each figure with its target and its verdict."""
    from sim_backend.validation.report import validate_twin

    raise typer.Exit(validate_twin(None if no_page else page, quick=quick, long=long, seed=seed, json=json))


def audit(
    run: Annotated[str | None, typer.Argument(help="A run folder, its id or its unique beginning.")] = None,
    truth: Annotated[Path | None, typer.Option(help="The audit file; without it the run's own.")] = None,
    data: Annotated[Path, typer.Option("--data", help="Folder of the runs.")] = Path("runs"),
    json: Json = False,
) -> None:
    """Join what a run recorded with what truly happened; print the true errors in levels."""
    from sim_backend.audit_report import show_audit

    show_audit(run, truth, data, json=json)
