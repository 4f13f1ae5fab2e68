"""What the 2450 makes of a reading before it stores it: filter, relative offset, math, limit tests, in this order."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from sim_backend.panels.keithley_2450_buffers import MeasureStatus
from sim_backend.panels.keithley_2450_facts import OVERFLOW

if TYPE_CHECKING:
    from sim_backend.panels.keithley_2450_facts import Function, LimitTest, MathSettings, Settings

_LIMIT_BITS = (
    (MeasureStatus.LIMIT_1_LOW, MeasureStatus.LIMIT_1_HIGH),
    (MeasureStatus.LIMIT_2_LOW, MeasureStatus.LIMIT_2_HIGH),
)


class Processing:
    """Works on readings as the settings of the measure function say; an overflow goes through unchanged."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._past: deque[float] = deque()
        self._past_of: Function | None = None

    @property
    def conversions(self) -> int:
        """How many conversions the filter takes for one reading."""
        sense = self._settings.sense
        return sense.filter_count if sense.filtered and sense.repeating else 1

    def forget(self) -> None:
        """Empty the moving filter."""
        self._past.clear()

    def filtered(self, values: list[float]) -> float:
        """Return the mean of one reading's conversions, and of the readings before it if the filter moves."""
        overflow = next((value for value in values if abs(value) >= OVERFLOW), None)
        if overflow is not None:
            return overflow
        value = sum(values) / len(values)
        sense = self._settings.sense
        if not sense.filtered or sense.repeating:
            return value
        if self._past_of is not self._settings.sense_function:
            self._past.clear()
            self._past_of = self._settings.sense_function
        self._past.append(value)
        while len(self._past) > sense.filter_count:
            self._past.popleft()
        return sum(self._past) / len(self._past)

    def finished(self, value: float) -> tuple[float, MeasureStatus]:
        """Return a filtered value with offset and math, and what the limit tests say of it."""
        sense = self._settings.sense
        if abs(value) >= OVERFLOW:
            return value, MeasureStatus.QUESTIONABLE
        if sense.relative_on:
            value -= sense.relative
        if sense.math.on:
            value = _computed(value, sense.math)
        status = MeasureStatus(0)
        for test, bits in zip(sense.limits, _LIMIT_BITS, strict=True):
            if test.on:
                status |= _tested(value, test, *bits)
        return value, status


def _computed(value: float, math: MathSettings) -> float:
    """Return the result of the math; overflow where it divides by 0."""
    if math.form == "MXB":
        return math.factor * value + math.offset
    divisor = value if math.form == "REC" else math.reference
    if divisor == 0:
        return OVERFLOW
    return 1 / value if math.form == "REC" else (value - math.reference) / math.reference * 100


def _tested(value: float, test: LimitTest, low_bit: MeasureStatus, high_bit: MeasureStatus) -> MeasureStatus:
    """Note in a limit test how a value fared; return the bits that say so."""
    low, high = value < test.lower, value > test.upper
    if test.auto_clear:
        test.low, test.high = low, high
    else:
        test.low, test.high = test.low or low, test.high or high
    return (low_bit if low else MeasureStatus(0)) | (high_bit if high else MeasureStatus(0))
