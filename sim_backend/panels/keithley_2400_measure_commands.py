"""Command table of the 2400: readings, the buffer, its statistics, and how they are written down."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sim_backend.panels.keithley_2400_exchange import LaterError
from sim_backend.panels.keithley_2400_facts import MOST_POINTS, Function
from sim_backend.panels.keithley_2400_parameters import Count, count_setting
from sim_backend.panels.keithley_2400_readings import ELEMENTS, format_readings, format_values
from sim_backend.panels.keithley_2400_sense_commands import NAMES, function_list
from sim_backend.panels.keithley_2400_status import Measurement
from sim_backend.panels.keithley_2400_store import READING_BYTES
from sim_backend.panels.scpi_errors import ScpiError
from sim_backend.panels.scpi_parameters import Choice, Number
from sim_backend.panels.scpi_settings import choice_setting, event, query
from sim_backend.panels.scpi_table import Command, Signature

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sim_backend.panels.keithley_2400_instrument import Instrument
    from sim_backend.panels.scpi_parameters import Arguments
    from sim_backend.panels.scpi_table import Reply

_ELEMENTS: Final = Choice(("VOLTage", "CURRent", "RESistance", "TIME", "STATus"))
_FEEDS: Final = Choice(("SENSe|SENSe1", "CALCulate|CALCulate1", "CALCulate2"))
_STATISTICS: Final = Choice(("MEAN", "SDEViation", "MAXimum", "MINimum", "PKPK"))


def reading_commands(instrument: Instrument) -> Iterator[Command]:
    """Yield the commands that take and return readings."""
    settings = instrument.settings

    def fetch() -> Reply:
        if not instrument.model.sample:
            raise ScpiError(-230)
        return format_readings(settings, instrument.model.sample)

    def latest() -> Reply:
        if not instrument.model.sample:
            raise ScpiError(-230)
        return format_readings(settings, instrument.model.sample[-1:])

    def read() -> Reply:
        instrument.read()
        raise LaterError(fetch)

    def measure(function: Function | None) -> Reply:
        instrument.configure(function)
        return read()

    yield query(":READ", read)
    yield query(":FETCh", fetch)
    yield query("[:SENSe[1]]:DATA[:LATest]", latest)
    yield query(":MEASure", lambda: measure(None))
    yield query(":CONFigure", lambda: function_list(settings.functions))
    for function, name in NAMES.items():
        yield query(f":MEASure:{name}", lambda function=function: measure(function))
        yield event(f":CONFigure:{name}", lambda function=function: instrument.configure(function))


def buffer_commands(instrument: Instrument) -> Iterator[Command]:
    """Yield the commands on the reading buffer, under both of its names."""
    for root in (":TRACe", ":DATA"):
        yield from _buffer_commands(instrument, root)
    settings = instrument.settings

    def set_statistic(name: str) -> None:
        settings.statistic = name

    yield choice_setting(":CALCulate3:FORMat", _STATISTICS, lambda: settings.statistic, set_statistic)
    yield query(":CALCulate3:DATA", lambda: format_values(settings, instrument.store.statistics(settings.statistic)))


def format_commands(instrument: Instrument) -> Iterator[Command]:
    """Yield the commands on how readings are written down."""
    settings = instrument.settings

    def set_format(arguments: Arguments) -> None:
        name = arguments.text(0)
        if name != "ASC" and instrument.options.serial_link:
            raise ScpiError(701)
        settings.data_format = name

    def set_order(name: str) -> None:
        settings.byte_order = name

    def set_elements(arguments: Arguments) -> None:
        settings.elements = tuple(name for name in ELEMENTS if name in arguments.texts(0))

    def set_register_format(name: str) -> None:
        settings.register_format = name

    yield Command(
        ":FORMat[:DATA]",
        set_format,
        Signature((Choice(("ASCii", "REAL", "SREal")), Number(32, 32, 32)), required=1),
        lambda _: "REAL,32" if settings.data_format == "REAL" else settings.data_format,
    )
    yield choice_setting(":FORMat:BORDer", Choice(("NORMal", "SWAPped")), lambda: settings.byte_order, set_order)
    yield Command(
        ":FORMat:ELEMents[:SENSe[1]]",
        set_elements,
        Signature((_ELEMENTS,), required=1, repeated=len(ELEMENTS)),
        lambda _: ",".join(settings.elements),
    )
    yield choice_setting(
        ":FORMat:SREGister",
        Choice(("ASCii", "HEXadecimal", "OCTal", "BINary")),
        lambda: settings.register_format,
        set_register_format,
    )


def _buffer_commands(instrument: Instrument, root: str) -> Iterator[Command]:
    store, registers = instrument.store, instrument.registers

    def data() -> Reply:
        readings = store.readings()
        if not readings:
            raise ScpiError(-230)
        return format_readings(instrument.settings, readings)

    def clear() -> None:
        store.clear()
        registers.measure(Measurement.BUFFER_AVAILABLE | Measurement.BUFFER_FULL, holds=False)

    def resize(size: float) -> None:
        store.resize(int(size))
        clear()

    def set_feed(name: str) -> None:
        store.check_inactive()
        store.feed = name

    def control(name: str) -> None:
        store.arm(name == "NEXT")
        if store.active:
            registers.measure(Measurement.BUFFER_AVAILABLE | Measurement.BUFFER_FULL, holds=False)

    def set_stamps(name: str) -> None:
        store.timestamps = name

    def free() -> str:
        return f"{READING_BYTES * (MOST_POINTS - len(store))},{READING_BYTES * len(store)}"

    yield query(f"{root}:DATA", data)
    yield event(f"{root}:CLEar", clear)
    yield query(f"{root}:FREE", free)
    yield count_setting(f"{root}:POINts", Count(1, MOST_POINTS, 100), lambda: store.size, resize)
    yield query(f"{root}:POINts:ACTual", lambda: str(len(store)))
    yield choice_setting(f"{root}:FEED", _FEEDS, lambda: store.feed, set_feed)
    yield choice_setting(
        f"{root}:FEED:CONTrol", Choice(("NEVer", "NEXT")), lambda: "NEXT" if store.active else "NEV", control
    )
    yield choice_setting(f"{root}:TSTamp:FORMat", Choice(("ABSolute", "DELTa")), lambda: store.timestamps, set_stamps)
