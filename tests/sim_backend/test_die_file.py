"""Worlds in files: exact, whole, and picky."""

from __future__ import annotations

import json
import zipfile
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labctl.errors import BenchFileError, DieFileError, StoreError
from labctl.levels import G_MAX
from sim_backend.device_models.catalogue import device_named
from sim_backend.device_models.interface import Train
from sim_backend.device_models.profile_files import profile_to_json
from sim_backend.die import Die
from sim_backend.die_file import FrontEndState, SavedDie, load_die, save_die
from sim_backend.front_end.make import make_front_end
from sim_backend.noise.kinds import Noise

if TYPE_CHECKING:
    from pathlib import Path


SHAPE = b"(%d, 6, 5), }" % len(device_named("ru-azo", G_MAX).variables)
"""How the description of the states' array ends."""


def used_die(seed: int = 3, noise: Noise | None = None) -> Die:
    die = Die.fresh("W12-D3", 6, 5, device_named("ru-azo", G_MAX), seed, noise)
    cells = np.arange(30)
    for cell in cells:
        die.expose(np.array([cell]), 0.9, Train(80e-9, 1 + 170 * int(cell), 1e-6))
    die.sample_noise(cells, 0.2, 16, 80e-6)
    return die


def used_front_end() -> FrontEndState:
    front_end = make_front_end("board", "factory", 6, 5, G_MAX, 3)
    front_end.read(np.arange(5), np.full(5, 1e-4), 1e-3, 1e-3, 4)
    front_end.calibrations[1].offset[2] = 1e-9
    return FrontEndState("board", True, front_end.arrays())


def save(path: Path, die: Die, time: float, boot: int = 1, front_end: FrontEndState | None = None) -> None:
    if front_end is None:
        ideal = make_front_end("ideal", "factory", die.rows, die.columns, die.model.profile.g_max, die.seed)
        front_end = FrontEndState("ideal", True, ideal.arrays())
    save_die(SavedDie(path, die, time, boot, front_end, {"smu": 17}))


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    path = tmp_path / "die.npz"
    save(path, used_die(), 12.5, 4, used_front_end())
    return path


def same(one: Die, two: Die) -> bool:
    ours, theirs = one.arrays(), two.arrays()
    return (
        (one.id, one.rows, one.columns, one.model.profile, one.seed, one.noise)
        == (two.id, two.rows, two.columns, two.model.profile, two.seed, two.noise)
        and ours.keys() == theirs.keys()
        and all(ours[name].tobytes() == theirs[name].tobytes() for name in ours)
    )


@pytest.mark.parametrize("noise", [Noise(), Noise(read=False), Noise.none()])
def test_round_trip_is_exact(tmp_path: Path, noise: Noise) -> None:
    die, front_end = used_die(2**63 - 1, noise), used_front_end()
    save(tmp_path / "die.npz", die, 1 / 3, 7, front_end)
    loaded = load_die(tmp_path / "die.npz")
    assert same(loaded.die, die)
    assert (loaded.time, loaded.boot, loaded.conversions) == (1 / 3, 7, {"smu": 17})
    assert (loaded.front_end.kind, loaded.front_end.factory_calibrated) == ("board", True)
    assert loaded.front_end.arrays.keys() == front_end.arrays.keys()
    for name, array in front_end.arrays.items():
        assert np.array_equal(loaded.front_end.arrays[name], array)


@settings(deadline=None, max_examples=25)
@given(st.floats(0, 1e12), st.text(max_size=20).filter(lambda t: t.isprintable()), st.floats(1e-6, 1))
def test_header_values_are_kept_to_the_last_bit(
    tmp_path_factory: pytest.TempPathFactory, time: float, name: str, g_max: float
) -> None:
    path = tmp_path_factory.mktemp("die") / "die.npz"
    die = Die.fresh(name, 1, 1, device_named("ru-azo", g_max), 0)
    save(path, die, time)
    loaded = load_die(path)
    assert (loaded.time, loaded.die.id, loaded.die.model.profile) == (time, name, die.model.profile)


