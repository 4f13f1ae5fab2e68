"""What hosts on other computers must send first: a line with a secret, in a file that only its owner reads."""

from __future__ import annotations

import hmac
import os
import secrets
import sys
from typing import TYPE_CHECKING, Final

from labctl.errors import InputError, StoreError

if TYPE_CHECKING:
    from pathlib import Path

LONGEST: Final = 200
"""Letters of a token, at most."""
_SHORTEST: Final = 16
_RANDOM_BYTES: Final = 24
_OTHERS: Final = 0o077
"""Bits of a file's mode that let anybody but its owner at it."""


def load_token(path: Path) -> bytes:
    """Return the token in the first line of a file; a file that is not there is made, with a new one.

    Raises:
        InputError: if the first line is no token, or the file cannot be read, or can be by other users.
        StoreError: if it cannot be made.
    """
    try:
        with path.open("rb") as file:
            _check_private(path, os.fstat(file.fileno()).st_mode)
            line = file.readline(LONGEST + 2).strip()
    except FileNotFoundError:
        return _make(path)
    except OSError as error:
        raise InputError(f"--token-file {path}: {error.strerror or error}") from None
    if not (_SHORTEST <= len(line) <= LONGEST and all(0x21 <= letter <= 0x7E for letter in line)):
        raise InputError(
            f"--token-file {path}: its first line is no token: {_SHORTEST} to {LONGEST} letters, digits and signs of "
            "ASCII, without spaces"
        )
    return line


def _check_private(path: Path, mode: int) -> None:
    """Refuse a file that other users may read or write, where the system has such a thing."""
    if sys.platform != "win32" and mode & _OTHERS:
        raise InputError(f"--token-file {path}: other users may read or change it; chmod 600 {path}")


def _make(path: Path) -> bytes:
    token = secrets.token_urlsafe(_RANDOM_BYTES).encode()
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(token + b"\n")
    except OSError as error:
        raise StoreError(f"--token-file {path}: {error.strerror or error}") from None
    return token


class Lock:
    """Keeps a new connection shut until the token has come.

    Args:
        token: that the first line must be.
    """

    def __init__(self, token: bytes) -> None:
        self._token = token
        self._line = bytearray()

    def open_with(self, data: bytes) -> bytes | None:
        """Take bytes; return what follows the token, once that has come, and None before.

        Raises:
            PermissionError: if the first line is something else.
        """
        self._line += data
        line, newline, rest = bytes(self._line).partition(b"\n")
        if not newline and len(line) <= LONGEST + 1:
            return None
        if not (newline and hmac.compare_digest(line.removesuffix(b"\r"), self._token)):
            raise PermissionError("not the token")
        return rest
