"""The Fourier transform and its inverse on one array: a basis of cosines and sines, a product for each real vector.

The basis is programmed, training vectors tell gain and offset of each column, and random vectors, or the blocks of a
picture, are transformed. What comes is held against the exact transform of what was put in, as the array has it (raw)
and with the columns' gain and offset taken out (calibrated).
"""

from __future__ import annotations

from labctl.instruments import ProbeBoard
from labctl.protocol import Protocol
from protocols.fourier_figure import figure
from protocols.fourier_parameters import FourierParameters, check_fourier
from protocols.fourier_picture import files
from protocols.fourier_run import FourierMemory, Transform, run_fourier
from protocols.fourier_summary import summarise
from protocols.product_parameters import check_product_board


def _caption(record: Transform) -> str:
    what = {"basis": "row", "picture": "block"}.get(record.stage, "vector")
    return f"{record.stage}, {what} {record.index + 1}"


PROTOCOL = Protocol(
    name="fourier",
    title="transform vectors, or a picture, with a Fourier basis in the array, and see how exact it is",
    parameters=FourierParameters,
    record=Transform,
    needs=(ProbeBoard,),
    check=check_fourier,
    steps=FourierParameters.steps,
    run=run_fourier,
    summarise=summarise,
    caption=_caption,
    memory=FourierMemory,
    figure=figure,
    files=files,
    check_board=check_product_board,
)