def test_a_loaded_die_goes_on_as_the_saved_one(saved: Path) -> None:
    die, loaded = used_die(), load_die(saved).die
    cells = np.arange(30)
    for each in (die, loaded):
        each.expose(cells, -0.75, Train(65e-9, 40, 1e-6))
    assert same(die, loaded)
    before, after = (each.sample_noise(cells, 0.2, 4, 20e-6) for each in (die, loaded))
    assert np.array_equal(before, after)
    assert np.array_equal(die.conductance(), loaded.conductance())


def test_saving_replaces_the_file_and_leaves_nothing_beside_it(saved: Path) -> None:
    save(saved, used_die(9), 13.0)
    assert load_die(saved).die.seed == 9
    assert list(saved.parent.iterdir()) == [saved]


def test_saving_where_nothing_can_be_written_says_so(tmp_path: Path) -> None:
    path = tmp_path / "missing" / "die.npz"
    with pytest.raises(StoreError, match=r"die\.npz: the die cannot be saved"):
        save(path, used_die(), 0.0)


def refused(path: Path) -> str:
    """Return the message with which a file is refused: one line that names it."""
    with pytest.raises(DieFileError) as caught:
        load_die(path)
    message = str(caught.value)
    assert str(path) in message
    assert "\n" not in message
    assert len(message) > len(str(path)) + 10
    return message


def test_a_file_cut_anywhere_is_refused(saved: Path) -> None:
    data = saved.read_bytes()
    for length in {*range(0, len(data), 61), 1, 21, 22, len(data) - 1}:
        saved.write_bytes(data[:length])
        refused(saved)


def test_a_file_with_any_byte_of_its_arrays_changed_is_refused_or_the_same(saved: Path) -> None:
    data = saved.read_bytes()
    whole = load_die(saved).die
    refusals = 0
    for place in range(0, len(data), 37):
        damaged = bytearray(data)
        damaged[place] ^= 0x55
        saved.write_bytes(damaged)
        try:
            loaded = load_die(saved)
        except DieFileError:
            refusals += 1
        else:
            # Dates and attributes in the zip directory mean nothing to us.
            assert same(loaded.die, whole)
    assert refusals > 0.8 * len(data) / 37


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    assert "cannot be loaded" in refused(tmp_path / "none.npz")


def test_a_folder_is_refused(tmp_path: Path) -> None:
    refused(tmp_path)


@pytest.mark.parametrize("content", [b"", b"conductance,1,2\n", b"PK\x05\x06" + bytes(18), b"\x93NUMPY" + bytes(100)])
def test_foreign_files_are_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "foreign.npz").write_bytes(content)
    refused(tmp_path / "foreign.npz")


def test_a_foreign_npz_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "other.npz", measurement=np.zeros(5))
    assert "header.npy" in refused(tmp_path / "other.npz")


def test_a_file_larger_than_any_die_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "large.npz"
    with path.open("wb") as file:
        file.truncate(1 << 33)
    assert "8589934592 bytes" in refused(path)


