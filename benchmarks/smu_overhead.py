"""What each SMU driver costs over a bare pyvisa query, on the same virtual panel and resource class, in one run.

    python benchmarks/smu_overhead.py

A driver's query is compared with `resource.query` of the very text that it sends, and its `measure()` with the bare
exchange of what that sends. The two take turns, and of each the best round counts; a difference of at most 20 us a
query is demanded. That of `measure()` is told beside it: it checks and builds a reading, of one exchange or two, and
what it asks makes the simulated world compute, which does not take the same time twice.

The 2600B's driver sends each query with a number and asks for the answer twice: what that costs by itself, in the
instrument too, is the bare query of that text beside a bare query of the plain one.

The last table is the link alone, over a loopback socket, beside pyvisa-py's own session and resource.
"""

from __future__ import annotations

import socket
import sys
import threading
import time
import timeit
from contextlib import closing, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyvisa

from drivers.hardware import HardwareBackend
from drivers.keithley_2400 import Keithley2400
from drivers.keithley_2450 import Keithley2450
from drivers.keithley_2600 import Keithley2600
from drivers.keysight_b2900 import KeysightB2900
from drivers.scpi import ScpiLink
from labctl.backend import BackendOptions
from labctl.bench_file import DEFAULT_BENCH, read_bench
from labctl.smu_data import SourceSetup
from sim_backend.backend import TwinBackend

if TYPE_CHECKING:
    from collections.abc import Callable

ROUNDS = 60
CALLS = 100
MOST = 20.0
"""What a query may cost beyond the bare one (us)."""
KNOBS = ("source_level", "current_limit", "nplc", "output")
MEASURE = "measure()"
DRIVERS = {
    "keithley-2400": Keithley2400,
    "keithley-2450": Keithley2450,
    "keithley-2600": Keithley2600,
    "keysight-b2900": KeysightB2900,
}
EXPECTED = {"keithley-2400": "2400", "keithley-2450": "2450", "keithley-2600": "26", "keysight-b2900": "B29"}


@dataclass(frozen=True, slots=True)
class Cost:
    """Best times of one call (us)."""

    what: str
    bare: float
    driver: float
    plain: float | None
    """Of a bare query of the text without number and repetition, where the driver's has them."""

    @property
    def beyond(self) -> float:
        """What the driver adds."""
        return self.driver - self.bare


class Recorder:
    """Notes what is sent over a resource, until it is told to stop."""

    def __init__(self, resource: Any) -> None:
        self.sent: list[bytes] = []
        self._resource = resource
        self._write = resource.write_raw
        resource.write_raw = self._record

    def _record(self, message: bytes) -> int:
        self.sent.append(message)
        return self._write(message)

    def stop(self) -> None:
        """Leave the resource as it was."""
        del self._resource.write_raw


def microseconds(*calls: Callable[[], object], timer: Callable[[], float] = time.thread_time) -> list[float]:
    """Return the best time of each call; they take turns. It is the processor's, which other programs do not count in.

    Args:
        calls: what is measured.
        timer: tells the time (s).
    """
    best = [float("inf")] * len(calls)
    for _ in range(ROUNDS):
        for number, call in enumerate(calls):
            best[number] = min(best[number], timeit.timeit(call, timer=timer, number=CALLS) / CALLS * 1e6)
    return best


def texts_of(resource: Any, ask: Callable[[], object]) -> list[str]:
    """Return what `ask` sends."""
    recorder = Recorder(resource)
    ask()
    recorder.stop()
    return [message.decode("ascii").rstrip("\r\n") for message in recorder.sent]


def replayed(resource: Any, texts: list[str]) -> Callable[[], object]:
    """Return the bare exchange of `texts`."""
    calls = [resource.query if "?" in text or text.startswith("print") else resource.write for text in texts]
    if len(texts) == 1:
        return lambda: calls[0](texts[0])

    def replay() -> None:
        for call, text in zip(calls, texts, strict=True):
            call(text)

    return replay


def plain_of(text: str) -> str | None:
    """Return a numbered TSP query as somebody would write it who needs neither number nor repetition."""
    if not text.startswith('print("<'):
        return None
    tag, rest = text.removeprefix("print(").removesuffix(")").split(", ", 1)
    return f"print({rest.split(f', {tag}, ', 1)[0]})"


