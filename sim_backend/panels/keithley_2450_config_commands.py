"""Command table of the 2450: configuration lists, and the set-ups that `*SAV` keeps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sim_backend.panels.scpi_parameters import Integer, Text
from sim_backend.panels.scpi_table import Command, Signature

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sim_backend.panels.keithley_2450_config_lists import ConfigLists
    from sim_backend.panels.keithley_2450_instrument import Instrument
    from sim_backend.panels.scpi_parameters import Arguments

SETUPS: Final = 5
"""Set-ups that `*SAV` keeps."""
_NAMED: Final = Signature((Text(),), required=1)
_PLACED: Final = Signature((Text(), Integer(1, 300_000, 1)), required=1)


def list_commands(instrument: Instrument) -> Iterator[Command]:
    """Yield the commands on configuration lists."""
    yield from _commands(instrument.source_lists, ":SOURce[1]:CONFiguration:LIST")
    yield from _commands(instrument.sense_lists, "[:SENSe[1]]:CONFiguration:LIST")


def setup_commands(instrument: Instrument) -> Iterator[Command]:
    """Yield `*SAV` and `*RCL`."""
    place = Signature((Integer(0, SETUPS - 1, 0),), required=1)
    yield Command("*SAV", lambda arguments: instrument.save(int(arguments.number(0))), place)
    yield Command("*RCL", lambda arguments: instrument.recall(int(arguments.number(0))), place, conflicts=True)


def _commands(lists: ConfigLists[Any], header: str) -> Iterator[Command]:
    def place(arguments: Arguments) -> int | None:
        return int(arguments.number(1)) if len(arguments) > 1 else None

    def catalogue(_: Arguments) -> str:
        return ",".join(f'"{name}"' for name in lists.names) or '""'

    yield Command(f"{header}:CREate", lambda args: lists.create(args.text(0)), _NAMED, conflicts=True)
    yield Command(f"{header}:DELete", lambda args: lists.delete(args.text(0), place(args)), _PLACED, conflicts=True)
    yield Command(f"{header}:STORe", lambda args: lists.store(args.text(0), place(args)), _PLACED, conflicts=True)
    yield Command(
        f"{header}:RECall", lambda args: lists.recall(args.text(0), place(args) or 1), _PLACED, conflicts=True
    )
    yield Command(f"{header}:SIZE", answer=lambda args: str(lists.size(args.text(0))), asks=_NAMED)
    yield Command(f"{header}:CATalog", answer=catalogue)
