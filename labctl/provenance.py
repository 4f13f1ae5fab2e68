"""The manifest of a run: what was asked, on what, with which software; written before the first setting is sent."""

from __future__ import annotations

import getpass
import hashlib
import os
import platform
import sys
from collections.abc import Mapping
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:
    from datetime import datetime

    from labctl.bench_file import BenchFile
    from labctl.instruments import Identity
    from labctl.protocol import Parameters

_PACKAGES = ("labctl", "numpy", "scipy", "pyvisa", "pyvisa-py", "pyserial", "pydantic")


class Asked(BaseModel):
    """What the person asked for, word for word: enough to go on with the run in another process.

    Args:
        protocol: its name.
        settings: `--set`, as typed.
        backend: its name.
        bench_name: of the bench file, for messages.
        bench_text: what stood in it.
        twin: `--twin`, as typed.
        seed: of the twin.
        die: the twin's die file, absolute.
        audit: whether the twin writes down what truly happens.
        faults_name: of the twin's fault plan, for messages.
        faults_text: what stood in it; None without one.
        note: a remark.
        operator: who runs it; "" is the user of this computer.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    protocol: str
    settings: Mapping[str, str]
    backend: str
    bench_name: str
    bench_text: str
    twin: Mapping[str, str]
    seed: int
    die: Path | None
    audit: bool
    faults_name: str = ""
    faults_text: str | None = None
    note: str
    operator: str


def user() -> str:
    """Return who runs this, as far as the system tells."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "unknown"


def bench_entries(bench: BenchFile) -> dict[str, Any]:
    """Return what a manifest says of the bench, in SI units."""
    dump = bench.model_dump(mode="json")
    return {"bench": dump, "bench_sha256": hashlib.sha256(repr(dump).encode(errors="surrogatepass")).hexdigest()}


def manifest(
    run: str,
    started: datetime,
    asked: Asked,
    parameters: Parameters,
    steps: int,
    origin: str,
    bench: BenchFile,
    identities: Mapping[str, Identity],
    backend: Mapping[str, object],
) -> dict[str, Any]:
    """Return the manifest as plain JSON values; quantities are in SI units.

    Args:
        run: the run's id.
        started: UTC.
        asked: what the person typed.
        parameters: what that means.
        steps: how many the run has.
        origin: which distribution offers the protocol.
        bench: as it was read.
        identities: what the instruments answered.
        backend: what the backend says of itself.
    """
    return {
        "run": run,
        "started": started.isoformat(),
        "protocol": asked.protocol,
        "protocol_origin": origin,
        "parameters": parameters.model_dump(mode="json"),
        "steps": steps,
        "backend": {"name": asked.backend, **backend},
        "seed": asked.seed,
        "note": asked.note,
        "operator": asked.operator or user(),
        "asked": asked.model_dump(mode="json"),
        **bench_entries(bench),
        "instruments": {name: asdict(identity) for name, identity in identities.items()},
        "process": {"pid": os.getpid(), "host": platform.node(), "user": user()},
        "software": {"python": sys.version.split()[0], "system": platform.platform()}
        | {package: version(package) for package in _PACKAGES},
    }
