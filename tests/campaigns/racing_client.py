"""One of those who race for an address: python racing_client.py FOLDER NAME, then an address a line on stdin.

Answers "owns" or "refused: " with the message, and lets go at the next line.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from labctl import locks
from labctl.errors import AddressLockedError
from labctl.locks import Holder, locked


def main(folder: str, name: str) -> None:
    """Race until stdin ends."""
    locks.LOCK_FOLDER = Path(folder)
    me = Holder(name, os.getpid(), f"user of {name}", "2026-01-01T00:00:00+00:00")
    say("ready")
    while address := sys.stdin.readline().strip():
        try:
            with locked([address], me):
                say("owns")
                sys.stdin.readline()
            say("let go")
        except AddressLockedError as error:
            say(f"refused: {error}")
            sys.stdin.readline()
            say("let go")


def say(text: str) -> None:
    """Answer in a line."""
    print(text, flush=True)  # noqa: T201


if __name__ == "__main__":
    main(*sys.argv[1:])
