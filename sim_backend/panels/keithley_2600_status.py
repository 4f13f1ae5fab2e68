"""The status model of the 2600B: register sets whose summaries are bits of others, up to the status byte."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from sim_backend.panels.scpi_errors import StandardEvent

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sim_backend.panels.keithley_2600_channel import Channel
    from sim_backend.panels.keithley_2600_errors import ErrorQueue
    from sim_backend.panels.keithley_2600_events import Detector, Triggers

MEASUREMENT_SUMMARY: Final = 1
ERROR_AVAILABLE: Final = 4
QUESTIONABLE_SUMMARY: Final = 8
MESSAGE_AVAILABLE: Final = 16
EVENT_SUMMARY: Final = 32
MASTER_SUMMARY: Final = 64
OPERATION_SUMMARY: Final = 128
ALL_BITS: Final = 0xFFFF

VOLTAGE_LIMIT, CURRENT_LIMIT, READING_OVERFLOW, BUFFER_AVAILABLE = 1, 2, 128, 256
INTERLOCK, INSTRUMENT_SUMMARY = 2048, 8192
CALIBRATING, SWEEPING, MEASURING, TRIGGER_OVERRUN, REMOTE = 1, 8, 16, 1024, 2048
USER, PROGRAM_RUNNING, PROMPTS_ENABLED = 4096, 16384, 2048
OPERATION_BITS: Final = {
    "CALIBRATING": CALIBRATING, "CAL": CALIBRATING, "SWEEPING": SWEEPING, "SWE": SWEEPING, "MEASURING": MEASURING,
    "MEAS": MEASURING, "TRIGGER_OVERRUN": TRIGGER_OVERRUN, "TRGOVR": TRIGGER_OVERRUN, "REMOTE_SUMMARY": REMOTE,
    "REM": REMOTE, "USER": USER, "INSTRUMENT_SUMMARY": INSTRUMENT_SUMMARY, "INST": INSTRUMENT_SUMMARY,
    "PROGRAM_RUNNING": PROGRAM_RUNNING, "PROG": PROGRAM_RUNNING,
}  # fmt: skip
"""Reference manual, Rev. B p. 7-271."""
QUESTIONABLE_BITS: Final = {
    "CALIBRATION": 256, "CAL": 256, "UNSTABLE_OUTPUT": 512, "UO": 512, "HIGHV_NOT_READY": 1024,
    "OVER_TEMPERATURE": 4096, "OTEMP": 4096, "INSTRUMENT_SUMMARY": INSTRUMENT_SUMMARY, "INST": INSTRUMENT_SUMMARY,
}  # fmt: skip
"""Reference manual, Rev. F p. 9-334."""
OVERRUN_BITS: Final = {"ARM": 2, "SRC": 4, "MEAS": 8, "ENDP": 16}
"""Bits of the detectors of a channel (the maker's example that checks for overruns)."""
SUMMARY_BITS: Final = {"TRIGGER_OVERRUN": TRIGGER_OVERRUN, "TRGOVR": TRIGGER_OVERRUN}
OTHER_PLACES: Final = {"trigger_blender": 1024, "trigger_timer": 2048, "digio": 4096, "tsplink": 8192, "lan": 16384}
"""Bits of what triggers beside the channels (assumption)."""
MEASUREMENT_BITS: Final = {
    "VOLTAGE_LIMIT": VOLTAGE_LIMIT, "VLMT": VOLTAGE_LIMIT, "CURRENT_LIMIT": CURRENT_LIMIT, "ILMT": CURRENT_LIMIT,
    "READING_OVERFLOW": READING_OVERFLOW, "ROF": READING_OVERFLOW,
    "BUFFER_AVAILABLE": BUFFER_AVAILABLE, "BAV": BUFFER_AVAILABLE,
}  # fmt: skip


@dataclass(slots=True)
class Register:
    """One register set: condition, event (latched, cleared by reading), enable, and the transitions that latch.

    Args:
        sense: returns the condition bits that the instrument sets directly.
        parts: register sets whose summaries are bits of this one's condition, with those bits.
        names: bits by the names of the constants.
    """

    sense: Callable[[], int] = lambda: 0
    parts: list[tuple[Register, int]] = field(default_factory=list["tuple[Register, int]"])
    names: dict[str, int] = field(default_factory=dict[str, int])
    condition: int = 0
    event: int = 0
    enable: int = 0
    falling: int = 0
    rising: int = field(init=False)

    def __post_init__(self) -> None:
        self.rising = self.used

    @property
    def used(self) -> int:
        """Every bit that has a name, or every bit if none has."""
        used = 0
        for bit in self.names.values():
            used |= bit
        return used or ALL_BITS

    def refresh(self) -> None:
        """Bring the condition up to date and latch what changed."""
        bits = self.sense()
        for part, bit in self.parts:
            part.refresh()
            if part.event & part.enable:
                bits |= bit
        self.event |= (bits & ~self.condition & self.rising) | (self.condition & ~bits & self.falling)
        self.condition = bits

    def read_event(self) -> int:
        """Return the latched events and clear them."""
        self.refresh()
        event, self.event = self.event, 0
        return event

    def clear(self) -> None:
        """Clear the latched events, of the parts too."""
        self.event = 0
        for part, _ in self.parts:
            part.clear()

    def reset(self) -> None:
        """Clear events and enables, and let the rising of each used bit latch (Rev. C p. 7-324), in the parts too."""
        self.event = self.enable = self.falling = 0
        self.rising = self.used
        for part, _ in self.parts:
            part.reset()


class Status:
    """Status byte and standard event register over error queue and register sets.

    Args:
        errors: the queue, which keeps the standard events.
        channels: by letter.
        triggers: that may overrun.
        interlock: the interlock line is asserted.
        prompts: tells whether the host wants prompts.
    """

    def __init__(
        self,
        errors: ErrorQueue,
        channels: dict[str, Channel],
        triggers: Triggers,
        interlock: bool,
        prompts: Callable[[], bool],
    ) -> None:
        self._errors = errors
        self.standard_enable = 0
        self.request_enable = 0
        self.message_available = False
        locks = any(channel.settings.family.has_interlock for channel in channels.values())
        places = {letter: 2 << place for place, letter in enumerate(channels)}
        names = {f"SMU{letter.upper()}": bit for letter, bit in places.items()}
        self.channels = {
            letter: Register(lambda channel=channel: _condition(channel), names=dict(MEASUREMENT_BITS))
            for letter, channel in channels.items()
        }
        self.instrument = Register(parts=[(self.channels[letter], bit) for letter, bit in places.items()], names=names)

        def summary(mask: int) -> Register:
            def sense() -> int:
                return sum(bit for letter, bit in places.items() if _condition(channels[letter]) & mask)

            return Register(sense, names=dict(names))

        self.summaries = {
            "voltage_limit": (summary(VOLTAGE_LIMIT), VOLTAGE_LIMIT),
            "current_limit": (summary(CURRENT_LIMIT), CURRENT_LIMIT),
            "reading_overflow": (summary(READING_OVERFLOW), READING_OVERFLOW),
            "buffer_available": (summary(BUFFER_AVAILABLE), BUFFER_AVAILABLE),
        }
        self.measurement = Register(
            lambda: INTERLOCK if interlock else 0,
            [*self.summaries.values(), (self.instrument, INSTRUMENT_SUMMARY)],
            MEASUREMENT_BITS
            | dict.fromkeys(("INTERLOCK", "INT") if locks else ("OUTPUT_ENABLE", "OE"), INTERLOCK)
            | dict.fromkeys(("INSTRUMENT_SUMMARY", "INST"), INSTRUMENT_SUMMARY),
        )
        self.sweeping = Register(
            lambda: sum(bit for letter, bit in places.items() if channels[letter].model.running), names=dict(names)
        )
        # What calibrates, measures in the background or overruns does not exist here: these bits stay clear.
        self.idle = {name: Register(names=dict(names)) for name in ("calibrating", "measuring", "trigger_overrun")}
        self.remote = Register(
            lambda: PROMPTS_ENABLED if prompts() else 0,
            names={"COMMAND_AVAILABLE": 2, "CAV": 2, "PROMPTS_ENABLED": PROMPTS_ENABLED, "PRMPT": PROMPTS_ENABLED},
        )
        self.user_condition = 0
        self.user = Register(lambda: self.user_condition, names={f"BIT{place}": 1 << place for place in range(15)})
        self.overruns = {
            letter: Register(lambda channel=channel: _overruns(channel), names=OVERRUN_BITS)
            for letter, channel in channels.items()
        } | {name: _overruns_of(parts) for name, parts in parts_that_overrun(triggers).items()}
        self.overrun_sums = {
            name: Register(parts=[(register, TRIGGER_OVERRUN)], names=SUMMARY_BITS)
            for name, register in self.overruns.items()
        }
        all_places = places | OTHER_PLACES
        self.operation_instrument = Register(
            parts=[(register, all_places[name]) for name, register in self.overrun_sums.items()],
            names=names | {name.upper(): bit for name, bit in OTHER_PLACES.items()},
        )
        self.operation = Register(
            # A question is asked by a command, which runs meanwhile.
            lambda: PROGRAM_RUNNING,
            [
                (self.idle["calibrating"], CALIBRATING),
                (self.sweeping, SWEEPING),
                (self.idle["measuring"], MEASURING),
                (self.idle["trigger_overrun"], TRIGGER_OVERRUN),
                (self.remote, REMOTE),
                (self.user, USER),
                (self.operation_instrument, INSTRUMENT_SUMMARY),
            ],
            OPERATION_BITS,
        )
        self.questionable_parts = {
            name: Register(names=dict(names))
            for name in ("calibration", "unstable_output", "over_temperature", "instrument")
        }
        self.questionable_channels = {letter: Register(names=QUESTIONABLE_BITS) for letter in channels}
        self.questionable_parts["instrument"].parts = [
            (self.questionable_channels[letter], bit) for letter, bit in places.items()
        ]
        bits = zip(self.questionable_parts.values(), (256, 512, 4096, INSTRUMENT_SUMMARY), strict=True)
        not_ready = QUESTIONABLE_BITS["HIGHV_NOT_READY"] if locks and not interlock else 0
        self.questionable = Register(lambda: not_ready, list(bits), QUESTIONABLE_BITS)

    def reset(self) -> None:
        """Return to the state of `status.reset()`."""
        self.standard_enable = self.request_enable = 0
        for register in (self.measurement, self.operation, self.questionable):
            register.reset()

    def clear(self) -> None:
        """Clear events and the error queue, as `*CLS` does; enables stay."""
        self._errors.clear()
        self._errors.standard = StandardEvent(0)
        for register in (self.measurement, self.operation, self.questionable):
            register.clear()

    def read_standard(self) -> int:
        """Return the standard event register and clear it."""
        value, self._errors.standard = self._errors.standard, StandardEvent(0)
        return int(value)

    def byte(self) -> int:
        """Return the status byte, with the master summary in bit 6, as `*STB?` does."""
        value = ERROR_AVAILABLE if len(self._errors) else 0
        if self.message_available:
            value |= MESSAGE_AVAILABLE
        if self._errors.standard & self.standard_enable:
            value |= EVENT_SUMMARY
        pairs = (
            (self.measurement, MEASUREMENT_SUMMARY),
            (self.questionable, QUESTIONABLE_SUMMARY),
            (self.operation, OPERATION_SUMMARY),
        )
        for register, bit in pairs:
            register.refresh()
            if register.event & register.enable:
                value |= bit
        if value & self.request_enable & ~MASTER_SUMMARY:
            value |= MASTER_SUMMARY
        return value


def parts_that_overrun(triggers: Triggers) -> dict[str, Sequence[Detector]]:
    """Return the detectors of each kind of trigger; what is not connected has none that overruns."""
    return {
        "trigger_blender": [part.latch for part in triggers.blenders],
        "trigger_timer": [part.latch for part in triggers.timers],
        "digio": [],
        "tsplink": [],
        "lan": [],
    }


def _overruns_of(detectors: Sequence[Detector]) -> Register:
    """Return the register of detectors, whose bits begin with the second (assumption)."""
    return Register(lambda: sum(2 << place for place, part in enumerate(detectors) if part.overrun))


def _overruns(channel: Channel) -> int:
    detectors = channel.model.detectors.values()
    return sum(bit for bit, part in zip(OVERRUN_BITS.values(), detectors, strict=True) if part.overrun)


def _condition(channel: Channel) -> int:
    """Return the measurement bits of a channel, as its last reading left them."""
    from_voltage = channel.settings.function.number == 1
    bits = 0
    if channel.meter.in_compliance:
        bits |= CURRENT_LIMIT if from_voltage else VOLTAGE_LIMIT
    if channel.meter.overflown:
        bits |= READING_OVERFLOW
    if any(len(buffer) for buffer in channel.buffers):
        bits |= BUFFER_AVAILABLE
    return bits