def measure(name: str) -> list[Cost]:
    """Return the costs of a driver's queries."""
    text = DEFAULT_BENCH.read_text(encoding="utf-8")
    text = text.replace('"keithley-2450"', f'"{name}"').replace('"2450"', f'"{EXPECTED[name]}"')
    bench = read_bench(text, f"{name}.toml")
    entry = bench.instruments["smu"]
    opened: list[Any] = []
    with closing(TwinBackend.for_bench(bench, BackendOptions(seed=1))) as backend:
        open_visa = backend.open_visa

        def opening(resource_name: str, **settings: Any) -> Any:
            opened.append(open_visa(resource_name, **settings))
            return opened[-1]

        backend.open_visa = opening
        smu = DRIVERS[name].open(backend, "smu", entry)  # pyright: ignore[reportArgumentType]: the drivers' own entries
        smu.identify()
        smu.configure(SourceSetup(voltage=1.3, current_limit=0.015))
        resource = opened[-1]
        costs = [cost_of(resource, knob, reader(smu, knob)) for knob in KNOBS]
        smu.output_on()
        costs.append(cost_of(resource, MEASURE, smu.measure))
        smu.make_safe()
        return costs


def reader(smu: Any, knob: str) -> Callable[[], object]:
    """Return what asks for a knob's value."""
    if hasattr(smu, "knobs"):
        return lambda: getattr(smu.knobs, knob).read(smu)
    return lambda: getattr(smu, knob)


def cost_of(resource: Any, what: str, ask: Callable[[], object]) -> Cost:
    """Return what asking with the driver costs, and with the bare resource."""
    texts = texts_of(resource, ask)
    plain = [plain_of(text) for text in texts]
    calls = [replayed(resource, texts), ask]
    if any(plain):
        calls.append(replayed(resource, [short or text for short, text in zip(plain, texts, strict=True)]))
    bare, driver, *rest = microseconds(*calls)
    return Cost(what, bare, driver, *(rest or [None]))


def answer_lines(listener: socket.socket) -> None:
    """Answer every line of every connection with a number."""
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=answer_connection, args=(connection,), daemon=True).start()


def answer_connection(connection: socket.socket) -> None:
    """Answer every line with a number."""
    with connection, suppress(OSError), connection.makefile("rb") as lines:
        for _ in lines:
            connection.sendall(b"+1.000000E-01\n")


def measure_socket() -> Cost:
    """Return what a query costs over a loopback socket: the link on the bench's library, and bare pyvisa-py."""
    with socket.create_server(("127.0.0.1", 0)) as listener, closing(HardwareBackend()) as backend:
        threading.Thread(target=answer_lines, args=(listener,), daemon=True).start()
        address = f"TCPIP0::127.0.0.1::{listener.getsockname()[1]}::SOCKET"
        settings: dict[str, Any] = {"read_termination": "\n", "write_termination": "\n"}
        bare: Any = pyvisa.ResourceManager("@py").open_resource(address, **settings)
        link = ScpiLink(lambda: backend.open_visa(address, **settings), "smu", address)
        theirs, ours = microseconds(
            lambda: bare.query(":SOUR:VOLT?"), lambda: link.query(":SOUR:VOLT?"), timer=time.perf_counter
        )
        bare.close()
        link.close()
    return Cost("raw socket", theirs, ours, None)


def show(cost: Cost) -> None:
    """Print a line of the table."""
    numbered = "" if cost.plain is None else f"{cost.bare - cost.plain:+12.2f}"
    ratio = cost.driver / cost.bare
    print(f"  {cost.what:24}{cost.bare:10.2f}{cost.driver:10.2f}{cost.beyond:+10.2f}{ratio:8.2f}{numbered}")


def main() -> int:
    """Measure and print; the exit status says whether a query costs more than is allowed."""
    query = reading = 0.0
    for name in DRIVERS:
        print(f"{name:26}{'bare':>10}{'driver':>10}{'beyond':>10}{'ratio':>8}{'numbered':>12}   us")
        for cost in measure(name):
            show(cost)
            if cost.what == MEASURE:
                reading = max(reading, cost.beyond)
            else:
                query = max(query, cost.beyond)
    print(f"{'link':26}{'bare':>10}{'link':>10}{'beyond':>10}{'ratio':>8}   us a query")
    show(measure_socket())
    print(f"a query takes at most {query:.2f} us beyond the bare one, of which {MOST:g} us are allowed")
    print(f"a reading takes at most {reading:.2f} us beyond the bare exchange")
    return int(query > MOST)


if __name__ == "__main__":
    sys.exit(main())
