"""The twin as a backend: one world, and a virtual panel at each address of the bench file."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any, ClassVar, cast

import pyvisa
import serial
from pyvisa.errors import VisaIOError
from serial import SerialException

from labctl import plugins
from labctl.backend import Backend, BackendOptions
from labctl.errors import BenchFileError, DieFileError, InputError, LinkError, StoreError
from labctl.units import format_quantity
from sim_backend.addresses import AddressBook
from sim_backend.audit import Audit
from sim_backend.clock import VirtualClock
from sim_backend.device_models.catalogue import device_named
from sim_backend.device_models.profile_files import profile_to_json
from sim_backend.die import Die
from sim_backend.die_file import SavedDie, load_die
from sim_backend.faults.injector import FaultInjector, saved_progress
from sim_backend.faults.plan import read_plan
from sim_backend.faults.schedule import Progress
from sim_backend.front_end.make import make_front_end
from sim_backend.panels.probe_board import ProbeBoardPanel
from sim_backend.pyserial_twin import protocol_twin
from sim_backend.visa_library import TwinVisaLibrary
from sim_backend.wiring import segment_resistance
from sim_backend.world import World

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from pyvisa.resources import MessageBasedResource
    from serial import SerialBase

    from labctl.bench_file import BenchFile
    from labctl.toml_source import TomlSource
    from sim_backend.device_models.interface import DeviceModel
    from sim_backend.panel import Panel

WORLD_FILE = "world.npz"
"""The die as a run left it, in the run's folder."""
AUDIT_FILE = "audit.sqlite"
"""What truly happened, in the run's folder."""


class TwinBackend(Backend):
    """Virtual instruments of one bench, on one world, inside this process.

    Args:
        bench: the bench file.
        options: what the command line adds to it.
        make_clock: returns the world's clock, given the time (s) at which it starts.

    Raises:
        BenchFileError: if the bench asks for what this version of the twin has not.
        DieFileError: if the die file cannot be read.
    """

    takes = frozenset({"twin", "die", "audit", "faults"})
    outlives_us: ClassVar[bool] = False

    def __init__(
        self, bench: BenchFile, options: BackendOptions, make_clock: Callable[[float], VirtualClock] = VirtualClock
    ) -> None:
        self._bench = bench
        self._options = options
        self._book = AddressBook({name: entry.address for name, entry in bench.instruments.items()})
        kinds = {name: _panel_class(entry.driver) for name, entry in bench.instruments.items()}
        boards = [name for name, kind in kinds.items() if issubclass(kind, ProbeBoardPanel)]
        if len(boards) > 1:
            raise BenchFileError(
                f"instruments.{boards[1]}: this version of the twin has one probe board, {boards[0]!r}"
            )
        self.world = _world(bench, options, bool(boards), make_clock)
        self.clock = self.world.clock
        self.panels = {name: kind(self.world, name) for name, kind in kinds.items()}
        """The virtual instruments, by name."""
        self.faults = self._faults()
        """What disturbs the world; None: nothing."""
        self._ports: list[SerialBase] = []
        self._token = protocol_twin.offer(self)
        library = TwinVisaLibrary({resource: self.panels[name] for resource, name in self._book.visa.items()})
        self._manager = pyvisa.ResourceManager(library)

    @classmethod
    def for_bench(cls, bench: BenchFile, options: BackendOptions) -> TwinBackend:
        """Return the twin of a bench; arguments and errors as for the class."""
        return cls(bench, options)

    @classmethod
    def check_faults(cls, bench: BenchFile, faults: TomlSource) -> None:
        """Refuse a fault plan that cannot be, or that asks for what the bench has not."""
        boards = {
            name: issubclass(_panel_class(entry.driver), ProbeBoardPanel) for name, entry in bench.instruments.items()
        }
        read_plan(faults).check_fits(boards, bench.die.rows, bench.die.columns, faults)

    def _faults(self) -> FaultInjector | None:
        options = self._options
        if options.faults is None:
            return None
        progress = Progress() if options.resume is None else saved_progress(options.resume)
        return FaultInjector(read_plan(options.faults), self.world, self.panels, progress)

    def open_database(self, path: Path) -> sqlite3.Connection:
        """Open a run's database, on a disk that is full when the fault plan says so."""
        return super().open_database(path) if self.faults is None else self.faults.open_database(path)

    def step_done(self, steps: int) -> None:
        """Let the faults strike that wait for a step."""
        if self.faults is not None:
            self.faults.step_done(steps)

    def panel(self, name: str) -> Panel | None:
        """Return the virtual instrument of this name, if there is one."""
        return self.panels.get(name)

    def open_visa(self, resource_name: str, **settings: Any) -> MessageBasedResource:
        """Open the virtual instrument at a resource name, in any spelling that VISA takes for the same.

        Raises:
            LinkError: if there is none.
        """
        try:
            resource = self._manager.open_resource(resource_name, **settings)
        except VisaIOError as error:
            raise LinkError(f"nothing answers at {resource_name!r}: {error.description}") from error
        except ValueError as error:
            raise LinkError(f"nothing answers at {resource_name!r}: {error}") from error
        return cast("MessageBasedResource", resource)

    def open_serial(self, port: str, **settings: Any) -> SerialBase:
        """Open the virtual instrument on a serial port, by device name or pyserial URL.

        Raises:
            LinkError: if there is none.
        """
        name = self._book.at_port(port)
        if name is None:
            raise LinkError(f"nothing answers at {port!r}: no instrument of the bench hangs on this port")
        try:
            opened = serial.serial_for_url(protocol_twin.url(self._token, name), **settings)
        except SerialException as error:
            raise LinkError(f"cannot open {port!r}: {error}") from error
        self._ports.append(opened)
        return opened

    @classmethod
    def lock_names(cls, bench: BenchFile, options: BackendOptions) -> tuple[str, ...]:  # noqa: ARG003
        """Return the die file, which no other run may load and save meanwhile; nothing else is shared."""
        return () if options.die is None else (str(options.die.resolve()),)

    def describe(self) -> Mapping[str, object]:
        """Return what the twin simulates, and from which seed."""
        die = self.world.die
        return {
            **self._bench.twin.model_dump(),
            "profile": json.loads(profile_to_json(die.model.profile)),
            "seed": die.seed,
            "die": die.id,
            "rows": die.rows,
            "columns": die.columns,
            "die_file": None if self._options.die is None else str(self._options.die.resolve()),
        }

    def notices(self) -> list[str]:
        """Return what the world had to say since it was last asked."""
        said, self.world.notices = self.world.notices, []
        return said

    def energy(self) -> float:
        """Return the energy (J) that has gone into the array since the world began."""
        return self.world.energy.total()

    @classmethod
    def check_resume(cls, folder: Path, state: str) -> None:
        """Refuse if the world died with the run's process, or its die went on without the run.

        Raises:
            InputError: if the run did not end gracefully.
        """
        if state not in ("stopped", "failed") or not (folder / WORLD_FILE).is_file():
            raise InputError(
                f"{folder.name} did not end gracefully, and its twin died with it; a run that is to outlive its "
                "process needs a twin in another one: `labctl twin serve --write-bench FILE`"
            )

    def begin_run(self, folder: Path) -> None:
        """Begin to write the truth down beside the run, if the command line asked for it.

        The world that a run went on with is taken away: from here on it is not the run's any more, and whether another
        one can be saved at its end is not known.

        Raises:
            StoreError: if the run folder cannot be written.
        """
        try:
            (folder / WORLD_FILE).unlink(missing_ok=True)
        except OSError as error:
            raise StoreError(f"cannot remove {folder / WORLD_FILE}: {error.strerror or error}") from None
        if self._options.audit:
            self._close_audit()
            self.world.audit = Audit(folder / AUDIT_FILE)

    def end_run(self, folder: Path) -> None:
        """Save the die beside the run, and in the die file if there is one; close the audit.

        Raises:
            StoreError: if one of them cannot be written.
        """
        self.world.save(folder / WORLD_FILE)
        if self.faults is not None:
            self.faults.save(folder)
        if self._options.die is not None:
            self.world.save(self._options.die)
        self._close_audit()

    def close(self) -> None:
        """Close every channel and the audit. Closing twice is harmless."""
        self._manager.close()
        while self._ports:
            self._ports.pop().close()
        self._close_audit()
        if self.faults is not None and self._options.resume is not None:
            # What struck before the run could go on has struck, though its world is not saved.
            with suppress(StoreError):
                self.faults.save(self._options.resume)

    def _close_audit(self) -> None:
        audit, self.world.audit = self.world.audit, None
        if audit is not None:
            audit.close()


