"""What a probe board's requests hold and how long they take (board specification, sections 2 and 3).

Nobody else splits a list: a protocol that wants more than one request holds sends several.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from labctl.board_data import Pulse
    from labctl.board_features import Direction

RUN_MAX = 5.0
"""What a board gives to one request (s) (section 2, rule 7)."""
REQUEST_TIME = 4.0
"""Longest request of ours (s): what is reckoned here is not all that a board does."""
READS_MAX, PULSES_MAX, PULSE_READS_MAX = 1024, 1024, 1023
"""Entries of one request (section 3)."""
SLOT_MIN, SLOT_MAX = 1e-6, 10e-3
"""Shortest time that a pulse takes, and the slots that products may have (s) (section 2, rules 5 and 9)."""
SETTLING, SAMPLE_TIME = 30e-6, 5e-6
"""Of the lines before a read or a vector, and of one conversion at 200 kSPS: each sample of a read, and what follows
each slot of a product (s) (section 2, rule 9)."""


def pulse_slot(width: float) -> float:
    """Return how long (s) a board takes for one pulse of `width` (s)."""
    return max(2 * width, SLOT_MIN)


def read_time(samples: int) -> float:
    """Return how long (s) a board takes for a read: of one cell, or of cells of one row that stand together."""
    return SETTLING + samples * SAMPLE_TIME


def vector_time(averages: int, slot: float) -> float:
    """Return how long (s) a board takes for one vector."""
    return SETTLING + averages * (slot + SAMPLE_TIME)


def request_vectors(direction: Direction, shape: tuple[int, int], averages: int, slot: float) -> int:
    """Return how many vectors one request holds, by its size and by its time; 1 at least.

    Args:
        direction: which lines are inputs.
        shape: rows and columns of the die.
        averages: slots that are averaged.
        slot: time of each (s).
    """
    longest = int(REQUEST_TIME / vector_time(averages, slot))
    return max(1, min(direction.vectors_max(*shape), longest))


def pulse_lists(pulses: Sequence[Pulse], entries_max: int, read: float = 0.0) -> Iterator[list[Pulse]]:
    """Yield pulses, in their order, in lists that one request holds.

    Args:
        pulses: of any count each.
        entries_max: `PULSES_MAX`, or `PULSE_READS_MAX`.
        read: what the read after each takes (s).
    """
    part: list[Pulse] = []
    time = 0.0
    for pulse in pulses:
        own = pulse.count * pulse_slot(pulse.width) + read
        if part and (len(part) == entries_max or time + own > REQUEST_TIME):
            yield part
            part, time = [], 0.0
        part.append(pulse)
        time += own
    if part:
        yield part
