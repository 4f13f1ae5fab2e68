"""CALIBRATION_READ and CALIBRATION_WRITE: the coefficients that the board's readers are corrected with.

They are kept when the power goes, as on a board that has them in flash memory; a saved world keeps them, too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from labctl.board_features import Direction
from labctl.feature_messages import identity_of, pack_pairs, unpack_calibration, unpack_lines
from labctl.wire import CALIBRATION_KEY, ErrorCode
from sim_backend.panels import board_facts as facts
from sim_backend.panels.board_checks import Refusal, unpacked

if TYPE_CHECKING:
    from labctl.feature_messages import CalibrationRequest, LinesRequest
    from sim_backend.front_end.interface import Calibration


def lines(payload: bytes, shape: tuple[int, int]) -> LinesRequest:
    """Return the arguments of CALIBRATION_READ on a die of `shape` (rows, columns)."""
    return _checked(unpacked(unpack_lines, payload), shape)


def coefficients(payload: bytes, shape: tuple[int, int]) -> CalibrationRequest:
    """Return the arguments of CALIBRATION_WRITE; its key is looked at last."""
    request = unpacked(unpack_calibration, payload)
    _checked(request.lines, shape)
    wrong = ~(np.isfinite(request.gain) & (request.gain > 0) & np.isfinite(request.offset))
    if wrong.any():
        index = int(wrong.argmax())
        text = f"a gain is above 0 and an offset finite, not {request.gain[index]} and {request.offset[index]} A"
        raise Refusal(ErrorCode.RANGE, text, index)
    if request.key != CALIBRATION_KEY:
        raise Refusal(ErrorCode.CALIBRATION_KEY, f"0x{request.key:08x} is not the key")
    return request


def read(stored: tuple[Calibration, Calibration], request: LinesRequest) -> bytes:
    """Return the answer to CALIBRATION_READ; `stored` are the coefficients by direction."""
    side, part = stored[request.direction], slice(request.first, request.first + request.count)
    return pack_pairs(side.gain[part], side.offset[part]) + _identity(stored)


def write(stored: tuple[Calibration, Calibration], request: CalibrationRequest) -> bytes:
    """Store coefficients, and return the answer to CALIBRATION_WRITE."""
    side, place = stored[request.lines.direction], request.lines
    part = slice(place.first, place.first + place.count)
    side.gain[part], side.offset[part] = request.gain, request.offset
    return _identity(stored)


def _identity(stored: tuple[Calibration, Calibration]) -> bytes:
    return identity_of(*(pack_pairs(side.gain, side.offset) for side in stored))


def _checked(request: LinesRequest, shape: tuple[int, int]) -> LinesRequest:
    if request.direction not in tuple(Direction):
        raise Refusal(ErrorCode.BAD_ARGUMENT, f"{request.direction} is not a direction")
    if not 1 <= request.count <= facts.CALIBRATION_LINES:
        raise Refusal(ErrorCode.RANGE, f"1..{facts.CALIBRATION_LINES} lines, not {request.count}")
    readers = Direction(request.direction).sides(*shape)[1]
    if request.first + request.count > readers:
        raise Refusal(ErrorCode.RANGE, f"there are the readers 0 to {readers - 1}")
    return request
