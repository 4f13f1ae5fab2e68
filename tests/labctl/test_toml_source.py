"""Texts that take more time or memory than a file of their size should."""

from __future__ import annotations

from pathlib import Path
from time import thread_time

import pytest

from labctl.bench_file import load_bench
from labctl.errors import BenchFileError
from labctl.toml_source import TEXT_MAX, TomlSource, text_file

LARGE = {
    "dotted key": ("a." * 60_000 + "a = 1", "dots"),
    "dotted key in quotes": ('"a#" . ' * 1_000 + "a = 1", "dots"),
    "dotted key of an inline table": ("x = {b = 1, " + "a." * 60_000 + "a = 1}", "dots"),
    "dotted table": ("[" + "a." * 60_000 + "a]", "dots"),
    "nest": ("x = " + "[" * 100_000, "nest"),
    "number": ("x = " + "9" * 100_000, "number"),
    "long": ("#" * (TEXT_MAX + 1), "too long"),
}


@pytest.mark.parametrize("name", LARGE)
def test_it_is_refused_at_once(name: str, tmp_path: Path) -> None:
    text, words = LARGE[name]
    begun = thread_time()
    with pytest.raises(BenchFileError, match=words):
        TomlSource("bench.toml", text).parse()
    (tmp_path / "bench.toml").write_text(text, encoding="utf-8")
    with pytest.raises(BenchFileError):
        load_bench(tmp_path / "bench.toml")
    assert thread_time() - begun < 1.0


def test_dots_that_are_no_keys_are_taken() -> None:
    numbers = ", ".join(f"{number}.5" for number in range(500))
    parsed = TomlSource("x.toml", f"# {'.' * 500}\nx = [{numbers}]\ny = 'a.b.c'").parse()
    assert len(parsed["x"]) == 500


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="no such file there")
def test_a_file_without_end_is_not_read_to_its_end() -> None:
    with pytest.raises(BenchFileError, match="too long"):
        text_file(Path("/dev/zero"), "bench file")


def test_line_ends_are_one_kind(tmp_path: Path) -> None:
    (tmp_path / "x.toml").write_bytes(b"\xef\xbb\xbfa = 1\r\nb = 2\rc = 3\n")
    assert text_file(tmp_path / "x.toml", "file").text == "a = 1\nb = 2\nc = 3\n"


def test_where_a_table_stands_is_found_at_once() -> None:
    begun = thread_time()
    source = TomlSource("bench.toml", "[" + " " * 200_000 + "\nx = 1\n[ a . b ]\n")
    assert source.place(("a", "b")) == "bench.toml line 3, a.b"
    assert thread_time() - begun < 1.0
