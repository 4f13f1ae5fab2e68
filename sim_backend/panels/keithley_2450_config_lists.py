"""Configuration lists of the 2450: settings of the source, or of measurements, stored one after the other."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from sim_backend.panels.scpi_errors import ScpiError

if TYPE_CHECKING:
    from collections.abc import Callable

    from sim_backend.panels.keithley_2450_facts import Function, SenseSettings, SourceSettings

MOST_ENTRIES: Final = 300_000
"""Configurations of one list (assumption: what the points of a sweep ask for)."""


@dataclass(frozen=True, slots=True)
class SourceState:
    """What a source configuration holds: the function, how it is sourced, and the overvoltage protection."""

    function: Function
    settings: SourceSettings
    protection: str


@dataclass(frozen=True, slots=True)
class SenseState:
    """What a measure configuration holds: the function, and how it is measured."""

    function: Function
    settings: SenseSettings


T = TypeVar("T")


class ConfigLists(Generic[T]):
    """The lists of one kind.

    Args:
        take: returns the present settings.
        put: makes settings the present ones.
    """

    def __init__(self, take: Callable[[], T], put: Callable[[T], None]) -> None:
        self._take = take
        self._put = put
        self._lists: dict[str, list[T]] = {}
        self._places: dict[str, int] = {}

    @property
    def names(self) -> list[str]:
        """Names of the lists."""
        return list(self._lists)

    def reset(self) -> None:
        """Forget every list."""
        self._lists.clear()
        self._places.clear()

    def check(self, name: str) -> None:
        """Make sure that there is a list of this name, else -224."""
        self._get(name)

    def create(self, name: str) -> None:
        """Make an empty list.

        Raises:
            ScpiError: -224 if there is one of this name, or it is empty.
        """
        if not name or name in self._lists:
            raise ScpiError(-224)
        self._lists[name] = []

    def delete(self, name: str, place: int | None = None) -> None:
        """Delete a list, or one of its entries, from 1.

        Raises:
            ScpiError: -224 without such a list, -222 without such an entry.
        """
        entries = self._get(name)
        if place is None:
            del self._lists[name]
            return
        self._check(entries, place)
        del entries[place - 1]

    def size(self, name: str) -> int:
        """Return how many entries a list has; -224 without such a list."""
        return len(self._get(name))

    def store(self, name: str, place: int | None = None) -> None:
        """Store the present settings at the end of a list, or in place of an entry.

        Raises:
            ScpiError: -224 without such a list, -222 beyond its end, -223 if it is full.
        """
        entries = self._get(name)
        if len(entries) >= MOST_ENTRIES:
            raise ScpiError(-223)
        state = deepcopy(self._take())
        if place is None or place == len(entries) + 1:
            entries.append(state)
            return
        self._check(entries, place)
        entries[place - 1] = state

    def recall(self, name: str, place: int = 1) -> None:
        """Make the settings of an entry, from 1, the present ones.

        Raises:
            ScpiError: -224 without such a list, -222 without such an entry.
        """
        entries = self._get(name)
        self._check(entries, place)
        self._places[name] = place
        self._put(deepcopy(entries[place - 1]))

    def step(self, name: str, by: int) -> None:
        """Recall the next entry, or the previous one, around the ends of the list.

        Raises:
            ScpiError: -224 without such a list, -222 if it is empty.
        """
        entries = self._get(name)
        self._check(entries, 1)
        self.recall(name, (self._places.get(name, 1) - 1 + by) % len(entries) + 1)

    def _get(self, name: str) -> list[T]:
        entries = self._lists.get(name)
        if entries is None:
            raise ScpiError(-224)
        return entries

    @staticmethod
    def _check(entries: list[T], place: int) -> None:
        if not 1 <= place <= len(entries):
            raise ScpiError(-222)
