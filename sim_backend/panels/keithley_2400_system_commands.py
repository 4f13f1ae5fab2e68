"""Command table of the 2400: `:SYSTem`, `:STATus`, `:ROUTe`, `:DISPlay`, and its own common commands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sim_backend.panels.keithley_2400_facts import CONVERSION_OVERHEAD
from sim_backend.panels.keithley_2400_parameters import CodeList, SwitchOrOnce, spans, word_of
from sim_backend.panels.keithley_2400_store import SETUPS
from sim_backend.panels.scpi_errors import ScpiError
from sim_backend.panels.scpi_parameters import Choice, Integer, Number, Text
from sim_backend.panels.scpi_settings import choice_setting, event, flag_setting, harmless, query
from sim_backend.panels.scpi_table import Command, Signature

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sim_backend.panels.keithley_2400_instrument import Instrument
    from sim_backend.panels.scpi_events import Event
    from sim_backend.panels.scpi_parameters import Arguments
    from sim_backend.panels.scpi_status import EventRegister

_PLACE: Final = Signature((Integer(0, SETUPS - 1, 0),), required=1)
_NO_ERROR: Final = '0,"No error"'


def system_commands(instrument: Instrument) -> Iterator[Command]:
    """Yield the commands on the instrument as a whole."""
    yield from _error_commands(instrument)
    yield from _connection_commands(instrument)
    yield from _timing_commands(instrument)
    yield from _absent_commands()
    yield event(":SYSTem:PRESet", instrument.preset)
    yield query(":SYSTem:VERSion", lambda: "1996.0")
    memory = instrument.memory

    def set_power_on(name: str) -> None:
        memory.power_on = name

    places = ("RST", "PRESet", *(f"SAV{place}" for place in range(SETUPS)))
    yield choice_setting(":SYSTem:POSetup", Choice(places), lambda: memory.power_on, set_power_on)
    yield harmless(":SYSTem:BEEPer[:IMMediate]", Number(65, 2e6, 1000, "HZ"), Number(0, 7.9, 0.1, "S"))
    for action in ("LOCal", "REMote", "RWLock", "MEMory:INITialize"):
        yield event(f":SYSTem:{action}", lambda: None)
    yield _flag_note(instrument, ":SYSTem:BEEPer:STATe", on=True)
    yield _flag_note(instrument, ":SYSTem:AZERo:CACHing[:STATe]", on=False)
    yield _flag_note(instrument, ":DISPlay:ENABle", on=True)
    yield harmless(":SYSTem:KEY", Integer(1, 31, 1))
    yield _name_note(instrument, ":SOURce2:TTL[:LEVel]", Integer(0, 15, 15), "15")
    yield _name_note(instrument, ":SYSTem:RCMode", Choice(("SINGle", "MULTiple")), "SING")
    yield _name_note(instrument, ":DISPlay:DIGits", Integer(4, 7, 6), "6")
    yield event(":DISPlay:CNDisplay", lambda: None)
    for window in ("[:WINDow[1]]", ":WINDow2"):
        yield harmless(f":DISPlay{window}:TEXT[:DATA]", Text())
        yield _flag_note(instrument, f":DISPlay{window}:TEXT:STATe", on=False)


def _absent_commands() -> Iterator[Command]:
    """Yield the switches of what is not modelled: off, and refused on."""

    def switch(on: bool) -> None:
        if on:
            raise ScpiError(-221)

    limits = "|".join(str(number) for number in range(1, 13))
    for header in (":CALCulate[1]:STATe", ":CALCulate2:NULL:STATe", f":CALCulate2:LIMit[{limits}]:STATe"):
        yield flag_setting(header, lambda: False, switch)


def status_commands(instrument: Instrument) -> Iterator[Command]:
    """Yield the commands on the status registers."""
    registers, status = instrument.registers, instrument.status
    sets = {
        ":STATus:MEASurement": registers.measurement,
        ":STATus:OPERation": registers.operation,
        ":STATus:QUEStionable": registers.questionable,
    }
    for header, register in sets.items():
        yield from _register_commands(instrument, header, register)

    def preset() -> None:
        for register in sets.values():
            register.enable = 0
        status.admitted, status.refused = None, []

    yield event(":STATus:PRESet", preset)


def common_commands(instrument: Instrument) -> Iterator[Command]:
    """Yield the common commands beyond IEEE 488.2's, and those that print registers as `:FORMat:SREGister` says."""
    status = instrument.status

    def set_event_enable(bits: int) -> None:
        status.standard_enable = bits

    def set_service_enable(bits: int) -> None:
        status.service_enable = bits

    yield query("*OPT", lambda: "0")
    yield Command("*SAV", lambda arguments: instrument.save(int(arguments.number(0))), _PLACE)
    yield Command("*RCL", lambda arguments: instrument.recall(int(arguments.number(0))), _PLACE)
    yield _register_query(instrument, "*ESR", status.read_standard)
    yield _register_query(instrument, "*STB", status.byte)
    yield _register(instrument, "*ESE", 255, lambda: status.standard_enable, set_event_enable)
    yield _register(instrument, "*SRE", 255, lambda: status.service_enable, set_service_enable)


