"""A bench with one of the four drivers on its panel, somebody on the line between them, and a look at the terminals."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from labctl import plugins
from labctl.backend import BackendOptions
from labctl.bench import Bench
from labctl.bench_file import DEFAULT_BENCH, read_bench
from labctl.instruments import SourceMeter
from sim_backend.backend import TwinBackend
from sim_backend.links import link_to

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from labctl.errors import EquipmentError

ADDRESS = "TCPIP0::192.168.1.50::5025::SOCKET"
OFF: dict[str, tuple[bytes, set[bytes]]] = {
    "keithley-2450": (b":OUTP?\n", {b"0\n"}),
    "keithley-2400": (b":OUTP?\n", {b"0\n"}),
    "keithley-2600": (b"print(smua.source.output)\n", {b"0.0e+00\n", b"0.00000e+00\n", b"0.000000000e+00\n"}),
    "keysight-b2900": (b":OUTP1?\n", {b"0\n"}),
}
"""How each panel is asked for its output, and says that it is off."""


@dataclass
class Meddler:
    """Somebody on the line: changes what is said in either direction, or cuts it."""

    commands: Callable[[bytes], bytes] = lambda data: data
    replies: Callable[[bytes], bytes] = lambda data: data
    dead: bool = False


@dataclass
class MeddledLink:
    link: Any
    meddler: Meddler

    def receive(self, data: bytes, end: bool) -> None:
        if not self.meddler.dead:
            self.link.receive(self.meddler.commands(data), end)

    def reset(self) -> None:
        self.link.reset()


@dataclass
class Wired:
    """A bench with one of the drivers, its panel, and a look at the panel's terminals."""

    driver: str
    bench: Bench
    panel: Any
    terminals: Any
    meddler: Meddler
    levels: list[float] = field(default_factory=list[float])
    """What the world saw at the terminals (V); 0 V where they are open."""

    @property
    def smu(self) -> SourceMeter:
        """The driver, the envelope not between."""
        smu = self.bench.unlimited["smu"]
        assert isinstance(smu, SourceMeter)
        return smu

    def tell(self, *lines: bytes) -> bytes:
        """Say something to the panel past the driver, and return what it says."""
        said: list[bytes] = []
        link = link_to(self.panel, said.append)
        for line in lines:
            link.receive(line, True)
        return b"".join(said)

    def refused(self, kind: type[EquipmentError], *words: str) -> Any:
        """Expect an error of this kind that names the instrument, its address and `words`."""
        told = "".join(f"(?=(?s:.*){re.escape(word)})" for word in ("smu at " + ADDRESS, *words))
        return pytest.raises(kind, match=f"^{told}")

    def bring_up(self) -> None:
        """Identify and bring up the bench, as a run does."""
        self.bench.identify()
        self.bench.bring_up()

    def assert_off(self) -> None:
        """Make sure that the panel says that its output is off, and that the world sees 0 V or open terminals."""
        question, answers = OFF[self.driver]
        assert self.tell(question) in answers
        # With its output off, a source in its normal off mode holds its terminals at 0 V, within its accuracy.
        assert not self.levels or abs(self.levels[-1]) < 1e-3


@pytest.fixture
def make_wired(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Wired]]:
    """Return a maker of benches: of a driver, its panel's options, and more lines for the instrument's table."""
    open_ones: list[Any] = []

    def make(driver: str, options: object = None, keys: str = "") -> Wired:
        text = DEFAULT_BENCH.read_text(encoding="utf-8").replace('expect = "2450"', keys)
        file = read_bench(text.replace('"keithley-2450"', f'"{driver}"'), f"{driver}.toml")
        load = plugins.load

        def load_with_options(group: str, name: str) -> Any:
            found: Any = load(group, name)
            if group != plugins.PANELS or name != driver or options is None:
                return found

            def opted(self: object, world: object, name: str) -> None:
                found.__init__(self, world, name, options=options)

            return type(found.__name__, (found,), {"__init__": opted})

        monkeypatch.setattr(plugins, "load", load_with_options)
        twin = TwinBackend(file, BackendOptions(seed=1))
        panel: Any = twin.panels["smu"]
        meddler = Meddler()
        connection = getattr(panel, "connection", None)
        assert connection is not None

        def meddled(deliver: Callable[[bytes], None]) -> MeddledLink:
            def answer(data: bytes) -> None:
                if not meddler.dead:
                    deliver(meddler.replies(data))

            return MeddledLink(connection(answer), meddler)

        monkeypatch.setattr(panel, "connection", meddled)
        bench = Bench(file, twin)
        open_ones.extend((twin, bench))
        terminals = twin.world.smu("smu")
        wired = Wired(driver, bench, panel, terminals, meddler)
        drive, release = terminals.drive, terminals.release

        def driven(volts: float, limit: float) -> None:
            wired.levels.append(volts)
            drive(volts, limit)

        def released() -> None:
            wired.levels.append(0.0)
            release()

        monkeypatch.setattr(terminals, "drive", driven)
        monkeypatch.setattr(terminals, "release", released)
        return wired

    yield make
    for one in reversed(open_ones):
        one.close()


@pytest.fixture(params=OFF)
def wired(make_wired: Callable[..., Wired], request: pytest.FixtureRequest) -> Wired:
    return make_wired(request.param)
