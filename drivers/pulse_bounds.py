"""Which pulses a source-measure unit can put out and measure, checked before a byte leaves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from drivers.failures import failure
from drivers.source_bounds import LINE_PERIOD
from labctl.errors import SettingError

if TYPE_CHECKING:
    from drivers.scpi import ScpiLink
    from labctl.smu_data import PulseTrain, SourceSetup


@dataclass(frozen=True, slots=True)
class PulseBounds:
    """What an instrument's pulses are bound to.

    Args:
        width_min: shortest pulse (s).
        width_max: longest pulse, and longest rest (s).
        count_max: pulses of one train.
        integrations: how many integration times a measurement takes.
        overhead: what a measurement takes beyond them (s).
    """

    width_min: float
    width_max: float
    count_max: int
    integrations: int
    overhead: float

    def measuring(self, nplc: float) -> float:
        """Return how long a measurement takes (s) with an integration time of `nplc` power line cycles."""
        return self.integrations * nplc * LINE_PERIOD + self.overhead

    def check(self, link: ScpiLink, train: PulseTrain, setup: SourceSetup) -> None:
        """Make sure that the instrument can do `train`, and measure within its pulses.

        Raises:
            SettingError: if not.
        """
        low, high = self.width_min, self.width_max
        problem = ""
        if not low <= train.width <= high:
            problem = f"a pulse width of {train.width:g} s is out of range, {low:g} to {high:g} s"
        elif not low <= train.rest <= high:
            problem = f"a rest of {train.rest:g} s between pulses is out of range, {low:g} to {high:g} s"
        elif not 1 <= train.count <= self.count_max:
            problem = f"a train holds 1 to {self.count_max} pulses, not {train.count}"
        elif setup.current_range is None:
            problem = "pulses need a fixed measure range: auto range takes longer than they last"
        elif (needed := self.measuring(setup.nplc)) > train.width * (1 + 1e-9):
            problem = (
                f"an integration time of {setup.nplc:g} power line cycles takes up to {needed:g} s, which does not fit "
                f"in a pulse of {train.width:g} s; configure less"
            )
        if problem:
            raise failure(link, SettingError, problem)
