"""Hostile words on the command line and in small files: quantities, levels, parameters, run names, tokens, notes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from campaigns.fuzz_judge import Given
from campaigns.mutations import NASTY, as_bytes, as_json, quantity, spoilt_bytes, spoilt_text, spoilt_tree

from labctl import plugins
from labctl.errors import UnknownNameError
from labctl.escaped import LONGEST, escaped
from labctl.guardian import Orders
from labctl.holder_note import Holder, read_note
from labctl.levels import LEVELS, parse_levels
from labctl.options import pairs
from labctl.protocol import Protocol, read_parameters
from labctl.pulse_history import Life, history_path, life_of
from labctl.run_reader import find_run, run_folders
from labctl.steering import FILE, Steering, Wish
from labctl.units import UNITS, parse_count, parse_number, parse_quantity, parse_yes_no
from sim_backend.commands import _duration, _port
from sim_backend.server.tokens import LONGEST as LONGEST_TOKEN
from sim_backend.server.tokens import Lock, load_token

if TYPE_CHECKING:
    import random
    from pathlib import Path

_QUANTITIES: Final = ("0.9 V", "80 ns", "15 mA", "5.9mS", "1e-3 s", "0.5 ohm", "-1.2e+03 uV", "300 K", "25 degC")
_LEVELS: Final = (
    "all", "500", "0:100", "0:16519:100", "3,7,9", "7,", "0:99999999999:1", "99999999999:0:1", "0:9999999999999999999",
    "16519:0", "0:0:0", "1" + ",1" * 2000, "5" * 4000, "0:" + "9" * 5000,
)  # fmt: skip
_RUNS: Final = ("20260101T000000Z_write-verify_01234567", "20260102T000000Z_write-verify_89abcdef")
_SETTINGS: Final = {
    "levels": "0:100:10", "row": "1", "column": "2", "read_voltage": "0.2 V", "tolerance": "0.5", "quick": "yes",
}  # fmt: skip


class Names:
    """Makes inputs of this family."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._data = folder / "runs"
        for name in _RUNS:
            (self._data / name).mkdir(parents=True)
            (self._data / name / "manifest.json").write_text("{}", encoding="utf-8")
        self._found = set(run_folders(self._data))
        loaded: Protocol[Any, Any] = plugins.load(plugins.PROTOCOLS, "write-verify")
        self._parameters = loaded.parameters

    def draw(self, throw: random.Random) -> Given:
        """Return an input."""
        return throw.choice(
            (self._quantity, self._levels, self._number, self._settings, self._run, self._die, self._plugin,
             self._small, self._shown)
        )(throw)  # fmt: skip

    def _word(self, throw: random.Random, *good: str) -> str:
        kind = throw.random()
        if kind < 0.2:
            return throw.choice(NASTY)
        if kind < 0.3:
            return quantity(throw)
        return spoilt_text(throw.choice(good), throw) if kind < 0.9 else throw.choice(good)

    def _quantity(self, throw: random.Random) -> Given:
        text, unit = self._word(throw, *_QUANTITIES), throw.choice(UNITS)
        if throw.random() < 0.2:
            return Given("duration", text, lambda: _duration("--latency", text))
        return Given("quantity", text, lambda: parse_quantity(text, unit))

    def _levels(self, throw: random.Random) -> Given:
        text = self._word(throw, *_LEVELS)

        def use() -> None:
            levels = parse_levels(text)
            assert all(0 <= level < LEVELS for level in levels)
            assert levels

        return Given("levels", text, use)

    def _number(self, throw: random.Random) -> Given:
        text = self._word(throw, "16", "0.5", "yes", "no", "smu=5025")
        parse = throw.choice((parse_number, parse_count, parse_yes_no, _port_of))
        return Given("number", text, lambda: parse(text))

    def _settings(self, throw: random.Random) -> Given:
        words = [f"{name}={word}" for name, word in _SETTINGS.items() if throw.random() < 0.5]
        words += [self._word(throw, *(f"{name}={word}" for name, word in _SETTINGS.items()))]
        return Given("--set", words, lambda: read_parameters(self._parameters, pairs("--set", words)))

    def _run(self, throw: random.Random) -> Given:
        name = self._word(throw, *_RUNS, "2026", "89abcdef", "_", "manifest.json", *map(str, self._found))

        def use() -> None:
            found = find_run(self._data, name)
            assert found in self._found, found

        return Given("run name", name, use)

    def _die(self, throw: random.Random) -> Given:
        die = self._word(throw, "W12-D3", "a/b", "..")

        def use() -> None:
            life = life_of(die, outlives=True, file=None, goes_on=False) or Life("", outlives=True)
            path = history_path(self._data, life)
            assert path.parent == self._data
            assert len(path.name) < 100
            assert path.name.isascii()

        return Given("die id", die, use)

    def _plugin(self, throw: random.Random) -> Given:
        group = throw.choice((plugins.DRIVERS, plugins.PROTOCOLS, plugins.BACKENDS, plugins.PANELS))
        name = self._word(throw, "write-verify", "keithley-2450", "twin", "os:system")
        return Given("plug-in", (group, name), lambda: plugins.load(group, name), (UnknownNameError,))

    def _shown(self, throw: random.Random) -> Given:
        text = self._word(throw, "KEITHLEY", "\x1b]52;c;Zm9v\x07", "\x9b31m", "a\u2066b")[:300] * throw.choice(
            (1, 1, 1, 3000)
        )

        def use() -> None:
            shown = escaped(text)
            assert shown.isprintable()
            assert len(shown) <= 10 * LONGEST + 40

        return Given("text to show", text[:200], use)

    def _small(self, throw: random.Random) -> Given:
        file = self._folder / "small"
        kind = throw.choice(("token file", "token", "note of a holder", "wish", "orders of a guardian"))
        match kind:
            case "token file":
                file.write_bytes(spoilt_bytes(b"0123456789abcdefghij\nremark\n", throw))
                file.chmod(0o600)
                return Given(kind, file.read_bytes(), lambda: load_token(file))
            case "token":
                data = [spoilt_bytes(b"0123456789abcdefghij\n", throw) for _ in range(3)]
                return Given(kind, data, lambda: _unlock(data), (PermissionError,))
            case "note of a holder":
                note = {"run": "run", "pid": 7, "user": "me", "since": "2026"}
                data = as_bytes(as_json(spoilt_tree(note, throw)))
                file.write_bytes(spoilt_bytes(data, throw) if throw.random() < 0.5 else data)
                return Given(kind, data, lambda: _check_holder(read_note(file)))
            case "wish":
                steering = Steering(self._folder)
                (self._folder / FILE).write_bytes(spoilt_bytes(b"pause", throw))
                return Given(kind, (self._folder / FILE).read_bytes(), lambda: _check_wish(steering))
            case _:
                orders = {
                    "folder": "a",
                    "pid": 1,
                    "backend": "twin",
                    "bench_name": "b",
                    "bench_text": "",
                    "user": "",
                    "since": "",
                }
                text = json.dumps(spoilt_tree(orders, throw))
                text = spoilt_text(text, throw) if throw.random() < 0.5 else text
                return Given(kind, text, lambda: Orders.model_validate_json(text), (ValueError,))


def _port_of(word: object) -> int:
    return _port("smu", str(word))


def _unlock(pieces: list[bytes]) -> None:
    lock = Lock(b"0123456789abcdefghij")
    for piece in pieces:
        if lock.open_with(piece) is not None:
            return
    assert len(lock._line) <= LONGEST_TOKEN + 2


def _check_holder(holder: Holder | None) -> None:
    assert holder is None or str(holder).isprintable()


def _check_wish(steering: Steering) -> None:
    assert steering.wish() in (None, *Wish)
