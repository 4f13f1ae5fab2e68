"""Names of runs and of the folder that they lie in: a strict pattern for ours, and none that a computer cannot have.

A data folder is carried from one computer to another: a name that one of them cannot have is refused on all.
"""

from __future__ import annotations

import json
import os
import re
import secrets
from typing import TYPE_CHECKING, Any, cast

from labctl.errors import InputError, StoreError

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

RUN_NAME = re.compile(r"[0-9]{8}T[0-9]{6}Z_[a-z0-9-]+_[0-9a-f]{8}")
"""What a run folder is called: UTC start, protocol, eight hexadecimal digits."""
MANIFEST = "manifest.json"
MANIFEST_MAX = 1 << 21
"""Bytes of a manifest, at most: it holds a bench file and a fault plan, twice."""
_DEVICES = frozenset({"CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"}) | {
    f"{port}{number}" for port in ("COM", "LPT") for number in "0123456789\u00b9\u00b2\u00b3"
}
"""What Windows takes for a device in any folder, whatever stands behind a dot (Microsoft, "Naming Files, Paths, and
Namespaces")."""
_FORBIDDEN = frozenset('<>:"/\\|?*')
"""Characters that no name on Windows has (ibid.)."""
_PROTOCOL_MAX = 64
"""Characters of a protocol's name that a run's name holds: ours."""


def run_name(protocol: str, started: datetime) -> str:
    """Return the id of a run that starts at `started` (UTC); of a protocol's name it holds what any folder may."""
    word = re.sub("[^a-z0-9]+", "-", protocol.lower())[:_PROTOCOL_MAX].strip("-") or "protocol"
    return f"{started:%Y%m%dT%H%M%SZ}_{word}_{secrets.token_hex(4)}"


def run_id(folder: Path) -> str:
    """Return the id of the run in `folder`, which may have been renamed since; its name where nothing says so."""
    try:
        manifest: object = json.loads(manifest_text(folder))
    except (OSError, ValueError, RecursionError):
        return folder.name
    return id_of(cast("dict[str, Any]", manifest), folder) if isinstance(manifest, dict) else folder.name


def manifest_text(folder: Path) -> str:
    """Return what stands in the manifest of a run; a file that is too long for one is not read to its end.

    Raises:
        OSError: if it cannot be read.
        ValueError: if it is too long, or no text.
    """
    path = folder / MANIFEST
    if path.exists() and not path.is_file():  # a pipe would keep whoever opens it waiting
        raise OSError(f"{MANIFEST} is no file")
    with path.open("rb") as file:
        data = file.read(MANIFEST_MAX + 1)
    if len(data) > MANIFEST_MAX:
        raise ValueError(f"{MANIFEST} has more than {MANIFEST_MAX} bytes")
    return data.decode("utf-8")


def id_of(manifest: dict[str, Any], folder: Path) -> str:
    """Return the id of a run by its manifest; the name of its folder where the manifest says none."""
    found = manifest.get("run")
    return found if isinstance(found, str) and RUN_NAME.fullmatch(found) else folder.name


def check_data(data: Path) -> None:
    """Refuse a folder in which no run can be kept, as far as that shows before one is made.

    Raises:
        InputError: if it would have to be made under a name that not every computer can have.
        StoreError: if it is no folder, or may not be written.
    """
    try:
        whole = data.absolute()
        existing = whole
        while not existing.is_dir():
            if existing.exists() and not _is_bad(existing.name):
                raise StoreError(f"{existing} is no folder; choose another with --data")
            if existing.parent == existing:
                raise StoreError(f"there is no {existing}; choose another with --data")
            existing = existing.parent
    except (OSError, ValueError) as error:  # a name that no file can have, or a folder that nobody may look into
        raise StoreError(f"{str(data)!r} cannot hold runs: {error}; choose another with --data") from None
    for name in whole.relative_to(existing).parts:
        if name != ".." and (why := _is_bad(name)):
            raise InputError(f"--data {str(data)!r}: no folder can be called {name!r} on every computer: {why}")
    if not os.access(existing, os.W_OK | os.X_OK):
        raise StoreError(f"you may not write in {existing}; choose another with --data")


def _is_bad(name: str) -> str:
    """Return why a folder should not be called so; "" if it may."""
    if name.partition(".")[0].rstrip(" ").upper() in _DEVICES:
        return "it is a device on Windows"
    if name.endswith((".", " ")):
        return "it ends with a dot or a space"
    if not name.isprintable() or not _FORBIDDEN.isdisjoint(name):
        return "it holds characters that no name has on Windows"
    return ""


def bad_file_name(name: str) -> str:
    """Return why no file in a run folder should be called so; "" if one may."""
    return "it is no name of a file" if name in ("", ".", "..") else _is_bad(name)
