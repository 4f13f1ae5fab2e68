"""What the commands do, once it is known what was typed; imported only when a command runs."""

from __future__ import annotations

import inspect
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, cast

from labctl import engine, plugins
from labctl.console import print_json, print_lines, table
from labctl.dry_run import dry_run
from labctl.dry_run_report import dry_run_json, dry_run_lines
from labctl.progress import ProgressWatcher
from labctl.protocol import Protocol, list_parameters
from labctl.run_reader import find_run
from labctl.stop_requests import ignore_signals
from labctl.summaries import criteria_lines, summary_lines
from labctl.units import format_quantity

if TYPE_CHECKING:
    from pathlib import Path

    from labctl.bench import Driver
    from labctl.engine import RunResult
    from labctl.plan import RunRequest
    from labctl.window_process import WindowAhead


def carry_out(request: RunRequest, window: WindowAhead | None, json: bool) -> int:
    """Run a protocol with progress on stderr and the summary on stdout; return the exit code."""
    with ProgressWatcher(window.open if window else None) as watcher:
        result = engine.run(request, watcher)
    return _show(result, json)


def estimate(request: RunRequest, json: bool) -> int:
    """Run on a twin of the bench and print what the run would take; return the exit code that it would have."""
    with ProgressWatcher(is_dry=True) as watcher:
        found = dry_run(request, watcher)
    ignore_signals()
    if json:
        print_json(dry_run_json(found))
    else:
        print_lines(dry_run_lines(found))
    return 0 if found.result.passed else 1


def go_on(data: Path, name: str, bench: Path | None, window: WindowAhead | None, json: bool) -> int:
    """Go on with a run that ended early, on `bench` if it has moved, as `carry_out` does; return the exit code."""
    folder = find_run(data, name)
    with ProgressWatcher(window.open if window else None) as watcher:
        result = engine.resume(folder, watcher, bench=bench)
    return _show(result, json)


def _show(result: RunResult, json: bool) -> int:
    """Print what a run came to; return the exit code."""
    ignore_signals()
    if json:
        print_json(result_json(result))
    else:
        print_lines(_result_lines(result))
    return 0 if result.passed else 1


def show_protocols(name: str | None, json: bool) -> None:
    """Print the protocols there are, or the parameters of one."""
    if name is None:
        titles = {known: _title(plugins.PROTOCOLS, known) for known in plugins.names(plugins.PROTOCOLS)}
        if json:
            print_json({"protocols": [{"name": known, "title": title} for known, title in titles.items()]})
        else:
            print_lines(table(list(titles.items())))
        return
    protocol = _protocol(name)
    parameters = list_parameters(protocol.parameters)
    if json:
        entries = [asdict(parameter) for parameter in parameters]
        print_json({"name": protocol.name, "title": protocol.title, "parameters": entries})
        return
    rows = [("parameter", "unit or form", "range", "default", "")]
    rows += [(entry.name, entry.form, entry.range, entry.default, entry.description) for entry in parameters]
    print_lines([f"{protocol.name}: {protocol.title}", "", *table(rows)])


def show_drivers(name: str | None, json: bool) -> None:
    """Print the drivers there are, or the bench file keys of one."""
    if name is None:
        titles = {known: _title(plugins.DRIVERS, known) for known in plugins.names(plugins.DRIVERS)}
        if json:
            print_json({"drivers": [{"name": known, "title": title} for known, title in titles.items()]})
        else:
            print_lines(table(list(titles.items())))
        return
    driver = _driver(name)
    keys = {
        key: "" if field.is_required() else str(field.default) for key, field in driver.Settings.model_fields.items()
    }
    if json:
        print_json({"name": name, "title": _first_line(driver), "keys": keys})
        return
    rows = [("key", "default"), *((key, default or "must be given") for key, default in keys.items())]
    print_lines([f"{name}: {_first_line(driver)}", "", *table(rows)])


def _title(group: str, name: str) -> str:
    """Return one line on what is offered; what others offer is not imported for being listed."""
    if not plugins.is_own(group, name):
        return f"offered by {plugins.origin(group, name)}"
    return _protocol(name).title if group == plugins.PROTOCOLS else _first_line(_driver(name))


def _protocol(name: str) -> Protocol[Any, Any]:
    return cast("Protocol[Any, Any]", plugins.load(plugins.PROTOCOLS, name))


def _driver(name: str) -> type[Driver]:
    return cast("type[Driver]", plugins.load(plugins.DRIVERS, name))


def _first_line(thing: object) -> str:
    return (inspect.getdoc(thing) or "").partition("\n")[0]


def result_json(result: RunResult) -> dict[str, Any]:
    """Return what `--json` prints of a run that came to its end."""
    return {
        "run": str(result.folder),
        "protocol": result.protocol,
        "backend": result.backend,
        "passed": result.passed,
        "summary": asdict(result.summary) if result.summary is not None else {},
        "bench_time": result.bench_time,
        "wall_time": result.wall_time,
    }


def _result_lines(result: RunResult) -> list[str]:
    times = f"bench time {format_quantity(result.bench_time, 's')}, wall time {format_quantity(result.wall_time, 's')}"
    return [
        f"{result.protocol} on the {result.backend} backend: {'passed' if result.passed else 'did not pass'}; {times}",
        *summary_lines(result.summary),
        *criteria_lines(result.summary, result.criteria),
    ]
