"""Programs that were not written with ours drive the served panels, and see right numbers.

`scripts/PACKAGE_FAMILY.py RESOURCE` uses PACKAGE (its import name) on an instrument of FAMILY and prints one JSON
object in its last line. A script resets the instrument, limits the current to 10 mA, puts 0.2 V out, measures, sweeps
between 0 V and 0.2 V, reads its buffer, and lowers the limit to 0.1 mA at 0.2 V. Of what it prints, these are checked
(further keys are its own):

- `identity`: text, or fields by name; `limit`: read back (A); `current`: at 0.2 V (A); `sweep_voltages` and
  `sweep_currents`: lists;
- alone, where a package cannot do a link: `skipped`, the reason;
- if it has them: `voltage` (V) beside `current`; `buffer_voltages`, `buffer_currents`; `low_limit`: read back (A);
  `low_limit_current` (A); `in_compliance`: whether the instrument said so then, `in_compliance_before`: at 10 mA;
  `errors`: what the instrument had to complain of, an empty list or 0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:
    from tests.clients.conftest import Served, Truth

LEVEL: Final = 0.2
LIMIT: Final = 0.01
LOW_LIMIT: Final = 1e-4


def test_a_public_client_sees_the_cell(seen: dict[str, Any], served: Served) -> None:
    truth = served.truth
    assert truth.family.expect in str(seen["identity"])
    assert seen["limit"] == pytest.approx(LIMIT, rel=1e-6)
    assert seen["current"] == pytest.approx(truth.current(LEVEL), abs=truth.tolerance(LEVEL, LIMIT))
    if "voltage" in seen:
        assert seen["voltage"] == pytest.approx(LEVEL, abs=truth.voltage_tolerance(LEVEL))
    _is_the_curve(seen["sweep_voltages"], seen["sweep_currents"], truth)
    assert min(seen["sweep_voltages"]) == pytest.approx(0.0, abs=truth.voltage_tolerance(0.0))
    assert max(seen["sweep_voltages"]) == pytest.approx(LEVEL, abs=truth.voltage_tolerance(LEVEL))
    if "buffer_voltages" in seen:
        _is_the_curve(seen["buffer_voltages"], seen["buffer_currents"], truth)
    if "low_limit" in seen:
        _is_limited(seen, truth)
    assert not seen.get("errors"), seen["errors"]


def _is_limited(seen: dict[str, Any], truth: Truth) -> None:
    assert truth.current(LEVEL) > 2 * LOW_LIMIT
    assert seen["low_limit"] == pytest.approx(LOW_LIMIT, rel=1e-6)
    assert seen["low_limit_current"] == pytest.approx(LOW_LIMIT, abs=truth.limited(LOW_LIMIT))
    if "in_compliance" in seen:
        assert (bool(seen["in_compliance_before"]), bool(seen["in_compliance"])) == (False, True)


def _is_the_curve(voltages: list[float], currents: list[float], truth: Truth) -> None:
    """Compare readings, at least five, with what the cell carries."""
    assert len(voltages) == len(currents) >= 5
    for voltage, current in zip(voltages, currents, strict=True):
        assert current == pytest.approx(truth.current(voltage), abs=truth.tolerance(voltage, LIMIT))
