"""Campaigns must not rot: each runs here with few trials, and what is broken on purpose is found."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[1]))

from campaigns.damages import DAMAGES, KINDS
from campaigns.frame import KEPT, Campaign, CampaignReport, HungError, Tally, dice, within
from campaigns.registry import CAMPAIGNS
from campaigns.run import main, run
from campaigns.smu_rig import MODELS

RUN = Path(__file__).with_name("run.py")
FEW = {
    "damage": 60,
    "fuzz": 300,
    "fuzz/die": 60,
    "fuzz/runs": 40,
    "fuzz/exports": 60,
    "fuzz-panels": 400,
    "faults": 12,
    "cut-link": 6,
    "disk-full": 8,
    "kills": 1,
    "lock-races": 2,
    "outputs-off": 0,
}
"""Trials of each member of a family; what depends on how busy a computer is has none."""


@pytest.mark.parametrize("campaign", CAMPAIGNS, ids=lambda campaign: campaign.name)
def test_a_few_trials_of_each_campaign(campaign: Campaign) -> None:
    count = FEW.get(campaign.name, FEW[campaign.name.partition("/")[0]])
    report = campaign.run(range(count), 1)
    assert report.failures == ()
    assert report.trials == count
    assert sum(report.kinds.values()) >= count


@pytest.mark.parametrize("model", MODELS)
def test_a_trial_is_the_same_alone(model: str) -> None:
    campaign = next(campaign for campaign in CAMPAIGNS if campaign.name == f"damage/{model}")
    together = [campaign.run(range(number, number + 1), 7) for number in range(10, 14)]
    whole = campaign.run(range(10, 14), 7)
    for report in together:
        whole_kinds = dict(whole.kinds)
        assert all(whole_kinds.get(kind, 0) >= count for kind, count in report.kinds.items())
    joined = CampaignReport(campaign.name, 7)
    for report in together:
        joined = joined.and_then(report)
    assert (dict(joined.kinds), joined.trials, joined.failed) == (dict(whole.kinds), whole.trials, whole.failed)


def test_a_driver_that_trusts_its_answers_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A reading that is not compared with its second telling is wrong before long."""

    def trusting(reply: str, count: int) -> list[float]:
        return [float(field) for field in reply.rpartition(";")[2].split(",")][:count]

    monkeypatch.setattr("drivers.keithley_2450.parse_twice", trusting)
    campaign = next(campaign for campaign in CAMPAIGNS if campaign.name == "damage/keithley-2450")
    report = campaign.run(range(150), 1)
    assert report.failed > 0
    number = report.failures[0].number
    alone = campaign.run(range(number, number + 1), 1)
    assert alone.failures == report.failures[:1]


def test_a_panel_that_raises_or_hangs_or_forgets_errors_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    campaign = next(campaign for campaign in CAMPAIGNS if campaign.name == "fuzz-panels/keysight-b2900")

    with monkeypatch.context() as patch:
        patch.setattr("sim_backend.panels.scpi_parameters.Choice.parse", _raise)
        report = campaign.run(range(100), 1)
    assert any("ZeroDivisionError" in failure.what for failure in report.failures)
    with monkeypatch.context() as patch:
        patch.setattr("sim_backend.panels.scpi.FrontEnd.execute", _silent)
        assert campaign.run(range(50), 1).failed > 0
    with monkeypatch.context() as patch:
        patch.setattr("sim_backend.panels.keysight_b2900_instrument.QUEUE", 12)
        assert campaign.run(range(500), 1).failed > 0


def _raise(_parameter: object, _token: object) -> None:
    raise ZeroDivisionError


def _silent(_front_end: object, _message: str) -> None:
    """Answer nothing."""


def _loop_within(seconds: float) -> None:
    with within(seconds):
        while True:
            pass


@pytest.mark.parametrize("name", DAMAGES)
def test_damages_change_what_they_damage(name: str) -> None:
    reply, old = b"+1.234567E-05,+1.000000E-01\n", b"+7.000000E+00\n"
    changed = {DAMAGES[name](reply, old, dice("test", 1, number)) for number in range(200)}
    assert reply not in changed
    assert all(len(damaged) <= 3 * len(reply) for damaged in changed)


def test_dice_are_the_same_for_the_same_trial_only() -> None:
    assert dice("a", 1, 2).random() == dice("a", 1, 2).random()
    assert len({dice(name, seed, number).random() for name in "ab" for seed in (1, 2) for number in range(5)}) == 20


def test_a_report_keeps_the_first_failures_and_counts_all() -> None:
    def trial(numbers: range, seed: int) -> CampaignReport:
        tally = Tally("thirds", seed, numbers)
        for number in numbers:
            tally.count(number, "third" if number % 3 == 0 else "other")
            if number % 3 == 0:
                tally.fail(number, "a third")
            tally.measure("largest", number)
        return tally.report()

    report = run(Campaign("thirds", "", 1, 1, trial), range(3000), 1)
    assert (report.trials, report.failed) == (3000, 1000)
    assert [failure.number for failure in report.failures] == [3 * place for place in range(KEPT)]
    assert dict(report.kinds) == {"third": 1000, "other": 2000}
    assert report.figures == {"largest": 2999}


@pytest.mark.skipif(sys.platform == "win32", reason="no timer of processor time there")
def test_what_has_no_end_is_ended() -> None:
    with pytest.raises(HungError, match="no end within"):
        _loop_within(0.05)


def test_the_command_prints_its_report_and_says_whether_all_is_well(
    capfd: pytest.CaptureFixture[str],
) -> None:
    """The first command is a process of its own, as it is typed; the others do the same without starting one."""
    command = ["damage/keithley-2450", "--seed", "3"]
    done = subprocess.run(
        [sys.executable, str(RUN), *command, "--count", "5", "--json"], capture_output=True, text=True, check=True
    )
    (report,) = json.loads(done.stdout)
    assert (report["name"], report["trials"], report["seed"], report["failed"]) == ("damage/keithley-2450", 5, 3, 0)

    def type_in(*arguments: str) -> str:
        assert main(arguments) == 0
        return capfd.readouterr().out

    assert "damage/keithley-2450" in type_in(*command, "--only", "3")
    listed = type_in("--list")
    assert all(campaign.name in listed for campaign in CAMPAIGNS)
    with pytest.raises(SystemExit, match="no campaign 'nothing'"):
        type_in("nothing")


def test_every_kind_of_damage_is_drawn() -> None:
    assert len(KINDS) == len(set(KINDS)) == 12