def _check(bench: BenchFile, model: DeviceModel) -> None:
    """Refuse what the twin cannot simulate."""
    profile = model.profile
    if bench.envelope.voltage > profile.voltage_max:
        raise BenchFileError(
            f"the envelope allows {format_quantity(bench.envelope.voltage, 'V')}; the model of {profile.name} is "
            f"computed up to {format_quantity(profile.voltage_max, 'V')} only"
        )
    if bench.twin.front_end == "ideal" and bench.twin.calibration != "factory":
        raise BenchFileError(
            f"calibration = {bench.twin.calibration!r}: an ideal front end has nothing to calibrate; leave it at "
            "'factory'"
        )


def _panel_class(driver: str) -> type[Panel]:
    """Return the panel that answers to what a driver speaks."""
    return cast("type[Panel]", plugins.load(plugins.PANELS, driver))


def _saved(options: BackendOptions) -> SavedDie | None:
    """Return the world that a run goes on with, or the die of the die file.

    Raises:
        DieFileError: if one of them cannot be read, or the die was used since the run ended.
    """
    has_file = options.die is not None and options.die.exists()
    if options.resume is None:
        return load_die(options.die) if options.die is not None and has_file else None
    world = options.resume / WORLD_FILE
    if options.die is not None and has_file and options.die.read_bytes() != world.read_bytes():
        raise DieFileError(f"the die of {options.die} was used since {options.resume.name} ended; begin a new run")
    return load_die(world)


def _world(
    bench: BenchFile, options: BackendOptions, has_board: bool, make_clock: Callable[[float], VirtualClock]
) -> World:
    """Return the world of a bench, with the die from the die file if that exists."""
    die, twin = bench.die, bench.twin
    model = device_named(twin.device, twin.g_max)
    _check(bench, model)
    if options.die is not None and not options.die.absolute().parent.is_dir():
        raise DieFileError(f"--die {options.die}: there is no folder {options.die.absolute().parent} to save it in")
    saved = _saved(options)
    if saved is not None:
        saved.check_fits(die.id, die.rows, die.columns, model.profile)
    cells = Die.fresh(die.id, die.rows, die.columns, model, options.seed) if saved is None else saved.die
    world = World(
        cells,
        make_clock(0.0 if saved is None else saved.time),
        has_board,
        segment_resistance(twin.wires),
        make_front_end(twin.front_end, twin.calibration, die.rows, die.columns, twin.g_max, cells.seed),
        isolated_writes=twin.pulses == "isolated",
    )
    if saved is not None:
        world.restore(saved)
    return world
