"""The bench file for clients: the same bench, other addresses, and never over somebody else's file."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labctl.bench_file import DEFAULT_BENCH, load_bench, read_bench
from labctl.errors import InputError, StoreError
from sim_backend.server.client_bench import check_writable, to_toml, write_client_bench

ADDRESSES = {"smu": "TCPIP0::127.0.0.1::4711::SOCKET", "board": "socket://127.0.0.1:4712"}
SCALARS = st.one_of(
    st.booleans(), st.integers(-(2**63), 2**63 - 1), st.floats(), st.text(st.characters(exclude_categories=["Cs"]))
)
TABLES = st.recursive(
    st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), SCALARS | st.lists(SCALARS)),
    lambda inner: st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), SCALARS | inner),
    max_leaves=10,
)


@given(TABLES)
def test_any_table_survives(table: dict[str, object]) -> None:
    assert repr(tomllib.loads("\n".join(to_toml(table)))) == repr(_in_order(table))


def _in_order(table: dict[str, object]) -> dict[str, object]:
    """Return a table as TOML must have it: what is no table comes first."""
    plain = {key: value for key, value in table.items() if not isinstance(value, dict)}
    return plain | {key: _in_order(value) for key, value in table.items() if isinstance(value, dict)}  # pyright: ignore[reportUnknownArgumentType]


def test_only_the_addresses_differ(tmp_path: Path) -> None:
    path = tmp_path / "client.toml"
    write_client_bench(path, None, {}, ADDRESSES, hurries=False)
    mine, theirs = load_bench().model_dump(), load_bench(path).model_dump()
    for name, address in ADDRESSES.items():
        assert theirs["instruments"][name].pop("address") == address
        mine["instruments"][name].pop("address")
    assert mine == theirs


def test_what_the_command_line_overrides_is_in_it(tmp_path: Path) -> None:
    path = tmp_path / "client.toml"
    write_client_bench(path, None, {"g_max": "3 mS", "wires": "metal"}, ADDRESSES, hurries=True)
    found = load_bench(path)
    assert (found.twin.g_max, found.twin.wires, found.bench.clock) == (3e-3, "metal", "operations")


def test_a_bench_of_one_s_own_is_kept_whole(tmp_path: Path) -> None:
    text = DEFAULT_BENCH.read_text(encoding="utf-8").replace('"packaged bench"', '"Größe \\"7\\" \\\\ π"')
    (tmp_path / "bench.toml").write_text("\ufeff" + text, encoding="utf-8")
    path = tmp_path / "client.toml"
    write_client_bench(path, tmp_path / "bench.toml", {}, ADDRESSES, hurries=False)
    assert load_bench(path).bench.name == 'Größe "7" \\ π'
    assert read_bench(text, "bench").die == load_bench(path).die


def test_nobody_else_s_file_is_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "bench.toml"
    check_writable(path)
    path.write_text(DEFAULT_BENCH.read_text(encoding="utf-8"), encoding="utf-8")
    with pytest.raises(InputError, match="name another"):
        check_writable(path)
    path.write_text("", encoding="utf-8")
    check_writable(path)
    write_client_bench(path, None, {}, ADDRESSES, hurries=False)
    check_writable(path)
    with pytest.raises(InputError, match="no folder"):
        check_writable(tmp_path / "nowhere" / "bench.toml")


def test_a_file_that_cannot_be_written_is_our_error(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(StoreError, match="folder"):
        write_client_bench(tmp_path / "folder", None, {}, ADDRESSES, hurries=False)
    assert list(tmp_path.iterdir()) == [tmp_path / "folder"]
