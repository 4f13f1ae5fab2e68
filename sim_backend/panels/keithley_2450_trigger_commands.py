"""Command table of the 2450: trigger models of blocks, and the predefined ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from typing_extensions import override

from sim_backend.panels import keithley_2450_blocks as blocks
from sim_backend.panels.keithley_2450_source_commands import LONGEST_DELAY
from sim_backend.panels.scpi_errors import ScpiError
from sim_backend.panels.scpi_grammar import TokenKind
from sim_backend.panels.scpi_parameters import Boolean, Choice, Integer, Number, Parameter, Text
from sim_backend.panels.scpi_settings import event, query
from sim_backend.panels.scpi_table import Command, Signature

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sim_backend.panels.keithley_2450_blocks import Block, Machine
    from sim_backend.panels.keithley_2450_instrument import Instrument
    from sim_backend.panels.scpi_grammar import Token
    from sim_backend.panels.scpi_parameters import Arguments

EVENTS: Final = Choice(
    (
        "NONE",
        "COMMand",
        "DISPlay",
        "SLIMit",
        "ATRigger",
        *(f"{name}{n}" for name, last in (("DIGio", 6), ("TSPLink", 3), ("LAN", 8), ("BLENder", 2), ("TIMer", 4),
                                           ("NOTify", 8)) for n in range(1, last + 1)),
    )
)  # fmt: skip
"""What a trigger model can wait for. Only `COMMand`, which is `*TRG`, ever happens here."""
_DEFAULT_BUFFER: Final = "defbuffer1"
_NUMBER: Final = Integer(1, blocks.MOST_BLOCKS, 1)
_COUNT: Final = Integer(0, 268_435_455, 1)
_PAUSE: Final = Number(0.0, LONGEST_DELAY, 0.0, "S")
_LONGEST_DURATION: Final = 1e5
"""s."""


@dataclass(frozen=True, slots=True)
class _Anything(Parameter):
    """A number, a name or a text: what it must be depends on the parameter before."""

    @override
    def parse(self, token: Token) -> float | str:
        """Return the value; -104 if it is neither."""
        if token.kind is TokenKind.STRING or token.kind is TokenKind.WORD:
            return token.text
        return Number(-1e12, 1e12, 0.0, "S").parse(token)


def trigger_commands(instrument: Instrument) -> Iterator[Command]:
    """Yield the commands on blocks and predefined models; `:INITiate` and `:ABORt` stand with the sweeps."""
    yield from _load_commands(instrument)
    yield from _branch_commands(instrument)
    yield from _acting_commands(instrument)
    yield from _recalling_commands(instrument)
    model = instrument.model

    def listed() -> str:
        lines = (f" {number}) {block.title}" for number, block in sorted(model.blocks.items()))
        return '"' + ";".join(lines) + '"'

    yield query(":TRIGger:BLOCk:LIST", listed)


def bus_trigger(instrument: Instrument) -> Command:
    """Return `*TRG`."""
    return event("*TRG", instrument.model.command_event)


def _load_commands(instrument: Instrument) -> Iterator[Command]:
    model = instrument.model

    def loop(arguments: Arguments, place: int) -> tuple[float, str]:
        pause, buffer = arguments.number(place, 0.0), arguments.text(place + 1, _DEFAULT_BUFFER)
        instrument.buffers.get(buffer)
        return pause, buffer

    def load(arguments: Arguments) -> None:
        name = arguments.text(0).upper()
        try:
            if name == "EMPTY":
                model.load(None)
            elif name == "SIMPLELOOP":
                model.load(blocks.simple_loop(int(arguments.number(1)), *loop(arguments, 2)))
            elif name == "DURATIONLOOP":
                model.load(blocks.duration_loop(arguments.number(1), *loop(arguments, 2)))
            elif name == "CONFIGLIST":
                lists = arguments.text(1), arguments.text(2)
                instrument.sense_lists.check(lists[0])
                instrument.source_lists.check(lists[1])
                model.load(blocks.config_list(*lists, *loop(arguments, 3)))
            else:
                raise ScpiError(-224)
        except TypeError as error:
            # A number where a text should be, or the other way round; or nothing at all.
            raise ScpiError(-109 if len(arguments) == 1 else -104) from error

    yield Command(":TRIGger:LOAD", load, Signature((Text(), _Anything()), required=1, repeated=5), conflicts=True)
    yield event(":TRIGger:LOAD:EMPTy", lambda: model.load(None), conflicts=True)
    yield Command(
        ":TRIGger:LOAD:LOOP:SIMPle",
        lambda args: model.load(blocks.simple_loop(int(args.number(0)), *loop(args, 1))),
        Signature((_COUNT, _PAUSE, Text()), required=1),
        conflicts=True,
    )
    yield Command(
        ":TRIGger:LOAD:LOOP:DURation",
        lambda args: model.load(blocks.duration_loop(args.number(0), *loop(args, 1))),
        Signature((Number(0.0, _LONGEST_DURATION, 0.0, "S"), _PAUSE, Text()), required=1),
        conflicts=True,
    )


def _block(
    instrument: Instrument,
    header: str,
    make: Callable[[Arguments], Block],
    *parameters: Parameter,
    required: int | None = None,
) -> Command:
    """Return the command that sets a block; its first parameter is the block's number."""

    def put(arguments: Arguments) -> None:
        instrument.model.put_block(int(arguments.number(0)), make(arguments))

    needed = len(parameters) + 1 if required is None else required
    takes = Signature((_NUMBER, *parameters), required=needed)
    return Command(f":TRIGger:BLOCk:{header}", put, takes, conflicts=True)


