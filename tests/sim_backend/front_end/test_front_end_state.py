"""Noise that is keyed: any order, any grouping, and a front end that goes on where it was saved."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
import pytest

from labctl.errors import ModelError
from sim_backend.front_end.interface import Direction
from sim_backend.front_end.make import make_front_end

if TYPE_CHECKING:
    from sim_backend.front_end.interface import Array, FrontEnd

CURRENT = 0.5e-3


def board(seed: int = 1, rows: int = 5, columns: int = 7) -> FrontEnd:
    return make_front_end("board", "factory", rows, columns, 5.9e-3, seed)


def read(front_end: FrontEnd, lines: list[int], direction: Direction = Direction.ROWS_TO_COLUMNS) -> Array:
    return front_end.read(np.array(lines), np.full(len(lines), CURRENT), 0.1, 1e-3, 4, direction).current


def multiply(front_end: FrontEnd) -> Array:
    return front_end.integrate(np.arange(7), np.full((3, 7), CURRENT), 0.1, 1e-3, 1e-4, 4).current


def test_the_order_of_lines_does_not_matter() -> None:
    one, other = board(), board()
    first = [read(one, [line]) for line in (0, 3, 6)]
    second = [read(other, [line]) for line in (6, 3, 0)]
    np.testing.assert_array_equal(first, second[::-1])


def test_grouping_does_not_matter() -> None:
    np.testing.assert_array_equal(read(board(), [0, 3, 6]), np.concatenate([read(board(), [n]) for n in (0, 3, 6)]))


def test_each_read_has_noise_of_its_own() -> None:
    one = board()
    assert len({float(read(one, [2])[0]) for _ in range(50)}) > 40


def test_a_line_named_twice_is_converted_once() -> None:
    one, other = board(), board()
    pair = read(one, [2, 2])
    assert pair[0] == pair[1] == read(other, [2])[0]
    assert read(one, [2])[0] == read(other, [2])[0]


def test_a_driver_s_noise_follows_the_driver() -> None:
    def both(drivers: tuple[int, int]) -> dict[int, float]:
        front_end = board()
        lines, current = np.array([0]), np.array([CURRENT])
        # The converter's numbers come in the same order each time: reader 0 twice. The driver's follow the driver.
        return {
            driver: float(front_end.read(lines, current, 0.0, 50.0, 1, driver=driver).current[0]) for driver in drivers
        }

    one, other = both((1, 4)), both((4, 1))
    # Noise of a driver with 50 S (79 uA) hides the converter's (9 nA).
    assert one[1] == pytest.approx(other[1], abs=1e-7)
    assert one[4] == pytest.approx(other[4], abs=1e-7)
    assert abs(one[1] - one[4]) > 1e-6


def test_seeds_and_directions_differ() -> None:
    values = [*read(board(1), [0, 1]), *read(board(2), [0, 1]), *read(board(1), [0, 1], Direction.COLUMNS_TO_ROWS)]
    assert len(set(values)) == 6


def test_reading_one_side_leaves_the_other_alone() -> None:
    one, other = board(), board()
    read(one, [0, 1, 2], Direction.COLUMNS_TO_ROWS)
    np.testing.assert_array_equal(read(one, [0, 1]), read(other, [0, 1]))


@pytest.mark.parametrize("kind", ["board", "ideal"])
def test_a_saved_front_end_goes_on_exactly(kind: Literal["board", "ideal"]) -> None:
    def made() -> FrontEnd:
        return make_front_end(kind, "factory", 5, 7, 5.9e-3, 1)

    def half(front_end: FrontEnd) -> list[Array]:
        front_end.calibrations[1].gain[3] *= 1.5
        found = [multiply(front_end), read(front_end, [4], Direction.COLUMNS_TO_ROWS), read(front_end, [3, 0])]
        found.append(front_end.read(np.array([1]), np.array([CURRENT]), 0.1, 1e-3, 4, driver=2).current)
        return found

    whole = made()
    half(whole)
    saved = whole.arrays()
    expected = half(whole)
    resumed = made()
    resumed.restore(saved)
    for found, wanted in zip(half(resumed), expected, strict=True):
        np.testing.assert_array_equal(found, wanted)
    for name, array in whole.arrays().items():
        np.testing.assert_array_equal(resumed.arrays()[name], array)


def test_saved_arrays_are_copies() -> None:
    one = board()
    saved = one.arrays()
    read(one, [0])
    assert saved["conversions"].sum() == 0
    assert one.arrays()["conversions"].sum() == 1


class TestRefusals:
    def test_an_array_of_another_board(self) -> None:
        one = board()
        read(one, [0])
        before = one.arrays()
        with pytest.raises(ModelError, match="column_gain"):
            one.restore(board(columns=6).arrays())
        for name, array in one.arrays().items():
            np.testing.assert_array_equal(array, before[name])

    def test_an_ideal_front_end_s_arrays(self) -> None:
        with pytest.raises(ModelError, match="conversions"):
            board().restore(make_front_end("ideal", "none", 5, 7, 5.9e-3, 1).arrays())

    def test_another_type(self) -> None:
        saved = board().arrays()
        saved["conversions"] = saved["conversions"].astype(np.float64)
        with pytest.raises(ModelError, match="float64"):
            board().restore(saved)

    @pytest.mark.parametrize(
        ("name", "value"), [("conversions", -1), ("column_gain", 0), ("row_gain", np.nan), ("row_offset", np.inf)]
    )
    def test_numbers_that_no_front_end_has(self, name: str, value: float) -> None:
        saved = board().arrays()
        saved[name][2] = value
        with pytest.raises(ModelError, match=name):
            board().restore(saved)

    @pytest.mark.parametrize(("rows", "columns", "g_max"), [(0, 4, 1e-3), (4, 513, 1e-3), (4, 4, 0.0), (4, 4, np.nan)])
    def test_numbers_that_no_array_has(self, rows: int, columns: int, g_max: float) -> None:
        with pytest.raises(ModelError):
            make_front_end("board", "none", rows, columns, g_max, 1)


class TestIdeal:
    def test_it_adds_nothing(self) -> None:
        ideal = make_front_end("ideal", "none", 5, 7, 5.9e-3, 1)
        current = np.array([1e-3, 5.0])
        for found in (
            ideal.read(np.array([0, 6]), current, 0.1, 0.1, 1),
            ideal.integrate(np.array([0, 6]), current, 0.1, 0.1, 1e-4, 1),
        ):
            assert found.current.tolist() == [1e-3, 5.0]
            assert not found.saturated.any()

    def test_its_drivers_put_out_what_they_are_told(self) -> None:
        ideal = make_front_end("ideal", "none", 5, 7, 5.9e-3, 1)
        assert ideal.line_voltage(np.array([0, 4]), 0.2).tolist() == [0.2, 0.2]
        assert ideal.line_voltage(np.array([0, 4]), np.array([0.2, -0.1])).tolist() == [0.2, -0.1]
