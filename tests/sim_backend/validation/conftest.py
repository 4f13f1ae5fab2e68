"""One small validation for all tests of this folder: it takes some seconds."""

from __future__ import annotations

import pytest

from sim_backend.validation.acceptance import QUICK, Validation, validate


@pytest.fixture(scope="session")
def quick_validation() -> Validation:
    """Return the whole acceptance table, measured on small samples."""
    return validate(QUICK, seed=0)
