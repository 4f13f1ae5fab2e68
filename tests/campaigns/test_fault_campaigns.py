"""The judge of disturbed runs finds what is broken on purpose; every place of a cut or a full disk is tried."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.append(str(Path(__file__).parents[1]))

from campaigns import cut_link, disk_full, faults
from campaigns.fault_judge import judge
from campaigns.fault_protocols import MADE_UP
from campaigns.fault_rig import SMUS, WRITE_VERIFY, RunOutcome, rigged, run_with
from campaigns.faults import draw_plan
from campaigns.frame import CampaignReport, dice

from labctl.toml_source import TomlSource
from sim_backend.faults.kinds import FaultKind
from sim_backend.faults.plan import read_plan


@pytest.fixture(scope="module")
def data() -> Iterator[Path]:
    with rigged() as folder:
        yield folder


def disturbed(data: Path, protocol: str, plan: str = "", smu: str | None = None) -> RunOutcome:
    outcome = run_with(data, protocol, smu, plan, seed=1)
    judge(outcome, protocol)
    return outcome


def _no_checksum(_data: bytes) -> int:
    return 0


def _does_nothing(_instrument: object) -> None:
    """Leave an instrument as it is."""


def _does_nothing_with_it(_instrument: object, *_rest: object) -> None:
    """Note nothing."""


def lost_replies(first: int) -> str:
    return "".join(
        f'[[fault]]\nkind = "drop"\nchannel = "board"\ndirection = "reply"\nmessage = {number}\n'
        for number in range(first, first + 4)
    )


@pytest.mark.parametrize("protocol", [WRITE_VERIFY, *MADE_UP])
def test_an_undisturbed_run_keeps_every_promise(data: Path, protocol: str) -> None:
    smu = "keithley-2450" if protocol in ("sweeps", "levels", "glance") else None
    outcome = disturbed(data, protocol, smu=smu)
    assert outcome.complaints == []
    assert outcome.ending == "finished"
    assert outcome.acknowledged


def test_a_driver_that_repeats_a_list_is_found(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Replies are lost at every place, that to a list of pulses among them; what stands in its way is no fault."""

    def repeating(self: Any, pulses: Any, lost: Any) -> Any:
        self.open_session()
        return self.pulse(pulses)

    for first in range(8, 14):
        assert disturbed(data, "pulses", lost_replies(first)).complaints == []
    monkeypatch.setattr("drivers.probe_board.LabctlProbeBoard._settle", repeating)
    found = [disturbed(data, "pulses", lost_replies(first)).complaints for first in range(8, 14)]
    assert any("power-up 1" in complaint for complaints in found for complaint in complaints)


def test_a_link_that_does_not_look_at_checksums_is_found(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plans = [f'[random]\nseed = {seed}\nrate = 0.3\nkinds = ["flip"]\n' for seed in range(8)]
    assert [disturbed(data, "reads", plan).complaints for plan in plans] == [[]] * 8
    monkeypatch.setattr("labctl.wire.zlib.crc32", _no_checksum)
    found = [complaint for plan in plans for complaint in disturbed(data, "reads", plan).complaints]
    assert any("wrong quantity" in complaint for complaint in found)


def test_a_store_that_loses_a_record_is_found(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from labctl.store import RunWriter

    end_step = RunWriter.end_step

    def losing(self: Any, *arguments: Any) -> None:
        if self.steps == 2:
            next(iter(self._pending.values())).pop()
        end_step(self, *arguments)

    monkeypatch.setattr(RunWriter, "end_step", losing)
    assert any("records on the disk differ" in complaint for complaint in disturbed(data, "reads").complaints)


def test_a_ledger_that_forgets_a_write_is_found(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from labctl.ledger_store import RunLedger

    resolve = RunLedger.resolve

    def forgetting(self: Any, number: int, outcome: Any) -> None:
        if number != 2:
            resolve(self, number, outcome)
        else:
            self._db.execute("DELETE FROM write WHERE number = 2")

    monkeypatch.setattr(RunLedger, "resolve", forgetting)
    assert any("power-up 1" in complaint for complaint in disturbed(data, "pulses").complaints)


def test_an_output_that_is_left_on_is_found(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for method in ("make_safe", "output_off"):
        monkeypatch.setattr(f"drivers.keithley_2450.Keithley2450.{method}", _does_nothing)
    monkeypatch.setattr("drivers.probe_board.LabctlProbeBoard.make_safe", _does_nothing)
    complaints = disturbed(data, "sweeps", smu="keithley-2450").complaints
    assert any("the board is left" in complaint for complaint in complaints)
    assert any("smu is left on" in complaint for complaint in complaints)


def test_a_level_of_an_smu_that_is_not_in_the_ledger_is_found(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert disturbed(data, "levels", smu="keithley-2600").truth.smu_writes == 4
    monkeypatch.setattr("labctl.ledgered.LedgeredSourceMeter._intend", _does_nothing_with_it)
    assert any("the smu wrote" in complaint for complaint in disturbed(data, "levels", smu="keithley-2600").complaints)


def test_a_trial_is_the_same_alone() -> None:
    whole = faults.FAULTS[0].run(range(40, 44), 3)
    joined = CampaignReport("faults", 3)
    for number in range(40, 44):
        joined = joined.and_then(faults.FAULTS[0].run(range(number, number + 1), 3))
    assert (dict(joined.kinds), joined.failed, joined.trials) == (dict(whole.kinds), 0, 4)


def test_every_place_of_a_cut_and_of_a_full_disk_is_tried() -> None:
    for campaign in cut_link.CUT_LINK:
        every = cut_link.places(campaign.name.partition("/")[2])
        assert len(every) == len(set(every)) <= campaign.short
    every = disk_full.places()
    assert len(every) == len(set(every)) <= disk_full.DISK_FULL[0].short


def test_every_plan_that_is_drawn_can_be_read_and_every_kind_is_drawn() -> None:
    kinds: set[FaultKind] = set()
    boards = {"smu": False, "board": True}
    for number in range(600):
        throw = dice("test", 1, number)
        source = TomlSource("plan", draw_plan(throw, "sweeps", has_smu=True))
        plan = read_plan(source)
        plan.check_fits(boards, 4, 4, source)
        kinds |= {fault.kind for fault in plan.fault}
    assert kinds == set(FaultKind)
    assert len(SMUS) == 4
