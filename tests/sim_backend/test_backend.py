"""The twin as a backend: the bench file's addresses answer, and a run's files are written."""

from __future__ import annotations

import json
import sqlite3
import struct
from typing import TYPE_CHECKING, cast

import pytest

from labctl import plugins
from labctl.backend import Backend, BackendOptions
from labctl.bench_file import DEFAULT_BENCH, BenchFile, load_bench, read_bench
from labctl.errors import BenchFileError, DieFileError, LinkError, UnknownNameError
from labctl.wire import Frame, FrameReader, Kind, Opcode, encode_frame
from sim_backend.addresses import AddressBook
from sim_backend.backend import TwinBackend
from sim_backend.die_file import load_die

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sim_backend.pyserial_twin.protocol_twin import Serial

SMU = "TCPIP0::192.168.1.50::5025::SOCKET"
BOARD = "/dev/ttyACM0"
SOURCE_200_MILLIVOLTS = (
    "SENS:FUNC 'CURR';:SENS:CURR:RANG 0.01;:SOUR:FUNC VOLT;:SOUR:VOLT:RANG 2;:SOUR:VOLT:ILIM 0.005;"
    ":SOUR:VOLT 0.2;:OUTP ON"
)


@pytest.fixture
def twin() -> Iterator[TwinBackend]:
    """The twin of the packaged bench."""
    backend = TwinBackend.for_bench(load_bench(), BackendOptions(seed=5))
    yield backend
    backend.close()


def pulse_once(backend: TwinBackend, count: int = 3) -> None:
    """Put pulses on cell (1, 2)."""
    port = cast("Serial", backend.open_serial(BOARD, timeout=1))
    nonce = struct.pack("<I", int(backend.clock.now() * 1e6) & 0xFFFF_FFFF)
    port.write(encode_frame(Frame(Kind.REQUEST, Opcode.HELLO, 0x8000_0000, 0, nonce)))
    (hello,) = FrameReader(Kind.REPLY).feed(port.read_all())
    session = struct.unpack("<IHIQ", hello.payload)[1]
    pulse = struct.pack("<HHHiII", 1, 1, 2, 900_000, 80, count)
    requests = ((Opcode.CLEAR, b""), (Opcode.ARM, struct.pack("<I", 1000)), (Opcode.PULSE, pulse))
    for sequence, (opcode, payload) in enumerate(requests, 1):
        port.write(encode_frame(Frame(Kind.REQUEST, opcode, sequence, session, payload)))
    answers = FrameReader(Kind.REPLY, Kind.ERROR).feed(port.read_all())
    assert [answer.kind for answer in answers] == [Kind.REPLY] * 3
    port.close()


def test_it_is_the_backend_called_twin() -> None:
    kind = plugins.load(plugins.BACKENDS, "twin")
    assert kind is TwinBackend
    assert issubclass(TwinBackend, Backend)
    assert TwinBackend.takes == {"twin", "die", "audit", "faults"}
    assert not TwinBackend.outlives_us


def test_the_benchs_instruments_answer_at_their_addresses(twin: TwinBackend) -> None:
    smu = twin.open_visa(SMU, read_termination="\n", write_termination="\n", timeout=3000)
    assert "2450" in smu.query("*IDN?")
    assert smu.timeout == 3000
    port = cast("Serial", twin.open_serial(BOARD, timeout=1, baudrate=115_200))
    port.write(encode_frame(Frame(Kind.REQUEST, Opcode.IDENTIFY, 0x8000_0000, 0)))
    (identity,) = FrameReader(Kind.REPLY).feed(port.read_all())
    assert identity.payload.startswith(b"labctl,XPB-64,")
    assert twin.clock.now() > 0.0


def test_other_spellings_of_an_address(twin: TwinBackend) -> None:
    twin.open_visa("tcpip::192.168.1.50::5025::SOCKET").close()
    twin.open_visa("ASRL/dev/ttyACM0::INSTR").close()
    twin.open_visa("asrl/dev/ttyACM0").close()


