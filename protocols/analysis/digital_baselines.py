"""Digital machines that an analog product is compared with, and the claim that it is compared for.

Each is taken at its peak and at its thermal design power, by the maker's or the authors' own figures: no machine
reaches its peak in use, and none of the figures is a measurement of ours. An operation is a multiplication or an
addition, so a multiply-accumulate is two.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

BaselineName = Literal["haswell", "k80", "tpu-v1", "a100", "h100"]


@dataclass(frozen=True, slots=True)
class DigitalBaseline:
    """One machine.

    Args:
        name: as a person types it.
        title: as it is sold.
        arithmetic: of its operations.
        rate: operations a second at its peak (1/s).
        power: thermal design power (W).
        year: it came out.
        source: of rate and power.
    """

    name: BaselineName
    title: str
    arithmetic: str
    rate: float
    power: float
    year: int
    source: str

    @property
    def energy_per_op(self) -> float:
        """Energy of an operation (J)."""
        return self.power / self.rate

    @property
    def efficiency(self) -> float:
        """Operations per joule: 1e12 are a TOPS/W."""
        return self.rate / self.power


_TPU_PAPER = "Jouppi et al., In-datacenter performance analysis of a tensor processing unit, ISCA 2017, table 2"

BASELINES: tuple[DigitalBaseline, ...] = (
    DigitalBaseline("haswell", "Intel Xeon E5-2699 v3, 18 cores", "floating point", 1.3e12, 145.0, 2014, _TPU_PAPER),
    DigitalBaseline("k80", "NVIDIA K80, one of its two dies", "floating point", 2.8e12, 150.0, 2014, _TPU_PAPER),
    DigitalBaseline("tpu-v1", "Google TPU v1", "8-bit integer", 92e12, 75.0, 2015, _TPU_PAPER),
    DigitalBaseline(
        "a100", "NVIDIA A100 SXM", "8-bit integer, dense", 624e12, 400.0, 2020, "NVIDIA A100 data sheet, 2021"
    ),
    DigitalBaseline(
        "h100", "NVIDIA H100 SXM", "8-bit integer, dense", 1979e12, 700.0, 2022, "NVIDIA H100 data sheet, 2022"
    ),
)
"""From the oldest to the youngest. Half of the H100's advertised 3958 TOPS is for matrices with zeros in every second
place: without them it is 1979."""

BASELINE_NAMES: tuple[BaselineName, ...] = get_args(BaselineName)

CLAIMED_EFFICIENCY = 4.1e12
"""Operations per joule that the 64 x 64 engine of Ru-azo cells is said to reach: 4.1 TOPS/W (press on the publication
of 2024). How much of the system it covers is not known to us."""
CLAIMED_RATIOS: dict[BaselineName, float] = {"haswell": 460.0, "k80": 220.0}
"""By what it is said to beat "digital" hardware and the K80 (same source). That "digital" is the Haswell is our
inference: with the peaks and design powers above, both ratios come out."""

ADD_FP32, MULTIPLY_FP32 = 0.9e-12, 3.7e-12
"""Energy (J) of bare 32-bit floating-point arithmetic in 45 nm at 0.9 V (Horowitz, Computing's energy problem,
ISSCC 2014)."""
CACHE_READ = 10e-12
"""Energy (J) of reading 64 bit from an 8 kB cache (same source)."""


def baseline_of(name: BaselineName) -> DigitalBaseline:
    """Return the machine of that name."""
    return next(each for each in BASELINES if each.name == name)


def claimed_energy_per_op() -> float:
    """Return the energy of an operation (J) that the claimed efficiency amounts to: 0.244 pJ."""
    return 1 / CLAIMED_EFFICIENCY


def claimed_ratio(name: BaselineName) -> float:
    """Return how many times less than a machine's an operation takes by the claimed efficiency."""
    return baseline_of(name).energy_per_op / claimed_energy_per_op()


def arithmetic_per_op() -> float:
    """Return the energy (J) of an operation of bare 32-bit arithmetic: half of a multiplication and an addition."""
    return (ADD_FP32 + MULTIPLY_FP32) / 2
