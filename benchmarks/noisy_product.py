"""Vector-matrix products with the read noise of every cell, 64 x 64, beside a tile of aihwkit.

    python benchmarks/noisy_product.py [--peer-python PATH]

Ideal wires, 1,000 vectors a call, double precision, keyed noise; aihwkit's tile has its default noise and converters
and computes in single precision. It is measured in the same run, before and after, in this interpreter or in the one
at PATH. One thread each. Ratios, not rates, are comparable between machines.
"""

from __future__ import annotations

import argparse
import sys
import time
from typing import TYPE_CHECKING

import numpy as np
from aihwkit_peer import alone, ask

from sim_backend.noise.product_noise import NoisyProducts

if TYPE_CHECKING:
    from collections.abc import Callable

SIZE, VECTORS = 64, 1000
ROUNDS, CALLS = 15, 20


def best(call: Callable[[], object]) -> float:
    """Return the shortest time (s) of a call, over some rounds."""
    times: list[float] = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        for _ in range(CALLS):
            call()
        times.append((time.perf_counter() - start) / CALLS)
    return min(times)


def main() -> None:
    """Measure and print."""
    alone()
    parser = argparse.ArgumentParser(description="Products with the read noise of every cell.")
    parser.add_argument("--peer-python", default=sys.executable, help="an interpreter that has aihwkit")
    python = parser.parse_args().peer_python
    peer = ask(python, "products")
    random = np.random.default_rng(0)
    conductance = random.uniform(200e-9, 5.9e-3, (SIZE, SIZE))
    deviation = 27.228e-9 + 1.8647e-5 * conductance
    voltage = random.uniform(0, 0.2, (VECTORS, SIZE))
    products = NoisyProducts(0, conductance, deviation)
    stream = np.random.Generator(np.random.SFC64(0))
    variance = np.square(deviation)

    def drawn() -> None:
        spread = np.sqrt(np.square(voltage) @ variance)
        _ = voltage @ conductance + spread * stream.standard_normal((VECTORS, SIZE))

    rates = {
        "labctl": VECTORS / best(lambda: products.currents(voltage, 0)),
        "numpy, the same drawn from a stream": VECTORS / best(drawn),
        "numpy, without noise": VECTORS / best(lambda: voltage @ conductance),
    }
    if peer:
        rates["aihwkit"] = max(peer["forward"], ask(python, "products").get("forward", 0.0))
    for name, value in rates.items():
        print(f"{name:36}{value / 1e6:8.2f} M products/s")
    if peer:
        print(f"labctl / aihwkit: {rates['labctl'] / rates['aihwkit']:.2f}x")
    else:
        print("aihwkit is not installed here: no ratio")


if __name__ == "__main__":
    main()
