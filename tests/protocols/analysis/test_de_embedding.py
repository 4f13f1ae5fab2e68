"""Cells are found again behind the wires through which they were read."""

from __future__ import annotations

import numpy as np
import pytest

from labctl.board_data import ReadScheme
from labctl.errors import EquipmentError, ParameterError
from protocols.analysis.array_law import ArrayLaw
from protocols.analysis.de_embedding import de_embedded
from protocols.analysis.wire_network import Wires
from protocols.analysis.wire_products import row_reads


@pytest.mark.parametrize(
    ("g_max", "rectification", "scheme"),
    [
        (2e-5, 1e4, ReadScheme.GROUND),
        (2e-4, 1e4, ReadScheme.GROUND),
        (2e-5, 1e4, ReadScheme.REVERSE),
        (2e-4, 1e4, ReadScheme.REVERSE),
        (2e-4, 1.0, ReadScheme.GROUND),
    ],
)
def test_cells_are_found_again(g_max: float, rectification: float, scheme: ReadScheme) -> None:
    cells = np.random.default_rng(1).uniform(0, g_max, (24, 32))
    law, wires = ArrayLaw(cells, 0.344, rectification), Wires(1.0, 2.0)
    apparent = row_reads(law, wires, 0.2, scheme) / 0.2
    assert float(np.abs(apparent / cells - 1).max()) > 1e-3
    found = de_embedded(apparent, wires, law.with_conductance(np.maximum(apparent, 0)), scheme=scheme)
    np.testing.assert_allclose(found, cells, atol=1e-7 * g_max)


def test_a_cell_that_noise_shows_below_nothing_does_not_conduct() -> None:
    cells = np.full((4, 4), 1e-5)
    law, wires = ArrayLaw(cells, 0.344, 1e4), Wires(1.0, 1.0)
    apparent = row_reads(law, wires, 0.2) / 0.2
    apparent[2, 1] = -5e-9
    found = de_embedded(apparent, wires, law)
    assert found[2, 1] == 0.0
    assert found[0, 0] == pytest.approx(1e-5, rel=1e-4)


def test_reads_that_no_cells_show_are_refused() -> None:
    law = ArrayLaw(np.full((8, 8), 1e-4))
    apparent = row_reads(law, Wires(0.0, 0.0), 0.2, ReadScheme.REVERSE) / 0.2
    with pytest.raises(EquipmentError, match="no cells behind wires"):
        de_embedded(apparent, Wires(1.0, 1.0), law, scheme=ReadScheme.REVERSE)
    with pytest.raises(EquipmentError, match="no cells behind wires"):
        # 0.1 S behind 100 ohm read as less than 0.01 S.
        de_embedded(np.full((4, 4), 0.1), Wires(100.0, 100.0), ArrayLaw(np.full((4, 4), 0.1)))
    with pytest.raises(ParameterError, match="shape"):
        de_embedded(np.ones((2, 3)), Wires(1.0, 1.0), law)
