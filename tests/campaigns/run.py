"""Run campaigns: python tests/campaigns/run.py [NAME...] [--long] [--count N] [--seed S] [--only NUMBER] [--json].

NAME is a campaign, or the part before "/" of the names of a family; none runs all. The table that is printed at the
end says how many trials there were, of which kinds, and how many failed; exit status 1 if any did. A failure is
repeated with `run.py NAME --seed S --only NUMBER`.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

sys.path.append(str(Path(__file__).parents[1]))

from campaigns.frame import CampaignReport
from campaigns.registry import CAMPAIGNS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from campaigns.frame import Campaign

SLICES = 20
"""Parts of a campaign after which its progress is told."""
ROUND = 1000
"""Trials of a slice are a multiple of this: campaigns share what is dear among neighbours."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what is asked for; return the exit status."""
    asked = _parser().parse_args(arguments)
    chosen = list(_chosen(asked.names))
    if asked.only is not None and len(chosen) != 1:
        sys.exit("--only needs the name of one campaign")
    if asked.list:
        _say(
            "\n".join(
                f"{campaign.name:<28}{campaign.short:>9}{campaign.long:>10}  {campaign.about}" for campaign in chosen
            )
        )
        return 0
    results: list[tuple[CampaignReport, float]] = []
    for campaign in chosen:
        numbers = range(asked.count or (campaign.long if asked.long else campaign.short))
        if asked.only is not None:
            numbers = range(asked.only, asked.only + 1)
        begun = perf_counter()
        results.append((run(campaign, numbers, asked.seed), perf_counter() - begun))
    _say(_as_json(results) if asked.json else _as_table(results))
    return 1 if any(report.failed for report, _ in results) else 0


def run(campaign: Campaign, numbers: range, seed: int) -> CampaignReport:
    """Run the trials of these numbers, telling now and then how far they are."""
    report = CampaignReport(campaign.name, seed)
    step = max(ROUND, -(-len(numbers) // SLICES // ROUND) * ROUND)
    for start in range(0, len(numbers), step):
        report = report.and_then(campaign.run(numbers[start : start + step], seed))
        if len(numbers) > step:
            done = f"{campaign.name}: {report.trials} of {len(numbers)}, {report.failed} failed"
            print(done, file=sys.stderr, flush=True)  # noqa: T201
    return report


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[2].strip())
    parser.add_argument("names", nargs="*", metavar="NAME", help="campaigns or families of them; none: all")
    parser.add_argument("--long", action="store_true", help="as many trials as the project promises")
    parser.add_argument("--count", type=int, help="trials of each campaign, instead")
    parser.add_argument("--seed", type=int, default=1, help="of every random number (default: 1)")
    parser.add_argument("--only", type=int, metavar="NUMBER", help="repeat this trial alone")
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    parser.add_argument("--list", action="store_true", help="list the campaigns with their short and long counts")
    return parser


def _chosen(names: Sequence[str]) -> Iterable[Campaign]:
    """Yield the campaigns of these names or families, all if there are none."""
    for name in names:
        if not any(name in (campaign.name, campaign.name.partition("/")[0]) for campaign in CAMPAIGNS):
            sys.exit(f"no campaign {name!r}; there are {', '.join(campaign.name for campaign in CAMPAIGNS)}")
    for campaign in CAMPAIGNS:
        if not names or campaign.name in names or campaign.name.partition("/")[0] in names:
            yield campaign


def _as_json(results: Sequence[tuple[CampaignReport, float]]) -> str:
    return json.dumps([dataclasses.asdict(report) | {"seconds": seconds} for report, seconds in results], indent=1)


def _as_table(results: Sequence[tuple[CampaignReport, float]]) -> str:
    lines = [f"{'campaign':<28}{'trials':>9}{'seed':>6}{'failures':>10}{'seconds':>9}"]
    for report, seconds in results:
        lines.append(f"{report.name:<28}{report.trials:>9}{report.seed:>6}{report.failed:>10}{seconds:>9.1f}")
        kinds = [f"{kind} {count}" for kind, count in sorted(report.kinds.items())]
        figures = [f"{name} {value:.6g}" for name, value in sorted(report.figures.items())]
        lines += [f"    {', '.join(part)}" for part in (kinds, figures) if part]
    for report, _ in results:
        for failure in report.failures:
            repeat = f"run.py {report.name} --seed {report.seed} --only {failure.number}"
            lines.append(f"\nFAILED {report.name} {failure.number} ({repeat})\n    {failure.what}")
        if report.failed > len(report.failures):
            lines.append(f"... and {report.failed - len(report.failures)} more of {report.name}")
    return "\n".join(lines)


def _say(text: str) -> None:
    print(text)  # noqa: T201


if __name__ == "__main__":
    sys.exit(main())
