"""The peer of `array_pulses.py` and `noisy_product.py`: tiles of aihwkit, measured in an interpreter that has it.

    python benchmarks/aihwkit_peer.py pulses|products

Prints one line of JSON: rates, and what shows that the pulses were really given.
"""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

SIZE = 64
STEP = 1e-4
"""Mean step of a pulse, in the tile's units of weight; its bounds lie far beyond."""
ROUNDS = 25


def best(call: Callable[[], object], count: int) -> float:
    """Return the shortest time (s) of one of `count` calls, over several rounds."""
    times: list[float] = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        for _ in range(count):
            call()
        times.append((time.perf_counter() - start) / count)
    return min(times)


ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


def alone() -> None:
    """Start this program again with one thread for linear algebra, unless it has been."""
    if any(os.environ.get(name) != value for name, value in ONE_THREAD.items()):
        os.execve(sys.executable, [sys.executable, *sys.argv], os.environ | ONE_THREAD)


def ask(python: str, what: str) -> dict[str, float]:
    """Return what an interpreter with aihwkit measures; empty if it has none."""
    command = [python, str(Path(__file__)), what]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ | ONE_THREAD)
    if done.returncode:
        reason = done.stderr.strip().splitlines()
        print(f"{python} cannot measure aihwkit: {reason[-1] if reason else done.returncode}")
        return {}
    answer = json.loads(done.stdout.splitlines()[-1])
    print(f"aihwkit {answer['version']} measured with {python}")
    return answer["results"]


def tile(configuration: Any) -> Any:
    """Return a tile of 64 x 64 devices."""
    tiles: Any = importlib.import_module("aihwkit.simulator.tiles")
    return tiles.AnalogTile(SIZE, SIZE, configuration)


def pulses() -> dict[str, float]:
    """Return pulse updates/s of a LinearStep tile with noise from cycle to cycle: one a call, and 100 a call."""
    torch: Any = importlib.import_module("torch")
    configs: Any = importlib.import_module("aihwkit.simulator.configs")
    parameters: Any = importlib.import_module("aihwkit.simulator.parameters")
    device = configs.LinearStepDevice(
        dw_min=STEP, dw_min_std=0.09, dw_min_dtod=0.0, up_down_dtod=0.0, w_max=1e3, w_min=-1e3,
        w_max_dtod=0.0, w_min_dtod=0.0, gamma_up=0.0, gamma_down=0.0, gamma_up_dtod=0.0, gamma_down_dtod=0.0,
    )  # fmt: skip
    update = parameters.UpdateParameters(
        desired_bl=1, update_management=False, update_bl_management=False,
        pulse_type=parameters.enums.PulseType.STOCHASTIC_COMPRESSED,
    )  # fmt: skip
    array = tile(configs.SingleRPUConfig(device=device, update=update))
    # With this rate a pulse is given at every coincidence, on every device.
    array.set_learning_rate(STEP)
    rates: dict[str, float] = {}
    for name, batch, count in (("one a call", 1, 200), ("100 a call", 100, 5)):
        inputs, errors = torch.ones(batch, SIZE), -torch.ones(batch, SIZE)
        before = array.get_weights()[0].clone()
        array.update(inputs, errors)
        moved = float((array.get_weights()[0] - before).mean()) / STEP
        rates[name] = batch * SIZE * SIZE / best(lambda i=inputs, e=errors: array.update(i, e), count)
        rates[f"{name}: steps moved"] = moved / batch
    return rates


def products() -> dict[str, float]:
    """Return products/s of a tile with its default noise and converters, 1,000 vectors a call."""
    torch: Any = importlib.import_module("torch")
    configs: Any = importlib.import_module("aihwkit.simulator.configs")
    array = tile(configs.SingleRPUConfig())
    inputs = torch.rand(1000, SIZE)
    return {"forward": 1000 / best(lambda: array.tile.forward(inputs, False, False, False, False), 20)}


def main() -> None:
    """Measure what the command line names."""
    torch: Any = importlib.import_module("torch")
    torch.set_num_threads(1)
    results = {"pulses": pulses, "products": products}[sys.argv[1]]()
    version = importlib.import_module("aihwkit").__version__
    print(json.dumps({"version": version, "results": results}))


if __name__ == "__main__":
    main()
