"""Octaves that are kept from one operation to the next: the same numbers, to the bit, as looked up anew."""

from __future__ import annotations

import numpy as np
import pytest

from sim_backend.noise import slow_octaves
from sim_backend.noise.keyed import KeyedNoise
from sim_backend.noise.kinds import NoiseKind
from sim_backend.noise.slow_octaves import BLOCK, BLOCKS, OCTAVE_SHIFT, SlowOctaves

OCTAVES = 31


def noise_of(cells: int) -> KeyedNoise:
    return KeyedNoise(5, NoiseKind.FLICKER, cells)


def looked_up(noise: KeyedNoise, cells: np.ndarray, last: np.ndarray, length: float, short: int) -> np.ndarray:
    """Return the sums by the definition: every octave of every cell, from the shortest to the longest."""
    octave = np.arange(short, OCTAVES)[:, None]
    interval = last.astype(np.int64) >> octave
    key = interval | (octave << OCTAVE_SHIFT)
    cell = np.broadcast_to(cells, key.shape)
    now, before = noise.normal(cell, key), noise.normal(cell, np.where(interval > 0, key - 1, key))
    inside = last - (interval << octave)
    share = inside / length
    return np.where((inside < length) & (interval > 0), share * now + (1 - share) * before, now).sum(axis=0)


def some_cells(rng: np.random.Generator, count: int) -> np.ndarray:
    """Return cells as operations name them: all, a row, a column, some, some more than once."""
    kind = int(rng.integers(0, 5))
    first = int(rng.integers(0, count - 1))
    return (
        np.arange(count),
        np.arange(first, int(rng.integers(first + 1, count)) + 1),
        np.arange(0, count, 8),
        np.sort(rng.choice(count, 1 + count // 3, replace=False)),
        rng.integers(0, count, 50),
    )[kind]


@pytest.mark.parametrize("count", [2, 64, 500])
def test_operations_of_every_length_and_order_see_the_same(count: int) -> None:
    rng = np.random.default_rng(count)
    noise, slow = noise_of(count), SlowOctaves(noise_of(count), OCTAVES, count)
    ahead, samples = rng.uniform(0, 2.0**30, count), np.zeros(count)
    for step in range(200):
        cells = some_cells(rng, count)
        length = float(rng.choice([1, 16, 20, 320, 320, 100_000]))
        short = int(np.ceil(np.log2(length)))
        samples[cells] += length if step % 10 else rng.integers(0, 2**36)
        # Back in time, too: a world that is loaded, or another die's counts.
        samples[cells] -= samples[cells] * float(step % 50 == 49)
        last = ahead[cells] + samples[cells]
        expected = looked_up(noise, cells, last, length, short)
        assert np.array_equal(slow.sum(cells, last, length, short), expected), step


def test_what_neighbouring_operations_share_is_not_looked_up_again(monkeypatch: pytest.MonkeyPatch) -> None:
    noise, cells = noise_of(BLOCK), np.arange(BLOCK)
    slow, asked = SlowOctaves(noise, OCTAVES, BLOCK), list[int]()
    plain = noise.normal

    def counted(at: np.ndarray, counts: np.ndarray) -> np.ndarray:
        asked.append(counts.size)
        return plain(at, counts)

    monkeypatch.setattr(noise, "normal", counted)
    ahead = np.random.default_rng(1).uniform(0, 2.0**30, BLOCK)
    for operation in range(20):
        slow.sum(cells, ahead + 320.0 * (operation + 1), 320.0, 9)
    assert sum(asked[:2]) > 22 * BLOCK
    # 320 of 512 intervals change in the shortest octave, half as many in the next, and so on: 1.25 a cell.
    assert sum(asked[2:]) / 19 == pytest.approx(1.25 * BLOCK, rel=0.03)


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    assert BLOCKS * BLOCK * OCTAVES * 8 < 40e6
    monkeypatch.setattr(slow_octaves, "BLOCKS", 2)
    count = 4 * BLOCK
    noise, slow = noise_of(count), SlowOctaves(noise_of(count), OCTAVES, count)
    for operation in range(3):
        for block in range(4):
            cells = block * BLOCK + np.arange(BLOCK)
            last = np.arange(BLOCK, dtype=np.float64) + 1e6 + 320.0 * operation
            assert np.array_equal(slow.sum(cells, last, 320.0, 9), looked_up(noise, cells, last, 320.0, 9))
    assert len(slow._blocks) == 2  # pyright: ignore[reportPrivateUsage]
