"""The numbers that tell the keyed noises of converters and instruments apart, among themselves and from the die's."""

from __future__ import annotations

from enum import IntEnum
from typing import Final

from sim_backend.crossbar.network import SIDE_MAX

BANKS: Final = 4
"""Readers of columns and of rows, drivers of rows and of columns: in this order they number a board's lines."""
KEYS: Final = BANKS * SIDE_MAX
"""Lines that can be told apart, on a board of any size."""


class FrontEndKind(IntEnum):
    """Kinds of keyed noise, from 100 up. A front end is rebuilt from its seed: the values are never reused.

    `CONVERSION`, `METER_NOISE` and `METER_PICKUP` are drawn for each conversion; the others are fixed properties.
    """

    CONVERSION = 100
    READER_GAIN = 101
    READER_GAIN_LEFT = 102
    READER_OFFSET = 103
    READER_CURVE = 104
    DRIVER_GAIN = 105
    DRIVER_GAIN_LEFT = 106
    DRIVER_CURVE = 107
    METER_GAIN = 120
    METER_OFFSET = 121
    METER_NOISE = 122
    METER_PICKUP = 123
