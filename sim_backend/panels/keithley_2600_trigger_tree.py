"""The command tree of the triggers that belong to no channel: `trigger`, with blenders, timers and generators."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sim_backend.panels.keithley_2600_errors import TspError
from sim_backend.panels.keithley_2600_events import Blender
from sim_backend.panels.keithley_2600_nodes import Arguments, Attribute, Node, check, check_choice

if TYPE_CHECKING:
    from collections.abc import Callable

    from sim_backend.panels.keithley_2600_events import Detector, Generator, Triggers, TriggerTimer
    from sim_backend.panels.keithley_2600_nodes import Argument, Handler
    from sim_backend.panels.keithley_2600_surroundings import Surroundings

MOST_EVENT = 10_000
SHORTEST_TIMER, LONGEST_TIMER = 0.5e-6, 1e5
"""s."""
POLL_TIME = 1e-3
"""s between two looks of `trigger.wait` (assumption)."""


def trigger_node(triggers: Triggers, surroundings: Surroundings) -> Node:
    """Return the node of `trigger`."""

    def wait_on(latch: Detector) -> Handler:
        return wait_for(latch, surroundings)

    def blender(part: Blender) -> Node:
        return _blender(part, wait_on(part.latch))

    def timer(part: TriggerTimer) -> Node:
        return _timer(part, wait_on(part.latch))

    def generator(part: Generator) -> Node:
        functions: dict[str, Handler] = {
            "assert": call(part.fire), "clear": call(part.latch.clear), "wait": wait_on(part.latch)
        }  # fmt: skip
        return Node(functions=functions, constants={"EVENT_ID": float(part.event)})

    command = triggers.command
    return Node(
        functions={"clear": call(command.latch.clear), "wait": wait_on(command.latch)},
        constants={"EVENT_ID": float(command.event)},
        parts={
            "blender": Node(parts={n + 1: blender(part) for n, part in enumerate(triggers.blenders)}),
            "timer": Node(parts={n + 1: timer(part) for n, part in enumerate(triggers.timers)}),
            "generator": Node(parts={n + 1: generator(part) for n, part in enumerate(triggers.generators)}),
        },
    )


def call(action: Callable[[], None]) -> Handler:
    """Return a function without arguments."""

    def handler(_: Arguments) -> None:
        action()

    return handler


def wait_for(latch: Detector, surroundings: Surroundings) -> Handler:
    """Return a function that waits for an event at most its argument (s) and returns whether it came."""

    def handler(arguments: Arguments) -> bool:
        end = surroundings.clock.now() + check(arguments.number(0), 0.0, LONGEST_TIMER)
        while not latch.latched and surroundings.clock.now() < end:
            surroundings.sleep(min(POLL_TIME, end - surroundings.clock.now()))
        return latch.take()

    return handler


def _blender(part: Blender, wait: Handler) -> Node:
    def get(place: int) -> float | None:
        return part.stimuli[place - 1] if 1 <= place <= Blender.STIMULI else None

    def put(place: int, value: Argument) -> None:
        if not 1 <= place <= Blender.STIMULI:
            raise TspError(-224)
        part.stimuli[place - 1] = check(value, 0, MOST_EVENT)

    def set_any(value: Argument) -> None:
        part.any_of_them = value if isinstance(value, bool) else bool(check_choice(value, (0, 1)))

    return Node(
        {"orenable": Attribute(lambda: part.any_of_them, set_any), "overrun": Attribute(lambda: part.latch.overrun)},
        {"reset": call(part.reset), "clear": call(part.clear), "wait": wait},
        {"EVENT_ID": float(part.event)},
        {"stimulus": Node(get_item=get, put_item=put)},
    )


def _timer(part: TriggerTimer, wait: Handler) -> Node:
    def set_delay(value: Argument) -> None:
        part.delays = [check(value, SHORTEST_TIMER, LONGEST_TIMER)]

    def set_delays(value: Argument) -> None:
        delays = Arguments([value]).numbers(0)
        if not delays:
            raise TspError(-224)
        part.delays = [check(delay, SHORTEST_TIMER, LONGEST_TIMER) for delay in delays]

    def set_count(value: Argument) -> None:
        part.count = float(int(check(value, 0, 1_048_575)))

    def set_passthrough(value: Argument) -> None:
        part.passthrough = value if isinstance(value, bool) else bool(check_choice(value, (0, 1)))

    def set_stimulus(value: Argument) -> None:
        part.stimulus = check(value, 0, MOST_EVENT)

    return Node(
        {
            "delay": Attribute(lambda: part.delays[0], set_delay),
            "delaylist": Attribute(lambda: part.delays[0], set_delays),
            "count": Attribute(lambda: part.count, set_count),
            "passthrough": Attribute(lambda: part.passthrough, set_passthrough),
            "stimulus": Attribute(lambda: part.stimulus, set_stimulus),
            "overrun": Attribute(lambda: part.latch.overrun),
        },
        {"reset": call(part.reset), "clear": call(part.clear), "wait": wait},
        {"EVENT_ID": float(part.event)},
    )
