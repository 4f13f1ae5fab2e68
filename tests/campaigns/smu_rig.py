"""A source-measure unit's driver on its panel in the twin, with one cell at its terminals and no noise anywhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import pyvisa

from drivers.keithley_2400 import Keithley2400
from drivers.keithley_2400_link import Keithley2400Entry
from drivers.keithley_2450 import Keithley2450
from drivers.keithley_2600 import Keithley2600, Keithley2600Settings
from drivers.keysight_b2900 import KeysightB2900, KeysightB2900Settings
from labctl.backend import Backend, BackendOptions
from labctl.bench_file import BenchFile, InstrumentEntry
from labctl.board_data import WriteScheme
from labctl.instruments import SourceMeter
from labctl.levels import G_MAX
from sim_backend.clock import VirtualClock
from sim_backend.device_models.catalogue import device_named
from sim_backend.device_models.interface import Train
from sim_backend.die import Die
from sim_backend.noise.kinds import Noise
from sim_backend.panels.keithley_2400 import Keithley2400Panel
from sim_backend.panels.keithley_2400_instrument import Options as Options2400
from sim_backend.panels.keithley_2450 import Keithley2450Panel
from sim_backend.panels.keithley_2600 import Keithley2600Panel
from sim_backend.panels.keysight_b2900 import KeysightB2900Panel
from sim_backend.visa_library import TwinVisaLibrary
from sim_backend.world import World

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyvisa.resources import MessageBasedResource
    from serial import SerialBase

    from drivers.knobs import Knob
    from sim_backend.panel import Panel

NAME = "smu"
SOCKET = "TCPIP0::192.168.1.50::5025::SOCKET"
USB = "USB0::0x0957::0x8E18::MY51140001::0::INSTR"
SERIAL = "ASRL5::INSTR"
_DEVICE = device_named("ru-azo", G_MAX)
_LINE_LIMIT = 0.25
"""Of the board that pulses the cell (A): high enough never to matter."""


@dataclass(frozen=True, slots=True)
class Model:
    """One driver and its panel.

    Args:
        driver: opens it, given backend and resource name.
        panel: makes its panel, given world and resource name.
        resources: how it may be connected.
        nonsense: a line that puts an error into its queue.
    """

    driver: Callable[[Backend, str], SourceMeter]
    panel: Callable[[World, str], Panel]
    resources: tuple[str, ...]
    nonsense: bytes


def _open_2400(backend: Backend, resource: str) -> SourceMeter:
    settings = Keithley2400Entry(driver="keithley-2400", address=resource)
    if settings.serial:
        settings = Keithley2400Entry(driver="keithley-2400", address=resource, baud_rate=57600, terminator="LF")
    return Keithley2400.open(backend, NAME, settings)


def _panel_2400(world: World, resource: str) -> Panel:
    return Keithley2400Panel(world, NAME, options=Options2400(serial_link=resource == SERIAL))


MODELS: dict[str, Model] = {
    "keithley-2400": Model(_open_2400, _panel_2400, ("GPIB0::24::INSTR", SERIAL), b":NONSENSE 1\n"),
    "keithley-2450": Model(
        lambda backend, resource: Keithley2450.open(
            backend, NAME, InstrumentEntry(driver="keithley-2450", address=resource)
        ),
        lambda world, _: Keithley2450Panel(world, NAME),
        (SOCKET, USB),
        b":NONSENSE 1\n",
    ),
    "keithley-2600": Model(
        lambda backend, resource: Keithley2600.open(
            backend, NAME, Keithley2600Settings(driver="keithley-2600", address=resource)
        ),
        lambda world, _: Keithley2600Panel(world, NAME),
        (SOCKET, USB),
        b"nonsense(1)\n",
    ),
    "keysight-b2900": Model(
        lambda backend, resource: KeysightB2900.open(
            backend, NAME, KeysightB2900Settings(driver="keysight-b2900", address=resource)
        ),
        lambda world, _: KeysightB2900Panel(world, NAME),
        (SOCKET, USB),
        b":NONSENSE 1\n",
    ),
}
"""By the name of the driver."""


def parts(panel: Panel) -> list[Any]:
    """Return what has the settings and the outputs of an instrument: itself, or its channels."""
    instrument = cast("Any", panel)._instrument
    channels: Any = getattr(instrument, "channels", None) or [instrument]
    return list(channels.values() if hasattr(channels, "values") else channels)


class _Channels(Backend):
    """Opens the one instrument of a rig."""

    def __init__(self, manager: pyvisa.ResourceManager, clock: VirtualClock) -> None:
        self._manager = manager
        self.clock = clock

    @classmethod
    def for_bench(cls, bench: BenchFile, options: BackendOptions) -> Backend:
        raise NotImplementedError

    @classmethod
    def lock_names(cls, bench: BenchFile, options: BackendOptions) -> tuple[str, ...]:
        return ()

    def open_visa(self, resource_name: str, **settings: Any) -> MessageBasedResource:
        return cast("MessageBasedResource", self._manager.open_resource(resource_name, **settings))

    def open_serial(self, port: str, **settings: Any) -> SerialBase:
        raise NotImplementedError

    def close(self) -> None:
        self._manager.close()


class SmuRig:
    """An instrument that was switched on just now.

    Args:
        model: of `MODELS`.
        resource: how it is connected.
        wrap: puts something between the panel and the link.
    """

    def __init__(self, model: Model, resource: str, wrap: Callable[[Panel], Panel] = lambda panel: panel) -> None:
        self.clock = VirtualClock()
        die = Die("W12-D3", 1, 1, _DEVICE, 1, Noise.none())
        self.world = World(die, self.clock, has_board=False)
        self.panel = model.panel(self.world, resource)
        self._backend = _Channels(pyvisa.ResourceManager(TwinVisaLibrary({resource: wrap(self.panel)})), self.clock)
        self.smu = model.driver(self._backend, resource)

    def pulse(self, amplitude: float, count: int) -> None:
        """Change the cell behind the instrument's back."""
        self.world.pulse_cell(0, 0, amplitude, Train(80e-9, count=count), WriteScheme.HALF, _LINE_LIMIT)

    @property
    def drives(self) -> tuple[float, float] | None:
        """Voltage (V) and limit (A) that the terminals are driven with; None with the output off."""
        terminals = self.world.smu(NAME)
        return (terminals._voltage, terminals._limit) if terminals._on else None

    @property
    def is_off(self) -> bool:
        """Whether the instrument's output is off; the terminals may be held at 0 V then."""
        return (self.drives is None or self.drives[0] == 0) and not any(part.output.on for part in parts(self.panel))

    def knob(self, name: str) -> Knob[Any]:
        """Return a knob of the driver by its name."""
        holder = self.smu.knobs if isinstance(self.smu, KeysightB2900) else type(self.smu)
        return cast("Knob[Any]", getattr(holder, name))

    def close(self) -> None:
        """Close every channel."""
        self.smu.close()
        self._backend.close()
