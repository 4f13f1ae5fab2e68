"""Parameters that a protocol chooses by itself unless a person does: a quantity, or `auto`."""

from __future__ import annotations

import math

from labctl.errors import ParameterError
from labctl.units import Written, format_quantity, parse_number, parse_quantity

AUTO = "auto"


def or_auto(unit: str, *, above: float = -math.inf, least: float = -math.inf, most: float = math.inf) -> Written:
    """Return the annotation of a parameter that is None for `auto`.

    Args:
        unit: of the quantity; "" for a plain number.
        above: the value must be larger.
        least: the smallest value.
        most: the largest value.
    """

    def parse(text: object) -> float | None:
        if text is None or text == AUTO:
            return None
        value = parse_quantity(text, unit) if unit else parse_number(text)
        if not above < value or not least <= value <= most:
            bounds = [f"above {format_quantity(above, unit)}"] if above > -math.inf else []
            bounds += [f"at least {format_quantity(least, unit)}"] if least > -math.inf else []
            bounds += [f"at most {format_quantity(most, unit)}"] if most < math.inf else []
            raise ParameterError(f"it must be {' and '.join(bounds)}, or auto, not {text!r}")
        return value

    return Written(f"{unit or 'number'}, or auto", parse, nothing=AUTO)
