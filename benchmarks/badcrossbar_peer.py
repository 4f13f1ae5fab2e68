"""The peer of `crossbar_solver.py`: badcrossbar solves what it is told to, line by line on standard input.

Runs in any Python that has badcrossbar: `python badcrossbar_peer.py`, then lines of JSON, each with the file of an
array and how many of its vectors to solve; each is answered by CPU seconds and the currents of the first vector.
"""

from __future__ import annotations

import importlib
import json
import logging
import sys
import time
from typing import Any

import numpy as np


def main() -> None:
    """Answer until standard input ends."""
    badcrossbar: Any = importlib.import_module("badcrossbar")
    logging.disable(logging.CRITICAL)
    for line in sys.stdin:
        wish = json.loads(line)
        with np.load(wish["file"]) as given:
            resistances, voltages = 1.0 / given["conductance"], given["voltages"][: wish["vectors"]].T
            segment = float(given["segment"])
        begin = time.process_time()
        solution = badcrossbar.compute(voltages, resistances, r_i=segment, node_voltages=False, all_currents=False)
        seconds = time.process_time() - begin
        output = np.atleast_2d(solution.currents.output)
        print(json.dumps({"seconds": seconds, "currents": output[0].tolist()}), flush=True)


if __name__ == "__main__":
    main()
