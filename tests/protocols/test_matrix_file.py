"""Matrices and pictures from files."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from labctl.errors import ParameterError
from protocols.matrix_file import read_matrix

NUMBERS = np.arange(6.0).reshape(2, 3) / 7


def test_numbers_come_from_npy_npz_and_csv_as_they_are(tmp_path: Path) -> None:
    np.save(tmp_path / "m.npy", NUMBERS)
    np.savez(tmp_path / "m.npz", whatever=NUMBERS)
    np.savetxt(tmp_path / "m.csv", NUMBERS, delimiter=",", header="a line of words")
    for suffix in ("npy", "npz", "csv"):
        matrix = read_matrix(str(tmp_path / f"m.{suffix}"))
        assert matrix is not None
        np.testing.assert_array_equal(matrix.values, NUMBERS)
        assert not matrix.is_picture


@pytest.mark.parametrize("mode", ["L", "RGB", "I;16", "1", "LA"])
def test_pictures_are_greys_of_0_to_1(tmp_path: Path, mode: str) -> None:
    white = np.zeros((3, 2), np.uint8)
    white[0, 1] = 255
    deep = Image.fromarray(white.astype(np.uint16) * 257)
    picture = deep if mode == "I;16" else Image.fromarray(white).convert(mode)
    picture.save(tmp_path / "p.png")
    matrix = read_matrix(str(tmp_path / "p.png"))
    assert matrix is not None
    assert matrix.is_picture
    np.testing.assert_allclose(matrix.values, white / 255)


def test_no_name_is_no_matrix() -> None:
    assert read_matrix("") is None
    assert read_matrix("none") is None


def test_identity_tells_other_numbers_in_the_same_file(tmp_path: Path) -> None:
    file = tmp_path / "m.npy"
    np.save(file, NUMBERS)
    first = read_matrix(str(file))
    np.save(file, NUMBERS + 1e-12)
    second = read_matrix(str(file))
    assert first is not None
    assert second is not None
    assert first.identity != second.identity


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("m.txt", b"1,2", "npy, .npz, .csv, .png"),
        ("m.npy", b"no array", "not a readable npy file"),
        ("m.npz", b"no archive", "not a readable npz file"),
        ("m.png", b"no picture", "not a readable png file"),
        ("m.csv", b"1,2\n3", "not a readable csv file"),
        ("m.csv", b"1,nan", "row 0, column 1 is nan"),
        ("m.csv", b"a,b\n1,2", "no headings"),
        ("m.csv", b"", "two dimensions|not a readable"),
    ],
)
def test_what_is_no_matrix_is_refused_by_name(tmp_path: Path, name: str, content: bytes, words: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ParameterError, match=words):
        read_matrix(str(tmp_path / name))


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match="No such file"):
        read_matrix(str(tmp_path / "none.npy"))


def test_pickled_objects_are_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "m.npy", np.array([[{"a": 1}]]), allow_pickle=True)
    with pytest.raises(ParameterError, match="not a readable npy file"):
        read_matrix(str(tmp_path / "m.npy"))


def test_several_arrays_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "m.npz", one=NUMBERS, two=NUMBERS)
    with pytest.raises(ParameterError, match="one, two"):
        read_matrix(str(tmp_path / "m.npz"))


def test_an_archive_that_would_swell_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "m.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.npy", bytes(200 << 20))
    with pytest.raises(ParameterError, match="larger than"):
        read_matrix(str(tmp_path / "m.npz"))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(content=st.binary(max_size=200), suffix=st.sampled_from(["npy", "npz", "csv", "png"]))
@pytest.mark.filterwarnings("ignore:loadtxt", "ignore::DeprecationWarning", "ignore::UserWarning")
def test_any_bytes_are_a_matrix_or_refused(tmp_path: Path, content: bytes, suffix: str) -> None:
    file = tmp_path / f"m.{suffix}"
    file.write_bytes(content)
    try:
        matrix = read_matrix(str(file))
    except ParameterError:
        return
    assert matrix is not None
    assert np.isfinite(matrix.values).all()
