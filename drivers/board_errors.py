"""What a probe board's link raises, with what the board reported, so that it can be settled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from labctl.errors import LinkError, RefusedError, TrippedError

if TYPE_CHECKING:
    from labctl.messages import ErrorReport


@dataclass(frozen=True, slots=True)
class PulseCount:
    """Power-ups of the board, and the pulses it put out since the last one."""

    boot: int = 0
    delivered: int = 0


class LostReplyError(LinkError):
    """A request was sent, and no readable reply came: whether it was executed must be settled.

    Args:
        message: what happened.
        before: what the board had counted before the request.
    """

    def __init__(self, message: str, before: PulseCount) -> None:
        super().__init__(message)
        self.before = before


class BoardError(RefusedError):
    """The board answered with an error; `report` says how far it came."""

    def __init__(self, message: str, report: ErrorReport) -> None:
        super().__init__(message)
        self.report = report


class BoardTrippedError(TrippedError):
    """The board is in its safe state because a protection fired; `report` says how far the request came."""

    def __init__(self, message: str, report: ErrorReport) -> None:
        super().__init__(message)
        self.report = report
