"""What the 2400 computes from readings: `:CALCulate1` math, `:CALCulate2` null and limit tests.

Not modelled: user-defined expressions, and those of the built-in ones that compare several source points; the binning
of parts over the digital port.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sim_backend.panels.keithley_2400_facts import NOT_MEASURED, OVERFLOW
from sim_backend.panels.keithley_2400_status import Measurement

if TYPE_CHECKING:
    from sim_backend.panels.keithley_2400_facts import CalcSettings
    from sim_backend.panels.keithley_2400_readings import Reading

COMPLIANCE_TEST: Final = 1
"""Number of the limit test that fails in compliance, or out of it."""
CONTACT_TEST: Final = 4
"""Number of the contact check, an option that this instrument has not got."""
VALUE_TESTS: Final = (2, 3, 5, 6, 7, 8, 9, 10, 11, 12)
"""Numbers of the limit tests that compare a value."""
_REGISTER_BITS: Final = {
    2: (Measurement.LIMIT_2_LOW, Measurement.LIMIT_2_HIGH),
    3: (Measurement.LIMIT_3_LOW, Measurement.LIMIT_3_HIGH),
}
_LIMIT_BITS: Final = (
    Measurement.LIMIT_1
    | Measurement.LIMIT_2_LOW
    | Measurement.LIMIT_2_HIGH
    | Measurement.LIMIT_3_LOW
    | Measurement.LIMIT_3_HIGH
    | Measurement.LIMITS_PASSED
)


def first(calc: CalcSettings, reading: Reading) -> float:
    """Return the result of the math, not a number while it is off or without both of its values."""
    values = reading.voltage, reading.current
    if not calc.math or any(abs(value) >= OVERFLOW for value in values):
        return NOT_MEASURED
    return values[0] * values[1]


def second(calc: CalcSettings, reading: Reading) -> float:
    """Return what the limit tests look at: the value that is fed to them, less the null."""
    value = first(calc, reading) if calc.feed == "CALC1" else reading.element(calc.feed)
    return value - calc.offset if calc.null and abs(value) < OVERFLOW else value


def judge(calc: CalcSettings, reading: Reading) -> tuple[Measurement, Measurement]:
    """Note how a reading fared in the tests that are on; return which bits of the register that sets and clears."""
    value, bits = second(calc, reading), Measurement(0)
    compliance = calc.tests[COMPLIANCE_TEST]
    compliance.failed = compliance.on and reading.in_compliance is compliance.fails_in
    if compliance.failed:
        bits |= Measurement.LIMIT_1
    for number in VALUE_TESTS:
        test = calc.tests[number]
        low, high = test.on and value < test.lower, test.on and value > test.upper
        test.failed = low or high
        for failed, bit in zip((low, high), _REGISTER_BITS.get(number, ()), strict=False):
            bits |= bit if failed else Measurement(0)
    if calc.testing and not any(test.failed for test in calc.tests.values()):
        bits |= Measurement.LIMITS_PASSED
    return bits, _LIMIT_BITS & ~bits
