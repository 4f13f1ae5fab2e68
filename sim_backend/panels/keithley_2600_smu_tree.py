"""The command tree of a channel of a 2600B: `smuX` with `source`, `measure` and the buffers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sim_backend.panels.keithley_2600_buffer_tree import MadeBuffers, buffer_tree, buffers_of, statistics_tree
from sim_backend.panels.keithley_2600_errors import TspError
from sim_backend.panels.keithley_2600_facts import (
    LEAST_NPLC,
    MEASURE_FULL_SCALE,
    MOST_NPLC,
    MOST_READINGS,
    Function,
    holding_range,
)
from sim_backend.panels.keithley_2600_nodes import (
    Arguments,
    Attribute,
    Kept,
    Node,
    check,
    check_choice,
    constant,
    plain,
)
from sim_backend.panels.keithley_2600_settings import AUTOZERO_ONCE, DELAY_AUTO, OFF_HIGH_Z
from sim_backend.panels.keithley_2600_sweep_tree import trigger_tree

if TYPE_CHECKING:
    from collections.abc import Callable

    from sim_backend.panels.keithley_2600_buffers import ReadingBuffer
    from sim_backend.panels.keithley_2600_channel import Channel
    from sim_backend.panels.keithley_2600_nodes import Argument, Handler, Value
    from sim_backend.panels.keithley_2600_settings import MeasureFunction, Settings
    from sim_backend.panels.keithley_2600_surroundings import Surroundings

LONGEST_DELAY: Final = 1e5
"""s (assumption)."""
MOST_COUNT: Final = 100_000
CONSTANTS: Final = {
    "OUTPUT_OFF": 0, "OUTPUT_ON": 1, "OUTPUT_HIGH_Z": 2, "OUTPUT_NORMAL": 0, "OUTPUT_ZERO": 1,
    "OUTPUT_DCAMPS": 0, "OUTPUT_DCVOLTS": 1, "SENSE_LOCAL": 0, "SENSE_REMOTE": 1, "SENSE_CALA": 3,
    "AUTORANGE_OFF": 0, "AUTORANGE_ON": 1, "AUTORANGE_FOLLOW_LIMIT": 2,
    "AUTOZERO_OFF": 0, "AUTOZERO_ONCE": 1, "AUTOZERO_AUTO": 2, "DELAY_OFF": 0, "DELAY_AUTO": -1,
    "DISABLE": 0, "ENABLE": 1, "ASYNC": 2, "SOURCE_IDLE": 0, "SOURCE_HOLD": 1, "LIMIT_AUTO": 0,
    "FILTER_OFF": 0, "FILTER_ON": 1, "FILTER_MOVING_AVG": 0, "FILTER_REPEAT_AVG": 1, "FILTER_MEDIAN": 2,
    "REL_OFF": 0, "REL_ON": 1, "SETTLE_SMOOTH": 0, "SETTLE_FAST_RANGE": 1, "SETTLE_FAST_POLARITY": 2,
    "SETTLE_DIRECT_IRANGE": 3, "SETTLE_SMOOTH_100NA": 4, "SETTLE_FAST_ALL": 128, "OE_NONE": 0, "OE_OUTPUT_OFF": 1,
    "FILL_ONCE": 0, "FILL_WINDOW": 1, "CONTACT_FAST": 0, "CONTACT_MEDIUM": 1, "CONTACT_SLOW": 2,
    "CALSTATE_LOCKED": 0, "CALSTATE_CALIBRATING": 1, "CALSTATE_UNLOCKED": 2,
}  # fmt: skip
"""Constants of a channel (assumption: the numbers of filter types, settle modes, fill modes, contact speeds)."""


def smu_tree(channel: Channel, surroundings: Surroundings, made: MadeBuffers) -> Node:
    """Return the node of a channel."""
    settings = channel.settings

    def make_buffer(arguments: Arguments) -> Node:
        capacity = int(check(arguments.number(0), 1, MOST_READINGS))
        return buffer_tree(made.make(channel.letter, capacity))

    def reset(_: Arguments) -> None:
        channel.reset()

    def abort(_: Arguments) -> None:
        channel.abort()

    def save_buffer(arguments: Arguments) -> None:
        buffers_of(arguments, 1)

    node = Node(
        attributes={"sense": plain(settings, "sense", lambda value: check_choice(value, (0, 1, 3)))},
        functions={"reset": reset, "abort": abort, "makebuffer": make_buffer, "savebuffer": save_buffer},
        constants={name: float(value) for name, value in CONSTANTS.items()},
        parts={
            "source": _source_tree(channel),
            "measure": _measure_tree(channel, surroundings),
            "trigger": trigger_tree(channel),
            "nvbuffer1": buffer_tree(channel.buffers[0]),
            "nvbuffer2": buffer_tree(channel.buffers[1]),
        },
        kind="smu",
        owner=channel,
    )

    def statistics(arguments: Arguments) -> Node:
        return statistics_tree(_buffer(arguments))

    def recalculate(arguments: Arguments) -> None:
        _buffer(arguments).recount()

    node.parts |= {
        "buffer": Node(functions={"getstats": statistics, "recalculatestats": recalculate}),
        "contact": _contact_tree(),
        "cal": Node({"state": constant(0.0), "date": constant(0.0), "due": constant(0.0), "adjustdate": constant(0.0)}),
    }
    for quantity in "ivrp":
        node.functions[f"measure{quantity}andstep"] = _measure_and_step(channel, surroundings, quantity)
    node.functions["measureivandstep"] = _measure_and_step(channel, surroundings, "iv")
    return node


def _buffer(arguments: Arguments) -> ReadingBuffer:
    """Return the one argument, a buffer.

    Raises:
        TspError: -109 without it, -104 if it is none.
    """
    found = buffers_of(arguments, 1)
    if not found:
        raise TspError(-109)
    return found[0]


def _contact_tree() -> Node:
    """Return the contact check: the leads of the virtual instrument touch (assumption: a resistance of 0 ohm)."""
    attributes = {"speed": Kept().attribute(0, 2, 0.0), "threshold": Kept().attribute(0, 1e37, 50.0)}
    return Node(attributes, {"check": lambda _: True, "r": lambda _: (0.0, 0.0)})


def _source_tree(channel: Channel) -> Node:
    settings, source, output = channel.settings, channel.source, channel.output

    def set_output(value: Argument) -> None:
        # 2 switches the output off and opens its relay.
        number = check_choice(value, (0, 1, 2))
        if number == OFF_HIGH_Z:
            settings.off_mode = OFF_HIGH_Z
        output.switch(on=number == 1)
        output.refresh()

    def set_off(name: str, convert: Callable[[Argument], object]) -> Callable[[Argument], None]:
        def put(value: Argument) -> None:
            setattr(settings, name, convert(value))
            output.refresh()

        return put

    def compliance() -> bool:
        channel.meter.in_compliance = output.limited
        return channel.meter.in_compliance

    def off_function(value: Argument) -> Function:
        return Function.VOLTAGE if check_choice(value, (0, 1)) else Function.CURRENT

    attributes = {
        "func": Attribute(lambda: float(settings.function.number), lambda value: source.select(off_function(value))),
        "output": Attribute(lambda: float(output.on), set_output),
        "compliance": Attribute(compliance),
        "delay": plain(settings, "source_delay", _delay),
        "offmode": Attribute(
            lambda: float(settings.off_mode), set_off("off_mode", lambda v: check_choice(v, (0, 1, 2)))
        ),
        "offfunc": Attribute(lambda: float(settings.off_function.number), set_off("off_function", off_function)),
        "limitp": Attribute(
            lambda: settings.power_limit, set_off("power_limit", lambda value: check(value, 0.0, 200.0))
        ),
        "highc": plain(settings, "high_capacitance", lambda value: check_choice(value, (0, 1))),
        "settling": plain(settings, "settling", lambda value: check_choice(value, (0, 1, 2, 3, 4, 128))),
        "sink": plain(settings, "sink", lambda value: check_choice(value, (0, 1))),
        "outputenableaction": Attribute(
            lambda: float(settings.output_enable_action), lambda v: output.set_enable_action(check_choice(v, (0, 1)))
        ),
    }
    for function in Function:
        attributes |= _source_attributes(channel, function)
    return Node(attributes)


def _source_attributes(channel: Channel, function: Function) -> dict[str, Attribute]:
    """Return the attributes that exist for voltage and current."""
    source, letter = channel.source, function.value

    def own() -> object:
        return channel.settings.sources[function]

    def number(name: str) -> Callable[[], Value]:
        return lambda: float(getattr(own(), name))

    def set_off_limit(value: Argument) -> None:
        family = channel.settings.family
        limit = check(value, family.smallest_limit(function), family.largest(function))
        channel.settings.sources[function].off_limit = limit
        channel.output.refresh()

    return {
        f"level{letter}": Attribute(number("level"), lambda value: source.set_level(function, value)),
        f"range{letter}": Attribute(number("range"), lambda value: source.set_range(function, value)),
        f"autorange{letter}": Attribute(
            number("auto_range"), lambda value: source.set_auto_range(function, bool(check_choice(value, (0, 1))))
        ),
        f"lowrange{letter}": Attribute(number("low_range"), lambda value: source.set_low_range(function, value)),
        f"limit{letter}": Attribute(number("limit"), lambda value: source.set_limit(function, value)),
        f"offlimit{letter}": Attribute(number("off_limit"), set_off_limit),
    }


def _measure_tree(channel: Channel, surroundings: Surroundings) -> Node:
    settings = channel.settings

    def set_autozero(value: Argument) -> None:
        settings.autozero = check_choice(value, (0, 1, 2))
        if settings.autozero == AUTOZERO_ONCE:
            surroundings.let(channel.meter.refresh_references(anew=True))
            settings.autozero = 0

    def set_count(value: Argument) -> None:
        count = int(check(value, 1, MOST_COUNT))
        if count > 1 and settings.filter_enabled and settings.filter_count > 1:
            raise TspError(5025, channel=channel.letter)
        settings.count = float(count)

    node = Node(
        {
            "nplc": plain(settings, "nplc", lambda value: check(value, LEAST_NPLC, MOST_NPLC)),
            "count": Attribute(lambda: settings.count, set_count),
            "interval": plain(settings, "interval", lambda value: check(value, 0.0, 1.0)),
            "delay": plain(settings, "measure_delay", _delay),
            "delayfactor": plain(settings, "delay_factor", lambda value: check(value, 0.0, 1000.0)),
            "highcrangedelayfactor": Kept().attribute(1, 99, 10.0),
            "autozero": Attribute(lambda: float(settings.autozero), set_autozero),
            "analogfilter": plain(settings, "analog_filter", lambda value: check_choice(value, (0, 1))),
        }
    )
    node.parts["filter"] = Node(
        {
            "count": plain(settings, "filter_count", lambda value: float(int(check(value, 1, 100)))),
            "enable": plain(settings, "filter_enabled", lambda value: check_choice(value, (0, 1))),
            "type": plain(settings, "filter_type", lambda value: check_choice(value, (0, 1, 2))),
        }
    )
    node.parts["rel"] = Node(_derived_relative(settings))
    for function in Function:
        node.attributes |= _measure_attributes(channel, function)
        own = _Own(channel, function)
        node.parts["rel"].attributes[f"level{function.value}"] = Attribute(
            lambda own=own: own.entry.relative_level, own.set_relative_level
        )
        node.parts["rel"].attributes[f"enable{function.value}"] = Attribute(
            lambda own=own: float(own.entry.relative), own.set_relative
        )
    for quantities in ("i", "v", "r", "p", "iv"):
        handler = _measure(channel, surroundings, quantities)
        node.functions[quantities] = handler
        node.functions[f"overlapped{quantities}"] = handler
    return node


def _derived_relative(settings: Settings) -> dict[str, Attribute]:
    """Return the relative offsets of resistance and power."""
    found: dict[str, Attribute] = {}
    for letter in "rp":

        def get(letter: str = letter) -> Value:
            return settings.relative_levels[letter]

        def put(value: Argument, letter: str = letter) -> None:
            settings.relative_levels[letter] = check(value, -1e37, 1e37)

        def enabled(letter: str = letter) -> Value:
            return float(settings.relatives[letter])

        def enable(value: Argument, letter: str = letter) -> None:
            settings.relatives[letter] = bool(check_choice(value, (0, 1)))

        found |= {f"level{letter}": Attribute(get, put), f"enable{letter}": Attribute(enabled, enable)}
    return found


class _Own:
    """The measure settings of one function, which a reset replaces."""

    def __init__(self, channel: Channel, function: Function) -> None:
        self._channel = channel
        self._function = function

    @property
    def entry(self) -> MeasureFunction:
        return self._channel.settings.measures[self._function]

    def set_relative_level(self, value: Argument) -> None:
        self.entry.relative_level = check(value, -1e3, 1e3)

    def set_relative(self, value: Argument) -> None:
        self.entry.relative = bool(check_choice(value, (0, 1)))


def _measure_attributes(channel: Channel, function: Function) -> dict[str, Attribute]:
    ranges = channel.settings.family.measure_ranges(function)
    letter = function.value

    def set_range(value: Argument) -> None:
        entry = channel.settings.measures[function]
        wanted = check(value, -MEASURE_FULL_SCALE * ranges[-1], MEASURE_FULL_SCALE * ranges[-1])
        entry.range = holding_range(ranges, wanted, 1.0)
        entry.auto_range = 0

    def set_auto_range(value: Argument) -> None:
        channel.settings.measures[function].auto_range = check_choice(value, (0, 1, 2))

    def set_low_range(value: Argument) -> None:
        entry = channel.settings.measures[function]
        entry.low_range = holding_range(ranges, check(value, 0.0, ranges[-1]), 1.0)
        if entry.auto_range:
            entry.range = max(entry.range, entry.low_range)

    return {
        f"range{letter}": Attribute(lambda: channel.meter.range_of(function), set_range),
        f"autorange{letter}": Attribute(lambda: float(channel.settings.measures[function].auto_range), set_auto_range),
        f"lowrange{letter}": Attribute(lambda: channel.settings.measures[function].low_range, set_low_range),
    }


def _measure(channel: Channel, surroundings: Surroundings, quantities: str) -> Handler:
    def handler(arguments: Arguments) -> tuple[Value, ...]:
        buffers = buffers_of(arguments, len(quantities))
        readings = surroundings.let(channel.measure(quantities, buffers))
        return tuple(reading.value for reading in readings)

    return handler


def _measure_and_step(channel: Channel, surroundings: Surroundings, quantities: str) -> Handler:
    def handler(arguments: Arguments) -> tuple[Value, ...]:
        readings = surroundings.let(channel.measure(quantities, ()))
        channel.source.set_level(channel.settings.function, arguments.number(0))
        return tuple(reading.value for reading in readings)

    return handler


def _delay(value: Argument) -> float:
    """Return a delay in s, or -1 for automatic.

    Raises:
        TspError: 1101 or 1102.
    """
    delay = check(value, DELAY_AUTO, LONGEST_DELAY)
    if delay < 0 and delay != DELAY_AUTO:
        raise TspError(1102)
    return delay
