"""What a person asks for, checked before an instrument is opened: a new run, or one that goes on.

A run that goes on is asked for by its folder; everything else stands in its manifest.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from labctl import plugins
from labctl.backend import BackendOptions
from labctl.bench import Bench, Die, Driver
from labctl.bench_file import BenchFile, bench_text, read_bench
from labctl.errors import InputError, StoreError
from labctl.protocol import Parameters, Protocol, check_parameters, read_parameters
from labctl.provenance import Asked
from labctl.pulse_history import life_of
from labctl.same_bench import check_same_bench
from labctl.toml_source import TomlSource

if TYPE_CHECKING:
    from collections.abc import Mapping

    from labctl.backend import Backend
    from labctl.limits import Envelope
    from labctl.pulse_history import Life


@dataclass(frozen=True, slots=True)
class RunRequest:
    """What a person asks for; see the options of `labctl run`."""

    protocol: str
    settings: Mapping[str, str] = field(default_factory=dict[str, str])
    bench: Path | None = None
    backend: str | None = None
    twin: Mapping[str, str] = field(default_factory=dict[str, str])
    options: BackendOptions = field(default_factory=BackendOptions)
    data: Path = Path("runs")
    note: str = ""
    operator: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """A request that has been checked; nothing has been sent."""

    protocol: Protocol[Parameters, Any]
    parameters: Parameters
    file: BenchFile
    backend_class: type[Backend]
    options: BackendOptions
    asked: Asked
    envelope: Envelope

    def life(self) -> Life | None:
        """Return the life of a die that the run's pulses count for."""
        options = self.options
        return life_of(self.file.die.id, self.backend_class.outlives_us, options.die, options.resume is not None)

    def check_board(self, bench: Bench) -> None:
        """Refuse what the board of an identified bench cannot do.

        Raises:
            InputError: says what, and what the board can; nothing was set.
        """
        able = bench.capabilities()
        if able is not None and self.protocol.check_board is not None:
            self.protocol.check_board(able, self.parameters)


def plan(request: RunRequest) -> Plan:
    """Check everything that can be checked without an instrument.

    Raises:
        InputError: says what is wrong and what would be right.
    """
    default = "twin" if request.bench is None else "hardware"
    name, text = bench_text(request.bench)
    faults = request.options.faults
    return _checked(
        Asked(
            protocol=request.protocol,
            settings=request.settings,
            backend=default if request.backend is None else request.backend,
            bench_name=name,
            bench_text=text,
            twin=request.twin,
            seed=request.options.seed,
            die=None if request.options.die is None else request.options.die.absolute(),
            audit=request.options.audit,
            faults_name="" if faults is None else faults.file,
            faults_text=None if faults is None else faults.text,
            note=request.note,
            operator=request.operator,
        ),
        request.options,
    )


def plan_again(manifest: Mapping[str, Any], folder: Path, bench: Path | None = None) -> Plan:
    """Return the plan of a run that is to go on, from its manifest.

    Args:
        manifest: of the run.
        folder: of the run.
        bench: file of the same bench at other addresses; None: they are what they were.

    Raises:
        StoreError: if the manifest does not say what was asked for, or it means something else by now.
        InputError: if what was asked for is no longer there, or `bench` is another one.
    """
    try:
        asked, parameters = Asked.model_validate(manifest["asked"]), manifest["parameters"]
    except (KeyError, ValueError):
        raise StoreError(f"{folder} does not say how it was started; a run of another version cannot go on") from None
    if bench is not None:
        asked = _moved(asked, bench)
    faults = None if asked.faults_text is None else TomlSource(asked.faults_name, asked.faults_text)
    again = _checked(
        asked, BackendOptions(seed=asked.seed, die=asked.die, audit=asked.audit, resume=folder, faults=faults)
    )
    meant = again.parameters.model_dump(mode="json")
    if meant != parameters:
        raise StoreError(
            f"the parameters of {folder} mean something else by now, in this version of {asked.protocol} or as a file "
            f"changed: {_differences(parameters, meant)}"
        )
    return again


def _moved(asked: Asked, bench: Path) -> Asked:
    """Return what was asked for on the same bench at the addresses in another file."""
    name, text = bench_text(bench)
    before = read_bench(asked.bench_text, asked.bench_name, asked.twin)
    check_same_bench(before, read_bench(text, name, asked.twin), name)
    return asked.model_copy(update={"bench_name": name, "bench_text": text})


def _checked(asked: Asked, options: BackendOptions) -> Plan:
    protocol = cast("Protocol[Parameters, Any]", plugins.load(plugins.PROTOCOLS, asked.protocol))
    parameters = read_parameters(protocol.parameters, asked.settings)
    backend_class = cast("type[Backend]", plugins.load(plugins.BACKENDS, asked.backend))
    _check_options(asked, backend_class)
    file = read_bench(asked.bench_text, asked.bench_name, asked.twin)
    envelope = Bench.envelope_of(file)
    check_parameters(parameters, envelope)
    _check_needs(protocol, parameters, file)
    _check_waits(protocol, file, backend_class)
    protocol.check(Die.of(file), envelope, parameters)
    if options.faults is not None:
        backend_class.check_faults(file, options.faults)
    return Plan(protocol, parameters, file, backend_class, options, asked, envelope)


def _check_options(asked: Asked, backend: type[Backend]) -> None:
    """Refuse options that mean nothing to the backend."""
    given = {
        "twin": bool(asked.twin),
        "die": asked.die is not None,
        "audit": asked.audit,
        "faults": asked.faults_text is not None,
    }
    for option, is_given in given.items():
        if is_given and option not in backend.takes:
            raise InputError(
                f"--{option} means nothing to the {asked.backend} backend; leave it out, or use --backend twin"
            )


def _check_needs(protocol: Protocol[Parameters, Any], parameters: Parameters, file: BenchFile) -> None:
    """Refuse a bench that lacks a kind of instrument that the protocol asks with these parameters."""
    drivers = [cast("type[Driver]", plugins.load(plugins.DRIVERS, entry.driver)) for entry in file.instruments.values()]
    for interface in protocol.needed(parameters):
        if not any(issubclass(driver, interface) for driver in drivers):
            when = (
                f" with these parameters (see `labctl protocols {protocol.name}`)" if callable(protocol.needs) else ""
            )
            raise InputError(f"{protocol.name} needs a {interface.__name__}{when}, and the bench file names none")


def _check_waits(protocol: Protocol[Parameters, Any], file: BenchFile, backend: type[Backend]) -> None:
    """Refuse a protocol that waits on a served twin whose time passes with what it does only."""
    if protocol.waits and file.bench.clock == "operations" and backend.outlives_us:
        raise InputError(
            f"{protocol.name} waits, and on this bench (served with --speed max) no time passes by itself; serve the "
            "twin with --speed real, or use --backend twin"
        )


def _differences(were: object, are: dict[str, object]) -> str:
    """Return by name what parameters were and what they are."""
    before = cast("dict[str, object]", were) if isinstance(were, dict) else {}
    names = sorted(name for name in {*before, *are} if before.get(name) != are.get(name))
    return "; ".join(f"{name} was {before.get(name)!r} and is {are.get(name)!r}" for name in names)
