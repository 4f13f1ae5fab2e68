"""What breaks off a request that was begun: a trip, SAFE, or a world that cannot go on."""

from __future__ import annotations

from typing import Final

from labctl.errors import InputError
from labctl.wire import WHOLE_REQUEST, ErrorCode

WORLD_ERRORS: Final = (InputError, ArithmeticError, LookupError, RuntimeError, ValueError)
"""What a world raises when it cannot work out what it is asked for: impossible numbers, circuits without solution.

An audit that cannot be written is no such thing: it ends the run, as it does without a board."""


class BrokenOff(Exception):  # noqa: N818 - the specification's word, and no failure of ours
    """A request was broken off.

    Args:
        text: why, for people.
        entry: index of the list entry that is to blame, 0xFFFF where none is.
        code: of the error that says so.
    """

    def __init__(self, text: str, entry: int = WHOLE_REQUEST, code: ErrorCode = ErrorCode.TRIPPED) -> None:
        super().__init__(text)
        self.text = text
        self.entry = entry
        self.code = code
        self.executed = 0
        self.block = b""

    def after(self, executed: int, block: bytes = b"") -> BrokenOff:
        """Note how many entries of a list had been carried out; results go with a trip only."""
        self.executed = executed
        self.block = block if self.code is ErrorCode.TRIPPED else b""
        return self
