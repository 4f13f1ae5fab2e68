"""Command table of the 2450: sweeps, `:INITiate`, `:ABORt` and the state of the trigger model."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sim_backend.panels.keithley_2450_facts import SOURCES, Function, fits
from sim_backend.panels.keithley_2450_source_commands import LONGEST_DELAY, level_number
from sim_backend.panels.keithley_2450_sweep import Sweep
from sim_backend.panels.scpi_errors import ScpiError
from sim_backend.panels.scpi_parameters import Boolean, Choice, Integer, Number, Text
from sim_backend.panels.scpi_settings import event, query
from sim_backend.panels.scpi_table import Command, Signature

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sim_backend.panels.keithley_2450_instrument import Instrument
    from sim_backend.panels.scpi_parameters import Arguments

SHORTEST_DELAY: Final = 50e-6
"""s between the points of a sweep, where it is not 0."""
MOST_POINTS: Final = 1_000_000
MOST_LIST_VALUES: Final = 100
"""Values that one list command takes."""
LONGEST_LIST: Final = 2500
"""Values of a list, with what was appended."""
_NAMES: Final = {Function.VOLTAGE: "VOLTage", Function.CURRENT: "CURRent"}
_POINTS: Final = Integer(2, MOST_POINTS, 2)
_DELAY: Final = Number(-1.0, LONGEST_DELAY, -1.0, "S")
_COUNT: Final = Integer(0, 268_435_455, 1)
_RANGING: Final = Choice(("AUTO", "BEST", "FIXed"))


def sweep_commands(instrument: Instrument) -> Iterator[Command]:
    """Yield the commands that set sweeps up and run them."""
    for function in SOURCES:
        yield from _linear_commands(instrument, function)
        yield _logarithmic_command(instrument, function)
        yield from _list_commands(instrument, function)
    model = instrument.model
    yield event(":INITiate[:IMMediate]", model.start)
    yield event(":ABORt", model.abort)
    yield query(":TRIGger:STATe", lambda: f"{model.shown_state};{model.shown_state};{model.last_block}")


@dataclass(frozen=True, slots=True)
class _Linear:
    """The parameters of a linear sweep from the fourth on, which its two commands share."""

    delay: float
    count: int
    ranging: str
    fail_abort: bool
    dual: bool
    buffer: str

    @classmethod
    def read(cls, arguments: Arguments) -> _Linear:
        return cls(
            delay=_checked_delay(arguments.number(3, -1.0)),
            count=int(arguments.number(4, 1.0)),
            ranging=arguments.text(5, "BEST"),
            fail_abort=bool(arguments.number(6, 1.0)),
            dual=bool(arguments.number(7, 0.0)),
            buffer=arguments.text(8, "defbuffer1"),
        )


def _linear_commands(instrument: Instrument, function: Function) -> Iterator[Command]:
    level = level_number(function)
    header = f":SOURce[1]:SWEep:{_NAMES[function]}:LINear"
    tail = (_DELAY, _COUNT, _RANGING, Boolean(), Boolean(), Text())

    def by_points(arguments: Arguments) -> None:
        start, stop, points = arguments.number(0), arguments.number(1), int(arguments.number(2))
        levels = [start + (stop - start) * place / (points - 1) for place in range(points)]
        _load_linear(instrument, function, [*levels[:-1], stop], _Linear.read(arguments))

    def by_step(arguments: Arguments) -> None:
        start, stop, step = arguments.number(0), arguments.number(1), arguments.number(2)
        steps = abs(stop - start) / step if step else math.inf
        if not 1 <= steps + 1e-9 < MOST_POINTS:
            raise ScpiError(-222)
        direction = math.copysign(step, stop - start)
        levels = [start + direction * place for place in range(int(steps + 1e-9) + 1)]
        _load_linear(instrument, function, levels, _Linear.read(arguments))

    yield Command(header, by_points, Signature((level, level, _POINTS, *tail), required=3), conflicts=True)
    step = Number(0.0, 2 * level.maximum, 0.0, function.unit)
    yield Command(f"{header}:STEP", by_step, Signature((level, level, step, *tail), required=3), conflicts=True)


def _logarithmic_command(instrument: Instrument, function: Function) -> Command:
    level = level_number(function)

    def sweep(arguments: Arguments) -> None:
        start, stop, points = arguments.number(0), arguments.number(1), int(arguments.number(2))
        asymptote = arguments.number(9, 0.0)
        if (start - asymptote) * (stop - asymptote) <= 0:
            raise ScpiError(-222)
        factor = (stop - asymptote) / (start - asymptote)
        levels = [asymptote + (start - asymptote) * factor ** (place / (points - 1)) for place in range(points)]
        _load_linear(instrument, function, [start, *levels[1:-1], stop], _Linear.read(arguments))

    tail = (_DELAY, _COUNT, _RANGING, Boolean(), Boolean(), Text(), level)
    return Command(
        f":SOURce[1]:SWEep:{_NAMES[function]}:LOG",
        sweep,
        Signature((level, level, _POINTS, *tail), required=3),
        conflicts=True,
    )


def _list_commands(instrument: Instrument, function: Function) -> Iterator[Command]:
    level = level_number(function)
    header = f":SOURce[1]:LIST:{_NAMES[function]}"
    values = Signature((level,), required=1, repeated=MOST_LIST_VALUES)

    def stored() -> list[float]:
        return instrument.settings.sources[function].list

    def replace(arguments: Arguments) -> None:
        stored()[:] = arguments.numbers()

    def append(arguments: Arguments) -> None:
        if len(stored()) + len(arguments) > LONGEST_LIST:
            raise ScpiError(-223)
        stored().extend(arguments.numbers())

    def sweep(arguments: Arguments) -> None:
        first = int(arguments.number(0, 1.0))
        if first > len(stored()):
            raise ScpiError(-222)
        levels = stored()[first - 1 :]
        plan = Sweep(
            function,
            levels,
            _ranges(instrument, function, levels, "AUTO" if _auto_ranged(instrument, function) else "FIX"),
            delay=_checked_delay(arguments.number(1, 0.0)),
            added=True,
            count=int(arguments.number(2, 1.0)),
            fail_abort=bool(arguments.number(3, 1.0)),
            buffer=arguments.text(4, "defbuffer1"),
        )
        _load(instrument, plan)

    yield Command(header, replace, values, lambda _: ",".join(f"{value:.6E}" for value in stored()), conflicts=True)
    yield Command(f"{header}:APPend", append, values, conflicts=True)
    yield query(f"{header}:POINts", lambda: str(len(stored())))
    takes = Signature((Integer(1, LONGEST_LIST, 1), _DELAY, _COUNT, Boolean(), Text()), required=1)
    yield Command(f":SOURce[1]:SWEep:{_NAMES[function]}:LIST", sweep, takes, conflicts=True)


def _load_linear(instrument: Instrument, function: Function, levels: list[float], linear: _Linear) -> None:
    """Set a linear sweep up."""
    if linear.dual:
        levels = [*levels, *reversed(levels)]
    if linear.delay < 0:
        instrument.settings.sources[function].auto_delay = True
    ranges = _ranges(instrument, function, levels, linear.ranging)
    plan = Sweep(
        function,
        levels,
        ranges,
        delay=linear.delay,
        added=False,
        count=linear.count,
        fail_abort=linear.fail_abort,
        buffer=linear.buffer,
    )
    _load(instrument, plan)


def _load(instrument: Instrument, plan: Sweep) -> None:
    """Put a sweep into the trigger model.

    Raises:
        ScpiError: -224 if its buffer does not exist.
    """
    instrument.buffers.get(plan.buffer)
    instrument.model.load(plan)


def _ranges(instrument: Instrument, function: Function, levels: Sequence[float], ranging: str) -> list[float]:
    """Return the source range of each level.

    Raises:
        ScpiError: -222 if the present range is kept and cannot hold a level.
    """
    if ranging == "AUTO":
        return function.holding_ranges(levels)
    largest = max(levels, key=abs)
    full_range = function.holding_range(largest)
    if ranging == "FIX":
        full_range = instrument.settings.sources[function].range
        if not fits(largest, full_range):
            raise ScpiError(-222)
    return [full_range] * len(levels)


def _auto_ranged(instrument: Instrument, function: Function) -> bool:
    return instrument.settings.sources[function].auto_range


def _checked_delay(delay: float) -> float:
    """Return the delay of a sweep, in s.

    Raises:
        ScpiError: -222 unless it is -1, 0, or long enough.
    """
    if delay not in {-1.0, 0.0} and delay < SHORTEST_DELAY:
        raise ScpiError(-222)
    return delay
