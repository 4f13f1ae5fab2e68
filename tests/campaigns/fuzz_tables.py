"""Hostile TOML: bench files, `[twin]` overrides, fault plans, device profiles; and what is made of those that pass."""

from __future__ import annotations

import tomllib
from contextlib import closing
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

from campaigns.fuzz_judge import Given
from campaigns.mutations import NASTY, as_bytes, as_toml, quantity, spoilt_bytes, spoilt_text, spoilt_tree, value

from labctl.backend import BackendOptions
from labctl.bench import Bench, Die
from labctl.bench_file import DEFAULT_BENCH, load_bench, read_bench
from labctl.plan import RunRequest, plan
from labctl.toml_source import text_file
from sim_backend.backend import TwinBackend
from sim_backend.device_models.catalogue import device_named
from sim_backend.device_models.profile_files import PACKAGED, load_profile, profile_from_json, profile_to_json
from sim_backend.faults.plan import read_plan

if TYPE_CHECKING:
    import random
    from collections.abc import Callable
    from pathlib import Path

_PLAN: Final = """
[random]
seed = 3
rate = 0.1
kinds = ["delay", "drop"]
channels = ["board"]

[[fault]]
kind = "delay"
channel = "board"
direction = "reply"
message = 12
for = "1 s"

[[fault]]
kind = "stuck-cell"
row = 1
column = 2
step = 3

[[fault]]
kind = "disk-full"
write = 4

[[fault]]
kind = "flip"
channel = "board"
byte = 100
at = 3
bit = 7
"""
_SMALL: Final = 64
"""Cells of a die up to which a twin is made of a bench file that passes."""
_MODELS: Final = ("keithley-2400", "keithley-2600", "keysight-b2900")


class Tables:
    """Makes texts of one kind, by spoiling good ones as trees, as texts and as bytes."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "input.toml"
        self.folder = folder

    def spoilt(self, good: str, throw: random.Random) -> bytes:
        """Return what is in a spoilt file."""
        kind = throw.random()
        text = good
        if kind < 0.65:
            text = as_toml(spoilt_tree(tomllib.loads(good), throw))
        if 0.55 < kind < 0.85:
            text = spoilt_text(text, throw)
        data = as_bytes(text)
        if kind > 0.85:
            data = spoilt_bytes(data, throw)
        if throw.random() < 0.002:
            data += throw.choice(_LARGE)
        return data

    def text_of(self, data: bytes) -> str:
        """Return the text of a file that may be one."""
        return data.decode("utf-8", "surrogatepass") if data else ""


_LARGE: Final = (
    b"\nx = [" + b"[]," * 100_000 + b"]\n",
    b"\n" + b"a." * 60_000 + b"a = 1\n",
    b"\n[" + b"a." * 60_000 + b"a]\n",
    b"\nx = " + b"{a = " * 1000 + b"1" + b"}" * 1000 + b"\n",
    b"\n[[fault]]\nkind = 'cut'" * 5000,
    b"\n#" + b" " * 500_000 + b"\n",
    b"\n[" + b" " * 20_000 + b"\n",
    b"\nx = '" + b"a" * 900_000 + b"'\n",
    b"\n" + b"\n".join(b"k%d = 1" % number for number in range(30_000)) + b"\n",
    b"\nx = " + b"9" * 100_000 + b"\n",
    b" " * 3_000_000,
)
"""What makes a file large in various ways."""


class Benches(Tables):
    """Makes bench files."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._good = DEFAULT_BENCH.read_text(encoding="utf-8")
        small = self._good.replace("rows = 64", "rows = 4").replace("columns = 64", "columns = 5")
        self._small = small.replace('wires = "ideal"', 'wires = "0.5 ohm"')

    def draw(self, throw: random.Random) -> Given:
        """Return an input."""
        good = self._small if throw.random() < 0.5 else self._good
        if throw.random() < 0.3:
            good = good.replace("keithley-2450", throw.choice(_MODELS))
        if throw.random() < 0.1:
            return self._overrides(good, throw)
        data = self.spoilt(good, throw)
        self.file.write_bytes(data)

        def use() -> None:
            self._make(load_bench(self.file), throw)

        return Given("bench file", data, use)

    def _overrides(self, good: str, throw: random.Random) -> Given:
        twin: dict[str, str] = {}
        for _ in range(throw.randrange(1, 3)):
            key = throw.choice(("device", "wires", "front_end", "calibration", "g_max", "pulses", *NASTY))
            twin[key] = quantity(throw) if throw.random() < 0.5 else str(throw.choice((*NASTY, *PACKAGED, "ideal")))
        return Given("[twin] override", twin, lambda: self._make(read_bench(good, "bench.toml", twin), throw))

    def _make(self, file: Any, throw: random.Random) -> None:
        """Do with a bench what is done before anything is sent, and on a twin more than that."""
        Bench.envelope_of(file)
        Die.of(file)
        if throw.random() < 0.3:
            plan(
                RunRequest(
                    "write-verify", {"quick": "yes"}, bench=self.file, backend=throw.choice(("twin", "hardware"))
                )
            )
        if file.die.rows * file.die.columns <= _SMALL:
            with closing(TwinBackend(file, BackendOptions(seed=1))) as twin, closing(Bench(file, twin)) as bench:
                bench.identify()


class Plans(Tables):
    """Makes fault plans and device profiles."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._bench = load_bench()
        packaged = files("sim_backend.device_models")
        self._profiles = [packaged.joinpath(f"profiles/{name}.toml").read_text("utf-8") for name in PACKAGED]
        self._profiles.append('base = "ru-azo"\nname = "mine"\n')
        self._saved = profile_to_json(load_profile_of(self.file, self._profiles[0]))

    def draw(self, throw: random.Random) -> Given:
        """Return an input."""
        make: Callable[[random.Random], Given] = throw.choice((self._plan, self._plan, self._profile, self._json))
        return make(throw)

    def _plan(self, throw: random.Random) -> Given:
        data = self.spoilt(_PLAN, throw)
        self.file.write_bytes(data)

        def use() -> None:
            source = text_file(self.file, "fault plan")
            read_plan(source)
            TwinBackend.check_faults(self._bench, source)

        return Given("fault plan", data, use)

    def _profile(self, throw: random.Random) -> Given:
        data = self.spoilt(throw.choice(self._profiles), throw)
        self.file.write_bytes(data)

        def use() -> None:
            profile = load_profile(self.file)
            assert profile_from_json(profile_to_json(profile)) == profile
            device_named(str(self.file), 5.9e-3)

        return Given("device profile", data, use)

    def _json(self, throw: random.Random) -> Given:
        text = spoilt_text(self._saved, throw)
        if throw.random() < 0.1:
            text = str(value(throw))
        return Given("saved device profile", text, lambda: profile_from_json(text))


def load_profile_of(file: Path, text: str) -> Any:
    """Return the profile of a text."""
    file.write_text(text, encoding="utf-8")
    return load_profile(file)
