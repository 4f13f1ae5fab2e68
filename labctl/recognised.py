"""Instruments of a run that goes on: each must be the one that the run began with, wherever it stands by now."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any, cast

from labctl.errors import IdentityError, StoreError
from labctl.provenance import bench_entries
from labctl.run_reader import RunReader
from labctl.store import write_manifest

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from labctl.bench_file import BenchFile
    from labctl.instruments import Identity
    from labctl.provenance import Asked

BEGAN_AT = "began_at"
"""Key of a manifest: the addresses that a run began at, where its bench has moved since."""
_FIELDS = ("vendor", "model", "serial")
"""What makes an instrument that one; its firmware may have been renewed meanwhile."""


def recognise(folder: Path, asked: Asked, file: BenchFile, found: Mapping[str, Identity]) -> None:
    """Compare instruments with those that the run in `folder` began with; keep the bench that they were found on.

    Args:
        folder: of a run that goes on.
        asked: what was asked for; its bench may have other addresses than before.
        file: that bench.
        found: what its instruments answered, by name.

    Raises:
        IdentityError: if another instrument answers.
        StoreError: if the manifest does not say who answered, or cannot be written.
    """
    with closing(RunReader(folder)) as reader:
        manifest = reader.manifest
    before: object = manifest.get("instruments")
    for name, identity in found.items():
        _check_same(folder, name, file.instruments[name].address, before, identity)
    now = asked.model_dump(mode="json")
    if manifest.get("asked") != now:
        began_at = manifest.get(BEGAN_AT, _addresses(manifest.get("bench")))
        write_manifest(folder, {**manifest, "asked": now, **bench_entries(file), BEGAN_AT: began_at})


def _addresses(bench: object) -> dict[str, str]:
    """Return the addresses in what a manifest says of its bench, by instrument; a damaged one says less."""
    return {name: str(_table(entry).get("address")) for name, entry in _table(_table(bench).get("instruments")).items()}


def _table(value: object) -> dict[str, Any]:
    """Return a table of a manifest; an empty one where something else stands."""
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _check_same(folder: Path, name: str, address: str, before: object, found: Identity) -> None:
    known = _table(_table(before).get(name))
    if not known:
        raise StoreError(f"{folder} does not say which instrument {name} was; begin a new run")
    if any(known.get(field) != getattr(found, field) for field in _FIELDS):
        was = ",".join(str(known.get(field)) for field in _FIELDS)
        raise IdentityError(
            f"{name} at {address} is {str(found)!r}, but this run began with {was!r}; connect that one, give its "
            "address in a bench file with --bench, or begin a new run"
        )
