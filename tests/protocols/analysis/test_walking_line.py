"""Lines through readings of a state that walks: as sure as they say, and no surer."""

from __future__ import annotations

import numpy as np
import pytest

from labctl.errors import ParameterError
from protocols.analysis.walking_line import fit_walking_line


def series(seed: int, slope: float, noise: float, walk: float, events: list[int]) -> np.ndarray:
    """Return means over successive `events` of a walking state that is read once after each event."""
    random = np.random.default_rng(seed)
    total = sum(events)
    state = 5 + slope * np.arange(1, total + 1) + np.cumsum(random.normal(0, walk, total))
    reads = state + random.normal(0, noise, total)
    ends = np.cumsum(events)
    return np.array([reads[end - count : end].mean() for end, count in zip(ends, events, strict=True)])


@pytest.mark.parametrize(
    ("slope", "noise", "walk"), [(0.0, 1.0, 0.0), (20.0, 0.1, 1.0), (20.0, 0.0, 1.0), (0.0, 0.0, 1.0)]
)
@pytest.mark.parametrize("events", [[1] * 32, [1, 1, 1, 2, 2, 3, 4, 6, 8, 10, 10, 10, 10]])
def test_errors_are_as_large_as_they_are_said_to_be(slope: float, noise: float, walk: float, events: list[int]) -> None:
    found = [fit_walking_line(series(seed, slope, noise, walk, events), events) for seed in range(150)]
    lines = [line for line in found if line is not None]
    off = np.array([(line.slope - slope) / line.slope_sigma for line in lines])
    assert len(lines) == 150
    assert abs(off.mean()) < 0.35
    # A small walk is never excluded by few readings: what may be one counts, so that white noise is over-estimated.
    assert 0.3 < off.std() < 1.35
    wrong = np.mean([abs(line.slope - slope) > line.quantile(0.99) * line.slope_sigma for line in lines])
    assert wrong <= 0.05


def test_the_start_is_the_state_before_the_first_event() -> None:
    line = fit_walking_line(series(1, 30.0, 0.05, 0.5, [1] * 40))
    assert line is not None
    assert line.start == pytest.approx(5, abs=4 * line.start_sigma)
    assert line.walk == pytest.approx(0.5, rel=0.35)


def test_an_exact_line_is_found_exactly() -> None:
    events = [1, 2, 5, 5, 7]
    line = fit_walking_line(series(1, 2.0, 0.0, 0.0, events), events)
    assert line is not None
    assert (line.slope, line.start) == pytest.approx((2.0, 5.0))


def test_what_cannot_be_fitted_is_said() -> None:
    assert fit_walking_line([1.0, 2.0, 3.0]) is None
    assert fit_walking_line([1.0, float("nan"), 3.0, 4.0]) is None
    with pytest.raises(ParameterError, match="one event"):
        fit_walking_line([1.0, 2.0, 3.0, 4.0], [1, 1, 0, 1])
