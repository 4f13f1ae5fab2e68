"""The hardware backend with pyvisa-py and pyserial as they are, against sockets and pseudo-terminals."""

from __future__ import annotations

import os
import re
import socket
import threading
import time
from collections.abc import Callable, Generator
from contextlib import suppress
from typing import TYPE_CHECKING

import numpy as np
import pytest

from drivers.hardware import HardwareBackend, canonical_address
from drivers.keithley_2450 import Keithley2450
from drivers.scpi import ScpiLink
from labctl.backend import BackendOptions, WallClock
from labctl.bench_file import BenchFile, BenchTable, DieTable, EnvelopeTable, InstrumentEntry
from labctl.errors import LinkError

if TYPE_CHECKING:
    from pathlib import Path

    from pyvisa.resources import MessageBasedResource

TIMEOUT = 150
"""Of the links in this file (ms)."""
IDENTITY = b"KEITHLEY INSTRUMENTS,MODEL 2450,04043033,1.7.12b\n"

Reply = Callable[[socket.socket, str], None]


class Server:
    """A raw-socket instrument that gives each line to `reply`; `late` is sent before the next answer to a token."""

    def __init__(self, reply: Reply) -> None:
        self._reply = reply
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"TCPIP0::127.0.0.1::{self._listener.getsockname()[1]}::SOCKET"
        self.lines: list[str] = []
        self.late = b""
        self.connections = 0
        self._open: list[socket.socket] = []
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self.connections += 1
                self._open.append(connection)
                threading.Thread(target=self._talk, args=(connection,), daemon=True).start()

    def _talk(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for raw in connection.makefile("rb"):
                line = raw.decode("ascii").rstrip("\n")
                self.lines.append(line)
                token = re.fullmatch(r"\*ESE (\d+);\*ESE\?;\*ESE (\d+);\*ESE\?", line)
                if token:
                    connection.sendall(self.late + f"{token[1]};{token[2]}\n".encode())
                    self.late = b""
                else:
                    self._reply(connection, line)

    def close(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self._open:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self._thread.join(5)


@pytest.fixture
def backend() -> Generator[HardwareBackend]:
    backend = HardwareBackend()
    yield backend
    backend.close()


@pytest.fixture
def serve() -> Generator[Callable[[Reply], Server]]:
    servers: list[Server] = []

    def start(reply: Reply) -> Server:
        servers.append(Server(reply))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


def link_to(backend: HardwareBackend, address: str) -> ScpiLink:
    def connect() -> MessageBasedResource:
        return backend.open_visa(address, read_termination="\n", write_termination="\n", timeout=TIMEOUT)

    return ScpiLink(connect, "smu", address)


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def bench(*addresses: str, visa: str = "pyvisa-py") -> BenchFile:
    return BenchFile(
        bench=BenchTable(name="test", visa=visa),
        instruments={f"i{n}": InstrumentEntry(driver="any", address=address) for n, address in enumerate(addresses)},
        envelope=EnvelopeTable.model_validate(
            {
                "voltage": "1.3 V",
                "read_voltage": "0.25 V",
                "cell_current": "15 mA",
                "line_current": "250 mA",
                "pulse_width": "10 ms",
                "pulses_per_cell": 1e9,
            }
        ),
        die=DieTable(id="D", rows=64, columns=64),
    )


def test_an_instrument_answers_over_a_socket(backend: HardwareBackend, serve: Callable[[Reply], Server]) -> None:
    server = serve(lambda connection, line: connection.sendall(IDENTITY))
    smu = Keithley2450.open(backend, "smu", InstrumentEntry(driver="keithley-2450", address=server.address))
    assert smu.identify().model == "2450"
    assert server.lines == ["*IDN?"]
    smu.close()
    smu.close()


def test_a_closed_port_is_told_when_it_is_opened(backend: HardwareBackend) -> None:
    address = f"TCPIP0::127.0.0.1::{closed_port()}::SOCKET"
    start = time.perf_counter()
    with pytest.raises(LinkError, match=rf"smu: cannot open {address}: .*refused.*; check that") as caught:
        Keithley2450.open(backend, "smu", InstrumentEntry(driver="keithley-2450", address=address))
    assert "\n" not in str(caught.value)
    assert time.perf_counter() - start < 1.0


def test_an_instrument_that_went_away_may_have_its_output_on(
    backend: HardwareBackend, serve: Callable[[Reply], Server]
) -> None:
    server = serve(lambda connection, line: connection.sendall(IDENTITY))
    smu = Keithley2450.open(backend, "smu", InstrumentEntry(driver="keithley-2450", address=server.address))
    smu.identify()
    server.close()
    with pytest.raises(LinkError, match="its output may be on"):
        smu.make_safe()


def test_a_silent_instrument_is_told_within_the_time_out(
    backend: HardwareBackend, serve: Callable[[Reply], Server]
) -> None:
    link = link_to(backend, serve(lambda connection, line: None).address)
    start = time.perf_counter()
    with pytest.raises(LinkError, match=r"no answer to '\*IDN\?' in time; check power, cable and address"):
        link.query_until("*IDN?", bool)
    assert TIMEOUT / 1000 * 0.9 < time.perf_counter() - start < 1.0


def test_a_peer_that_closes_within_a_query_is_reached_again(
    backend: HardwareBackend, serve: Callable[[Reply], Server]
) -> None:
    def reply(connection: socket.socket, line: str) -> None:
        if server.connections == 1:
            connection.shutdown(socket.SHUT_RDWR)
        else:
            connection.sendall(b"0.25\n")

    server = serve(reply)
    link = link_to(backend, server.address)
    assert link.query(":SOUR:VOLT?") == "0.25"
    assert server.connections == 2


def test_a_command_lost_with_the_connection_is_told(backend: HardwareBackend, serve: Callable[[Reply], Server]) -> None:
    def reply(connection: socket.socket, line: str) -> None:
        if server.connections == 1:
            connection.shutdown(socket.SHUT_RDWR)
        else:
            connection.sendall(b"0.25\n")

    server = serve(reply)
    link = link_to(backend, server.address)
    link.write(":SOUR:VOLT 0.5")
    with pytest.raises(LinkError, match=re.escape("':SOUR:VOLT 0.5'")):
        link.query(":READ?")
    assert link.query(":SOUR:VOLT?") == "0.25"
    assert server.lines.count(":SOUR:VOLT 0.5") == 1


def test_a_late_answer_on_the_old_connection_is_never_read(
    backend: HardwareBackend, serve: Callable[[Reply], Server]
) -> None:
    given_up = threading.Event()

    def reply(connection: socket.socket, line: str) -> None:
        if line == ":SLOW?":
            given_up.wait(5)
        connection.sendall(f"answer to {line}\n".encode())

    link = link_to(backend, serve(reply).address)
    with pytest.raises(LinkError, match=":SLOW"):
        link.query_until(":SLOW?", bool)
    given_up.set()
    assert [link.query(f":NEXT{n}?") for n in range(5)] == [f"answer to :NEXT{n}?" for n in range(5)]


def test_a_late_answer_on_the_new_connection_is_read_over(
    backend: HardwareBackend, serve: Callable[[Reply], Server]
) -> None:
    """As of an instrument with one output queue for all connections."""

    def reply(connection: socket.socket, line: str) -> None:
        if line == ":SLOW?":
            server.late = b"answer to :SLOW?\n"
        else:
            connection.sendall(f"answer to {line}\n".encode())

    server = serve(reply)
    link = link_to(backend, server.address)
    with pytest.raises(LinkError, match=":SLOW"):
        link.query_until(":SLOW?", bool)
    assert [link.query(f":NEXT{n}?") for n in range(5)] == [f"answer to :NEXT{n}?" for n in range(5)]
    assert server.late == b""


@pytest.mark.parametrize("header", [b"#0", b"#560000"])
def test_blocks_come_through_whole(backend: HardwareBackend, serve: Callable[[Reply], Server], header: bytes) -> None:
    values = np.frombuffer(bytes(range(256)) * 234 + b"\n" * 96, "<f8")
    values = np.where(np.abs(values) < 9e37, values, np.frombuffer(b"\n" * 8, "<f8"))
    server = serve(lambda connection, line: connection.sendall(header + values.astype("<f8").tobytes() + b"\n"))
    link = link_to(backend, server.address)
    for _ in range(2):
        np.testing.assert_array_equal(link.query_block(":TRAC:DATA?", values.size, "<f8"), values)


def test_a_block_that_breaks_off_is_a_link_error(backend: HardwareBackend, serve: Callable[[Reply], Server]) -> None:
    server = serve(lambda connection, line: connection.sendall(b"#0" + b"\n" * 10))
    with pytest.raises(LinkError, match="TRAC:DATA"):
        link_to(backend, server.address).query_block(":TRAC:DATA?", 4, "<f8")


def test_closing_one_backend_leaves_the_others_open(serve: Callable[[Reply], Server]) -> None:
    server = serve(lambda connection, line: connection.sendall(b"1\n"))
    first, second = HardwareBackend(), HardwareBackend()
    kept, closed = link_to(first, server.address), link_to(second, server.address)
    assert closed.query(":OUTP?") == "1"
    second.close()
    second.close()
    assert kept.query(":OUTP?") == "1"
    first.close()


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("nonsense", "write it like 'TCPIP0::"),
        ("ASRL/dev/there-is-none::INSTR", "check that the port exists"),
    ],
)
def test_a_resource_that_cannot_be_opened_says_what_to_check(backend: HardwareBackend, name: str, advice: str) -> None:
    with pytest.raises(LinkError, match=re.escape(advice)) as caught:
        backend.open_visa(name)
    assert name in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_library_that_cannot_be_loaded_names_the_key(tmp_path: Path) -> None:
    backend = HardwareBackend.for_bench(bench("GPIB0::5::INSTR", visa=str(tmp_path / "libvisa.so")), BackendOptions())
    with pytest.raises(LinkError, match=r"mend `visa` in \[bench\]"):
        backend.open_visa("GPIB0::5::INSTR")
    backend.close()