def _branch_commands(instrument: Instrument) -> Iterator[Command]:
    counters = instrument.model.machine.counters
    yield _block(
        instrument,
        "BRANch:COUNter",
        lambda args: blocks.branch_count(int(args.number(1)), int(args.number(2))),
        _COUNT,
        _NUMBER,
    )
    yield Command(
        ":TRIGger:BLOCk:BRANch:COUNter:COUNt",
        answer=lambda args: str(counters.get(int(args.number(0)), 0)),
        asks=Signature((_NUMBER,), required=1),
    )
    yield _block(
        instrument,
        "BRANch:COUNter:RESet",
        lambda args: _reset_counter(int(args.number(1))),
        _NUMBER,
    )
    yield _block(instrument, "BRANch:ALWays", lambda args: blocks.branch_always(int(args.number(1))), _NUMBER)
    yield _block(
        instrument, "BRANch:ONCE", lambda args: blocks.branch_once(int(args.number(1)), excluded=False), _NUMBER
    )
    yield _block(
        instrument,
        "BRANch:ONCE:EXCLuded",
        lambda args: blocks.branch_once(int(args.number(1)), excluded=True),
        _NUMBER,
    )
    limit, kinds = Number(-9.9e37, 9.9e37, 0.0), Choice(("ABOVe", "BELow", "INSide", "OUTside"))
    yield _block(
        instrument,
        "BRANch:LIMit:CONStant",
        lambda args: blocks.branch_limit(
            args.text(1), args.number(2), args.number(3), int(args.number(4)), int(args.number(5, 0.0))
        ),
        kinds, limit, limit, _NUMBER, Integer(0, blocks.MOST_BLOCKS, 0),
        required=5,
    )  # fmt: skip
    yield _block(
        instrument, "BRANch:EVENt", lambda args: blocks.nothing(f"BRANCH_ON_EVENT {args.text(1)}"), EVENTS, _NUMBER
    )


def _reset_counter(number: int) -> Block:
    def reset(machine: Machine) -> None:
        machine.counters[number] = 0

    return blocks.act_once(f"RESET_BRANCH_COUNTER COUNTER: {number}", reset)


