"""Command table of the 2400: `:SYSTem`, `:STATus`, `:ROUTe`, `:DISPlay`, and its own common commands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sim_backend.panels.keithley_2400_facts import CONVERSION_OVERHEAD
from sim_backend.panels.keithley_2400_notes import Notes
from sim_backend.panels.keithley_2400_parameters import CodeList, SwitchOrOnce, scientific, spans, word_of
from sim_backend.panels.keithley_2400_store import SETUPS
from sim_backend.panels.scpi_errors import ScpiError
from sim_backend.panels.scpi_parameters import Choice, Integer, Number
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
    yield from _remembered_commands(instrument)
    yield event(":SYSTem:PRESet", instrument.preset)
    yield query(":SYSTem:VERSion", lambda: "1996.0")
    memory = instrument.memory

    def set_power_on(name: str) -> None:
        memory.power_on = name

    places = ("RST", "PRESet", *(f"SAV{place}" for place in range(SETUPS)))
    yield choice_setting(":SYSTem:POSetup", Choice(places), lambda: memory.power_on, set_power_on)
    yield harmless(":SYSTem:BEEPer[:IMMediate]", Number(65, 2e6, 1000, "HZ"), Number(0, 7.9, 0.1, "S"))
    for action in ("LOCal", "REMote", "RWLock", "MEMory:INITialize", "AZERo:CACHing:RESet", "AZERo:CACHing:REFResh"):
        yield event(f":SYSTem:{action}", lambda: None)


def _remembered_commands(instrument: Instrument) -> Iterator[Command]:
    """Yield settings that are kept for their query, and what a display and a digital port without anybody answer."""
    notes = Notes(instrument.settings)
    yield notes.flag(":SYSTem:BEEPer:STATe", on=True)
    yield notes.flag(":SYSTem:AZERo:CACHing[:STATe]", on=False)
    yield query(":SYSTem:AZERo:CACHing:NPLCycles", lambda: scientific(instrument.settings.nplc))
    yield notes.flag(":SYSTem:MEP[:STATe]", on=False)
    yield notes.flag(":SYSTem:MEP:HOLDoff", on=False)
    yield notes.name(":SYSTem:RCMode", ("SINGle", "MULTiple"), "SING")
    yield Command(":SYSTem:KEY", lambda _: None, Signature((Integer(1, 31, 1),), required=1), lambda _: "0")
    yield from _display_commands(instrument, notes)
    yield notes.count(":SOURce2:TTL[:LEVel]", Integer(0, 15, 15), 15)
    yield query(":SOURce2:TTL:ACTual", lambda: instrument.settings.names.get(":SOURce2:TTL[:LEVel]", "15"))
    yield event(":SOURce2:CLEar[:IMMediate]", lambda: None)
    yield notes.flag(":SOURce2:CLEar:AUTO", on=False)
    yield notes.number(":SOURce2:CLEar:AUTO:DELay", Number(0.0, 60.0, 1e-4, "S"))
    yield notes.name(":SOURce2:TTL4:MODE", ("EOTest", "BUSY"), "EOT")
    yield notes.flag(":SOURce2:TTL4:BSTate", on=False)
    yield notes.count(":SOURce2:BSIZe", Integer(3, 16, 4), 4)
    yield notes.name(":FORMat:SOURce2", ("ASCii", "HEXadecimal", "OCTal", "BINary"), "ASC")
    yield notes.flag("[:SENSe[1]]:CURRent[:DC]:RANGe:HOLDoff[:STATe]", on=False)
    yield notes.number("[:SENSe[1]]:CURRent[:DC]:RANGe:HOLDoff:DELay", Number(0.0, 999.9999, 5e-3, "S"))
    yield notes.name(":TRIGger:SEQuence2:SOURce", ("IMMediate", "CCHeck"), "IMM")
    yield notes.number(":TRIGger:SEQuence2:TOUT", Number(0.0, 9999.999, 1.0, "S"))
    for function in ("CURRent", "VOLTage"):
        factor = f":SOURce[1]:{function}[:LEVel]:TRIGgered:SFACtor"
        yield notes.number(factor, Number(-999.999, 999.9999, 1.0))
        yield flag_setting(f"{factor}:STATe", lambda: False, _refuse)


def _refuse(on: bool) -> None:
    """Refuse to switch on what is not modelled: it would change what is sourced."""
    if on:
        raise ScpiError(-221)


def _display_commands(instrument: Instrument, notes: Notes) -> Iterator[Command]:
    yield notes.flag(":DISPlay:ENABle", on=True)
    yield notes.count(":DISPlay:DIGits", Integer(4, 7, 6), 6)
    yield event(":DISPlay:CNDisplay", lambda: None)
    for window, width in (("[:WINDow[1]]", 20), (":WINDow2", 32)):
        pattern = f":DISPlay{window}:TEXT[:DATA]"
        yield notes.text(pattern, "")
        yield notes.flag(f":DISPlay{window}:TEXT:STATe", on=False)

        def shown(pattern: str = pattern) -> str:
            return instrument.settings.names.get(pattern, '""')

        # Assumption: without a text of the host's, a line of the display reads as empty.
        yield query(f":DISPlay{window}:DATA", shown)
        yield query(f":DISPlay{window}:ATTRibutes", lambda width=width: '"' + "0" * width + '"')


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
    yield Notes(settings).flag(":SYSTem:LFRequency:AUTO", on=True)
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


def _signed(code: int) -> str:
    """Return the number of an error with its sign."""
    return f"{code:+d}" if code else "0"


def _listed(codes: list[range]) -> str:
    """Return codes as a list in parentheses."""
    items = (_signed(span[0]) if len(span) == 1 else f"{_signed(span[0])}:{_signed(span[-1])}" for span in codes)
    return f"({','.join(items)})"
