"""Command table of the 2400: staircase sweeps and lists."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sim_backend.panels.keithley_2400_facts import MOST_POINTS, SOURCES, Function
from sim_backend.panels.keithley_2400_parameters import Count, count_setting, setting
from sim_backend.panels.keithley_2400_source_commands import NAMES, level_number
from sim_backend.panels.keithley_2400_sweep import step_points, step_size
from sim_backend.panels.scpi_errors import ScpiError
from sim_backend.panels.scpi_parameters import Choice, Number
from sim_backend.panels.scpi_settings import choice_setting, query
from sim_backend.panels.scpi_table import Command, Signature

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sim_backend.panels.keithley_2400_facts import SourceSettings
    from sim_backend.panels.keithley_2400_instrument import Instrument
    from sim_backend.panels.scpi_parameters import Arguments

MOST_LIST_VALUES: Final = 100
"""Values that one list command takes."""
_UP_DOWN: Final = Choice(("UP", "DOWN"))


def sweep_commands(instrument: Instrument) -> Iterator[Command]:
    """Yield the commands that set sweeps up."""
    settings = instrument.settings

    def set_points(points: float) -> None:
        for function in SOURCES:
            settings.sources[function].points = int(points)
            settings.sources[function].step = None

    yield count_setting(
        ":SOURce[1]:SWEep:POINts", Count(2, MOST_POINTS, MOST_POINTS), lambda: step_points(settings.source), set_points
    )
    yield from _choices(instrument)
    for function in SOURCES:
        yield from _staircase_commands(instrument, function)
        yield from _list_commands(instrument, function)


def _choices(instrument: Instrument) -> Iterator[Command]:
    settings = instrument.settings

    def set_spacing(name: str) -> None:
        settings.spacing = name

    def set_direction(name: str) -> None:
        settings.direction = name

    def set_ranging(name: str) -> None:
        settings.ranging = name

    def set_abort(name: str) -> None:
        settings.compliance_abort = name

    def set_list_direction(name: str) -> None:
        settings.list_direction = name

    sweep = ":SOURce[1]:SWEep"
    spacings = Choice(("LINear", "LOGarithmic"))
    yield choice_setting(f"{sweep}:SPACing", spacings, lambda: settings.spacing, set_spacing)
    yield choice_setting(f"{sweep}:DIRection", _UP_DOWN, lambda: settings.direction, set_direction)
    rangings = Choice(("BEST", "AUTO", "FIXed"))
    yield choice_setting(f"{sweep}:RANGing", rangings, lambda: settings.ranging, set_ranging)
    aborts = Choice(("NEVer", "EARLy", "LATE"))
    yield choice_setting(f"{sweep}:CABort", aborts, lambda: settings.compliance_abort, set_abort)
    yield choice_setting(":SOURce[1]:LIST:DIRection", _UP_DOWN, lambda: settings.list_direction, set_list_direction)


def _staircase_commands(instrument: Instrument, function: Function) -> Iterator[Command]:
    settings = instrument.settings
    header, level = f":SOURce[1]:{NAMES[function]}", level_number(function)

    def entry() -> SourceSettings:
        return settings.sources[function]

    def set_start(value: float) -> None:
        entry().start = value

    def set_stop(value: float) -> None:
        entry().stop = value

    def set_step(value: float) -> None:
        entry().step = value

    def centred(
        centre: Callable[[], float], span: Callable[[], float], value: tuple[float | None, float | None]
    ) -> None:
        middle, width = (
            given if given is not None else kept() for given, kept in zip(value, (centre, span), strict=True)
        )
        start, stop = middle - width / 2, middle + width / 2
        if max(abs(start), abs(stop)) > function.largest * (1 + 1e-12):
            raise ScpiError(-221)
        entry().start, entry().stop = start, stop

    def centre() -> float:
        return (entry().start + entry().stop) / 2

    def span() -> float:
        return entry().stop - entry().start

    width = Number(-2 * function.largest, 2 * function.largest, 0.0, function.unit)
    yield setting(f"{header}:STARt", level, lambda: entry().start, set_start)
    yield setting(f"{header}:STOP", level, lambda: entry().stop, set_stop)
    yield setting(f"{header}:STEP", width, lambda: step_size(entry()), set_step)
    yield setting(f"{header}:CENTer", level, centre, lambda value: centred(centre, span, (value, None)))
    yield setting(f"{header}:SPAN", width, span, lambda value: centred(centre, span, (None, value)))


def _list_commands(instrument: Instrument, function: Function) -> Iterator[Command]:
    settings = instrument.settings
    header = f":SOURce[1]:LIST:{NAMES[function]}"
    values = Signature((level_number(function),), required=1, repeated=MOST_LIST_VALUES)

    def stored() -> list[float]:
        return settings.sources[function].list

    def replace(arguments: Arguments) -> None:
        stored()[:] = arguments.numbers()

    def append(arguments: Arguments) -> None:
        if len(stored()) + len(arguments) > MOST_POINTS:
            raise ScpiError(-223)
        stored().extend(arguments.numbers())

    def set_first(place: float) -> None:
        if place > len(stored()):
            raise ScpiError(-222)
        settings.sources[function].list_start = int(place)

    yield Command(header, replace, values, lambda _: ",".join(f"{value:+.6E}" for value in stored()))
    yield Command(f"{header}:APPend", append, values)
    yield query(f"{header}:POINts", lambda: str(len(stored())))
    yield count_setting(f"{header}:STARt", Count(1, 100, 1), lambda: settings.sources[function].list_start, set_first)
