"""The manifest of a run: what was asked, on what, with which software; written before the first setting is sent."""

from __future__ import annotations

import getpass
import hashlib
import os
import platform
import sys
from dataclasses import asdict, dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from labctl.bench_file import BenchFile
    from labctl.instruments import Identity
    from labctl.protocol import Parameters

_PACKAGES = ("labctl", "numpy", "scipy", "pyvisa", "pyvisa-py", "pyserial", "pydantic")


@dataclass(frozen=True, slots=True)
class Asked:
    """What the person asked for, beside the bench."""

    protocol: str
    origin: str
    parameters: Parameters
    steps: int
    backend: str
    seed: int
    note: str
    operator: str


def user() -> str:
    """Return who runs this, as far as the system tells."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "unknown"


def manifest(
    run: str,
    started: datetime,
    asked: Asked,
    bench: BenchFile,
    identities: Mapping[str, Identity],
    backend: Mapping[str, object],
) -> dict[str, Any]:
    """Return the manifest as plain JSON values; quantities are in SI units.

    Args:
        run: the run's id.
        started: UTC.
        asked: protocol, parameters and the rest.
        bench: as it was read.
        identities: what the instruments answered.
        backend: what the backend says of itself.
    """
    bench_dump = bench.model_dump(mode="json")
    return {
        "run": run,
        "started": started.isoformat(),
        "protocol": asked.protocol,
        "protocol_origin": asked.origin,
        "parameters": asked.parameters.model_dump(mode="json"),
        "steps": asked.steps,
        "backend": {"name": asked.backend, **backend},
        "seed": asked.seed,
        "note": asked.note,
        "operator": asked.operator or user(),
        "bench": bench_dump,
        "bench_sha256": hashlib.sha256(repr(bench_dump).encode()).hexdigest(),
        "instruments": {name: asdict(identity) for name, identity in identities.items()},
        "process": {"pid": os.getpid(), "host": platform.node(), "user": user()},
        "software": {"python": sys.version.split()[0], "system": platform.platform()}
        | {package: version(package) for package in _PACKAGES},
    }
