"""What a B2900A channel calculates from its readings: offset, math and limit tests."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from sim_backend.panels.keysight_b2900_expressions import evaluate
from sim_backend.panels.keysight_b2900_readings import DataBuffer, ReadingStatus
from sim_backend.panels.keysight_b2900_status import Measurement

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sim_backend.panels.keysight_b2900_expressions import Lookup
    from sim_backend.panels.keysight_b2900_readings import Reading
    from sim_backend.panels.keysight_b2900_status import ChannelStatus

TESTS: Final = 12
"""Limit tests of a channel."""


@dataclass(slots=True)
class LimitTest:
    """One limit test: of the data (LIM), or of the compliance status (COMP).

    Assumption: the defaults; they are those of the makers' common SCPI dialect.
    """

    enabled: bool = False
    function: str = "LIM"
    lower: float = -1.0
    upper: float = 1.0
    compliance: str = "OUT"
    failed: bool = False

    def judge(self, value: float, limited: bool) -> None:
        """Note whether a value (V, A, ohm) or the compliance status fails."""
        if self.function == "COMP":
            self.failed = limited if self.compliance == "IN" else not limited
        else:
            self.failed = not (math.isnan(value) or self.lower <= value <= self.upper)


def _tests() -> list[LimitTest]:
    return [LimitTest() for _ in range(TESTS)]


@dataclass(slots=True)
class CalculateSettings:
    """Settings of a channel's calculations that `*RST` restores."""

    feed: str = "VOLT"
    offset: float = 0.0
    offset_enabled: bool = False
    math_name: str = "POWER"
    """Assumption: the default."""
    math_enabled: bool = False
    composite: bool = False
    mode: str = "GRAD"
    update: str = "IMM"
    auto_clear: bool = True
    clear_delay: float = 1e-4
    tests: list[LimitTest] = field(default_factory=_tests)


class Calculator:
    """Calculates with each reading of a channel.

    The composite result's bits 16 to 20 of the status element and the patterns on digital pins are not modelled.

    Args:
        settings: of the channel.
        definitions: of the instrument's math expressions, by name.
        lookup: finds the readings that an expression names.
        status: the channel's status bits.
    """

    def __init__(
        self, settings: CalculateSettings, definitions: Mapping[str, str], lookup: Lookup, status: ChannelStatus
    ) -> None:
        self._settings = settings
        self._definitions = definitions
        self._lookup = lookup
        self._status = status
        self.results = DataBuffer()
        self.math = DataBuffer()

    def use(self, settings: CalculateSettings) -> None:
        """Start anew with other settings."""
        self._settings = settings
        self.start()
        self.clear()

    def start(self) -> None:
        """Forget what was calculated, as each run does; test results only if they are cleared automatically."""
        self.results.clear()
        self.math.clear()
        if self._settings.auto_clear:
            self.clear()

    def clear(self) -> None:
        """Forget the results of the limit tests."""
        for test in self._settings.tests:
            test.failed = False
        self._note()

    def take(self, reading: Reading) -> dict[str, Reading]:
        """Calculate with a reading; return what came of it by the name of a trace buffer's feed."""
        settings = self._settings
        taken: dict[str, Reading] = {}
        if settings.math_enabled:
            value = evaluate(self._definitions.get(settings.math_name, ""), self._lookup)
            taken["MATH"] = replace(reading, calculated=value)
            self.math.store(taken["MATH"])
        if settings.composite or any(test.enabled for test in settings.tests):
            value = self.fed(reading, taken.get("MATH"))
            taken["LIM"] = replace(reading, calculated=value)
            self.results.store(taken["LIM"])
            for test in settings.tests:
                if test.enabled:
                    test.judge(value, bool(reading.status & ReadingStatus.COMPLIANCE))
            self._note()
        return taken

    def fed(self, reading: Reading, math_result: Reading | None = None) -> float:
        """Return what of a reading is tested, less the offset."""
        settings = self._settings
        values = {"VOLT": reading.voltage, "CURR": reading.current, "RES": reading.resistance}
        values["MATH"] = math.nan if math_result is None else math_result.calculated
        if settings.feed == "RES" and math.isnan(reading.resistance) and reading.current:
            # The limit test's resistance is calculated whether or not it is measured.
            values["RES"] = reading.voltage / reading.current
        return values[settings.feed] - (settings.offset if settings.offset_enabled else 0.0)

    def acquire_offset(self, reading: Reading) -> None:
        """Take the present value as the offset."""
        enabled, self._settings.offset_enabled = self._settings.offset_enabled, False
        value = self.fed(reading)
        self._settings.offset_enabled = enabled
        if math.isfinite(value):
            self._settings.offset = value

    def _note(self) -> None:
        failed = any(test.failed for test in self._settings.tests)
        self._status.put_measurement(Measurement.LIMIT_FAILED, Measurement.LIMIT_FAILED if failed else Measurement(0))
