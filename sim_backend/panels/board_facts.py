"""What the twin's probe board can do, the grids of its converters, and the time that things take.

Values are those of the wire specification, version 1, section 4, and section 2, rule 9, for times. Wire units are
whole microvolts, nanovolts and nanoseconds, so that grids and limits are exact.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from labctl.board_data import Capabilities, Feature

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

VENDOR = "labctl"
MODEL = "XPB-64"
FIRMWARE = "1.0.0"
"""Firmware of the twin's board: the wire specification's version, and two numbers of its own."""

VOLTAGE_MAX = 5_000_000
"""Largest pulse amplitude of either sign, in uV."""
READ_LIMIT = 500_000
"""Largest read voltage of either sign, in uV."""
WRITE_STEP = 152_588
"""Step of the pulse converter, in nV: 16 bit over 10 V."""
READ_STEP = 15_259
"""Step of the read converter, in nV: 16 bit over 1 V."""
WIDTH_MIN = 20
"""Shortest pulse, in ns."""
WIDTH_MAX = 10_000_000
"""Longest pulse, in ns."""
COUNT_MAX = 1_000_000
"""Most pulses of one entry."""
AVERAGES_MAX = 4_096
"""Most samples of one reading."""
LINE_LIMIT = 0.25
"""What a line driver carries at most, and the compliance after power-up, in A."""
FEATURES = Feature.SMU_PORT | Feature.MULTIPLY | Feature.TEMPERATURE | Feature.SELF_TEST | Feature.CALIBRATION
"""What the twin's board has beyond reading and pulsing: everything."""
READ_ENTRIES = 1024
"""Most cells of a READ, and most entries of a PULSE (section 3)."""
PULSE_READ_ENTRIES = 1023
"""Most entries of a PULSE_READ (section 3)."""
CALIBRATION_LINES = 1000
"""Most coefficients of one request (section 3)."""
PRODUCT_SLOT_MIN = 1_000
PRODUCT_SLOT_MAX = 10_000_000
"""Slots of a product, in ns (section 2, rule 5)."""
PERIOD_MIN = 20
"""Shortest watchdog period, in ms (section 3)."""
PERIOD_MAX = 10_000
"""Longest watchdog period, in ms (section 3)."""

RUN_MAX = 5_000_000_000
"""Longest run of one request, in ns (rule 7)."""
SETTLING = 30_000
"""From routing to the first sample, in ns."""
SAMPLE = 5_000
"""One conversion, in ns: 200 kSPS."""
SLOT_MIN = 1_000
"""Shortest slot of a pulse, in ns; a longer pulse takes twice its width."""
LINK_TIME = 1e-3
"""What a transaction costs beside its bytes, in s."""
BYTE_TIME = 8 / 12e6
"""What a byte on the link costs, in s: 12 Mbit/s."""
TEMPERATURE = 25.0
"""What the board reports, in degC: a laboratory's air, as the twin's board makes no heat."""
TEMPERATURE_MAX = 70.0
"""Above this the board trips, in degC (assumption: the commercial range of its parts)."""


def capabilities(rows: int, columns: int, features: Feature = FEATURES) -> Capabilities:
    """Return what a board with `features` can do with a die of `rows` x `columns`."""
    return Capabilities(
        rows=rows,
        columns=columns,
        v_min=-VOLTAGE_MAX / 1e6,
        v_max=VOLTAGE_MAX / 1e6,
        read_limit=READ_LIMIT / 1e6,
        write_step=WRITE_STEP / 1e9,
        read_step=READ_STEP / 1e9,
        width_min=WIDTH_MIN / 1e9,
        width_max=WIDTH_MAX / 1e9,
        count_max=COUNT_MAX,
        averages_max=AVERAGES_MAX,
        features=features,
    )


def on_grid(microvolts: int, step: int) -> float:
    """Return the voltage (V) that a converter of `step` (nV) puts out when it is asked for `microvolts`."""
    return round(microvolts * 1000 / step) * step / 1e9


def read_time(averages: int) -> int:
    """Return what converting one group of cells takes, in ns."""
    return SETTLING + averages * SAMPLE


def slot_time(width: int) -> int:
    """Return the slot that one pulse of `width` (ns) takes, in ns."""
    return max(2 * width, SLOT_MIN)


def trains_time(width: NDArray[np.int64], count: NDArray[np.int64]) -> int:
    """Return what a list of pulse trains takes, in ns; `width` (ns) and `count` have shape (n,)."""
    return int((count * (2 * width).clip(min=SLOT_MIN)).sum())