def _acting_commands(instrument: Instrument) -> Iterator[Command]:
    def buffer(arguments: Arguments) -> str:
        name = arguments.text(1, _DEFAULT_BUFFER)
        instrument.buffers.get(name)
        return name

    def user_delay(arguments: Arguments) -> Block:
        name, settings = arguments.text(1), instrument.settings
        place = int(name[-1]) - 1
        if name.startswith("MEAS"):
            return blocks.delay(lambda: settings.sense.user_delays[place], f"DELAY_DYNAMIC DELAY: {name}")
        return blocks.delay(lambda: settings.source.user_delays[place], f"DELAY_DYNAMIC DELAY: {name}")

    def pause(arguments: Arguments) -> Block:
        seconds = arguments.number(1)
        return blocks.delay(lambda: seconds, f"DELAY_CONSTANT DELAY: {seconds:.9f}")

    yield _block(instrument, "BUFFer:CLEar", lambda args: blocks.clear_buffer(buffer(args)), Text(), required=1)
    yield _block(instrument, "SOURce:STATe", lambda args: blocks.switch_output(bool(args.number(1))), Boolean())
    yield _block(instrument, "DELay:CONStant", pause, _PAUSE)
    delays = Choice(tuple(f"{side}{place}" for side in ("SOURce", "MEASure") for place in range(1, 6)))
    yield _block(instrument, "DELay:DYNamic", user_delay, delays)
    for word in ("MEASure", "MDIGitize"):
        yield _block(
            instrument,
            word,
            lambda args: blocks.measure(buffer(args), int(args.number(2, float(instrument.settings.count)))),
            Text(),
            Integer(1, 300_000, 1),
            required=1,
        )
    yield _block(instrument, "WAIT", _wait, EVENTS, _Anything(), _Anything(), _Anything(), _Anything(), required=2)
    yield _block(instrument, "NOP", lambda _: blocks.nothing("NO_OPERATION"))
    yield _block(
        instrument, "NOTify", lambda args: blocks.nothing(f"NOTIFY NOTIFY: {args.number(1):.0f}"), Integer(1, 8, 1)
    )
    yield _block(
        instrument, "DIGital:IO", lambda _: blocks.nothing("DIGITAL_IO"), Integer(0, 63, 0), Integer(0, 63, 63),
        required=2,
    )  # fmt: skip
    yield _block(instrument, "LOG:EVENt", lambda _: blocks.nothing("LOG_EVENT"), _Anything(), Text())


def _wait(arguments: Arguments) -> Block:
    return blocks.wait_for_event(arguments.text(1))


def _recalling_commands(instrument: Instrument) -> Iterator[Command]:
    def both(arguments: Arguments, act: Callable[[str, int], None]) -> None:
        """Do something with the list that is named, and with a second one."""
        act(arguments.text(1), int(arguments.number(2, 1.0)))
        if len(arguments) > 3:
            act(arguments.text(3), int(arguments.number(4, 1.0)))

    def recall(name: str, place: int) -> None:
        if name in instrument.source_lists.names:
            instrument.source_lists.recall(name, place)
        else:
            instrument.sense_lists.recall(name, place)

    def step(name: str, by: int) -> None:
        if name in instrument.source_lists.names:
            instrument.source_lists.step(name, by)
        else:
            instrument.sense_lists.step(name, by)

    def make_recall(arguments: Arguments) -> Block:
        return blocks.act_once(f"CONFIG_RECALL {arguments.text(1)}", lambda _: both(arguments, recall))

    def make_step(arguments: Arguments, by: int) -> Block:
        names = arguments.texts(1)
        title = f"CONFIG_{'NEXT' if by > 0 else 'PREV'} {names[0]}"

        def every(_: Machine) -> None:
            for name in names:
                step(name, by)

        return blocks.act_once(title, every)

    place = Integer(1, 300_000, 1)
    yield _block(instrument, "CONFig:RECall", make_recall, Text(), place, Text(), place, required=2)
    yield _block(instrument, "CONFig:NEXT", lambda args: make_step(args, 1), Text(), Text(), required=2)
    yield _block(instrument, "CONFig:PREVious", lambda args: make_step(args, -1), Text(), Text(), required=2)
