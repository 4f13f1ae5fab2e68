"""How long ago something happened, by the clock of the board: it goes on while no experiment runs.

A run that goes on in another process asks the board how much time has passed meanwhile. If the board was restarted,
nobody knows how long it was off: what has passed since its power-up is the least that it can have been.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from labctl.instruments import ProbeBoard


@dataclass(frozen=True, slots=True)
class BoardAge:
    """An age that was true when the board's clock showed `time`.

    Args:
        age: s.
        time: of the board, since its power-up (s).
        boot: power-ups of the board.
        exact: whether the board was never restarted since; if it was, the age is the least it can be.
    """

    age: float
    time: float
    boot: int
    exact: bool = True

    @classmethod
    def begin(cls, board: ProbeBoard) -> BoardAge:
        """Return the age of what happens at this moment."""
        status = board.status()
        return cls(0.0, status.time, status.boot)

    def at(self, time: float, boot: int) -> BoardAge:
        """Return the age when the board's clock shows `time` (s) after so many power-ups."""
        if boot == self.boot:
            return replace(self, age=self.age + time - self.time, time=time)
        return BoardAge(self.age + time, time, boot, exact=False)
