"""The order in which a source of voltage is turned on and off: limit before output, 0 V before off, each confirmed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drivers.failures import failure, reason
from labctl.errors import LinkError, RefusedError, SettingError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from drivers.knobs import HasLink, Knob
    from labctl.smu_data import SourceSetup

LEVEL_TOLERANCE = 5e-5
"""Difference between a level that is set and the one that is read back, over the full scale of the source range: the
coarsest of these sources goes in steps of 50 uV on 2 V."""


class OutputOrder:
    """Level, limit and output of one source of voltage.

    Args:
        smu: whose they are.
        level: the voltage's knob.
        limit: the current limit's.
        output: the output's.
        read_errors: returns and clears the instrument's error queue.
        why_off: returns why the output may be off.
    """

    def __init__(
        self,
        smu: HasLink,
        level: Knob[float],
        limit: Knob[float],
        output: Knob[bool],
        read_errors: Callable[[], list[str]],
        why_off: Callable[[], str],
    ) -> None:
        self._smu = smu
        self._level = level
        self._limit = limit
        self._output = output
        self._read_errors = read_errors
        self._why_off = why_off

    def source(self, voltage: float, full: float) -> None:
        """Set the level (V) and make sure that it was taken.

        Args:
            voltage: the level (V).
            full: full scale of the source range (V).

        Raises:
            RefusedError: if another level is read back, and the error queue says why.
            SettingError: if another level is read back without a reason.
        """
        self._level.send(self._smu, voltage)
        difference = self._level.difference(
            self._smu, voltage, lambda found, wanted: abs(found - wanted) <= LEVEL_TOLERANCE * full
        )
        if difference is not None:
            errors = self._read_errors()
            raise failure(self._smu.link, RefusedError if errors else SettingError, f"{difference}: {reason(errors)}")

    def on(self, setup: SourceSetup | None) -> None:
        """Switch the output on, at the limit of `setup`, which a power cycle or the front panel may have changed.

        Raises:
            SettingError: if there is no setup, or the limit is another one.
            RefusedError: if the output stays off.
        """
        if setup is None:
            raise failure(
                self._smu.link, SettingError, "the output stays off until a limit is set; configure the instrument"
            )
        self._limit.confirm(self._smu, setup.current_limit)
        self._output.send(self._smu, True)
        if not self._output.read(self._smu):
            command = self._output.command(self._smu, True)
            raise failure(self._smu.link, RefusedError, f"the output stays off after {command!r}: {self._why_off()}")

    def off(self) -> None:
        """Source 0 V, switch the output off and confirm it.

        Raises:
            SettingError: if it stays on.
        """
        self._level.send(self._smu, 0.0)
        self._output.send(self._smu, False)
        self._output.confirm(self._smu, False)

    def make_safe(self, commands: Sequence[str]) -> None:
        """Get the commands through that shut the instrument down, and confirm that the output is off.

        Raises:
            LinkError: if that cannot be confirmed.
        """
        try:
            self._smu.link.send_urgently(commands)
            self._output.confirm(self._smu, False)
        except (LinkError, SettingError) as error:
            raise LinkError(f"{error}; its output may be on") from error
