"""The devices a bench file can name."""

from __future__ import annotations

from labctl.errors import BenchFileError, UnknownNameError
from labctl.levels import G_MAX, G_MIN
from sim_backend.device_profile import DeviceProfile

RU_AZO = DeviceProfile(
    name="ru-azo",
    g_min=G_MIN,
    g_max=G_MAX,
    # Our choice. The additive spread (107.2 nS) would give 3 % of the erased cells a negative conductance, and no
    # film conducts less than nothing: 1/100 of level 0, far below what a reader resolves, and above 0 so that the
    # voltage at which a cell carries a given current exists.
    g_floor=G_MIN / 100,
    # Conduction: published compact model of the Ru-azo film, 2026 (both of its tables are flat in V0).
    conduction_voltage=0.343826,
    conduction_bend=-0.01223,
    # Assumption. The published model is odd in V, the paper calls its crossbar selector-less and self-selecting:
    # some rectification is needed, its size is not given.
    rectification=1e4,
    # Kinetics: same model. Its rate constant is not used: it makes 0.94 and 0.77 levels of the paper's own pulses.
    kinetic_voltage=0.466409,
    kinetic_softness=0.103776,
    kinetic_exponent=0.931756,
    overdrive_exponent=0.125186,
    # Just under the kinetic voltage: half of 0.90 V stays 16 mV below it, as published; the softplus law alone would
    # disturb half-selected cells by 0.16 levels a pulse, against the published selector-less operation.
    hard_threshold=0.466,
    # One level each (Nature 633, 560, through the published model's description).
    up_voltage=0.90,
    up_width=80e-9,
    down_voltage=-0.75,
    down_width=65e-9,
    top_margin=50.0,
    bottom_margin=30.0,
    # Noise: compact form of the published model's data sets; the read noise holds at 0.2 V up to 2.86 mS and is
    # extrapolated above.
    read_noise=27.228e-9,
    read_noise_slope=1.8647e-5,
    write_noise=0.0509,
    write_noise_rise=0.0758,
    spread=107.2e-9,
)
"""The 14-bit Ru-azo film between gold electrodes, self-selecting, at 298 K."""

_LATER = frozenset({"ru-azo-soft", "vteam-tio2", "vteam-taox"})


def device_named(name: str, g_max: float) -> DeviceProfile:
    """Return the profile of a device.

    Args:
        name: as in the bench file's `[twin]` table.
        g_max: conductance of its last level (S); scales the profile.

    Raises:
        BenchFileError: for a device or a profile file that this version cannot simulate, or a `g_max` not above 0.
        UnknownNameError: for any other name.
    """
    if name == RU_AZO.name:
        return RU_AZO.scaled(g_max)
    if name in _LATER or "." in name or "/" in name or "\\" in name:
        raise BenchFileError(f"device {name!r}: this version simulates only {RU_AZO.name!r}")
    raise UnknownNameError("device", name, (RU_AZO.name,))
