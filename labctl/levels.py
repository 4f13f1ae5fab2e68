"""The level scale of a die: which conductance is level 0, level 1, ... level 16,519.

Levels are evenly spaced in conductance, at the reference read voltage, between the lowest and the highest state.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from labctl.errors import ParameterError

LEVELS = 16_520
"""Distinct conductance levels of the Ru-azo film (Nature 633, 560, abstract)."""
G_MIN = 200e-9
"""Conductance of level 0, in S (the published model's range; the paper's own figure was not read)."""
G_MAX = 5.9e-3
"""Conductance of level 16,519, in S (same source)."""
REFERENCE_VOLTAGE = 0.2
"""Read voltage at which levels are defined, in V (the voltage of the published read-noise set)."""

_RANGE = re.compile(r"([0-9]+):([0-9]+)(?::([0-9]+))?")
_LIST = re.compile(r"[0-9]+(,[0-9]+)+,?|[0-9]+,")
_COUNT = re.compile(r"[0-9]+")
_DIGITS = 18
"""Python reads numbers of some thousand digits slowly, and longer ones not at all."""


@dataclass(frozen=True, slots=True)
class LevelScale:
    """Conductance (S) of level 0 and of the last level; the others lie evenly between."""

    g_min: float = G_MIN
    g_max: float = G_MAX

    @classmethod
    def up_to(cls, g_max: float) -> LevelScale:
        """Return the scale of a die whose whole range is scaled so that its last level is `g_max` (S)."""
        return cls(G_MIN * g_max / G_MAX, g_max)

    @property
    def step(self) -> float:
        """One level, in S: 357.15 nS on the default die."""
        return (self.g_max - self.g_min) / (LEVELS - 1)

    def conductance(self, level: float) -> float:
        """Return the conductance (S) of `level`, which need not be whole."""
        return self.g_min + level * self.step

    def level(self, conductance: float) -> float:
        """Return the level, not rounded, of a conductance (S)."""
        return (conductance - self.g_min) / self.step


def parse_levels(text: object) -> tuple[int, ...]:
    """Return the levels that `text` names, in the order it names them.

    Args:
        text: `all`; `N`, that many levels evenly spaced over the range; `a:b` or `a:b:step`, both ends
            included; or `a,b,c`. A trailing comma makes a list of one: `7,`.

    Raises:
        ParameterError: for any other text, or a level that the die has not.
    """
    if not isinstance(text, str):
        raise ParameterError(f"levels are written 'all', '500', '0:100', '0:16519:100' or '3,7,9', not {text!r}")
    if text == "all":
        return tuple(range(LEVELS))
    if match := _RANGE.fullmatch(text):
        first, last, step = (_number(digits) for digits in match.groups("1"))
        if step == 0:
            raise ParameterError(f"levels={text!r}: a step of 0 never arrives; use 1 or more")
        return _existing(text, range(first, last + 1, step) if first <= last else range(first, last - 1, -step))
    if _LIST.fullmatch(text):
        return _existing(text, [_number(piece) for piece in text.split(",") if piece])
    if _COUNT.fullmatch(text):
        return _spread(text, _number(text))
    raise ParameterError(f"levels={text!r}: write 'all', '500' (that many), '0:100', '0:16519:100' or '3,7,9'")


def _number(digits: str) -> int:
    """Return a number; one that is too long for any level as one that no die has."""
    return int(digits) if len(digits) <= _DIGITS else 10**_DIGITS


def _spread(text: str, count: int) -> tuple[int, ...]:
    """Return `count` levels evenly spaced over the range, both ends included."""
    if not 1 <= count <= LEVELS:
        raise ParameterError(f"levels={text!r}: between 1 and {LEVELS} levels can be asked for")
    if count == 1:
        return (0,)
    return tuple(round(k * (LEVELS - 1) / (count - 1)) for k in range(count))


def _existing(text: str, levels: range | list[int]) -> tuple[int, ...]:
    """Return `levels` if the die has them all.

    The ends of a range are checked before it is spelled out: a range can name more levels than memory holds.
    """
    outside = [level for level in ((levels[0], levels[-1]) if isinstance(levels, range) else levels) if level >= LEVELS]
    if outside:
        raise ParameterError(f"levels={text!r}: the die has levels 0 to {LEVELS - 1}, not {outside[0]}")
    return tuple(levels)
