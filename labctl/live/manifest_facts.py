"""What a run's manifest says of the die, as far as it says it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, cast

from labctl.levels import LevelScale


def entry(manifest: Mapping[str, Any], *names: str) -> object:
    """Return an entry of a table, or of a table in a table, of the manifest; None where there is none."""
    inner: object = manifest
    for name in names:
        inner = cast("dict[str, Any]", inner).get(name) if isinstance(inner, Mapping) else None
    return inner


def die_shape(manifest: Mapping[str, Any]) -> tuple[int, int]:
    """Return rows and columns of the die; 0 where they are not known."""
    rows, columns = (entry(manifest, "bench", "die", name) for name in ("rows", "columns"))
    return _count(rows), _count(columns)


def level_scale(manifest: Mapping[str, Any]) -> LevelScale | None:
    """Return the scale of the die's levels; None where it is not known."""
    g_max = entry(manifest, "bench", "twin", "g_max")
    if isinstance(g_max, int | float) and math.isfinite(g_max) and 0 < g_max < 1:
        return LevelScale.up_to(float(g_max))
    return None


def _count(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0
