"""What `update-symmetry` makes of cells of which it is known what they do."""

from __future__ import annotations

import pytest
from labctl.bench import Bench, Die
from labctl.bench_file import load_bench
from labctl.errors import ParameterError

from azolab.update_symmetry import PROTOCOL, UpdateSymmetryParameters
from azolab.update_symmetry_summary import Update, UpdateSymmetrySummary

PULSES = 10


def staircase(step_up: float, step_down: float, cycles: int = 4) -> list[Update]:
    """Return the records of a cell without noise that moves by so many levels a pulse."""
    records: list[Update] = []
    level = 100.0
    for cycle in range(cycles):
        for pulse in range(1, 2 * PULSES + 1):
            level += step_up if pulse <= PULSES else step_down
            records.append(Update(cycle, pulse, level * 357e-9, level, time=float(cycle)))
    return records


@pytest.mark.parametrize(("down", "asymmetry", "passes"), [(-1.0, 0.0, True), (-0.5, 1 / 3, False)])
def test_steps_and_asymmetry_are_those_of_the_cell(down: float, asymmetry: float, passes: bool) -> None:
    parameters = UpdateSymmetryParameters.model_validate({"pulses": str(PULSES)})
    outcome = PROTOCOL.summarise(staircase(1.0, down), parameters)
    summary = outcome.summary
    assert isinstance(summary, UpdateSymmetrySummary)
    assert (summary.cycles, summary.step_up, summary.step_down) == pytest.approx((4, 1.0, down))
    assert (summary.asymmetry, summary.first_asymmetry) == pytest.approx((asymmetry, asymmetry))
    assert summary.moved == pytest.approx(PULSES * (1 + down) * 4 - 1)
    assert outcome.passed is passes


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"row": "64"}, r"the die has rows 0\.\.63 .* no cell \(64, 0\)"),
        ({"pulses": "500", "up_width": "5 ms"}, "would last 5.1.* s, .* lower pulses, widths or samples"),
    ],
)
def test_what_makes_no_sense_is_refused(settings: dict[str, str], complaint: str) -> None:
    file = load_bench()
    with pytest.raises(ParameterError, match=complaint):
        PROTOCOL.check(Die.of(file), Bench.envelope_of(file), UpdateSymmetryParameters.model_validate(settings))


def test_a_run_that_broke_off_early_has_a_figure_and_no_summary() -> None:
    parameters = UpdateSymmetryParameters.model_validate({"pulses": str(PULSES)})
    records = staircase(1.0, -1.0, cycles=3)
    assert PROTOCOL.summarise(records, parameters).summary is None
    assert PROTOCOL.figure is not None
    assert len(PROTOCOL.figure(records[: 2 * PULSES], parameters).panels) == 2
