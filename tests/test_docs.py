"""What the documentation shows works, and what it lists is there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

from labctl.bench_file import TwinTable
from sim_backend.device_models.profile_files import PACKAGED, load_profile

TWIN = (Path(__file__).parents[1] / "docs/twin.md").read_text(encoding="utf-8")


def test_the_profile_of_the_page_is_one(tmp_path: Path) -> None:
    (text,) = re.findall(r"```toml\n(.*?)```", TWIN, re.DOTALL)
    file = tmp_path / "leaky.toml"
    file.write_text(text, encoding="utf-8")
    profile = load_profile(file)
    assert (profile.name, profile.rectification, profile.noise.telegraph_dwell) == ("leaky film", 100, 20e-3)


def test_the_page_lists_every_key_and_its_default() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \|.*\| `([^`|]+)` \|$", TWIN, re.MULTILINE))
    assert set(rows) == set(TwinTable.model_fields)
    defaults = {name: field.default for name, field in TwinTable.model_fields.items()}
    assert rows == {**defaults, "g_max": "5.9 mS"}
    assert defaults["g_max"] == 5.9e-3


def test_the_page_names_every_word_and_device() -> None:
    for name in ("front_end", "calibration", "pulses"):
        for word in get_args(TwinTable.model_fields[name].annotation):
            assert f"`{word}`" in TWIN
    for device in PACKAGED:
        assert f"`{device}`" in TWIN
