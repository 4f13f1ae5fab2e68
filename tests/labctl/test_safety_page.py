"""What the page on safety says of times, words and files is what the code does."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[1]))

from campaigns.outputs_off import ENDINGS
from campaigns.registry import CAMPAIGNS
from campaigns.served_rig import WATCHDOG

from drivers.probe_board import LabctlProbeBoard
from labctl import guardian, heartbeat, locks, make_safe, shutdown

PAGE = (Path(__file__).parents[2] / "docs/safety.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "words",
    [
        f"after {guardian.SILENCE:g} s without a heartbeat",
        f"for {guardian.PATIENCE:g} s in all",
        f"for {guardian._FIRST:g} s at first",
        f"alone for more than {heartbeat.IDLE_LIMIT:g} s",
        f"confirmed after {shutdown.SMU_GRACE:g} s",
        f"the board {1e3 * make_safe.BOARD_HEAD_START:g} ms ahead",
        f"`{guardian.LOG}` in the run folder",
        str(locks.LOCK_FOLDER) if sys.platform != "win32" else "%PROGRAMDATA%",
        f"{LabctlProbeBoard.Settings.model_fields['watchdog'].default:g} s unless it says so",
    ],
)
def test_the_page_says_what_the_code_does(words: str) -> None:
    assert words in PAGE


def test_the_page_says_what_the_campaign_holds() -> None:
    limits = {name: round(1e3 * ending.limit) for name, ending in ENDINGS.items()}
    (host,) = [limits.pop(name) for name in list(limits) if name == "host gone"]
    assert f"| `labctl stop --now` | {limits.pop('stop now')} ms |" in PAGE
    assert f"| SIGKILL | {limits.pop('SIGKILL')} ms |" in PAGE
    assert f"watchdog period + {host - round(1e3 * WATCHDOG)} ms" in PAGE
    assert set(limits.values()) == {50}
    assert "a second Ctrl-C | 50 ms |" in PAGE


def test_the_campaigns_of_the_page_exist() -> None:
    known = {campaign.name.partition("/")[0] for campaign in CAMPAIGNS}
    named = set(re.findall(r"run\.py ([a-z-]+)", PAGE)) | {"cut-link"}
    assert named <= known
    assert "outputs-off" in named