def rewrite(path: Path, member: str, data: bytes, compression: int = zipfile.ZIP_STORED) -> None:
    """Replace one member of a die file."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    members[member] = data
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def change_header(path: Path, **changes: object) -> None:
    with np.load(path) as archive:
        header = json.loads(archive["header"].tobytes())
    header.update(changes)
    text = np.frombuffer(json.dumps(header).encode(), np.uint8)
    arrays = {name: value for name, value in np.load(path).items() if name != "header"}
    np.savez(path, header=text, **arrays)


def test_a_zip_bomb_is_refused_before_it_unfolds(saved: Path) -> None:
    rewrite(saved, "die_states.npy", bytes(1 << 27), zipfile.ZIP_DEFLATED)
    assert saved.stat().st_size < 1 << 20
    assert "compressed" in refused(saved)


def test_an_array_that_promises_more_than_it_has_is_refused_before_numpy_makes_room(saved: Path) -> None:
    with zipfile.ZipFile(saved) as archive:
        data = archive.read("die_states.npy")
    huge = data.replace(SHAPE, b"(" + SHAPE[1:2] + b", 6, 5000000000000), }", 1)
    huge = huge[:8] + (int.from_bytes(huge[8:10], "little") + 12).to_bytes(2, "little") + huge[10:]
    rewrite(saved, "die_states.npy", huge)
    assert "6, 5000000000000)" in refused(saved)


@pytest.mark.parametrize(("kept", "added"), [(None, 8), (-8, 0), (0, 0)])
def test_arrays_of_another_size_than_their_shape_are_refused(saved: Path, kept: int | None, added: int) -> None:
    with zipfile.ZipFile(saved) as archive:
        data = archive.read("die_states.npy")
    rewrite(saved, "die_states.npy", data[:kept] + bytes(added))
    refused(saved)


@pytest.mark.parametrize(
    ("fill", "kind", "shape"),
    [(0.0, "<f8", (5, 6)), (0.0, "<f4", (6, 5)), (0.0, "<f8", (30,)), (np.nan, "<f8", (6, 5)),
     (33_041.0, "<f8", (6, 5)), (-1e-9, "<f8", (6, 5)), (0.0, ">f8", (6, 5))],
)  # fmt: skip
def test_wrong_states_are_refused(saved: Path, tmp_path: Path, fill: float, kind: str, shape: tuple[int, ...]) -> None:
    variables = len(used_die().model.variables)
    np.save(tmp_path / "array.npy", np.full((variables, *shape), fill, kind))
    rewrite(saved, "die_states.npy", (tmp_path / "array.npy").read_bytes())
    refused(saved)


def test_objects_are_never_unpickled(saved: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "array.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    rewrite(saved, "die_states.npy", (tmp_path / "array.npy").read_bytes())
    refused(saved)


def test_negative_counts_are_refused(saved: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "array.npy", np.full((6, 5), -1))
    rewrite(saved, "die_write_count.npy", (tmp_path / "array.npy").read_bytes())
    assert "count" in refused(saved)


def test_another_member_is_refused(saved: Path) -> None:
    rewrite(saved, "extra.npy", b"")
    assert "extra.npy" in refused(saved)


def test_another_version_is_named(saved: Path) -> None:
    change_header(saved, version=1, something="else")
    assert "format version 1; this labctl reads version 2" in refused(saved)


@pytest.mark.parametrize(
    "change",
    [{"format": "other"}, {"rows": 600, "columns": 600}, {"rows": 5}, {"rows": 0}, {"rows": "6"}, {"rows": 1e300},
     {"time": -1.0}, {"time": "now"}, {"boot": 0}, {"seed": -1}, {"seed": 2**64}, {"noise": {"read": 1}},
     {"profile": 5}, {"profile": "{}"}, {"profile": "no JSON"}, {"id": None}, {"unknown": 1}, {"front_end": "none"},
     {"front_end": "ideal"}, {"factory_calibrated": 1}],
)  # fmt: skip
def test_wrong_headers_are_refused(saved: Path, change: dict[str, object]) -> None:
    change_header(saved, **change)
    refused(saved)


def test_a_fitting_die_is_taken(saved: Path) -> None:
    load_die(saved).check_fits("W12-D3", 6, 5, device_named("ru-azo", G_MAX).profile)


@pytest.mark.parametrize(
    ("bench", "held", "asked"),
    [
        (("W12-D4", 6, 5, 5.9e-3), "die 'W12-D3'", "die 'W12-D4'"),
        (("W12-D3", 64, 64, 5.9e-3), "6 x 5 cells", "64 x 64 cells"),
        (("W12-D3", 6, 5, 20e-6), "up to 5.9 mS", "up to 20 uS"),
    ],
)
def test_a_die_of_another_bench_is_refused_with_both_sides(
    saved: Path, bench: tuple[str, int, int, float], held: str, asked: str
) -> None:
    die_id, rows, columns, g_max = bench
    with pytest.raises(BenchFileError) as caught:
        load_die(saved).check_fits(die_id, rows, columns, device_named("ru-azo", g_max).profile)
    message = str(caught.value)
    assert str(saved) in message
    assert held in message
    assert asked in message


def test_a_die_of_another_profile_is_refused_with_both_numbers(saved: Path) -> None:
    profile = device_named("ru-azo", G_MAX).profile
    change_header(saved, profile=profile_to_json(profile.model_copy(update={"rectification": 100.0})))
    with pytest.raises(BenchFileError, match=r"rectification = 100\.0.*rectification = 10000\.0"):
        load_die(saved).check_fits("W12-D3", 6, 5, profile)
