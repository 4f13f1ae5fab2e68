"""Command table of the 2400: `:INITiate`, `:ABORt`, and the layers of the trigger model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sim_backend.panels.keithley_2400_facts import INFINITE, LONGEST_DELAY, MOST_POINTS
from sim_backend.panels.keithley_2400_parameters import Count, count_setting, setting
from sim_backend.panels.scpi_errors import ScpiError
from sim_backend.panels.scpi_parameters import Choice, Integer, Number
from sim_backend.panels.scpi_settings import choice_setting, event
from sim_backend.panels.scpi_table import Command, Signature

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sim_backend.panels.keithley_2400_instrument import Instrument
    from sim_backend.panels.scpi_parameters import Arguments, Parameter

ARM: Final = ":ARM[:SEQuence[1]][:LAYer[1]]"
TRIGGER: Final = ":TRIGger[:SEQuence[1]]"
_ARM_SOURCES: Final = Choice(("IMMediate", "TLINk", "TIMer", "MANual", "BUS", "NSTest", "PSTest", "BSTest"))
_LINE: Final = Integer(1, 4, 1)


def trigger_commands(instrument: Instrument) -> Iterator[Command]:
    """Yield the commands on the trigger model."""
    yield event(":INITiate[:IMMediate]", instrument.model.start)
    yield event(":ABORt", instrument.model.abort)
    yield event(":TRIGger:CLEar", lambda: None)
    yield from _count_commands(instrument)
    yield from _source_commands(instrument)
    yield from _link_commands(instrument)


def bus_trigger(instrument: Instrument) -> Command:
    """Return `*TRG`."""
    return event("*TRG", instrument.model.bus_trigger)


def _count_commands(instrument: Instrument) -> Iterator[Command]:
    settings = instrument.settings

    def set_arm_count(count: float) -> None:
        # Both counts are checked together: readings of a run must fit into the buffer.
        if count < INFINITE and count * settings.trigger.count > MOST_POINTS:
            raise ScpiError(-221)
        settings.trigger.arm_count = count

    def set_count(count: float) -> None:
        if settings.trigger.arm_count < INFINITE and count * settings.trigger.arm_count > MOST_POINTS:
            raise ScpiError(-221)
        settings.trigger.count = int(count)

    arm = Count(1, MOST_POINTS, 1, endless=True)
    yield count_setting(f"{ARM}:COUNt", arm, lambda: settings.trigger.arm_count, set_arm_count)
    yield count_setting(f"{TRIGGER}:COUNt", Count(1, MOST_POINTS, 1), lambda: settings.trigger.count, set_count)


def _source_commands(instrument: Instrument) -> Iterator[Command]:
    settings = instrument.settings

    def set_arm_source(name: str) -> None:
        settings.trigger.arm_source = name

    def set_timer(seconds: float) -> None:
        settings.trigger.arm_timer = seconds

    def set_source(name: str) -> None:
        settings.trigger.source = name

    def set_delay(seconds: float) -> None:
        settings.trigger.delay = seconds

    yield choice_setting(f"{ARM}:SOURce", _ARM_SOURCES, lambda: settings.trigger.arm_source, set_arm_source)
    yield setting(f"{ARM}:TIMer", Number(1e-3, 99999.99, 0.1, "S"), lambda: settings.trigger.arm_timer, set_timer)
    yield choice_setting(
        f"{TRIGGER}:SOURce", Choice(("IMMediate", "TLINk")), lambda: settings.trigger.source, set_source
    )
    delay = Number(0.0, LONGEST_DELAY, 0.0, "S")
    yield setting(f"{TRIGGER}:DELay", delay, lambda: settings.trigger.delay, set_delay)


def _link_commands(instrument: Instrument) -> Iterator[Command]:
    """Yield the settings of the trigger link."""
    link = "[:TCONfigure]"
    directions = Choice(("SOURce", "ACCeptor"))
    trigger_events = Choice(("SOURce", "DELay", "SENSe|SENSe1", "NONE"))
    for layer, inputs, lines in ((ARM, None, ("1", "2")), (TRIGGER, trigger_events, ("1", "2"))):
        yield _note(instrument, f"{layer}{link}:DIRection", "ACC", directions)
        asynchronous = f"{layer}{link}[:ASYNchronous]"
        yield _note(instrument, f"{asynchronous}:ILINe", lines[0], _LINE)
        yield _note(instrument, f"{asynchronous}:OLINe", lines[1], _LINE)
        if inputs is None:
            yield _note(instrument, f"{asynchronous}:OUTPut", "NONE", Choice(("TENTer", "TEXit", "TRIGger", "NONE")))
        else:
            yield _note(instrument, f"{asynchronous}:OUTPut", "NONE", inputs)
            yield _note(instrument, f"{asynchronous}:INPut", "SOUR", inputs)


def _note(instrument: Instrument, pattern: str, default: str, parameter: Parameter) -> Command:
    """Return a setting that is kept for its query; nothing is connected to the trigger link."""
    settings = instrument.settings

    def put(arguments: Arguments) -> None:
        numeric = isinstance(parameter, Integer)
        text = f"{arguments.number(0):.0f}" if numeric else ",".join(arguments.texts(0))
        settings.trigger.names[pattern] = text

    return Command(
        pattern,
        put,
        Signature((parameter,), required=1, repeated=1 if isinstance(parameter, Integer) else 3),
        lambda _: settings.trigger.names.get(pattern, default),
    )
