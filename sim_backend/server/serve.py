"""`labctl twin serve`: the instruments of a bench, for every program on this computer."""

from __future__ import annotations

import ipaddress
import os
import signal
import sys
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from labctl.backend import BackendOptions, WallClock
from labctl.bench_file import load_bench
from labctl.console import complain, print_json, print_lines, table
from labctl.errors import InputError, UnknownNameError
from labctl.locks import Holder, locked
from labctl.provenance import user
from labctl.stop_requests import StopRequests, ignore_signals
from labctl.toml_source import text_file
from sim_backend.audit import Audit, last_boot
from sim_backend.backend import TwinBackend
from sim_backend.faults.plan import read_plan
from sim_backend.server.bounds import IDLE, Bounds
from sim_backend.server.client_bench import check_writable, write_client_bench
from sim_backend.server.loop import Loop
from sim_backend.server.offers import LOOPBACK, Offer, Terms, offer
from sim_backend.server.tokens import load_token
from sim_backend.server.warm_up import warm_up

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping
    from pathlib import Path

    from labctl.bench_file import BenchFile
    from labctl.toml_source import TomlSource


@dataclass(frozen=True, slots=True)
class ServeRequest:
    """What a person asks for; see the options of `labctl twin serve`."""

    bench: Path | None = None
    seed: int = 0
    twin: Mapping[str, str] = field(default_factory=dict[str, str])
    die: Path | None = None
    audit: Path | None = None
    faults: Path | None = None
    speed: Literal["real", "max"] = "real"
    latency: float = 0.0
    host: str = LOOPBACK
    ports: Mapping[str, int] = field(default_factory=dict[str, int])
    idle: float = IDLE
    token_file: Path | None = None
    write_bench: Path | None = None
    json: bool = False


def serve(request: ServeRequest) -> int:
    """Serve until a signal comes; return the exit code that it stands for.

    Raises:
        InputError: if what is asked for cannot be.
        EquipmentError: if a port, the die file or the audit cannot be had or written.
    """
    wall = WallClock()
    bench = load_bench(request.bench, request.twin)
    _check(request, bench)
    faults = None if request.faults is None else text_file(request.faults, "fault plan")
    options = BackendOptions(seed=request.seed, die=request.die, faults=faults)
    if faults is not None:
        _check_faults(bench, faults)
    holder = Holder("labctl twin serve", os.getpid(), user(), wall.utc().isoformat(timespec="seconds"))
    with ExitStack() as stack:
        stack.enter_context(locked(TwinBackend.lock_names(bench, options), holder))
        stop = stack.enter_context(StopRequests())
        hurry = request.speed == "max"
        with ExitStack() as made:  # the loop is closed before its twin, and also where there can be no such twin
            loop = made.enter_context(
                closing(Loop(wall, Bounds(idle=request.idle), complain, lambda: _keep_up(twin, loop)))
            )
            twin = stack.enter_context(
                closing(TwinBackend(bench, options, lambda start: loop.make_clock(start, hurry=hurry)))
            )
            stack.push(made.pop_all())
        if request.audit is not None:
            twin.world.audit = _audit(request.audit, twin.world.counters.boot)
        warm_up(bench)
        token = b"" if request.token_file is None else load_token(request.token_file)
        offers = [
            offer(
                loop,
                panel,
                bench.instruments[name].driver,
                Terms(request.host, request.ports.get(name, 0), request.latency, token),
            )
            for name, panel in twin.panels.items()
        ]
        stop.shield()  # an operation that is broken off in its middle would leave a die that nobody has described
        stack.callback(_save, twin, request)
        stack.enter_context(_bell_of_signals(loop))
        if request.write_bench is not None:
            addresses = {offer.name: offer.resource for offer in offers}
            write_client_bench(request.write_bench, request.bench, request.twin, addresses, hurries=hurry)
        _announce(offers, request)
        loop.run(lambda: stop.signal_number is not None)
    return 128 + (stop.signal_number or 0)


def _check_faults(bench: BenchFile, faults: TomlSource) -> None:
    """Refuse a fault plan that asks for what a served twin has not."""
    TwinBackend.check_faults(bench, faults)
    for fault in read_plan(faults).fault:
        if fault.step is not None or fault.write is not None:
            raise InputError(f"{faults.file}: a served twin knows neither steps nor the disk of the run that uses it")


def _audit(path: Path, boot: int) -> Audit:
    """Return an audit that is begun, or goes on with the same die.

    Raises:
        InputError: if it tells of this power-up of the board, or of later ones: then it is another die's.
        StoreError: if it cannot be written.
    """
    last = last_boot(path) if path.exists() else 0
    if last >= boot:
        raise InputError(
            f"--audit {path}: it tells of another die, or of one that was not saved: it goes on to power-up {last}, "
            f"and this is {boot}; name another file, or remove this one"
        )
    return Audit(path)


def _check(request: ServeRequest, bench: BenchFile) -> None:
    """Refuse what cannot be served, before anything is made."""
    for name in request.ports:
        if name not in bench.instruments:
            raise UnknownNameError("instrument", name, bench.instruments)
    if request.write_bench is not None:
        check_writable(request.write_bench)
    for option, path in (("--audit", request.audit), ("--die", request.die)):
        if path is not None and path.is_dir():
            raise InputError(f"{option} {path}: this is a folder")
    if ":" in request.host:
        raise InputError(f"--host {request.host}: VISA has no names for IPv6 addresses; name an IPv4 address")
    if request.token_file is None and not _is_loopback(request.host):
        raise InputError(
            f"--host {request.host}: other computers reach this; name a --token-file, too: who connects must send the "
            "token in it first (the file is made if there is none)"
        )


@contextmanager
def _bell_of_signals(loop: Loop) -> Generator[None]:
    """Let signals wake the loop, which looks then whether it is to stop."""
    before = signal.set_wakeup_fd(loop.bell.fileno(), warn_on_full_buffer=False)
    try:
        yield
    finally:
        signal.set_wakeup_fd(before)


def _announce(offers: list[Offer], request: ServeRequest) -> None:
    """Say where everything is; all of it listens."""
    if request.token_file is not None:
        complain(f"each TCP connection begins with a line that holds the token in {request.token_file}")
    if request.json:
        entries = [
            {"name": one.name, "driver": one.driver, "model": one.model, "resource": one.resource,
             "others": list(one.others)}
            for one in offers
        ]  # fmt: skip
        print_json({"instruments": entries})
        return
    rows = [("name", "driver", "model", "resource", "others")]
    rows += [(one.name, one.driver, one.model, one.resource, " ".join(one.others)) for one in offers]
    print_lines(table(rows))
    with suppress(OSError):
        print("serving until Ctrl-C", file=sys.stderr)  # noqa: T201


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _keep_up(twin: TwinBackend, loop: Loop) -> None:
    """Say what the world had to say, and let the audit be read by others."""
    for notice in twin.notices():
        loop.report_once(notice)
    if twin.world.audit is not None:
        twin.world.audit.flush()


def _save(twin: TwinBackend, request: ServeRequest) -> None:
    """Save the world; no further signal breaks this off."""
    ignore_signals()
    if request.die is not None:
        twin.world.save(request.die)
        complain(f"the die is saved in {request.die}")
