"""Frames on an untrusted link: what goes in comes out, and nothing else does."""

from __future__ import annotations

import struct
import zlib

import pytest
from cobs import cobs
from hypothesis import given
from hypothesis import strategies as st

from labctl import wire
from labctl.wire import Frame, FrameReader, Kind, decode_frame, encode_frame

KINDS = st.sampled_from(Kind)
FRAMES = st.builds(
    Frame, KINDS, st.integers(0, 0xFFFF), st.integers(0, 0xFFFF_FFFF), st.integers(0, 0xFFFF), st.binary(max_size=600)
)
ALL_KINDS = tuple(Kind)


def enveloped(body: bytes) -> bytes:
    """Return `body` with its checksum, stuffed and delimited, whatever stands in it."""
    return cobs.encode(body + struct.pack("<I", zlib.crc32(body))) + b"\0"


@given(FRAMES)
def test_a_frame_survives_the_link(frame: Frame) -> None:
    encoded = encode_frame(frame)
    assert encoded[-1] == 0
    assert 0 not in encoded[:-1]
    assert decode_frame(encoded[:-1]) == frame


def test_the_longest_payload_fits_and_one_byte_more_does_not() -> None:
    for filling in (b"\0", b"\x01", b"\xff"):
        frame = Frame(Kind.REQUEST, 1, 2, 3, filling * wire.PAYLOAD_MAX)
        encoded = encode_frame(frame)
        assert len(encoded) - 1 <= wire.ENCODED_MAX
        assert FrameReader(Kind.REQUEST).feed(encoded) == [frame]
    with pytest.raises(ValueError, match="at most 16386 bytes"):
        encode_frame(Frame(Kind.REQUEST, 1, 2, 3, bytes(wire.PAYLOAD_MAX + 1)))


def test_limits_are_those_of_the_specification() -> None:
    assert (wire.FRAME_MIN, wire.FRAME_MAX, wire.PAYLOAD_MAX) == (14, 16_400, 16_386)
    assert wire.OUTSIDE_SESSION == 0x8000_0000
    assert wire.CALIBRATION_KEY.to_bytes(4, "big") == b"CAL1"


@given(st.lists(FRAMES, max_size=5), st.data())
def test_a_stream_may_be_cut_anywhere(frames: list[Frame], data: st.DataObject) -> None:
    stream = b"\0" + b"".join(encode_frame(frame) for frame in frames)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    reader = FrameReader(*ALL_KINDS)
    found = [
        frame
        for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)
        for frame in reader.feed(stream[start:end])
    ]
    assert found == frames
    assert reader.bad_frames == 0


@given(FRAMES)
def test_a_stream_may_come_byte_by_byte(frame: Frame) -> None:
    reader = FrameReader(*ALL_KINDS)
    found = [got for byte in encode_frame(frame) for got in reader.feed(bytes([byte]))]
    assert found == [frame]


@given(st.binary(max_size=300), FRAMES)
def test_any_garbage_resynchronises_at_the_next_delimiter(garbage: bytes, frame: Frame) -> None:
    reader = FrameReader(*ALL_KINDS)
    reader.feed(garbage)
    assert reader.feed(b"\0" + encode_frame(frame))[-1:] == [frame]


@given(FRAMES, st.data())
def test_a_flipped_bit_is_noticed(frame: Frame, data: st.DataObject) -> None:
    encoded = bytearray(encode_frame(frame))
    place = data.draw(st.integers(0, len(encoded) - 2))
    encoded[place] ^= 1 << data.draw(st.integers(0, 7))
    reader = FrameReader(*ALL_KINDS)
    assert reader.feed(bytes(encoded)) == []
    assert reader.bad_frames >= 1


@given(FRAMES, st.integers(1, 10))
def test_a_lost_byte_is_noticed(frame: Frame, place: int) -> None:
    encoded = encode_frame(frame)
    reader = FrameReader(*ALL_KINDS)
    assert reader.feed(encoded[:place] + encoded[place + 1 :]) == []
    assert reader.bad_frames == 1


@given(st.lists(st.binary(max_size=40).filter(lambda piece: 0 not in piece), max_size=10))
def test_each_bad_piece_counts_once_and_empty_ones_not_at_all(pieces: list[bytes]) -> None:
    reader = FrameReader(Kind.REQUEST)
    assert reader.feed(b"\0".join([*pieces, b""])) == []
    assert reader.bad_frames == sum(bool(piece) for piece in pieces)


@pytest.mark.parametrize(
    "body",
    [
        struct.pack("<BBHIH", 2, 1, 1, 1, 0),
        struct.pack("<BBHIH", 0, 1, 1, 1, 0),
        struct.pack("<BBHIH", 1, 0, 1, 1, 0),
        struct.pack("<BBHIH", 1, 4, 1, 1, 0),
        struct.pack("<BBHIH", 1, 1, 1, 1, 0)[:-1],
        struct.pack("<BBHIH", 1, 1, 1, 1, 0) + bytes(wire.PAYLOAD_MAX + 1),
        b"",
    ],
    ids=["version 2", "version 0", "kind 0", "kind 4", "13 bytes", "16,401 bytes", "4 bytes"],
)
def test_what_is_no_frame_is_dropped_and_counted(body: bytes) -> None:
    reader = FrameReader(*ALL_KINDS)
    assert reader.feed(enveloped(body)) == []
    assert reader.bad_frames == 1


@pytest.mark.parametrize("expected", Kind)
def test_frames_of_another_kind_are_dropped_and_counted(expected: Kind) -> None:
    reader = FrameReader(expected)
    frames = [Frame(kind, 1, 2, 3) for kind in Kind]
    assert reader.feed(b"".join(map(encode_frame, frames))) == [Frame(expected, 1, 2, 3)]
    assert reader.bad_frames == len(Kind) - 1


@given(st.integers(1, 3 * wire.ENCODED_MAX), st.integers(100, 20_000))
def test_an_overlong_piece_is_forgotten_up_to_its_delimiter(length: int, chunk: int) -> None:
    """However long a piece gets, one delimiter ends it, and it counts as one bad frame."""
    reader = FrameReader(Kind.REQUEST)
    for start in range(0, length, chunk):
        assert reader.feed(b"\x05" * min(chunk, length - start)) == []
    frame = Frame(Kind.REQUEST, 1, 2, 3, b"after")
    assert reader.feed(b"\0" + encode_frame(frame)) == [frame]
    assert reader.bad_frames == 1


def test_a_reset_forgets_the_half_frame_and_keeps_the_count() -> None:
    frame = Frame(Kind.REPLY, 9, 8, 7, b"payload")
    reader = FrameReader(Kind.REPLY)
    reader.feed(b"\x02\x00")
    reader.feed(encode_frame(frame)[:7])
    reader.reset()
    assert reader.feed(encode_frame(frame)) == [frame]
    assert reader.bad_frames == 1


@given(st.binary(max_size=2000))
def test_decoding_never_raises(piece: bytes) -> None:
    found = decode_frame(piece)
    assert found is None or encode_frame(found)[:-1] == piece
