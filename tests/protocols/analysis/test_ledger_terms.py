"""The ledger's terms on an array made up here, whose errors are known one by one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from protocols.analysis.array_model import DriverCurves
from protocols.analysis.drive_sweep import driver_errors, fit_bend
from protocols.analysis.input_coding import AmplitudeCoding
from protocols.analysis.ledger_terms import Evidence, LedgerTerms, Passes, Trial, Weights, figures
from protocols.analysis.noise_split import NoiseSplit, split_noise
from protocols.analysis.weight_mapping import ConductanceRange, mapping_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

LINES = 64
LOW, HIGH = 200e-9, 5.9e-3
STEP = (HIGH - LOW) / 16_519
STEEP, RISE = 1 / 0.343826, -0.0126 / 0.343826
"""Of the Ru-azo film: k at level 0, and what it gains up to the last level (published compact model, 2026)."""


@dataclass(frozen=True)
class Bench:
    """A board and an array; every error can be switched off."""

    voltage: float = 0.2
    amplitude: bool = False
    programming: float = 0.0  # levels rms
    rounded: bool = True
    drivers: float = 0.0  # V, largest
    converter: float = 0.0  # A, largest
    noise: float = 0.0  # A rms a slot, of the converter
    cells: float = 0.0  # S rms a cell and slot
    drift: float = 0.0  # S, of cells in turn
    bent: bool = False
    seed: int = 1

    def draw(self, *key: int) -> np.random.Generator:
        return np.random.default_rng((self.seed, *key))

    @property
    def wanted(self) -> Array:
        """Conductances of the weights."""
        return (HIGH + LOW) / 2 + (HIGH - LOW) / 2 * self.draw(1).uniform(-1, 1, (LINES, LINES))

    @property
    def conductance(self) -> Array:
        """Conductances of the cells, where they were written."""
        levels = (self.wanted - LOW) / STEP
        levels = np.rint(levels) if self.rounded else levels
        return LOW + STEP * (levels + self.programming * self.draw(2).standard_normal((LINES, LINES)))

    def driver(self, told: Array) -> Array:
        waves = np.pi * self.draw(3).integers(2, 6, LINES) * self.draw(4).choice([-1.0, 1.0], LINES)
        return told + self.drivers * np.sin(waves * told / 0.5)

    def readout(self, current: Array, averages: int, key: int, scale: float = 1.0) -> Array:
        waves = np.pi * self.draw(5).integers(2, 6, LINES) * self.draw(6).choice([-1.0, 1.0], LINES)
        noise = self.noise * scale / np.sqrt(averages) * self.draw(7, key).standard_normal(current.shape)
        return current + self.converter * scale * np.sin(waves * current / 20e-3) + noise

    def currents(self, given: Array, averages: int, key: int, *, late: bool = False, scale: float = 1.0) -> Array:
        """Return currents for shares (width) or told voltages (amplitude), shape (n, rows)."""
        conductance = self.conductance + (self.drift * self.draw(8).standard_normal((LINES, LINES)) if late else 0.0)
        if not self.amplitude:
            found = self.voltage * given @ conductance
        else:
            v = self.driver(given)
            steep = STEEP + RISE * conductance / HIGH if self.bent else np.full_like(conductance, 1e-3)
            found = np.stack(
                [np.sum(conductance * 0.2 * np.sinh(steep * x[:, None]) / np.sinh(steep * 0.2), axis=0) for x in v]
            )
        spread = self.cells * self.voltage * np.sqrt(np.square(given) @ np.ones((LINES, LINES)) / averages)
        found = found + spread * self.draw(9, key).standard_normal(found.shape)
        return self.readout(found, averages, key, scale)


class Laboratory:
    """Measures a bench as the protocol does."""

    def __init__(self, bench: Bench, assumed: float = np.inf, averages: int = 16) -> None:
        self.bench, self.averages = bench, averages
        self.coding = AmplitudeCoding(bench.voltage, assumed)
        self.assumed = assumed if bench.amplitude else None
        mapping = mapping_of("offset", ConductanceRange(LOW, HIGH))
        self.weights = Weights(mapping, bench.wanted, LOW, STEP, bench.voltage)

    def given(self, shares: Array) -> Array:
        if not self.bench.amplitude:
            return shares
        return self.coding.passes(shares, signed=False)[0].inputs

    def passes(self, vectors: Array, averages: int, key: int) -> Passes:
        plus, minus = (self.given(np.maximum(part, 0)) for part in (vectors, -vectors))
        return Passes(
            self.drive(plus),
            self.drive(minus),
            self.bench.currents(plus, averages, key),
            self.bench.currents(minus, averages, key + 1),
        )

    def drive(self, given: Array) -> Array:
        return self.coding.drive(given, 0, 0) if self.bench.amplitude else given * self.bench.voltage

    def trial(self, count: int = 96) -> Trial:
        draw = np.random.default_rng(5)
        training, test = draw.uniform(-1, 1, (count, LINES)), draw.uniform(-1, 1, (count, LINES))
        return Trial(self.passes(training, self.averages, 100), self.passes(test, self.averages, 200), test)

    def evidence(self) -> Evidence:
        bench, full = self.bench, self.given(np.eye(LINES))
        maps = np.array([bench.currents(full, 256, 300 + k, late=k > 1, scale=1 / 16) for k in range(4)])
        draw = np.random.default_rng(6)
        codes: list[tuple[Array, Array]] = []
        for half in range(2):
            given = self.given(np.maximum(draw.uniform(-1, 1, (256, LINES)), 0))
            codes.append((self.drive(given), bench.currents(given, 256, 400 + half)))
        bend, drivers = None, None
        if bench.amplitude:
            voltage = np.unique(np.concatenate([np.linspace(0, bench.voltage, 49)[1:], np.linspace(0, 0.2, 9)[1:]]))
            swept = np.stack([bench.currents(v * np.eye(LINES), 256, 500) for v in voltage], axis=1)
            bend = fit_bend(voltage, swept, float(voltage.max()))
            used = voltage <= bench.voltage * (1 + 1e-9)
            error = driver_errors(voltage[used], swept[:, used], maps[:2].mean(axis=0), bend, bench.voltage)
            drivers = DriverCurves(np.append(0, voltage[used]), np.concatenate([np.zeros((LINES, 1)), error], axis=1))
        return Evidence(self.weights, maps, (codes[0], codes[1]), self.noise(), 0.0, self.assumed, bend, drivers)

    def noise(self) -> NoiseSplit:
        bench, n = self.bench, self.averages
        none, vectors = (
            np.zeros((14, LINES)),
            self.given(np.maximum(np.random.default_rng(7).uniform(-1, 1, (14, LINES)), 0)),
        )
        small = np.stack([bench.currents(none, n, 600 + k, scale=1 / 16) for k in range(16)])
        large = np.stack([bench.currents(none, n, 700 + k) for k in range(16)])
        repeats = np.stack([bench.currents(vectors, n, 800 + k) for k in range(16)])
        return split_noise(small, large, repeats)

    def snr(self) -> float:
        return figures(self.trial(), self.weights).snr


def truth(bench: Bench, assumed: float = np.inf, **alone: float) -> float:
    """Return the SNR of a bench with some of its errors alone."""
    none = {
        "programming": 0.0,
        "drivers": 0.0,
        "converter": 0.0,
        "noise": 0.0,
        "cells": 0.0,
        "drift": 0.0,
        "bent": False,
    }
    return Laboratory(replace(bench, **{**none, "rounded": False, **alone}), assumed).snr()


def test_every_term_of_a_width_coded_product_is_told_and_the_ledger_closes() -> None:
    bench = Bench(programming=0.3, converter=250e-9, noise=400e-9, cells=100e-9)
    laboratory = Laboratory(bench)
    trial = laboratory.trial()
    ledger = LedgerTerms(laboratory.evidence(), trial).ledger()
    own = {
        "levels": truth(bench, rounded=True),
        "programming": truth(bench, programming=0.3),
        "converter bend": truth(bench, converter=250e-9),
        "converter noise": truth(bench, noise=400e-9),
        "cell noise": truth(bench, cells=100e-9),
    }
    measured = figures(trial, laboratory.weights).snr
    for name, value in own.items():
        if value < measured + 10:
            assert ledger.terms[name] == pytest.approx(value, abs=0.5), name
            assert name not in ledger.bounds
        else:
            assert name in ledger.bounds
            assert ledger.terms[name] < value + 0.5
    assert ledger.total == pytest.approx(measured, abs=0.3)
    assert {"input steps", "drivers", "drift", "amplifier noise"} <= set(ledger.bounds)


def test_every_term_of_an_amplitude_coded_product_is_told_and_the_ledger_closes() -> None:
    bench = Bench(voltage=0.05, amplitude=True, programming=0.6, drivers=10e-6, bent=True, noise=50e-9)
    laboratory = Laboratory(bench)
    trial = laboratory.trial()
    ledger = LedgerTerms(laboratory.evidence(), trial).ledger()
    measured = figures(trial, laboratory.weights).snr
    own = {
        "levels": truth(bench, rounded=True),
        "programming": truth(bench, programming=0.6),
        "drivers": truth(bench, drivers=10e-6),
        "bend": truth(bench, bent=True),
        "converter noise": truth(bench, noise=50e-9),
    }
    for name, value in own.items():
        # Even those that are small enough for a bound: here, where the cells' bend takes all, they are known well.
        assert ledger.terms[name] == pytest.approx(value, abs=0.5), name
        assert (name in ledger.bounds) == (value > measured + 10)
    assert ledger.total == pytest.approx(measured, abs=0.3)
