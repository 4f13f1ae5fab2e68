"""What a protocol gets of a bench: limited instruments, the die, time; nothing that brings a bench up or down."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from labctl.backend import Clock
    from labctl.bench import Bench, Die
    from labctl.board_data import Cell
    from labctl.instruments import ProbeBoard, SourceMeter
    from labctl.limits import Envelope


class ProtocolBench:
    """A bench that is up, as a protocol may use it.

    Args:
        bench: the whole.
    """

    __slots__ = ("_bench",)

    def __init__(self, bench: Bench) -> None:
        self._bench = bench

    @property
    def clock(self) -> Clock:
        """The bench's clock, to take times by; to let time pass, `wait`."""
        return self._bench.clock

    @property
    def envelope(self) -> Envelope:
        """The limits of the die."""
        return self._bench.envelope

    @property
    def die(self) -> Die:
        """What is known of the die beforehand."""
        return self._bench.die

    @property
    def board(self) -> ProbeBoard:
        """The probe board. Whatever it is asked on its lines takes a routed SMU off its cell first.

        Raises:
            InputError: if the bench has none.
        """
        return self._bench.board

    @property
    def smu(self) -> SourceMeter:
        """The source-measure unit; its output is off unless a cell is `routed`.

        Levels up to the die's read voltage may stand. Higher ones write: they are swept through or pulsed, end by
        themselves within the envelope's pulse width, and count as pulses in the die's life.

        Raises:
            InputError: if the bench has none.
        """
        return self._bench.smu

    def routed(self, cell: Cell, others_may_change: bool = False) -> AbstractContextManager[SourceMeter]:
        """Give the SMU to one cell while the context lasts, output on at 0 V; see `Bench.routed`."""
        return self._bench.routed(cell, others_may_change)

    def wait(self, duration: float) -> None:
        """Let `duration` (s) pass; see `Bench.wait`."""
        self._bench.wait(duration)
