"""Options and arguments that commands share, or that the Tab key completes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from labctl import completion

_RUN = "A run folder, its id or its beginning; without it the newest."

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout, and nothing else.")]
Data = Annotated[Path, typer.Option("--data", help="Folder of the runs.")]
RunName = Annotated[str | None, typer.Argument(help=_RUN, autocompletion=completion.runs)]
RunNames = Annotated[
    list[str] | None,
    typer.Argument(help="Runs, several side by side; without one the newest.", autocompletion=completion.runs),
]
RunUnderWay = Annotated[str | None, typer.Argument(help=_RUN, autocompletion=completion.runs_under_way)]
ToResume = Annotated[
    str | None,
    typer.Option(metavar="RUN", help="Go on with a run that ended early.", autocompletion=completion.runs_to_resume),
]
WhatToRun = Annotated[
    str | None, typer.Argument(help="What to run; `labctl protocols` lists them.", autocompletion=completion.protocols)
]
ProtocolName = Annotated[
    str | None, typer.Argument(help="A protocol; its parameters are shown.", autocompletion=completion.protocols)
]
DriverName = Annotated[
    str | None, typer.Argument(help="A driver; its bench file keys are shown.", autocompletion=completion.drivers)
]
BackendName = Annotated[
    str | None,
    typer.Option(help="twin or hardware; with --bench hardware is the default.", autocompletion=completion.backends),
]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="NAME=VALUE", help="A parameter.", autocompletion=completion.settings),
]
TwinKeys = Annotated[
    list[str] | None,
    typer.Option(
        "--twin", metavar="NAME=VALUE", help="Overrides a key of [twin].", autocompletion=completion.twin_keys
    ),
]
Format = Annotated[
    str | None,
    typer.Option(
        "--format", help="netcdf or csv; without it as --out ends, or netcdf.", autocompletion=completion.formats
    ),
]
