"""The fault plan: a TOML file of scripted faults, or of dice, read with the same care as a bench file.

    [[fault]]
    kind = "cut"               # what: see `kinds.py`
    channel = "board"          # where: an instrument of the bench
    direction = "reply"        # which way: "request" (to the instrument, the default) or "reply"
    message = 17               # when: at the 17th message of that direction; or `byte`, `time`, `step`, `pulse`
    at = 5                     # how: after the 5th byte of the message

    [random]
    seed = 1
    rate = 0.01                # share of messages that are struck
    kinds = ["drop", "repeat"]

Counts begin at 1 with the world and go on when a run is resumed; a scripted fault strikes once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Self, cast

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from labctl.errors import BenchFileError
from labctl.units import Seconds
from sim_backend.faults.kinds import BOARD_ONLY, MESSAGES, OFF_LINK, BoardTrip, Direction, FaultKind

if TYPE_CHECKING:
    from collections.abc import Mapping

from labctl.toml_source import TomlSource

TRIGGERS = ("message", "byte", "time", "step", "pulse")
"""Keys of which a scripted fault has exactly one; a full disk has `write` instead."""
_ARGUMENTS: Mapping[FaultKind, tuple[str, ...]] = {
    FaultKind.DELAY: ("lasting",),
    FaultKind.CUT: ("at",),
    FaultKind.SPLIT: ("at", "lasting"),
    FaultKind.FLIP: ("at", "bit"),
    FaultKind.LINK_GONE: ("lasting",),
    FaultKind.TRIP: ("cause",),
    FaultKind.OVER_TEMPERATURE: ("lasting",),
    FaultKind.INTERLOCK: ("lasting",),
    FaultKind.STUCK_CELL: ("row", "column"),
    FaultKind.DISK_FULL: ("write", "writes"),
    FaultKind.MERGE: ("lasting",),
    FaultKind.REORDER: ("lasting",),
}
"""What may be said of a kind beside where and when."""
_KEYS = {"lasting": "for"}
"""Fields whose key in the file is a word that Python keeps for itself."""


def _word(kind: type[Direction] | type[FaultKind] | type[BoardTrip]) -> Any:
    """Return a validator that finds the member of an enumeration which a word of the file names."""

    def find(word: object) -> object:
        words = [member.value for member in kind]
        if isinstance(word, kind):
            return word
        if word not in words:
            raise ValueError(f"{word!r} is none of {', '.join(words)}")
        return kind(word)

    return BeforeValidator(find)


Kind = Annotated[FaultKind, _word(FaultKind)]
Number = Annotated[int, Field(ge=1)]


class _Table(BaseModel):
    """A table of the plan: no unknown key, no NaN, never changed after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, strict=True, populate_by_name=True)


class Fault(_Table):
    """`[[fault]]`: one scripted fault.

    `message` and `byte` count one direction of the channel, `time` (s) is the world's, `step` counts steps that are
    done, `pulse` the pulses that the board has put out over all its power-ups. `for` is how long (s) it lasts: a
    message is late, a link is gone, the board is hot. `at` is the byte of the message, from 0: what stands before it is
    not touched. `writes` is how many writes of the run's database fail; without it, all from the `write`-th on.
    """

    kind: Kind
    channel: str | None = None
    direction: Annotated[Direction, _word(Direction)] = Direction.REQUEST
    message: Number | None = None
    byte: Annotated[int, Field(ge=0)] | None = None
    time: Annotated[Seconds, Field(ge=0)] | None = None
    step: Number | None = None
    pulse: Number | None = None
    write: Number | None = None
    writes: Number | None = None
    lasting: Annotated[Seconds, Field(gt=0)] | None = Field(default=None, alias="for")
    at: Annotated[int, Field(ge=0)] | None = None
    bit: Annotated[int, Field(ge=0, le=7)] = 0
    cause: Annotated[BoardTrip, _word(BoardTrip)] = BoardTrip.SUPPLY
    row: Annotated[int, Field(ge=0)] | None = None
    column: Annotated[int, Field(ge=0)] | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        given = self.model_fields_set
        kind, name = self.kind, self.kind.value
        foreign = given - {"kind", "channel", "direction", *TRIGGERS, *_ARGUMENTS.get(kind, ())}
        if foreign:
            raise ValueError(f"{_key(min(foreign))!r} means nothing to {name!r}")
        if kind in OFF_LINK:
            self._check_off_link()
            return self
        if self.channel is None:
            raise ValueError(f"{name!r} needs a channel: the name of an instrument")
        if len(given & set(TRIGGERS)) != 1:
            raise ValueError(f"{name!r} needs exactly one of {', '.join(TRIGGERS)}: when it strikes")
        return self

    def _check_off_link(self) -> None:
        given, name = self.model_fields_set, self.kind.value
        if given & {"channel", "direction", "message", "byte"}:
            raise ValueError(f"{name!r} strikes no channel; leave out channel, direction, message and byte")
        if self.kind is FaultKind.DISK_FULL:
            if self.write is None or given & set(TRIGGERS):
                raise ValueError(f"{name!r} needs `write`, the number of the write that fails, and no other moment")
        elif len(given & {"time", "step", "pulse"}) != 1:
            raise ValueError(f"{name!r} needs exactly one of time, step, pulse: when it strikes")
        elif self.row is None or self.column is None:
            raise ValueError(f"{name!r} needs row and column: which cell")


