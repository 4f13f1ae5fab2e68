"""Knobs: one line of an instrument's manual each, as an attribute of its driver.

Setting the attribute sends one command, reading it sends one query. A value that is out of range is refused before a
byte leaves. The docstring says what the manual says: what it is, its unit and its strict range.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Generic, Protocol, Self, TypeVar, overload

from drivers.scpi_text import decode_number, shown
from labctl.errors import SettingError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from drivers.scpi import ScpiLink

T = TypeVar("T")

TOLERANCE = 1e-5
"""Relative difference that a value read back may have: instruments print seven digits."""


class HasLink(Protocol):
    """A driver: whatever has a link."""

    @property
    def link(self) -> ScpiLink:
        """The link that knobs are turned through."""
        ...


class Knob(Generic[T]):
    """One setting of an instrument. Made by `number`, `switch` and `choice`.

    Args:
        query: the query's text.
        encode: returns the command that sets a value; ValueError says why there is none.
        decode: returns the value that an answer says; ValueError if it says none.
        same: whether two values are the same to the instrument.
        what: the setting, for messages, as in "current limit".
        unit: of its values, for messages; "" where there is none.
        doc: the docstring.
        confirm: read each value back after it is set.
    """

    def __init__(
        self,
        query: str,
        encode: Callable[[T], str],
        decode: Callable[[str], T],
        same: Callable[[T, T], bool],
        what: str,
        unit: str,
        doc: str,
        confirm: bool,
    ) -> None:
        self._query = query
        self._encode = encode
        self._decode = decode
        self._same = same
        self._confirm = confirm
        self._what = what
        self._unit = unit
        self.__doc__ = doc

    @overload
    def __get__(self, instrument: None, owner: type) -> Self: ...
    @overload
    def __get__(self, instrument: HasLink, owner: type) -> T: ...
    def __get__(self, instrument: HasLink | None, owner: type) -> Self | T:
        """Return the value that the instrument holds; on the class, the knob itself."""
        return self if instrument is None else self.read(instrument)

    def __set__(self, instrument: HasLink, value: T) -> None:
        """Set the value, and read it back where the knob says so."""
        self.send(instrument, value)
        if self._confirm:
            self.confirm(instrument, value)

    def read(self, instrument: HasLink) -> T:
        """Return the value that the instrument holds.

        Raises:
            LinkError: if it does not answer, or with something else.
        """
        return self._asked(instrument)[0]

    def send(self, instrument: HasLink, value: T) -> None:
        """Set the value without reading it back.

        Raises:
            SettingError: if it is out of range; nothing was sent then.
        """
        instrument.link.write(self.command(instrument, value))

    def command(self, instrument: HasLink, value: T) -> str:
        """Return the text that sets the value.

        Raises:
            SettingError: if it is out of range.
        """
        try:
            return self._encode(value)
        except ValueError as error:
            link = instrument.link
            raise SettingError(
                f"{link.name} at {link.address}: {error} ({self._query!r} reads it); nothing was sent"
            ) from None

    def confirm(self, instrument: HasLink, value: T) -> T:
        """Return the value that the instrument holds.

        Raises:
            SettingError: if it is another than `value`, beyond `TOLERANCE`.
        """
        found, reply = self._asked(instrument)
        if not self._same(found, value):
            link = instrument.link
            raise SettingError(f"{link.name} at {link.address}: {self._difference(value, found, reply)}")
        return found

    def difference(self, instrument: HasLink, value: T, same: Callable[[T, T], bool] | None = None) -> str | None:
        """Return how the value that the instrument holds differs from `value`, in words; None if it does not.

        Args:
            instrument: whose setting it is.
            value: that it was set to.
            same: whether a value that is found does for the one that is wanted; None: as in `confirm`.
        """
        found, reply = self._asked(instrument)
        return None if (same or self._same)(found, value) else self._difference(value, found, reply)

    def _asked(self, instrument: HasLink) -> tuple[T, str]:
        """Return the value that the instrument holds, and the answer that says so."""
        link = instrument.link
        reply = link.query(self._query)
        try:
            return self._decode(reply), reply
        except ValueError:
            raise link.garbled(self._query, reply) from None

    def _difference(self, value: T, found: T, reply: str) -> str:
        return (
            f"the {self._what} was set to {self._text(value)}, but reads back as {self._text(found)} "
            f"(after {self._encode(value)!r}, {self._query!r} was answered with {shown(reply)})"
        )

    def _text(self, value: T) -> str:
        return f"{value} {self._unit}".rstrip()

    def to(self, instrument: HasLink, value: T) -> Setting[T]:
        """Return the setting of this knob to `value`, for later.

        Raises:
            SettingError: if the value is out of range.
        """
        return Setting(self, instrument, value)


class Setting(Generic[T]):
    """A value that a knob of an instrument shall have; its range is checked when it is made.

    Raises:
        SettingError: if the value is out of range.
    """

    __slots__ = ("_command", "_instrument", "_knob", "_value")

    def __init__(self, knob: Knob[T], instrument: HasLink, value: T) -> None:
        self._command = knob.command(instrument, value)
        self._knob = knob
        self._instrument = instrument
        self._value = value

    def send(self) -> None:
        """Set the value without reading it back."""
        self._instrument.link.write(self._command)

    def confirm(self) -> T:
        """Return the value read back. Raises SettingError if it is another."""
        return self._knob.confirm(self._instrument, self._value)

    def difference(self) -> str | None:
        """Return how the value read back differs, in words; None if it does not."""
        return self._knob.difference(self._instrument, self._value)


def number(
    command: str, query: str, unit: str, low: float, high: float, what: str, confirm: bool = False
) -> Knob[float]:
    """Return a knob for a number.

    Args:
        command: the text that sets it, with `{}` where the number stands.
        query: the text that asks for it.
        unit: SI symbol, or what is counted.
        low: the smallest value.
        high: the largest value.
        what: the setting, as in "current limit".
        confirm: read each value back after it is set.
    """
    write = command.replace("{}", "{:.9g}").format

    def encode(value: float) -> str:
        if low <= value <= high:
            return write(value)
        raise ValueError(f"a {what} of {value:g} {unit} is out of range; {low:g} to {high:g} {unit} can be set")

    def same(found: float, wanted: float) -> bool:
        return math.isclose(found, wanted, rel_tol=TOLERANCE)

    doc = f"Control the {what} (float in {unit}, {low:g} to {high:g})."
    return Knob(query, encode, decode_number, same, what, unit, doc, confirm)


def switch(command: str, query: str, what: str, confirm: bool = False) -> Knob[bool]:
    """Return a knob for something that is on or off; arguments as those of `number`."""
    on, off = command.format(1), command.format(0)

    def encode(value: bool) -> str:
        return on if value else off

    return Knob(query, encode, _decode_switch, _equal, what, "", f"Control the {what} (bool).", confirm)


def choice(command: str, query: str, words: Mapping[T, str], what: str, confirm: bool = False) -> Knob[T]:
    """Return a knob for one of several words.

    Args:
        command: the text that sets it, with `{}` where the word stands.
        query: the text that asks for it.
        words: the word to send for each value, in SCPI's short form; it is answered in either form, or with a node
            added (`"CURR:DC"` for `"CURR"`).
        what: the setting, as in "off mode".
        confirm: read each value back after it is set.
    """
    words = dict(words)
    patterns = [(re.compile(_bare(word) + "[A-Z]*(:[A-Z]+)*"), value) for value, word in words.items()]

    def encode(value: T) -> str:
        if value in words:
            return command.format(words[value])
        raise ValueError(f"the {what} {value!r} is none of {', '.join(map(str, words))}")

    def decode(reply: str) -> T:
        for pattern, value in patterns:
            if pattern.fullmatch(_bare(reply)):
                return value
        raise ValueError(f"{shown(reply)} is none of {', '.join(words.values())}")

    doc = f"Control the {what} ({', '.join(map(str, words))})."
    return Knob(query, encode, decode, _equal, what, "", doc, confirm)


def _bare(word: str) -> str:
    return word.strip().strip("\"'").upper()


def _decode_switch(reply: str) -> bool:
    states = {"0": False, "OFF": False, "1": True, "ON": True}
    state = states.get(_bare(reply))
    if state is None:
        raise ValueError(f"{shown(reply)} is neither 0 nor 1")
    return state


def _equal(found: object, wanted: object) -> bool:
    return found == wanted
