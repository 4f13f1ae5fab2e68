from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labctl.bench_file import DEFAULT_BENCH, load_bench, read_bench
from labctl.errors import BenchFileError, InputError, UnknownNameError

GOOD = DEFAULT_BENCH.read_text(encoding="utf-8")


def test_packaged_bench() -> None:
    bench = load_bench()
    assert (bench.die.rows, bench.die.columns) == (64, 64)
    assert bench.envelope.voltage == 1.3
    assert bench.envelope.cell_current == 15e-3
    assert bench.envelope.pulses_per_cell == 1e9
    assert bench.instruments["smu"].expect == "2450"
    assert bench.instruments["board"].model_dump()["watchdog"] == 1.0
    assert bench.twin.front_end == "board"
    assert bench.twin.g_max == 5.9e-3


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('voltage = "1.3 V"', 'voltage = "1,3 V"', ["bench.toml line", "envelope.voltage", "'1,3 V'", "'0.9 V'"]),
        ('voltage = "1.3 V"', "voltage = 1.3", ["envelope.voltage", "1.3", "'0.9 V'"]),
        ('voltage = "1.3 V"', 'voltage = "1.3 A"', ["envelope.voltage", "not a quantity in V"]),
        ('voltage = "1.3 V"', 'voltage = "-1.3 V"', ["envelope.voltage", "greater than 0"]),
        ('voltage = "1.3 V"', 'volage = "1.3 V"', ["volage", "did you mean"]),
        ('watchdog = "1 s"', 'watchdg = "1 s"', ["instruments.board.watchdg", "did you mean 'watchdog'"]),
        ('watchdog = "1 s"', 'watchdog = "1 ms"', ["instruments.board.watchdog", "20 ms to 10 s"]),
        ('expect = "2450"', 'watchdog = "1 s"', ["instruments.smu.watchdog", "unknown key"]),
        ('driver = "probe-board"', 'driver = "probe-bord"', ["unknown driver", "did you mean 'probe-board'"]),
        ("rows = 64", "rows = 0", ["die.rows", "greater than or equal to 1"]),
        ("rows = 64", "rows = 513", ["die.rows", "512"]),
        ("rows = 64", 'rows = "64"', ["die.rows", "integer"]),
        ("pulses_per_cell = 1e9", "pulses_per_cell = nan", ["envelope.pulses_per_cell"]),
        ('wires = "ideal"', 'wires = "0.5"', ["twin.wires", "'0.5 ohm'"]),
        ('wires = "ideal"', 'wires = "-1 ohm"', ["twin.wires", "0 ohm to 10 kohm", "-1 ohm"]),
        ('wires = "ideal"', 'wires = "1 Gohm"', ["twin.wires", "0 ohm to 10 kohm", "1 Gohm"]),
        ('front_end = "board"', 'front_end = "bored"', ["twin.front_end", "'ideal' or 'board'"]),
        ("[twin]", "[twins]", ["twins", "did you mean 'twin'"]),
        ("[die]", "[die", ["not TOML"]),
        ('id = "W12-D3"', 'id = "W12-D3"\nid = "x"', ["not TOML"]),
        ('id = "W12-D3"\n', "", ["die.id", "missing"]),
    ],
)
def test_bad_bench_file_gets_one_clear_line(old: str, new: str, words: list[str]) -> None:
    assert old in GOOD
    with pytest.raises(InputError) as caught:
        read_bench(GOOD.replace(old, new), "bench.toml")
    message = str(caught.value)
    assert "\n" not in message
    for word in words:
        assert word in message


def test_line_number_is_the_key_s() -> None:
    bad = GOOD.replace('line_current = "250 mA"', 'line_current = "250 mX"')
    line = bad.splitlines().index('line_current = "250 mX"') + 1
    with pytest.raises(BenchFileError, match=f"line {line},"):
        read_bench(bad, "bench.toml")


def test_twin_keys_can_be_overridden() -> None:
    assert load_bench(None, {"g_max": "20 uS", "wires": "0.5 ohm"}).twin.g_max == 20e-6
    with pytest.raises(BenchFileError, match="--twin g_max"):
        load_bench(None, {"g_max": "20"})
    with pytest.raises(UnknownNameError, match="did you mean 'g_max'"):
        load_bench(None, {"gmax": "20 uS"})


def test_missing_and_binary_files(tmp_path: Path) -> None:
    with pytest.raises(BenchFileError, match="cannot read"):
        load_bench(tmp_path / "nowhere.toml")
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BenchFileError, match="not UTF-8"):
        load_bench(tmp_path / "binary.toml")


@settings(max_examples=200)
@given(st.data())
def test_mutated_bench_files_are_read_or_refused(data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(GOOD) - 1))
    length = data.draw(st.integers(0, 12))
    middle = data.draw(st.text(alphabet=st.characters(codec="utf-8"), max_size=6))
    text = GOOD[:start] + middle + GOOD[start + length :]
    try:
        bench = read_bench(text, "bench.toml")
    except InputError:
        return
    assert bench.envelope.voltage > 0
    assert tomllib.loads(text)
