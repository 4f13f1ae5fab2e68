"""Source memory of the 2400: set-ups in a hundred places, one after the other in a memory sweep.

What a place holds follows the manual's table, except for what the twin has not got.
"""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any, Final

from sim_backend.panels.keithley_2400_facts import MEMORY_PLACES, Settings
from sim_backend.panels.keithley_2400_parameters import Count, count_setting
from sim_backend.panels.keithley_2400_sweep import Point
from sim_backend.panels.scpi_parameters import Integer
from sim_backend.panels.scpi_table import Command, Signature

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sim_backend.panels.keithley_2400_instrument import Instrument

_FIELDS: Final = (
    "source_function",
    "sources",
    "delay",
    "auto_delay",
    "functions",
    "concurrent",
    "senses",
    "ohms",
    "nplc",
    "filter",
    "four_wire",
    "autozero",
    "calc",
)
Setup = dict[str, Any]
"""What a place holds: settings by their names."""


def setup_of(settings: Settings) -> Setup:
    """Return what a place takes of the present settings."""
    return {name: deepcopy(getattr(settings, name)) for name in _FIELDS}


def put_setup(settings: Settings, setup: Setup) -> None:
    """Make what a place holds the present settings."""
    for name, value in setup.items():
        setattr(settings, name, deepcopy(value))


def memory_plan(settings: Settings, places: Mapping[int, Setup]) -> list[Point]:
    """Return the points of a memory sweep; a place where nothing was saved holds the settings of `*RST`."""
    default = setup_of(Settings())
    points: list[Point] = []
    for step in range(settings.memory_points):
        setup = places.get((settings.memory_start - 1 + step) % MEMORY_PLACES + 1, default)
        source = setup["sources"][setup["source_function"]]
        points.append(Point(source.level, source.range, setup))
    return points


def source_memory_commands(instrument: Instrument) -> Iterator[Command]:
    """Yield the commands on source memory."""
    settings, place = instrument.settings, Signature((Integer(1, MEMORY_PLACES, 1),), required=1)

    def set_points(points: float) -> None:
        settings.memory_points = int(points)

    def set_start(start: float) -> None:
        settings.memory_start = int(start)

    header = ":SOURce[1]:MEMory"
    yield Command(f"{header}:SAVE", lambda arguments: instrument.save_source(int(arguments.number(0))), place)
    yield Command(f"{header}:RECall", lambda arguments: instrument.recall_source(int(arguments.number(0))), place)
    number = Count(1, MEMORY_PLACES, 1)
    yield count_setting(f"{header}:POINts", number, lambda: settings.memory_points, set_points)
    yield count_setting(f"{header}:STARt", number, lambda: settings.memory_start, set_start)