def _error_commands(instrument: Instrument) -> Iterator[Command]:
    log = instrument.status.log

    def entry(found: Event | None) -> str:
        return _NO_ERROR if found is None else f'{_signed(found.code)},"{found.text}"'

    def everything() -> list[Event]:
        return [found for _ in range(log.count()) if (found := log.next()) is not None]

    def code() -> str:
        found = log.next()
        return _signed(found.code if found else 0)

    yield query(":SYSTem:ERRor[:NEXT]", lambda: entry(log.next()))
    yield query(":SYSTem:ERRor:ALL", lambda: ",".join(map(entry, everything())) or _NO_ERROR)
    yield query(":SYSTem:ERRor:COUNt", lambda: str(log.count()))
    yield query(":SYSTem:ERRor:CODE[:NEXT]", code)
    yield query(":SYSTem:ERRor:CODE:ALL", lambda: ",".join(_signed(found.code) for found in everything()) or "0")
    yield event(":SYSTem:CLEar", log.clear)
    yield query(":STATus:QUEue[:NEXT]", lambda: entry(log.next()))
    yield event(":STATus:QUEue:CLEar", log.clear)
    status = instrument.status

    def admit(arguments: Arguments) -> None:
        status.admitted, status.refused = spans(arguments.text(0)), []

    def refuse(arguments: Arguments) -> None:
        status.refused = spans(arguments.text(0))

    codes = Signature((CodeList(),), required=1)
    yield Command(":STATus:QUEue:ENABle", admit, codes, lambda _: _listed(status.admitted or [range(-999, 1000)]))
    yield Command(":STATus:QUEue:DISable", refuse, codes, lambda _: _listed(status.refused))


def _connection_commands(instrument: Instrument) -> Iterator[Command]:
    """Yield what is connected how; the output drops before a relay moves."""
    settings = instrument.settings

    def set_four_wire(on: bool) -> None:
        if on is not settings.four_wire:
            instrument.switch_output(on=False)
        settings.four_wire = on

    def set_terminals(name: str) -> None:
        if name != settings.terminals:
            instrument.switch_output(on=False)
        settings.terminals = name

    def set_guard(name: str) -> None:
        if name != settings.names.get("GUAR", "CABL"):
            instrument.switch_output(on=False)
        settings.names["GUAR"] = name

    yield flag_setting(":SYSTem:RSENse", lambda: settings.four_wire, set_four_wire)
    yield choice_setting(":ROUTe:TERMinals", Choice(("FRONt", "REAR")), lambda: settings.terminals, set_terminals)
    guards = Choice(("CABLe", "OHMS"))
    yield choice_setting(":SYSTem:GUARd", guards, lambda: settings.names.get("GUAR", "CABL"), set_guard)
    yield query(":SYSTem:FRSWitch", lambda: "1" if settings.terminals == "FRON" else "0")