def test_the_backend_describes_what_it_is(backend: HardwareBackend) -> None:
    assert backend.describe()["visa_library"] == "pyvisa-py"
    with pytest.raises(LinkError):
        backend.open_visa("nonsense")
    described = backend.describe()
    assert "py" in str(described["visa_library"])
    for package in ("pyvisa", "pyvisa-py", "pyserial"):
        assert re.match(r"\d+\.\d+", str(described[package]))
    assert isinstance(backend.clock, WallClock)
    assert backend.takes == frozenset()
    assert backend.outlives_us


def test_serial_ports_and_urls_are_opened(backend: HardwareBackend) -> None:
    port = backend.open_serial("loop://", timeout=0.1)
    port.write(b"ping\x00")
    assert port.read(5) == b"ping\x00"
    assert (port.timeout, port.write_timeout) == (0.1, 1.0)
    backend.close()
    assert not port.is_open


def test_a_serial_socket_that_is_closed_says_so(backend: HardwareBackend) -> None:
    url = f"socket://127.0.0.1:{closed_port()}"
    with pytest.raises(LinkError, match=rf"cannot open {url}: .*refused.*; check"):
        backend.open_serial(url)


@pytest.mark.parametrize("port", ["/dev/there-is-none", "nosuch://x"])
def test_a_serial_port_that_is_not_there_says_so(backend: HardwareBackend, port: str) -> None:
    with pytest.raises(LinkError, match=rf"cannot open {port}: .*; check"):
        backend.open_serial(port)


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="no pseudo-terminals on this system")
def test_a_serial_device_is_owned_alone(backend: HardwareBackend, tmp_path: Path) -> None:
    host, device = os.openpty()
    try:
        name = os.ttyname(device)
        port = backend.open_serial(name)
        with pytest.raises(LinkError, match="another program has it"):
            backend.open_serial(name)
        os.write(host, b"hello")
        assert port.read(5) == b"hello"
        by_id = tmp_path / "usb-probe-board"
        by_id.symlink_to(name)
        assert canonical_address(str(by_id)) == canonical_address(name) == name
        assert canonical_address(f"ASRL{by_id}::INSTR") == name
    finally:
        backend.close()
        os.close(device)
        os.close(host)