def _kinds(kinds: object) -> object:
    if isinstance(kinds, list):
        return tuple(cast("list[object]", kinds))
    return kinds


class RandomFaults(_Table):
    """`[random]`: faults that dice of this `seed` throw; the same dice for the same message of the same channel.

    `rate` is the share of messages that are struck. `channels` are the instruments whose links they strike; without
    it, all. Kinds that strike no channel cannot be drawn.
    """

    seed: Annotated[int, Field(ge=0)] = 0
    rate: Annotated[float, Field(gt=0, le=1)]
    kinds: Annotated[tuple[Kind, ...], BeforeValidator(_kinds), Field(min_length=1)] = tuple(sorted(MESSAGES, key=str))
    channels: Annotated[tuple[str, ...], BeforeValidator(_kinds)] | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        for kind in self.kinds:
            if kind in OFF_LINK:
                raise ValueError(f"{kind.value!r} cannot be drawn, as it strikes no message; script it")
        return self


class FaultPlan(_Table):
    """A whole fault plan."""

    fault: Annotated[tuple[Fault, ...], BeforeValidator(_kinds)] = ()
    random: RandomFaults | None = None

    def check_fits(self, boards: Mapping[str, bool], rows: int, columns: int, source: TomlSource) -> None:
        """Refuse what the bench has not.

        Args:
            boards: for each instrument of the bench, by name, whether it is a probe board.
            rows: of the die.
            columns: of the die.
            source: of the plan, for messages.

        Raises:
            BenchFileError: names the entry.
        """
        for number, fault in enumerate(self.fault, 1):
            place = f"{_entry_place(source, number)}"
            if fault.channel is not None:
                _check_channel(fault.channel, (fault.kind,), boards, f"{place}.channel")
            if fault.kind is FaultKind.STUCK_CELL and not (_of(fault.row) < rows and _of(fault.column) < columns):
                raise BenchFileError(f"{place}: the die has rows 0..{rows - 1} and columns 0..{columns - 1}")
        if self.random is not None:
            place = source.place(("random",))
            for name in self.random.channels or ():
                _check_channel(name, (), boards, f"{place}.channels")


def read_plan(source: TomlSource) -> FaultPlan:
    """Return the plan that a text describes.

    Raises:
        BenchFileError: if it is not TOML, or a key is unknown, missing or wrong.
    """
    data = source.parse()
    faults: object = data.get("fault", [])
    if isinstance(faults, list):
        for number, table in enumerate(cast("list[object]", faults), 1):
            _read_fault(table, number, source)
    if isinstance(data.get("random"), dict):
        try:
            RandomFaults.model_validate(data["random"])
        except ValidationError as error:
            raise source.refusal(error, RandomFaults, ("random",)) from None
    try:
        return FaultPlan.model_validate(data)
    except ValidationError as error:
        raise source.refusal(error, FaultPlan) from None


def _read_fault(table: object, number: int, source: TomlSource) -> None:
    """Refuse a scripted fault that is wrong, with the line of its key."""
    try:
        Fault.model_validate(table)
    except ValidationError as error:
        entry = TomlSource(source.file, _alone(source.text, number))
        raise entry.refusal(error, Fault, ("fault",)) from None


def _entry_place(source: TomlSource, number: int) -> str:
    return TomlSource(source.file, _alone(source.text, number)).place(("fault",))


def _alone(text: str, number: int) -> str:
    """Return the text with `[[fault]]` number `number` as `[fault]`, and every other entry emptied, lines kept."""
    seen, lines, inside = 0, list[str](), False
    for line in text.splitlines():
        bare = "".join(line.partition("#")[0].split())
        if bare.startswith("["):
            inside = bare == "[[fault]]"
            seen += inside
        chosen = inside and seen == number
        lines.append(("[fault]" if bare == "[[fault]]" else line) if chosen else "")
    return "\n".join(lines)


def _check_channel(name: str, kinds: tuple[FaultKind, ...], boards: Mapping[str, bool], place: str) -> None:
    if name not in boards:
        raise BenchFileError(f"{place}: the bench has no instrument {name!r}; it has {', '.join(sorted(boards))}")
    for kind in kinds:
        if kind in BOARD_ONLY and not boards[name]:
            raise BenchFileError(
                f"{place}: {kind.value!r} strikes probe boards only, and {name!r} is none"
                + ("; nobody can see a flipped digit of a number in ASCII" if kind is FaultKind.FLIP else "")
            )


def _key(name: str) -> str:
    return _KEYS.get(name, name)


def _of(number: int | None) -> int:
    return 0 if number is None else number