@pytest.mark.parametrize("name", ["TCPIP0::192.168.1.51::5025::SOCKET", "nonsense", "COM3", "GPIB0::24::INSTR"])
def test_nobody_answers_elsewhere(twin: TwinBackend, name: str) -> None:
    with pytest.raises(LinkError, match=r"nothing answers at"):
        twin.open_visa(name)
    with pytest.raises(LinkError, match=r"nothing answers at"):
        twin.open_serial(name)


def test_an_smu_on_tcp_is_no_serial_port(twin: TwinBackend) -> None:
    with pytest.raises(LinkError):
        twin.open_serial(SMU)


def test_closing(twin: TwinBackend) -> None:
    smu, port = twin.open_visa(SMU), twin.open_serial(BOARD)
    twin.close()
    twin.close()
    assert not port.is_open
    with pytest.raises(Exception, match="Invalid session handle"):
        smu.query("*IDN?")


def test_the_smu_sees_the_cell_that_the_board_routes(twin: TwinBackend) -> None:
    """Both hang on one world; here the board is told by its panel's own methods' bytes."""
    twin.world.die.state[3, 4] = 10_000.0
    pulse_once(twin)
    port = cast("Serial", twin.open_serial(BOARD, timeout=1))
    port.write(encode_frame(Frame(Kind.REQUEST, Opcode.HELLO, 0x8000_0009, 0, struct.pack("<I", 99))))
    (hello,) = FrameReader(Kind.REPLY).feed(port.read_all())
    session = struct.unpack("<IHIQ", hello.payload)[1]
    smu = twin.open_visa(SMU, read_termination="\n", write_termination="\n")
    smu.write(SOURCE_200_MILLIVOLTS)
    assert float(smu.query("READ?")) == pytest.approx(0.0, abs=1e-5)
    port.write(encode_frame(Frame(Kind.REQUEST, Opcode.ROUTE, 1, session, struct.pack("<HH", 3, 4))))
    assert FrameReader(Kind.REPLY).feed(port.read_all())
    expected = 0.2 * twin.world.die.conductance()[3, 4]
    assert float(smu.query("READ?")) == pytest.approx(expected, rel=0.02)


def test_the_description_is_plain_json(twin: TwinBackend) -> None:
    described = json.loads(json.dumps(dict(twin.describe()), allow_nan=False))
    assert described["device"] == "ru-azo"
    assert described["wires"] == "ideal"
    assert described["front_end"] == "board"
    assert described["pulses"] == "network"
    assert described["g_max"] == 5.9e-3
    assert (described["seed"], described["die"], described["rows"], described["columns"]) == (5, "W12-D3", 64, 64)
    assert described["die_file"] is None


def with_twin(**keys: str) -> BenchFile:
    """Return the packaged bench with keys of its twin table set."""
    return load_bench(twin=keys)


@pytest.mark.parametrize(
    "keys",
    [{"wires": "metal"}, {"wires": "0.05 ohm"}, {"front_end": "ideal"}, {"calibration": "none"}, {"pulses": "isolated"},
     {"device": "ru-azo-soft"}, {"device": "vteam-tio2"}, {"device": "vteam-taox", "wires": "metal"}],
)  # fmt: skip
def test_every_twin_of_the_bench_file_pulses_and_says_what_it_is(keys: dict[str, str]) -> None:
    backend = TwinBackend.for_bench(with_twin(**keys), BackendOptions())
    pulse_once(backend)
    assert {key: backend.describe()[key] for key in keys} == keys
    backend.close()


