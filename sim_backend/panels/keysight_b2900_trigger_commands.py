"""Command table of the B2900A: `:INITiate`, `:ARM`, `:TRIGger`, `:ABORt`, `:IDLE` and `*TRG`."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from sim_backend.panels.keysight_b2900_channel_commands import ChannelTable, count_text
from sim_backend.panels.keysight_b2900_facts import ENDLESS, LONGEST_TIME
from sim_backend.panels.keysight_b2900_parameters import Count
from sim_backend.panels.keysight_b2900_trigger import DeviceAction
from sim_backend.panels.scpi_errors import ScpiError
from sim_backend.panels.scpi_parameters import Choice, Number
from sim_backend.panels.scpi_settings import event
from sim_backend.panels.scpi_table import Command, Signature

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sim_backend.panels.keysight_b2900_instrument import Channel, Instrument
    from sim_backend.panels.keysight_b2900_settings import Action, Layer
    from sim_backend.panels.scpi_parameters import Arguments

_SOURCES: Final = Choice(("AINT", "BUS", "TIMer", "INT1", "INT2", "LAN", *(f"EXT{pin}" for pin in range(1, 15))))
_ACTIONS: Final = {
    "[:ALL]": (DeviceAction.TRANSIENT, DeviceAction.ACQUIRE),
    ":ACQuire": (DeviceAction.ACQUIRE,),
    ":TRANsient": (DeviceAction.TRANSIENT,),
}
_LAYERS: Final = {":ARM[c]": "arm", ":TRIGger[c]": "trigger"}


def trigger_commands(instrument: Instrument) -> Iterator[Command]:
    """Yield the commands that start, steer and end runs."""
    table = ChannelTable(instrument)
    for node, actions in _ACTIONS.items():
        yield from _run_commands(table, instrument, node, actions)
        for header, layer in _LAYERS.items():
            yield from _layer_commands(table, f"{header}{node}", layer, actions, instrument.model.shortest_interval)


def bus_trigger(instrument: Instrument) -> Command:
    """Return `*TRG`."""

    def obey() -> None:
        for channel in instrument.channels:
            channel.trigger.fire("BUS")

    return event("*TRG", obey)


def _run_commands(
    table: ChannelTable, instrument: Instrument, node: str, actions: tuple[DeviceAction, ...]
) -> Iterator[Command]:
    channels = Signature((table.list_type,))

    def start(arguments: Arguments) -> None:
        chosen = table.listed(arguments)
        if any(channel.trigger.running for channel in chosen):
            # Either all channels start or none.
            raise ScpiError(-213)
        for channel in chosen:
            channel.start(actions)

    def abort(arguments: Arguments) -> None:
        # A run is ended as a whole: its two actions go in step.
        for channel in table.listed(arguments):
            if any(not channel.trigger.idle(action) for action in actions):
                channel.trigger.abort()

    def fire(arguments: Arguments) -> None:
        for channel in table.listed(arguments):
            channel.trigger.fire("IMM")

    def idle(channel: Channel) -> str:
        instrument.wait_for([channel], *actions)
        return "1"

    yield Command(f":INITiate[:IMMediate]{node}", start, channels)
    yield Command(f":ABORt{node}", abort, channels)
    yield Command(f":ARM{table.suffixes}{node}[:IMMediate]", fire, channels)
    yield Command(f":TRIGger{table.suffixes}{node}[:IMMediate]", fire, channels)
    yield table.query(f":IDLE[c]{node}", idle)


def _layer_commands(
    table: ChannelTable, header: str, layer: str, actions: tuple[DeviceAction, ...], shortest: float
) -> Iterator[Command]:
    """Yield the settings of a layer; of both actions' together there is no query, as the two may differ."""

    def chosen(channel: Channel) -> list[Layer]:
        return [getattr(_action(channel, action), layer) for action in actions]

    def put(name: str) -> Callable[[Channel, float | str], None]:
        def change(channel: Channel, value: float | str) -> None:
            for entry in chosen(channel):
                setattr(entry, name, value)

        return change

    def get(name: str) -> Callable[[Channel], float]:
        return lambda channel: getattr(chosen(channel)[0], name)

    delay = Number(0.0, LONGEST_TIME, 0.0, "S")
    period = Number(shortest, LONGEST_TIME, shortest, "S")
    settings = [
        table.number(f"{header}:COUNt", Count(), get("count"), put("count"), idle=True, write=_count),
        table.number(f"{header}:DELay", delay, get("delay"), put("delay"), idle=True),
        table.number(f"{header}:TIMer", period, get("period"), put("period"), idle=True),
        table.choice(
            f"{header}:SOURce[:SIGNal]",
            _SOURCES,
            lambda channel: chosen(channel)[0].source,
            put("source"),
            idle=True,
        ),
        table.choice(
            f"{header}:BYPass",
            Choice(("ONCE", "OFF")),
            lambda channel: chosen(channel)[0].bypass,
            put("bypass"),
            idle=True,
        ),
    ]
    for command in settings:
        if len(actions) == 1:
            yield command
        else:
            yield Command(command.pattern, command.action, command.takes)


def _action(channel: Channel, action: DeviceAction) -> Action:
    return channel.settings.acquire if action is DeviceAction.ACQUIRE else channel.settings.transient


def _count(value: float) -> str:
    return str(ENDLESS) if math.isinf(value) else count_text(value)