@pytest.mark.parametrize(
    "spellings",
    [
        ("TCPIP::h::5025::SOCKET", "TCPIP0::h::5025::SOCKET", "tcpip0::H::5025::socket", "socket://H:5025"),
        ("TCPIP::h::INSTR", "TCPIP0::H::inst0::INSTR", "TCPIP0::h"),
        ("GPIB::24", "GPIB0::24::INSTR", "gpib0::24::instr"),
        ("USB0::0x05E6::0x2450::04043033::INSTR", "usb::1510::9296::04043033::0::instr"),
        ("COM5", "com5", r"\\.\COM5", "ASRL5::INSTR", "asrl5"),
        ("/dev/ttyS77", "/dev/../dev/ttyS77", "ASRL/dev/ttyS77::INSTR"),
    ],
)
def test_one_address_has_one_name_however_it_is_written(spellings: tuple[str, ...]) -> None:
    assert len({canonical_address(spelling) for spelling in spellings}) == 1
    assert len(HardwareBackend.lock_names(bench(*spellings), BackendOptions())) == 1


def test_different_addresses_have_different_names() -> None:
    addresses = (
        "TCPIP0::h::5025::SOCKET",
        "TCPIP0::h::5026::SOCKET",
        "TCPIP0::h::INSTR",
        "GPIB0::24::INSTR",
        "GPIB1::24::INSTR",
        "/dev/ttyACM0",
        "/dev/ttyACM1",
        "COM3",
        "an alias::of the vendor",
    )
    assert len(HardwareBackend.lock_names(bench(*addresses), BackendOptions())) == len(addresses)