def test_a_profile_file_is_a_device(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('base = "ru-azo"\nname = "mine"\nrectification = 100.0\n', encoding="utf-8")
    backend = TwinBackend.for_bench(with_twin(device=str(file)), BackendOptions())
    assert backend.world.die.model.profile.rectification == 100
    backend.close()


def test_an_ideal_front_end_has_nothing_to_calibrate() -> None:
    with pytest.raises(BenchFileError, match="nothing to calibrate"):
        TwinBackend.for_bench(with_twin(front_end="ideal", calibration="none"), BackendOptions())


def test_an_envelope_beyond_the_model_is_refused() -> None:
    text = DEFAULT_BENCH.read_text("utf-8").replace('voltage = "1.3 V"', 'voltage = "5.5 V"')
    with pytest.raises(BenchFileError, match=r"allows 5\.5 V.*up to 5 V only"):
        TwinBackend.for_bench(read_bench(text, "bench.toml"), BackendOptions())


def test_an_unknown_device_is_refused() -> None:
    with pytest.raises(UnknownNameError, match="ru-azo"):
        TwinBackend.for_bench(with_twin(device="ru-aso"), BackendOptions())


def test_the_dies_shape_and_scale_are_the_benchs() -> None:
    text = _bench_text("rows = 7\ncolumns = 300", 'g_max = "1 mS"')
    backend = TwinBackend.for_bench(read_bench(text, "bench.toml"), BackendOptions())
    assert (backend.world.die.rows, backend.world.die.columns) == (7, 300)
    assert backend.world.die.model.profile.g_max == 1e-3
    port = cast("Serial", backend.open_serial("COM5", timeout=1))
    port.write(encode_frame(Frame(Kind.REQUEST, Opcode.CAPABILITIES, 0x8000_0000, 0)))
    (able,) = FrameReader(Kind.REPLY).feed(port.read_all())
    assert struct.unpack_from("<HH", able.payload) == (7, 300)
    backend.close()


def _bench_text(die: str, twin: str, more: str = "") -> str:
    return f"""
[bench]
name = "test"

[instruments.board]
driver = "probe-board"
address = "COM5"
{more}
[envelope]
voltage = "1.3 V"
read_voltage = "0.25 V"
cell_current = "15 mA"
line_current = "250 mA"
pulse_width = "10 ms"
pulses_per_cell = 1e9

[die]
id = "D"
{die}

[twin]
{twin}
"""


def test_two_boards_are_refused() -> None:
    more = '[instruments.second]\ndriver = "probe-board"\naddress = "COM6"\n'
    bench = read_bench(_bench_text("rows = 4\ncolumns = 4", "", more), "bench.toml")
    with pytest.raises(BenchFileError, match="one probe board"):
        TwinBackend.for_bench(bench, BackendOptions())


def test_one_address_for_two_instruments_is_refused() -> None:
    more = '[instruments.smu]\ndriver = "keithley-2450"\naddress = "ASRL5::INSTR"\n'
    bench = read_bench(_bench_text("rows = 4\ncolumns = 4", "", more), "bench.toml")
    with pytest.raises(BenchFileError, match="'ASRL5::INSTR' is the address of 'board' already"):
        TwinBackend.for_bench(bench, BackendOptions())


def test_an_smu_alone_is_connected_to_the_first_cell() -> None:
    text = _bench_text("rows = 1\ncolumns = 1", "").replace("probe-board", "keithley-2450").replace("COM5", SMU)
    backend = TwinBackend.for_bench(read_bench(text, "bench.toml"), BackendOptions())
    backend.world.die.state[0, 0] = 10_000.0
    smu = backend.open_visa(SMU, read_termination="\n", write_termination="\n")
    smu.write(SOURCE_200_MILLIVOLTS)
    expected = 0.2 * backend.world.die.conductance()[0, 0]
    assert float(smu.query("READ?")) == pytest.approx(expected, rel=0.02)
    backend.close()


def test_the_same_seed_gives_the_same_die() -> None:
    def conductance(seed: int) -> float:
        backend = TwinBackend.for_bench(load_bench(), BackendOptions(seed=seed))
        pulse_once(backend, 500)
        backend.close()
        return float(backend.world.die.conductance()[1, 2])

    assert conductance(1) == conductance(1)
    assert conductance(1) != conductance(2)


def test_a_run_leaves_its_world(twin: TwinBackend, tmp_path: Path) -> None:
    twin.begin_run(tmp_path)
    pulse_once(twin, 100)
    twin.end_run(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["world.npz"]
    saved = load_die(tmp_path / "world.npz")
    assert (saved.die.state == twin.world.die.state).all()
    assert saved.time == twin.clock.now()


def test_an_audit_is_written_beside_the_run(tmp_path: Path) -> None:
    backend = TwinBackend.for_bench(load_bench(), BackendOptions(audit=True))
    pulse_once(backend, 1)
    backend.begin_run(tmp_path)
    pulse_once(backend, 7)
    backend.end_run(tmp_path)
    base = sqlite3.connect(tmp_path / "audit.sqlite")
    try:
        rows = base.execute('SELECT "row", "column", count, delivered FROM event').fetchall()
    finally:
        base.close()
    assert rows == [(1, 2, 7, 8)]
    backend.close()


def test_an_audit_of_a_run_that_broke_off_is_complete(tmp_path: Path) -> None:
    backend = TwinBackend.for_bench(load_bench(), BackendOptions(audit=True))
    backend.begin_run(tmp_path)
    pulse_once(backend, 7)
    backend.close()
    base = sqlite3.connect(tmp_path / "audit.sqlite")
    try:
        assert base.execute("SELECT count FROM event").fetchall() == [(7,)]
    finally:
        base.close()


def test_a_die_lives_across_runs(tmp_path: Path) -> None:
    options = BackendOptions(die=tmp_path / "die.npz", seed=3)
    first = TwinBackend.for_bench(load_bench(), options)
    pulse_once(first, 100)
    first.end_run(tmp_path)
    first.close()
    second = TwinBackend.for_bench(load_bench(), BackendOptions(die=tmp_path / "die.npz", seed=77))
    assert (second.world.die.state == first.world.die.state).all()
    assert second.clock.now() == first.clock.now()
    assert second.describe()["seed"] == 3
    assert second.world.counters.boot == 2
    assert TwinBackend.lock_names(load_bench(), options) == (str((tmp_path / "die.npz").resolve()),)
    second.close()


def test_without_a_die_file_nothing_is_locked() -> None:
    assert TwinBackend.lock_names(load_bench(), BackendOptions()) == ()


def test_a_die_file_of_another_die_is_refused(tmp_path: Path) -> None:
    options = BackendOptions(die=tmp_path / "die.npz")
    first = TwinBackend.for_bench(load_bench(), options)
    first.end_run(tmp_path)
    first.close()
    with pytest.raises(BenchFileError, match="64 x 64"):
        TwinBackend.for_bench(read_bench(_bench_text("rows = 4\ncolumns = 4", ""), "b.toml"), options)
    (tmp_path / "die.npz").write_bytes(b"no die")
    with pytest.raises(DieFileError):
        TwinBackend.for_bench(load_bench(), options)
    with pytest.raises(DieFileError, match="no folder"):
        TwinBackend.for_bench(load_bench(), BackendOptions(die=tmp_path / "nowhere" / "die.npz"))


@pytest.mark.parametrize(
    ("address", "resource", "ports"),
    [
        ("/dev/ttyACM0", "ASRL/dev/ttyACM0::INSTR", ["/dev/ttyACM0"]),
        ("COM5", "ASRL5::INSTR", ["COM5", "com5"]),
        ("ASRL5", "ASRL5::INSTR", ["COM5", "Com5"]),
        ("asrl/dev/ttyUSB1::INSTR", "ASRL/dev/ttyUSB1::INSTR", ["/dev/ttyUSB1"]),
        ("socket://127.0.0.1:5000", None, ["socket://127.0.0.1:5000"]),
        ("USB::0x05E6::0x2450::1", "USB0::0x05E6::0x2450::1::0::INSTR", []),
    ],
)
def test_spellings(address: str, resource: str | None, ports: list[str]) -> None:
    book = AddressBook({"it": address})
    assert book.visa == ({} if resource is None else {resource: "it"})
    assert [book.at_port(port) for port in ports] == ["it"] * len(ports)
    assert book.at_port("/dev/ttyACM9") is None
