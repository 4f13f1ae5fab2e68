"""Inputs that a fuzz campaign found: each was a bug once."""

from __future__ import annotations

import struct
from time import thread_time

import numpy as np
import pytest

from drivers.scpi_text import decode_number
from labctl.board_data import WriteScheme
from labctl.errors import BenchFileError, InputError, ParameterError, UnitError
from labctl.levels import parse_levels
from labctl.units import parse_quantity
from sim_backend.addresses import AddressBook
from sim_backend.clock import VirtualClock
from sim_backend.commands import _port
from sim_backend.device_models.catalogue import device_named
from sim_backend.device_models.interface import Train
from sim_backend.die import Die
from sim_backend.world import World


@pytest.mark.parametrize("text", ["5" * 5000, "0:" + "9" * 5000, "1," + "9" * 5000, "9" * 5000 + ":0:1"])
def test_levels_of_many_digits(text: str) -> None:
    with pytest.raises(ParameterError):
        parse_levels(text)


def test_long_numbers_are_refused_at_once() -> None:
    begun = thread_time()
    with pytest.raises(UnitError):
        parse_quantity("9" * 60_000 + "x", "V")
    with pytest.raises(ValueError, match="not a number"):
        decode_number("9" * 60_000 + "_0")
    with pytest.raises(InputError):
        _port("smu", "0" * 9 + "9" * 5000)
    assert thread_time() - begun < 0.5


def test_an_address_that_is_nearly_one() -> None:
    with pytest.raises(BenchFileError, match=r"instruments\.smu: .*neither a VISA resource name nor a serial port"):
        AddressBook({"smu": "TCIP0::192.168.1.50::5025::SOCKET"})


def test_a_limit_below_any_current() -> None:
    (limit,) = struct.unpack("<d", b"{\x14\xaeG\xc1z\x84/")
    world = World(Die("x", 3, 4, device_named("ru-azo", 5.9e-3), 1), VirtualClock())
    assert world.pulse_cell(0, 1, 0.9, Train(80e-9, 2, 1e-6), WriteScheme.THIRD, limit)
    assert np.isfinite(world.die.conductance()).all()
