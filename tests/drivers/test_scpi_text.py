"""What SCPI instruments write: numbers, identities, errors and block headers."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.scpi_text import decode_array, decode_number, parse_block_header, parse_error, parse_identity, shown
from labctl.instruments import Identity


@pytest.mark.parametrize(
    ("text", "value"),
    [("+1.000000E-06", 1e-6), (" -2.5 ", -2.5), ("1", 1.0), (".5", 0.5), ("9.8E36", 9.8e36), ("0", 0.0)],
)
def test_numbers_are_read(text: str, value: float) -> None:
    assert decode_number(text) == value


@pytest.mark.parametrize("text", ["9.9E37", "+9.900000E+37", "1e38", "9e99", "1E400"])
def test_a_positive_overrange_is_infinite(text: str) -> None:
    assert decode_number(text) == math.inf


def test_a_negative_overrange_is_found_too() -> None:
    assert decode_number("-9.900000E+37") == -math.inf


def test_not_measured_is_no_number() -> None:
    assert math.isnan(decode_number("+9.910000E+37"))


@pytest.mark.parametrize("text", ["", "nan", "inf", "-inf", "1_0", "1,5", "0x10", "1.0 V", "--1", "1e", "SCPI", "1 2"])
def test_what_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a number"):
        decode_number(text)


@given(st.floats(-9e36, 9e36))
def test_a_printed_number_is_read_back(value: float) -> None:
    assert decode_number(f"{value:+.6E}") == float(f"{value:.6E}")


def test_special_numbers_of_a_block_are_decoded() -> None:
    raw = np.array([1.5, 9.9e37, -9.9e37, 9.91e37, np.inf, np.nan, -9e36])
    decoded = decode_array(raw)
    assert decoded[0] == 1.5
    assert decoded[6] == -9e36
    assert decoded[1] == np.inf == decoded[4]
    assert decoded[2] == -np.inf
    assert np.isnan(decoded[[3, 5]]).all()
    assert raw[1] == 9.9e37


def test_special_numbers_survive_single_precision() -> None:
    decoded = decode_array(np.array([9.9e37, 9.91e37], "<f4").astype(np.float64))
    assert decoded[0] == np.inf
    assert np.isnan(decoded[1])


@pytest.mark.parametrize(
    ("reply", "identity"),
    [
        (
            "KEITHLEY INSTRUMENTS,MODEL 2450,04043033,1.7.12b",
            Identity("KEITHLEY INSTRUMENTS", "2450", "04043033", "1.7.12b"),
        ),
        (
            "Keithley Instruments Inc., Model 2602A, 1219110, 2.2.6",
            Identity("Keithley Instruments Inc.", "2602A", "1219110", "2.2.6"),
        ),
        (
            "Keysight Technologies,B2912A,MY51,3.4.2011.5100",
            Identity("Keysight Technologies", "B2912A", "MY51", "3.4.2011.5100"),
        ),
        (
            "KEITHLEY INSTRUMENTS INC.,MODEL 2400,1234,C30 Mar 17 2006/A02,x/K",
            Identity("KEITHLEY INSTRUMENTS INC.", "2400", "1234", "C30 Mar 17 2006/A02,x/K"),
        ),
    ],
)
def test_identities_are_read(reply: str, identity: Identity) -> None:
    assert parse_identity(reply) == identity


@pytest.mark.parametrize("reply", ["", "hello", "a,b,c,d", "+1.0E+00,2.0E+00,3.0E+00,160"])
def test_what_is_no_identity_is_refused(reply: str) -> None:
    with pytest.raises(ValueError, match="serial number"):
        parse_identity(reply)


@pytest.mark.parametrize(
    ("reply", "code", "text"),
    [
        ('0,"No error;0;0 0"', 0, "No error"),
        ('+0,"No error"', 0, "No error"),
        ('-109,"Missing parameter;1;2015/05/06 12:55:33.648"', -109, "Missing parameter"),
        ('1133,"Parameter 4, Syntax error, expected valid name parameters;1;x"', 1133, "Parameter 4, Syntax error"),
        ('-113,"Undefined header"', -113, "Undefined header"),
    ],
)
def test_error_entries_are_read(reply: str, code: int, text: str) -> None:
    entry = parse_error(reply)
    assert entry.code == code
    assert entry.text.startswith(text)
    assert str(entry).startswith(f"{code} {text}")


def test_what_is_no_error_entry_is_refused() -> None:
    with pytest.raises(ValueError, match="error queue"):
        parse_error("+1.0E-3")


@pytest.mark.parametrize(
    ("data", "header"), [(b"#0abc", (2, None)), (b"#15hello", (3, 5)), (b"#800000012\x0a", (10, 12))]
)
def test_block_headers_are_read(data: bytes, header: tuple[int, int | None]) -> None:
    assert parse_block_header(data) == header


@given(st.binary(max_size=20))
def test_any_bytes_are_a_block_header_or_refused(data: bytes) -> None:
    try:
        start, length = parse_block_header(data)
    except ValueError:
        return
    assert data.startswith(b"#")
    assert start <= len(data)
    assert length is None or length >= 0


def test_a_shown_reply_is_escaped_and_cut() -> None:
    assert shown("a\x1b[31m\n") == r"'a\x1b[31m\n'"
    assert len(shown(b"\xff" * 10_000)) < 400
