"""MULTIPLY as the board takes it: what is wrong with its arguments, and what the drivers are told (rules 5 and 9)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from labctl.board_features import INPUTS_MAX, OUTPUTS_MAX, Coding, Direction
from labctl.feature_messages import unpack_multiply
from labctl.wire import ErrorCode
from sim_backend.panels import board_facts as facts
from sim_backend.panels.board_checks import Refusal, unpacked
from sim_backend.products import ProductDrive

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from labctl.feature_messages import MultiplyRequest


def checked(payload: bytes, shape: tuple[int, int]) -> MultiplyRequest:
    """Return the arguments of MULTIPLY on a die of `shape` (rows, columns).

    An entry of the list is one input of one vector: the first input of the second vector follows the last of the first.

    Raises:
        Refusal: for the first thing that is wrong.
    """
    request = unpacked(lambda data: unpack_multiply(data, *shape), payload)
    if request.coding not in tuple(Coding):
        raise Refusal(ErrorCode.BAD_ARGUMENT, f"{request.coding} is not a coding")
    if request.direction not in tuple(Direction):
        raise Refusal(ErrorCode.BAD_ARGUMENT, f"{request.direction} is not a direction")
    _check_sizes(request, shape)
    width_coded = request.coding == Coding.WIDTH
    resting = [request.floor, request.floor + request.voltage] if width_coded else [request.floor]
    if max(map(abs, resting)) > facts.READ_LIMIT:
        raise Refusal(ErrorCode.RANGE, f"lines stand at {facts.READ_LIMIT} uV at most, floor included")
    if width_coded:
        _check_entries(request.values > request.slot, f"a width is at most the slot, {request.slot} ns")
    else:
        beyond = np.abs(request.floor + request.values) > facts.READ_LIMIT
        _check_entries(beyond, f"an input is at most {facts.READ_LIMIT} uV, floor included")
    return request


def duration(request: MultiplyRequest) -> int:
    """Return what all vectors take, in ns."""
    return request.count * vector_time(request)


def vector_time(request: MultiplyRequest) -> int:
    """Return what one vector takes, in ns."""
    return facts.SETTLING + request.averages * (request.slot + facts.SAMPLE)


def drive(request: MultiplyRequest, shape: tuple[int, int], limit: float) -> ProductDrive:
    """Return what the drivers are told; `limit` of each line's current in A."""
    direction = Direction(request.direction)
    values = request.values.reshape(request.count, direction.sides(*shape)[0])
    low = None
    if request.coding == Coding.WIDTH:
        low = facts.on_grid(request.floor, facts.READ_STEP)
        levels = np.full(values.shape, facts.on_grid(request.floor + request.voltage, facts.READ_STEP))
        shares = values / request.slot
    else:
        levels = np.rint((request.floor + values) * 1000 / facts.READ_STEP) * facts.READ_STEP / 1e9
        shares = np.ones(values.shape)
    return ProductDrive(direction, levels, low, shares, request.slot / 1e9, request.averages, limit)


def _check_sizes(request: MultiplyRequest, shape: tuple[int, int]) -> None:
    inputs, outputs = Direction(request.direction).sides(*shape)
    if not 1 <= request.averages <= facts.AVERAGES_MAX:
        raise Refusal(ErrorCode.RANGE, f"averages are 1..{facts.AVERAGES_MAX}, not {request.averages}")
    if request.count < 1 or request.count * outputs > OUTPUTS_MAX or request.count * inputs > INPUTS_MAX:
        raise Refusal(
            ErrorCode.RANGE,
            f"1 vector or more, with {OUTPUTS_MAX} results and {INPUTS_MAX} inputs at most, not {request.count}",
        )
    if not facts.PRODUCT_SLOT_MIN <= request.slot <= facts.PRODUCT_SLOT_MAX:
        raise Refusal(
            ErrorCode.RANGE, f"a slot is {facts.PRODUCT_SLOT_MIN}..{facts.PRODUCT_SLOT_MAX} ns, not {request.slot}"
        )


def _check_entries(wrong: NDArray[np.bool_], text: str) -> None:
    if wrong.any():
        raise Refusal(ErrorCode.RANGE, text, int(wrong.argmax()))
