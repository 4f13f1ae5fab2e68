"""The acceptance table holds for the packaged device, and not for devices that differ from it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from sim_backend.device_models.catalogue import model_of, profile_named
from sim_backend.validation import (
    array_figures,
    conduction,
    curves,
    disturb,
    flicker,
    lifetime,
    read_noise,
    staircase,
    write_noise,
)
from sim_backend.validation.fits import exponential_ramp, fitted_bend, fitted_line, fitted_nonlinearity
from sim_backend.validation.measured import measured_curve
from sim_backend.validation.portraits import portrait
from sim_backend.validation.thermal import measure_heat, thermal_rows

if TYPE_CHECKING:
    from collections.abc import Callable

    from sim_backend.device_models.interface import DeviceModel
    from sim_backend.validation.acceptance import Validation
    from sim_backend.validation.rows import Row


def changed(**update: Any) -> DeviceModel:
    """Return the packaged device with other numbers."""
    return model_of(profile_named("ru-azo").model_copy(update=update))


def with_noise(**update: Any) -> DeviceModel:
    profile = profile_named("ru-azo")
    return changed(noise=profile.noise.model_copy(update=update))


def refused(rows: list[Row]) -> set[str]:
    return {row.name for row in rows if not row.passed}


def staircase_refused(model: DeviceModel) -> set[str]:
    found = staircase.climb(model)
    return refused([*staircase.staircase_rows(found), *staircase.linearity_rows(found)])


def curves_refused(model: DeviceModel) -> set[str]:
    return refused(curves.curve_rows(curves.follow(model, "A"), curves.follow(model, "B")))


class TestThePackagedDevice:
    def test_every_row_passes(self, quick_validation: Validation) -> None:
        assert [row for row in quick_validation.rows if not row.passed] == []
        assert quick_validation.passed

    def test_rows_can_be_told_apart_and_say_where_their_target_is_from(self, quick_validation: Validation) -> None:
        names = [row.name for row in quick_validation.rows]
        assert len(set(names)) == len(names) > 80
        assert all(row.source and row.target for row in quick_validation.rows)

    def test_levels_are_counted_exactly_both_ways(self, quick_validation: Validation) -> None:
        counted = {row.name: row.value for row in quick_validation.rows}
        assert counted["levels up"] == counted["levels down"] == 16_520

    def test_another_seed_passes_as_well(self) -> None:
        model = model_of(profile_named("ru-azo"))
        assert refused(write_noise.write_noise_rows(write_noise.measure_step_noise(model, 7, 256))) == set()
        assert refused(read_noise.read_rows(read_noise.measure_reads(model, 7, 128))) == set()

    def test_every_packaged_device_has_its_portrait(self, quick_validation: Validation) -> None:
        portraits = {each.device: each for each in quick_validation.portraits}
        assert set(portraits) == {"ru-azo", "ru-azo-soft", "vteam-tio2", "vteam-taox"}
        best = portraits["ru-azo"]
        for oxide in (portraits["vteam-tio2"], portraits["vteam-taox"]):
            assert abs(oxide.nonlinearity_up) > 10 * abs(best.nonlinearity_up)
            assert oxide.asymmetry > 10 * best.asymmetry
            assert oxide.step_noise > 2 * best.step_noise
            assert oxide.highest / oxide.lowest < best.highest / best.lowest
        # Without the hard threshold reads and half-selected pulses move cells, as in the published model.
        assert portraits["ru-azo-soft"].half_select == pytest.approx(0.17, abs=0.02)
        assert portraits["ru-azo-soft"].read_disturb > 1 > best.read_disturb == 0


class TestADeviceThatDiffers:
    """Every kind of row notices what it is there to notice."""

    @pytest.mark.parametrize(
        ("model", "rows"),
        [
            (
                lambda: changed(g_min=210e-9, g_max=6.0e-3),
                {"lowest conductance", "highest conductance", "mean step", "levels up"},
            ),
            (lambda: changed(up_width=83e-9), {"highest conductance", "levels up", "slope up"}),
            (lambda: changed(down_width=60e-9), {"slope down", "slope down over slope up"}),
        ],
    )
    def test_staircase(self, model: Callable[[], DeviceModel], rows: set[str]) -> None:
        assert rows <= staircase_refused(model())

    @pytest.mark.parametrize(
        ("model", "rows"),
        [
            (lambda: changed(up_width=84e-9), {"curve A, rms residual", "curve B, rms residual"}),
            (lambda: changed(saturation=3000.0), {"curve B, peak"}),
            (lambda: changed(shelf_depth=0.0), {"curve B, rms residual", "curve B, end of the shelf"}),
        ],
    )
    def test_measured_curves(self, model: Callable[[], DeviceModel], rows: set[str]) -> None:
        assert rows <= curves_refused(model())

    def test_write_noise(self) -> None:
        louder = write_noise.measure_step_noise(with_noise(write=0.0580), 0, 256)
        assert refused(write_noise.write_noise_rows(louder)) == {"write noise, worst bin", "write noise, mean"}
        flat = write_noise.measure_step_noise(with_noise(write=0.0890, write_rise=0.0), 0, 256)
        assert refused(write_noise.write_noise_rows(flat)) == {"write noise, worst bin"}

    def test_read_noise_and_spread(self) -> None:
        louder = read_noise.measure_reads(with_noise(read_slope=2.2e-5, spread=115e-9), 0, 128)
        assert refused(read_noise.read_rows(louder)) == {
            "read noise at 1.43 mS", "read noise at 2.14 mS", "read noise at 2.859 mS", "read noise at 715 uS",
            "spread as programmed", "spread, worst of 5 clusters", "spread, Kolmogorov-Smirnov p",
        }  # fmt: skip

    def test_flicker(self) -> None:
        louder = flicker.measure_flicker(with_noise(flicker_share=0.25), 0, 2048, 64)
        assert "1/f noise, standard deviation" in refused(flicker.flicker_rows(louder))
        quiet = flicker.measure_flicker(with_noise(flicker_share=0.01), 0, 2048, 64)
        assert "noise left in the mean of 4096 samples" in refused(flicker.flicker_rows(quiet))

    def test_conduction(self) -> None:
        found = conduction.sweep(changed(conduction_voltage=0.36))
        assert len(refused(conduction.conduction_rows(found))) == 2

    @pytest.mark.parametrize(
        ("update", "name"),
        [({"thermal_time": 130e-9}, "thermal time constant"), ({"thermal_resistance": 53.0}, "thermal resistance")],
    )
    def test_heat(self, update: dict[str, float], name: str) -> None:
        assert refused(thermal_rows(measure_heat(changed(**update)))) == {name}

    def test_disturb(self) -> None:
        soft = disturb.measure_disturb(model_of(profile_named("ru-azo-soft")), 0, 8)
        assert refused(disturb.disturb_rows(soft)) == {
            "read disturb at 0.2 V", "half-select disturb, V/2", "half-select disturb, V/3",
        }  # fmt: skip

    def test_retention(self) -> None:
        drifting = lifetime.measure_lifetime(with_noise(drift_exponent=1e-5))
        assert refused(lifetime.lifetime_rows(drifting)) == {"retention, 7 months"}

    def test_endurance(self) -> None:
        wearing = lifetime.measure_lifetime(with_noise(wear_exponent=0.5, endurance=0.9e9))
        assert refused(lifetime.lifetime_rows(wearing)) == {"endurance, window after 1e9 cycles"}
        enduring = lifetime.measure_lifetime(with_noise(wear_exponent=0.5, endurance=1.1e9))
        assert refused(lifetime.lifetime_rows(enduring)) == set()

    @pytest.mark.parametrize(
        ("update", "name"),
        [
            ({"within": 0.99}, "program-array within half a level"),
            ({"bursts": 3.6}, "program-array bursts"),
            ({"product": 75.9}, "vmm, signal to noise"),
            ({"transform": 75.9}, "fourier, signal to noise"),
            ({"similarity": 0.98}, "fourier, picture there and back"),
            ({"closing": -0.6}, "snr, ledger against the measured ratio"),
            ({"claimed_energy": 0.26e-12}, "energy of an operation at 4.1 TOPS/W"),
        ],
    )
    def test_the_whole_array(self, update: dict[str, float], name: str) -> None:
        good = array_figures.ArrayFigures(4096, 0.993, 3.5, 76.0, 76.0, 512, 0.99, 0.5, 0.244e-12)
        assert refused(array_figures.array_rows(good)) == set()
        assert refused(array_figures.array_rows(replace(good, **update))) == {name}


class TestTheDefinitions:
    def test_measured_curve_a_has_the_published_figures(self) -> None:
        """Slopes, nonlinearity and nu were computed from the curve by others: the same definitions give the same."""
        curve = measured_curve("A")
        peak = int(np.argmax(curve.conductance))
        up, down = slice(None, peak + 1), slice(peak, None)
        assert fitted_line(curve.index[up], curve.conductance[up]).slope == pytest.approx(361.1e-9, abs=0.1e-9)
        assert fitted_line(curve.index[down], curve.conductance[down]).slope == pytest.approx(-360.3e-9, abs=0.1e-9)
        x, y = curve.index[up], curve.conductance[up]
        assert fitted_nonlinearity(x / x[-1], (y - y[0]) / np.ptp(y)) == pytest.approx(0.080, abs=0.002)
        x, y = curve.index[down] - curve.index[peak], curve.conductance[down]
        assert fitted_nonlinearity(x / x[-1], (y[0] - y) / np.ptp(y)) == pytest.approx(-0.063, abs=0.002)

    @pytest.mark.parametrize("nu", [-4.0, -0.1, 0.0, 0.3, 5.0])
    def test_nonlinearity_is_recovered(self, nu: float) -> None:
        share = np.linspace(0, 1, 50)
        ramp = exponential_ramp(share, nu)
        assert ramp[0] == 0
        assert ramp[-1] == pytest.approx(1)
        assert fitted_nonlinearity(share, ramp) == pytest.approx(nu, abs=1e-4)

    def test_bend_is_recovered(self) -> None:
        voltage = np.linspace(0.01, 0.5, 50)
        assert fitted_bend(voltage, 2e-3 * np.sinh(voltage / 0.25)) == pytest.approx(0.25, rel=1e-6)

    def test_portrait_of_the_packaged_device_agrees_with_its_staircase(self, quick_validation: Validation) -> None:
        found, whole = portrait("ru-azo", 0, 64), quick_validation.measurements.staircase
        assert found.nonlinearity_up == pytest.approx(whole.nonlinearity_up, abs=1e-3)
        assert found.nonlinearity_down == pytest.approx(whole.nonlinearity_down, abs=1e-3)
        # Six deviations of one sample from level to level; the facts give 14,400 single-shot.
        assert found.told_apart == pytest.approx(14_400, rel=0.01)
