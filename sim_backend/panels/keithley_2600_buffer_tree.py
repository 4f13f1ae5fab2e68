"""The command tree of a reading buffer of the 2600B, and the buffers that scripts make."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from sim_backend.panels.keithley_2600_buffers import FILL_ONCE, FILL_WINDOW, Column, Reading, ReadingBuffer, columns
from sim_backend.panels.keithley_2600_errors import TspError
from sim_backend.panels.keithley_2600_facts import MOST_BUFFERS, MOST_READINGS
from sim_backend.panels.keithley_2600_nodes import Arguments, Attribute, Node, check, check_choice, plain

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sim_backend.panels.keithley_2600_nodes import Argument, Value


class MadeBuffers:
    """Keeps count of the buffers that scripts made.

    Args:
        unreachable: returns the buffers that no script can reach any more; asked thoroughly, all of them.
    """

    def __init__(self, unreachable: Callable[[bool], list[object]]) -> None:
        self._unreachable = unreachable
        self._used = 0
        self._count = 0

    def make(self, letter: str, capacity: int) -> ReadingBuffer:
        """Return a new buffer.

        Raises:
            TspError: -225 if there is no room for it.
        """
        for thoroughly in (False, True):
            gone = [buffer for buffer in self._unreachable(thoroughly) if isinstance(buffer, ReadingBuffer)]
            self._used -= sum(buffer.capacity for buffer in gone)
            self._count -= len(gone)
            if self._used + capacity <= MOST_READINGS and self._count < MOST_BUFFERS:
                self._used += capacity
                self._count += 1
                return ReadingBuffer(letter, capacity)
        raise TspError(-225)


def buffers_of(arguments: Arguments, most: int) -> Sequence[ReadingBuffer]:
    """Return the buffers among the arguments.

    Raises:
        TspError: -104 if one is no buffer, -108 if there are too many.
    """
    values = [value for value in arguments.values if value is not None]
    buffers = [value for value in values if isinstance(value, ReadingBuffer)]
    if len(buffers) != len(values):
        raise TspError(-104)
    if len(buffers) > most:
        raise TspError(-108)
    return buffers


def buffer_tree(buffer: ReadingBuffer) -> Node:
    """Return the node of a buffer."""

    def collect(name: str) -> Attribute:
        def put(value: Argument) -> None:
            buffer.change(name, bool(check_choice(value, (0, 1))))

        return Attribute(lambda: float(getattr(buffer, name)), put)

    def clear(_: Arguments) -> None:
        buffer.clear()

    def nothing(_: Arguments) -> None:
        """Clear the cache, which the host never sees."""

    def flag(name: str) -> Attribute:
        def put(value: Argument) -> None:
            setattr(buffer, name, bool(check_choice(value, (0, 1))))

        return Attribute(lambda: float(getattr(buffer, name)), put)

    def set_resolution(value: Argument) -> None:
        # The clock counts microseconds by powers of two (Rev. F p. 3-12: 0.001 gives 0.001024).
        steps = math.ceil(math.log2(check(value, 1e-6, 3600.0) / 1e-6 * (1 - 1e-9)))
        buffer.change("time_resolution", 2 ** max(steps, 0) * 1e-6)

    found = columns(buffer)

    def get_reading(arguments: Arguments) -> Value:
        return found["readings"].get(int(arguments.number(0)))

    parts = {name: Node(get_item=column.get, kind="synchronous_table", owner=column) for name, column in found.items()}
    # Public drivers read a reading this way; the manual does not list it.
    parts["readings"].functions["getreading"] = get_reading
    return Node(
        attributes={
            "n": Attribute(lambda: float(len(buffer))),
            "next": Attribute(lambda: float(buffer.following)),
            "capacity": Attribute(lambda: float(buffer.capacity)),
            "basetimestamp": Attribute(lambda: buffer.base_time),
            # Rev. F p. 9-17 wants an empty buffer for a change; the table on p. 3-11, which names what needs one, does
            # not name this (assumption: the table is right).
            "appendmode": flag("append"),
            "cachemode": flag("cached"),
            "collectsourcevalues": collect("collects_sources"),
            "collecttimestamps": collect("collects_times"),
            "timestampresolution": Attribute(lambda: buffer.time_resolution, set_resolution),
            "fillmode": plain(buffer, "fill_mode", lambda value: check_choice(value, (FILL_ONCE, FILL_WINDOW))),
            "fillcount": plain(buffer, "fill_count", lambda value: float(int(check(value, 0, buffer.capacity)))),
        },
        functions={"clear": clear, "clearcache": nothing},
        parts={**parts},
        get_item=found["readings"].get,
        kind="reading_buffer",
        owner=buffer,
    )


def statistics_tree(buffer: ReadingBuffer) -> Node:
    """Return the table of `smuX.buffer.getstats` (Rev. F p. 3-13): a snapshot."""
    known = buffer.statistics
    constants: dict[str, float | str] = {"n": float(known.count)}
    parts: dict[str | int, Node] = {}
    if known.least is not None and known.greatest is not None:
        constants["mean"] = known.mean
        parts = {"min": _extreme(buffer, known.least), "max": _extreme(buffer, known.greatest)}
    if known.count > 1:
        constants["stddev"] = math.sqrt(known.spread / (known.count - 1))
    return Node(constants=constants, parts=parts)


def _extreme(buffer: ReadingBuffer, reading: Reading) -> Node:
    """Return what statistics say of the smallest or largest reading; the words are an assumption."""
    words = {"i": "Current", "v": "Voltage", "r": "Ohms", "p": "Watts"}
    constants: dict[str, float | str] = {
        "reading": reading.value,
        "measurefunction": words[reading.quantity],
        "measurerange": reading.measure_range,
        "sourcefunction": words[reading.source_function.value],
        "sourceoutputstate": "On" if reading.output_on else "Off",
        "sourcerange": reading.source_range,
        "status": float(reading.status),
    }
    if buffer.collects_sources:
        constants["sourcevalue"] = reading.source
    if buffer.collects_times:
        constants["timestamp"] = buffer.time_of(reading)
    return Node(constants=constants)


def column_of(value: Argument) -> Column | None:
    """Return what `printbuffer` prints of an argument: a column, or the readings of a buffer."""
    if isinstance(value, ReadingBuffer):
        return columns(value)["readings"]
    return value if isinstance(value, Column) else None
