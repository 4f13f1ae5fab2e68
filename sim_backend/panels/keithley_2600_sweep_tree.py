"""The command tree of the trigger model of a channel: `smuX.trigger`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sim_backend.panels.keithley_2600_buffers import ReadingBuffer
from sim_backend.panels.keithley_2600_errors import TspError
from sim_backend.panels.keithley_2600_facts import Function
from sim_backend.panels.keithley_2600_nodes import Arguments, Attribute, Node, check, plain
from sim_backend.panels.keithley_2600_sweep import LAYERS, LIMIT_AUTO, linear_levels, logarithmic_levels

if TYPE_CHECKING:
    from sim_backend.panels.keithley_2600_channel import Channel
    from sim_backend.panels.keithley_2600_events import Detector
    from sim_backend.panels.keithley_2600_nodes import Argument, Handler

MOST_POINTS: Final = 100_000
"""Levels of one sweep (assumption)."""
MOST_TURNS: Final = 2**31 - 1


class _SetUp:
    """An attribute of the sweep that is set up, which a reset replaces."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel

    def attribute(self, name: str, lowest: int, highest: int) -> Attribute:
        """Return an attribute that takes whole numbers within bounds."""

        def put(value: Argument) -> None:
            setattr(self._channel.model.set_up, name, int(check(value, lowest, highest)))

        return Attribute(lambda: float(getattr(self._channel.model.set_up, name)), put)


def trigger_tree(channel: Channel) -> Node:
    """Return the node of `smuX.trigger`."""
    model, set_up = channel.model, _SetUp(channel)

    def initiate(_: Arguments) -> None:
        model.initiate()

    layers = {name: _layer(model.detectors[name]) for name in LAYERS}
    layers["arm"].attributes["count"] = set_up.attribute("arm_count", 0, MOST_TURNS)
    layers["source"].attributes["action"] = set_up.attribute("source_action", 0, 1)
    layers["measure"].attributes["action"] = set_up.attribute("measure_action", 0, 2)
    layers["endpulse"].attributes["action"] = set_up.attribute("end_pulse", 0, 1)
    for function in Function:
        layers["source"].functions |= _levels(channel, function)
        layers["source"].attributes[f"limit{function.value}"] = _limit(channel, function)
    for quantities in ("i", "v", "r", "p", "iv"):
        layers["measure"].functions[quantities] = _measure(channel, quantities)
    return Node(
        attributes={
            "count": set_up.attribute("count", 0, MOST_TURNS),
            "autoclear": set_up.attribute("autoclear", 0, 1),
        },
        functions={"initiate": initiate},
        constants={f"{name}_EVENT_ID": float(number) for name, number in model.events.items()},
        parts={**layers, "endsweep": Node({"action": set_up.attribute("end_sweep", 0, 1)})},
    )


def _layer(detector: Detector) -> Node:
    def latch(_: Arguments) -> None:
        detector.set()

    return Node({"stimulus": plain(detector, "stimulus", lambda value: check(value, 0, 10_000))}, {"set": latch})


def _levels(channel: Channel, function: Function) -> dict[str, Handler]:
    model, letter = channel.model, function.value

    def points(arguments: Arguments) -> int:
        return int(check(arguments.number(2), 1, MOST_POINTS))

    def linear(arguments: Arguments) -> None:
        model.set_levels(function, linear_levels(arguments.number(0), arguments.number(1), points(arguments)))

    def logarithmic(arguments: Arguments) -> None:
        ends = arguments.number(0), arguments.number(1)
        model.set_levels(function, logarithmic_levels(*ends, points(arguments), arguments.number(3, 0.0)))

    def listed(arguments: Arguments) -> None:
        model.set_levels(function, arguments.numbers(0))

    return {f"linear{letter}": linear, f"log{letter}": logarithmic, f"list{letter}": listed}


def _limit(channel: Channel, function: Function) -> Attribute:
    def put(value: Argument) -> None:
        family = channel.settings.family
        limit = check(value, 0.0, family.largest(function))
        if limit != LIMIT_AUTO and limit < family.smallest_limit(function):
            raise TspError(1102)
        channel.model.set_up.limits[function] = limit

    return Attribute(lambda: channel.model.set_up.limits[function], put)


def _measure(channel: Channel, quantities: str) -> Handler:
    def handler(arguments: Arguments) -> None:
        buffers = [value for value in arguments.values if isinstance(value, ReadingBuffer)]
        if len(arguments) != len(buffers):
            raise TspError(-104)
        if len(buffers) != len(quantities):
            raise TspError(-109 if len(buffers) < len(quantities) else -108)
        channel.model.set_up.quantities, channel.model.set_up.buffers = tuple(quantities), tuple(buffers)

    return handler
