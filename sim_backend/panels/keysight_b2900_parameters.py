"""Parameter types of the B2900A series beside the shared ones: channel lists, numbers that are clamped, counts."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Final

from sim_backend.panels.keysight_b2900_facts import ENDLESS, MOST_TRIGGERS
from sim_backend.panels.scpi_errors import ScpiError
from sim_backend.panels.scpi_grammar import Token, TokenKind, matches
from sim_backend.panels.scpi_parameters import Magnitude, Number, Parameter

_LIST: Final = re.compile(r"\(\s*@\s*(\d{1,9}(?:\s*[,:]\s*\d{1,9})*)\s*\)")
_ITEM: Final = re.compile(r"(\d+)(?:\s*:\s*(\d+))?")


@dataclass(frozen=True, slots=True)
class ChannelList(Parameter):
    """A channel list as (@1), (@1,2) or (@2:1); its value is the digits of its channels, in order.

    Args:
        channels: how many the instrument has.
    """

    channels: int

    def parse(self, token: Token) -> str:
        """Return the channels, lowest first, each once.

        Raises:
            ScpiError: -104 if it is no expression, -171 if it is no channel list, -222 if there is no such channel
                (assumption: these numbers).
        """
        if token.kind is not TokenKind.EXPRESSION:
            raise ScpiError(-104)
        inside = _LIST.fullmatch(token.text)
        if inside is None:
            raise ScpiError(-171)
        chosen: set[int] = set()
        for item in re.split(r"\s*,\s*", inside.group(1)):
            ends = _ITEM.fullmatch(item)
            if ends is None:
                raise ScpiError(-171)
            first, last = int(ends.group(1)), int(ends.group(2) or ends.group(1))
            if not (1 <= first <= self.channels and 1 <= last <= self.channels):
                raise ScpiError(-222)
            chosen.update(range(min(first, last), max(first, last) + 1))
        return "".join(str(channel) for channel in sorted(chosen))


@dataclass(frozen=True, slots=True)
class Clamped(Number):
    """A number that is moved to the nearest bound, without an error, if it lies outside."""

    def parse(self, token: Token) -> float:
        """Return the number.

        Raises:
            ScpiError: as for a number, but never -222 for one that can be read.
        """
        # Named, because a slotted dataclass is made anew and leaves a bare super() behind.
        if token.kind is TokenKind.WORD:
            return self.bound(token.text)
        value = Number(-math.inf, math.inf, self.default, self.unit).parse(token)
        return min(max(value, self.minimum), self.maximum)


@dataclass(frozen=True, slots=True)
class Count(Number):
    """A trigger or arm count; INFinity, or `ENDLESS`, is infinite."""

    minimum: float = 1.0
    maximum: float = float(MOST_TRIGGERS)
    default: float = 1.0

    def parse(self, token: Token) -> float:
        """Return the count, rounded.

        Raises:
            ScpiError: as for a number.
        """
        if token.kind is TokenKind.WORD:
            return math.inf if matches("INFinity", token.text) else self.bound(token.text)
        value = round(Number(1.0, float(ENDLESS), 1.0).parse(token))
        if value == ENDLESS:
            return math.inf
        if value > MOST_TRIGGERS:
            raise ScpiError(-222)
        return float(value)


@dataclass(frozen=True, slots=True)
class RangeChoice(Magnitude):
    """A range by a value that it holds; UP and DOWN, the next ones, are plus and minus infinity."""

    def parse(self, token: Token) -> float:
        """Return the value.

        Raises:
            ScpiError: as for a magnitude.
        """
        # Named, because a slotted dataclass is made anew and leaves a bare super() behind.
        if token.kind is TokenKind.WORD and token.text.upper() in {"UP", "DOWN"}:
            return math.inf if token.text.upper() == "UP" else -math.inf
        return Magnitude.parse(self, token)
