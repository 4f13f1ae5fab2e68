"""The B2900A's panel on a world: its channel 1 sees a cell."""

from __future__ import annotations

import numpy as np
import pytest

from sim_backend.clock import VirtualClock
from sim_backend.device_models.catalogue import device_named
from sim_backend.die import Die
from sim_backend.panels.keysight_b2900 import KeysightB2900Panel
from sim_backend.world import World

SETUP = b":SENS:CURR:PROT 1E-3;:SENS:CURR:NPLC 1;:SOUR:VOLT 0.2;:FORM:ELEM:SENS CURR;:TRIG:COUN 20;:SENS:WAIT 0\n"


def test_a_cell_is_read_and_the_open_channel_reads_nothing() -> None:
    world = World(Die.fresh("test", 2, 2, device_named("ru-azo", 5.9e-3), 0), VirtualClock(), has_board=False)
    panel = KeysightB2900Panel(world, "smu")
    panel.receive(SETUP)
    (reply,) = panel.receive(b":READ:ARR? (@1)\n")
    currents = [float(field) for field in reply.decode().split(",")]
    cell = float(world.die.conductance_of(np.array([0]))[0]) * 0.2
    assert currents == pytest.approx([cell] * 20, rel=0.1)
    # A real cell is noisy; an ideal instrument adds nothing but its steps.
    assert len(set(currents)) > 10
    (reply,) = panel.receive(b":SOUR2:VOLT 0.2;:MEAS:CURR? (@2)\n")
    assert float(reply) == 0.0
    assert world.smu("smu").conversions == 0


def test_a_power_cycle_opens_the_output() -> None:
    world = World(Die.fresh("test", 2, 2, device_named("ru-azo", 5.9e-3), 0), VirtualClock(), has_board=False)
    panel = KeysightB2900Panel(world, "smu")
    panel.receive(b":SOUR:VOLT 0.2;:OUTP 1\n")
    assert world.smu("smu").measure(1e-3).voltage == 0.2
    panel.power_cycle()
    assert world.smu("smu").measure(1e-3).voltage == 0.0