def _timing_commands(instrument: Instrument) -> Iterator[Command]:
    settings, meter = instrument.settings, instrument.meter

    def set_autozero(arguments: Arguments) -> None:
        if word_of(arguments) is None:
            settings.autozero = bool(arguments.number(0))
        else:
            # Reference and zero are converted once, then no more.
            settings.autozero = False
            instrument.clock.sleep(2 * (settings.nplc / meter.line_frequency + CONVERSION_OVERHEAD))

    def set_line_frequency(arguments: Arguments) -> None:
        meter.line_frequency = 50.0 if arguments.number(0) < 55 else 60.0

    def set_time_reset(on: bool) -> None:
        settings.time_reset = on

    yield Command(
        ":SYSTem:AZERo[:STATe]",
        set_autozero,
        Signature((SwitchOrOnce(),), required=1),
        lambda _: str(int(settings.autozero)),
    )
    frequency = Signature((Integer(50, 60, 60),), required=1)
    yield Command(":SYSTem:LFRequency", set_line_frequency, frequency, lambda _: f"{meter.line_frequency:.0f}")
    yield _flag_note(instrument, ":SYSTem:LFRequency:AUTO", on=True)
    yield query(":SYSTem:TIME", lambda: f"{meter.timer:.6E}")
    yield event(":SYSTem:TIME:RESet", meter.reset_timer)
    yield flag_setting(":SYSTem:TIME:RESet:AUTO", lambda: settings.time_reset, set_time_reset)


def _register_commands(instrument: Instrument, header: str, register: EventRegister) -> Iterator[Command]:
    def enable(bits: int) -> None:
        register.enable = bits

    yield _register_query(instrument, f"{header}[:EVENt]", register.read)
    yield _register_query(instrument, f"{header}:CONDition", lambda: register.condition)
    yield _register(instrument, f"{header}:ENABle", 65535, lambda: register.enable, enable)


def _register_query(instrument: Instrument, pattern: str, read: Callable[[], int]) -> Command:
    """Return the query of a register."""
    return query(pattern, lambda: _register_text(instrument, read()))


def _register(
    instrument: Instrument, pattern: str, largest: int, get: Callable[[], int], put: Callable[[int], None]
) -> Command:
    """Return the setting of an enable register."""
    return Command(
        pattern,
        lambda arguments: put(int(arguments.number(0))),
        Signature((Integer(0, largest, 0),), required=1),
        lambda _: _register_text(instrument, get()),
    )


def _register_text(instrument: Instrument, value: int) -> str:
    """Return the value of a register in the format that was chosen."""
    form = instrument.settings.register_format
    return {"ASC": f"{value}", "HEX": f"#H{value:X}", "OCT": f"#Q{value:o}", "BIN": f"#B{value:b}"}[form]


def _flag_note(instrument: Instrument, pattern: str, *, on: bool) -> Command:
    """Return a switch that is kept for its query and changes nothing in the twin."""
    settings = instrument.settings

    def put(value: bool) -> None:
        settings.names[pattern] = str(int(value))

    return flag_setting(pattern, lambda: settings.names.get(pattern, str(int(on))) == "1", put)


def _name_note(instrument: Instrument, pattern: str, parameter: Choice | Integer, default: str) -> Command:
    """Return a name or a count that is kept for its query and changes nothing in the twin."""
    settings = instrument.settings

    def put(arguments: Arguments) -> None:
        word = word_of(arguments)
        settings.names[pattern] = f"{arguments.number(0):.0f}" if word is None else word

    return Command(pattern, put, Signature((parameter,), required=1), lambda _: settings.names.get(pattern, default))


def _signed(code: int) -> str:
    """Return the number of an error with its sign."""
    return f"{code:+d}" if code else "0"


def _listed(codes: list[range]) -> str:
    """Return codes as a list in parentheses."""
    items = (_signed(span[0]) if len(span) == 1 else f"{_signed(span[0])}:{_signed(span[-1])}" for span in codes)
    return f"({','.join(items)})"
