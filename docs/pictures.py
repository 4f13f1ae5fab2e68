"""Remakes the pictures of README and guide: `python docs/pictures.py [NAME...]` runs the experiments on the twin.

Seeds are fixed, so a picture changes only where the code behind it does, or in the name of its run. Needs the extra
`live`, no display, and a few minutes; it is not part of the tests.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from labctl.console import print_lines
from labctl.demo_pictures import write_picture, write_weights
from labctl.live.screenshots import Camera, View
from labctl.run_reader import find_run

DOCS = Path(__file__).parent
LARGEST = 150_000
"""Bytes of a picture; a larger one gets a palette."""
COLOURS = 256
"""Of a palette."""
CHART = "chart.png"
"""The picture that `fourier` transforms."""
WEIGHTS = "weights.npy"
"""The picture that `program-array` writes."""
TRIP = "trip.toml"
"""The faults of the run that trips."""


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture.

    Args:
        run: arguments of `labctl run`.
        view: of the window.
        dark: whether the window is.
        passes: whether the run is expected to end well.
    """

    run: tuple[str, ...]
    view: View
    dark: bool = False
    passes: bool = True


_PROGRAMMED = ("program-array", "--set", f"matrix={WEIGHTS}", "--set", "values=weights", "--seed", "1")
_TRANSFORMED = ("fourier", "--set", f"image={CHART}", "--set", "vectors=16", "--seed", "1")
PICTURES = {
    "live": Picture(("write-verify", "--set", "levels=all", "--seed", "1"), View("traces")),
    "live-map": Picture(_PROGRAMMED, View("map", cells=((31, 31), (12, 40), (50, 9)))),
    "live-errors": Picture(_PROGRAMMED, View("map", quantity="error"), dark=True),
    "live-figure": Picture(_PROGRAMMED, View("figure"), dark=True),
    "live-noise": Picture(("noise", "--seed", "1"), View("figure")),
    "live-iv": Picture(
        ("iv-sweep", "--set", "mode=loop", "--set", "instrument=smu", "--set", "others=may-change", "--seed", "1"),
        View("figure"),
    ),
    "live-vmm": Picture(("vmm", "--seed", "1"), View("figure")),
    "live-replay": Picture(_TRANSFORMED, View("figure", share=0.8)),
    "live-bench": Picture(
        ("write-verify", "--set", "quick=yes", "--seed", "1", "--faults", TRIP), View("bench"), passes=False
    ),
}


def make(names: list[str], out: Path) -> list[str]:
    """Run what the pictures show, take them, and return a line about each.

    Args:
        names: of `PICTURES`.
        out: the folder of the pictures.
    """
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    said: list[str] = []
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        write_picture(192, folder / CHART)
        write_weights(64, folder / WEIGHTS)
        (folder / TRIP).write_text('[[fault]]\nkind = "trip"\nchannel = "board"\nstep = 20\n', encoding="utf-8")
        os.chdir(folder)
        runs: dict[tuple[str, ...], Path] = {}
        for name in names:
            picture = PICTURES[name]
            if picture.run not in runs:
                data = folder / str(len(runs))
                _run([*picture.run, "--data", str(data)], picture.passes)
                runs[picture.run] = find_run(data, None)
            file = out / f"{name}.png"
            with closing(Camera(runs[picture.run])) as camera:
                camera.take(picture.view, file, picture.dark)
            _make_small(file)
            said.append(f"{file}: {file.stat().st_size / 1000:.0f} kB")
        os.chdir(DOCS)
    return said


def _run(arguments: list[str], passes: bool) -> None:
    command = [sys.executable, "-m", "labctl", "run", *arguments]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 (our own command)
    if (ended.returncode == 0) != passes:
        raise SystemExit(f"labctl run {' '.join(arguments)} returned {ended.returncode}: {ended.stderr}")


def _make_small(file: Path) -> None:
    """Pack a picture as well as can be, and give it a palette where that is not enough."""
    with Image.open(file) as picture:
        whole = picture.convert("RGB")
    whole.save(file, optimize=True)
    if file.stat().st_size > LARGEST:
        whole.quantize(COLOURS, dither=Image.Dither.NONE).save(file, optimize=True)


def main() -> None:
    """Make the pictures that were asked for, or all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help=f"which of {', '.join(PICTURES)}; without one all")
    parser.add_argument("--out", type=Path, default=DOCS, help="their folder")
    asked = parser.parse_args()
    if unknown := set(asked.names) - set(PICTURES):
        parser.error(f"there is no picture {', '.join(sorted(unknown))}")
    print_lines(make(asked.names or list(PICTURES), asked.out.absolute()))


if __name__ == "__main__":
    main()
