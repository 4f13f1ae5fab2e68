"""Units that device profiles need beyond those of `labctl.units`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from pydantic_core import core_schema

from labctl.errors import UnitError
from labctl.units import Unit, parse_quantity

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler
    from pydantic_core import CoreSchema


@dataclass(frozen=True, slots=True)
class ProfileUnit:
    """The unit of a float in a profile, written as `number space? prefix? symbol`."""

    symbol: str

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self.parse)

    def parse(self, text: object) -> float:
        """Return the value of `text` in this unit; ValueError for anything else."""
        if isinstance(text, str) and text.endswith(self.symbol):
            try:
                # The grammar of numbers and prefixes is that of every quantity; only the unit is another.
                return parse_quantity(text.removesuffix(self.symbol) + "V", "V")
            except UnitError:
                pass
        raise ValueError(f"{text!r} is not a quantity in {self.symbol}; write it like '1.5 {self.symbol}'")


Kelvin = Annotated[float, Unit("K")]
KelvinPerWatt = Annotated[float, ProfileUnit("K/W")]
Electronvolts = Annotated[float, ProfileUnit("eV")]
Metres = Annotated[float, ProfileUnit("m")]
MetresPerSecond = Annotated[float, ProfileUnit("m/s")]
