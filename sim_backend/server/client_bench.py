"""The bench file with which a client finds a served twin: the one that is served, with other addresses."""

from __future__ import annotations

import os
import tomllib
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, cast

from labctl.bench_file import DEFAULT_BENCH
from labctl.errors import InputError, StoreError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_MARK: Final = "# Written by `labctl twin serve`"
"""How such a file begins; no other file is ever overwritten."""
_ESCAPES: Final = {'"': '\\"', "\\": "\\\\"}


def check_writable(path: Path) -> None:
    """Refuse to overwrite a file that somebody else wrote.

    Raises:
        InputError: if `path` is such a file, or there is no folder for it.
    """
    if not path.absolute().parent.is_dir():
        raise InputError(f"--write-bench {path}: there is no folder {path.absolute().parent}")
    try:
        held = path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
    except OSError as error:
        raise InputError(f"--write-bench {path}: {error.strerror or error}") from None
    if held and not held.startswith(_MARK):
        raise InputError(f"--write-bench {path}: the file is there, and not one of mine; name another, or remove it")


def write_client_bench(
    path: Path, served: Path | None, twin: Mapping[str, str], addresses: Mapping[str, str], *, hurries: bool
) -> None:
    """Write the bench file for clients, whole or not at all.

    Args:
        path: where.
        served: the bench file that is served; None: the packaged one.
        twin: keys of its `[twin]` table that the command line overrides.
        addresses: by name of the instrument.
        hurries: the twin's clock goes with its operations, so that no client can wait for it.

    Raises:
        StoreError: if it cannot be written.
    """
    data = tomllib.loads((served or DEFAULT_BENCH).read_text(encoding="utf-8-sig"))
    for name, address in addresses.items():
        data["instruments"][name]["address"] = address
    if twin:
        data["twin"] = {**data.get("twin", {}), **twin}
    data["bench"].pop("clock", None)  # the served file may be one that a twin wrote for its clients
    if hurries:
        data["bench"]["clock"] = "operations"
    lines = [f"{_MARK}: its instruments as long as it serves (process {os.getpid()}).", *to_toml(data)]
    neighbour = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        neighbour.write_text("\n".join(lines) + "\n", encoding="utf-8")
        neighbour.replace(path)
    except OSError as error:
        with suppress(OSError):
            neighbour.unlink(missing_ok=True)
        raise StoreError(f"{path}: the bench file cannot be written: {error.strerror or error}") from error


def to_toml(table: dict[str, Any], name: tuple[str, ...] = ()) -> list[str]:
    """Return the lines of a table, and of those inside it, in TOML."""
    inner = {key: cast("dict[str, Any]", value) for key, value in table.items() if isinstance(value, dict)}
    lines = [f"{_key(key)} = {_value(value)}" for key, value in table.items() if key not in inner]
    if name and (lines or not inner):
        lines = ["", f"[{'.'.join(map(_key, name))}]", *lines]
    return lines + [line for key, value in inner.items() for line in to_toml(value, (*name, key))]


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, list):
        return f"[{', '.join(_value(item) for item in cast('list[object]', value))}]"
    return str(value)


def _key(key: str) -> str:
    is_bare = key.isascii() and key.replace("-", "").replace("_", "").isalnum()
    return key if is_bare else _quoted(key)


def _quoted(text: str) -> str:
    """Return `text` as a basic string of TOML."""
    return '"' + "".join(_ESCAPES.get(letter) or _plain(letter) for letter in text) + '"'


def _plain(letter: str) -> str:
    return letter if letter.isprintable() else f"\\U{ord(letter):08X}"
