"""How the command tree of the 2600B is written down: objects with attributes, functions, constants and parts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from sim_backend.panels.keithley_2600_errors import TspError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

Value: TypeAlias = "float | str | bool | None"
"""What a script sees of the instrument."""
Argument: TypeAlias = "float | str | bool | list[float] | object | None"
"""What a script hands to the instrument; an object of the tree arrives as what owns its node."""
Handler: TypeAlias = "Callable[[Arguments], Value | tuple[Value, ...] | Node]"


class NotAValue:
    """Stands for an argument that the instrument cannot take, a function for instance."""


@dataclass(frozen=True, slots=True)
class Arguments:
    """The arguments of a call; places count from 0."""

    values: Sequence[Argument]

    def __len__(self) -> int:
        return len(self.values)

    def get(self, place: int) -> Argument:
        """Return an argument, None if it was left out."""
        return self.values[place] if place < len(self.values) else None

    def number(self, place: int, default: float | None = None) -> float:
        """Return a number.

        Raises:
            TspError: -109 if it is missing and has no default, -104 if it is no number.
        """
        value = self.get(place)
        if value is None:
            if default is None:
                raise TspError(-109)
            return default
        return number_of(value)

    def text(self, place: int, default: str | None = None) -> str:
        """Return a string; a number is one too, as in Lua.

        Raises:
            TspError: -109 if it is missing and has no default, -104 if it is no string.
        """
        value = self.get(place)
        if value is None and default is not None:
            return default
        if value is None:
            raise TspError(-109)
        if isinstance(value, str):
            return value
        if isinstance(value, float):
            return f"{value:.14g}"
        raise TspError(-104)

    def numbers(self, place: int) -> list[float]:
        """Return a list of numbers.

        Raises:
            TspError: -109 if it is missing, -104 if it is none.
        """
        value = self.get(place)
        if value is None:
            raise TspError(-109)
        if not isinstance(value, list):
            raise TspError(-104)
        return value  # pyright: ignore[reportUnknownVariableType]: the machine makes lists of floats only


def number_of(value: Argument) -> float:
    """Return the number that a script assigned; true and false are 1 and 0, a string may spell one.

    Raises:
        TspError: -104 if it is none, or no finite one.
    """
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            raise TspError(-104) from None
    if not isinstance(value, (bool, float)) or not abs(float(value)) < float("inf"):
        raise TspError(-104)
    return float(value)


def check(value: Argument, lowest: float, highest: float) -> float:
    """Return a number within bounds.

    Raises:
        TspError: -104 if it is none, 1101 or 1102 if it is too big or too small.
    """
    number = number_of(value)
    if number > highest:
        raise TspError(1101)
    if number < lowest:
        raise TspError(1102)
    return number


def check_choice(value: Argument, choices: Sequence[float] | range, code: int = -224) -> int:
    """Return a whole number out of `choices`.

    Raises:
        TspError: `code` if it is none of them, -104 if it is no number.
    """
    number = number_of(value)
    if number not in choices:
        raise TspError(code)
    return int(number)


@dataclass(frozen=True, slots=True)
class Attribute:
    """Something that can be read, and written unless `put` is None."""

    get: Callable[[], Value]
    put: Callable[[Argument], None] | None = None


@dataclass(slots=True)
class Node:
    """An object of the command tree.

    Args:
        attributes: by name.
        functions: by name.
        constants: by name.
        parts: objects in it, by name or number.
        get_item: reads an element by its number.
        put_item: writes one.
        kind: what its metatable calls its type.
        owner: what an argument stands for that is this object.
    """

    attributes: dict[str, Attribute] = field(default_factory=dict[str, Attribute])
    functions: dict[str, Handler] = field(default_factory=dict[str, "Handler"])
    constants: Mapping[str, float | str] = field(default_factory=dict[str, "float | str"])
    parts: dict[str | int, Node] = field(default_factory=dict[str | int, "Node"])
    get_item: Callable[[int], Value] | None = None
    put_item: Callable[[int, Argument], None] | None = None
    kind: str = "table"
    owner: object | None = None


def plain(target: object, name: str, convert: Callable[[Argument], object]) -> Attribute:
    """Return an attribute that is kept in the field `name` of `target`, after `convert` has checked it."""

    def get() -> Value:
        value = getattr(target, name)
        return float(value) if isinstance(value, int) and not isinstance(value, bool) else value

    def put(value: Argument) -> None:
        setattr(target, name, convert(value))

    return Attribute(get, put)


def constant(value: float | str | bool) -> Attribute:
    """Return an attribute that only reads, and always the same."""
    return Attribute(lambda: value)


class Kept:
    """A number that is kept and means nothing to the twin."""

    def __init__(self) -> None:
        self._value = self._default = 0.0

    def restore(self) -> None:
        """Return to the default."""
        self._value = self._default

    def attribute(self, lowest: float, highest: float, default: float) -> Attribute:
        """Return an attribute that keeps a number within bounds."""
        self._value = self._default = default

        def put(value: Argument) -> None:
            self._value = check(value, lowest, highest)

        return Attribute(lambda: self._value, put)


def ignored(most: int) -> Handler:
    """Return a function that checks its numbers and does nothing else."""

    def handler(arguments: Arguments) -> None:
        if len(arguments) > most:
            raise TspError(-108)
        for place in range(len(arguments)):
            arguments.number(place)

    return handler
